"""A photo goes out as it came in, through real files."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin, PngImagePlugin
from strategies import image_of

from inpaint_hub.imaging import encoding, photo
from inpaint_hub.methods.registry import fill_file, get_method

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WITH_ALL = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"]
SUFFIX = {"JPEG": ".jpg", "TIFF": ".tif"}


def exif_of(orientation: int, maker: str, note: bytes) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = maker, orientation
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = note
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return exif.tobytes()


def file_of(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def png_of(side: int, bits: int, pixels: bytes) -> bytes:
    """A square colour PNG, as Pillow cannot write it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def no_hole(taken: photo.Photo) -> np.ndarray:
    return np.zeros(taken.size[::-1], dtype=bool)


def again(data: bytes, name: str = "photo") -> tuple[photo.Photo, Image.Image]:
    """The photo in `data`, and what is written of it, opened by Pillow alone."""
    taken = photo.decode(data, name)
    written, _ = encoding.encode(taken, taken.image, no_hole(taken), taken.format)
    image = Image.open(io.BytesIO(written))
    image.load()
    return taken, image


@pytest.mark.parametrize("format", WITH_ALL)
@given(
    orientation=st.integers(1, 8),
    maker=st.text("ABCxyz 123", min_size=1, max_size=9).map(str.strip).filter(bool),
    note=st.binary(min_size=5, max_size=40),
    dpi=st.integers(1, 1200),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
)
def test_exif_icc_and_dpi_survive_and_orientation_is_applied(
    format: str, orientation: int, maker: str, note: bytes, dpi: int, size: tuple[int, int]
) -> None:
    stored = image_of("pil-RGB", size[1], size[0], seed=dpi)
    exif = exif_of(orientation, maker, note)
    taken, result = again(file_of(stored, format, exif=exif, icc_profile=ICC, dpi=(dpi, dpi), lossless=True))
    upright = stored if orientation == 1 else stored.transpose(photo.TURNS[orientation])
    assert result.format == format
    assert taken.image.size == result.size == upright.size
    if format not in ("JPEG", "AVIF"):
        assert np.array_equal(np.array(result), np.array(upright))
    tags = result.getexif()
    assert tags.get(ExifTags.Base.Orientation, 1) == 1
    assert tags[ExifTags.Base.Make] == maker
    assert tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] == note
    assert tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert result.info["icc_profile"] == ICC
    if format not in ("WEBP", "AVIF"):  # which have no place for it
        assert [round(value) for value in result.info["dpi"]] == [dpi, dpi]


