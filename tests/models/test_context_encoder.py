"""The context encoder, and filling photos of any size with a network that knows one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from strategies import cases, changed_under, image_of, pixels_of

from inpaint_hub.imaging.blending import blend_seam
from inpaint_hub.methods.inpainter import FixedSize
from inpaint_hub.models.context_encoder import ChannelWise, ContextEncoder
from inpaint_hub.models.networks import composite

torch.manual_seed(0)
NETWORK = ContextEncoder((0.4, 0.5, 0.6), largest_hole=16, image_size=32).eval()
FILL = FixedSize(NETWORK)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_its_decoder_gives_back_the_size_that_its_encoder_brought_down_to_four(size: int) -> None:
    network, sizes = ContextEncoder(image_size=size), []
    for layer in network.layers:
        layer.register_forward_hook(lambda _, __, output: sizes.append(output.shape[2]))
    assert network(torch.rand(2, 4, size, size)).shape == (2, 3, size, size)
    assert min(sizes) == 4


def test_another_size_than_its_own_is_told() -> None:
    with pytest.raises(
        ValueError, match="the image is 40×36, but this context encoder takes 32×32 px; scale the image"
    ):
        NETWORK(torch.rand(1, 4, 36, 40))
    with pytest.raises(ValueError, match=r"image_size is 48, but a context encoder has \(128, 64, 32\); choose"):
        ContextEncoder(image_size=48)


def test_the_channel_wise_layer_is_a_linear_layer_of_each_channel() -> None:
    layer, x = ChannelWise(3, 4), torch.rand(2, 3, 4, 4)
    alone = [x[:, c].flatten(1) @ layer.weight[c].T for c in range(3)]
    assert torch.allclose(layer(x), torch.stack(alone, dim=1).view_as(x), atol=1e-6)


def test_a_bottleneck_pixel_depends_on_every_pixel_of_the_image() -> None:
    x = torch.rand(1, 4, 32, 32, requires_grad=True)
    NETWORK(x)[0, :, 16, 16].sum().backward()
    assert x.grad is not None
    assert (x.grad[0].abs().sum(dim=0) > 0).all()


def test_an_image_of_its_size_is_filled_by_one_pass_over_it_and_blended() -> None:
    image, hole = image_of("tensor-float32-3", 32, 32, seed=1), torch.zeros(32, 32, dtype=torch.bool)
    hole[0:12, 20:32] = True
    where = hole[None, None]
    with torch.no_grad():
        filled = composite(image[None], NETWORK(NETWORK.masked(image[None], where)), where)
    assert torch.allclose(FILL(image, hole), blend_seam(filled, where, ~where)[0], atol=1e-6)


@settings(max_examples=40)
@given(case=cases())
def test_the_image_contract_holds(case: tuple[str, Any, np.ndarray]) -> None:
    kind, image, hole = case
    before = pixels_of(image).copy()
    after = pixels_of(FILL(image, hole))
    assert (after.dtype, after.shape) == (before.dtype, before.shape)
    assert np.array_equal(after[~hole], before[~hole])
    assume(kind != "pil-PA")
    assert np.array_equal(after, pixels_of(FILL(changed_under(hole, kind, image), hole)))


@pytest.mark.parametrize("shape", [(200, 150), (40, 300), (20, 90)])
def test_holes_of_any_length_in_photos_of_any_size_are_filled(shape: tuple[int, int]) -> None:
    hole = np.zeros(shape, dtype=bool)
    hole[shape[0] // 2, :] = True
    hole[2:15, 3:80] = True
    result = FILL(np.full((*shape, 3), 200, dtype=np.uint8) * ~hole[:, :, None], hole)
    assert result[hole].min() > 20, "a part was left as it was"
