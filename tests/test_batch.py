"""A folder of photos: what there is to do, and doing it on every core."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paths import ROOT
from PIL import Image

from inpaint_hub.batch import Job, Options, plan_folder, run, shard_of
from inpaint_hub.imaging import photo

pytestmark = pytest.mark.usefixtures("as_in_a_terminal")


def photo_at(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)
    return path


def mask_at(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.new("L", (32, 24))
    mask.paste(255, (8, 6, 16, 14))
    mask.save(path)
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "inpaint_hub.cli", "fill", *arguments]


def group_ends(group: int) -> bool:
    """Whether the processes of a group are gone within a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def test_plan_folder_skips_what_is_no_picture_and_counts_it(tmp_path: Path) -> None:
    photo_at(tmp_path / "in/a.png")
    photo_at(tmp_path / "in/sub/b.png")
    for name in ("Thumbs.db", "a.json", "a.xmp", "clip.mov", ".DS_Store"):
        (tmp_path / "in" / name).write_bytes(b"")
    (tmp_path / "in/phone.HEIC").write_bytes(b"")
    plan = plan_folder(tmp_path / "in", mask_at(tmp_path / "mask.png"), tmp_path / "out")
    assert [job.photo.name for job in plan.jobs] == ["a.png", "phone.HEIC"]
    assert (plan.skipped, plan.folders) == (4, 1)


def test_plan_folder_goes_into_subfolders_but_not_into_its_own_masks_and_results(tmp_path: Path) -> None:
    for name in ("b.png", "x/a.jpg", "x/y/a.png", "out/b.png", ".cache/c.png"):
        photo_at(tmp_path / name)
    for name in ("b.gif", "x/a.png", "x/y/a.png"):
        mask_at(tmp_path / "masks" / name)
    plan = plan_folder(tmp_path, tmp_path / "masks", tmp_path / "out", recursive=True)
    assert [(str(job.output.relative_to(tmp_path)), str(job.mask.relative_to(tmp_path))) for job in plan.jobs] == [
        ("out/b.png", "masks/b.gif"), ("out/x/a.jpg", "masks/x/a.png"), ("out/x/y/a.png", "masks/x/y/a.png"),
    ]  # fmt: skip
    assert not any(job.problem for job in plan.jobs)


