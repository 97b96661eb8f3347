"""What a visitor does with a photo, at the photo's own size, with photos and masks as they come."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from sample_photos import layer_of, photo_of, some_hole

from inpaint_hub.imaging import deep_color, photo
from inpaint_hub.web import photo_edit
from inpaint_hub.web.browser_image import BROWSER_FORMATS, to_browser
from inpaint_hub.web.photo_edit import Edit
from inpaint_hub.web.validation import GoneError

LIMIT = 10**6
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "16-bit RGB", "16-bit RGBA"]
ENDINGS = {"CMYK": "tif", "F": "tif"}  # the others as PNG


@pytest.mark.parametrize("gone", ["photo", "mask", "edit"])
def test_a_file_that_was_deleted_meanwhile_is_told_without_its_path(tmp_path: Path, gone: str) -> None:
    files = {name: tmp_path / f"{name}.png" for name in ("photo", "mask", "edit")}
    for path in files.values():
        Image.fromarray(photo_of(40, 60, 3)).save(path)
    files[gone].unlink()
    edits = [Edit(str(files["edit"]), (0, 0, 60, 40))]
    with pytest.raises(GoneError, match=r"^The file was here for too long and was deleted\. Open it again\.$"):
        photo_edit.fill_hole(str(files["photo"]), edits, str(files["mask"]), str(tmp_path / "out"), "telea", LIMIT)


def saved(path: Path, pixels: np.ndarray, **options: object) -> str:
    Image.fromarray(pixels).save(path, **options)
    return str(path)


def photo_in(mode: str, folder: Path) -> str:
    """A photo of 60 × 40 pixels in a file, of a mode of Pillow's."""
    pixels = photo_of(40, 60, 4)
    if mode.startswith("16-bit"):
        (folder / "photo.png").write_bytes(
            deep_color.encode_16bit(pixels[..., : len(mode) - 7] * np.uint16(257), "PNG")
        )
        return str(folder / "photo.png")
    if mode == "I;16":
        picture = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    elif mode == "F":
        picture = Image.fromarray(pixels[..., 0].astype(np.float32) / 255)
    else:
        picture = (
            Image.fromarray(pixels).convert(mode) if mode == "LA" else Image.fromarray(pixels[..., :3]).convert(mode)
        )
    path = folder / f"photo.{ENDINGS.get(mode, 'png')}"
    picture.save(path)
    return str(path)


@pytest.mark.parametrize("mode", MODES)
def test_open_photo_writes_a_preview_of_every_mode(tmp_path: Path, mode: str) -> None:
    opened = photo_edit.open_photo(photo_in(mode, tmp_path), str(tmp_path), LIMIT)
    assert (opened.width, opened.height) == (60, 40)
    assert opened.preview is not None
    with Image.open(opened.preview) as preview:
        assert preview.format == "PNG"
        assert preview.size == (60, 40)


def test_open_photo_writes_no_preview_that_nobody_needs(tmp_path: Path) -> None:
    path = saved(tmp_path / "cat.jpg", photo_of(40, 60))
    assert photo_edit.open_photo(path, str(tmp_path), LIMIT, preview=False).preview is None
    (tmp_path / "tif").mkdir()
    path = saved(tmp_path / "cat.tif", photo_of(40, 60))
    assert photo_edit.open_photo(path, str(tmp_path), LIMIT, preview=False).preview is not None


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="{}"/></x:xmpmeta>'


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_open_photo_writes_a_preview_of_a_jpeg_that_only_xmp_turns(tmp_path: Path, orientation: int) -> None:
    pixels = Image.fromarray(photo_of(40, 60))
    pixels.save(tmp_path / "xmp.jpg", xmp=XMP.format(orientation).encode())
    opened = photo_edit.open_photo(str(tmp_path / "xmp.jpg"), str(tmp_path), LIMIT, preview=False)
    assert (opened.preview is None) == (orientation == 1)
    exif = Image.Exif()
    exif[274] = orientation
    pixels.save(tmp_path / "exif.jpg", exif=exif)  # as browsers understand it
    assert photo_edit.open_photo(str(tmp_path / "exif.jpg"), str(tmp_path), LIMIT, preview=False).preview is None


def test_open_photo_shows_a_dark_photo_of_16_bits_dark(tmp_path: Path) -> None:
    path = saved(tmp_path / "deep.tif", np.full((400, 400), 16448, dtype=np.uint16))
    opened = photo_edit.open_photo(path, str(tmp_path), LIMIT)
    with Image.open(str(opened.preview)) as preview:
        assert to_browser(preview).convert("RGB").getpixel((0, 0)) == (64, 64, 64)


