"""Diffusion-based filling from OpenCV and scikit-image: arrays in, arrays out, no network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]

RADIUS = 3  # px of known surroundings that Telea and Navier-Stokes look at, OpenCV's usual choice


def telea(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled by fast marching (Telea 2004)."""
    import cv2

    return cv2.inpaint(image, hole.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)


def navier_stokes(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled along isophotes (Bertalmio et al. 2001)."""
    import cv2

    return cv2.inpaint(image, hole.astype(np.uint8), RADIUS, cv2.INPAINT_NS)


def biharmonic(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled biharmonically (Damelin & Hoang 2018)."""
    from skimage.restoration import inpaint_biharmonic

    filled = np.rint(255 * np.clip(inpaint_biharmonic(image, hole, channel_axis=2), 0, 1)).astype(np.uint8)
    return np.where(hole[:, :, None], filled, image)


CLASSICAL: dict[str, Fill] = {"telea": telea, "navier-stokes": navier_stokes, "biharmonic": biharmonic}
