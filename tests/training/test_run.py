"""How often a run validates, and what it measures batch norm on."""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
from multiprocessing import get_all_start_methods
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from inpaint_hub import Generator
from inpaint_hub.data.dataset import Images, InMemory
from inpaint_hub.data.holes import Holes
from inpaint_hub.training import run as module
from inpaint_hub.training.history import TrainingState
from inpaint_hub.training.recipes import Recipe
from inpaint_hub.training.run import Run, own_batch, own_batches, recalibrated, restore

ROOT = Path(__file__).parents[2]


def small_run(images: int, total_images: int, validation_steps: int | None = None) -> Run:
    """A run of 4 images an update, without networks but the averaged generator."""
    splits = Images(InMemory(torch.zeros(images, 3, 16, 16, dtype=torch.uint8), 0), *2 * [torch.zeros(1)], {}, "digest")
    recipe = Recipe(resolution=16, hole_min=4, hole_max=8, train_batch_size=4)
    args = argparse.Namespace(validation_steps=validation_steps, seed=0)
    average, nothing = AveragedModel(Generator()), None
    holes = Holes((4, 8), {"rectangle": 1})
    return Run(args, recipe, nothing, splits, holes, None, nothing, average, total_images, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("images", "total", "steps", "count"),
    [
        (100, 1000, None, 10),  # every epoch
        (20, 4000, None, 20),  # 200 epochs
        (4, 4000, None, 20),
        (100, 40, None, 1),  # not one epoch: at the end
        (100, 1000, 50, 5),
        (100, 1000, 400, 1),
        (100, 1000, 0, 0),
    ],
)
def test_validates_at_every_epoch_or_interval_and_not_much_more_than_20_times(
    images: int, total: int, steps: int | None, count: int
) -> None:
    run = small_run(images, total, steps)
    assert sum(run.validates_at(seen) for seen in range(4, total + 1, 4)) == count
    assert run.validates_at(total) == bool(count)


