"""The hole that masks mark, at the photo's size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageColor
from sample_photos import layer_of, some_hole

from inpaint_hub.web.marked_hole import merge_masks


def test_what_is_brushed_over_is_the_hole() -> None:
    hole = some_hole(12, 18)
    assert np.array_equal(merge_masks((18, 12), [layer_of(hole)]), hole)


def test_several_layers_add_up() -> None:
    first, second = some_hole(12, 18), some_hole(12, 18)[::-1]
    assert np.array_equal(merge_masks((18, 12), [layer_of(first), layer_of(second)]), first | second)


@pytest.mark.parametrize("layers", [[], [Image.new("RGBA", (18, 12))], [Image.new("L", (18, 12))]])
def test_nothing_brushed_over_is_an_empty_hole(layers: list[Image.Image]) -> None:
    hole = merge_masks((18, 12), layers)
    assert hole.shape == (12, 18)
    assert not hole.any()


def test_brushing_everything_over_is_a_hole_everywhere() -> None:
    assert merge_masks((18, 12), [layer_of(np.ones((12, 18), dtype=bool))]).all()


@pytest.mark.parametrize(("black", "white"), [(0, 255), (127, 128), (3, 250)])
def test_an_opaque_mask_is_read_as_black_and_white(black: int, white: int) -> None:
    hole = some_hole(12, 18)
    grey = Image.fromarray(np.where(hole, white, black).astype(np.uint8))
    for mask in (grey, grey.convert("RGBA")):
        assert np.array_equal(merge_masks((18, 12), [mask]), hole)


@pytest.mark.parametrize("size", [(4000, 3000), (3001, 2003)])
def test_merge_masks_scales_a_smaller_mask(size: tuple[int, int]) -> None:
    hole = some_hole(round(size[1] / 4), round(size[0] / 4))
    found = merge_masks(size, [layer_of(hole)])
    exact = np.asarray(Image.fromarray(hole).resize(size, Image.Resampling.NEAREST))
    assert (found != exact).mean() < 0.002


def test_merge_masks_takes_every_pixel_that_a_larger_mask_touches() -> None:
    stroke = np.zeros((384, 384), dtype=bool)
    stroke[130, 61] = True
    assert np.argwhere(merge_masks((32, 32), [layer_of(stroke)])).tolist() == [[130 // 12, 61 // 12]]


def test_a_mask_of_other_proportions_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match="mask is 20×12 but the photo is 18×12; resize"):
        merge_masks((18, 12), [layer_of(some_hole(12, 20))])


@pytest.mark.parametrize("color", ["white", "darkred"])
@pytest.mark.parametrize(("opacity", "counts"), [(0, False), (0.03, False), (0.1, True), (0.3, True), (0.49, True)])
def test_merge_masks_counts_paint_of_any_opacity_that_can_be_seen(color: str, opacity: float, counts: bool) -> None:
    layer = Image.new("RGBA", (32, 24))
    faint = (*ImageColor.getrgb(color)[:3], round(255 * opacity))
    layer.paste(faint, (4, 4, 12, 12))
    expected = np.zeros((24, 32), dtype=bool)
    expected[4:12, 4:12] = counts
    assert np.array_equal(merge_masks((32, 24), [layer]), expected)
    layer.paste((*faint[:3], 255), (16, 4, 20, 8))  # beside a stroke that is opaque, too
    expected[4:8, 16:20] = True
    assert np.array_equal(merge_masks((32, 24), [layer]), expected)
