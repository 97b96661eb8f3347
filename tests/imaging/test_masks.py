"""Mask pictures as people draw them, and what is made of the hole."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from PIL import Image, ImageDraw, ImageFilter
from strategies import cases, holes, image_of, pixels_of

from inpaint_hub.imaging import masks

HOLE = np.zeros((20, 30), dtype=bool)
HOLE[4:11, 9:25] = True
WHERE = Image.fromarray(HOLE)


def drawn(background: Any, stroke: Any, mode: str = "RGBA") -> Image.Image:
    picture = Image.new(mode, WHERE.size, background)
    picture.paste(stroke, mask=WHERE)
    return picture


def as_jpeg(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=90)
    return Image.open(file)


PLAIN = {
    "white on black": drawn(0, 255, "L"),
    "white on black, as RGB": drawn("black", "white", "RGB"),
    "white on transparent": drawn((0, 0, 0, 0), "white"),
    "one bit": WHERE,
    "16 bit": Image.fromarray(HOLE.astype(np.uint16) * 65535),
    "palette": drawn("black", "white", "RGB").convert("P"),
    "0 and 1": drawn(0, 1, "L"),
}
STROKES = {
    "black on transparent": drawn((255, 255, 255, 0), "black"),
    "brown on transparent": drawn((0, 0, 0, 0), "#a05020"),
    "half grey on transparent": drawn((0, 0, 0, 0), (100, 100, 100, 200)),
    "grey with alpha": drawn((0, 0, 0, 0), "black").convert("LA"),
}
COLORED = {
    "red on black": drawn("black", "red", "RGB"),
    "red on white": drawn("white", "red", "RGB"),
    "blue on white, opaque RGBA": drawn("white", "blue"),
    "red on black as palette": drawn("black", "red", "RGB").convert("P"),
}
FAINT = {
    "grey on black": drawn(0, 100, "L"),
    "white on grey": drawn(180, 255, "L"),
    "dark grey": drawn("#0a0a0a", "#3c3c3c", "RGB"),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_white_is_the_hole_without_a_word(kind: str) -> None:
    hole, reading = masks.parse_mask(PLAIN[kind])
    assert np.array_equal(hole, HOLE)
    assert reading is None


@pytest.mark.parametrize(
    ("kind", "picture", "says"),
    [(kind, picture, "not transparent") for kind, picture in STROKES.items()]
    + [(kind, picture, "coloured") for kind, picture in COLORED.items()]
    + [(kind, picture, "neither black nor white") for kind, picture in FAINT.items()],
)
def test_other_strokes_are_understood_and_the_reading_is_told(kind: str, picture: Image.Image, says: str) -> None:
    hole, reading = masks.parse_mask(picture)
    assert np.array_equal(hole, HOLE), kind
    assert reading is not None
    assert says in reading


def voc_colors() -> list[int]:
    """The palette of the PASCAL VOC masks: the bits of a label, spread over red, green and blue."""
    return [
        sum((label >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
        for label in range(256)
        for channel in range(3)
    ]


def labelled(label: int, boundary: bool = True) -> np.ndarray:
    values = np.where(HOLE, np.uint8(label), np.uint8(0))
    if boundary:
        values[HOLE & ~masks.dilate(~HOLE, 1) ^ HOLE] = 255
    return values


@pytest.mark.parametrize("label", range(1, 21))
@pytest.mark.parametrize("kind", ["palette", "RGB", "grey", "16 bit", "LA"])
@pytest.mark.parametrize("boundary", [True, False])
def test_hole_of_takes_the_whole_object_of_a_label_picture(label: int, kind: str, boundary: bool) -> None:
    values = labelled(label, boundary)
    picture = Image.fromarray(values)
    if kind in ("palette", "RGB"):
        picture = Image.fromarray(values, mode="P")
        picture.putpalette(voc_colors())
        picture = picture if kind == "palette" else picture.convert("RGB")
    elif kind == "16 bit":
        picture = Image.fromarray(values.astype(np.uint16))
    elif kind == "LA":
        picture = picture.convert("LA")
    assert np.array_equal(masks.parse_mask(picture)[0], HOLE)


def test_hole_of_takes_several_labels_and_says_so() -> None:
    values = labelled(0, False)
    values[5:10, 3:9], values[12:17, 12:20] = 15, 200
    hole, reading = masks.parse_mask(Image.fromarray(values))
    assert np.array_equal(hole, values > 0)
    assert reading == masks.LABELS


def test_hole_of_asks_about_areas_of_several_colors_without_black() -> None:
    colors = np.zeros((20, 30, 3), dtype=np.uint8)
    colors[:10], colors[10:], colors[5:15, 5:15] = (70, 70, 70), (128, 64, 128), (244, 35, 232)
    with pytest.raises(ValueError, match="areas of 3 colours, none of them black, so it is not clear which should go"):
        masks.parse_mask(Image.fromarray(colors))


def photograph(mode: str = "RGB") -> Image.Image:
    with Image.open(ROOT / "examples/cat.jpg") as cat:
        return cat.resize((90, 60)).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("compressed", [False, True])
def test_hole_of_asks_about_a_photo(mode: str, compressed: bool) -> None:
    picture = photograph(mode)
    with pytest.raises(ValueError, match="looks like a photo, not like a mask"):
        masks.parse_mask(as_jpeg(picture) if compressed else picture)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_hole_of_takes_what_is_erased_in_a_photo(mode: str) -> None:
    picture = photograph(mode)
    erased = np.ones((60, 90), dtype=np.uint8) * 255
    erased[20:40, 30:50] = 0
    picture.putalpha(Image.fromarray(erased))
    hole, reading = masks.parse_mask(picture)
    assert np.array_equal(hole, erased == 0)
    assert reading == masks.ERASED


@pytest.mark.parametrize("size", [(30, 20), (400, 300)])
@pytest.mark.parametrize("blur", [1, 4, 20])
def test_hole_of_cuts_a_soft_brush_at_half(size: tuple[int, int], blur: int) -> None:
    picture = Image.new("L", size)
    picture.paste(255, (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4))
    soft = picture.filter(ImageFilter.GaussianBlur(blur * size[0] / 400))
    hole, reading = masks.parse_mask(soft)
    assert np.array_equal(hole, np.asarray(soft) > 127)
    assert reading is None


@pytest.mark.parametrize("picture", [drawn(0, 255, "L"), drawn("black", "red", "RGB"), drawn("white", "red", "RGB")])
def test_a_mask_saved_as_jpeg_is_read_the_same_but_for_its_edges(picture: Image.Image) -> None:
    hole, _ = masks.parse_mask(as_jpeg(picture))
    inside, outside = masks.dilate(HOLE, 2), ~masks.dilate(~HOLE, 2)
    assert hole[outside].all()
    assert not hole[~inside].any()


def test_a_soft_brush_is_cut_at_half_its_strength() -> None:
    soft = Image.new("RGBA", (9, 1), (255, 0, 0, 0))
    soft.putalpha(Image.fromarray(np.linspace(0, 255, 9, dtype=np.uint8)[None]))
    assert masks.parse_mask(soft)[0].tolist() == [[False] * 5 + [True] * 4]


def test_the_noise_of_a_black_jpeg_is_no_hole() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 20, (20, 30), dtype=np.uint8))
    assert not masks.parse_mask(noise)[0].any()


@given(hole=holes(12, 15))
def test_every_hole_survives_being_drawn_in_every_way(hole: np.ndarray) -> None:
    where = Image.fromarray(hole)
    for mode, background, stroke in (("L", 0, 255), ("RGBA", (0, 0, 0, 0), "black"), ("RGB", "black", "lime")):
        picture = Image.new(mode, where.size, background)
        picture.paste(stroke, mask=where)
        assert np.array_equal(masks.parse_mask(picture)[0], hole)


def test_an_empty_a_full_and_an_inverted_mask_are_asked_about() -> None:
    empty, full = np.zeros_like(HOLE), np.ones_like(HOLE)
    with pytest.raises(ValueError, match="marks nothing to fill: it is not white anywhere"):
        masks.validate_hole(empty)
    with pytest.raises(ValueError, match="marks nothing to fill: it is not black anywhere"):
        masks.validate_hole(full, invert=True)
    with pytest.raises(ValueError, match=r"marks everything.*--no-invert-mask fills it all"):
        masks.validate_hole(full)
    with pytest.raises(ValueError, match=r"marks 81% .*probably inverted.*--invert-mask fills what is black"):
        masks.validate_hole(~HOLE)
    assert np.array_equal(masks.validate_hole(~HOLE, invert=True), HOLE)
    assert np.array_equal(masks.validate_hole(~HOLE, invert=False), ~HOLE)
    assert masks.validate_hole(full, invert=False).all()


def test_a_large_hole_that_leaves_the_frame_is_no_question() -> None:
    large = np.zeros((20, 30), dtype=bool)
    large[1:-1, 1:-1] = True
    assert masks.validate_hole(large) is large
    sky = np.zeros((20, 30), dtype=bool)
    sky[:15] = True
    assert masks.validate_hole(sky) is sky


@given(px=st.integers(0, 30), hole=holes(17, 11))
def test_dilating_grows_by_so_many_pixels_in_every_direction(px: int, hole: np.ndarray) -> None:
    padded = np.pad(hole, px)
    expected = np.zeros_like(hole)
    for down in range(2 * px + 1):
        for right in range(2 * px + 1):
            expected |= padded[down : down + 17, right : right + 11]
    assert np.array_equal(masks.dilate(hole, px), expected)


@given(case=cases(), px=st.integers(0, 9))
def test_feathering_changes_no_known_pixel(case: tuple[str, Any, np.ndarray], px: int) -> None:
    kind, image, hole = case
    if kind.startswith("tensor"):
        return  # files hold none
    filled = image_of(kind, *hole.shape, seed=3)
    if kind.startswith("pil"):
        filled = image.copy() if kind in ("pil-P", "pil-PA") else filled
    result = masks.feather(image, hole, filled, px)
    if px and not hole.all():
        assert np.array_equal(pixels_of(result)[~hole], pixels_of(image)[~hole])
    assert type(result) is type(image)


def test_feathering_takes_the_step_out_of_the_seam_and_keeps_the_fill_inside() -> None:
    image = np.full((60, 60, 3), 100, dtype=np.uint8)
    hole = np.zeros((60, 60), dtype=bool)
    hole[10:50, 10:50] = True
    filled = np.where(hole[..., None], np.uint8(140), image)
    row = masks.feather(image, hole, filled, 8)[30, :, 0].astype(int)
    assert abs(row[10] - 100) <= 6, "the step is still there"
    assert row[25] == 140
    assert np.abs(np.diff(row[5:30])).max() <= 8
    assert (np.diff(row[9:25]) >= 0).all()


def test_feathering_leaves_a_seam_that_fits_alone() -> None:
    flat = np.full((20, 20, 3), 50, dtype=np.uint8)
    hole = np.zeros((20, 20), dtype=bool)
    hole[5:9, 5:30] = True
    assert np.array_equal(masks.feather(flat, hole, flat, 6), flat)


def test_a_stroke_drawn_with_smooth_edges_is_one_hole() -> None:
    picture = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line((5, 5, 35, 30), fill=(0, 255, 0, 255), width=5)
    smooth = picture.resize((20, 20), Image.Resampling.LANCZOS)
    hole, _ = masks.parse_mask(smooth)
    assert hole[8:10, 9:11].any()
    assert not hole[0].any()
