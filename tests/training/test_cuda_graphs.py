"""A captured iteration does what the iteration does. Needs a CUDA GPU."""

from __future__ import annotations

import copy
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from inpaint_hub.data.dataset import Batch
from inpaint_hub.data.holes import Holes, bounding_boxes
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator
from inpaint_hub.models.features import feature_network
from inpaint_hub.models.networks import Discriminator, Generator
from inpaint_hub.training.cuda_graphs import WARM_UP, CudaGraphs
from inpaint_hub.training.ema import freeze_batchnorm
from inpaint_hub.training.optim import make_optimizers
from inpaint_hub.training.recipes import PRESETS, Recipe
from inpaint_hub.training.train_step import Networks, train_step

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


def batch_of(number: int, side: int) -> Batch:
    """Four random images with holes, on the GPU."""
    torch.manual_seed(number)
    holes = Holes((side // 4, side // 2), {"rectangle": 1, "strokes": 1}).batch(number, 0, 4, (side, side))
    return Batch(*(x.cuda() for x in (torch.rand(4, 3, side, side), holes, bounding_boxes(holes), torch.rand(4, 8))))


def networks_of(recipe: Recipe, accelerator: Accelerator) -> Networks:
    """The recipe's networks, the same random ones every time."""
    torch.manual_seed(0)
    on_features = recipe.discriminator == "features"
    generator = Generator().cuda()
    discriminator = (FeatureDiscriminator() if on_features else Discriminator(32)).cuda()
    optimizers: Any = [
        [accelerator.prepare(one) for one in some] for some in make_optimizers(recipe, generator, discriminator)
    ]
    features = copy.deepcopy(feature_network("lite0")).cuda()
    generator, discriminator = accelerator.prepare(generator, discriminator)
    return Networks(generator, discriminator, optimizers[0], optimizers[1], features)


def state_of(networks: Networks, accelerator: Accelerator) -> dict[str, torch.Tensor]:
    """The weights of both networks, on the CPU."""
    both = map(accelerator.unwrap_model, (networks.generator, networks.discriminator))
    return {f"{n} {name}": w.detach().cpu().clone() for n, net in enumerate(both) for name, w in net.named_parameters()}


def far(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The distance of two sets of weights."""
    return sum(float((value - other[name]).square().sum()) for name, value in one.items()) ** 0.5


def test_a_replay_takes_the_batch_and_the_learning_rate_of_its_call() -> None:
    weight = torch.zeros(1, device="cuda")
    optimizer = SimpleNamespace(param_groups=[{"lr": 1.0, "params": [weight]}])
    graphs = CudaGraphs([optimizer])

    def step(batch: Batch) -> dict[str, torch.Tensor]:
        change = batch.images.mean() * optimizer.param_groups[0]["lr"]
        weight.add_(change)
        return {"change": change}

    expected = 0.0
    for number in range(4 * WARM_UP):
        side, optimizer.param_groups[0]["lr"] = 4 + 4 * (number % 2), float(number)
        found = graphs.run("step", step, Batch(*4 * [torch.full((2, 3, side, side), number + 1.0, device="cuda")]))
        expected += number * (number + 1)
        assert found["change"].item() == number * (number + 1)
    assert weight.item() == expected
    assert len(graphs.graphs) == 2


@pytest.mark.parametrize(
    ("preset", "change"), [("photos", {}), ("photos", {"optimizer": "adam"}), ("paper", {"gradient_clip": 1.0})]
)
def test_replayed_iterations_end_as_near_as_ordinary_ones_do(preset: str, change: dict[str, Any]) -> None:
    accelerator, recipe = Accelerator(), PRESETS[preset].replace(**change)
    sides = (32, 64) if preset == "photos" else (32, 32)
    after = []
    for captured in (False, False, True):
        networks = networks_of(recipe, accelerator)
        graphs = CudaGraphs([*networks.generator_optimizers, *networks.discriminator_optimizers])
        for number in range(8 * WARM_UP):  # two sides, without and with frozen batch norm: each is replayed
            if frozen := number >= 4 * WARM_UP:
                freeze_batchnorm(accelerator.unwrap_model(networks.generator))
            for group in (group for optimizer in networks.generator_optimizers for group in optimizer.param_groups):
                group["lr"] = 1e-4 * (1 + number % 5)
            batch, log = batch_of(number, sides[number % 2]), number % 2 == 0
            step = partial(train_step, recipe.updates_at(1), recipe, accelerator, networks, log_grad_norms=log)
            graphs.run((frozen, log), step, batch) if captured else step(batch)
        assert len(graphs.graphs) == 4 * captured
        assert all(isinstance(group["lr"], float) for group in graphs.groups)
        after.append(state_of(networks, accelerator))
    # A GPU adds in any order, and a GAN on four images enlarges what that rounds: twice the same is not the same.
    assert far(after[2], after[0]) < 1.2 * far(after[1], after[0])
