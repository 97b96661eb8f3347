"""Texture from the photo itself, chosen by a guide."""

from __future__ import annotations

import numpy as np
import pytest

from inpaint_hub import fill
from inpaint_hub.imaging.blending import blend_array
from inpaint_hub.imaging.windows import Window
from inpaint_hub.methods import guided as module
from inpaint_hub.methods.classical import SEARCH_PX, biharmonic
from inpaint_hub.methods.guided import AGREEMENT_THRESHOLD, MIN_IMPROVEMENT, guided, lowpass_distance, select_fill

IMAGE = np.random.default_rng(0).integers(0, 256, (160, 150, 3), dtype=np.uint8)
HOLE = np.zeros((160, 150), dtype=bool)
HOLE[70:95, 60:88] = True
MIDDLE = np.s_[80:85, 71:77]  # of the hole, where blending with what is around it hardly changes it


def flat(value: int) -> module.Fill:
    """A guide that sees one grey everywhere."""
    return lambda image, hole, /, *, seed=0: np.where(hole[:, :, None], np.uint8(value), image)


@pytest.fixture
def grey_fills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """PatchMatch finds a bright thing far away, and darker ones the nearer it looks; how far it looked, each time."""
    looked = []

    def match(image: np.ndarray, hole: np.ndarray, box: Window, context_px: int, /, *, seed: int = 0) -> np.ndarray:
        looked.append(context_px)
        return np.full((box.bottom - box.top, box.right - box.left, 3), min(context_px, 250), dtype=np.uint8)

    monkeypatch.setattr(module, "match", match)
    return looked


@pytest.mark.usefixtures("grey_fills")
def test_what_is_nearby_fills_where_the_guide_sees_no_other_thing() -> None:
    assert (guided(IMAGE, HOLE, flat(30))[MIDDLE] < 40).all()


def test_patchmatch_fills_alone_where_the_guide_agrees_with_it(grey_fills: list[int]) -> None:
    agreed = 250 - round(255 * AGREEMENT_THRESHOLD / 2)
    assert (guided(IMAGE, HOLE, flat(agreed))[MIDDLE] > 245).all()
    assert grey_fills == [SEARCH_PX], "and no time goes into other fills"


