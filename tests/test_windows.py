"""Windows around holes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import holes, sides

from inpaint_hub import Inpainter
from inpaint_hub.inference import CONTEXT_PX
from inpaint_hub.windows import reduction, window_around


@given(height=sides, width=sides, context=st.integers(0, 9), multiple=st.integers(1, 4), data=st.data())
def test_a_window_holds_the_hole_and_its_context_inside_the_photo_on_the_grid(
    height: int, width: int, context: int, multiple: int, data: Any
) -> None:
    hole = data.draw(holes(height, width))
    window = window_around(hole, context, multiple)
    rows, columns = np.nonzero(hole)
    for start, end, size, places in (
        (window.top, window.bottom, height, rows),
        (window.left, window.right, width, columns),
    ):
        assert 0 <= start <= max(0, places.min() - context)
        assert min(size, places.max() + 1 + context) <= end <= size
        assert start % multiple == 0
        assert end % multiple == 0 or end == size
        assert start > places.min() - context - multiple
        assert end < places.max() + 1 + context + multiple


def test_a_window_gives_what_the_whole_photo_gives(inpainter: Inpainter) -> None:
    height, width = 24, 2 * CONTEXT_PX + 58  # long and thin: the window is strictly inside, and cheap
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    hole = np.zeros((height, width), dtype=bool)
    hole[5:15, CONTEXT_PX + 21 : CONTEXT_PX + 30] = True
    assert window_around(hole, CONTEXT_PX, 4).slices[1] != slice(0, width)
    whole, box = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255, torch.from_numpy(hole)[None, None]
    with torch.inference_mode():
        prediction = inpainter.generator(inpainter.generator.masked(whole, box))[0].permute(1, 2, 0).numpy()
    assert np.array_equal(inpainter(photo, hole)[hole], np.rint(prediction[hole] * 255).astype(np.uint8))


def shape(height: int, width: int, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    hole = np.zeros((height, width), dtype=bool)
    hole[top:bottom, left:right] = True
    return hole


@pytest.mark.parametrize(
    ("hole", "factor"),
    [
        (shape(32, 32, 3, 5, 19, 21), 1),  # as large as it was trained on
        (shape(99, 99, 3, 5, 4, 98), 1),  # a thin line
        (shape(99, 99, 3, 5, 20, 22), 2),  # a pixel more than it was trained on
        (shape(99, 99, 3, 5, 51, 53), 3),
        (shape(99, 400, 30, 5, 46, 395), 2),  # as narrow, but a long stroke
        (shape(20, 20, 0, 0, 20, 20), 2),
        (shape(32, 32, 0, 0, 8, 8) | shape(32, 32, 24, 24, 32, 32), 1),
    ],
)
def test_a_hole_is_shrunk_until_the_network_sees_no_more_of_it_than_in_training(hole: np.ndarray, factor: int) -> None:
    assert reduction(hole, 16) == factor


@given(height=sides, width=sides, side=st.integers(1, 16), data=st.data())
def test_no_smaller_factor_would_do(height: int, width: int, side: int, data: Any) -> None:
    hole = data.draw(holes(height, width))

    def most_hole_seen(factor: int) -> int:
        view = 2 * side * factor
        places = [(top, left) for top in range(height) for left in range(width)]
        return max(int(hole[top : top + view, left : left + view].sum()) for top, left in places)

    factor = reduction(hole, side)
    assert most_hole_seen(factor) <= (side * factor) ** 2
    assert all(most_hole_seen(smaller) > (side * smaller) ** 2 for smaller in range(1, factor))