@pytest.mark.parametrize(("images", "measured_on"), [(50, 50), (2, 4), (257, 257), (300, 300), (10_000, 8192)])
def test_recalibrated_measures_on_no_more_images_than_there_are(
    images: int, measured_on: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    def count(generator: Any, batches: Any) -> None:
        counted.extend(len(batch.images) for batch in batches)

    monkeypatch.setattr(module, "recalibrate_batchnorm", count)
    recalibrated(small_run(images, 1000), 4, frozen=False)
    assert sum(counted) == measured_on
    assert max(counted) - min(counted) <= 1  # each batch counts the same


def test_recalibrated_measures_at_every_side_that_takes_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    sides: list[int] = []
    monkeypatch.setattr(
        module, "recalibrate_batchnorm", lambda _, batches: sides.extend(batch.images.shape[3] for batch in batches)
    )
    run = small_run(300, 1000)
    features = {"discriminator": "features", "resolution": 32, "resolution_schedule": "16:400, 16+32:800"}
    run = dataclasses.replace(run, recipe=run.recipe.replace(**features))
    for images_seen in (0, 400, 800):
        recalibrated(run, images_seen, frozen=False)
    assert sides == [16, 16, *2 * [16, 32], 32, 32]


def test_frozen_statistics_are_those_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    monkeypatch.setattr(module, "recalibrate_batchnorm", lambda *_: measured.append(1))
    run = small_run(50, 1000)
    for frozen in (False, True):
        assert recalibrated(run, 4, frozen=frozen) is run.averaged
    assert len(measured) == 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_own_batches_are_those_of_their_places_in_order_on_every_device(device: str) -> None:
    random = torch.randint(0, 256, (10, 3, 16, 16), dtype=torch.uint8)
    run = small_run(10, 200)
    accelerator = SimpleNamespace(device=torch.device(device), num_processes=1, process_index=0)
    images = run.images._replace(train=InMemory(random, 0))
    run = dataclasses.replace(run, accelerator=accelerator, images=images)
    with own_batches(run, 40) as made:
        batches = list(made)
    assert len(batches) == 40
    for number, batch in enumerate(batches):
        alone = own_batch(run, 40 + 4 * number)
        assert all(torch.equal(one, other) for one, other in zip(batch, alone, strict=True))


def test_own_batch_takes_the_images_of_another_source_at_the_resolution_of_its_place() -> None:
    run = small_run(10, 200)
    recipe = run.recipe.replace(discriminator="features", resolution=32, resolution_schedule="16:100")
    accelerator = SimpleNamespace(device=torch.device("cpu"), num_processes=1, process_index=0)
    run = dataclasses.replace(run, accelerator=accelerator, recipe=recipe)
    ones = InMemory(torch.full((10, 3, 32, 32), 255, dtype=torch.uint8), 0)
    for images_seen, side in ((0, 16), (100, 32)):
        assert torch.equal(own_batch(run, images_seen, ones).images, torch.ones(4, 3, side, side))


WORKING_AHEAD = """
import dataclasses, os, signal, sys
from types import SimpleNamespace
import torch
from inpaint_hub.training import run as module
from test_run import small_run

module.workers = lambda processes: 2
gpu = SimpleNamespace(device=torch.device("cuda"), num_processes=1, process_index=0)
run = dataclasses.replace(small_run(10, 100_000), accelerator=gpu)
with module.own_batches(run, 0) as batches:
    next(batches)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)  # as a launcher asks all processes to stop
    for _ in range(100):
        next(batches)
    print("a hundred more")
    raise OSError("the disk is full")
"""
LOSING_A_PROCESS = WORKING_AHEAD.replace(
    "os.killpg(0, signal.SIGTERM)  # as a launcher asks all processes to stop",
    "os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)  # as a machine out of memory does",
).replace("import dataclasses,", "import dataclasses, multiprocessing,")


def end_of(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process group of its own; it must end within 100 seconds."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        start_new_session=True,
    )


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="batches are made ahead where processes can fork")
def test_a_run_whose_process_of_batches_was_killed_ends_with_an_error() -> None:
    process = end_of(LOSING_A_PROCESS)
    assert process.returncode == 1
    assert process.stdout == ""


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="batches are made ahead where processes can fork")
def test_batches_are_made_ahead_through_a_stop_of_all_processes_and_an_error_still_ends_the_run() -> None:
    process = end_of(WORKING_AHEAD)
    assert process.stdout == "a hundred more\n", process.stderr
    assert process.returncode == 1
    assert process.stderr.rstrip().endswith("OSError: the disk is full")


@pytest.mark.parametrize(("cores", "processes", "count"), [(1, 1, 1), (4, 1, 3), (64, 1, 12), (16, 8, 1)])
def test_workers_leave_a_core_to_each_training_process(
    cores: int, processes: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: range(cores), raising=False)
    assert module.workers(processes) == count


def test_the_loss_scale_of_fp16_goes_on_from_a_checkpoint_if_it_holds_one() -> None:
    saved: dict[str, Any] = TrainingState().state() | {"settings": {}, "threads": 1}
    before, after, unknown = (torch.amp.GradScaler("cpu", init_scale=scale) for scale in (128.0, 2.0, 4.0))
    accelerator = SimpleNamespace(scaler=before, unwrap_model=lambda network: network)
    generator = Generator()
    networks = SimpleNamespace(
        generator=generator, discriminator=generator, generator_optimizers=[], discriminator_optimizers=[]
    )
    run = dataclasses.replace(small_run(4, 8), accelerator=accelerator, networks=networks)  # type: ignore[arg-type]
    saved |= {name: part.state_dict() for name, part in run.parts().items()}
    restore(saved, run.parts() | {"scaler": after}, {})
    assert after.get_scale() == 128
    del saved["scaler"]  # of an earlier version
    restore(saved, run.parts() | {"scaler": unknown}, {})
    assert unknown.get_scale() == 4