def test_plan_folder_follows_links_to_folders_but_in_no_circle(tmp_path: Path) -> None:
    for name in ("in/a.png", "in/x/b.png", "elsewhere/c.png", "elsewhere/y/d.png"):
        photo_at(tmp_path / name)
    for name in ("masks/a.png", "masks/x/b.png", "shared/c.png", "shared/y/d.png"):
        mask_at(tmp_path / name)
    links = {
        "in/linked": "elsewhere", "masks/linked": "shared",  # a folder of photos and that of its masks
        "in/also": "elsewhere", "masks/also": "shared",  # the same under another name
        "in/here": "in", "in/x/up": "in", "elsewhere/y/back": "in", "elsewhere/y/own": "elsewhere",
        "masks/round": "masks", "shared/back": "masks",
        "in/results": "out", "in/nowhere": "nowhere",
    }  # fmt: skip
    (tmp_path / "out").mkdir()
    for link, target in links.items():
        (tmp_path / link).symlink_to(tmp_path / target)
    plan = plan_folder(tmp_path / "in", tmp_path / "masks", tmp_path / "out", recursive=True)
    assert [(str(job.output.relative_to(tmp_path)), str(job.mask.relative_to(tmp_path))) for job in plan.jobs] == [
        (f"out/{name}", f"masks/{name}")
        for name in ("a.png", "also/c.png", "also/y/d.png", "linked/c.png", "linked/y/d.png", "x/b.png")
    ]
    assert not any(job.problem for job in plan.jobs)
    assert plan.skipped == 1, "the link to nothing"


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder of this name can be read, even by root, whom file modes do not stop."""
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.mark.usefixtures("locked")
def test_plan_folder_tells_which_subfolders_cannot_be_read(tmp_path: Path) -> None:
    for name in ("in/a.png", "in/locked/b.png"):
        photo_at(tmp_path / name)
    for name in ("masks/a.png", "masks/locked/b.png"):
        mask_at(tmp_path / name)
    plan = plan_folder(tmp_path / "in", tmp_path / "masks", tmp_path / "out", recursive=True)
    assert [job.photo.name for job in plan.jobs] == ["a.png"]
    assert plan.unread == [
        f"{tmp_path}/{name}/locked: left out, as it cannot be read (Permission denied)" for name in ("in", "masks")
    ]


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize(("photos", "masks"), [("locked", "masks"), ("in", "locked")])
def test_plan_folder_does_not_take_a_folder_that_cannot_be_read_for_an_empty_one(
    tmp_path: Path, photos: str, masks: str
) -> None:
    for name in ("in/a.png", "masks/a.png", "locked/a.png"):
        photo_at(tmp_path / name)
    with pytest.raises(PermissionError, match="locked"):
        plan_folder(tmp_path / photos, tmp_path / masks, tmp_path / "out")


def test_plan_folder_lists_a_link_to_itself_as_a_photo_that_will_fail(tmp_path: Path) -> None:
    photo_at(tmp_path / "in/a.png")
    (tmp_path / "in/self.png").symlink_to("self.png")
    plan = plan_folder(tmp_path / "in", mask_at(tmp_path / "mask.png"), tmp_path / "out")
    failed = [outcome for outcome in run(plan.jobs, Options("telea"), 1) if outcome.state == "failed"]
    assert [(outcome.job.photo.name, "symbolic links" in outcome.error) for outcome in failed] == [("self.png", True)]


@pytest.mark.parametrize("name", ["Café", "写真", "ÅÄÖ", "가나다"])
@pytest.mark.parametrize(("photo_form", "mask_form"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_plan_folder_matches_names_however_their_accents_are_written(
    tmp_path: Path, name: str, photo_form: str, mask_form: str
) -> None:
    photo = photo_at(tmp_path / "in" / f"{unicodedata.normalize(photo_form, name)}.png")  # type: ignore[arg-type]
    mask_at(tmp_path / "masks" / f"{unicodedata.normalize(mask_form, name)}.png")  # type: ignore[arg-type]
    (job,) = plan_folder(tmp_path / "in", tmp_path / "masks", tmp_path / "out").jobs
    assert not job.problem
    assert job.output.name == photo.name


def test_plan_folder_says_once_that_the_masks_are_not_there(tmp_path: Path) -> None:
    photo_at(tmp_path / "in/a.png")
    with pytest.raises(ValueError, match=r"msaks is not there; give a mask for all photos, or a folder of masks"):
        plan_folder(tmp_path / "in", tmp_path / "msaks", tmp_path / "out")


def test_plan_folder_says_how_many_masks_a_photo_has_that_has_not_one(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png"):
        photo_at(tmp_path / "in" / name)
    for name in ("a.png", "a.gif"):
        mask_at(tmp_path / "masks" / name)
    problems = [job.problem for job in plan_folder(tmp_path / "in", tmp_path / "masks", tmp_path / "out").jobs]
    assert problems == [
        f"2 masks of its name in {tmp_path}/masks; exactly one is needed",
        f"no mask of its name in {tmp_path}/masks; exactly one is needed",
    ]


def test_plan_folder_takes_other_files_of_the_name_for_no_masks(tmp_path: Path) -> None:
    photo_at(tmp_path / "in/a.jpg")
    mask_at(tmp_path / "masks/a.png")
    for name in ("a.json", "a.txt", "a.h5"):
        (tmp_path / "masks" / name).write_text("{}")
    (job,) = plan_folder(tmp_path / "in", tmp_path / "masks", tmp_path / "out").jobs
    assert (job.mask.name, job.problem) == ("a.png", "")


def test_plan_folder_looks_into_files_without_an_ending(tmp_path: Path) -> None:
    photo_at(tmp_path / "in/a.png").rename(tmp_path / "in/a")
    for name in ("README", "LICENSE", "clip.mpg", "table.h5"):
        (tmp_path / "in" / name).write_bytes(b"\0\0\1\xb3 text")
    plan = plan_folder(tmp_path / "in", mask_at(tmp_path / "mask.png"), tmp_path / "out")
    assert ([job.photo.name for job in plan.jobs], plan.skipped) == (["a"], 4)


def test_run_goes_on_after_a_photo_that_no_test_thought_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [
        Job(photo_at(tmp_path / f"{name}.png"), mask_at(tmp_path / "mask.png"), tmp_path / f"out/{name}.png")
        for name in "ab"
    ]
    decode = photo.decode

    def unlucky(data: bytes, name: str, max_pixels: int | None = None) -> photo.Photo:
        if name == "a.png":
            raise TypeError("not this one")
        return decode(data, name, max_pixels)

    monkeypatch.setattr(photo, "decode", unlucky)
    first, second = run(jobs, Options("telea"), 1)
    assert (first.state, first.error) == ("failed", "unexpected TypeError (not this one); please report it")
    assert second.state == "filled"


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shard_of_gives_every_job_to_one_shard(tmp_path: Path, count: int) -> None:
    for number in range(5):
        photo_at(tmp_path / f"in/{number}.png")
    jobs = plan_folder(tmp_path / "in", mask_at(tmp_path / "mask.png"), tmp_path / "out").jobs
    shards = [shard_of(jobs, number + 1, count) for number in range(count)]
    assert sorted(job for shard in shards for job in shard) == jobs
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos, among them a broken one, one without a mask, and one whose name is 240 bytes long."""
    for number, name in enumerate([*"abcdefgh", "写真" * 39]):
        photo_at(tmp_path / f"photos/{name}.png", number)
        mask_at(tmp_path / f"masks/{name}.png")
    photo_at(tmp_path / "photos/c2.png")
    (tmp_path / "photos/d.png").write_bytes(b"not a picture")
    return tmp_path


