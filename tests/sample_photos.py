"""Photos, holes and masks for the tests of the page."""

from __future__ import annotations

import numpy as np
from PIL import Image


def photo_of(height: int, width: int, channels: int = 3) -> np.ndarray:
    """An opaque random photo (height, width, channels) uint8."""
    photo = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    photo[..., 3:] = 255
    return photo


def some_hole(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), dtype=bool)
    hole[height // 4 : height // 2, width // 3 : width // 2] = True
    return hole


def layer_of(hole: np.ndarray, color: tuple[int, int, int] = (255, 138, 61)) -> Image.Image:
    """What an image editor hands over when `hole` (H, W) is brushed over."""
    return Image.fromarray(hole[..., None] * np.array([*color, 255], dtype=np.uint8))
