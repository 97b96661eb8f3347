"""What is written is what was read, or is named."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from paths import ROOT
from PIL import ExifTags, Image, PngImagePlugin
from strategies import image_of

from inpaint_hub import fill
from inpaint_hub.imaging import containers, encoding, photo, tiff_tags
from inpaint_hub.imaging.containers import Part

HOLE = np.zeros((18, 24), dtype=bool)
HOLE[5:12, 6:15] = True
RGB = Image.fromarray(np.stack([*np.mgrid[80:98, 80:104].astype(np.uint8), np.full((18, 24), 90, np.uint8)], axis=2))


def file_of(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def filled(data: bytes, format: str | None = None) -> tuple[photo.Photo, Image.Image, list[str], bytes]:
    """The photo in the data, its fill opened by Pillow, what was said, and the bytes."""
    source = photo.decode(data, "photo")
    hole = np.zeros(source.size[::-1], dtype=bool)
    hole[5:12, 6:15] = True
    result = fill(source.image, hole, method="telea")
    written, notes = encoding.encode(source, result, hole, format or source.format)
    image = Image.open(io.BytesIO(written))
    image.load()
    return source, image, [*source.notes, *notes], written


@pytest.mark.parametrize("transparency", [None, 0, 1, 7])
@pytest.mark.parametrize("format", ["GIF", "PNG"])
def test_encode_keeps_the_colors_of_a_palette_with_a_transparent_one(format: str, transparency: int | None) -> None:
    options = {} if transparency is None else {"transparency": transparency}
    data = file_of(RGB.quantize(16), format, **options)
    with Image.open(io.BytesIO(data)) as image:
        before = np.asarray(image.convert("RGBA"))
    _, after, _, _ = filled(data)
    assert np.array_equal(np.asarray(after.convert("RGBA"))[~HOLE], before[~HOLE])
    assert np.abs(np.asarray(after.convert("RGBA"))[HOLE].astype(int)[:, 2] - 90).max() < 60


def test_encode_refuses_what_would_change_known_pixels_and_says_what_keeps_them() -> None:
    source = photo.decode(file_of(image_of("pil-RGB", 18, 24, seed=1), "PNG"), "photo.png")
    with pytest.raises(ValueError, match=r"photo.png cannot be written as GIF without changing known pixels; write it"):
        encoding.encode(source, source.image, HOLE, "GIF")


def test_encode_notices_an_image_whose_known_pixels_were_changed() -> None:
    source = photo.decode(file_of(RGB, "PNG"), "photo.png")
    assert isinstance(source.image, Image.Image)
    other = source.image.copy()
    other.putpixel((0, 0), (1, 2, 3))
    with pytest.raises(ValueError, match="without changing known pixels"):
        encoding.encode(source, other, HOLE, "PNG")


TAGS = {
    "software": {"software": "x"},
    "description and date": {
        "description": "grün",
        "date_time": "2024:05:06 07:08:09",
        "artist": "A",
        "copyright": "C",
    },
    "dpi": {"dpi": (300, 72)},
    "icc": {"icc_profile": bytes(range(256)) * 3},
}
COMPRESSIONS = {
    "raw": ("RGB", "RGBA", "L", "CMYK", "I;16", "1", "P", "F", "LA"),
    "tiff_lzw": ("RGB", "RGBA", "L", "CMYK", "I;16", "P", "LA"),
    "tiff_adobe_deflate": ("RGB", "RGBA", "L", "CMYK", "I;16", "P", "F"),
    "packbits": ("RGB", "L", "1"),
    "lzma": ("RGB", "L"),
    "zstd": ("RGB",),
    "jpeg": ("RGB", "L"),
    "group3": ("1",),
    "group4": ("1",),
}


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize(
    ("compression", "mode"), [(compression, mode) for compression, modes in COMPRESSIONS.items() for mode in modes]
)
def test_encode_writes_every_tiff_with_its_tags_and_compression(compression: str, mode: str, tags: str) -> None:
    data = file_of(image_of(f"pil-{mode}", 18, 24, seed=1), "TIFF", compression=compression, **TAGS[tags])
    with Image.open(io.BytesIO(data)) as before:
        before.load()
    _, after, notes, written = filled(data)
    assert after.mode == mode
    assert after.info["compression"] == ("tiff_adobe_deflate" if compression == "jpeg" else compression)
    assert np.array_equal(np.asarray(after)[~HOLE], np.asarray(before)[~HOLE])
    kept, wanted = tiff_tags.read_tags(written), tiff_tags.read_tags(data)
    assert {tag: kept.get(tag) for tag in wanted if tag not in tiff_tags.LAYOUT} == {
        tag: entry for tag, entry in wanted.items() if tag not in tiff_tags.LAYOUT
    }
    assert not notes


def test_encode_keeps_exif_and_gps_of_a_compressed_tiff() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "M"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = 0.25
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    data = file_of(RGB, "JPEG", exif=exif.tobytes())
    _, tiff, _, written = filled(data, "TIFF")
    assert tiff.info["compression"] == "tiff_adobe_deflate"
    for image in (tiff, filled(written)[1]):
        tags = image.getexif()
        assert tags[ExifTags.Base.Make] == "M"
        assert tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] == 0.25
        assert tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


def test_encode_keeps_geotiff_keys() -> None:
    geo = {
        33550: tiff_tags.Entry(12, struct.pack("<3d", 0.5, 0.5, 0)),
        34735: tiff_tags.Entry(3, struct.pack("<4H", 1, 1, 0, 0)),
        42113: tiff_tags.Entry(2, b"-9999\0"),
    }
    data = tiff_tags.add_tags(file_of(RGB, "TIFF", compression="tiff_lzw"), geo)
    _, _, notes, written = filled(data)
    assert {tag: tiff_tags.read_tags(written)[tag] for tag in geo} == geo
    assert not notes
    assert "GeoTIFF keys" in filled(data, "PNG")[2][-1]


def jpeg_with(*parts: Part, behind: bytes = b"", xmp: bytes = b"") -> bytes:
    extra = (Part(b"\xff\xe1", containers.XMP_IN_JPEG + xmp),) if xmp else ()
    return containers.add_to_jpeg(file_of(RGB, "JPEG", quality=90), [*parts, *extra]) + behind


IPTC = b"8BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x78\0\x03cat"
THUMBNAIL = b"8BIM\x04\x0c\0\0\0\0\0\x06\xff\xd8\xff\xe0ab"


def test_encode_keeps_iptc_and_every_comment_of_a_jpeg_but_no_thumbnail() -> None:
    data = jpeg_with(
        Part(b"\xff\xed", containers.PHOTOSHOP + THUMBNAIL + IPTC),
        Part(b"\xff\xfe", b"first"),
        Part(b"\xff\xfe", b"second"),
        Part(b"\xff\xe5", b"private\0stuff"),
    )
    _, _, notes, written = filled(data)
    assert containers.photoshop_of_jpeg(written) == IPTC
    assert containers.comments_of_jpeg(written) == [b"first", b"second"]
    assert Part(b"\xff\xe5", b"private\0stuff") in containers.jpeg_parts(written)[0]
    assert notes == [encoding.LOSSY.format(format="JPEG")]
    assert "left out: APP5 private, IPTC, comment" in filled(data, "PNG")[2][-1]


LOST = {
    "a gain map, by its XMP": (
        jpeg_with(
            xmp=b'<x hdrgm:Version="1.0"><Container:Directory><rdf:Seq/></Container:Directory></x>',
            behind=file_of(RGB, "JPEG"),
        ),
        "gain map",
    ),
    "a gain map, by ISO 21496": (jpeg_with(Part(b"\xff\xe2", containers.GAIN_MAP + b"-1\0")), "gain map"),
    "the video of a motion photo": (
        jpeg_with(xmp=b"<x GCamera:MotionPhoto='1'/>", behind=b"\0\0\0\x18ftypmp42" + bytes(90)),
        "video",
    ),
    "content credentials": (jpeg_with(Part(b"\xff\xeb", b"JP\0\0jumb c2pa")), r"content credentials \(C2PA\)"),
    "something behind": (jpeg_with(behind=b"SEFT" + bytes(20)), "24 bytes after the picture"),
}


@pytest.mark.parametrize("kind", LOST)
def test_encode_names_what_a_jpeg_loses_and_drops_the_claim_to_it(kind: str) -> None:
    data, name = LOST[kind]
    _, _, notes, written = filled(data)
    assert re.search(rf"left out: .*{name}", notes[-1]), notes
    for claim in (b"MotionPhoto", b"hdrgm", b"Container", b"ftyp"):
        assert claim not in written


def png_with(*parts: Part) -> bytes:
    return containers.add_to_png(file_of(RGB, "PNG"), list(parts))


def test_encode_keeps_the_chunks_of_a_png_that_fit_and_names_the_rest() -> None:
    kept = [
        Part(b"mDCV", bytes(24)), Part(b"cLLI", bytes(8)), Part(b"sBIT", b"\5\6\5"), Part(b"teSt", b"safe to copy"),
        Part(b"tEXt", b"Title\0A cat"), Part(b"cICP", b"\x09\x10\0\1"), Part(b"gAMA", struct.pack(">I", 45455)),
    ]  # fmt: skip
    data = png_with(*kept, Part(b"caBX", b"jumb c2pa"), Part(b"prVT", b"bound to the pixels"))
    _, _, notes, written = filled(data)
    parts, _ = containers.png_parts(written)
    assert [part for part in parts if part.kind in {each.kind for each in kept}] == kept
    assert "left out: content credentials (C2PA), prVT" in notes[-1]


@pytest.mark.parametrize("marker", [0xE2, 0xE3, 0xE4, 0xE5])
@pytest.mark.parametrize("pieces", [1, 3])
def test_encode_leaves_no_preview_in_other_programs_segments(marker: int, pieces: int) -> None:
    preview = file_of(Image.effect_noise((90, 60), 60), "JPEG")
    block = b"MAKER\0" + preview + b"stays"
    step = -(-len(block) // pieces)
    parts = [Part(bytes([0xFF, marker]), block[at : at + step]) for at in range(0, len(block), step)]
    _, _, _, written = filled(jpeg_with(*parts))
    pixels = preview[preview.index(b"\xff\xda") + 14 : -2]
    assert not any(pixels[at : at + 16] in written for at in range(0, len(pixels) - 16, 16))
    assert b"MAKER\0" in written
    assert b"stays" in written


@pytest.mark.parametrize("kind", ["8bim", "iptc", "APP1", "app1", "EXIF"])
@pytest.mark.parametrize("chunk", [b"tEXt", b"zTXt"])
def test_encode_leaves_no_preview_in_the_blocks_that_imagemagick_writes_as_text(kind: str, chunk: bytes) -> None:
    preview = file_of(Image.effect_noise((90, 60), 60), "JPEG")
    if kind in ("8bim", "iptc"):
        block, lost = b"8BIM\x04\x0c\0\0" + struct.pack(">I", len(preview)) + preview, "Photoshop's settings"
    else:
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = preview
        block, lost = exif.tobytes(), ""
    text = f"\n{kind}\n    {len(block)}\n{block.hex()}\n".encode()
    body = text if chunk == b"tEXt" else b"\0" + zlib.compress(text)
    _, _, notes, written = filled(png_with(Part(chunk, b"Raw profile type " + kind.encode() + b"\0" + body)))
    assert preview[-40:] not in written
    assert not [part for part in containers.png_parts(written)[0] if part.kind == chunk]
    assert [lost in note for note in notes] == [True] * bool(lost)


@pytest.mark.parametrize("key", ["comment", "xmp", "exif", "dpi", "icc_profile"])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_encode_takes_a_text_for_nothing_else_whatever_its_name(key: str, format: str) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text(key, "hello")
    _, _, notes, written = filled(file_of(RGB, "PNG", pnginfo=text), format)
    assert (b"hello" in written) == (format == "PNG")
    assert any("left out: text" in note for note in notes) == (format != "PNG")


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("format", ["TIFF", "JPEG", "PNG"])
def test_encode_keeps_the_xmp_of_a_tiff_whatever_its_type(kind: int, format: str) -> None:
    data = tiff_tags.add_tags(file_of(RGB, "TIFF"), {tiff_tags.XMP: tiff_tags.Entry(kind, b"<x:a>12</x:a>\0\0\0")})
    _, _, notes, written = filled(data, format)
    assert b"<x:a>12</x:a>" in written
    assert not any("left out" in note for note in notes)


def test_encode_takes_a_resolution_of_nothing_for_none() -> None:
    none = tiff_tags.Entry(5, bytes(8))
    data = tiff_tags.add_tags(file_of(RGB, "TIFF"), {282: none, 283: none, 296: tiff_tags.Entry(3, b"\2\0")})
    for format in ("TIFF", "PNG", "JPEG"):
        assert filled(data, format)[1].size == RGB.size


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_encode_loses_no_transparent_color_without_a_word(mode: str) -> None:
    image = RGB.quantize(4) if mode == "P" else RGB.convert(mode)
    source = photo.decode(file_of(image, "PNG", transparency=image.getpixel((0, 0))), "photo.png")
    if mode == "1":
        assert "left out: transparent colour" in encoding.encode(source, source.image, HOLE, "TIFF")[1][-1]
        return
    with pytest.raises(ValueError, match="cannot be written as JPEG"):
        encoding.encode(source, source.image, HOLE, "JPEG")


ORIENTED = [
    b'<x tiff:Orientation="6"/>', b"<x tiff:Orientation='6'/>", b'<x tiff:Orientation = "6"/>',
    b"<x><tiff:Orientation>6</tiff:Orientation></x>", b"<x><ns1:Orientation >\n 8 </ns1:Orientation></x>",
    '<x tiff:Orientation="3"/>'.encode("utf-16"),
]  # fmt: skip


@pytest.mark.parametrize("xmp", ORIENTED)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_encode_leaves_no_orientation_in_xmp(xmp: bytes, format: str) -> None:
    picture = RGB
    if format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-16" if xmp[:1] == b"\xff" else "utf-8"))
        data = file_of(picture, "PNG", pnginfo=text)
    elif format == "TIFF":
        data = tiff_tags.add_tags(file_of(picture, "TIFF"), {tiff_tags.XMP: tiff_tags.Entry(1, xmp)})
    else:
        data = file_of(picture, format, xmp=xmp)
    source, _, _, written = filled(data)
    packet = tiff_tags.read_tags(written)[tiff_tags.XMP].data if format == "TIFF" else source.metadata["xmp"]
    assert packet in written
    assert b"Orientation" in packet
    assert b"1" in packet.replace(b"ns1", b"")
    assert not any(digit in packet for digit in b"368")


@pytest.mark.parametrize("kind", ["exif", "APP1"])
@pytest.mark.parametrize("chunk", [b"tEXt", b"zTXt"])
def test_encode_leaves_no_orientation_in_the_exif_that_imagemagick_writes_as_text(kind: str, chunk: bytes) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Make] = 6, "M"
    digits = b"\n" + kind.encode() + b"\n      %d\n" % len(exif.tobytes()) + exif.tobytes().hex().encode() + b"\n"
    body = digits if chunk == b"tEXt" else b"\0" + zlib.compress(digits)
    data = png_with(Part(chunk, b"Raw profile type " + kind.encode() + b"\0" + body))
    with Image.open(io.BytesIO(data)) as before:
        before.load()
        turned = before.getexif().get(ExifTags.Base.Orientation) == 6
    _, after, notes, _ = filled(data)
    assert after.size == (RGB.size[::-1] if turned else RGB.size)
    assert after.getexif().get(ExifTags.Base.Orientation, 1) == 1
    assert after.getexif()[ExifTags.Base.Make] == "M"
    assert not notes


@pytest.mark.parametrize(
    "xmp",
    [
        b"<x><xmp:Thumbnails><rdf:Alt><rdf:li xmpGImg:image='SECRET'/></rdf:Alt></xmp:Thumbnails><a>stays</a></x>",
        b'<x GImage:Data="SECRET" b="stays"/>',
        b"<x GDepth:Data='SECRET'><c>stays</c></x>",
    ],
)
def test_encode_leaves_no_picture_in_xmp(xmp: bytes) -> None:
    _, _, _, written = filled(jpeg_with(xmp=xmp))
    assert b"SECRET" not in written
    assert b"stays" in written


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "YCbCr", "HSV"])
def test_encode_as_png_converts_colors_that_it_cannot_hold_and_says_so(mode: str) -> None:
    color = {"CMYK": (20, 30, 40, 50), "LAB": (120, 20, 30), "YCbCr": (90, 100, 110), "HSV": (20, 90, 90)}[mode]
    image = Image.new(mode, (24, 18), color)
    source = photo.decode(file_of(Image.new("RGB", (24, 18)), "TIFF"), "photo.tif")
    changed = photo.Photo(**{**vars(source), "image": image})
    written, notes = encoding.encode(changed, image, HOLE, "PNG")
    with Image.open(io.BytesIO(written)) as after:
        assert np.array_equal(np.asarray(after), np.asarray(image.convert("RGB")))
    assert notes == [encoding.CONVERTED.format(format="PNG", mode=mode)]


@pytest.mark.parametrize("format", ["WEBP", "AVIF", "BMP", "GIF"])
def test_encode_says_that_inks_are_converted_for_every_format_that_has_none(format: str) -> None:
    source = photo.decode(file_of(Image.new("CMYK", (24, 18), (20, 30, 40, 50)), "TIFF"), "photo.tif")
    _, notes = encoding.encode(source, source.image, HOLE, format)
    assert encoding.CONVERTED.format(format=format, mode="CMYK") in notes


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
@pytest.mark.parametrize("format", ["TIFF", "WEBP", "PNG"])
def test_encode_keeps_a_transparent_color_as_one_or_as_alpha(mode: str, format: str) -> None:
    image = RGB.quantize(4) if mode == "P" else RGB.convert(mode)
    first = image.getpixel((0, 0))
    data = file_of(image, "PNG", transparency=first)
    with Image.open(io.BytesIO(data)) as before:
        expected = np.asarray(before.convert("RGBA"))
    source = photo.decode(data, "photo.png")
    written, _ = encoding.encode(source, source.image, HOLE, format)
    with Image.open(io.BytesIO(written)) as after:
        assert (np.asarray(after.convert("RGBA"))[..., 3] == expected[..., 3]).all()
    assert expected[0, 0, 3] == 0


def test_encode_writes_a_deep_picture_of_mode_i_as_png() -> None:
    source = photo.decode(file_of(image_of("pil-I", 18, 24, seed=1), "TIFF"), "photo.tif")
    assert isinstance(source.image, Image.Image)
    written, _ = encoding.encode(source, source.image, HOLE, "PNG")
    with Image.open(io.BytesIO(written)) as after:
        assert np.array_equal(np.asarray(after), np.asarray(source.image))


def test_encode_as_png_refuses_floats_and_recommends_another_format() -> None:
    source = photo.decode(file_of(image_of("pil-F", 18, 24, seed=1), "TIFF"), "photo.tif")
    with pytest.raises(ValueError, match=r"cannot be written as PNG .*or as .tif$"):
        encoding.encode(source, source.image, HOLE, "PNG")


@pytest.mark.parametrize("format", ["WEBP", "AVIF"])
@pytest.mark.parametrize("quality", [30, 60, 90])
@pytest.mark.parametrize("side", [300, 700])
def test_encode_keeps_the_quality_of_a_file_that_does_not_say_it(format: str, quality: int, side: int) -> None:
    with Image.open(ROOT / "examples/cat.jpg") as cat:
        picture = cat.convert("RGB").resize((side, side * 2 // 3))
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = bytes(3000)
    data = file_of(picture, format, quality=quality, exif=exif.tobytes())
    source = photo.decode(data, "photo")
    assert isinstance(source.image, Image.Image)
    written, _ = encoding.encode(source, source.image, np.zeros(source.size[::-1], dtype=bool), format)
    assert 0.8 < (len(written) - 3000) / (len(data) - 3000) < 1.2
    again = photo.decode(written, "again").image
    assert np.abs(np.asarray(again, dtype=float) - np.asarray(source.image)).mean() < 3.5


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0" + bytes(90), b"Exif\0\0II*\0\xff\xff\0\0", b"Exif\0\0MM", b"Exif\0\0hello"]
)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_encode_leaves_broken_exif_out_and_says_so(format: str, exif: bytes) -> None:
    if format == "JPEG":
        data = jpeg_with(Part(b"\xff\xe1", exif))
    else:
        data = png_with(Part(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    _, after, notes, _ = filled(data)
    assert after.size == RGB.size
    assert "left out: EXIF" in notes[-1]
