"""The hole that a visitor's masks mark in a photo, at the photo's own size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..imaging import deep_color, masks
from ..imaging.photo import Photo, fit_mask

NO_HOLE = "Nothing is marked yet. Brush over what should go."
ALL_HOLE = "Everything is marked, so nothing of the photo would be left. Leave some of it unmarked."
VISIBLE = 26  # alpha of 255: a tenth; what a soft eraser leaves is less


def merge_masks(size: tuple[int, int], layers: Sequence[Image.Image]) -> np.ndarray:
    """Merge masks, as people draw them, into one hole.

    Args:
        size: The photo's width and height.
        layers: Masks of the photo's proportions, in which paint counts whatever its opacity. From a larger one a pixel
            is hole where any pixel that covers it is marked, from a smaller one where at least half of it is.

    Returns:
        The hole (H, W) bool.

    Raises:
        ValueError: A mask has other proportions.
    """
    hole = np.zeros(size[::-1], dtype=bool)
    for layer in layers:
        hole |= _scaled(masks.parse_mask(_with_solid_paint(layer))[0], size)
    return hole


def _with_solid_paint(layer: Image.Image) -> Image.Image:
    """The layer with all visible paint made opaque: brushes of image editors have an opacity, as files rarely do."""
    if layer.mode != "RGBA":
        return layer
    solid = layer.copy()
    solid.putalpha(layer.getchannel("A").point(lambda alpha: 255 if alpha >= VISIBLE else 0))
    return solid


def read_hole(mask: Photo, source: Photo) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read what a mask picture marks on an upright photo.

    Args:
        mask: A picture of the photo's size, upright or as it is stored, or of its proportions.
        source: The photo.

    Returns:
        The hole (H, W) bool, and how the mask was read if not as white on black.

    Raises:
        ValueError: The mask has other proportions, or is none.
    """
    if sorted(mask.size) == sorted(source.size):
        picture = fit_mask(mask, source)
    else:
        picture = mask.image if isinstance(mask.image, Image.Image) else deep_color.to_8bit(mask.image)
    if picture.mode == "1":  # as the page sends it: there is nothing to guess
        return _scaled(np.asarray(picture), source.size), ()
    marked, reading = masks.parse_mask(picture)
    return _scaled(marked, source.size), (reading,) if reading else ()


def grow_hole(marked: np.ndarray, grow_px: int) -> np.ndarray:
    """Grow what is marked into the hole that is filled.

    Args:
        marked: (H, W) bool.
        grow_px: So many pixels in every direction.

    Returns:
        The hole (H, W) bool.

    Raises:
        ValueError: Nothing or everything would be filled.
    """
    hole = masks.dilate(marked, grow_px)
    if not hole.any():
        raise ValueError(NO_HOLE)
    if hole.all():
        raise ValueError(ALL_HOLE)
    return hole


def _scaled(marked: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A hole (H, W) bool at the photo's width and height, as `merge_masks` says."""
    (width, height), there = size, marked.shape[::-1]
    if there == size:
        return marked
    factor = max(there) / max(size)
    if any(abs(length - factor * here) > max(1, factor) for length, here in zip(there, size, strict=True)):
        raise ValueError(
            f"The mask is {there[0]}×{there[1]} but the photo is {width}×{height};"
            " resize the mask with nearest neighbour."
        )
    grey = Image.fromarray(marked).convert("L")
    filter = Image.Resampling.BOX if factor > 1 else Image.Resampling.BILINEAR
    return np.asarray(grey.resize(size, filter)) > (0 if factor > 1 else masks.HALF)
