"""What the README says is so."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from inpaint_hub import METHODS, Inpainter
from inpaint_hub.cli import main
from inpaint_hub.methods import DEFAULT
from train_accelerate import parse_args

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_first_python_lines_fill_a_hole() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    mask = Image.new("L", image.size)
    mask.paste(255, (10, 10, 20, 20))
    names: dict[str, object] = {"image": image, "mask": mask}
    exec(blocks("python")[0], names)
    assert np.array_equal(np.array(names["result"])[:10], np.array(image)[:10])
    assert not np.array_equal(np.array(names["result"]), np.array(image))


def test_the_error_that_it_shows_is_the_one_that_comes() -> None:
    message = re.search(r"ValueError: (.*)", blocks("pycon")[0])
    assert message is not None
    with pytest.raises(ValueError, match=re.escape(message[1])):
        Inpainter.from_pretrained("cifar10")(Image.new("RGB", (640, 480)), Image.new("L", (300, 200)))


def test_every_flag_that_it_names_is_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["train_accelerate.py", "--help"])
    with pytest.raises(SystemExit):
        parse_args()
    for command in ("fill", "compare", "export", "space"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    known = capsys.readouterr().out + "".join(
        (ROOT / name).read_text() for name in ("benchmarks/rectangles.py", "app.py")
    )
    known += "--nproc_per_node --nnodes --rdzv_backend --rdzv_endpoint"  # torchrun's
    known += "--flavor --timeout --secrets"  # of hf jobs run
    assert all(flag in known for flag in re.findall(r"--[a-z_]+", README))


def test_every_file_that_it_names_is_there() -> None:
    files = re.findall(r"^\| (.*?) \|", README.split("## Files")[1], flags=re.MULTILINE)
    named = {
        name for cell in files for name in re.findall(r"`([\w./]+)`|\]\((\w+\.md)\)", cell) for name in name if name
    }
    assert len(named) > 8
    assert all((ROOT / name).exists() for name in named)
    assert all((ROOT / name).exists() for name in re.findall(r"!\[.*?\]\((.*?)\)", README))


def test_every_make_target_that_it_names_is_one() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(re.findall(r"make ([\w-]+)`", README)) | set(re.findall(r"\$ make ([\w-]+)", README)) <= set(targets)


def test_every_method_that_it_names_is_one() -> None:
    named = re.findall(r'method="([\w-]+)"', README)
    assert named
    assert set(named) <= set(METHODS)


def test_the_command_line_answers_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("photos", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("cat.jpg", "desk-plant.jpg"):
        shutil.copy(ROOT / "examples" / name, tmp_path / "photos")
        with Image.open(ROOT / "examples" / name) as photo:
            mask = Image.new("L", photo.size)
        mask.paste(255, (100, 100, 160, 160))
        mask.save(tmp_path / "masks" / Path(name).with_suffix(".png"))
    shutil.copy(tmp_path / "photos/cat.jpg", tmp_path)
    shutil.copy(tmp_path / "masks/cat.png", tmp_path / "mask.png")
    (tmp_path / "photos/broken.jpg").write_bytes(b"no picture")
    shutil.copy(tmp_path / "mask.png", tmp_path / "masks/broken.png")
    session = next(block for block in blocks("console") if "$ inpaint-hub fill" in block)
    for step in re.split(r"^\$ inpaint-hub ", session, flags=re.MULTILINE)[1:]:
        command, _, shown = step.partition("\n")
        main(shlex.split(command))
        said = capsys.readouterr()
        assert said.err + said.out == shown.replace("by guided", f"by {DEFAULT}")
