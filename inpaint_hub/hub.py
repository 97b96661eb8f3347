"""Model folders to the Hugging Face Hub; the only caller of its API."""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download

from .pretrained import locate

# Of the pictures those that the card shows. The samples are of the data set, which may be nobody else's business.
PUBLISHED = ["config.json", "model.safetensors", "README.md", "discriminator/*"]


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


def folder_of(name: str) -> Path:
    """The model folder of a shipped name or a local folder; of "owner/model" on the Hub, a copy in the cache.

    Raises `ValueError` for a name that can be none of the three, and the client's `OSError`s.
    """
    place = locate(name)
    return Path(place if Path(place).is_dir() else snapshot_download(place, allow_patterns=PUBLISHED))