def test_open_photo_refuses_too_many_pixels_and_broken_files(tmp_path: Path) -> None:
    path = saved(tmp_path / "cat.png", photo_of(40, 60))
    with pytest.raises(ValueError, match=r"cat\.png has 0\.00 megapixels, 0\.002 are allowed; scale"):
        photo_edit.open_photo(path, str(tmp_path), 2000)
    Image.new("1", (16000, 12000)).save(tmp_path / "bomb.png")  # more than Pillow itself allows
    with pytest.raises(ValueError, match=r"bomb\.png has 192\.00 megapixels, 1 are allowed; scale"):
        photo_edit.open_photo(str(tmp_path / "bomb.png"), str(tmp_path), LIMIT)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(ValueError, match=r"broken\.jpg is"):
        photo_edit.open_photo(str(tmp_path / "broken.jpg"), str(tmp_path), LIMIT)


def folder(path: Path) -> str:
    path.mkdir()
    return str(path)


@pytest.mark.parametrize("mode", MODES)
def test_fill_hole_and_save_photo_keep_every_other_pixel_of_every_mode(tmp_path: Path, mode: str) -> None:
    path, changed, edits = photo_in(mode, tmp_path), np.zeros((40, 60), dtype=bool), []
    for number, hole in enumerate((some_hole(40, 60), some_hole(40, 60)[::-1, ::-1])):
        mask = saved(tmp_path / f"mask{number}.png", hole)
        filled = photo_edit.fill_hole(path, edits, mask, folder(tmp_path / str(number)), "telea", LIMIT)
        assert filled.pixels == hole.sum()
        with Image.open(filled.shown) as shown:
            assert shown.format == "PNG"
            assert shown.size == filled.box[2:]
        edits.append(Edit(filled.patch, filled.box))
        changed |= hole
    result = photo_edit.save_photo(path, edits, folder(tmp_path / "out"), LIMIT)
    assert result.name == Path(path).name
    before, after = photo.read(path).image, photo.read(result.path).image
    assert type(after) is type(before)
    assert np.asarray(after).dtype == np.asarray(before).dtype
    assert np.array_equal(np.asarray(after)[~changed], np.asarray(before)[~changed])
    if mode != "1":
        assert not np.array_equal(np.asarray(after)[changed], np.asarray(before)[changed])


def test_fill_hole_shows_the_patch_in_the_photos_colours(tmp_path: Path) -> None:
    profile = b"a profile of 128 bytes or more" * 5
    path = saved(tmp_path / "cat.png", photo_of(40, 60), icc_profile=profile)
    mask = saved(tmp_path / "mask.png", some_hole(40, 60))
    filled = photo_edit.fill_hole(path, [], mask, folder(tmp_path / "out"), "telea", LIMIT)
    with Image.open(filled.shown) as shown:
        assert shown.info["icc_profile"] == profile


def test_fill_hole_tells_where_the_hole_is(tmp_path: Path) -> None:
    hole = np.zeros((400, 600), dtype=bool)
    hole[100:120, 580:600] = True
    path, mask = saved(tmp_path / "cat.png", photo_of(400, 600)), saved(tmp_path / "mask.png", hole)
    filled = photo_edit.fill_hole(path, [], mask, folder(tmp_path / "out"), "telea", LIMIT)
    assert filled.hole == (580, 100, 20, 20)
    margin = photo_edit.PATCH_MARGIN_PX
    assert filled.box == (580 - margin, 100 - margin, 20 + margin, 20 + 2 * margin)


def test_save_photo_refuses_edits_of_another_photo(tmp_path: Path) -> None:
    path = saved(tmp_path / "cat.png", photo_of(40, 60))
    grey = saved(tmp_path / "grey.png", photo_of(40, 60)[..., 0])
    for patch, box in ((path, (0, 0, 60, 41)), (path, (1, 0, 60, 40)), (grey, (0, 0, 60, 40)), (path, (0, 0, 0, 0))):
        with pytest.raises(ValueError, match="do not fit"):
            photo_edit.save_photo(path, [Edit(patch, box)], str(tmp_path), LIMIT)


def test_save_photo_writes_png_where_the_photos_own_format_is_only_read(tmp_path: Path) -> None:
    header = b"8BPS" + struct.pack(">H6xHIIHHIIIH", 1, 3, 2, 2, 8, 3, 0, 0, 0, 0)
    (tmp_path / "photo.psd").write_bytes(header + bytes(12))
    saved_photo = photo_edit.save_photo(str(tmp_path / "photo.psd"), [], str(tmp_path), LIMIT)
    assert saved_photo.name == "photo.png"
    with Image.open(saved_photo.path) as picture:
        assert picture.format == "PNG"


