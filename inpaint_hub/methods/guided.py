"""Texture copied from the photo or painted by a network: whichever looks more like what is around the hole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

import numpy as np

from ..imaging.windows import Window, boxes, square
from .classical import SEARCH_PX, Fill, biharmonic, find_specks, match, search_window

VIEW_PX, VIEW_SIDES = (
    128,
    16 / 9,
)  # what the network sees: its training images, in which a hole had up to 9/16 of the side
PAINTED_PX = 144  # twice the widest hole in training: in wider ones its paint is soft

Distances = Callable[[Sequence[np.ndarray], np.ndarray, np.ndarray], Sequence[float]]


def guided(
    image: np.ndarray, hole: np.ndarray, paint: Fill, distances: Distances, /, *, seed: int = 0, threads: int = 1
) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3) uint8 by PatchMatch or by a network.

    Of the two fills the one is taken that is more like its surroundings, by `distances`: PatchMatch at times copies a
    thing from elsewhere, and a network's paint is at times soft or of no meaning. Far holes are filled and chosen one
    by one. Specks and scratches are filled biharmonically, which is nearer to what was there, and takes a fiftieth of
    the time; holes wider than `PAINTED_PX` are PatchMatch's.

    Args:
        image: The image.
        hole: What to fill.
        paint: The network.
        distances: How far fills (h, w, 3) uint8 of a hole (h, w) bool are from what is known around it, (h, w) bool;
            see `models.features.surroundings_distances`.
        seed: PatchMatch's.
        threads: With more than one the fills are made side by side. The result is the same.

    Returns:
        (H, W, 3) uint8, equal to the image outside the hole.
    """
    specks = find_specks(hole)
    result, left = biharmonic(image, specks) if specks.any() else image.copy(), hole & ~specks
    pool = ThreadPoolExecutor(1) if threads > 1 else None
    try:
        for box in boxes(left, SEARCH_PX):
            outer = search_window(left, box, SEARCH_PX)
            known, unknown, inner = result[outer.slices], left[outer.slices], box.moved(-outer.top, -outer.left)
            filled = _fill(known, unknown, inner, paint, distances, seed=seed, pool=pool)
            where = unknown[inner.slices]
            known[inner.slices][where] = filled[where]
            unknown[inner.slices] = False
    finally:
        if pool is not None:
            pool.shutdown()
    return result


def _fill(
    known: np.ndarray,
    hole: np.ndarray,
    box: Window,
    paint: Fill,
    distances: Distances,
    *,
    seed: int,
    pool: Executor | None,
) -> np.ndarray:
    """The better of the two fills of a box, (h, w, 3) uint8."""
    copying = partial(_copied, known, hole, box, seed)
    if max(box.bottom - box.top, box.right - box.left) > PAINTED_PX:
        return copying()
    copied = pool.submit(copying).result if pool is not None else copying
    view = _view(box, hole.shape)
    painted = paint(known[view.slices], hole[view.slices], seed=seed)
    inner, where = box.moved(-view.top, -view.left), hole[box.slices]
    inside = np.zeros(hole[view.slices].shape, dtype=bool)
    inside[inner.slices] = where
    other = painted.copy()  # what else is unknown here is as painted in both, and seen in neither
    other[inner.slices][where] = copied()[where]
    of_copied, of_painted = distances([other, painted], inside, ~hole[view.slices])
    return (painted if of_painted < of_copied else other)[inner.slices]


def _view(box: Window, shape: tuple[int, ...]) -> Window:
    """The part of an image of `shape` around a box that the network sees, and that fills are compared in."""
    longer = max(box.bottom - box.top, box.right - box.left)
    view = square(box, max(VIEW_PX, round(VIEW_SIDES * longer)), shape)
    return Window(view.top, view.left, min(view.bottom, shape[0]), min(view.right, shape[1]))


def _copied(image: np.ndarray, hole: np.ndarray, box: Window, seed: int) -> np.ndarray:
    """PatchMatch's fill of a box, (h, w, 3) uint8, blended with what is known around it."""
    from ..imaging.blending import blend_array  # PyTorch, whose import takes seconds

    part = box.grown(1, 1, hole.shape)
    inner, where = box.moved(-part.top, -part.left), hole[box.slices]
    filled, inside = image[part.slices] / np.float32(255), np.zeros(hole[part.slices].shape, dtype=bool)
    filled[inner.slices][where] = match(image, hole, box, SEARCH_PX, seed=seed)[where] / np.float32(255)
    inside[inner.slices] = where
    blended = blend_array(filled, inside, ~hole[part.slices])[inner.slices]
    rounded: np.ndarray = np.rint(255 * blended).astype(np.uint8)
    return rounded
