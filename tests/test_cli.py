"""The command line, as processes and with real files."""

from __future__ import annotations

import argparse
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from PIL import Image, ImageDraw

from inpaint_hub import METHODS, batch, cli
from inpaint_hub.methods import DEFAULT

HOLE = (8, 6, 16, 14)
TELEA = ("--method", "telea")  # where the method does not matter, one that needs no PyTorch


def run(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inpaint_hub.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})


def photo_at(path: Path, seed: int = 0) -> np.ndarray:
    """Random pixels, written as the path's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def mask_at(path: Path, box: tuple[int, int, int, int] = HOLE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.new("L", (32, 24))
    mask.paste(255, box)
    mask.save(path)
    return path


def test_help_comes_without_loading_anything_heavy() -> None:
    code = (
        "import sys; from inpaint_hub.cli import main\n"
        "try: main(['fill', '--help'])\n"
        "except SystemExit: print(sorted({'torch', 'numpy', 'PIL', 'cv2', 'tqdm'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_help_names_every_method() -> None:
    words = " ".join(run("fill", "--help").stdout.split()).replace("- ", "-")  # argparse breaks lines at hyphens
    assert f"--method METHOD {', '.join(METHODS)}" in words


def test_a_photo_and_its_mask_become_a_filled_photo(tmp_path: Path) -> None:
    pixels, mask = photo_at(tmp_path / "photo.png"), mask_at(tmp_path / "mask.png")
    done = run("fill", tmp_path / "photo.png", mask, "--output", tmp_path / "new/filled.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path}/new/filled.png: 64 px filled by {DEFAULT}\n"
    with Image.open(tmp_path / "new/filled.png") as image:
        result = np.array(image)
    result[6:14, 8:16], pixels[6:14, 8:16] = 0, 0
    assert np.array_equal(result, pixels)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["filled.png"]


def test_a_jpeg_says_that_it_is_compressed_again_and_offers_png(tmp_path: Path) -> None:
    photo_at(tmp_path / "photo.jpg")
    mask = mask_at(tmp_path / "mask.png")
    done = run("fill", tmp_path / "photo.jpg", mask, "--output", tmp_path / "filled.jpg", *TELEA)
    assert "note: JPEG compresses with loss" in done.stdout
    assert "a PNG keeps them bit for bit" in done.stdout
    assert "note" not in run("fill", tmp_path / "photo.jpg", mask, "--output", tmp_path / "filled.png", *TELEA).stdout


def test_nothing_is_overwritten_without_being_told(tmp_path: Path) -> None:
    photo_at(tmp_path / "photo.png")
    mask, before = mask_at(tmp_path / "mask.png"), (tmp_path / "photo.png").read_bytes()
    command = ("fill", tmp_path / "photo.png", mask, "--output", tmp_path / "photo.png")
    refused = run(*command)
    assert refused.returncode == 1
    assert "photo.png is already there; --overwrite writes it again" in refused.stderr
    assert (tmp_path / "photo.png").read_bytes() == before
    assert run(*command, "--overwrite").returncode == 0
    assert (tmp_path / "photo.png").read_bytes() != before


def test_a_folder_of_photos_finds_its_masks_by_name_and_reports_what_it_cannot_read(tmp_path: Path) -> None:
    for seed, name in enumerate(("a.png", "b.jpg", "c.png", "lonely.png")):
        photo_at(tmp_path / "photos" / name, seed)
    (tmp_path / "photos/broken.png").write_bytes(b"not a picture")
    (tmp_path / "photos/.hidden").write_bytes(b"")
    for name in ("a.png", "b.png", "broken.png"):
        mask_at(tmp_path / "masks" / name)
    mask_at(tmp_path / "masks/c.gif")
    done = run("fill", "photos", "masks", "--output", "filled", *TELEA, cwd=tmp_path)
    assert done.returncode == 1
    assert sorted(path.name for path in (tmp_path / "filled").iterdir()) == ["a.png", "b.jpg", "c.png"]
    assert done.stderr.splitlines() == [
        "photos/broken.png: broken.png is no picture of a format that can be read here",
        "photos/lonely.png: no mask of its name in masks; exactly one is needed",
    ]
    assert done.stdout.splitlines()[-1] == "3 filled, 0 already there, 2 failed"
    assert "(1 of them)" in done.stdout, "one JPEG was compressed again"


def test_one_mask_serves_a_whole_folder_and_png_keeps_a_jpegs_pixels(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        photo_at(tmp_path / "photos" / name)
    done = run("fill", "photos", mask_at(tmp_path / "mask.png"), "--output", "filled", "--png", *TELEA, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "2 filled, 0 already there, 0 failed\n")
    with Image.open(tmp_path / "photos/b.jpg") as before, Image.open(tmp_path / "filled/b.png") as after:
        assert np.array_equal(np.array(after)[14:], np.array(before)[14:])


@pytest.mark.parametrize("whole_folder", [False, True])
def test_png_is_written_though_a_jpeg_is_named_so(whole_folder: bool, tmp_path: Path) -> None:
    photo_at(tmp_path / "photos/a.jpg")
    photo, output = (tmp_path / "photos/a.jpg").rename(tmp_path / "photos/a.png"), tmp_path / "filled/a.png"
    places = (photo.parent, output.parent) if whole_folder else (photo, output)
    done = run("fill", places[0], mask_at(tmp_path / "mask.png"), "--output", places[1], "--png", *TELEA)
    assert done.returncode == 0, done.stderr
    with Image.open(output) as after, Image.open(photo) as before:
        assert (after.format, before.format) == ("PNG", "JPEG")
        assert np.array_equal(np.array(after)[14:], np.array(before)[14:])


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_run_that_is_killed_goes_on_where_it_stopped(tmp_path: Path, jobs: str) -> None:
    for number in range(60):
        photo_at(tmp_path / f"photos/{number:02d}.png", number)
    mask, filled = mask_at(tmp_path / "mask.png"), tmp_path / "filled"
    command = [
        "fill",
        str(tmp_path / "photos"),
        str(mask),
        "--output",
        str(filled),
        "--method",
        "biharmonic",
        "--jobs",
        jobs,
    ]
    process = subprocess.Popen([sys.executable, "-m", "inpaint_hub.cli", *command], cwd=ROOT, stdout=subprocess.PIPE)
    while not (filled.is_dir() and len(list(filled.glob("*.png"))) >= 2):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while filled.stat().st_mtime > time.time() - 0.5:  # another process may be about to end with its parent
        time.sleep(0.1)
    there = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in filled.glob("*.png")}
    assert 2 <= len(there) < 60
    for data, _ in there.values():
        assert data.endswith(b"IEND\xaeB`\x82"), "half a file"
    done = run(*command)
    assert done.stdout == f"{60 - len(there)} filled, {len(there)} already there, 0 failed\n"
    assert all((filled / name).stat().st_mtime_ns == when for name, (_, when) in there.items())
    assert sorted(path.name for path in filled.glob("*.png")) == [f"{number:02d}.png" for number in range(60)]


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (Image.new("L", (32, 24)), "marks nothing to fill"),
        (Image.new("L", (32, 24), 255), "--no-invert-mask fills it all"),
        (Image.new("L", (7, 9), 255), "the mask mask.png is 7×9 but photo.png is 32×24; resize"),
    ],
    ids=["empty", "full", "of another size"],
)
def test_a_doubtful_mask_is_asked_about_and_nothing_is_written(tmp_path: Path, mask: Image.Image, says: str) -> None:
    photo_at(tmp_path / "photo.png")
    mask.save(tmp_path / "mask.png")
    done = run("fill", tmp_path / "photo.png", tmp_path / "mask.png", "--output", tmp_path / "filled.png")
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "filled.png").exists()


def test_an_inverted_mask_is_asked_about_and_filled_as_the_flag_says(tmp_path: Path) -> None:
    photo_at(tmp_path / "photo.png")
    mask = Image.new("L", (32, 24), 255)
    mask.paste(0, HOLE)
    mask.save(tmp_path / "mask.png")
    command = ("fill", tmp_path / "photo.png", tmp_path / "mask.png", "--output", tmp_path / "filled.png", *TELEA)
    asked = run(*command)
    assert asked.returncode == 1
    assert "probably inverted" in asked.stderr
    assert ": 64 px filled" in run(*command, "--invert-mask").stdout
    assert ": 704 px filled" in run(*command, "--no-invert-mask", "--overwrite").stdout


def test_photos_are_filled_by_what_people_prefer_if_its_library_is_there() -> None:
    pytest.importorskip("patchmatch", reason="it needs Python 3.11")
    without = "import sys; sys.modules['patchmatch'] = None; from inpaint_hub import methods; print(methods.DEFAULT)"
    run = subprocess.run([sys.executable, "-c", without], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (DEFAULT, run.stdout.strip()) == ("guided", "telea")


def test_dilate_and_brush_strokes_are_told(tmp_path: Path) -> None:
    photo_at(tmp_path / "photo.png")
    brush = Image.new("RGBA", (32, 24), (0, 0, 0, 0))
    ImageDraw.Draw(brush).rectangle((8, 6, 15, 13), fill="darkred")
    brush.save(tmp_path / "brush.png")
    done = run(
        *("fill", tmp_path / "photo.png", tmp_path / "brush.png", "--output", tmp_path / "filled.png", *TELEA),
        *("--dilate", "2", "--feather", "3"),
    )
    assert ": 144 px filled by telea" in done.stdout
    assert "note: whatever is not transparent in the mask was taken as the hole" in done.stdout


def test_a_checkpoint_is_a_model_of_ones_own(tmp_path: Path) -> None:
    photo_at(tmp_path / "photo.png")
    model = ROOT / "inpaint_hub/pretrained/cifar10"
    done = run(
        *("fill", tmp_path / "photo.png", mask_at(tmp_path / "mask.png"), "--output", tmp_path / "filled.png"),
        *("--checkpoint", model),
    )
    assert done.stdout.endswith(f"64 px filled by {model}\n"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["photo.png", "mask.png", "--output", "x.png", "--method", "sorcery"], 1, "'sorcery' is no method (telea"),
        (
            ["photo.png", "mask.png", "--output", "x.png", "--dilate", "-1"],
            2,
            "--dilate: it is '-1'; give a whole number from 0 to 1000000",
        ),
        (["photo.png", "mask.png"], 2, "required: --output"),
        (["nothing.png", "mask.png", "--output", "x.png"], 1, "No such file or directory: 'nothing.png'"),
        (["photo.png", "mask.png", "--output", "x.xyz"], 1, "x.xyz ends in no picture format that can be written"),
        (["empty", "mask.png", "--output", "out"], 1, "empty holds no photos; give a folder that does"),
        (["photos", "mask.png", "--output", "photos"], 1, "photos holds the photos themselves; give another folder"),
        (
            ["photos", "empty", "--output", "empty"],
            1,
            "empty holds the masks, among which results would be taken for masks",
        ),
        (
            ["photos", "mask.png", "--output", "photo.png"],
            1,
            "photo.png is a file; for a folder of photos give a folder",
        ),
        (["photos", "mask.png", "--output", "out", "--png"], 1, "several photos would be written as a.png"),
        (
            ["photos", "mask.png", "--output", "out", "--jobs", "0"],
            2,
            "--jobs: it is '0'; give a whole number from 1 to",
        ),
        (
            ["photos", "mask.png", "--output", "out", "--shard", "3/2"],
            2,
            "--shard: it is '3/2'; give I/N with I from 1 to N",
        ),
        (["photos", "mask.png", "--output", "out", "--method", "sorcery"], 1, "'sorcery' is no method (telea"),
        (["-", "-", "--output", "x.png"], 1, "image and mask are both -"),
        (["-", "mask.png", "--output", "out/"], 1, "standard input has no name to write in out/; give a file's name"),
        (
            ["photo.png", "photos", "--output", "x.png"],
            1,
            "photos is a folder, for a folder of photos; for photo.png give",
        ),
        (
            ["-", "photos", "--output", "x.png"],
            1,
            "photos is a folder, for a folder of photos; for - give its mask's file",
        ),
        (["photos", "mask.png", "--output", "-"], 1, "a folder cannot go through standard input or output"),
        (["photos", "-", "--output", "out"], 1, "a folder cannot go through standard input or output"),
        (["photo.png", "photo.png", "--output", "-"], 1, "the mask"),
        (["photo.png", "mask.png", "--output", "/dev/null", "--overwrite"], 1, "/dev/null is a device or a pipe"),
    ],
)
def test_a_wrong_command_line_is_told_in_a_sentence(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    photo_at(tmp_path / "photo.png")
    mask_at(tmp_path / "mask.png")
    (tmp_path / "empty").mkdir()
    for name in ("a.png", "a.jpg"):
        photo_at(tmp_path / "photos" / name)
    done = run("fill", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


# Every place that a command takes, written as no shell expands it, or as a quoted one.
PLACES = {
    "fill": ["~/a", "~/b", "--output=~/c", "--checkpoint=~/d"],
    "compare": ["~/a", "--output=~/b", "--mask_dir=~/c", "--methods", "~/d", "telea"],
    "export": ["~/a", "--output=~/b"],
}
METHOD = ["a", "b", "--output=c", "--method=~/d"]  # fill's other way to name a model
COMMANDS = [*PLACES.items(), ("fill", METHOD)]


@pytest.mark.parametrize(("command", "words"), COMMANDS)
def test_main_puts_the_users_home_into_every_place(
    command: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[argparse.Namespace] = []
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(cli, command, lambda args: found.append(args) or 0)
    assert cli.main([command, *words]) == 0
    shown = str(vars(found[0]))
    assert "~" not in shown
    assert shown.count("/home/me/") == "".join(words).count("~")


@pytest.mark.parametrize(
    ("command", "words", "number"),
    [(command, words, number) for command, words in COMMANDS for number, word in enumerate(words) if "~" in word],
)
def test_main_refuses_an_empty_place(
    command: str, words: list[str], number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*words]
    words[number] = words[number].partition("~")[0]  # as "--output=$FOLDER" is where there is no such variable
    with pytest.raises(SystemExit) as ended:
        cli.main([command, *words])
    assert ended.value.code == 2
    assert "it is empty, as a variable of the shell that is not set; give a value" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["-1", "9" * 20, "1e3", ""])
@pytest.mark.parametrize(
    "words",
    [
        ["fill", "a", "b", "--output", "c", "--dilate"],
        ["fill", "a", "b", "--output", "c", "--feather"],
        ["fill", "a", "b", "--output", "c", "--seed"],
        ["fill", "a", "b", "--output", "c", "--jobs"],
        ["fill", "a", "b", "--output", "c", "--shard"],
        ["compare", "--output", "c", "--seed"],
        ["compare", "--output", "c", "--count"],
    ],
)
def test_main_refuses_a_number_that_cannot_be(
    words: list[str], number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*words[:-1], f"{words[-1]}={number}"])
    assert ended.value.code == 2
    assert f"argument {words[-1]}: it is {number!r}; give " in capsys.readouterr().err


def test_fill_fails_where_a_subfolder_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo_at(tmp_path / "in/a.png")
    plan = batch.plan_folder(tmp_path / "in", mask_at(tmp_path / "mask.png"), tmp_path / "out")
    monkeypatch.setattr(batch, "plan_folder", lambda *_, **__: plan._replace(unread=["in/b: left out"]))
    words = ["fill", str(tmp_path / "in"), str(tmp_path / "mask.png"), "--output", str(tmp_path / "out"), *TELEA]
    assert cli.main(words) == 1
    assert capsys.readouterr().err.splitlines() == ["in/b: left out"]


def test_compare_says_before_it_measures_that_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["compare", str(tmp_path / "no-data"), "--output", str(tmp_path / "file/out")]) == 1
    assert capsys.readouterr().err == f"inpaint-hub: [Errno 20] Not a directory: '{tmp_path}/file/out'\n"


def test_main_promises_to_go_on_for_a_folders_fill_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "compare", interrupt)
    assert cli.main(["compare", str(tmp_path), "--output", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err.strip() == "stopped; nothing is half written"


def test_a_name_that_the_terminal_cannot_show_is_no_failure(tmp_path: Path) -> None:
    photo_at(tmp_path / "photo.png")
    command = [sys.executable, "-m", "inpaint_hub.cli", "fill", "photo.png", mask_at(tmp_path / "mask.png"), *TELEA]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*command, "--output", "fünf.png"], cwd=tmp_path, capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"f\\xfcnf.png: 64 px filled by telea\n"


def test_a_slash_at_the_end_makes_a_folder(tmp_path: Path) -> None:
    photo_at(tmp_path / "photo.png")
    done = run("fill", "photo.png", mask_at(tmp_path / "mask.png"), "--output", "new/", *TELEA, cwd=tmp_path)
    assert done.stdout == "new/photo.png: 64 px filled by telea\n"
    assert (tmp_path / "new/photo.png").is_file()


def test_a_mask_comes_from_a_pipe_for_a_photo_that_goes_into_a_folder(tmp_path: Path) -> None:
    photo_at(tmp_path / "photo.png")
    os.utime(tmp_path / "photo.png", (1e9, 1e9))
    mask_at(tmp_path / "mask.png")
    done = in_shell("photo.png - --output new/ < mask.png", tmp_path)
    assert (done.stdout, done.stderr) == (b"new/photo.png: 64 px filled by telea\n", b"")
    assert (tmp_path / "new/photo.png").stat().st_mtime == 1e9, "it has the time of its photo"


@pytest.mark.parametrize(
    ("photo", "output", "written"),
    [("photo.jpg", "new/", "new/photo.png"), ("photo.jpg", "x.png", "x.png"), ("- < photo.jpg", "x.png", "x.png")],
)
def test_png_is_written_for_one_photo_too(tmp_path: Path, photo: str, output: str, written: str) -> None:
    photo_at(tmp_path / "photo.jpg")
    mask_at(tmp_path / "mask.png")
    done = in_shell(f"--png --output {output} {photo.split()[0]} mask.png {photo.partition(' ')[2]}", tmp_path)
    assert done.stdout.decode() == f"{written}: 64 px filled by telea\n"
    with Image.open(tmp_path / written) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize("mask_too", [False, True])
def test_a_photo_comes_from_a_pipe_and_goes_into_one(tmp_path: Path, mask_too: bool) -> None:
    pixels, mask = photo_at(tmp_path / "photo.png"), mask_at(tmp_path / "mask.png")
    names = [str(tmp_path / "photo.png"), "-"] if mask_too else ["-", str(mask)]
    done = subprocess.run(
        [sys.executable, "-m", "inpaint_hub.cli", "fill", *names, "--output", "-", "--method", "telea"],
        cwd=ROOT, input=(mask if mask_too else tmp_path / "photo.png").read_bytes(), capture_output=True, check=True,
    )  # fmt: skip
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert image.format == "PNG"
        result = np.array(image)
    assert done.stderr.decode() == "-: 64 px filled by telea\n"
    result[6:14, 8:16], pixels[6:14, 8:16] = 0, 0
    assert np.array_equal(result, pixels)


def in_shell(command: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run `fill` by a shell, which closes and redirects streams; output is buffered, as it is in a shell."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment["PYTHONPATH"] = str(ROOT)
    line = f"set -o pipefail; {sys.executable} -m inpaint_hub.cli fill --method telea {command}"
    return subprocess.run(["bash", "-c", line], cwd=cwd, capture_output=True, env=environment)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("what", ["photo.png mask.png", "photos mask.png --jobs 1", "photos mask.png --jobs 2"])
def test_main_fills_where_standard_streams_are_closed(tmp_path: Path, what: str, closed: str) -> None:
    for name in ("photo.png", "photos/a.png", "photos/b.png"):
        photo_at(tmp_path / name)
    mask_at(tmp_path / "mask.png")
    done = in_shell(f"{what} --output out/ {closed}", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) in (["photo.png"], ["a.png", "b.png"])


def test_main_writes_no_words_into_a_picture_where_standard_error_is_closed(tmp_path: Path) -> None:
    photo_at(tmp_path / "photo.png")
    mask_at(tmp_path / "mask.png")
    done = in_shell("photo.png mask.png --output - 2>&-", tmp_path)
    assert done.returncode == 0
    assert done.stdout.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("- mask.png --output out.png <&-", "standard input is empty"),
        ("- mask.png --output out.png </dev/null", "standard input is empty"),
        ("photo.png mask.png --output - >&-", "standard output is closed"),
        ("photo.png mask.png --output - >/dev/full", "No space left on device"),
        ("photo.png mask.png --output out.png >/dev/full", "standard output cannot be written (No space left"),
        ("photo.png mask.png --output - | true", "Broken pipe"),
        ("photo.png mask.png --output out.png | true", "standard output cannot be written (Broken pipe)"),
        ("photos mask.png --output out | true", "standard output cannot be written (Broken pipe)"),
    ],
)
def test_main_says_in_a_sentence_that_a_standard_stream_does_not_serve(tmp_path: Path, command: str, says: str) -> None:
    for name in ("photo.png", "photos/a.png"):
        photo_at(tmp_path / name)
    mask_at(tmp_path / "mask.png")
    done = in_shell(command, tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("inpaint-hub: ")
    assert says in line


@pytest.mark.skipif(sys.platform == "win32", reason="it needs a shell")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_main_writes_a_comparison_whose_lines_nobody_reads(tmp_path: Path, unbuffered: str) -> None:
    for number in range(80):
        photo_at(tmp_path / f"photos/{number}.png", number)
    line = (
        f"set -o pipefail; {sys.executable} -m inpaint_hub.cli compare photos --output out --count 2 --resolution 24"
        " --sides 6 10 --methods telea navier-stokes | true"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, env=environment, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "inpaint-hub: standard output cannot be written (Broken pipe)"
    report = (tmp_path / "out/README.md").read_text()
    assert "| telea |" in report
    assert "| navier-stokes |" in report


def test_main_says_in_a_sentence_that_no_line_of_an_export_can_be_printed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from inpaint_hub import cli, export\n"
        "export.export = lambda name, output: Path(output).write_bytes(b'') or 16\n"
        "sys.exit(cli.main(['export', 'faces', '--output', 'faces.pt2']))"
    )
    line = f'set -o pipefail; {sys.executable} -c "{code}" | true'
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, env=environment, text=True)
    assert (done.returncode, done.stderr) == (1, "inpaint-hub: standard output cannot be written (Broken pipe)\n")
