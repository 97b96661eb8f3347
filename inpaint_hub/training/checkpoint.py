"""The exact state of a training run, on disk: all that resume needs, private to the run.

A checkpoint is one file, `checkpoint-<updates done>.pt`, written aside and moved into place, so a
kill at any moment leaves the last good one.
"""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch


def save(folder: Path, step: int, state: dict[str, Any], keep: int | None = None) -> Path:
    """The file that now holds `state`; of the earlier ones, all but the newest `keep` - 1 are deleted.

    So are later ones: the run went back past them, since they were damaged or on request, and will
    write them anew. What a kill left half-written goes first, to make room. An `OSError` where the
    file cannot be written, a full disk say, names the last checkpoint, which is still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("checkpoint-*.partial"):
        left.unlink()
    path = folder / f"checkpoint-{step}.pt"
    aside = path.with_suffix(".partial")
    try:
        with aside.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        _sync(folder)  # the new one is on the disk before an old one goes
    except (OSError, RuntimeError) as error:  # torch's writer turns one into the other
        aside.unlink(missing_ok=True)
        found = every(folder)
        last = f"the last checkpoint is {found[-1].name}" if found else "there is no earlier checkpoint"
        raise OSError(f"cannot save {path}: {str(error).splitlines()[0]}; {last}") from error
    if keep is not None:
        kept = [other for other in every(folder) if _step(other) <= step][-keep:]
        for other in every(folder):
            if other not in kept:
                other.unlink()
    return path


def _sync(folder: Path) -> None:
    """What the folder lists is on the disk now, where the system can be asked for that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _step(path: Path) -> int:
    return int(path.stem.split("-")[1])


def every(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first."""
    return sorted(folder.glob("checkpoint-*.pt"), key=_step)


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
