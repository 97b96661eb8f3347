"""A face around a hole: found, framed as in training, and filled at its own scale."""

from __future__ import annotations

import numpy as np
import pytest

from inpaint_hub import fill
from inpaint_hub.imaging.windows import Window
from inpaint_hub.methods.faces import SIDE_PX, WIDEST, find_face, paint_face

data = pytest.importorskip("skimage.data")
PHOTO = data.astronaut()  # NASA's portrait of Eileen Collins, in the public domain
FACE = Window(60, 165, 190, 285)  # by eye, chin to hair
EYE = Window(100, 184, 128, 216)


def without(box: Window, color: int = 150) -> np.ndarray:
    image = PHOTO.copy()
    image[box.slices] = color
    return image


def holding(box: Window) -> np.ndarray:
    hole = np.zeros(PHOTO.shape[:2], dtype=bool)
    hole[box.slices] = True
    return hole


@pytest.mark.parametrize(
    "hole", [EYE, Window(140, 205, 170, 255), Window(115, 210, 145, 240)], ids=["eye", "mouth", "nose"]
)
def test_a_face_is_found_around_a_part_that_is_missing(hole: Window) -> None:
    face = find_face(without(hole), hole)
    assert face is not None
    assert face.bottom - face.top == face.right - face.left
    assert 0.6 * FACE.area < face.intersection(FACE).area
    assert face.area < 4 * FACE.area


@pytest.mark.parametrize(
    "hole",
    [Window(20, 20, 60, 60), Window(400, 200, 440, 240), Window(300, 420, 330, 460), Window(110, 212, 116, 218)],
    ids=["flag", "suit", "shuttle", "too small to tell"],
)
def test_no_face_is_found_where_none_is_around_the_hole(hole: Window) -> None:
    assert find_face(without(hole), hole) is None


@pytest.mark.parametrize("side", [1, 5, 23, 40])
def test_an_image_too_small_for_a_face_has_none(side: int) -> None:
    assert find_face(np.zeros((side, side, 3), dtype=np.uint8), Window(0, 0, side, side)) is None


def test_a_hole_wider_than_in_training_is_no_part_of_a_face() -> None:
    face = find_face(without(EYE), EYE)
    assert face is not None
    wide = round(WIDEST * (face.right - face.left)) + 20
    hole = Window(100, 170, 130, 170 + wide)
    found = find_face(PHOTO, hole)
    assert found is None or WIDEST * (found.right - found.left) >= wide - 1


@pytest.mark.parametrize("scale", [2, 3])
def test_the_face_is_framed_alike_at_every_scale(scale: int) -> None:
    face = find_face(without(EYE), EYE)
    larger = find_face(without(EYE).repeat(scale, axis=0).repeat(scale, axis=1), Window(*(scale * x for x in EYE)))
    assert face is not None
    assert larger is not None
    assert np.allclose(np.array(larger) / scale, face, atol=0.15 * (face.right - face.left))


@pytest.mark.parametrize("cut", [40, 60])
def test_a_face_at_the_edge_is_framed_within_the_photo(cut: int) -> None:
    hole = EYE.moved(-cut, -150)
    image = without(EYE)[cut:, 150:]
    face = find_face(image, hole)
    assert face is not None
    assert face.top >= 0
    assert face.left >= 0
    assert face.bottom <= len(image)


def test_the_network_sees_the_face_at_the_size_of_its_training_images_and_nothing_under_the_hole() -> None:
    seen = []

    def network(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
        seen.append((image[~hole], hole))
        return image

    face = Window(20, 110, 220, 310)
    for color in (0, 255):
        paint_face(without(EYE, color), holding(EYE), EYE, face, network, 0)
    (one, hole), (other, _) = seen
    assert hole.shape == (SIDE_PX, SIDE_PX)
    assert hole.mean() == pytest.approx(EYE.area / face.area, rel=0.15)
    assert np.array_equal(one, other)


def test_what_the_network_paints_lies_where_the_hole_is() -> None:
    def network(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
        columns = np.linspace(0, 255, SIDE_PX).astype(np.uint8)
        return np.broadcast_to(columns[None, :, None], image.shape).copy()

    face = Window(20, 110, 220, 310)
    image = np.empty_like(PHOTO)
    image[:] = np.clip((np.arange(PHOTO.shape[1]) - face.left) * 255 / 200, 0, 255).astype(np.uint8)[None, :, None]
    filled = paint_face(image, holding(EYE), EYE, face, network, 0)
    assert np.abs(filled.astype(int) - image[EYE.slices]).max() <= 4


def test_a_missing_eye_is_painted_nearer_to_the_photo_than_by_copying() -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    hole = holding(EYE)
    error = {
        method: np.abs(fill(PHOTO, hole, method=method).astype(int) - PHOTO)[hole].mean()
        for method in ("guided", "patchmatch", "photos")
    }
    assert error["guided"] < 0.8 * min(error["patchmatch"], error["photos"])


def test_what_is_under_a_hole_in_a_face_changes_nothing() -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    hole = holding(EYE)
    results = [fill(without(EYE, color), hole, method="guided") for color in (0, 255)]
    assert np.array_equal(*results)
    assert np.array_equal(results[0][~hole], PHOTO[~hole])
