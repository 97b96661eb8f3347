"""A face around a hole: found by a cascade, and filled by a network at the scale of its training images."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..imaging.windows import Window, square
from .classical import Fill

if TYPE_CHECKING:
    from skimage.feature import Cascade

SIDE_PX = 128  # the network's training images,
FRAMED = 10 / 7  # whose side is so many times that of the cascade's box around the face,
WIDEST = 9 / 16  # and whose holes were at most so wide
REACH, SEEN_PX = 8, 256  # how far a face is sought, in sides of the hole, and at which size
ALIKE = 4  # as many boxes as must agree on a face


def find_face(image: np.ndarray, box: Window) -> Window | None:
    """Find the face that a hole lies in, by the local binary patterns that scikit-image ships.

    Args:
        image: (H, W, 3) uint8, with the hole filled somehow: by a network, 9 of 10 faces are found.
        box: The hole.

    Returns:
        A square in the image with the largest such face, framed as in training, or None.
    """
    longer = max(box.bottom - box.top, box.right - box.left)
    sought = square(box, min(REACH * longer, *image.shape[:2]), image.shape)
    if not _within(box, sought):
        return None
    scale = min(1.0, SEEN_PX / (sought.bottom - sought.top))
    side = round(scale * (sought.bottom - sought.top))
    smallest = int(scale * longer / WIDEST / FRAMED)
    if smallest >= side:
        return None
    faces = []
    for found in _cascade().detect_multi_scale(
        img=_resize(image[sought.slices], side),
        scale_factor=1.1,
        step_ratio=1,
        min_size=(smallest, smallest),
        max_size=(side, side),
        min_neighbor_number=ALIKE,
    ):
        top, left, width = (round(found[name] / scale) for name in ("r", "c", "width"))
        face = Window(top, left, top + width, left + width).moved(sought.top, sought.left)
        framed = square(face, min(round(FRAMED * width), *image.shape[:2]), image.shape)
        if _within(box, framed):
            faces.append(framed)
    return max(faces, key=lambda face: face.area, default=None)


def paint_face(image: np.ndarray, hole: np.ndarray, box: Window, face: Window, paint: Fill, seed: int) -> np.ndarray:
    """Fill a box within a face.

    Args:
        image: (H, W, 3) uint8.
        hole: (H, W) bool.
        box: What to fill.
        face: A square, as `find_face` gives it.
        paint: The network for faces.
        seed: The network's.

    Returns:
        (h, w, 3) uint8, the box filled; blended with what is known around it.
    """
    from ..imaging.blending import blend_array  # PyTorch, whose import takes seconds
    from ..imaging.resampling import resize

    known, unknown = image[face.slices] / np.float32(255), hole[face.slices]
    small, where = resize(known, unknown, SIDE_PX)
    painted = _resize(paint(_bytes(small), where, seed=seed), len(known))
    filled = np.where(unknown[:, :, None], painted / np.float32(255), known)
    inner, inside = box.moved(-face.top, -face.left).slices, np.zeros_like(unknown)
    inside[inner] = unknown[inner]
    return _bytes(blend_array(filled, inside, ~unknown)[inner])


@lru_cache
def _cascade() -> Cascade:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())


def _within(box: Window, other: Window) -> bool:
    return box.intersection(other) == box


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    """A square of uint8 at another side."""
    from PIL import Image

    scaled: np.ndarray = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
    return scaled


def _bytes(image: np.ndarray) -> np.ndarray:
    rounded: np.ndarray = np.rint(255 * image).astype(np.uint8)
    return rounded
