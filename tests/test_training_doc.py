"""What docs/training.md says is so."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from inpaint_hub.training.arguments import FLAGS, RECIPE_GROUPS, parse_args
from inpaint_hub.training.launch import STOPPED
from inpaint_hub.training.recipes import PRESETS, Recipe

DOC = (ROOT / "docs/training.md").read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", DOC, flags=re.DOTALL)
    for line in block.splitlines()
]
TRAINING = [command for command in COMMANDS if "train" in command and not command.startswith("pip")]
OURS = {f"--{name}" for flags in FLAGS.values() for name, _ in flags} | {"--preset", "--recipe", "--help"}
OURS |= {f"--{field.name}" for field in dataclasses.fields(Recipe)}


@pytest.mark.parametrize("command", TRAINING)
def test_every_command_is_understood(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command)
    script = next(number for number, word in enumerate(words) if word.endswith(("train_accelerate.py", "train.slurm")))
    assert (ROOT / words[script]).is_file()
    if "--recipe" in words:
        (tmp_path / "runs/photos").mkdir(parents=True)
        (tmp_path / "runs/photos/recipe.json").write_text("{}")
        monkeypatch.chdir(tmp_path)
    if "--help" in words:
        with pytest.raises(SystemExit):
            parse_args(words[script + 1 :])
    else:
        parse_args(words[script + 1 :])


@pytest.mark.slow
def test_the_first_command_trains(pictures: Path, tmp_path: Path) -> None:
    line = TRAINING[0].replace("path/to/images", str(pictures)).replace("runs/mine", str(tmp_path / "run"))
    words = shlex.split(line)
    command = [sys.executable, "-m", "accelerate.commands.accelerate_cli", *words[1:]]
    small = "--resolution 16 --hole_min 4 --hole_max 8 --train_batch_size 4 --max_train_steps 2 --cpu"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [*command, *small.split()], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    for name in ("model.safetensors", "config.json", "README.md"):
        assert (tmp_path / "run" / name).is_file()


def test_every_flag_that_it_names_is_one_and_every_one_is_named() -> None:
    named = {*re.findall(r"--[a-z_0-9]+", DOC)}
    launchers = {"--nproc_per_node", "--nnodes", "--rdzv_backend", "--rdzv_endpoint"}
    assert named - launchers <= OURS
    assert OURS - {"--preset", "--recipe", "--help"} <= named


@pytest.mark.parametrize("title", [*FLAGS, *RECIPE_GROUPS])
def test_every_group_has_a_row(title: str) -> None:
    assert f"\n| {title} |" in DOC


def test_every_preset_is_in_the_table() -> None:
    rows = "".join(re.findall(r"^\| `.*", DOC, flags=re.MULTILINE))
    assert all(f"`{name}`" in rows for name in PRESETS)


def test_the_status_of_a_stop_is_the_one_that_it_says() -> None:
    assert re.search(rf"^\| {STOPPED} \| stopped", DOC, flags=re.MULTILINE)
