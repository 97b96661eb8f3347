"""Where a hole lies in a photo: the window its fill depends on, and how wide it is. Integers only."""

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


def largest_square(hole: np.ndarray) -> int:
    """The side in px of the largest square that fits into (H, W) bool: 0 where it is empty."""
    sums = np.pad(hole.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    fits, side = 0, min(hole.shape)
    while fits < side:
        middle = (fits + side + 1) // 2
        areas = sums[middle:, middle:] - sums[:-middle, middle:] - sums[middle:, :-middle] + sums[:-middle, :-middle]
        fits, side = (middle, side) if (areas == middle**2).any() else (fits, middle - 1)
    return fits
