"""Losses and local patches."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inpaint_hub.data.holes import Holes, bounding_boxes
from inpaint_hub.training.losses import local_patch, reconstruction_error, score_error


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
