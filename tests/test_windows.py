"""Windows around holes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import holes, sides

from inpaint_hub import Inpainter
from inpaint_hub.inference import CONTEXT_PX
from inpaint_hub.windows import largest_square, window_around


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


@given(height=sides, width=sides, data=st.data())
def test_the_largest_square_is_the_one_that_trying_all_finds(height: int, width: int, data: Any) -> None:
    hole = data.draw(holes(height, width)) & (np.random.default_rng(0).random((height, width)) < 0.9)
    tried = [
        side
        for side in range(1, min(height, width) + 1)
        for top in range(height - side + 1)
        for left in range(width - side + 1)
        if hole[top : top + side, left : left + side].all()
    ]
    assert largest_square(hole) == max(tried, default=0)
