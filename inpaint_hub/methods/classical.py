"""Filling without a network, from libraries: diffusion-based methods and PatchMatch. Arrays in, arrays out."""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np

from ..imaging.windows import Window, boxes, window_around
from . import BIHARMONIC, NAVIER_STOKES, PATCHMATCH, TELEA

FINE = np.float32(1 << 22)  # levels
EDGE_PX = 2
EDGE = [(EDGE_PX, EDGE_PX)] * 2
RADIUS = 3  # px of known surroundings that Telea and Navier-Stokes look at, OpenCV's usual choice
STENCIL_PX = 8  # biharmonic filling sees 2 px around the hole: with 8 it is bit for bit what the whole image gives
SEARCH_PX = 256  # px around the hole that PatchMatch searches: a small hole in 3 megapixels took 23 s in all of them
PATCH_RADIUS = 5  # px

_SEEDED = threading.Lock()  # PatchMatch's seed is one for the whole process


class Fill(Protocol):
    """Copy the image (H, W, 3) uint8 with `hole` (H, W) bool filled, and nothing else changed.

    Those in CLASSICAL also take, and return, float32 in 0..1.
    """

    def __call__(self, image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray: ...


def telea(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3), uint8 or float32 in 0..1, by fast marching (Telea 2004)."""
    import cv2

    return _by_opencv(image, hole, cv2.INPAINT_TELEA)


def navier_stokes(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3), uint8 or float32 in 0..1, along isophotes.

    Source: Bertalmio, Bertozzi, Sapiro, *Navier-Stokes, fluid dynamics, and image and video inpainting*, 2001.
    """
    import cv2

    return _by_opencv(image, hole, cv2.INPAINT_NS)


def _by_opencv(image: np.ndarray, hole: np.ndarray, flag: int) -> np.ndarray:
    """Fill channel by channel in float32: OpenCV adds half a level to each of Telea's pixels, and at FINE levels a
    unit that is nothing, where in 8 bits a flat field drifts by 3 levels. Its edge is repeated, since OpenCV takes
    pixels of the hole there for known ones, and reads beyond an image of one row."""
    import cv2

    window = window_around(hole, 2 * RADIUS, 1).slices
    full, where = np.float32(255 if image.dtype == np.uint8 else 1), hole[window]
    planes = np.pad(np.moveaxis(image[window].astype(np.float32) * (FINE / full), 2, 0), [(0, 0), *EDGE], "edge")
    mask = np.pad(where, EDGE, "edge").astype(np.uint8)
    filled = np.stack([cv2.inpaint(np.ascontiguousarray(plane), mask, RADIUS, flag) for plane in planes], axis=2)
    inside = filled[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX][where].clip(0, FINE) * (full / FINE)
    result = image.copy()
    result[window][where] = np.rint(inside) if image.dtype == np.uint8 else inside
    return result


def biharmonic(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3), uint8 or float32 in 0..1, biharmonically.

    Source: Damelin, Hoang, *On surface completion and image inpainting by biharmonic functions*, 2018.
    """
    from skimage.restoration import inpaint_biharmonic

    window = window_around(hole, STENCIL_PX, 1).slices
    filled = inpaint_biharmonic(image[window], hole[window], channel_axis=2).clip(0, 1)[hole[window]]
    result = image.copy()
    result[hole] = np.rint(255 * filled) if image.dtype == np.uint8 else filled
    return result


def patchmatch(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled from patches of its own (Barnes et al. 2009).

    Far holes are filled one by one, and a long one in parts; what is filled is known to the next.
    """
    result, left = image.copy(), hole.copy()
    for box in boxes(hole, SEARCH_PX):
        filled, where = match(result, left, box, SEARCH_PX, seed=seed), left[box.slices]
        result[box.slices][where] = filled[where]
        left[box.slices] = False
    return result


def match(image: np.ndarray, hole: np.ndarray, box: Window, context_px: int, /, *, seed: int = 0) -> np.ndarray:
    """(h, w, 3) uint8: the box of the image (H, W, 3), filled from patches within `context_px` around it."""
    import patchmatch as library

    window = searched(hole, box, context_px)
    with _SEEDED:
        library.set_random_seed(seed)
        filled = library.inpaint(image[window.slices], hole[window.slices], patch_size=PATCH_RADIUS)
    inside: np.ndarray = filled[box.moved(-window.top, -window.left).slices]
    return inside


def searched(hole: np.ndarray, box: Window, context_px: int) -> Window:
    """Where patches are looked for: within `context_px` around the box of (H, W) bool, if something is known there."""
    window = box.grown(context_px, 1, hole.shape)
    return Window(0, 0, *hole.shape) if hole[window.slices].all() else window


def on_own_range(fill: Fill, image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """Fill a float32 image (H, W, 3) in 0..1 by a method of 8 bits: its 256 levels span what is known near the hole."""
    window = window_around(hole, SEARCH_PX, 1).slices
    known = image[window][~hole[window]]
    low, high = (known.min(), known.max()) if len(known) else (0, 1)
    step = np.float32(max(high - low, 1e-9) / 255)
    levels = np.rint((image - low) / step).clip(0, 255).astype(np.uint8)
    result = image.copy()
    result[hole] = fill(levels, hole, seed=seed)[hole] * step + low
    return result


CLASSICAL: dict[str, Fill] = {TELEA: telea, NAVIER_STOKES: navier_stokes, BIHARMONIC: biharmonic}
PATCH_BASED: dict[str, Fill] = {PATCHMATCH: patchmatch}
