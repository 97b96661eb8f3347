"""What docs/folders.md shows runs as it stands."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from PIL import Image

PAGE = (ROOT / "docs/folders.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos and masks of the same names, and the command on the path."""
    for kind in ("photos", "masks"):
        (tmp_path / kind).mkdir()
    for number in range(3):
        Image.effect_noise((32, 24), 50).convert("RGB").save(tmp_path / f"photos/{number}.png")
        mask = Image.new("L", (32, 24))
        mask.paste(255, (8, 6, 16, 14 + number))
        mask.save(tmp_path / f"masks/{number}.png")
    command = tmp_path / "bin/inpaint-hub"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m inpaint_hub.cli "$@" --method telea\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="a shell")
@pytest.mark.parametrize("number", range(2))
def test_the_commands_fill_the_folder(folder: Path, number: int) -> None:
    environment = os.environ | {
        "PATH": f"{folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "SLURM_ARRAY_TASK_ID": "2",
    }  # fmt: skip
    script = blocks("sh")[number]
    subprocess.run(["sh", "-ec", script], cwd=folder, env=environment, check=True)
    assert len(list((folder / "filled").iterdir())) == (1 if "SLURM" in script else 3)


@pytest.mark.slow
def test_a_data_set_is_mapped(folder: Path) -> None:
    code = blocks("python")[0] + "print(sum(row['filled'] != row['image'] for row in filled), len(filled))"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["3", "3"]


def test_inpainter_takes_the_masks_that_the_page_names() -> None:
    from inpaint_hub import fill

    image, hole = np.full((6, 8, 3), 90, dtype=np.uint8), np.zeros((6, 8), dtype=bool)
    hole[2:4, 3:6] = True
    lengths = {"size": [6, 8], "counts": [20, 2, 4, 2, 4, 2, 14]}
    assert np.array_equal(fill(image, lengths, method="telea"), fill(image, hole[None], method="telea"))
