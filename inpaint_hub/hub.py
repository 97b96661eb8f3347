"""Models and Spaces on the Hugging Face Hub; the only caller of its API."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from httpx2 import HTTPError  # what huggingface_hub's errors are, and those of a connection; it brings httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from tqdm import tqdm

from .pretrained import locate

# Of the pictures those that the card shows. The samples are of the data set, which may be nobody else's business.
PUBLISHED = ["config.json", "model.safetensors", "README.md", "discriminator/*"]

WEIGHTS = ["config.json", "model.safetensors"]


def prepare(repo_id: str, *, token: str | None = None, private: bool = False) -> None:
    """Make sure that `repo_id` exists, made if it is new, and that this token may write to it.

    Raises the client's errors, `HfHubHTTPError` among them, where it may not.
    """
    api = HfApi(token=token)
    repo = api.create_repo(repo_id, private=private, exist_ok=True)
    api.auth_check(repo.repo_id, write=True)  # create_repo is content with one that can be read


def publish(folder: str | Path, repo_id: str, *, token: str | None = None, private: bool = False) -> str:
    """The address of the commit that put a model folder on the Hub as `repo_id`, made if it is new.

    It has the model, the card, and the pictures that the card shows; no checkpoints, no logs.

    Raises `ValueError` for a folder without a model, before anything is sent.
    """
    folder = Path(folder)
    missing = [name for name in ("config.json", "model.safetensors") if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{folder} has no {' and no '.join(missing)}; give a folder that save_pretrained wrote")
    card = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").is_file() else ""
    pictures = re.findall(r"!\[[^\]]*\]\(([\w./-]+)\)", card)
    api = HfApi(token=token)
    repo = api.create_repo(repo_id, private=private, exist_ok=True)
    return str(api.upload_folder(repo_id=repo.repo_id, folder_path=folder, allow_patterns=[*PUBLISHED, *pictures]))


def publish_space(repo_id: str, files: Mapping[str, bytes | Path], *, token: str | None = None) -> tuple[str, bool]:
    """The address of the Space `repo_id`, made if it is new, with `files` in it, and whether anything had to be sent.

    All goes in one commit, since each one builds the Space anew; none where all is there. What an earlier version of
    this package left in its folders goes, all else stays. Raises `ValueError` with a sentence where this token may not
    write there, and where another program is there.
    """
    api = HfApi(token=token)
    try:
        address = api.create_repo(repo_id, repo_type="space", space_sdk="gradio", exist_ok=True)
        api.auth_check(repo_id, repo_type="space", write=True)
        about = api.space_info(repo_id)
        present = [file.rfilename for file in about.siblings or []]
        if "app.py" in present and "inpaint_hub/__init__.py" not in present:
            raise ValueError(
                f"the Space {repo_id} runs another program, which would be overwritten; name another Space"
            )
        gone = [name for name in present if name.startswith(("inpaint_hub/", "examples/")) and name not in files]
        changes = [CommitOperationAdd(name, data) for name, data in files.items()]
        removals = [CommitOperationDelete(name) for name in gone]
        message = "The page of Inpaint Hub"
        commit = api.create_commit(repo_id, [*changes, *removals], commit_message=message, repo_type="space")
    except HfHubHTTPError as error:
        raise ValueError(
            f"the Hub does not let this token write to the Space {repo_id} ({error.server_message or error});"
            " `hf auth login` takes a token that may write"
        ) from error
    except HTTPError as error:
        raise ValueError(f"{api.endpoint} cannot be reached ({error}); try again with a connection") from error
    return str(address), commit.oid != about.sha


def visitors_model(
    repo_id: str, max_bytes: float = math.inf, tell: Callable[[int, int], object] = lambda had, size: None
) -> Path:
    """The folder of a model of this library that a stranger has named as "owner/model" on the Hub, in the cache.

    Only its config and its safetensors are fetched, with nobody's token, and loaded once, strictly: nothing that could
    run code. `tell` is called as they come, maybe from another thread, with the bytes that are here and the bytes of
    all. Raises `ValueError` with a sentence where that is no such model, or it has more than `max_bytes`.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", repo_id):
        raise ValueError(f"{repo_id[:200]!r} is no model's name on the Hub; it is written owner/model")
    from .models.loading import load

    try:
        about = HfApi(token=False).model_info(repo_id, files_metadata=True)
        found = {file.rfilename: file.size or 0 for file in about.siblings or []}
        missing = [name for name in WEIGHTS if name not in found]
        if missing:
            raise ValueError(f"{repo_id} has no {' and no '.join(missing)}, so it is no model of this library")
        size = sum(found[name] for name in WEIGHTS)
        if size > max_bytes:
            raise ValueError(f"{repo_id} has {size / 1e6:.0f} MB, and {max_bytes / 1e6:.0f} are the most here")
        here = 0
        for name in WEIGHTS:
            bar = _telling(tell, here, size)
            path = hf_hub_download(repo_id, name, revision=about.sha, token=False, tqdm_class=bar)
            here += found[name]
    except (OSError, HTTPError) as error:
        raise ValueError(f"{repo_id} cannot be had from the Hub: no such public model, or no connection") from error
    folder = Path(path).parent
    try:
        load(folder)
    except Exception as error:  # whatever a stranger's config may lead to
        raise ValueError(f"{repo_id} is no model of this library: its weights or its config do not fit") from error
    return folder


def _telling(tell: Callable[[int, int], object], before: int, size: int) -> type[tqdm]:
    """The class of progress bars that are not drawn, but tell how many bytes of `size` are here, `before` included."""

    class Telling(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            tell(before + int(self.n), size)

    return Telling


def folder_of(name: str) -> Path:
    """The model folder of a shipped name or a local folder; of "owner/model" on the Hub, a copy in the cache.

    Raises `ValueError` for a name that can be none of the three, and the client's `OSError`s.
    """
    place = locate(name)
    return Path(place if Path(place).is_dir() else snapshot_download(place, allow_patterns=PUBLISHED))
