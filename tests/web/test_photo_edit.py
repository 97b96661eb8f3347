"""What a visitor's edit means at the photo's own size, with photos and masks as they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from inpaint_hub.web import photo_edit
from inpaint_hub.web.photo_edit import copied, editing_copy, hole_at

LIMIT = 10**6


def layer_of(hole: np.ndarray, color: tuple[int, int, int] = (255, 138, 61)) -> Image.Image:
    """What the editor hands over when `hole` (H, W) is brushed over."""
    return Image.fromarray(hole[..., None] * np.array([*color, 255], dtype=np.uint8))


def some_hole(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), dtype=bool)
    hole[height // 4 : height // 2, width // 3 : width // 2] = True
    return hole


def photo_of(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def saved(path: Path, pixels: np.ndarray, **options: object) -> str:
    Image.fromarray(pixels).save(path, **options)
    return str(path)


def test_what_is_brushed_over_is_the_hole() -> None:
    hole = some_hole(12, 18)
    assert np.array_equal(hole_at((18, 12), [layer_of(hole)]), hole)


def test_several_layers_add_up() -> None:
    first, second = some_hole(12, 18), some_hole(12, 18)[::-1]
    assert np.array_equal(hole_at((18, 12), [layer_of(first), layer_of(second)]), first | second)


@pytest.mark.parametrize("layers", [[], [Image.new("RGBA", (18, 12))], [Image.new("L", (18, 12))]])
def test_nothing_brushed_over_is_an_empty_hole(layers: list[Image.Image]) -> None:
    hole = hole_at((18, 12), layers)
    assert hole.shape == (12, 18)
    assert not hole.any()


def test_brushing_everything_over_is_a_hole_everywhere() -> None:
    assert hole_at((18, 12), [layer_of(np.ones((12, 18), dtype=bool))]).all()


@pytest.mark.parametrize(("black", "white"), [(0, 255), (127, 128), (3, 250)])
def test_an_opaque_mask_is_read_as_black_and_white(black: int, white: int) -> None:
    hole = some_hole(12, 18)
    grey = Image.fromarray(np.where(hole, white, black).astype(np.uint8))
    for mask in (grey, grey.convert("RGBA")):
        assert np.array_equal(hole_at((18, 12), [mask]), hole)


@pytest.mark.parametrize("size", [(4000, 3000), (3001, 2003)])
def test_strokes_on_a_smaller_copy_cover_the_same_part_of_the_photo(size: tuple[int, int]) -> None:
    copy = copied(Image.new("RGB", size))
    hole = some_hole(copy.height, copy.width)
    found = hole_at(size, [layer_of(hole)])
    exact = np.asarray(Image.fromarray(hole).resize(size, Image.Resampling.NEAREST))
    assert (found != exact).mean() < 0.002


def test_strokes_on_an_enlarged_copy_take_every_pixel_that_they_touch() -> None:
    copy = copied(Image.new("RGB", (32, 32)))
    assert copy.size == (384, 384)
    stroke = np.zeros((384, 384), dtype=bool)
    stroke[130, 61] = True
    assert np.argwhere(hole_at((32, 32), [layer_of(stroke)])).tolist() == [[130 // 12, 61 // 12]]


def test_a_mask_of_other_proportions_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match="mask is 20×12 but the photo is 18×12; resize"):
        hole_at((18, 12), [layer_of(some_hole(12, 20))])


@pytest.mark.parametrize("size", [(1, 1), (32, 20), (700, 500), (5000, 40), (40, 5000)])
def test_a_copy_fits_the_screen_and_its_strokes_fit_the_photo(size: tuple[int, int]) -> None:
    copy = copied(Image.new("RGB", size))
    assert 384 <= max(copy.size) <= 1024
    assert hole_at(size, [layer_of(np.ones(copy.size[::-1], dtype=bool))]).all()


@pytest.mark.parametrize(("mode", "shown"), [("L", "RGB"), ("I;16", "RGB"), ("LA", "RGBA"), ("CMYK", "RGB")])
def test_a_copy_can_be_shown_whatever_the_mode(mode: str, shown: str) -> None:
    assert copied(Image.new(mode, (400, 300))).mode == shown


def test_a_dark_photo_of_16_bits_is_not_shown_white(tmp_path: Path) -> None:
    path = saved(tmp_path / "deep.png", np.full((400, 400), 16448, dtype=np.uint16))
    assert editing_copy(path, LIMIT).getpixel((0, 0)) == (64, 64, 64)


def test_a_phone_photo_is_upright_in_the_copy_and_in_the_result(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = saved(tmp_path / "phone.png", photo_of(400, 600), exif=exif)
    copy = editing_copy(path, LIMIT)
    assert copy.size == (400, 600)
    hole = some_hole(600, 400)
    filled = photo_edit.fill(path, None, [layer_of(hole)], str(tmp_path / "out"), "telea", LIMIT)
    with Image.open(filled.path) as result:
        assert np.array_equal(np.asarray(result)[~hole], np.asarray(copy)[~hole])
    assert filled.pixels == hole.sum()


@pytest.mark.parametrize(("ending", "channels"), [("png", 4), ("tif", 3), ("webp", 3), ("bmp", 3)])
def test_the_result_has_the_photos_name_and_format_and_something_to_show(
    tmp_path: Path, ending: str, channels: int
) -> None:
    pixels, hole = photo_of(40, 60, channels), some_hole(40, 60)
    path = saved(tmp_path / f"my photo.{ending}", pixels, **({"lossless": True} if ending == "webp" else {}))
    filled = photo_edit.fill(path, None, [layer_of(hole)], str(tmp_path / "out"), "telea", LIMIT)
    assert Path(filled.path).name == f"my photo.{ending}"
    with Image.open(filled.path) as result, Image.open(path) as source:
        assert result.format == source.format
        assert np.array_equal(np.asarray(result)[~hole], pixels[~hole])
    for shown in (filled.before, filled.after):
        with Image.open(shown) as picture:
            assert picture.format in photo_edit.SHOWN


def test_a_jpeg_can_go_out_as_png_with_its_other_pixels_exact(tmp_path: Path) -> None:
    path, hole = saved(tmp_path / "cat.jpg", photo_of(40, 60)), some_hole(40, 60)
    filled = photo_edit.fill(path, None, [layer_of(hole)], str(tmp_path / "out"), "telea", LIMIT, as_png=True)
    assert Path(filled.path).name == "cat.png"
    with Image.open(filled.path) as result, Image.open(path) as source:
        assert np.array_equal(np.asarray(result)[~hole], np.asarray(source)[~hole])


def test_a_picture_named_like_a_page_goes_out_named_like_a_picture(tmp_path: Path) -> None:
    path = saved(tmp_path / "evil.html", photo_of(40, 60), format="PNG")
    filled = photo_edit.fill(path, None, [layer_of(some_hole(40, 60))], str(tmp_path / "out"), "telea", LIMIT)
    assert Path(filled.path).name == "evil.png"


def test_a_mask_file_adds_to_the_strokes_and_grows_with_them(tmp_path: Path) -> None:
    path, hole = saved(tmp_path / "cat.png", photo_of(40, 60)), some_hole(40, 60)
    mask = saved(tmp_path / "mask.png", hole)
    strokes = [layer_of(hole[::-1])]
    filled = photo_edit.fill(path, mask, strokes, str(tmp_path / "out"), "telea", LIMIT, grow_px=2)
    grown = [np.pad(hole[::step], 2) for step in (1, -1)]
    around = [np.roll(part, (down, right), (0, 1)) for part in grown for down in range(-2, 3) for right in range(-2, 3)]
    assert filled.pixels == np.any(around, axis=0)[2:-2, 2:-2].sum()


def test_an_empty_and_a_full_hole_are_refused_with_a_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path / "cat.png", photo_of(40, 60))
    with pytest.raises(ValueError, match="Nothing is brushed over yet"):
        photo_edit.fill(path, None, [], str(tmp_path), "telea", LIMIT)
    everything = layer_of(np.ones((40, 60), dtype=bool))
    with pytest.raises(ValueError, match="Everything is brushed over"):
        photo_edit.fill(path, None, [everything], str(tmp_path), "telea", LIMIT)


def test_a_photo_with_too_many_pixels_and_a_broken_one_are_refused_with_a_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path / "cat.png", photo_of(40, 60))
    with pytest.raises(ValueError, match=r"cat\.png has 0\.00 megapixels, 0\.002 are allowed; scale"):
        editing_copy(path, 2000)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(ValueError, match=r"broken\.jpg is"):
        editing_copy(str(tmp_path / "broken.jpg"), LIMIT)
