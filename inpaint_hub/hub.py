"""Models and Spaces on the Hugging Face Hub; the only caller of its API."""

from __future__ import annotations

import hashlib
import json
import math
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from httpx2 import HTTPError  # what huggingface_hub's errors are, and those of a connection; it brings httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id
from tqdm import tqdm

from .models.hub_model import CARD_KEPT, card_on_hub
from .models.model_card import address, is_edited
from .pretrained import locate

# Of the pictures those that the card shows. The samples are of the data set, which may be nobody else's business.
PUBLISHED = ["config.json", "model.safetensors", "README.md", "discriminator/*"]

WEIGHTS = ["config.json", "model.safetensors"]
PUSHED = ".pushed.json"  # beside a model that was published: the digests of its cards as they went out


def prepare(repo_id: str, *, token: str | None = None, private: bool = False) -> str:
    """Make sure that a model's repository exists, made if it is new, and that this token may write to it.

    Args:
        repo_id: "owner/model", or a model of the token's owner by its name alone.
        token: default: the one of `hf auth login`.
        private: make a new repository private.

    Returns:
        The id in full, as the Hub calls it.

    Raises:
        ValueError: no such name, no leave to write, or no connection; the message says what to do.
    """
    api = HfApi(token=token)
    try:
        repo = api.create_repo(repo_id, private=private, exist_ok=True)
        api.auth_check(repo.repo_id, write=True)  # create_repo is content with one that can be read
    except (HFValidationError, HTTPError, OSError) as error:
        raise ValueError(reason(error, repo_id)) from error
    return str(repo.repo_id)


def reason(error: Exception, repo_id: str) -> str:
    """What an error of the Hub's client says, in a sentence, and what to do."""
    if isinstance(error, HFValidationError):
        return (
            f"{repo_id!r} is no name for a model on the Hub; give owner/name (--hub_model_id), of letters, digits,"
            " '-', '_' and '.'"
        )
    if isinstance(error, RepositoryNotFoundError):
        return f"{repo_id} is not on the Hub, or private: then it takes its owner's --hub_token, or `hf auth login`"
    if isinstance(error, HfHubHTTPError):
        said = error.server_message or str(error).partition("\n")[0]
        if error.response.status_code == 401:
            return f"the Hub takes no token, or not this one ({said}); give one with --hub_token, or `hf auth login`"
        if error.response.status_code == 403:
            return f"this token may not write to {repo_id} ({said}); give another model id, or another token"
        return f"the Hub answers: {said}"
    return f"the Hub cannot be reached ({str(error).partition(chr(10))[0]}); try again with a connection"


def publish(
    folder: str | Path, repo_id: str, *, token: str | None = None, private: bool = False, replace_card: bool = False
) -> str:
    """Put a model folder on the Hub in one commit: the model, the card, the pictures that the card shows.

    The card names the model by its id there. One that was edited on the Hub stays as it is, with a warning.

    Args:
        folder: a folder that a run or `save_pretrained` wrote; its checkpoints and logs stay behind.
        repo_id: "owner/model", made if it is new, or a model of the token's owner by its name alone.
        token: default: the one of `hf auth login`.
        private: make a new repository private.
        replace_card: replace a card that was edited on the Hub, too.

    Returns:
        The address of the commit.

    Raises:
        ValueError: a folder without a model, before anything is sent; or the Hub refuses, or cannot be reached.
    """
    folder = Path(folder)
    missing = [name for name in WEIGHTS if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{folder} has no {' and no '.join(missing)}; give a folder that save_pretrained wrote")
    api = HfApi(token=token)
    try:
        full = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        files = _files_to_publish(folder, full)
        pushed = _pushed_cards(folder, full)
        for name in [name for name in files if name.endswith("README.md")]:
            there = None if replace_card else card_on_hub(api, full, name)
            if there is not None and is_edited(there) and pushed.get(name) != _digest(there):
                warnings.warn(CARD_KEPT.format(repo_id=full), stacklevel=2)
                del files[name]
        changes = [CommitOperationAdd(name, content) for name, content in files.items()]
        commit = api.create_commit(full, changes, commit_message="Publish the model of a training run")
    except (HFValidationError, HTTPError, OSError) as error:
        raise ValueError(reason(error, repo_id)) from error
    cards = {name: _digest(text.decode()) for name, text in files.items() if isinstance(text, bytes)}
    (folder / PUSHED).write_text(json.dumps({full: pushed | cards}))
    return str(commit.commit_url)


def _files_to_publish(folder: Path, repo_id: str) -> dict[str, bytes | Path]:
    """What goes to the Hub, by its place there: files as they are, and cards that name the model by its id."""
    names = [*WEIGHTS, *(path.relative_to(folder).as_posix() for path in folder.glob("discriminator/*"))]
    files: dict[str, bytes | Path] = {name: folder / name for name in names}
    for name in ("README.md", "discriminator/README.md"):
        if (folder / name).is_file():
            card = (folder / name).read_text(encoding="utf-8")
            files[name] = address(card, repo_id, name.rpartition("/")[0]).encode()
            shown = re.findall(r"!\[[^\]]*\]\(([\w./-]+)\)", card)
            files |= {picture: folder / picture for picture in shown if (folder / picture).is_file()}
    return files


def _pushed_cards(folder: Path, repo_id: str) -> dict[str, str]:
    """The digests of the cards that this folder has pushed there, by their place."""
    try:
        return dict(json.loads((folder / PUSHED).read_text()).get(repo_id, {}))
    except (OSError, ValueError):
        return {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def check_space_name(repo_id: str) -> None:
    """Raise `ValueError` for what can be no Space's name; the Hub is not asked."""
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ValueError(
            f"{repo_id!r} is no name for a Space on the Hub; give owner/name, of letters, digits, '-', '_' and '.'"
        ) from error


def publish_space(repo_id: str, files: Mapping[str, bytes | Path], *, token: str | None = None) -> tuple[str, bool]:
    """The address of the Space `repo_id`, made if it is new, with `files` in it, and whether anything had to be sent.

    A Space of the token's owner may be given by its name alone.

    All goes in one commit, since each one builds the Space anew; none where all is there. What an earlier version of
    this package left in its folders goes, all else stays. Raises `ValueError` with a sentence where this token may not
    write there, where another program is there, and for what is no name.
    """
    check_space_name(repo_id)
    api = HfApi(token=token)
    try:
        address = api.create_repo(repo_id, repo_type="space", space_sdk="gradio", exist_ok=True)
        repo_id = address.repo_id  # with its owner, who may be left out
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
    from .models.loading import load_network

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
        load_network(folder)
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


def folder_of(name: str, token: str | None = None) -> Path:
    """Find the model folder of a shipped name or a local folder; of "owner/model" on the Hub, fetch a copy.

    Raises:
        ValueError: a name that can be none of the three, or a model that cannot be had from the Hub.
    """
    place = locate(name)
    if Path(place).is_dir():
        return Path(place)
    try:
        return Path(snapshot_download(place, allow_patterns=PUBLISHED, token=token))
    except (HFValidationError, HTTPError, OSError) as error:
        raise ValueError(reason(error, place)) from error
