"""From a file to an image: a photo is read with all that goes out with it again. `encoding` writes it.

Orientation is applied; EXIF, XMP, IPTC, ICC profile, dpi, comments and the format's own settings are kept. All errors
are `ValueError`s that name the file, but for the file system's own `OSError`s.
"""

from __future__ import annotations

import math
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin

from . import containers, deep_color, tiff_tags
from .containers import Part
from .metadata import EXIF_HEADER, upright_exif, upright_xmp, without_pictures, without_thumbnail
from .pillow_modes import MODES_16BIT

TURNS = {  # EXIF orientation: what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's `info` calls so, if it is of this type: a PNG's text may have the same name.
METADATA = {"icc_profile": bytes, "dpi": tuple, "xmp": bytes, "exif": bytes, "comment": bytes}
TIFF_TAGS = (270, 271, 272, 305, 306, 315, 33432)  # description, make, model, software, date, artist, copyright
LOSSLESS_TIFF = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "group3", "group4", "lzma", "zstd")
HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands, in bytes 8 to 12
ENCODERS_OWN = b"Created by OpenJPEG"  # a comment that says nothing of the photo

EIGHT_BIT = (
    "{name} has {bits} bits a channel; it was read, and is written, with 8, all that this program knows of {format}"
)
WIDENED = "{name} has {bits} bits a channel; they were scaled to 16, and so it is written"
SIGNED = "{name} has signed samples of 16 bits; they were read as {kind}"
UNSIGNED, SIGNED_32 = "unsigned ones, as none is negative", "signed ones of 32 bits"
MULTIPLIED = "{name} has colours that are multiplied by its alpha; they were divided by it, and rounded"
BANDS = "{name} has {samples} bands; {read} of them can be kept, and the rest was left out"
FIRST_OF_SEVERAL = "the file holds further pictures beside the photo; they were left out"


@dataclass(frozen=True)
class Photo:
    """An upright picture, and what its file said beside the pixels."""

    name: str
    image: Image.Image | np.ndarray  # an array (H, W, 3 | 4) uint16 where it is colour of 16 bits
    stored_size: tuple[int, int]  # width and height before it was made upright
    turn: Image.Transpose | None  # what made it upright
    format: str
    metadata: dict[str, Any]  # for every format that can hold it
    settings: dict[str, Any]  # of `format` alone, as Pillow's `save` takes them
    parts: tuple[Part, ...]  # of a JPEG or PNG: what goes out again as it came in
    tags: dict[int, tiff_tags.Entry]  # of a TIFF: the same
    notes: tuple[str, ...]  # what a user should know about how it was read
    data: bytes  # the file

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        if isinstance(self.image, np.ndarray):
            return self.image.shape[1], self.image.shape[0]
        return self.image.size


class _TooLargeError(Exception):
    """More pixels than were allowed."""


def read(path: str | Path, max_pixels: int | None = None) -> Photo:
    """Read the photo in a file.

    Args:
        path: The file.
        max_pixels: Refuse larger photos, before they are decoded.

    Raises:
        ValueError: It is an animation, has several pages, or cannot be opened.
        OSError: There is no such file.
    """
    return decode(Path(path).read_bytes(), Path(path).name, max_pixels)


def decode(data: bytes, name: str, max_pixels: int | None = None) -> Photo:
    """Read the photo in a file's bytes; `name` is for the errors. For the rest see `read`."""
    if not data:
        raise ValueError(f"{name} is empty; give a picture")
    image, orientation, stored_size = _opened(data, name, max_pixels)
    turn = TURNS.get(orientation)
    bits = deep_color.bits_of(image, data)
    deep = deep_color.decode_16bit(data, image, name)
    lost = deep is None and bits > 8 and image.mode not in (*MODES_16BIT, "F")
    widened = 8 < bits < 16 and not lost
    signed = deep_color.has_signed_16bit(image)
    format = "JPEG" if image.format == "MPO" else str(image.format)
    plain = deep_color.with_white_as_most(_plain(image, turn), image, bits)
    return Photo(
        name=name,
        image=plain if deep is None else deep if format == "TIFF" else _turned(deep, turn),
        stored_size=stored_size,
        turn=turn,
        format=format,
        metadata=_metadata(image, data),
        settings=_settings(image, data),
        parts=tuple({"JPEG": containers.kept_of_jpeg, "PNG": containers.kept_of_png}.get(format, lambda _: [])(data)),
        tags=_tags_to_keep(data) if format == "TIFF" else {},
        notes=(EIGHT_BIT.format(name=name, bits=bits, format=format),) * lost
        + (WIDENED.format(name=name, bits=bits),) * widened
        + (FIRST_OF_SEVERAL,) * (format == "HEIF" and getattr(image, "n_frames", 1) > 1)
        + (SIGNED.format(name=name, kind=UNSIGNED if plain.mode == "I;16" else SIGNED_32),) * signed
        + _told_of_bands(image, name, 0 if deep is None else deep.shape[2]),
        data=data,
    )


