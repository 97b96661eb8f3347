"""The exact state of a training run, on disk: all that resume needs, private to the run.

A checkpoint is one file, `checkpoint-<updates done>.pt`, written aside and moved into place, so a
kill at any moment leaves the last good one. Only files with exactly such a name are read or deleted.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

NAME = re.compile(r"checkpoint-(0|[1-9][0-9]*)\.(pt|partial)")


def save(folder: Path, step: int, state: dict[str, Any], keep: int | None = None) -> Path:
    """The file that now holds `state`; of the earlier ones, all but the newest `keep` - 1 are deleted.

    So are later ones: the run went back past them, since they were damaged or on request, and will
    write them anew. What a kill left half-written goes first, to make room. An `OSError` where the
    file cannot be written, a full disk say, names the last checkpoint, which is still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in _named(folder, "partial"):
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
        raise OSError(f"cannot save {path}: {_first_line(error)}; {last}") from error
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


def _named(folder: Path, ending: str) -> list[Path]:
    """The files of a run with this ending, by their number; a copy that somebody named checkpoint-best.pt is none."""
    names = (
        path for path in folder.glob("checkpoint-*") if (found := NAME.fullmatch(path.name)) and found[2] == ending
    )
    return sorted((path for path in names if path.is_file()), key=_step)


def every(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first."""
    return _named(folder, "pt")


def load(folder: Path, which: str) -> dict[str, Any] | None:
    """Read the state of a checkpoint.

    Args:
        folder: the folder of the run.
        which: "latest", the path of a file, or the name of one in `folder`.

    Returns:
        The state; None for "latest" where there is none yet. A latest one that cannot be read is skipped with a
        warning for the one before it.

    Raises:
        ValueError: no such file, or none that can be read: a run never starts afresh over what it cannot load.
    """
    if which != "latest":
        path = Path(which).expanduser()
        return _read(path if path.is_file() or path.is_absolute() else folder / path, which)
    found = every(folder)
    for path in reversed(found):
        try:
            return _read(path, str(path))
        except ValueError as error:
            warnings.warn(f"{error}; trying the one before it", stacklevel=2)
    if found:
        raise ValueError(
            f"none of the {len(found)} checkpoints in {folder} can be read; move them away to start afresh"
        )
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _read(path: Path, which: str) -> dict[str, Any]:
    if not path.is_file():
        places = "" if str(path) == which else f", neither here nor in {path.parent}"
        raise ValueError(f"{which} is no checkpoint file{places}; give a checkpoint-*.pt, or latest")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what the damage happens to cause
        raise ValueError(f"{path} cannot be read: {_first_line(error)}") from error


def changed_settings(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between the settings that a run began with and those of the command that would go on, in words.

    The length of the run may differ. Images, masks and weights to start from are compared by what they are, not by
    their paths; a checkpoint of an earlier version holds no digest of its images or of these weights, and is compared
    by the path. Weights of the same name may have changed since: the run has its own by now.
    """
    changes = []
    for name, value in now.items():
        before = then.get(name)
        if name in ("num_train_epochs", "image_count", "start") or before == value:
            continue
        if name == "images" and before is not None:
            count, now_count = then.get("image_count"), now.get("image_count")
            counts = f" ({count} -> {now_count} to train on)" if count != now_count else ""
            changes.append(f"the images are others{counts}")
        elif name == "init_from":
            same = now.get("start") is not None and then.get("start") == now["start"]
            if not same and not _same_place(before, value):
                changes.append(f"{name} {before} -> {value}")
        elif name in ("dataset_name", "mask_dir"):
            digest = {"dataset_name": "images", "mask_dir": "masks"}[name]
            if then.get(digest) is None and not _same_place(before, value):
                changes.append(f"{name} {before} -> {value}")
        elif name != "images":
            changes.append(f"{name} {before} -> {value}")
    return changes


def _same_place(one: str | None, other: str | None) -> bool:
    """Whether two names are the same folder, however written."""
    return one is not None and other is not None and os.path.realpath(one) == os.path.realpath(other)