LOSSLESS = [
    *(("PNG", mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")),
    *(("TIFF", mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK", "F")),
    *(("WEBP", mode) for mode in ("RGB", "RGBA")),
    *(("BMP", mode) for mode in ("RGB", "L", "P", "1")),
    ("GIF", "P"), ("GIF", "L"), ("JPEG2000", "RGB"), ("JPEG2000", "I;16"), ("PPM", "RGB"), ("TGA", "RGBA"),
]  # fmt: skip


@pytest.mark.parametrize(("format", "mode"), LOSSLESS)
@given(height=st.integers(1, 24), width=st.integers(1, 24), seed=st.integers(0, 99))
def test_known_pixels_alpha_and_depth_are_the_files_own(
    format: str, mode: str, height: int, width: int, seed: int
) -> None:
    data = file_of(image_of(f"pil-{mode}", height, width, seed), format, **encoding.NEW.get(format, {}))
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    _, result = again(data)
    assert (result.format, result.mode, result.size) == (image.format, image.mode, image.size)
    colors = ("RGBA",) if mode in ("P", "RGBA", "LA") else (image.mode,)
    for color in colors:
        assert np.array_equal(np.array(result.convert(color)), np.array(image.convert(color)))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_keeps_its_tables_and_subsampling(subsampling: str, quality: int, progressive: bool) -> None:
    with Image.open(ROOT / "examples/cat.jpg") as cat:
        small = cat.resize((96, 64))
    data = file_of(small, "JPEG", quality=quality, subsampling=subsampling, progressive=progressive, comment=b"hello")
    with Image.open(io.BytesIO(data)) as before:
        before.load()
    _, after = again(data)
    assert isinstance(before, JpegImagePlugin.JpegImageFile)
    assert isinstance(after, JpegImagePlugin.JpegImageFile)
    assert after.quantization == before.quantization
    assert JpegImagePlugin.get_sampling(after) == JpegImagePlugin.get_sampling(before)
    assert bool(after.info.get("progressive")) is progressive
    assert after.info["comment"] == b"hello"
    assert np.abs(np.array(after, dtype=float) - np.array(before)).mean() < 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_grey_or_cmyk_jpeg_stays_one(mode: str) -> None:
    image = Image.new("RGB", (32, 24), (200, 120, 40)).convert(mode)
    _, after = again(file_of(image, "JPEG", quality=90))
    assert after.mode == mode
    assert np.abs(np.array(after, dtype=float) - np.array(image)).max() <= 2


def test_an_rgb_jpeg_stays_one() -> None:
    image = Image.new("RGB", (32, 24), (200, 120, 40))
    _, after = again(file_of(image, "JPEG", quality=90, keep_rgb=True))
    assert after.info["adobe_transform"] == 0
    assert np.abs(np.array(after, dtype=float) - np.array(image)).max() <= 2


def test_text_gamma_and_xmp_of_a_png_survive() -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Title", "A cat")
    chunks.add(b"gAMA", struct.pack(">I", 45455))
    xmp = '<x tiff:Orientation="6" a="b"/>'
    chunks.add_itxt("XML:com.adobe.xmp", xmp)
    _, after = again(file_of(Image.new("RGB", (3, 3)), "PNG", pnginfo=chunks))
    assert isinstance(after, PngImagePlugin.PngImageFile)
    assert after.text["Title"] == "A cat"
    assert after.info["gamma"] == pytest.approx(0.45455)
    assert after.info["XML:com.adobe.xmp"] == xmp.replace("6", "1")


@pytest.mark.parametrize(("before", "after"), [("JPEG", "PNG"), ("PNG", "JPEG"), ("WEBP", "TIFF"), ("TIFF", "AVIF")])
def test_another_format_takes_along_what_it_can_hold(before: str, after: str) -> None:
    data = file_of(Image.new("RGB", (8, 8)), before, exif=exif_of(1, "M", b"12345"), icc_profile=ICC, dpi=(300, 300))
    taken = photo.decode(data, "photo")
    written, notes = encoding.encode(taken, taken.image, no_hole(taken), after)
    with Image.open(io.BytesIO(written)) as image:
        assert (image.format, image.info["icc_profile"]) == (after, ICC)
        assert image.getexif()[ExifTags.Base.Make] == "M"
    assert ("AVIF cannot hold all that came with the photo; left out: dpi" in notes) == (after == "AVIF")


def test_the_thumbnail_in_the_exif_does_not_show_what_was_filled() -> None:
    thumbnail = file_of(Image.new("RGB", (8, 8), (255, 0, 0)), "JPEG")
    first = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, ExifTags.Base.Orientation, 3, 1, 6, 0, 26)
    second = struct.pack("<HHHIIHHIII", 2, 0x201, 4, 1, 56, 0x202, 4, 1, len(thumbnail), 0)
    exif = b"Exif\0\0" + first + second + thumbnail
    assert Image.Exif().get_ifd(ExifTags.IFD.IFD1) == {}
    data = file_of(Image.new("RGB", (8, 6)), "JPEG", exif=exif)
    with Image.open(io.BytesIO(data)) as before:
        assert before.getexif().get_ifd(ExifTags.IFD.IFD1)[0x202] == len(thumbnail), "the test's own EXIF is wrong"
    _, after = again(data)
    assert after.getexif().get_ifd(ExifTags.IFD.IFD1) == {}
    assert thumbnail not in after.info["exif"]
    assert after.size == (6, 8)


def _animation(format: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 100, 200)]
    return file_of(frames[0], format, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_an_animation_or_pages_are_refused_since_the_rest_would_be_lost(format: str) -> None:
    with pytest.raises(ValueError, match=r"photo holds 3 pictures.*as a file of its own"):
        photo.decode(_animation(format), "photo")


def test_a_phones_jpeg_with_a_second_picture_is_taken_and_says_so() -> None:
    taken = photo.decode(_animation("MPO"), "photo")
    written, notes = encoding.encode(taken, taken.image, no_hole(taken), taken.format)
    assert "left out: further pictures (a preview or a depth map)" in notes[-1]
    with Image.open(io.BytesIO(written)) as after:
        assert after.format == "JPEG"


BROKEN = {
    "empty": (b"", "photo is empty; give a picture"),
    "text": (b"hello", "photo is no picture"),
    "half a PNG": (file_of(Image.effect_noise((64, 64), 50), "PNG")[:900], "photo is broken"),
    "half a JPEG": (file_of(Image.effect_noise((64, 64), 50), "JPEG")[:900], "photo is broken"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "photo is HEIC.*convert it to JPEG or PNG"),
    "a bomb": (png_of(30_000, 8, b""), "megapixels, 178.957 are allowed; scale it down"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_cannot_be_read_is_told_in_a_sentence(kind: str) -> None:
    data, says = BROKEN[kind]
    with pytest.raises(ValueError, match=says):
        photo.decode(data, "photo")


@given(position=st.integers(0, 10_000), value=st.integers(0, 255), format=st.sampled_from(WITH_ALL))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(position: int, value: int, format: str) -> None:
    data = bytearray(file_of(image_of("pil-RGB", 16, 16, seed=1), format, exif=exif_of(6, "M", b"12345")))
    data[position % len(data)] = value
    with suppress(ValueError):
        taken = photo.decode(bytes(data), "photo")
        encoding.encode(taken, taken.image, no_hole(taken), taken.format)


@pytest.mark.parametrize(
    ("mode", "format", "others"), [("RGBA", "JPEG", ".png or .tif"), ("F", "PNG", ".tif"), ("F", "AVIF", ".tif")]
)
def test_a_format_that_cannot_hold_the_picture_is_refused(mode: str, format: str, others: str) -> None:
    taken = photo.decode(file_of(image_of(f"pil-{mode}", 4, 4, seed=1), "TIFF"), "photo.tif")
    says = rf"photo.tif cannot be written as {format} \(cannot write mode {mode} .* that it came in, or as {others}$"
    with pytest.raises(ValueError, match=says):
        encoding.encode(taken, taken.image, no_hole(taken), format)


def test_a_format_that_the_photo_came_in_is_not_recommended_where_it_fails() -> None:
    taken = photo.decode(file_of(Image.new("P", (4, 4)), "BLP", blp_version="BLP2"), "photo.blp")
    with pytest.raises(ValueError, match=r"photo.blp cannot be written as BLP \(.*\); write it as .png or .tif$"):
        encoding.encode(taken, taken.image, no_hole(taken), "BLP")


def test_the_format_is_the_photos_own_unless_the_name_says_otherwise() -> None:
    png_called_jpg = photo.decode(file_of(Image.new("RGB", (2, 2)), "PNG"), "photo.JPG")
    assert encoding.format_for(png_called_jpg, "out/other.jpg") == "PNG"
    assert encoding.format_for(png_called_jpg, "out/other.tif") == "TIFF"
    for ending in ("xyz", "psd"):
        with pytest.raises(ValueError, match=rf"other.{ending} ends in no picture format .* write a .png or .tif"):
            encoding.format_for(png_called_jpg, f"other.{ending}")


@pytest.mark.parametrize("output", ["out/photo.psd", "out/other.psd", "-"])
def test_a_format_that_can_be_read_alone_is_refused_before_anything_is_filled(output: str) -> None:
    header = b"8BPS" + struct.pack(">H6xHIIHHIIIH", 1, 3, 2, 2, 8, 3, 0, 0, 0, 0)
    taken = photo.decode(header + bytes(12), "photo.psd")
    with pytest.raises(ValueError, match=r"photo.psd is PSD, which can be read, not written; write a .png or .tif"):
        encoding.format_for(taken, output)
    assert encoding.format_for(taken, "photo.png") == "PNG"


@pytest.mark.parametrize("output", ["out/photo.heic", "out/other.heif", "-"])
def test_heic_is_refused_as_output_with_what_to_write_before_anything_is_filled(output: str) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (60, 40), "navy")).save(file)
    taken = photo.decode(file.getvalue(), "photo.heic")
    with pytest.raises(ValueError, match=r"; write a .png or .tif, .* or a .jpg, .*; --png writes a PNG of it, or of"):
        encoding.format_for(taken, output)
    assert encoding.format_for(taken, "photo.jpg") == "JPEG"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("ending", ["png", "tif", "webp", "jpg", "avif"])
def test_the_mask_may_lie_as_people_see_the_photo_or_as_it_is_stored(
    tmp_path: Path, orientation: int, upright: bool, ending: str
) -> None:
    stored = np.full((20, 30, 3), 90, dtype=np.uint8)
    marked = np.zeros((20, 30), dtype=np.uint8)
    marked[2:6, 3:9] = 255
    stored[marked > 0] = (255, 0, 0)
    options = {"avif": {"quality": 95}, "webp": {"lossless": True}}.get(ending, {})
    Image.fromarray(stored).save(tmp_path / f"photo.{ending}", exif=exif_of(orientation, "M", b"12345"), **options)
    turn = photo.TURNS.get(orientation)
    mask = Image.fromarray(marked)
    if turn is not None and (upright or orientation < 5):  # turned by 180° or mirrored, both sizes are the same
        mask = mask.transpose(turn)
    mask.save(tmp_path / "mask.png")
    pixels, _ = fill_file(
        tmp_path / f"photo.{ending}", tmp_path / "mask.png", tmp_path / "out" / "result.png", method=get_method("telea")
    )
    assert pixels == 24
    with Image.open(tmp_path / "out/result.png") as result:
        redness = np.array(result)[..., 0].astype(int) - np.array(result)[..., 1]
        assert redness.max() < (200 if ending in ("jpg", "avif") else 30), "the red was not filled"


def test_a_mask_of_another_size_is_told_both_sizes(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "photo.png", exif=exif_of(6, "M", b"12345"))
    Image.new("L", (7, 5), 255).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=r"mask.png is 7×5 but photo.png is 20×30 upright, stored as 30×20; resize"):
        fill_file(tmp_path / "photo.png", tmp_path / "mask.png", tmp_path / "result.png", method=get_method("telea"))
    assert not (tmp_path / "result.png").exists()
