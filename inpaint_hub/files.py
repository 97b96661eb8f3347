"""Write files that are there whole or not at all. The one atomic write of the project."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: str | Path, like: str | Path | None = None) -> Iterator[Path]:
    """Give a temporary file to write, and put it in the place of `path` when the block ends without an error.

    It lies beside its target under a short, unique name, in a folder that is made if it is new, and is removed if
    anything fails. A symbolic link stays one: its target is written. A file that is replaced keeps its mode.

    Args:
        path: Where to write.
        like: A file whose modification time the new one gets, and whose mode if it replaces none.

    Raises:
        ValueError: `path` is there and is no regular file.
        OSError: It cannot be written, for want of space or of the right to.
    """
    target = Path(os.path.realpath(path))
    times = Path(like).stat() if like is not None else None
    try:
        there = target.stat()
    except FileNotFoundError:
        there = None
    if there is not None and not stat.S_ISREG(there.st_mode):
        kind = "a folder" if stat.S_ISDIR(there.st_mode) else "a device or a pipe"
        raise ValueError(f"{path} is {kind}, not a file; give the name of a file to write")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.parent / f".inpaint-{os.urandom(8).hex()}.part"  # named before it is there: Ctrl-C may come between
    try:
        aside.touch(0o600, exist_ok=False)
        yield aside
        aside.chmod(stat.S_IMODE(there.st_mode) if there is not None else _new_mode(times))
        if times is not None:
            os.utime(aside, ns=(times.st_atime_ns, times.st_mtime_ns))
        aside.replace(target)
    except BaseException:  # Ctrl-C, too
        with suppress(OSError):
            aside.unlink()
        raise


def write_atomically(data: bytes, path: str | Path, like: str | Path | None = None) -> None:
    """Write bytes to a file that is whole or not there at all; for the arguments and errors see `replacing`."""
    with replacing(path, like) as aside:
        aside.write_bytes(data)


def _new_mode(like: os.stat_result | None) -> int:
    """The mode of a new file: that of `like`, or read and write for all, less what the process's mask takes away."""
    mask = os.umask(0)
    os.umask(mask)
    return (stat.S_IMODE(like.st_mode) & 0o666 if like is not None else 0o666) & ~mask
