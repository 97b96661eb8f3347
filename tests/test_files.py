"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from inpaint_hub.files import replacing, write_atomically

unix = pytest.mark.skipif(sys.platform == "win32", reason="links, modes and pipes")


@pytest.mark.parametrize("name", ["photo.png", "写真" * 20 + ".png", "a" * 251 + ".png", "-"])
def test_write_atomically_takes_every_name_that_the_file_system_takes(tmp_path: Path, name: str) -> None:
    for data in (b"first", b"second"):
        write_atomically(data, tmp_path / "new" / name)
        assert (tmp_path / "new" / name).read_bytes() == data
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_replacing_leaves_nothing_behind_when_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"before")

    def interrupted() -> None:
        with replacing(tmp_path / "photo.png") as aside:
            aside.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]
    assert (tmp_path / "photo.png").read_bytes() == b"before"


class InterruptedAt:
    """Raises KeyboardInterrupt before the n-th instruction of Python that is run while it is entered."""

    def __init__(self, instruction: int) -> None:
        self.left = instruction

    def __enter__(self) -> None:
        self.before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        frame.f_trace_opcodes = True
        self.left -= event == "opcode"
        if self.left == 0:
            raise KeyboardInterrupt
        return self._trace


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an open file that nobody got
def test_write_atomically_leaves_nothing_behind_wherever_it_is_interrupted(tmp_path: Path) -> None:
    instruction, interrupted = 0, True
    while interrupted:
        (tmp_path / "photo.png").write_bytes(b"before")
        instruction += 1
        interrupted = False
        try:
            with InterruptedAt(instruction):
                write_atomically(b"after", tmp_path / "photo.png")
        except KeyboardInterrupt:
            interrupted = True
        assert [path.name for path in tmp_path.iterdir()] == ["photo.png"], f"instruction {instruction}"
        assert (tmp_path / "photo.png").read_bytes() in (b"before", b"after")
    assert instruction > 100


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk")
def test_write_atomically_leaves_nothing_behind_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        write(path, data[:2])
        return write(Path("/dev/full"), data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(b"photo", tmp_path / "photo.png")
    assert list(tmp_path.iterdir()) == []


@unix
def test_write_atomically_keeps_a_link_and_the_mode_of_what_it_replaces(tmp_path: Path) -> None:
    target = tmp_path / "store" / "original.png"
    target.parent.mkdir()
    target.write_bytes(b"before")
    target.chmod(0o600)
    (tmp_path / "link.png").symlink_to(target)
    write_atomically(b"after", tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert target.read_bytes() == b"after"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@unix
@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o644, 0o644), (0o666, 0o644), (0o755, 0o644)])
def test_write_atomically_gives_a_new_file_the_mode_and_the_time_of_another(
    tmp_path: Path, mode: int, expected: int
) -> None:
    before = os.umask(0o022)
    try:
        like = tmp_path / "photo.png"
        like.write_bytes(b"photo")
        like.chmod(mode)
        os.utime(like, (1_000_000_000, 1_100_000_000))
        write_atomically(b"filled", tmp_path / "filled.png", like=like)
        made = (tmp_path / "filled.png").stat()
        write_atomically(b"filled", tmp_path / "plain.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.st_mode) == expected
    assert made.st_mtime == 1_100_000_000
    assert stat.S_IMODE((tmp_path / "plain.png").stat().st_mode) == 0o644


@unix
def test_write_atomically_replaces_no_folder_and_no_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, says in (("pipe", "a device or a pipe"), ("folder", "a folder")):
        with pytest.raises(ValueError, match=f"{name} is {says}, not a file"):
            write_atomically(b"photo", tmp_path / name)
    with pytest.raises(ValueError, match="/dev/null is a device"):
        write_atomically(b"photo", "/dev/null")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]
