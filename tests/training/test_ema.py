"""Averaged weights: mixed in their shares, with batch norm statistics that fit them."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from inpaint_hub import Generator
from inpaint_hub.data.dataset import InMemory, training_batch
from inpaint_hub.data.holes import Holes
from inpaint_hub.training.ema import (
    HALF_LIFE_RAMP,
    freeze_batchnorm,
    interpolate,
    moving_average,
    recalibrate_batchnorm,
    to_half,
)


def test_interpolation_takes_its_share_of_the_weights_after_and_the_rest_of_those_before() -> None:
    before, after = Generator(), Generator()
    mixed = copy.deepcopy(after)
    interpolate(mixed, dict(before.named_parameters()), 0.25)
    for one, other, result in zip(before.parameters(), after.parameters(), mixed.parameters(), strict=True):
        torch.testing.assert_close(result, 0.75 * one + 0.25 * other)


def test_old_weights_count_half_after_the_half_life_and_sooner_early_in_a_run() -> None:
    average = AveragedModel(nn.Linear(1, 1), multi_avg_fn=moving_average(batch_size=8, half_life=80))
    network, traces = nn.Linear(1, 1), []
    for weight in network.parameters():
        nn.init.ones_(weight)
    average.update_parameters(network)  # the first one is taken as it is
    for weight in network.parameters():
        nn.init.zeros_(weight)
    for _ in range(400):
        average.update_parameters(network)
        traces.append(average.module.weight.item())  # what is left of the ones
    assert traces[399] / traces[389] == pytest.approx(0.5)  # ten updates of eight images
    assert traces[20] < 0.5 ** (20 * 8 / 80), f"the ramp of {HALF_LIFE_RAMP} should forget the start sooner"


def test_settling_gives_averaged_weights_the_statistics_of_what_they_see() -> None:
    torch.manual_seed(0)
    generator, images = Generator(), torch.randint(0, 256, (60, 3, 16, 16), dtype=torch.uint8)
    for norm in generator.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.fill_(9.0)  # of other weights
    plain = Holes((4, 8), {"rectangle": 1})
    batch = training_batch(InMemory(images, 0), 0, 256, seed=0, resolution=16, holes=plain)
    masked = generator.masked(batch.images, batch.holes)
    with torch.no_grad():
        wanted = copy.deepcopy(generator).train()(masked)
        before = (generator.eval()(masked) - wanted).abs().mean()
        recalibrate_batchnorm(generator, [batch])
        after = (generator.eval()(masked) - wanted).abs().mean()
    assert after < 0.02 < before


def test_half_precision_keeps_statistics_that_are_beyond_its_range(tmp_path: Path) -> None:
    generator = Generator()
    first = generator.layers[1]
    first.running_var.fill_(4e5)  # half ends at 65,504
    expected = to_half(generator).float().eval()(torch.full((1, 4, 16, 16), 0.5))
    to_half(generator).save_pretrained(tmp_path)
    loaded = Generator.from_pretrained(tmp_path)
    assert torch.equal(loaded.layers[1].running_var, torch.full((64,), 4e5))
    assert loaded.layers[0].weight.dtype == torch.float32
    assert torch.equal(loaded(torch.full((1, 4, 16, 16), 0.5)), expected)


def test_frozen_batch_norm_normalises_as_in_inference_and_still_trains() -> None:
    torch.manual_seed(0)
    generator, x = Generator(), torch.rand(4, 4, 16, 16)
    before = {name: buffer.clone() for name, buffer in generator.named_buffers()}
    freeze_batchnorm(generator.train())
    generator(x).mean().backward()
    assert all(torch.equal(buffer, before[name]) for name, buffer in generator.named_buffers())
    assert all(weight.grad is not None for weight in generator.parameters())
    assert torch.equal(generator(x), generator.eval()(x))
