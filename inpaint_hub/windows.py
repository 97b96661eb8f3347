"""Where a hole lies in a photo: the window its fill depends on, and at which scale to see it. Integers only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


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


def window_around(hole: np.ndarray, context_px: int, multiple: int) -> Window:
    """The smallest window that holds every hole pixel of (H, W) bool and `context_px` around, or the photo's edge.

    Top and left are multiples of `multiple`, the network's stride, so that its grid lies on the
    window as on the whole photo; so are bottom and right, unless they are the photo's edge.
    The hole must not be empty.
    """
    bounds = []
    for axis in (1, 0):
        filled = np.flatnonzero(hole.any(axis=axis))
        start = max(0, int(filled[0]) - context_px) // multiple * multiple
        end = -(-(int(filled[-1]) + 1 + context_px) // multiple) * multiple
        bounds.append((start, min(end, hole.shape[1 - axis])))
    (top, bottom), (left, right) = bounds
    return Window(top, left, bottom, right)


def reduction(hole: np.ndarray, side: int) -> int:
    """By how much to shrink (H, W) bool so that a network sees no more hole than `side` × `side` at once, 1 or more.

    At once means in a square of twice that side, about the image that such a hole was trained in. So
    a wide hole is shrunk, and so is a long stroke; a thin line is not. The hole must not be empty.
    """
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    cut = hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    sums = np.pad(cut.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    factor = 1
    while True:
        height, width = (min(2 * side * factor, length) for length in cut.shape)
        seen = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
        if seen.max() <= (side * factor) ** 2:
            return factor
        factor += 1
