"""Losses, local patches, and the rule that the network not being updated is left alone."""

from __future__ import annotations

import weakref

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from inpaint_hub.data.holes import Holes, bounding_boxes
from inpaint_hub.iteration import iterate, optimizers
from inpaint_hub.models.networks import Discriminator, Generator
from inpaint_hub.recipes import PRESETS
from inpaint_hub.updates import local_patch, reconstruction_error, score_error

HOLES = Holes((8, 16), {"rectangle": 1, "strokes": 1}).batch(0, 0, 4, (32, 32))
BOXES = bounding_boxes(HOLES)


@given(seed=st.integers(0, 1000))
def test_a_local_patch_lies_inside_the_image_and_is_centred_on_the_hole_where_it_can_be(seed: int) -> None:
    boxes = bounding_boxes(Holes((8, 16), {"rectangle": 1}).batch(seed, 0, 4, (32, 32)))
    place = torch.arange(32.0)
    coordinates = torch.stack([place[:, None].expand(32, 32), place[None].expand(32, 32), torch.zeros(32, 32)])
    patches = local_patch(coordinates.expand(4, 3, 32, 32), boxes, 16)
    assert patches.shape == (4, 3, 16, 16)
    for box, patch in zip(boxes, patches, strict=True):
        for axis in (0, 1):
            centred = int(box[axis] + box[axis + 2] - 16) // 2
            assert patch[axis].min() == min(max(centred, 0), 16)
            assert patch[axis].max() - patch[axis].min() == 15


def test_the_error_over_the_hole_ignores_the_rest_and_over_the_image_does_not() -> None:
    image, hole = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    hole[..., :2, :2] = True
    prediction = torch.where(hole, 0.5, 1.0).expand(1, 3, 4, 4)
    assert reconstruction_error(prediction, image, hole, "hole", hole.sum()).item() == 0.25
    assert reconstruction_error(prediction, image, hole, "image", hole.sum()).item() == (4 * 0.25 + 12) / 16


def test_scores_are_compared_to_their_target_in_the_way_the_recipe_says() -> None:
    score = torch.tensor([[0.5], [0.5]])
    assert score_error(score, 1.0, "mse").item() == 0.25
    assert score_error(score, 0.0, "cross-entropy").item() == pytest.approx(0.6931, abs=1e-4)


@pytest.mark.parametrize("kind", ["mse", "cross-entropy"])
def test_a_score_that_is_no_number_is_an_error_that_is_none(kind: str) -> None:
    assert score_error(torch.tensor([[0.5], [float("nan")]]), 1.0, kind).isnan()


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_cross_entropy_and_its_gradient_are_torchs_own_up_to_the_ends(target: float) -> None:
    mine, its = (torch.tensor([[0.0], [1e-6], [0.3], [1 - 1e-6], [1.0]], requires_grad=True) for _ in range(2))
    score_error(mine[1:-1], target, "cross-entropy").backward()
    torch.nn.functional.binary_cross_entropy(its[1:-1], torch.full((3, 1), target)).backward()
    torch.testing.assert_close(mine.grad, its.grad)
    mine.grad = None
    error = score_error(mine, target, "cross-entropy")
    error.backward()
    assert error.isfinite()
    assert mine.grad is not None
    assert mine.grad.isfinite().all()


def snapshot(network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights, buffers and gradients."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    gradients = {f"gradient of {n}": w.grad.clone() for n, w in network.named_parameters() if w.grad is not None}
    return state | gradients


def changed(network: nn.Module, before: dict[str, torch.Tensor]) -> bool:
    now = snapshot(network)
    return now.keys() != before.keys() or any(not torch.equal(now[name], before[name]) for name in now)


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("updates", "moves_generator"),
    [
        (("reconstruct",), True),
        (("real", "fake"), False),
        (("real",), False),
        (("discriminate",), False),
        (("adversarial",), True),
        (("joint",), True),
    ],
)
def test_an_update_moves_its_own_network_and_leaves_the_others_weights_and_gradients(
    preset: str, updates: tuple[str, ...], moves_generator: bool, pieces: int
) -> None:
    torch.manual_seed(0)
    generator, discriminator = Generator(), Discriminator(32)
    recipe = PRESETS[preset].replace(gradient_accumulation_steps=pieces)
    for weight in [*generator.parameters(), *discriminator.parameters()]:
        weight.grad = torch.zeros_like(weight)  # of the idle network, these must still be there afterwards
    before = snapshot(generator), snapshot(discriminator)
    networks = (generator, discriminator, *optimizers(recipe, generator, discriminator))
    errors = iterate(updates, recipe, Accelerator(cpu=True), *networks, torch.rand(4, 3, 32, 32), HOLES, BOXES)
    assert set(updates) - {"joint", "discriminate"} <= set(errors)
    assert changed(generator, before[0]) == moves_generator
    assert changed(discriminator, before[1]) != moves_generator


