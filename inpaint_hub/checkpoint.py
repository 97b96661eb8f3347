"""The exact state of a training run, on disk: all that resume needs, private to the run.

A checkpoint is one file, `checkpoint-<updates done>.pt`, written aside and moved into place, so a
kill at any moment leaves the last good one.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import torch


def save(folder: Path, step: int, state: dict[str, Any], keep: int | None = None) -> Path:
    """The file that now holds `state`; of the older ones, all but the newest `keep` are deleted."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"checkpoint-{step}.pt"
    aside = path.with_suffix(".partial")
    with aside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    if keep is not None:
        for old in every(folder)[:-keep]:
            old.unlink()
    return path


def every(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first."""
    return sorted(folder.glob("checkpoint-*.pt"), key=lambda path: int(path.stem.split("-")[1]))


def load(folder: Path, which: str) -> dict[str, Any] | None:
    """The state of a checkpoint: `which` is its path, or "latest" in `folder`, None if there is none yet.

    A latest one that cannot be read is skipped with a warning for the one before it. If none can be
    read it is a `ValueError`: a run never starts afresh over what it cannot load.
    """
    if which != "latest":
        return _read(Path(which))
    found = every(folder)
    for path in reversed(found):
        try:
            return _read(path)
        except ValueError as error:
            warnings.warn(f"{error}; trying the one before it", stacklevel=2)
    if found:
        raise ValueError(
            f"none of the {len(found)} checkpoints in {folder} can be read; move them away to start afresh"
        )
    return None


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path} is no checkpoint file; give a checkpoint-*.pt, or latest")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what the damage happens to cause
        raise ValueError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
