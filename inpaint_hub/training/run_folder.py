"""The folder of a run: it belongs to one run at a time, and nothing in it that a run did not write is touched."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from . import checkpoint

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
WRITTEN = (  # what a run makes or replaces beside its checkpoints
    "README.md", "config.json", "model.safetensors", "figures.json", "metrics.jsonl", "recipe.json", "errors.png",
    "samples.png", "samples", "discriminator", "best",
)  # fmt: skip


class FolderTakenError(ValueError):
    """A folder that this run must not write to."""


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a folder for this run, which is made if it is new.

    The lock goes with the process, however that ends. It is the operating system's; Windows has none, nor has a network
    drive without locks.

    Raises:
        FolderTakenError: another run is writing there, or the folder holds files that a run would replace, and that no
            run of this script wrote.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderTakenError(
            f"--output_dir {folder} cannot be made ({error.strerror}); choose another one"
        ) from error
    theirs = [name for name in WRITTEN if (folder / name).exists()]
    if theirs and not _is_ours(folder):
        raise FolderTakenError(
            f"{folder} holds {', '.join(theirs)}, which this run would replace and which no run of this script wrote;"
            " choose another --output_dir"
        )
    with (folder / LOCK).open("a+") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                file.seek(0)
                owner = f" ({file.read().strip()})"
                raise FolderTakenError(
                    f"another run{owner} is writing to {folder}; wait until it has ended, or choose another"
                    " --output_dir"
                ) from error
        else:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
        try:
            yield
        finally:
            if [path.name for path in folder.iterdir()] == [LOCK]:  # the run did not come to anything
                with suppress(PermissionError):  # on Windows an open file stays
                    (folder / LOCK).unlink()
                    if made:
                        folder.rmdir()


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """End the program with a sentence where the folder of a run cannot be written to, since its disk is full, say."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        sys.exit(f"cannot write to {folder}: {error}; make room, and the same command goes on from the last checkpoint")


def _is_ours(folder: Path) -> bool:
    """Whether a run wrote to the folder: it has checkpoints, or a recipe with this project's fields."""
    try:
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        return "dataset_name" in recipe and "ema_half_life" in recipe
    except (OSError, ValueError, TypeError):
        return bool(checkpoint.every(folder))