def test_the_papers_adversarial_update_judges_a_new_forward_pass() -> None:
    torch.manual_seed(0)
    generator, discriminator, recipe = Generator(), Discriminator(32), PRESETS["paper"]
    passes = []
    generator.register_forward_hook(lambda *call: passes.append(call[2].detach()))
    networks = (generator, discriminator, *optimizers(recipe, generator, discriminator))
    iterate(recipe.updates_at(0), recipe, Accelerator(cpu=True), *networks, torch.rand(4, 3, 32, 32), HOLES, BOXES)
    assert len(passes) == 2
    inside = HOLES.expand_as(passes[0])
    assert not torch.equal(passes[0][inside], passes[1][inside])


def after(updates: tuple[str, ...], preset: str, pieces: int, training: bool) -> tuple[nn.Module, nn.Module]:
    """Both networks after an iteration on the same images, in plain gradient descent: the change is the gradient."""
    torch.manual_seed(0)
    generator, discriminator = Generator().train(training), Discriminator(16).train(training)
    hole = Holes((4, 8), {"rectangle": 1}).batch(0, 0, 8, (16, 16))
    descents = [[torch.optim.SGD(network.parameters(), 1.0)] for network in (generator, discriminator)]
    recipe = PRESETS[preset].replace(gradient_accumulation_steps=pieces)
    image = torch.rand(8, 3, 16, 16)
    networks = (generator, discriminator, *descents)
    iterate(updates, recipe, Accelerator(cpu=True), *networks, image, hole, bounding_boxes(hole))
    return generator, discriminator


@pytest.mark.parametrize("preset", ["paper", "cifar10"])
@pytest.mark.parametrize(
    "updates", [("reconstruct",), ("real", "fake"), ("discriminate",), ("adversarial",), ("joint",)]
)
def test_an_update_in_pieces_has_the_gradients_of_the_whole_batch_where_batch_norm_stands_still(
    updates: tuple[str, ...], preset: str
) -> None:
    whole, in_pieces = (after(updates, preset, pieces, training=False) for pieces in (1, 4))
    for network, other in zip(whole, in_pieces, strict=True):
        for name, weight in network.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], weight, rtol=1e-5, atol=1e-7, msg=name)


def test_discriminate_is_one_step_along_the_sum_of_the_gradients_of_real_and_fake() -> None:
    weights = {}
    for update in ("real", "fake", "discriminate", None):
        _, discriminator = after((update,) if update else (), "cifar10", 1, training=True)
        weights[update] = torch.nn.utils.parameters_to_vector(discriminator.parameters()).detach()
    real, fake, both = (weights[update] - weights[None] for update in ("real", "fake", "discriminate"))
    torch.testing.assert_close(both, real + fake, rtol=1e-4, atol=1e-6)
    assert real.norm() > 0
    assert fake.norm() > 0


@pytest.mark.parametrize("preset", ["paper", "cifar10"])
def test_batch_norm_counts_each_piece_of_an_update_once(preset: str) -> None:
    generator, discriminator = after(PRESETS[preset].updates_at(1.0), preset, 4, training=True)
    passes = {"paper": 8, "cifar10": 4}[preset]  # reconstruct and adversarial, or joint; `fake` adds none
    for network, count in ((generator, passes), (discriminator, 8)):
        counts = [value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")]
        assert counts
        assert all(value == count for value in counts)


class OnTape:
    """How many activations of `images` images at once autograd keeps for backward: now, and at the most."""

    def __init__(self, images: int) -> None:
        self.images = images
        self.now = self.most = 0

    def pack(self, value: torch.Tensor) -> tuple[torch.Tensor, object]:
        count = value.numel() if value.shape[:1] == (self.images,) else 0  # no weights
        self.now += count
        self.most = max(self.most, self.now)
        kept = type("Kept", (), {})()
        weakref.finalize(kept, self.release, count)
        return value, kept

    def release(self, count: int) -> None:
        self.now -= count


@pytest.mark.parametrize("preset", ["paper", "cifar10"])
def test_only_one_piece_of_an_update_is_on_the_tape_at_a_time(preset: str) -> None:
    most = []
    for pieces in (1, 4):
        tape = OnTape(8 // pieces)
        with torch.autograd.graph.saved_tensors_hooks(tape.pack, lambda kept: kept[0]):
            after(PRESETS[preset].updates_at(1.0), preset, pieces, training=True)
        most.append(tape.most)
    assert 0 < most[1] <= most[0] / 4
