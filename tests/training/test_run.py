"""How often a run validates, and what it measures batch norm on."""

from __future__ import annotations

import argparse
import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from inpaint_hub import Generator
from inpaint_hub.data.dataset import Images, InMemory
from inpaint_hub.data.holes import Holes
from inpaint_hub.training import run as module
from inpaint_hub.training.recipes import Recipe
from inpaint_hub.training.run import Run, own_batch, own_batches, recalibrated


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


@pytest.mark.parametrize(("images", "measured_on"), [(50, 50), (2, 4), (10_000, 8192)])
def test_recalibrated_measures_on_no_more_images_than_there_are(
    images: int, measured_on: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    def count(generator: Any, batches: Any) -> None:
        counted.extend(len(batch.images) for batch in batches)

    monkeypatch.setattr(module, "recalibrate_batchnorm", count)
    recalibrated(small_run(images, 1000), 16)
    assert sum(counted) == measured_on


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_own_batches_are_those_of_their_places_in_order_on_every_device(device: str) -> None:
    random = torch.randint(0, 256, (10, 3, 16, 16), dtype=torch.uint8)
    run = small_run(10, 200)
    accelerator = SimpleNamespace(device=torch.device(device), num_processes=1, process_index=0)
    images = run.images._replace(train=InMemory(random, 0))
    run = dataclasses.replace(run, accelerator=accelerator, images=images)
    batches = list(own_batches(run, 40))
    assert len(batches) == 40
    for number, batch in enumerate(batches):
        alone = own_batch(run, 40 + 4 * number)
        assert all(torch.equal(one, other) for one, other in zip(batch, alone, strict=True))
