"""The classical methods keep the contract's core: known pixels, and a constant image."""

from __future__ import annotations

import numpy as np
import pytest

from inpaint_hub.methods.classical import CLASSICAL, SEARCH_PX, patchmatch

HOLE = np.zeros((21, 17), dtype=bool)
HOLE[5:12, 9:17] = True  # up to the border


@pytest.mark.parametrize("method", CLASSICAL)
def test_known_pixels_survive_and_nothing_is_written_to(method: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (21, 17, 3), dtype=np.uint8)
    before = image.copy()
    result = CLASSICAL[method](image, HOLE)
    assert np.array_equal(result[~HOLE], before[~HOLE])
    assert np.array_equal(image, before)
    assert not np.array_equal(result[HOLE], before[HOLE])


@pytest.mark.parametrize("method", CLASSICAL)
def test_a_constant_image_stays_constant(method: str) -> None:
    image = np.full((21, 17, 3), 77, dtype=np.uint8)
    off = 2 if method == "telea" else 0  # OpenCV's rounds its extrapolation
    assert np.abs(CLASSICAL[method](image, HOLE).astype(int) - 77).max() <= off


def test_patchmatch_fills_far_holes_as_if_each_were_alone() -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    image = np.random.default_rng(0).integers(0, 256, (24, 3 * SEARCH_PX, 3), dtype=np.uint8)
    left, right = np.zeros((2, *image.shape[:2]), dtype=bool)
    left[8:14, 20:27] = right[6:15, -40:-30] = True
    both = patchmatch(image, left | right)
    for alone in (left, right):
        assert np.array_equal(both[alone], patchmatch(image, alone)[alone])
