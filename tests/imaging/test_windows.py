"""Windows around holes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import holes, sides

from inpaint_hub.imaging.windows import CELL, bounding_box, boxes, downscale_factor, exceeds_distance, window_around


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


@given(st.integers(0, 2**32 - 1), st.integers(1, 150), st.integers(1, 150), st.integers(1, 12), st.integers(0, 90))
def test_boxes_hold_every_hole_pixel_once_and_cost_no_more_than_one(
    seed: int, height: int, width: int, count: int, context: int
) -> None:
    random = np.random.default_rng(seed)
    hole = np.zeros((height, width), dtype=bool)
    for row, column in zip(random.integers(0, height, count), random.integers(0, width, count), strict=True):
        hole[row : row + random.integers(1, 30), column : column + random.integers(1, 30)] = True
    times_held = np.zeros(hole.shape, dtype=int)
    for box in boxes(hole, context):
        assert bounding_box(hole[box.slices]) == (0, 0, box.bottom - box.top, box.right - box.left), "not tight"
        times_held[box.slices] += hole[box.slices]
    assert np.array_equal(times_held, hole)
    cost = sum((b.bottom - b.top + 2 * context) * (b.right - b.left + 2 * context) for b in boxes(hole, context))
    whole = bounding_box(hole)
    cells = [-(-(end - start) // CELL) * CELL for start, end in ((whole.top, whole.bottom), (whole.left, whole.right))]
    assert cost <= (cells[0] + 2 * context) * (cells[1] + 2 * context)


@pytest.mark.parametrize(
    ("pieces", "count"),
    [
        ([(0, 0, 10, 10), (500, 500, 510, 510)], 2),  # far apart
        ([(0, 0, 10, 10), (30, 30, 40, 40)], 1),  # near
        ([(0, 0, 600, 4), (0, 0, 4, 600), (596, 0, 600, 600), (0, 596, 600, 600)], 8),  # a frame: half a side each
        ([(100, 100, 500, 500)], 1),  # a wide hole stays whole
    ],
)
def test_what_is_far_apart_comes_apart(pieces: list[tuple[int, int, int, int]], count: int) -> None:
    hole = np.zeros((600, 600), dtype=bool)
    for top, left, bottom, right in pieces:
        hole[top:bottom, left:right] = True
    assert len(boxes(hole, 40)) == count


def test_nothing_masked_has_no_boxes() -> None:
    assert boxes(np.zeros((20, 30), dtype=bool), 9) == []


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
    assert downscale_factor(hole, 16) == factor


@given(height=sides, width=sides, side=st.integers(1, 16), data=st.data())
def test_no_smaller_factor_would_do(height: int, width: int, side: int, data: Any) -> None:
    hole = data.draw(holes(height, width))

    def most_hole_seen(factor: int) -> int:
        view = 2 * side * factor
        places = [(top, left) for top in range(height) for left in range(width)]
        return max(int(hole[top : top + view, left : left + view].sum()) for top, left in places)

    factor = downscale_factor(hole, side)
    assert most_hole_seen(factor) <= (side * factor) ** 2
    assert all(most_hole_seen(smaller) > (side * smaller) ** 2 for smaller in range(1, factor))


@given(height=sides, width=sides, distance=st.integers(0, 6), data=st.data())
def test_farther_is_told_pixel_by_pixel(height: int, width: int, distance: int, data: Any) -> None:
    hole = data.draw(holes(height, width))
    rows, columns = np.nonzero(~hole)
    away = [
        np.maximum(abs(rows - row), abs(columns - column)).min() > distance
        for row, column in zip(*np.nonzero(hole), strict=True)
        if len(rows)
    ]
    assert exceeds_distance(hole, distance) == any(away)
