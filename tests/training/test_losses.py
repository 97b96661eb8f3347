"""Losses and local patches."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inpaint_hub.data.holes import Holes, bounding_boxes
from inpaint_hub.training.losses import (
    ADVERSARIAL_LOSSES,
    feature_network_inputs,
    local_patch,
    perceptual_loss,
    reconstruction_error,
    weighted_mean,
)


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


@pytest.mark.parametrize(("kind", "expected"), [("mse", 0.25), ("l1", 0.5)])
def test_reconstruction_error_is_of_the_kind_that_is_asked_for(kind: str, expected: float) -> None:
    image, hole = torch.zeros(2, 3, 4, 4), torch.ones(2, 1, 4, 4, dtype=torch.bool)
    error = reconstruction_error(torch.full((2, 3, 4, 4), 0.5), image, hole, "hole", hole.sum(), kind=kind)
    assert error.item() == expected


def test_perceptual_loss_is_the_mean_over_maps_of_their_mean_absolute_difference() -> None:
    one, other = (
        [torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 2, 2)],
        [torch.ones(1, 2, 4, 4), torch.full((1, 3, 2, 2), 3.0)],
    )
    assert perceptual_loss(one, one).item() == 0
    assert perceptual_loss(one, other).item() == 2


@pytest.mark.parametrize("kind", ["mse", "cross-entropy"])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_adversarial_losses_compare_the_sigmoid_with_its_target(kind: str, target: float) -> None:
    logits = torch.tensor([[-4.0], [0.0], [0.3], [2.0]])
    loss = ADVERSARIAL_LOSSES[kind]
    mine = (loss.real if target else loss.completed)(logits)
    score, targets = logits.sigmoid(), torch.full((4, 1), target)
    torchs = {"mse": torch.nn.functional.mse_loss, "cross-entropy": torch.nn.functional.binary_cross_entropy}[kind]
    torch.testing.assert_close(mine, torchs(score, targets, reduction="none"))
    torch.testing.assert_close(loss.generator(logits), loss.real(logits))


def test_hinge_counts_only_what_is_within_the_margin_and_moves_the_generator_everywhere() -> None:
    loss, logits = ADVERSARIAL_LOSSES["hinge"], torch.tensor([-3.0, -0.5, 0.5, 3.0])
    assert loss.real(logits).tolist() == [4.0, 1.5, 0.5, 0.0]
    assert loss.completed(logits).tolist() == [0.0, 0.5, 1.5, 4.0]
    assert loss.generator(logits).tolist() == [3.0, 0.5, -0.5, -3.0]


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_adversarial_losses_pass_on_a_logit_that_is_not_a_number(kind: str) -> None:
    loss = ADVERSARIAL_LOSSES[kind]
    for function in (loss.real, loss.completed, loss.generator):
        assert function(torch.tensor([0.5, float("nan")])).isnan().tolist() == [False, True]


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_adversarial_losses_have_finite_gradients_up_to_the_ends(kind: str) -> None:
    loss = ADVERSARIAL_LOSSES[kind]
    for function in (loss.real, loss.completed, loss.generator):
        logits = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4], requires_grad=True)
        loss = function(logits)
        loss.sum().backward()
        assert logits.grad is not None
        assert loss.isfinite().all()
        assert logits.grad.isfinite().all()


def test_weighted_mean_counts_each_image_the_same() -> None:
    values = torch.tensor([[1.0, 5.0], [3.0, 7.0]])
    assert weighted_mean(values, torch.tensor([[1.0, 0.0], [0.5, 0.5]])).item() == 3.0


@pytest.mark.parametrize(("side", "seen_at"), [(32, 64), (64, 64), (96, 96)])
def test_enlarged_views_show_the_patch_twice_as_large(side: int, seen_at: int) -> None:
    hole = Holes((4, 8), {"rectangle": 1}).batch(1, 0, 2, (side, side))
    image = torch.rand(2, 3, side, side)
    whole, patch = feature_network_inputs(image, bounding_boxes(hole), 64)
    assert whole.shape == patch.shape == (2, 3, seen_at, seen_at)
    if side == seen_at:
        assert torch.equal(whole, image)
    own = local_patch(image, bounding_boxes(hole), side // 2)
    torch.testing.assert_close(patch.mean(), own.mean(), rtol=0.02, atol=0)


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_adversarial_losses_at_chance_are_above_the_dominance_of_the_discriminator(kind: str) -> None:
    loss = ADVERSARIAL_LOSSES[kind]
    sure, chance = torch.tensor(6.0), torch.tensor(0.0)
    assert loss.real(sure) + loss.completed(-sure) < loss.dominance < loss.real(chance) + loss.completed(chance)
