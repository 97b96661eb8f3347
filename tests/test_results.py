"""RESULTS.md and what writes it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

RESULTS = (ROOT / "RESULTS.md").read_text(encoding="utf-8")


def test_every_picture_that_it_shows_is_there() -> None:
    shown = re.findall(r"!\[.*?\]\((.*?)\)", RESULTS)
    assert shown
    assert all((ROOT / name).is_file() for name in shown)


def test_its_figures_are_those_that_were_kept() -> None:
    kept = json.loads((ROOT / "benchmarks/results/cifar10-rectangle.json").read_text())
    for method, row in kept["methods"].items():
        value, half = row["figures"]["psnr_hole"]
        assert re.search(rf"\| {method} \| (\*\*)?{value:.2f}(\*\*)? ± {half:.2f} ", RESULTS), method


OTHERS = ("telea", "navier-stokes", "biharmonic", "patchmatch")


@pytest.mark.parametrize(
    ("figure", "sign"), [("psnr_hole", 1), ("same_label", 1), ("frechet", -1), ("kernel_distance", -1)]
)
def test_the_gan_is_better_than_every_method_without_a_network(figure: str, sign: int) -> None:
    rows = json.loads((ROOT / "benchmarks/results/cifar10-rectangle.json").read_text())["methods"]
    others = [sign * rows[name]["figures"][figure][0] for name in OTHERS]
    assert sign * rows["cifar10"]["figures"][figure][0] > max(others)


@pytest.mark.slow
def test_a_quick_look_writes_it_anew(pictures: Path, tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/results.py", "--quick", "--cifar10", str(pictures)]
    command += ["--output", str(tmp_path / "RESULTS.md"), "--figures", str(tmp_path / "figures")]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| GAN, global and local discriminator |" in text
    assert "Left out, for want of data: scenes, faces, flowers" in text
    assert (tmp_path / "figures" / "examples.png").is_file()
