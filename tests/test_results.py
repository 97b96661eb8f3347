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


def test_the_gan_is_a_decibel_above_every_method_without_a_network() -> None:
    rows = json.loads((ROOT / "benchmarks/results/cifar10-rectangle.json").read_text())["methods"]
    others = [rows[name]["figures"]["psnr_hole"][0] for name in ("telea", "navier-stokes", "biharmonic", "patchmatch")]
    assert rows["cifar10"]["figures"]["psnr_hole"][0] >= max(others) + 1


@pytest.mark.slow
def test_a_quick_look_writes_it_anew(pictures: Path, tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/results.py", "--quick", "--cifar10", str(pictures)]
    command += ["--output", str(tmp_path / "RESULTS.md"), "--figures", str(tmp_path / "figures")]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| GAN, global and local discriminator |" in text
    assert "Left out, for want of data: scenes, faces, flowers" in text
    assert (tmp_path / "figures" / "examples.png").is_file()
