"""Colour of 16 bits a channel, which Pillow cannot hold: arrays by OpenCV, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
from PIL import Image

from . import tiff_tags

BY_OPENCV = {"PNG": ".png", "TIFF": ".tif", "PPM": ".ppm", "JPEG2000": ".jp2"}
RAW, DEFLATE = 1, 8  # TIFF's numbers of compressions
WHITE_IS_ZERO = 0  # in TIFF: grey is stored as a negative
SEPARATE = 2  # in TIFF: a plane for each channel
SIGNED = 2  # in TIFF: samples may be negative
MULTIPLIED, ALPHA = 1, 2  # in TIFF: a fourth band is alpha, and the colours are multiplied by it, or not
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
        return max((depth & 0x7F) + 1 for depth in _depths(data) or {7})
    if image.format == "AVIF":
        at = data.find(b"av1C")
        flags = data[at + 6] if 0 <= at < len(data) - 6 else 0
        return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    if image.format == "HEIF":
        return int(image.info.get("bit_depth") or 8)
    return 8


def _depths(data: bytes) -> set[int]:
    """The depths of a JPEG 2000's channels as it stores them: one less than the bits, and 128 more if signed."""
    at = data.find(b"\xff\x4f\xff\x51")  # where the picture starts
    return set(data[at + 42 : at + 42 + 3 * int.from_bytes(data[at + 40 : at + 42], "big") : 3]) if at >= 0 else set()


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
    if SIGNED in tags.get(tiff_tags.SAMPLE_FORMAT, ()) and max(tags.get(tiff_tags.BITS, (1,))) <= 8:
        raise ValueError(
            f"{name} has signed samples of 8 bits, of which negative ones would be read as the brightest; save it with"
            " unsigned ones"
        )


def with_white_as_most(plain: Image.Image, source: Image.Image, bits: int) -> Image.Image:
    """The picture with 65535 for white; Pillow leaves deep grey of a TIFF, `source`, as it is stored.

    That may be a negative, of 9 to 15 bits, or signed; what is signed becomes unsigned if none of it is negative.
    """
    if has_signed_16bit(source) and np.asarray(plain).min() >= 0:
        return Image.fromarray(np.asarray(plain).astype(np.uint16))
    if source.format != "TIFF" or plain.mode != "I;16":
        return plain
    values = widen(np.asarray(plain), bits)
    negative = source.tag_v2.get(tiff_tags.PHOTOMETRIC) == WHITE_IS_ZERO  # type: ignore[attr-defined]
    return Image.fromarray(65535 - values) if negative else Image.fromarray(values)


def has_signed_16bit(source: Image.Image) -> bool:
    """Tell whether a picture is of a TIFF with signed samples of 16 bits, which Pillow gives, and writes, as of 32."""
    if source.format != "TIFF" or source.mode != "I":
        return False
    tags = source.tag_v2  # type: ignore[attr-defined]
    return tags.get(tiff_tags.SAMPLE_FORMAT) == (SIGNED,) and tags.get(tiff_tags.BITS) == (16,)


def widen(values: np.ndarray, bits: int) -> np.ndarray:
    """Scale uint16 of 8 to 16 bits to the full range: the high bits are repeated below, so white stays white."""
    return (values << (16 - bits)) | (values >> (2 * bits - 16))


def decode_16bit(data: bytes, image: Image.Image, name: str) -> np.ndarray | None:
    """Decode a picture that Pillow reads as 8-bit colour in its 16 bits a channel; JPEG 2000 of 9 to 15 is scaled.

    Args:
        data: The file's bytes.
        image: What Pillow made of them.
        name: The file's name, for the error.

    Returns:
        (H, W, 3 | 4) uint16, RGB or RGBA, as it is stored, but for a TIFF, which is upright; None where this format or
        machine cannot, or there are not so many bits.

    Raises:
        ValueError: It is a JPEG 2000 of more than 8 bits that cannot be decoded so. Pillow's 8 bits are none to fall
            back on: it makes black of white.
    """
    bits = bits_of(image, data)
    if image.mode not in ("RGB", "RGBA", "LA") or image.format not in BY_OPENCV:
        return None
    if image.format != "JPEG2000":
        return _by_opencv(data, image) if bits == 16 else None
    if bits <= 8:
        return None
    values = _by_opencv(data, image) if _depths(data) == {bits - 1} else None  # all of one depth, and unsigned
    if values is None or values.max() >= 1 << bits:
        library = "" if find_spec("cv2") else ", or install opencv-python-headless"
        raise ValueError(
            f"{name} is JPEG 2000 with colours of {bits} bits a channel, which cannot be read here; save it as a 16-bit"
            f" PNG or TIFF{library}"
        )
    return widen(values, bits)


def _by_opencv(data: bytes, image: Image.Image) -> np.ndarray | None:
    """The values (H, W, 3 | 4) uint16 that OpenCV reads; None where it cannot."""
    if find_spec("cv2") is None:
        return None
    extra = image.tag_v2.get(tiff_tags.EXTRA_SAMPLES) if image.format == "TIFF" else None  # type: ignore[attr-defined]
    if extra not in (None, (ALPHA,)):  # a fourth band of another meaning, or colours multiplied by it
        return None
    import cv2

    try:
        with _quiet_opencv():
            values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if values is None or values.dtype != np.uint16 or values.ndim != 3 or values.shape[2] not in (3, 4):
        return None
    values = np.ascontiguousarray(values[..., [2, 1, 0, 3][: values.shape[2]]])
    if image.format == "TIFF" and not _is_alike(values, np.asarray(image)):  # separate planes: OpenCV reads one of them
        return None
    return values


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from writing to standard error, as of tags that it does not know: what fails here is told."""
    from cv2.utils import logging

    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


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
        with _quiet_opencv():
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