@pytest.mark.parametrize(
    "method", ["telea", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cifar10", "guided"))]
)
def test_run_gives_the_same_with_several_processes_as_with_one_in_the_same_order(folder: Path, method: str) -> None:
    if method == "guided":
        pytest.importorskip("patchmatch", reason="it needs Python 3.11")
    told = []
    for jobs in ("1", "2"):
        arguments = command("photos", "masks", "--output", f"out{jobs}", "--jobs", jobs, "--method", method)
        done = subprocess.run(arguments, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
        told.append((done.returncode, done.stdout, done.stderr))
    assert told[0] == told[1]
    assert told[0][2].splitlines() == [
        "photos/c2.png: no mask of its name in masks; exactly one is needed",
        "photos/d.png: d.png is no picture of a format that can be read here",
    ]
    assert told[0][1] == "8 filled, 0 already there, 2 failed\n"
    first, second = (
        {path.name: path.read_bytes() for path in (folder / f"out{jobs}").iterdir()} for jobs in ("1", "2")
    )
    assert first == second
    assert len(first) == 8


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_run_says_once_that_the_methods_library_is_missing(tmp_path: Path, jobs: str) -> None:
    for name in ("a.png", "b.png", "c.png"):
        photo_at(tmp_path / "photos" / name)
    mask_at(tmp_path / "mask.png")
    (tmp_path / "library").mkdir()
    (tmp_path / "library/cv2.py").write_text("raise ModuleNotFoundError('No module named cv2', name='cv2')")
    arguments = command("photos", "mask.png", "--output", "out", "--method", "telea", "--jobs", jobs)
    environment = ENVIRONMENT | {"PYTHONPATH": f"{tmp_path / 'library'}{os.pathsep}{ROOT}"}
    done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().splitlines() == [
        "inpaint-hub: telea needs cv2, which is not installed: pip install '.[compare]' brings it; the method photos"
        " needs no extra"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_run_that_is_interrupted_leaves_no_process_and_no_half_file(tmp_path: Path, jobs: str) -> None:
    for number in range(80):
        photo_at(tmp_path / f"photos/{number:02d}.png", number)
    mask_at(tmp_path / "mask.png")
    arguments = command("photos", "mask.png", "--output", "out", "--jobs", jobs, "--method", "biharmonic")
    process = subprocess.Popen(
        arguments, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    while not (tmp_path / "out").is_dir() or len(list((tmp_path / "out").glob("*.png"))) < 3:
        assert process.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.decode().strip() == "stopped; nothing is half written, and the same command goes on from here"
    assert group_ends(process.pid)
    assert not list((tmp_path / "out").glob(".*"))
    for path in (tmp_path / "out").glob("*.png"):
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_run_ends_its_processes_when_it_is_killed(tmp_path: Path) -> None:
    for number in range(60):
        photo_at(tmp_path / f"photos/{number:02d}.png", number)
    mask_at(tmp_path / "mask.png")
    arguments = command("photos", "mask.png", "--output", "out", "--jobs", "2", "--method", "biharmonic")
    process = subprocess.Popen(arguments, cwd=tmp_path, env=ENVIRONMENT, start_new_session=True)
    while not (tmp_path / "out").is_dir() or len(list((tmp_path / "out").glob("*.png"))) < 3:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert group_ends(process.pid)


def test_two_runs_at_once_fill_every_photo(tmp_path: Path) -> None:
    for number in range(20):
        photo_at(tmp_path / f"photos/{number:02d}.png", number)
    mask_at(tmp_path / "mask.png")
    arguments = command("photos", "mask.png", "--output", "out", "--jobs", "2", "--method", "telea")
    runs = [subprocess.Popen(arguments, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate() and process.returncode for process in runs] == [0, 0]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{number:02d}.png" for number in range(20)]


def test_shards_fill_what_one_run_fills(tmp_path: Path) -> None:
    for number in range(5):
        photo_at(tmp_path / f"photos/{number}.png", number)
    mask_at(tmp_path / "mask.png")
    for shard in ("1/2", "2/2"):
        arguments = command("photos", "mask.png", "--output", "out", "--method", "telea", "--shard", shard)
        done = subprocess.run(arguments, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        assert done.stdout == f"{3 if shard == '1/2' else 2} filled, 0 already there, 0 failed\n"
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_run_tells_that_a_process_was_killed(tmp_path: Path) -> None:
    for number in range(40):
        photo_at(tmp_path / f"photos/{number}.png", number)
    mask_at(tmp_path / "mask.png")
    arguments = command("photos", "mask.png", "--output", "out", "--jobs", "2", "--method", "biharmonic")
    process = subprocess.Popen(
        arguments, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "out").is_dir() or len(list((tmp_path / "out").glob("*.png"))) < 3:
        assert process.poll() is None, "it ended before a process of it could be"
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "a process was killed, probably because memory ran out" in said


def test_run_without_photos_left_starts_no_process(tmp_path: Path) -> None:
    photo_at(tmp_path / "in/a.png")
    photo_at(tmp_path / "out/a.png")
    plan = plan_folder(tmp_path / "in", mask_at(tmp_path / "mask.png"), tmp_path / "out")
    assert [outcome.state for outcome in run(plan.jobs, Options("telea"), 8)] == ["already there"]