def _opened(data: bytes, name: str, max_pixels: int | None) -> tuple[Image.Image, int, tuple[int, int]]:
    """The decoded picture, its orientation, and its width and height as stored."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIF:
        _register_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size, where Pillow refuses twice its limit, and of broken EXIF
            image = Image.open(BytesIO(data))
            stored_size = image.size
            if image.format == "TIFF":  # Pillow turns it when it decodes it
                stored_size = image.tag_v2[256], image.tag_v2[257]  # type: ignore[attr-defined]
            if max_pixels and image.width * image.height > max_pixels:
                raise _TooLargeError
            orientation = _orientation(image)
            image.load()
        pictures = getattr(image, "n_frames", 1)
    except _TooLargeError as error:
        raise ValueError(_too_large(name, image.width * image.height, max_pixels)) from error
    except Image.DecompressionBombError as error:  # it says how many pixels there are
        (pixels,) = re.findall(r"\((\d+) pixels\)", str(error))
        raise ValueError(_too_large(name, int(pixels), max_pixels)) from error
    except Exception as error:  # Pillow does not say what a broken file raises
        if data[4:8] == b"ftyp" and data[8:12] in HEIF:
            raise ValueError(f"{name} is HEIC, which cannot be read here; convert it to JPEG or PNG first") from error
        if isinstance(error, Image.UnidentifiedImageError):
            raise ValueError(f"{name} is no picture of a format that can be read here") from error
        raise ValueError(f"{name} is broken and cannot be read ({first_line(error)})") from error
    deep_color.refuse_misread(image, name)
    if pictures > 1 and image.format not in ("MPO", "HEIF"):  # phones write the photo, then its preview or depth map
        raise ValueError(
            f"{name} holds {pictures} pictures, an animation or pages, and only one can be filled;"
            " save the one that you mean as a file of its own"
        )
    return image, orientation, stored_size


def _too_large(name: str, pixels: int, max_pixels: int | None) -> str:
    most = min(max_pixels or pixels, 2 * (Image.MAX_IMAGE_PIXELS or pixels))  # Pillow refuses twice its limit
    return f"{name} has {pixels / 10**6:.2f} megapixels, {most / 10**6:g} are allowed; scale it down first"


@lru_cache(maxsize=1)
def _register_heif() -> None:
    """Let Pillow open HEIC, where the library for it is installed."""
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()


def _orientation(image: Image.Image) -> int:
    """The orientation that EXIF says; none, if it is broken."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow does not say what broken EXIF raises
        return 1


def first_line(error: Exception) -> str:
    """Cut an error's text to its first line."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _plain(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    """The pixels alone, upright, with palette and transparency; a copy that has forgotten its file."""
    plain = image.copy() if turn is None or image.format == "TIFF" else image.transpose(turn)
    plain.info = {key: value for key, value in image.info.items() if key == "transparency"}
    return plain


def _turned(values: np.ndarray, turn: Image.Transpose | None) -> np.ndarray:
    """The pixels (H, W, C) upright, as Pillow's `transpose` turns."""
    if turn is None:
        return values
    order = np.arange(values.shape[0] * values.shape[1], dtype=np.int32).reshape(values.shape[:2])
    return values.reshape(-1, values.shape[2])[np.asarray(Image.fromarray(order).transpose(turn))]


def _told_of_bands(image: Image.Image, name: str, deep: int) -> tuple[str, ...]:
    """Sentences on a TIFF's bands: those that were not read, such as infrared, and colours read without their alpha."""
    if image.format != "TIFF":
        return ()
    tags = image.tag_v2  # type: ignore[attr-defined]
    samples, read = tags.get(tiff_tags.SAMPLES, 1), deep or len(image.getbands())
    multiplied = deep_color.MULTIPLIED in tags.get(tiff_tags.EXTRA_SAMPLES, ()) and image.mode == "RGBA"
    return (BANDS.format(name=name, samples=samples, read=read),) * (samples > read) + (
        (MULTIPLIED.format(name=name),) * multiplied
    )