@pytest.mark.usefixtures("grey_fills")
def test_each_of_two_far_holes_is_chosen_for_itself() -> None:
    image = np.full((160, 5 * SEARCH_PX, 3), 128, dtype=np.uint8)
    left, right = np.zeros((2, *image.shape[:2]), dtype=bool)
    left[60:90, 300:330] = right[60:90, -330:-300] = True
    image[:, : image.shape[1] // 2] = 9

    def guide(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
        return flat(30 if image[0, 0, 0] == 9 else 255)(image, hole)

    result = guided(image, left | right, guide)
    assert (result[72:78, 312:318] < 40).all()
    assert (result[72:78, -318:-312] > 245).all()


def test_a_fill_that_is_hardly_nearer_to_the_guide_is_not_taken() -> None:
    hole = np.ones((20, 20), dtype=bool)
    seen = np.full((20, 20, 3), 100.0)
    hardly, clearly = 100 * (1 - MIN_IMPROVEMENT / 2), 100 * (1 - 2 * MIN_IMPROVEMENT)
    assert select_fill([seen + 100, seen + hardly], seen, hole) == 0
    assert select_fill([seen + 100, seen + hardly, seen - clearly], seen, hole) == 2


def test_how_far_fills_are_apart_does_not_depend_on_how_much_is_around_them() -> None:
    one, other = np.random.default_rng(1).integers(0, 256, (2, *IMAGE.shape), dtype=np.uint8)
    other[~HOLE] = one[~HOLE]
    box = np.s_[70:95, 60:88]
    assert lowpass_distance(one[box], other[box], HOLE[box]) == pytest.approx(
        lowpass_distance(one, other, HOLE), rel=1e-6
    )


@pytest.mark.usefixtures("grey_fills")
@pytest.mark.parametrize(("width", "seen_px"), [(40, 40), (90, 90), (96, 48), (240, 48)])
def test_the_guide_sees_a_wide_hole_at_the_scale_at_which_its_fill_is_judged(width: int, seen_px: int) -> None:
    seen = []

    def guide(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
        assert image.shape[:2] == hole.shape
        seen.append(hole.any(axis=0).sum())
        return np.where(hole[:, :, None], np.uint8(60), image)

    image, hole = np.full((600, 600, 3), 200, dtype=np.uint8), np.zeros((600, 600), dtype=bool)
    hole[240 : 240 + width, 240 : 240 + width] = True
    result = guided(image, hole, guide)
    assert seen == [seen_px]
    assert np.array_equal(result[~hole], image[~hole])
    assert (result[hole] < 250).all(), "a fill from nearby, as the guide paints darkness"


def test_a_photo_that_is_all_nearby_needs_no_guide() -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    hole = np.zeros((24, 20), dtype=bool)
    hole[4:16, 5:16] = True

    def guide(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
        raise AssertionError("there is nothing to choose from")

    filled = fill(IMAGE[:24, :20], hole, method="patchmatch")
    blended = np.rint(255 * blend_array(filled / np.float32(255), hole, ~hole))
    assert np.array_equal(guided(IMAGE[:24, :20], hole, guide), blended)


def test_the_colors_of_a_fill_follow_the_known_pixels_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "match", lambda image, hole, box, *_, **__: np.full_like(image[box.slices], 150))
    result = guided(np.full_like(IMAGE, 100), HOLE, flat(150))
    assert (result[~HOLE] == 100).all()
    assert (result[MIDDLE] > 148).all()
    row = result[82, 60:67, 0].astype(int)  # from the edge of the hole inwards
    assert row[0] < 130
    assert (np.diff(row) > 0).all()


def test_known_pixels_survive_and_nothing_under_the_hole_leaks() -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    other = IMAGE.copy()
    other[HOLE] = 255
    result = fill(IMAGE, HOLE, method="guided")
    assert np.array_equal(result[~HOLE], IMAGE[~HOLE])
    assert np.array_equal(result, fill(other, HOLE, method="guided"))
    assert np.array_equal(result, fill(IMAGE, HOLE, method="guided"))


@pytest.mark.filterwarnings("error")
def test_no_warning_tells_of_what_the_guide_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "match", lambda image, hole, box, *_, **__: image[box.slices])
    hole = np.zeros((900, 900), dtype=bool)
    hole[280:620, 280:620] = True  # 170 px from its middle to what is known
    fill(np.zeros((900, 900, 3), dtype=np.uint8), hole, method="guided")


def test_dust_is_filled_biharmonically_and_the_guide_is_not_asked() -> None:
    hole = np.zeros((160, 150), dtype=bool)
    for top, left, size in ((10, 12, 3), (40, 100, 7), (90, 30, 5)):
        hole[top : top + size, left : left + size] = True

    def guide(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
        raise AssertionError("nothing is left to fill")

    assert np.array_equal(guided(IMAGE, hole, guide), biharmonic(IMAGE, hole))


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_candidates_side_by_side_give_the_same_bytes_as_one_after_the_other(shade: int) -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    random = np.random.default_rng(3)
    image = random.integers(0, 256, (300, 320, 3), dtype=np.uint8)
    image[:, 150:] //= 3
    hole = np.zeros((300, 320), dtype=bool)
    hole[100:140, 120:170] = hole[200:203, 20:23] = True
    one_by_one = guided(image, hole, flat(shade), seed=5)
    assert np.array_equal(guided(image, hole, flat(shade), seed=5, threads=4), one_by_one)
    assert np.array_equal(guided(image, hole, flat(shade), seed=5, threads=2), one_by_one)
