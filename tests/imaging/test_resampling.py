"""Images at a smaller scale and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import holes, sides

from inpaint_hub.imaging.resampling import downscale, proximity_weights, resize, upscale


@given(height=sides, width=sides, factor=st.integers(1, 5), data=st.data())
def test_what_is_known_of_one_colour_keeps_it_at_every_scale(height: int, width: int, factor: int, data: Any) -> None:
    hole = data.draw(holes(height, width))
    known = np.where(hole[:, :, None], 0, np.float32([0.2, 0.5, 0.9])).astype(np.float32)
    small, small_hole = downscale(known, hole, factor)
    assert small_hole.shape == (-(-height // factor), -(-width // factor))
    assert np.allclose(small[~small_hole], [0.2, 0.5, 0.9])
    whole = np.broadcast_to(np.float32([0.2, 0.5, 0.9]), small.shape)
    large = upscale(whole.copy(), known, factor)
    assert large.shape == known.shape
    assert np.allclose(large, [0.2, 0.5, 0.9])


@given(height=sides, width=sides, reach=st.integers(1, 6), data=st.data())
def test_nearness_falls_evenly_with_the_distance_from_known_pixels(
    height: int, width: int, reach: int, data: Any
) -> None:
    hole = data.draw(holes(height, width))
    rows, columns = np.nonzero(~hole)
    expected = np.ones(hole.shape)
    for row, column in zip(*np.nonzero(hole), strict=True):
        away = np.maximum(abs(rows - row), abs(columns - column)).min() if len(rows) else reach + 1
        expected[row, column] = max(0, reach + 1 - away) / reach
    assert np.allclose(proximity_weights(hole, reach), expected, atol=1e-6)


@pytest.mark.parametrize("side", [5, 16, 40])
def test_resize_keeps_a_flat_picture_flat_and_reads_nothing_under_the_hole(side: int) -> None:
    hole = np.zeros((16, 16), dtype=bool)
    hole[4:12, 6:14] = True
    known = np.where(hole[:, :, None], 9, np.full((16, 16, 3), 0.25, dtype=np.float32))
    image, small = resize(known, hole, side)
    assert image.shape == (side, side, 3)
    assert small.shape == (side, side)
    assert 0.15 < small.mean() < 0.35
    assert np.allclose(image[~small], 0.25, atol=1e-6)
