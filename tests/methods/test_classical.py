"""The classical methods keep the contract's core: known pixels, and a constant image."""

from __future__ import annotations

import numpy as np
import pytest

from inpaint_hub.methods import classical
from inpaint_hub.methods.classical import CLASSICAL, SEARCH_PX, biharmonic, find_specks, patchmatch

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
    assert (CLASSICAL[method](image, HOLE) == 77).all()
    assert np.abs(CLASSICAL[method](np.full((21, 17, 3), 0.3, np.float32), HOLE) - 0.3).max() < 1e-5


def test_patchmatch_fills_far_holes_as_if_each_were_alone() -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    image = np.random.default_rng(0).integers(0, 256, (24, 3 * SEARCH_PX, 3), dtype=np.uint8)
    left, right = np.zeros((2, *image.shape[:2]), dtype=bool)
    left[8:14, 20:27] = right[6:15, -40:-30] = True
    both = patchmatch(image, left | right)
    for alone in (left, right):
        assert np.array_equal(both[alone], patchmatch(image, alone)[alone])


def specks(shape: tuple[int, int], count: int) -> np.ndarray:
    """(H, W) bool: dust of 1 to 7 px across."""
    random, hole = np.random.default_rng(0), np.zeros(shape, dtype=bool)
    for _ in range(count):
        size = int(random.integers(1, 8))
        top, left = (int(random.integers(0, length - size)) for length in shape)
        hole[top : top + size, left : left + size] = True
    return hole


@pytest.mark.parametrize(("large_px", "radius"), [(400, 5), (399, 3)])
def test_a_large_hole_is_filled_from_smaller_patches(
    large_px: int, radius: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    image = np.random.default_rng(1).integers(0, 256, (90, 100, 3), dtype=np.uint8)
    hole = np.zeros((90, 100), dtype=bool)
    hole[30:50, 40:60] = True
    monkeypatch.setattr(classical, "LARGE_PX", large_px)
    filled = patchmatch(image, hole)
    monkeypatch.setattr(classical, "PATCH_RADIUS", radius)
    monkeypatch.setattr(classical, "LARGE_PX", 400)
    assert np.array_equal(filled, patchmatch(image, hole))
    monkeypatch.setattr(classical, "PATCH_RADIUS", 8 - radius)
    assert not np.array_equal(filled, patchmatch(image, hole))


def test_biharmonic_fills_dust_as_if_the_whole_photo_were_one_window() -> None:
    from skimage.restoration import inpaint_biharmonic

    image, hole = np.random.default_rng(1).integers(0, 256, (150, 200, 3), dtype=np.uint8), specks((150, 200), 12)
    whole = np.rint(255 * inpaint_biharmonic(image, hole, channel_axis=2).clip(0, 1))
    assert len(classical._apart(hole)) > 1
    assert np.abs(biharmonic(image, hole).astype(int) - whole).max() <= 1


def test_biharmonic_of_a_large_hole_is_near_to_the_exact_one_and_solves_no_large_equations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    y, x = np.mgrid[:120, :130]
    image = np.stack([120 + 100 * np.sin(x / 30), 120 + 100 * np.cos(y / 40), (x + y) / 1.0], axis=2).astype(np.uint8)
    hole = np.zeros((120, 130), dtype=bool)
    hole[20:101, 21:104] = True
    exact = biharmonic(image, hole)
    import skimage.restoration

    solve, sizes = skimage.restoration.inpaint_biharmonic, []

    def noted(values: np.ndarray, where: np.ndarray, **options: int) -> np.ndarray:
        sizes.append(int(where.sum()))
        return solve(values, where, **options)

    monkeypatch.setattr(classical, "DIRECT_PX", 2000)
    monkeypatch.setattr(skimage.restoration, "inpaint_biharmonic", noted)
    bounded = biharmonic(image, hole)
    assert len(sizes) > 1
    assert max(sizes) < 3000
    assert np.array_equal(bounded[~hole], image[~hole])
    assert np.abs(bounded[hole].astype(int) - exact[hole]).mean() < 6


def test_specks_of_takes_dust_and_scratches_and_leaves_what_is_thick() -> None:
    dust = specks((60, 200), 20)
    dust[:, 100:] = False
    thick = np.zeros_like(dust)
    thick[10:40, 150:180] = True
    scratch = np.zeros_like(dust)
    scratch[50:57, :140] = True
    assert np.array_equal(find_specks(dust | thick | scratch), (dust | scratch) & ~thick)
    assert not find_specks(thick).any()