def test_save_photo_writes_heic_as_jpeg_and_says_so(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pictures = [Image.new("RGB", (60, 40), color) for color in ("navy", "gold")]
    pillow_heif.from_pillow(pictures[0]).save(tmp_path / "one.heic")
    pillow_heif.register_heif_opener()
    pictures[0].save(tmp_path / "several.heic", save_all=True, append_images=pictures[1:])
    for name, count in (("one.heic", 1), ("several.heic", 2)):
        path = str(tmp_path / name)
        opened = photo_edit.open_photo(path, str(tmp_path), LIMIT)
        assert len(opened.notes) == count
        assert photo_edit.CONVERTED in opened.notes
        mask = saved(tmp_path / "mask.png", some_hole(40, 60))
        filled = photo_edit.fill_hole(path, [], mask, str(tmp_path), "telea", LIMIT)
        saved_photo = photo_edit.save_photo(path, [Edit(filled.patch, filled.box)], str(tmp_path), LIMIT)
        assert saved_photo.name == name.replace("heic", "jpg")
        with Image.open(saved_photo.path) as picture:
            assert picture.format == "JPEG"


def test_read_mask_gives_what_a_mask_of_any_size_marks(tmp_path: Path) -> None:
    path, hole = saved(tmp_path / "cat.png", photo_of(40, 60)), some_hole(40, 60)
    mask = saved(tmp_path / "mask.png", hole.repeat(2, 0).repeat(2, 1))
    marked = photo_edit.read_mask(path, [], mask, str(tmp_path), LIMIT)
    left, top, width, height = marked.box
    with Image.open(marked.shown) as picture:
        alpha = np.asarray(picture.getchannel("A")) > 127
    found = np.zeros_like(hole)
    found[top : top + height, left : left + width] = alpha
    assert np.array_equal(found, hole)
    empty = saved(tmp_path / "mask.png", np.zeros_like(hole))
    with pytest.raises(ValueError, match="Nothing is marked"):
        photo_edit.read_mask(path, [], empty, str(tmp_path), LIMIT)


def test_a_phone_photo_is_upright_in_the_copy_and_in_the_result(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = saved(tmp_path / "phone.png", photo_of(400, 600), exif=exif)
    upright = photo.read(path).image
    assert upright.size == (400, 600)
    hole = some_hole(600, 400)
    filled = photo_edit.fill_photo(path, None, [layer_of(hole)], str(tmp_path / "out"), "telea", LIMIT)
    with Image.open(filled.path) as result:
        assert np.array_equal(np.asarray(result)[~hole], np.asarray(upright)[~hole])
    assert filled.pixels == hole.sum()


@pytest.mark.parametrize(("ending", "channels"), [("png", 4), ("tif", 3), ("webp", 3), ("bmp", 3)])
def test_the_result_has_the_photos_name_and_format_and_something_to_show(
    tmp_path: Path, ending: str, channels: int
) -> None:
    pixels, hole = photo_of(40, 60, channels), some_hole(40, 60)
    path = saved(tmp_path / f"my photo.{ending}", pixels, **({"lossless": True} if ending == "webp" else {}))
    filled = photo_edit.fill_photo(path, None, [layer_of(hole)], str(tmp_path / "out"), "telea", LIMIT)
    assert Path(filled.path).name == f"my photo.{ending}"
    with Image.open(filled.path) as result, Image.open(path) as source:
        assert result.format == source.format
        assert np.array_equal(np.asarray(result)[~hole], pixels[~hole])
    for shown in (filled.before, filled.after):
        with Image.open(shown) as picture:
            assert picture.format in BROWSER_FORMATS


def test_a_jpeg_can_go_out_as_png_with_its_other_pixels_exact(tmp_path: Path) -> None:
    path, hole = saved(tmp_path / "cat.jpg", photo_of(40, 60)), some_hole(40, 60)
    filled = photo_edit.fill_photo(path, None, [layer_of(hole)], str(tmp_path / "out"), "telea", LIMIT, as_png=True)
    assert Path(filled.path).name == "cat.png"
    with Image.open(filled.path) as result, Image.open(path) as source:
        assert np.array_equal(np.asarray(result)[~hole], np.asarray(source)[~hole])


def test_a_picture_named_like_a_page_goes_out_named_like_a_picture(tmp_path: Path) -> None:
    path = saved(tmp_path / "evil.html", photo_of(40, 60), format="PNG")
    filled = photo_edit.fill_photo(path, None, [layer_of(some_hole(40, 60))], str(tmp_path / "out"), "telea", LIMIT)
    assert Path(filled.path).name == "evil.png"


def test_a_mask_file_adds_to_the_strokes_and_grows_with_them(tmp_path: Path) -> None:
    path, hole = saved(tmp_path / "cat.png", photo_of(40, 60)), some_hole(40, 60)
    mask = saved(tmp_path / "mask.png", hole)
    strokes = [layer_of(hole[::-1])]
    filled = photo_edit.fill_photo(path, mask, strokes, str(tmp_path / "out"), "telea", LIMIT, grow_px=2)
    grown = [np.pad(hole[::step], 2) for step in (1, -1)]
    around = [np.roll(part, (down, right), (0, 1)) for part in grown for down in range(-2, 3) for right in range(-2, 3)]
    assert filled.pixels == np.any(around, axis=0)[2:-2, 2:-2].sum()


def test_an_empty_and_a_full_hole_are_refused_with_a_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path / "cat.png", photo_of(40, 60))
    with pytest.raises(ValueError, match="Nothing is marked"):
        photo_edit.fill_photo(path, None, [], str(tmp_path), "telea", LIMIT)
    everything = layer_of(np.ones((40, 60), dtype=bool))
    with pytest.raises(ValueError, match="Everything is marked"):
        photo_edit.fill_photo(path, None, [everything], str(tmp_path), "telea", LIMIT)
