"""Texture copied from the photo, or painted by a network: whichever is more like its surroundings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from inpaint_hub import fill
from inpaint_hub.imaging.windows import Window
from inpaint_hub.methods import guided as module
from inpaint_hub.methods.classical import SEARCH_PX, Fill, biharmonic
from inpaint_hub.methods.guided import FACE_PREFERENCE, PAINTED_PX, VIEW_PX

IMAGE = np.random.default_rng(0).integers(0, 256, (160, 150, 3), dtype=np.uint8)
HOLE = np.zeros((160, 150), dtype=bool)
HOLE[70:95, 60:88] = True
MIDDLE = np.s_[80:85, 71:77]  # of the hole, where blending with what is around it hardly changes it
COPIED, PAINTED, FACE = 200, 60, 120


def paint(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """A network that paints one grey everywhere."""
    return np.where(hole[:, :, None], np.uint8(PAINTED), image)


def brightness(fills: Sequence[np.ndarray], hole: np.ndarray, known: np.ndarray) -> list[float]:
    """A judge to whom what is bright in the hole is far away."""
    return [float(one[hole].mean()) for one in fills]


def darkness(fills: Sequence[np.ndarray], hole: np.ndarray, known: np.ndarray) -> list[float]:
    """A judge to whom what is dark in the hole is far away."""
    return [-value for value in brightness(fills, hole, known)]


def paint_faces(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """A network for faces that paints another grey."""
    return np.where(hole[:, :, None], np.uint8(FACE), image)


def guided(image: np.ndarray, hole: np.ndarray, paint: Fill, distances: module.Distances, **options: int) -> np.ndarray:
    return module.guided(image, hole, paint, paint_faces, distances, **options)


def unasked(*_: object, **__: object) -> np.ndarray:
    raise AssertionError("there is nothing to choose from")


@pytest.fixture
def grey_copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """PatchMatch copies one grey; how far it looked, each time."""
    looked = []

    def match(image: np.ndarray, hole: np.ndarray, box: Window, context_px: int, /, *, seed: int = 0) -> np.ndarray:
        looked.append(context_px)
        return np.full((box.bottom - box.top, box.right - box.left, 3), COPIED, dtype=np.uint8)

    monkeypatch.setattr(module, "match", match)
    return looked


@pytest.mark.usefixtures("grey_copies")
@pytest.mark.parametrize(("distances", "taken"), [(brightness, PAINTED), (darkness, COPIED)])
def test_the_fill_that_is_nearer_to_its_surroundings_is_taken(distances: module.Distances, taken: int) -> None:
    result = guided(IMAGE, HOLE, paint, distances)
    assert np.abs(result[MIDDLE].astype(int) - taken).max() < 10
    assert np.array_equal(result[~HOLE], IMAGE[~HOLE])


@pytest.mark.usefixtures("grey_copies")
def test_patchmatch_is_kept_where_both_are_as_near() -> None:
    result = guided(IMAGE, HOLE, paint, lambda fills, hole, known: [0.5 for _ in fills])
    assert (result[MIDDLE] > 190).all()


@pytest.mark.usefixtures("grey_copies")
@pytest.mark.parametrize(("excess", "taken"), [(-0.01, FACE), (0.01, PAINTED)])
def test_a_face_may_be_somewhat_less_like_its_surroundings(
    excess: float, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_face", lambda *_: Window(40, 30, 140, 130))
    result = guided(IMAGE, HOLE, paint, lambda fills, hole, known: [1, 0.5, 0.5 + FACE_PREFERENCE + excess])
    assert np.abs(result[MIDDLE].astype(int) - taken).max() < 10


@pytest.mark.usefixtures("grey_copies")
def test_a_wide_hole_in_a_face_is_the_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    image, hole = np.full((300, 300, 3), COPIED, dtype=np.uint8), np.zeros((300, 300), dtype=bool)
    hole[100:120, 50 : 50 + PAINTED_PX + 1] = True
    monkeypatch.setattr(module, "find_face", lambda *_: Window(0, 0, 300, 300))
    result = guided(image, hole, unasked, brightness)
    assert np.abs(result[109:111, 80:160].astype(int) - FACE).max() < 15


def test_patchmatch_searches_once(grey_copies: list[int]) -> None:
    guided(IMAGE, HOLE, paint, brightness)
    assert grey_copies == [SEARCH_PX]


@pytest.mark.usefixtures("grey_copies")
def test_each_of_two_far_holes_is_chosen_for_itself() -> None:
    image = np.full((160, 5 * SEARCH_PX, 3), 128, dtype=np.uint8)
    left, right = np.zeros((2, *image.shape[:2]), dtype=bool)
    left[60:90, 300:330] = right[60:90, -330:-300] = True
    image[:, : image.shape[1] // 2] = 9

    def distances(fills: Sequence[np.ndarray], hole: np.ndarray, known: np.ndarray) -> list[float]:
        return (brightness if fills[0][0, 0, 0] == 9 else darkness)(fills, hole, known)

    result = guided(image, left | right, paint, distances)
    assert (result[72:78, 312:318] < 70).all()
    assert (result[72:78, -318:-312] > 190).all()


@pytest.mark.usefixtures("grey_copies")
@pytest.mark.parametrize(("width", "side"), [(20, VIEW_PX), (72, VIEW_PX), (100, 178), (PAINTED_PX, 256)])
def test_the_network_sees_a_hole_as_in_its_training(width: int, side: int) -> None:
    seen = []

    def network(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
        assert hole.sum() == width * width
        seen.append(image.shape)
        return paint(image, hole)

    image, hole = np.full((600, 500, 3), 200, dtype=np.uint8), np.zeros((600, 500), dtype=bool)
    hole[240 : 240 + width, 240 : 240 + width] = True
    guided(image, hole, network, brightness)
    assert seen == [(side, side, 3)]


@pytest.mark.usefixtures("grey_copies")
def test_a_hole_wider_than_what_the_network_paints_sharply_is_patchmatchs() -> None:
    hole = np.zeros((300, 300), dtype=bool)
    hole[100:120, 50 : 50 + PAINTED_PX + 1] = True
    result = guided(np.full((300, 300, 3), COPIED, dtype=np.uint8), hole, unasked, unasked)
    assert (result == COPIED).all()


@pytest.mark.usefixtures("grey_copies")
def test_the_judge_sees_nothing_of_what_is_under_another_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    hole = HOLE.copy()
    hole[20:50, 20:50] = True  # as the next piece of a long stroke
    monkeypatch.setattr(module, "boxes", lambda *_: [Window(20, 20, 50, 50), Window(70, 60, 95, 88)])
    seen = []

    def distances(fills: Sequence[np.ndarray], inside: np.ndarray, known: np.ndarray) -> list[float]:
        assert not (inside & known).any()
        seen.append([one.copy() for one in fills])
        return brightness(fills, inside, known)

    for value in (0, 255):
        image = IMAGE.copy()
        image[hole] = value
        guided(image, hole, paint, distances)
    half = len(seen) // 2
    for one, other in zip(seen[:half], seen[half:], strict=True):
        assert all(map(np.array_equal, one, other))


def test_the_colors_of_copies_follow_the_known_pixels_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "match", lambda image, hole, box, *_, **__: np.full_like(image[box.slices], 150))
    result = guided(np.full_like(IMAGE, 100), HOLE, lambda image, hole, **_: image, darkness)
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


@pytest.mark.usefixtures("grey_copies")
@pytest.mark.filterwarnings("error")
def test_no_warning_tells_of_what_the_network_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "boxes", lambda *_: [Window(112, 112, 240, 240)])  # a piece of a much wider hole
    hole = np.ones((256, 256), dtype=bool)
    hole[:, :40] = False  # over 200 px from the right edge of what the network is shown
    fill(np.zeros((256, 256, 3), dtype=np.uint8), hole, method="guided")


def test_dust_is_filled_biharmonically_and_the_network_is_not_asked() -> None:
    hole = np.zeros((160, 150), dtype=bool)
    for top, left, size in ((10, 12, 3), (40, 100, 7), (90, 30, 5)):
        hole[top : top + size, left : left + size] = True
    assert np.array_equal(guided(IMAGE, hole, unasked, unasked), biharmonic(IMAGE, hole))


@pytest.mark.parametrize("distances", [brightness, darkness])
def test_fills_side_by_side_give_the_same_bytes_as_one_after_the_other(distances: module.Distances) -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    image = np.random.default_rng(3).integers(0, 256, (300, 320, 3), dtype=np.uint8)
    image[:, 150:] //= 3
    hole = np.zeros((300, 320), dtype=bool)
    hole[100:140, 120:170] = hole[200:203, 20:23] = True
    one_by_one = guided(image, hole, paint, distances, seed=5)
    assert np.array_equal(guided(image, hole, paint, distances, seed=5, threads=4), one_by_one)
