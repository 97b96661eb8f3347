"""DiffAugment changes what the discriminator sees, and nothing else."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator

from inpaint_hub.data.dataset import Batch, InMemory, training_batch
from inpaint_hub.data.holes import Holes, bounding_boxes
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator
from inpaint_hub.models.features import feature_network
from inpaint_hub.models.networks import Discriminator, Generator
from inpaint_hub.training import diffaugment
from inpaint_hub.training.optim import make_optimizers
from inpaint_hub.training.recipes import PRESETS
from inpaint_hub.training.train_step import Networks, train_step

HOLES = Holes((8, 16), {"rectangle": 1})
FEATURES = feature_network("lite0")  # to build it draws random numbers
UNCHANGED = torch.full((4, diffaugment.DRAWS), 0.5)


def test_draws_in_the_middle_change_nothing() -> None:
    view = torch.rand(4, 3, 16, 16)
    torch.testing.assert_close(diffaugment.change_color(view, UNCHANGED), view)
    assert torch.equal(diffaugment.shift(view, UNCHANGED), view)


def test_a_shift_moves_every_pixel_by_at_most_an_eighth_and_brings_in_zeros() -> None:
    view = torch.rand(4, 3, 16, 16) + 1
    draws = UNCHANGED.clone()
    draws[:, 3], draws[:, 4] = torch.tensor([0.0, 0.999, 0.5, 0.5]), torch.tensor([0.5, 0.5, 0.0, 0.999])
    down, up, right, left = diffaugment.shift(view, draws)
    assert torch.equal(down[:, 2:], view[0, :, :-2])
    assert torch.equal(up[:, :-2], view[1, :, 2:])
    assert torch.equal(right[:, :, 2:], view[2, :, :, :-2])
    assert torch.equal(left[:, :, :-2], view[3, :, :, 2:])
    assert not any(edge.any() for edge in (down[:, :2], up[:, -2:], right[:, :, :2], left[:, :, -2:]))


def test_color_changes_pass_their_gradient_on_to_every_pixel() -> None:
    view = torch.rand(4, 3, 16, 16, requires_grad=True)
    diffaugment.change_color(view, torch.rand(4, diffaugment.DRAWS)).square().sum().backward()
    assert view.grad is not None
    assert view.grad.ne(0).float().mean() > 0.99


def test_the_draws_of_an_image_hang_on_its_number_alone() -> None:
    source = InMemory(torch.zeros(40, 3, 32, 32, dtype=torch.uint8), 0)
    whole, part = (
        training_batch(source, first, count, seed=5, resolution=32, holes=HOLES).draws
        for first, count in ((0, 32), (24, 8))
    )
    assert torch.equal(whole[24:], part)
    assert whole.unique().numel() == whole.numel()


def figures(preset: str, draws: torch.Tensor, *, on: bool) -> dict[str, float]:
    """The errors of one iteration, whose images and networks are always the same."""
    torch.manual_seed(0)
    recipe = PRESETS[preset].replace(diffaugment=on, perceptual_weight=0.6)
    generator = Generator()
    discriminator = FeatureDiscriminator() if recipe.discriminator == "features" else Discriminator(32)
    optimizers = make_optimizers(recipe, generator, discriminator)
    networks = Networks(generator, discriminator, *optimizers, FEATURES)
    holes = HOLES.batch(0, 0, 4, (32, 32))
    batch = Batch(torch.rand(4, 3, 32, 32), holes, bounding_boxes(holes), draws)
    found = train_step(("discriminate", "joint"), recipe, Accelerator(cpu=True), networks, batch)
    return {name: value.item() for name, value in found.items()}


@pytest.mark.parametrize("preset", ["glcic", "photos"])
def test_it_changes_the_discriminators_errors_and_leaves_the_reconstruction_alone(preset: str) -> None:
    off, on = (figures(preset, torch.full((4, 8), 0.2), on=on) for on in (False, True))
    unchanged = figures(preset, UNCHANGED, on=True)
    for name in ("reconstruct", "perceptual"):
        assert on[name] == pytest.approx(off[name], rel=1e-5)
    for name in ("real", "fake", "adversarial"):
        assert on[name] != pytest.approx(off[name], rel=1e-3)
    for name in ("real", "fake"):  # after them Adam's first step magnifies rounding
        assert unchanged[name] == pytest.approx(off[name], rel=1e-4)
