"""Colour of 16 bits a channel goes out with 16 bits."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from inpaint_hub.imaging import deep_color, encoding, photo, tiff_tags
from inpaint_hub.methods.registry import fill_file, get_method

HOLE = np.zeros((70, 80), dtype=bool)
HOLE[20:50, 25:60] = True


def deep(channels: int, low: int = 0, high: int = 65535) -> np.ndarray:
    """A slanted ramp (70, 80, C) uint16 from `low` to `high`, each channel another way."""
    y, x = np.mgrid[:70, :80]
    planes = [(y + x) / 148, (y + 79 - x) / 148, (69 - y + x) / 148, np.ones((70, 80))][:channels]
    return np.rint(low + (high - low) * np.stack(planes, axis=2)).astype(np.uint16)


def tiff_of(values: np.ndarray, tags: dict[int, int], *strips: bytes) -> bytes:
    """A little-endian TIFF of (H, W[, C]), which lies in `strips`, with `tags`, as Pillow and OpenCV write none."""
    channels = values.shape[2] if values.ndim == 3 else 1
    numbers: dict[int, tuple[int, ...]] = {
        256: (values.shape[1],), 257: (values.shape[0],), 258: (8 * values.itemsize,) * channels, 259: (1,), 262: (1,),
        273: (0,) * len(strips), 277: (channels,), 278: (values.shape[0],), 279: tuple(map(len, strips)),
    }  # fmt: skip
    numbers |= {tag: (value,) for tag, value in tags.items()}

    def block() -> bytes:
        packed = {tag: struct.pack(f"<{len(value)}I", *value) for tag, value in numbers.items()}
        return tiff_tags.write_block({tag: tiff_tags.Entry(tiff_tags.LONG, data) for tag, data in packed.items()})

    starts = np.cumsum([len(block()), *numbers[279]])
    numbers[273] = tuple(map(int, starts[:-1]))
    return block() + b"".join(strips)


@pytest.mark.parametrize(
    ("ending", "channels"), [("png", 3), ("png", 4), ("tif", 3), ("tif", 4), ("ppm", 3), ("jp2", 3)]
)
def test_a_photo_of_16_bit_color_is_filled_in_16_bits(tmp_path: Path, ending: str, channels: int) -> None:
    values = deep(channels)
    path, mask, output = tmp_path / f"a.{ending}", tmp_path / "m.png", tmp_path / f"b.{ending}"
    cv2.imwrite(str(path), values[..., [2, 1, 0, 3][:channels]])
    Image.fromarray(HOLE).save(mask)
    _, notes = fill_file(path, mask, output, method=get_method("biharmonic"))
    assert not notes
    result = cv2.imread(str(output), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3][:channels]]
    assert result.dtype == np.uint16
    assert np.array_equal(result[~HOLE], values[~HOLE])
    assert np.abs(result[HOLE].astype(int) - values[HOLE]).max() < 200


@pytest.mark.parametrize("method", ["telea", "navier-stokes", "biharmonic", "patchmatch", "cifar10"])
@pytest.mark.parametrize("kind", ["I;16", "I", "array", "float"])
def test_a_dark_deep_picture_has_more_than_a_few_levels_in_its_hole(method: str, kind: str) -> None:
    if method == "patchmatch":
        pytest.importorskip("patchmatch", reason="it needs Python 3.11")
    values = deep(1, 1000, 3000)[..., 0]
    image: Any = {"array": values, "float": (values / 65535).astype(np.float32)}.get(kind)
    if image is None:
        image = Image.fromarray(values if kind == "I;16" else values.astype(np.int32))
    result = np.asarray(get_method(method)(image, HOLE))
    inside = np.rint(result[HOLE].astype(float) * (65535 if kind == "float" else 1))
    assert len(np.unique(inside)) > 60


def test_deep_color_is_turned_upright_as_pillow_turns() -> None:
    values = deep(3)
    exif = Image.Exif()
    for orientation, turn in photo.TURNS.items():
        exif[274] = orientation
        data = encoding.containers.add_to_png(
            deep_color.encode_16bit(values, "PNG"), encoding.containers.png_metadata({"exif": exif.tobytes()})
        )
        read = photo.decode(data, "a.png")
        assert isinstance(read.image, np.ndarray)
        assert np.array_equal(
            read.image[..., 0] // 257,
            np.asarray(Image.fromarray((values[..., 0] // 257).astype(np.uint8)).transpose(turn)),
        )
        written, notes = encoding.encode(read, read.image, np.zeros(read.size[::-1], bool), "PNG")
        assert not notes
        assert photo.decode(written, "b.png").turn is None


@pytest.mark.parametrize("orientation", [1, *photo.TURNS])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_deep_tiff_is_turned_upright_once(orientation: int, channels: int) -> None:
    tags = {tiff_tags.ORIENTATION: tiff_tags.Entry(3, bytes([orientation, 0]))}
    data = tiff_tags.add_tags(deep_color.encode_16bit(deep(channels), "TIFF"), tags)
    read = photo.decode(data, "a.tif")
    assert isinstance(read.image, np.ndarray)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(read.image >> 8, np.asarray(image))
    written, _ = encoding.encode(read, read.image, np.zeros(read.size[::-1], bool), "TIFF")
    with Image.open(io.BytesIO(written)) as image:
        assert np.array_equal(read.image >> 8, np.asarray(image))


@pytest.mark.parametrize(
    ("format", "channels"), [*product(encoding.EIGHT_BITS, [1, 3])][:-1]
)  # GIF holds no colours enough
def test_a_format_of_8_bits_gets_8_and_that_is_told(format: str, channels: int) -> None:
    values = deep(channels)
    data = deep_color.encode_16bit(values, "PNG") if channels == 3 else png_of(Image.fromarray(values[..., 0]))
    read = photo.decode(data, "a.png")
    written, notes = encoding.encode(read, read.image, HOLE, format)
    assert encoding.TO_EIGHT_BIT.format(format=format) in notes
    with Image.open(io.BytesIO(written)) as image:
        assert np.abs(np.asarray(image.convert("RGB"))[..., :channels] - values / 257.0).mean() < 3


@pytest.mark.parametrize("format", encoding.EIGHT_BITS)
def test_floats_are_refused_by_a_format_of_8_bits(format: str) -> None:
    image = Image.fromarray((deep(1)[..., 0] / 65535).astype(np.float32))
    file = io.BytesIO()
    image.save(file, "TIFF")
    read = photo.decode(file.getvalue(), "a.tif")
    with pytest.raises(ValueError, match=f"a.tif cannot be written as {format} .*or as .tif"):
        encoding.encode(read, read.image, HOLE, format)


def test_a_deep_grey_tiff_of_either_byte_order_stays_one() -> None:
    values = deep(1)[..., 0]
    for mode in ("I;16", "I;16B"):
        file = io.BytesIO()
        Image.frombytes(mode, (80, 70), values.astype(">u2" if mode == "I;16B" else "<u2").tobytes()).save(file, "TIFF")
        read = photo.decode(file.getvalue(), "a.tif")
        written, notes = encoding.encode(read, read.image, HOLE, "TIFF")
        assert not notes
        with Image.open(io.BytesIO(written)) as image:
            assert np.array_equal(np.asarray(image), values)


@pytest.mark.parametrize("meaning", [0, 1])
def test_a_fourth_band_that_is_no_plain_alpha_does_not_become_one(meaning: int) -> None:
    values = deep(4)
    values[:, :40, 3] = 20_000
    values[..., :3] //= 4  # as colours that alpha multiplied are: none above it
    tags = {tiff_tags.EXTRA_SAMPLES: tiff_tags.Entry(3, bytes([meaning, 0]))}
    data = tiff_tags.add_tags(deep_color.encode_16bit(values, "TIFF"), tags)
    read = photo.decode(data, "a.tif")
    written, _ = encoding.encode(read, read.image, HOLE, "TIFF")
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(written)) as after:
        assert np.array_equal(np.asarray(before.convert("RGBA")), np.asarray(after.convert("RGBA")))
    assert photo.EIGHT_BIT.format(name="a.tif", bits=16, format="TIFF") in read.notes
    assert (photo.BANDS.format(name="a.tif", samples=4, read=3) in read.notes) == (meaning == 0)
    assert (photo.MULTIPLIED.format(name="a.tif") in read.notes) == (meaning == 1)


def test_a_deep_tiff_of_compressed_planes_is_read_with_8_bits_as_opencv_reads_others() -> None:
    values = deep(3)
    planes = [zlib.compress(values[..., channel].tobytes()) for channel in range(3)]
    read = photo.decode(tiff_of(values, {259: 8, 262: 2, 284: 2}, *planes), "a.tif")
    assert np.array_equal(np.asarray(read.image), values >> 8)
    assert read.notes == (photo.EIGHT_BIT.format(name="a.tif", bits=16, format="TIFF"),)


def test_a_deep_tiff_of_plain_planes_is_refused_as_nothing_here_reads_it() -> None:
    values = deep(3)
    planes = [values[..., channel].tobytes() for channel in range(3)]
    with pytest.raises(ValueError, match=r"a.tif keeps its channels of 16 bits in separate planes.*; save it with"):
        photo.decode(tiff_of(values, {262: 2, 284: 2}, *planes), "a.tif")
    read = photo.decode(tiff_of(values, {262: 2, 284: 1}, values.tobytes()), "a.tif")
    assert np.array_equal(read.image, values)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_deep_grey_tiff_that_is_stored_as_a_negative_comes_out_as_it_is_seen(orientation: int) -> None:
    values = deep(1)[..., 0]
    data = tiff_of(values, {262: 0, tiff_tags.ORIENTATION: orientation}, (65535 - values).tobytes())
    read = photo.decode(data, "a.tif")
    upright = values if orientation == 1 else np.rot90(values, -1)
    assert np.array_equal(np.asarray(read.image), upright)
    written, notes = encoding.encode(read, read.image, np.zeros(upright.shape, bool), "TIFF")
    assert not notes
    with Image.open(io.BytesIO(written)) as image:
        assert image.tag_v2[262] == 1  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(image), upright)


def test_grey_of_12_bits_is_scaled_to_16_and_not_written_16_times_darker() -> None:
    values = deep(1, 0, 4095)[..., 0]
    first, second = values[:, ::2], values[:, 1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=2).astype(np.uint8)
    read = photo.decode(tiff_of(values, {258: 12}, packed.tobytes()), "a.tif")
    assert np.abs(np.asarray(read.image) - values * (65535 / 4095)).max() < 1
    assert read.notes == (photo.WIDENED.format(name="a.tif", bits=12),)
    written, _ = encoding.encode(read, read.image, HOLE, "TIFF")
    with Image.open(io.BytesIO(written)) as image:
        assert np.array_equal(np.asarray(image), np.asarray(read.image))


def jpeg_2000_of(values: np.ndarray, bits: int) -> bytes:
    """A JPEG 2000 of `values` (H, W, 3) uint16 below 2^bits: OpenCV's of 16 bits, which then says that it has fewer.

    Values are stored less half of their range, so that of the fewer bits is made the half that OpenCV takes away.
    """
    data = deep_color.encode_16bit(values + np.uint16(2**15 - 2 ** (bits - 1)), "JPEG2000")
    at = data.find(b"\xff\x4f\xff\x51") + 42
    depths = [byte for _ in range(3) for byte in (bits - 1, 1, 1)]
    return data[:at] + bytes(depths) + data[at + 9 :]


@pytest.mark.parametrize("bits", [9, 12, 16])
@pytest.mark.parametrize("side", [40, 70])
def test_white_of_a_deep_jpeg_2000_is_not_read_as_black(bits: int, side: int) -> None:
    values = deep(3, 0, 2**bits - 1)[:side, :side]
    values[:9, :9] = 2**bits - 1
    read = photo.decode(jpeg_2000_of(values, bits), "a.jp2")
    assert isinstance(read.image, np.ndarray)
    assert np.abs(read.image - values * (65535 / (2**bits - 1))).max() < 2
    assert read.notes == (photo.WIDENED.format(name="a.jp2", bits=bits),) * (bits < 16)
    written, notes = encoding.encode(read, read.image, np.zeros((side, side), bool), "JPEG2000")
    assert not notes
    assert np.array_equal(photo.decode(written, "b.jp2").image, read.image)


def test_a_deep_jpeg_2000_that_opencv_cannot_read_is_refused() -> None:
    data = bytearray(jpeg_2000_of(deep(3), 16))
    data[data.find(b"\xff\x4f\xff\x51") + 45] = 11  # the second channel's depth
    with pytest.raises(ValueError, match=r"a.jp2 is JPEG 2000 with colours of 16 bits .*; save it as a 16-bit PNG"):
        photo.decode(bytes(data), "a.jp2")


def test_opencv_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    tags = {33550: tiff_tags.Entry(12, struct.pack("<3d", 1, 1, 0))}  # GeoTIFF's size of a pixel
    read = photo.decode(tiff_tags.add_tags(deep_color.encode_16bit(deep(3), "TIFF"), tags), "a.tif")
    assert isinstance(read.image, np.ndarray)
    with pytest.raises(ValueError, match="JPEG2000 cannot hold 16 bits"):
        deep_color.encode_16bit(deep(3)[:8, :8], "JPEG2000")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("least", [0, -9999])
def test_signed_grey_of_16_bits_says_how_it_is_read(least: int) -> None:
    values = (deep(1)[..., 0] // 2).astype(np.int16)
    values[30, 30] = least
    read = photo.decode(tiff_of(values, {339: 2}, values.tobytes()), "a.tif")
    assert np.array_equal(np.asarray(read.image), values)
    kind = photo.SIGNED_32 if least else photo.UNSIGNED
    assert read.notes == (photo.SIGNED.format(name="a.tif", kind=kind),)
    written, notes = encoding.encode(read, read.image, HOLE, "TIFF")
    assert not notes
    with Image.open(io.BytesIO(written)) as image:
        assert image.tag_v2[258] == ((32,) if least else (16,))  # type: ignore[attr-defined]


def test_signed_grey_of_8_bits_is_refused_as_it_is_read_wrong() -> None:
    values = np.arange(-100, 100, dtype=np.int8).reshape(10, 20)
    with pytest.raises(ValueError, match=r"a.tif has signed samples of 8 bits, .*; save it with unsigned ones"):
        photo.decode(tiff_of(values, {339: 2}, values.tobytes()), "a.tif")


def png_of(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_an_iphones_photo_of_10_bits_says_that_it_is_read_at_8() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.encode("RGB;16", (80, 70), deep(3).tobytes(), file, quality=90)
    assert photo.decode(file.getvalue(), "a.hif").notes == (
        photo.EIGHT_BIT.format(name="a.hif", bits=10, format="HEIF"),
    )


def test_bits_of_reads_those_of_an_avif() -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "AVIF")
    data = file.getvalue()
    at = data.find(b"av1C") + 6
    image = Image.open(file)
    assert deep_color.bits_of(image, data) == 8
    for flag, bits in ((0x40, 10), (0x60, 12)):
        assert deep_color.bits_of(image, data[:at] + bytes([data[at] | flag]) + data[at + 1 :]) == bits


def test_a_photo_read_at_8_bits_says_so() -> None:
    read = photo.decode(b"P6 2 1 1023 " + bytes([3, 255] * 6), "a.ppm")
    assert read.notes == (photo.EIGHT_BIT.format(name="a.ppm", bits=10, format="PPM"),)
