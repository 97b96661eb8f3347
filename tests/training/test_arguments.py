"""The command line: what it shows, and the recipe that it makes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from inpaint_hub.training.arguments import FLAGS, RECIPE_GROUPS, TRACKERS, parse_args
from inpaint_hub.training.recipes import PRESETS, Recipe


def test_parse_args_every_field_of_a_recipe_is_in_one_group() -> None:
    grouped = [name for names in RECIPE_GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(field.name for field in dataclasses.fields(Recipe))


@pytest.mark.parametrize("preset", ["cifar10", "paper", "photos"])
def test_parse_args_help_shows_the_presets_values_in_groups(preset: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_args(["--preset", preset, "--help"])
    shown = "".join(capsys.readouterr().out.split())
    for name, value in PRESETS[preset].to_dict().items():
        assert f"--{name}" in shown
        assert value in (None, "") or f"[{value}]".replace(" ", "") in shown, name
    assert all(f"{title.replace(' ', '')}:" in shown for title in (*FLAGS, *RECIPE_GROUPS))
    assert "[500]" in shown, "the default of a flag"


def test_help_loads_no_library_that_takes_time() -> None:
    code = (
        "import sys; sys.argv = ['train_accelerate.py', '--help']; import runpy, contextlib, io\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    runpy.run_path('train_accelerate.py', run_name='__main__')\n"
        "heavy = {'torch', 'accelerate', 'datasets', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_parse_args_a_recipe_of_a_run_is_the_start_and_flags_come_on_top(tmp_path: Path) -> None:
    recipe = PRESETS["paper"].replace(dataset_name="photos", learning_rate=0.25)
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.to_dict()))
    command = ["--output_dir", "x", "--recipe", str(tmp_path / "recipe.json")]
    assert parse_args(command)[1] == recipe
    assert parse_args([*command, "--no-flip"])[1] == recipe.replace(flip=False)
    with pytest.raises(SystemExit):
        parse_args([*command, "--preset", "paper"])


def test_parse_args_holes_of_other_kinds_need_no_masks_of_the_recipe(tmp_path: Path) -> None:
    recipe = PRESETS["paper"].replace(holes="folder", mask_dir="masks")
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.to_dict()))
    command = ["--output_dir", "x", "--recipe", str(tmp_path / "recipe.json")]
    assert parse_args([*command, "--holes", "rectangle"])[1].mask_dir is None
    assert parse_args([*command, "--holes", "rectangle, folder:2"])[1].mask_dir == "masks"
    with pytest.raises(SystemExit):  # two that do not fit each other
        parse_args([*command, "--holes", "rectangle", "--mask_dir", "others"])


@pytest.mark.parametrize("content", ["", "[]", "3", '{"colour": 1}', '{"learning_rate": -1.0}', '{"joint": "false"}'])
def test_parse_args_a_file_that_is_no_recipe_is_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.json").write_text(content)
    with pytest.raises(SystemExit):
        parse_args(["--output_dir", "x", "--recipe", str(tmp_path / "recipe.json")])
    said = capsys.readouterr().err
    assert "give a recipe.json of a run" in said or "it must be above 0" in said or "it must be true or false" in said


PLACES = (
    "output_dir", "train_data_dir", "dataset_name", "mask_dir", "init_from", "validation_pairs", "logging_dir",
    "resume_from_checkpoint",
)  # fmt: skip


def test_parse_args_puts_the_users_home_into_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    args, recipe = parse_args(["--holes=folder", *(f"--{name}=~/{name}" for name in PLACES)])
    assert {name: str(getattr(args, name)) for name in PLACES} == {name: f"/home/me/{name}" for name in PLACES}
    assert (recipe.dataset_name, recipe.mask_dir) == ("/home/me/train_data_dir", "/home/me/mask_dir")


def test_parse_args_reads_a_recipe_in_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "recipe.json").write_text(json.dumps(PRESETS["paper"].to_dict()))
    assert parse_args(["--output_dir=x", "--recipe=~/recipe.json"])[1] == PRESETS["paper"]


FREE = ("data_terms", "report_to", "resolution_schedule", "save_best")  # empty means none, or is refused later
SWITCHES = [name for flags in FLAGS.values() for name, options in flags if "action" in options]
SWITCHES += [name for name, value in PRESETS["paper"].to_dict().items() if isinstance(value, bool)]
VALUES = {name for flags in FLAGS.values() for name, _ in flags} | {*PRESETS["paper"].to_dict(), "recipe", "preset"}


@pytest.mark.parametrize("name", sorted(VALUES - {*SWITCHES, *FREE}))
def test_parse_args_refuses_an_empty_value(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_args(["--output_dir=x", f"--{name}="])
    assert ended.value.code == 2
    assert name in capsys.readouterr().err.partition("error: ")[2]


@pytest.mark.parametrize("value", ["-1", "9" * 20])
@pytest.mark.parametrize("name", ["seed", "num_threads"])
def test_parse_args_refuses_a_number_that_cannot_be(name: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_args(["--output_dir=x", f"--{name}={value}"])
    assert f"number from {'0 to 4294967295' if name == 'seed' else '1 to 4096'}" in capsys.readouterr().err


def test_parse_args_several_trackers_all_or_none() -> None:
    def trackers(words: str) -> list[str]:
        return parse_args(["--output_dir", "x", "--report_to", words])[0].report_to

    assert trackers("none") == parse_args(["--output_dir", "x"])[0].report_to == []
    assert trackers("tensorboard, tensorboard") == ["tensorboard", "tensorboard"]
    assert "tensorboard" in trackers("all")
    assert {*trackers("all")} <= {*TRACKERS}


def test_trackers_are_those_that_accelerate_knows() -> None:
    from accelerate.utils import LoggerType

    assert {*TRACKERS} == {kind.value for kind in LoggerType} - {"all"}
