"""Colour of 16 bits a channel, which Pillow cannot hold: arrays by OpenCV, where it is installed."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from PIL import Image

from . import tiff_tags

BY_OPENCV = {"PNG": ".png", "TIFF": ".tif", "PPM": ".ppm", "JPEG2000": ".jp2"}
RAW, DEFLATE = 1, 8  # TIFF's numbers of compressions
WHITE_IS_ZERO = 0  # in TIFF: grey is stored as a negative
SEPARATE = 2  # in TIFF: a plane for each channel
ALPHA = 2  # in TIFF: a fourth band is alpha, and the colours are not multiplied by it
SMALLEST_JPEG2000 = 64  # px: OpenCV writes no smaller ones
AWAY = 1  # level of 8 bits: Pillow's reading and OpenCV's of the same picture are no further apart


def bits_of(image: Image.Image, data: bytes) -> int:
    """Read how many bits a channel a picture's file has; 8 where that is not known."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        return int(max(image.tag_v2.get(tiff_tags.BITS, (8,))))  # type: ignore[attr-defined]  # a TiffImageFile has them
    if image.format == "PPM":
        fields = [line.split(b"#")[0] for line in data[:4096].splitlines()]
        numbers = b" ".join(fields).split()[:4]
        most = int(numbers[3]) if len(numbers) == 4 and numbers[3].isdigit() else 255
        return 16 if most == 65535 else most.bit_length()
    if image.format == "JPEG2000":
        at = data.find(b"\xff\x51")
        return (data[at + 40] & 0x7F) + 1 if 0 <= at < len(data) - 40 else 8
    if image.format == "AVIF":
        at = data.find(b"av1C")
        flags = data[at + 6] if 0 <= at < len(data) - 6 else 0
        return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    if image.format == "HEIF":
        return int(image.info.get("bit_depth") or 8)
    return 8


def refuse_misread(image: Image.Image, name: str) -> None:
    """Raise `ValueError` for a TIFF whose pixels Pillow would read as others, without a word."""
    if image.format != "TIFF":
        return
    tags = image.tag_v2  # type: ignore[attr-defined]  # a TiffImageFile has them
    planes = tags.get(tiff_tags.PLANES) == SEPARATE and tags.get(tiff_tags.SAMPLES, 1) > 1
    if planes and max(tags.get(tiff_tags.BITS, (1,))) > 8 and tags.get(tiff_tags.COMPRESSION, RAW) == RAW:
        raise ValueError(
            f"{name} keeps its channels of 16 bits in separate planes, uncompressed, which cannot be read here; save it"
            " with interleaved channels"
        )


def with_white_as_most(plain: Image.Image, source: Image.Image, bits: int) -> Image.Image:
    """The picture with 65535 for white; Pillow leaves deep grey of a TIFF, `source`, as it is stored.

    That may be a negative, or of 9 to 15 bits.
    """
    if source.format != "TIFF" or plain.mode != "I;16":
        return plain
    values = widen(np.asarray(plain), bits)
    negative = source.tag_v2.get(tiff_tags.PHOTOMETRIC) == WHITE_IS_ZERO  # type: ignore[attr-defined]
    return Image.fromarray(65535 - values) if negative else Image.fromarray(values)


def widen(values: np.ndarray, bits: int) -> np.ndarray:
    """Scale uint16 of 8 to 16 bits to the full range: the high bits are repeated below, so white stays white."""
    return (values << (16 - bits)) | (values >> (2 * bits - 16))


def decode_16bit(data: bytes, image: Image.Image) -> np.ndarray | None:
    """Decode a picture that Pillow reads as 8-bit colour in its 16 bits a channel.

    Args:
        data: The file's bytes.
        image: What Pillow made of them.

    Returns:
        (H, W, 3 | 4) uint16, RGB or RGBA, as it is stored, but for a TIFF, which is upright; None where this format or
        machine cannot.
    """
    if image.format not in BY_OPENCV or image.mode not in ("RGB", "RGBA", "LA") or find_spec("cv2") is None:
        return None
    if image.format == "JPEG2000" and min(image.size) < SMALLEST_JPEG2000:
        return None
    extra = image.tag_v2.get(tiff_tags.EXTRA_SAMPLES) if image.format == "TIFF" else None  # type: ignore[attr-defined]
    if extra not in (None, (ALPHA,)):  # a fourth band of another meaning, or colours multiplied by it
        return None
    import cv2

    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3 or values.shape[2] not in (3, 4):
        return None
    values = np.ascontiguousarray(values[..., [2, 1, 0, 3][: values.shape[2]]])
    if image.format == "TIFF" and not _is_alike(values, np.asarray(image)):  # separate planes: OpenCV reads one of them
        return None
    return values


def _is_alike(values: np.ndarray, shown: np.ndarray) -> bool:
    """Whether (H, W, C) uint16 is the picture that `shown` (H, W, C) uint8 is."""
    if values.shape != shown.shape:
        return False
    high = (values >> 8).astype(np.uint8)
    return bool((np.maximum(high, shown) - np.minimum(high, shown)).max() <= AWAY)


def encode_16bit(values: np.ndarray, format: str) -> bytes:
    """Encode (H, W, 3 | 4) uint16, RGB or RGBA, as a file of one of BY_OPENCV.

    Raises:
        ValueError: The format cannot hold it.
    """
    import cv2

    options = {
        "TIFF": [cv2.IMWRITE_TIFF_COMPRESSION, DEFLATE],
        "JPEG2000": [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000],
    }
    try:
        done, data = cv2.imencode(
            BY_OPENCV[format], values[..., [2, 1, 0, 3][: values.shape[2]]], options.get(format, [])
        )
    except cv2.error as error:
        raise ValueError(f"{format} cannot hold 16 bits of {values.shape[2]} channels") from error
    if not done:
        raise ValueError(f"{format} cannot hold 16 bits of {values.shape[2]} channels")
    return bytes(data)


def to_8bit(values: np.ndarray) -> Image.Image:
    """Make a PIL image, RGB or RGBA, of (H, W, 3 | 4) uint16."""
    return Image.fromarray(np.rint(values / 257.0).astype(np.uint8))
