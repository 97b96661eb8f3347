"""Objects within loose outlines."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2", reason="GrabCut is OpenCV's")

from inpaint_hub.web.selection import select


def scene(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(200, 220, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [60, 200, 1500])
def test_select_finds_the_object_and_a_little_around_it(size: int) -> None:
    image, outline, inner = scene(size, size), np.zeros((size, size), dtype=bool), slice(2 * size // 5, 3 * size // 5)
    image[inner, inner] = (30, 90, 160)
    outline[size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = True
    found = select(image, outline)
    assert found[inner, inner].all()
    assert found.sum() < 0.6 * outline.sum()
    assert not found[0].any()


def test_select_gives_the_outline_where_nothing_stands_out() -> None:
    image, outline = np.full((90, 90, 3), 128, dtype=np.uint8), np.zeros((90, 90), dtype=bool)
    outline[30:60, 30:60] = True
    found = select(image, outline)
    assert found[35:55, 35:55].all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (40, 3)])
def test_select_takes_tiny_outlines_and_full_ones(shape: tuple[int, int]) -> None:
    image = scene(40, 60)
    outline = np.zeros((40, 60), dtype=bool)
    outline[: shape[0], : shape[1]] = True
    assert select(image, outline).shape == outline.shape
    assert select(image, np.ones_like(outline)).any()
