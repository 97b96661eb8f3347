"""Where holes lie in a photo: the boxes to fill one by one, and at which scale to see them. Integers only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CELL = 16  # px; holes in one cell are never told apart


class Window(NamedTuple):
    """A box in a photo, px, bottom and right exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an (H, W, ...) array with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def area(self) -> int:
        """In px."""
        return (self.bottom - self.top) * (self.right - self.left)

    def grown(self, context_px: int, multiple: int, shape: tuple[int, ...]) -> Window:
        """Grow the box by `context_px` on each side, or to the edges of a photo of `shape` (H, W).

        Top and left are multiples of `multiple`, so that the grid of a network or of blocks lies on the
        window as on the whole photo; so are bottom and right, unless they are the photo's edge.
        """
        return Window(
            max(0, self.top - context_px) // multiple * multiple,
            max(0, self.left - context_px) // multiple * multiple,
            min(shape[0], -(-(self.bottom + context_px) // multiple) * multiple),
            min(shape[1], -(-(self.right + context_px) // multiple) * multiple),
        )

    def intersection(self, other: Window) -> Window | None:
        """Find the box that both boxes share; None if they share none."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Window(top, left, bottom, right) if top < bottom and left < right else None

    def moved(self, down: int, right: int) -> Window:
        """Move the box `down` and `right` px further."""
        return Window(self.top + down, self.left + right, self.bottom + down, self.right + right)


def bounding_box(hole: np.ndarray) -> Window:
    """Find the smallest box that holds every hole pixel of (H, W) bool, which must not be empty."""
    rows = np.flatnonzero(hole.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(hole[top:bottom].any(axis=0))
    return Window(top, int(columns[0]), bottom, int(columns[-1]) + 1)


def window_around(hole: np.ndarray, context_px: int, multiple: int) -> Window:
    """Find the smallest window with every hole pixel of (H, W) bool and `context_px` around, or the photo's edge.

    The hole must not be empty. For `multiple` see `Window.grown`.
    """
    return bounding_box(hole).grown(context_px, multiple, hole.shape)


def square(box: Window, side: int, shape: tuple[int, ...]) -> Window:
    """Place a square of `side` px around a box no larger, and move it into a photo of `shape` (H, W).

    Where the photo is smaller it begins at its edge, and ends beyond.
    """
    top, left = (
        max(0, min((low + high - side) // 2, length - side))
        for low, high, length in ((box.top, box.bottom, shape[0]), (box.left, box.right, shape[1]))
    )
    return Window(top, left, top + side, left + side)


def boxes(hole: np.ndarray, context_px: int) -> list[Window]:
    """Find boxes that hold every hole pixel of (H, W) bool, each in one of them, at the least total cost found.

    A box costs the area of a window with `context_px` around it. So far holes come apart, near ones
    stay together, and long thin ones are cut. None where nothing is masked.
    """
    if not hole.any():
        return []
    part = bounding_box(hole)
    tight = hole[part.slices]
    padded = np.pad(tight, [(0, -length % CELL) for length in tight.shape])
    rows, columns = (length // CELL for length in padded.shape)
    cells = np.asarray(padded.reshape(rows, CELL, -1).any(axis=1).reshape(rows, columns, CELL).any(axis=2))
    found = []
    for box in _split(cells, bounding_box(cells), context_px / CELL)[1]:
        top, left = CELL * box.top, CELL * box.left
        pixels = bounding_box(tight[top : CELL * box.bottom, left : CELL * box.right])
        found.append(pixels.moved(part.top + top, part.left + left))
    return found


def _split(cells: np.ndarray, box: Window, context: float) -> tuple[float, list[Window]]:
    """The cost of the cheapest boxes found for what is True in `box`, and these, in cells."""
    height, width = box.bottom - box.top, box.right - box.left
    whole = (height + 2 * context) * (width + 2 * context)
    if max(height, width) <= context or cells[box.slices].all():
        return whole, [box]
    (first, some), (second, others) = (_split(cells, half, context) for half in _halves(cells, box, context))
    return (first + second, some + others) if first + second < whole else (whole, [box])


def _halves(cells: np.ndarray, box: Window, context: float) -> tuple[Window, Window]:
    """The two boxes, tight around what is True, of the straight cut through `box` that costs least."""
    inside = cells[box.slices]
    (down, row), (across, column) = (_cut(turned, context) for turned in (inside, inside.T))
    if down <= across:
        head, tail, top, left = inside[:row], inside[row:], row, 0
    else:
        head, tail, top, left = inside[:, :column], inside[:, column:], 0, column
    return bounding_box(head).moved(box.top, box.left), bounding_box(tail).moved(box.top + top, box.left + left)


def _cut(cells: np.ndarray, context: float) -> tuple[float, int]:
    """The least cost of cutting tight (h, w) bool between two rows, and the first row below the cut."""
    if len(cells) == 1:
        return np.inf, 0
    costs = _heads(cells, context)[:-1] + _heads(cells[::-1], context)[-2::-1]
    balanced = costs + np.abs(np.linspace(-1, 1, len(costs)))  # of cuts that cost the same, the middle one
    return float(balanced.min()), int(balanced.argmin()) + 1


def _heads(cells: np.ndarray, context: float) -> np.ndarray:
    """(h,) the cost of the tight box around the first row, the first two, ... of (h, w) bool."""
    seen = np.logical_or.accumulate(cells, axis=0)
    width = seen.shape[1] - seen.argmax(axis=1) - seen[:, ::-1].argmax(axis=1)
    height = np.maximum.accumulate(np.where(cells.any(axis=1), np.arange(1, len(cells) + 1), 0))
    return (height + 2 * context) * (width + 2 * context)


def downscale_factor(hole: np.ndarray, side: int) -> int:
    """Find how much to shrink (H, W) bool so that a network sees no more hole than `side` × `side` at once: 1 or more.

    At once means in a square of twice that side, about the image that such a hole was trained in. So
    a wide hole is shrunk, and so is a long stroke; a thin line is not. The hole must not be empty.
    """
    cut = hole[bounding_box(hole).slices]
    sums = np.pad(cut.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    factor = 1
    while True:
        height, width = (min(2 * side * factor, length) for length in cut.shape)
        seen = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
        if seen.max() <= (side * factor) ** 2:
            return factor
        factor += 1


def exceeds_distance(hole: np.ndarray, distance_px: int) -> bool:
    """Tell if a pixel of (H, W) bool has no known one within `distance_px` rows and columns; some must be known."""
    counts = np.pad((~hole).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    (top, bottom), (left, right) = (
        (np.maximum(0, np.arange(size) - distance_px), np.minimum(size, np.arange(size) + distance_px + 1))
        for size in hole.shape
    )
    known = counts[bottom][:, right] - counts[top][:, right] - counts[bottom][:, left] + counts[top][:, left]
    return bool(counts[-1, -1] and (known == 0).any())
