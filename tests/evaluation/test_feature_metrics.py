"""Figures by pretrained features: known values, and what they say of fills that are better and worse."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.image.kid import KernelInceptionDistance

from inpaint_hub.data.holes import Holes
from inpaint_hub.evaluation.feature_metrics import (
    KernelDistances,
    _crop,
    crop_features,
    feature_distance,
    frechet_distance,
    kernel_distance,
)

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def details() -> np.ndarray:
    """(24, 64, 64, 3) uint8: details of the example photos."""
    found = []
    for path in sorted(EXAMPLES.glob("*.jpg"))[:3]:
        with Image.open(path) as photo:
            small = np.asarray(photo.convert("RGB").resize((320, 192)))
        found += [small[top : top + 64, left : left + 64] for top in (0, 64) for left in (0, 64, 128, 192)]
    return np.stack(found)


@pytest.fixture(scope="module")
def holes(details: np.ndarray) -> np.ndarray:
    return Holes((16, 32), {"rectangle": 1}).batch(0, 0, len(details), (64, 64))[:, 0].numpy()


def test_feature_distance_is_one_minus_the_cosine() -> None:
    one = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert feature_distance(one, 3 * one) == pytest.approx(0)
    assert feature_distance(one, one.flip(1)) == pytest.approx(1)
    assert feature_distance(one, -one) == pytest.approx(2)


@pytest.mark.parametrize("count", [2, 16, 250])
def test_the_kernel_distance_of_originals_to_themselves_is_zero_however_few(count: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(count, 8).double()
    assert kernel_distance(features, features) == pytest.approx(0, abs=1e-9)


def test_the_kernel_distance_of_pairs_does_not_depend_on_their_number() -> None:
    torch.manual_seed(0)
    originals = torch.randn(3000, 8).double()
    results = originals + 0.7 * torch.randn(3000, 8)  # each like its own original, as fills are
    small = [
        kernel_distance(results[start : start + 20], originals[start : start + 20]) for start in range(0, 3000, 20)
    ]
    error = np.std(small) / len(small) ** 0.5
    assert np.mean(small) == pytest.approx(kernel_distance(results, originals), abs=3 * error)


@pytest.mark.filterwarnings("ignore:Metric .Kernel")
def test_the_kernel_distance_of_a_large_set_is_torchmetrics_kid() -> None:
    torch.manual_seed(0)
    one, other = torch.randn(2000, 8), torch.randn(2000, 8) + 0.5
    kid = KernelInceptionDistance(feature=torch.nn.Flatten(), subsets=1, subset_size=2000)
    kid.update(one[:, :, None, None], real=True)
    kid.update(other[:, :, None, None], real=False)
    assert kernel_distance(other, one) == pytest.approx(1000 * float(kid.compute()[0]), rel=0.01)
    assert math.isnan(kernel_distance(other[:1], one[:1]))


def test_the_kernel_distance_of_a_part_is_that_of_the_part_alone() -> None:
    torch.manual_seed(0)
    one, other = torch.randn(40, 8), torch.randn(40, 8) + 0.5
    part = np.array([3, 5, 8, 20, 39])
    assert KernelDistances(other, one).of(part) == pytest.approx(kernel_distance(other[part], one[part]), rel=1e-5)


def test_frechet_distance_of_two_normal_distributions_is_known() -> None:
    torch.manual_seed(0)
    one = torch.randn(60_000, 3) * torch.tensor([1.0, 2.0, 0.5])
    two = torch.randn(60_000, 3) * torch.tensor([2.0, 2.0, 1.0]) + torch.tensor([1.0, 0.0, 0.0])
    assert frechet_distance(one, two) == pytest.approx(1 + 1 + 0.25, rel=0.03)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)


def test_feature_distance_grows_from_the_original_over_a_blur_to_a_flat_fill(
    details: np.ndarray, holes: np.ndarray
) -> None:
    original = crop_features(details, holes)
    soft = np.stack([np.asarray(Image.fromarray(image).reduce(4).resize((64, 64))) for image in details])
    distances = []
    for other in (details, soft, np.full_like(details, 128)):
        filled = np.where(holes[..., None], other, details)
        distances.append(feature_distance(crop_features(filled, holes), original))
    assert distances[0] == pytest.approx(0, abs=1e-9)
    assert distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("corner", [(0, 0), (0, 50), (50, 0), (50, 50), (25, 25)])
def test_crops_hold_the_hole_and_lie_inside_the_image(corner: tuple[int, int]) -> None:
    hole = np.zeros((64, 64), dtype=bool)
    hole[corner[0] : corner[0] + 14, corner[1] : corner[1] + 14] = True
    image = np.where(hole[..., None], np.uint8([255, 0, 0]), np.uint8([0, 0, 255])).astype(np.uint8)
    red = (_crop(image, hole)[..., 0] > 127).mean()
    assert red == pytest.approx((14 / 19) ** 2, abs=0.05)  # 1.5 times 13 px between the first and the last