def _metadata(image: Image.Image, data: bytes) -> dict[str, Any]:
    found = {key: image.info[key] for key, kind in METADATA.items() if isinstance(image.info.get(key), kind)}
    if not all(0 < float(value) < math.inf for value in found.get("dpi", ())):
        del found["dpi"]
    if image.format == "TIFF":
        tags = _tags_of(data)
        found |= {"exif": _exif_of_tiff(tags), "iptc": _photoshop_of_tiff(tags)}
        found |= {"xmp": tags[tiff_tags.XMP].data} if tiff_tags.XMP in tags else {}
    if image.format == "PNG":
        parts, _ = containers.png_parts(data)
        found = dict(filter(None, map(containers.raw_profile, parts))) | found
        xmp = [part for part in parts if part.body.startswith(containers.XMP_IN_PNG)]
        if xmp:
            found["xmp"] = image.info.get(containers.XMP_IN_PNG.decode(), "").encode()
    if image.format in ("JPEG", "MPO"):
        found["iptc"] = containers.photoshop_of_jpeg(data)
        found["comment"] = containers.comments_of_jpeg(data)
    elif "comment" in found:
        comment = found.pop("comment")
        found["comment"] = [] if comment.startswith(ENCODERS_OWN) else [comment]
    if "iptc" in found:
        found["iptc"] = without_thumbnail(found["iptc"])
    if "exif" in found:
        found["exif"] = upright_exif(found["exif"])
    if "xmp" in found:
        found["xmp"] = upright_xmp(found["xmp"])
    return {key: value for key, value in found.items() if value}


def _tags_of(data: bytes) -> dict[int, tiff_tags.Entry]:
    """The tags of a TIFF file; none, if they are broken."""
    try:
        return tiff_tags.read_tags(data)
    except ValueError:
        return {}


def _exif_of_tiff(tags: dict[int, tiff_tags.Entry]) -> bytes:
    """The describing tags of a TIFF file, which keeps them among those that lay out its pixels."""
    kept = {tag: entry for tag, entry in tags.items() if tag in (*TIFF_TAGS, *tiff_tags.NESTED)}
    return EXIF_HEADER + tiff_tags.write_block(kept) if kept else b""


def _photoshop_of_tiff(tags: dict[int, tiff_tags.Entry]) -> bytes:
    """Photoshop's resources in a TIFF file, with its IPTC block among them."""
    if tiff_tags.PHOTOSHOP in tags:
        return tags[tiff_tags.PHOTOSHOP].data
    if tiff_tags.IPTC not in tags:
        return b""
    block = tags[tiff_tags.IPTC].data
    return b"8BIM\x04\x04\0\0" + len(block).to_bytes(4, "big") + block + b"\0" * (len(block) % 2)


def _tags_to_keep(data: bytes) -> dict[int, tiff_tags.Entry]:
    """The tags that a filled TIFF gets again, made right for an upright photo."""
    kept = {tag: entry for tag, entry in _tags_of(data).items() if tag not in tiff_tags.LAYOUT | tiff_tags.STALE}
    for tag, change in ((tiff_tags.XMP, upright_xmp), (tiff_tags.PHOTOSHOP, without_thumbnail)):
        if tag in kept:
            kept[tag] = tiff_tags.Entry(1, change(kept[tag].data))
    if tiff_tags.EXIF_IFD in kept:  # a thumbnail in the maker's notes
        directory = dict(kept[tiff_tags.EXIF_IFD].directory or {})
        for tag, entry in directory.items():
            directory[tag] = entry._replace(data=without_pictures(entry.data))
        kept[tiff_tags.EXIF_IFD] = kept[tiff_tags.EXIF_IFD]._replace(directory=directory)
    return {tag: entry for tag, entry in kept.items() if entry.data or entry.directory}


def _settings(image: Image.Image, data: bytes) -> dict[str, Any]:
    """What makes Pillow write the format as this file was written."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return {
            "qtables": image.quantization,
            "subsampling": JpegImagePlugin.get_sampling(image),
            "progressive": bool(image.info.get("progressive")),
            "keep_rgb": image.mode == "RGB" and image.info.get("adobe_transform") == 0,
        }
    if image.format == "WEBP":
        lossless = any(part.kind == b"VP8L" for part in containers.webp_parts(data))
        return {"lossless": lossless, "exact": True} | ({"quality": 100} if lossless else {})
    if image.format == "TIFF":
        compression = image.info.get("compression")
        return {"compression": compression if compression in LOSSLESS_TIFF else "tiff_adobe_deflate"}
    return {}


def fit_mask(mask: Photo, photo: Photo) -> Image.Image:
    """Lay a mask picture on the upright photo; it may come upright or as the photo's pixels are stored.

    Raises:
        ValueError: It has another size.
    """
    picture = mask.image if isinstance(mask.image, Image.Image) else deep_color.to_8bit(mask.image)
    if picture.size == photo.size:
        return picture
    if photo.turn is not None and picture.size == photo.stored_size:
        return picture.transpose(photo.turn)
    sizes = dict.fromkeys(f"{width}×{height}" for width, height in (photo.size, photo.stored_size))
    raise ValueError(
        f"the mask {mask.name} is {picture.width}×{picture.height}"
        f" but {photo.name} is {' upright, stored as '.join(sizes)}; resize the mask with nearest neighbour"
    )
