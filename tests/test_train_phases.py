"""`benchmarks/train_phases.sh`: a released model from random weights on, by one command."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from inpaint_hub.training.arguments import parse_args
from inpaint_hub.training.recipes import Recipe

SCRIPT = ROOT / "benchmarks/train_phases.sh"
SMALL = (
    "--resolution 32 --resolution_schedule= --hole_min 8 --hole_max 16 --train_batch_size 4 --max_train_steps 2"
    " --validation_steps 0 --cpu --mixed_precision no --lr_warmup_images 0"
)


def accelerate(folder: Path, lines: str) -> str:
    """A PATH on which `accelerate` is a program of these lines."""
    folder.mkdir()
    (folder / "accelerate").write_text(f"#!/usr/bin/env bash\n{lines}\n")
    (folder / "accelerate").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def recipes(words: list[str]) -> tuple[Recipe, int | None]:
    """The recipe and the length of a training command."""
    script = next(number for number, word in enumerate(words) if word.endswith("train_accelerate.py"))
    args, recipe = parse_args(words[script + 1 :])
    return recipe, args.max_train_steps


@pytest.mark.parametrize(
    ("name", "folders", "cards"),
    [
        ("photos", ["path/to/photos"], ["photos"]),
        ("flowers", ["path/to/photos", "path/to/flowers"], ["photos", "flowers"]),
    ],
)
def test_the_phases_are_the_commands_of_the_cards(
    name: str, folders: list[str], cards: list[str], tmp_path: Path
) -> None:
    path = accelerate(tmp_path / "bin", 'printf "%q " "$@"; echo')
    printed = subprocess.check_output(
        [SCRIPT, name, *folders], cwd=tmp_path, env=os.environ | {"PATH": path}, text=True
    )
    ran = [recipes(shlex.split(line)) for line in printed.splitlines()]
    stated = []
    for card in cards:
        text = (ROOT / "inpaint_hub/pretrained" / card / "README.md").read_text(encoding="utf-8")
        commands = re.findall(r"^(?:accelerate launch|torchrun) .*train_accelerate\.py.*", text, flags=re.MULTILINE)
        stated += [recipes(shlex.split(line)) for line in commands]
    if name == "flowers":  # begins after the first phase of photos
        stated.pop(1)
        stated[1] = stated[1][0].replace(init_from="runs/photos"), stated[1][1]
    assert len(ran) == 2
    assert ran == stated


@pytest.mark.parametrize("words", [[], ["photos"], ["flowers", "photos"], ["fish", "photos"]])
def test_a_wrong_command_says_how_it_is_used(words: list[str], tmp_path: Path) -> None:
    run = subprocess.run(
        [SCRIPT, *words], cwd=tmp_path, env=os.environ | {"PATH": accelerate(tmp_path / "bin", "echo trains")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode != 0
    assert "usage: benchmarks/train_phases.sh photos PHOTOS | flowers PHOTOS FLOWERS" in run.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_phase_begins_with_the_one_before_and_a_finished_one_is_not_run_again(
    pictures: Path, tmp_path: Path
) -> None:
    path = accelerate(tmp_path / "bin", f'exec {sys.executable} -m accelerate.commands.accelerate_cli "$@"')
    more = {"PATH": path, "TRAIN_ARGS": SMALL, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

    def train(name: str, *folders: Path) -> str:
        done = subprocess.run(
            [SCRIPT, name, *folders], cwd=tmp_path, env=os.environ | more, capture_output=True, text=True, timeout=280
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    train("photos", pictures)
    assert json.loads((tmp_path / "runs/photos/recipe.json").read_text())["init_from"] is None
    assert json.loads((tmp_path / "runs/finetuned/recipe.json").read_text())["init_from"] == "runs/photos"
    assert (tmp_path / "runs/finetuned/model.safetensors").is_file()
    written = (tmp_path / "runs/photos/model.safetensors").stat().st_mtime_ns
    assert "runs/photos has its model: this phase is done" in train("flowers", pictures, pictures)
    assert (tmp_path / "runs/photos/model.safetensors").stat().st_mtime_ns == written
    assert (tmp_path / "runs/flowers/model.safetensors").is_file()
