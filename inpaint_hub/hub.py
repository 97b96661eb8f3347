"""Model folders to the Hugging Face Hub; the only caller of its API."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi

PUBLISHED = ["config.json", "model.safetensors", "README.md", "samples.png", "discriminator/*"]


def prepare(repo_id: str, *, token: str | None = None, private: bool = False) -> None:
    """Make sure that `repo_id` exists and may be written to; made if it is new.

    Raises the client's errors, `HfHubHTTPError` among them, where it may not.
    """
    HfApi(token=token).create_repo(repo_id, private=private, exist_ok=True)


def publish(folder: str | Path, repo_id: str, *, token: str | None = None, private: bool = False) -> str:
    """The address of the commit that put a model folder on the Hub as `repo_id`, made if it is new."""
    api = HfApi(token=token)
    repo = api.create_repo(repo_id, private=private, exist_ok=True)
    return str(api.upload_folder(repo_id=repo.repo_id, folder_path=folder, allow_patterns=PUBLISHED))
