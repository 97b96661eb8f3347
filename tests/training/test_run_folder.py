"""A folder belongs to one run at a time, and what a run did not write stays as it is."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from paths import ROOT
from safetensors.torch import save_file

from inpaint_hub.training import checkpoint, run_folder
from inpaint_hub.training.recipes import Recipe
from inpaint_hub.training.run_folder import LOCK, WRITTEN, FolderTakenError, claimed, writing_to


def hold(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the folder until it is ended."""
    code = f"""
import pathlib, time
from inpaint_hub.training.run_folder import claimed
with claimed(pathlib.Path({str(folder)!r})):
    print("held", flush=True)
    time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_claimed_a_second_run_is_refused_until_the_first_has_ended(end: signal.Signals, tmp_path: Path) -> None:
    with hold(tmp_path / "run") as process:
        with (
            pytest.raises(ValueError, match=rf"another run \(process {process.pid} on .*\) is writing to"),
            claimed(tmp_path / "run"),
        ):
            pass
        process.send_signal(end)
        process.wait()
    with claimed(tmp_path / "run"):
        pass
    with claimed(tmp_path / "run"):  # and given back
        pass


@pytest.mark.parametrize("name", WRITTEN)
def test_claimed_a_folder_of_somebody_else_is_refused_and_untouched(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=rf"holds {name}, which this run would replace"), claimed(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_claimed_folders_of_runs_and_of_other_files_are_taken(tmp_path: Path) -> None:
    for name in ("run", "older", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(Recipe().to_dict()))
    (tmp_path / "run" / "README.md").write_text("a card")
    (tmp_path / "older" / "README.md").write_text("a card")
    checkpoint.save(tmp_path / "older", 3, {})
    (tmp_path / "notes" / "plan.md").write_text("mine")
    for name in ("run", "older", "notes", "new"):
        with claimed(tmp_path / name):
            assert (tmp_path / name / LOCK).is_file()
    assert not (tmp_path / "new").exists(), "nothing came of it"
    (tmp_path / "link").symlink_to(tmp_path / "made")
    (tmp_path / "made").mkdir()
    for name in ("made", "link"):
        with claimed(tmp_path / name):
            pass
    assert (tmp_path / "made").is_dir(), "the user made it"
    assert (tmp_path / "notes" / "plan.md").read_text() == "mine"


def test_claimed_without_locks_of_the_system_the_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "fcntl", None)  # as on Windows
    for _ in range(2):
        with claimed(tmp_path / "run"):
            (tmp_path / "run" / "recipe.json").write_text(json.dumps(Recipe().to_dict()))


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_claimed_a_folder_that_cannot_be_made_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    says = pytest.raises(FolderTakenError, match=r"--output_dir .* cannot be made .*; choose another one")
    with says, claimed(tmp_path / name):
        pass


@pytest.mark.parametrize(
    "write", [lambda path: path.write_bytes(bytes(9999)), lambda path: save_file({"weight": torch.zeros(9999)}, path)]
)
def test_writing_to_a_full_disk_ends_with_a_sentence(write: Callable[[Path], object], tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    says = pytest.raises(SystemExit, match=r"cannot write to runs/mine: .*; make room, and the same command goes on")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # as if the disk had no more room
    try:
        with says, writing_to(Path("runs/mine")):
            write(tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
