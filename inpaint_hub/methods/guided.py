"""Texture copied from the photo or painted by a network: whichever looks more like what is around the hole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache, partial

import numpy as np

from ..imaging.windows import Window, boxes, square
from .classical import SEARCH_PX, Fill, biharmonic, find_specks, match, search_window
from .faces import find_face, paint_face

VIEW_PX, VIEW_SIDES = (
    128,
    16 / 9,
)  # what the network sees: its training images, in which a hole had up to 9/16 of the side
GREY = 128  # for what is unknown
PAINTED_PX = 144  # twice the widest hole in training: in wider ones its paint is soft

# An eye is less like its surroundings than a cheek is, and belongs there: by so much, as measured on 100 faces.
FACE_PREFERENCE = 0.05

Distances = Callable[[Sequence[np.ndarray], np.ndarray, np.ndarray], Sequence[float]]


def guided(
    image: np.ndarray,
    hole: np.ndarray,
    paint: Fill,
    paint_faces: Fill,
    distances: Distances,
    /,
    *,
    seed: int = 0,
    threads: int = 1,
) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3) uint8 by PatchMatch or by a network.

    Of the fills the one is taken that is most like its surroundings, by `distances`: PatchMatch at times copies a
    thing from elsewhere, and a network's paint is at times soft or of no meaning. Where the hole lies in a face, a
    network for faces fills it too. Far holes are filled and chosen one by one. Specks and scratches are filled
    biharmonically, which is nearer to what was there, and takes a fiftieth of the time; holes wider than `PAINTED_PX`
    are PatchMatch's, unless they lie in a face.

    Args:
        image: The image.
        hole: What to fill.
        paint: The network for photos.
        paint_faces: The network for faces.
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
            filled = _fill(known, unknown, inner, paint, paint_faces, distances, seed=seed, pool=pool)
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
    paint_faces: Fill,
    distances: Distances,
    *,
    seed: int,
    pool: Executor | None,
) -> np.ndarray:
    """The best of the fills of a box, (h, w, 3) uint8."""
    copying = partial(_copied, known, hole, box, seed)
    copied = pool.submit(copying).result if pool is not None else cache(copying)
    view, where = _view(box, hole.shape), hole[box.slices]
    inner = box.moved(-view.top, -view.left)
    seen = known.copy()  # with nothing of what is unknown, here or elsewhere
    seen[hole] = GREY
    painted = []
    if max(where.shape) <= PAINTED_PX:
        seen[view.slices] = paint(seen[view.slices], hole[view.slices], seed=seed)
        painted.append(seen[box.slices].copy())
    else:
        seen[box.slices][where] = copied()[where]
    face = find_face(seen, box)
    if face is not None:
        painted.append(paint_face(known, hole, box, face, paint_faces, seed))
    if not painted:
        return copied()
    inside = np.zeros(hole[view.slices].shape, dtype=bool)
    inside[inner.slices] = where
    fills = [copied(), *painted]
    views = []  # what else is unknown is the same in all, and compared in none
    for filled in fills:
        views.append(seen[view.slices].copy())
        views[-1][inner.slices][where] = filled[where]
    apart = np.array(distances(views, inside, ~hole[view.slices]))
    if face is not None:
        apart[-1] -= FACE_PREFERENCE
    return fills[int(apart.argmin())]


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
