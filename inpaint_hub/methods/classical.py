"""Filling without a network, from libraries: diffusion-based methods and PatchMatch. Arrays in, arrays out."""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np

from ..imaging.windows import Window, boxes, window_around

RADIUS = 3  # px of known surroundings that Telea and Navier-Stokes look at, OpenCV's usual choice
STENCIL_PX = 8  # biharmonic filling sees 2 px around the hole: with 8 it is bit for bit what the whole image gives
SEARCH_PX = 256  # px around the hole that PatchMatch searches: a small hole in 3 megapixels took 23 s in all of them
PATCH_RADIUS = 5  # px

_SEEDED = threading.Lock()  # PatchMatch's seed is one for the whole process


class Fill(Protocol):
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled, and nothing else changed."""

    def __call__(self, image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray: ...


def telea(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled by fast marching (Telea 2004)."""
    import cv2

    return cv2.inpaint(image, hole.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)


def navier_stokes(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled along isophotes (Bertalmio et al. 2001)."""
    import cv2

    return cv2.inpaint(image, hole.astype(np.uint8), RADIUS, cv2.INPAINT_NS)


def biharmonic(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled biharmonically (Damelin & Hoang 2018)."""
    from skimage.restoration import inpaint_biharmonic

    window = window_around(hole, STENCIL_PX, 1).slices
    filled = inpaint_biharmonic(image[window], hole[window], channel_axis=2)
    result = image.copy()
    result[hole] = np.rint(255 * filled.clip(0, 1))[hole[window]]
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


CLASSICAL: dict[str, Fill] = {"telea": telea, "navier-stokes": navier_stokes, "biharmonic": biharmonic}
PATCH_BASED: dict[str, Fill] = {"patchmatch": patchmatch}
