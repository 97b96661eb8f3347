"""The pretrained feature network: the right weights, frozen, the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from inpaint_hub.models import features
from inpaint_hub.models.features import CHANNELS, NETWORKS, FeatureNetwork, surroundings_distances

EXAMPLES = Path(__file__).parents[2] / "examples"
CATS = {281, 282, 285}  # tabby, tiger cat, Egyptian cat


def photo(name: str, side: int = 224) -> torch.Tensor:
    """(1, 3, side, side) in 0..1: the centre square of an example."""
    with Image.open(EXAMPLES / name) as image:
        short = min(image.size)
        left, top = (image.width - short) // 2, (image.height - short) // 2
        square = image.convert("RGB").crop((left, top, left + short, top + short)).resize((side, side))
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("name", NETWORKS)
def test_classify_names_the_example_cat_a_cat(name: str) -> None:
    with torch.no_grad():
        best = FeatureNetwork(name).classify(photo("cat.jpg")).topk(3).indices[0].tolist()
    assert set(best) <= CATS


@pytest.mark.parametrize("name", NETWORKS)
def test_forward_gives_maps_of_four_strides_with_unit_spread(name: str) -> None:
    names = ("cat.jpg", "desk-plant.jpg", "meadow-tree.jpg", "astronaut.jpg", "spiral-stairs-person.jpg")
    images = torch.cat([photo(name, 128) for name in names])
    with torch.no_grad():
        maps = FeatureNetwork(name)(images)
    assert [tuple(x.shape[1:]) for x in maps] == [
        (channels, 128 // stride, 128 // stride) for channels, stride in zip(CHANNELS, (2, 4, 8, 16), strict=True)
    ]
    for x in maps:
        assert 0.7 < x.std(dim=(0, 2, 3)).mean() < 1.5


def test_feature_network_is_frozen_and_lets_gradients_through() -> None:
    network = FeatureNetwork("lite0").train()
    assert not network.training
    assert not any(module.training for module in network.modules())
    image = torch.rand(2, 3, 64, 64, requires_grad=True)
    first, again = network(image), network(image)
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))
    sum(x.square().mean() for x in first).backward()
    assert image.grad is not None
    assert (image.grad != 0).any()
    assert all(weight.grad is None for weight in network.parameters())


def test_folding_batch_norm_changes_no_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    folded = FeatureNetwork("lite0")
    monkeypatch.setattr(features, "_fold_batchnorm", lambda network: None)
    plain, image = FeatureNetwork("lite0"), photo("cat.jpg", 96)
    assert any(isinstance(module, timm.layers.BatchNormAct2d) for module in plain.modules())
    assert not any(isinstance(module, timm.layers.BatchNormAct2d) for module in folded.modules())
    with torch.no_grad():
        torch.testing.assert_close(folded.pooled(image), plain.pooled(image), rtol=1e-3, atol=1e-3)


def view(name: str) -> np.ndarray:
    """(128, 128, 3) uint8: the centre square of an example."""
    return (255 * photo(name, 128)[0].permute(1, 2, 0).numpy()).round().astype(np.uint8)


HOLE = np.zeros((128, 128), dtype=bool)
HOLE[36:92, 40:88] = True


@pytest.mark.parametrize(("name", "other"), [("desk-plant.jpg", "astronaut.jpg"), ("meadow-tree.jpg", "cat.jpg")])
def test_a_thing_from_another_photo_is_further_from_its_surroundings_than_the_original(name: str, other: str) -> None:
    original = view(name)
    foreign = np.where(HOLE[:, :, None], view(other), original)
    own, alien = surroundings_distances([original, foreign], HOLE, ~HOLE)
    assert 0 < own < 0.9 * alien


def test_a_distance_does_not_depend_on_the_other_fills() -> None:
    one, other = view("desk-plant.jpg"), np.where(HOLE[:, :, None], np.uint8(90), view("desk-plant.jpg"))
    together = surroundings_distances([one, other], HOLE, ~HOLE)
    alone = [*surroundings_distances([one], HOLE, ~HOLE), *surroundings_distances([other], HOLE, ~HOLE)]
    assert together == pytest.approx(alone, rel=1e-4)


def test_places_that_hold_unknown_pixels_are_not_compared_with() -> None:
    fill, known = view("desk-plant.jpg"), ~HOLE
    assert surroundings_distances([fill], HOLE, np.zeros_like(HOLE)) == [0]
    known[:, 100:] = False
    assert surroundings_distances([fill], HOLE, known)[0] >= surroundings_distances([fill], HOLE, ~HOLE)[0]


@pytest.mark.parametrize("shape", [(1, 300), (40, 9), (300, 64)])
def test_views_of_any_shape_have_a_distance(shape: tuple[int, int]) -> None:
    hole = np.zeros(shape, dtype=bool)
    hole[: -(-shape[0] // 2), : shape[1] // 2] = True
    fill = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert np.isfinite(surroundings_distances([fill, fill], hole, ~hole)).all()


def test_a_feature_network_is_the_same_whatever_the_default_dtype_and_leaves_random_numbers_alone() -> None:
    random, image, hole = torch.get_rng_state(), np.zeros((64, 64, 3), dtype=np.uint8), np.zeros((64, 64), dtype=bool)
    image[:, 32:], hole[20:40, 20:40] = 200, True
    expected = surroundings_distances([image], hole, ~hole)
    features.feature_network.cache_clear()
    for dtype in (torch.float64, torch.float16):
        torch.set_default_dtype(dtype)
        try:
            assert surroundings_distances([image], hole, ~hole) == expected
        finally:
            torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), random)
