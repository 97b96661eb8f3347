"""The discriminator on features: what it scores, and where its scores count."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inpaint_hub.data.holes import Holes, bounding_boxes
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator, place_weights
from inpaint_hub.models.features import CHANNELS
from inpaint_hub.training.losses import feature_network_inputs


def maps(count: int, views: int, side: int = 64) -> tuple[torch.Tensor, ...]:
    strides = (2, 4, 8, 16)
    return tuple(
        torch.rand(count, channels, side // stride, side // stride)
        for _ in range(views)
        for channels, stride in zip(CHANNELS, strides, strict=True)
    )


@pytest.mark.parametrize("local", [True, False])
def test_forward_scores_every_place_of_every_map(local: bool) -> None:
    seen = maps(3, 1 + local)
    logits = FeatureDiscriminator(local)(*seen)
    assert logits.shape == (3, sum(x.shape[2] * x.shape[3] for x in seen))


def test_forward_refuses_another_number_of_maps() -> None:
    with pytest.raises(ValueError, match="zip"):
        FeatureDiscriminator(local=True)(*maps(2, 1))


@pytest.mark.parametrize("kind", ["rectangle", "strokes", "object"])
def test_place_weights_count_the_surroundings_of_the_hole_alone(kind: str) -> None:
    hole = Holes((8, 16), {kind: 1.0}).batch(3, 0, 5, (64, 64))
    views = feature_network_inputs(hole.float(), bounding_boxes(hole), 64)
    seen = maps(5, 2)
    weights = place_weights(views, seen)
    assert weights.sum(dim=1).tolist() == pytest.approx([1.0] * 5)
    first = weights[:, : 32 * 32].view(5, 32, 32)  # of the finest map of the whole image
    for image in range(5):
        rows, columns = first[image].nonzero().T
        near = torch.nn.functional.max_pool2d(hole[image].float(), 7, stride=1, padding=3)[0].bool()
        assert all(near[2 * row : 2 * row + 2, 2 * col : 2 * col + 2].any() for row, col in zip(rows, columns))  # noqa: B905
        inside = torch.nn.functional.max_pool2d(hole[image].float(), 2)[0].bool()
        assert (first[image][inside] > 0).all()


def test_from_pretrained_gives_back_the_same_scores(tmp_path: Path) -> None:
    discriminator = FeatureDiscriminator()
    discriminator(*maps(2, 2))  # spectral norm has an estimate of its own
    discriminator.save_pretrained(tmp_path)
    seen = maps(2, 2)
    again = FeatureDiscriminator.from_pretrained(tmp_path)
    assert torch.equal(discriminator.eval()(*seen), again(*seen))
