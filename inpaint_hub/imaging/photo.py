"""File to image and back: a photo goes out as it came in. The only module that opens pictures for users.

Orientation is applied; EXIF, XMP, ICC profile, dpi, comments and the format's own settings are kept. All
errors are `ValueError`s that name the file, but for the file system's own `OSError`s.
"""

from __future__ import annotations

import re
import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin

TURNS = {  # EXIF orientation: what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
METADATA = ("icc_profile", "dpi", "xmp", "exif", "comment")  # what Pillow's `info` and `save` both call so
HOLDS = {  # which of it a format can hold; the formats that are not here, none
    "JPEG": METADATA,
    "PNG": ("icc_profile", "dpi", "xmp", "exif"),
    "TIFF": ("icc_profile", "dpi", "xmp", "exif"),
    "WEBP": ("icc_profile", "xmp", "exif"),
    "AVIF": ("icc_profile", "xmp", "exif"),
    "BMP": ("dpi",),
    "GIF": ("comment",),
}
NEW: dict[str, dict[str, Any]] = {  # settings for a format that the photo did not come in
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
PNG_LEVEL = 4  # zlib's: two fifths of the time that Pillow's 6 takes, for 1 to 7 % more bytes
PNG_CHUNKS = (b"cHRM", b"cICP", b"gAMA", b"sRGB", b"tIME", b"tEXt", b"zTXt", b"iTXt")  # copied as they are
TIFF_TAGS = (270, 271, 272, 305, 306, 315, 33432)  # description, make, model, software, date, artist, copyright
LOSSLESS_TIFF = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "group3", "group4", "lzma", "zstd")
XMP_TAG, XMP_IN_PNG = 700, "XML:com.adobe.xmp"
HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands, in bytes 8 to 12

LOSSY = (
    "{format} compresses with loss: known pixels were kept until the file was written, and that changes them slightly;"
    " a PNG keeps them bit for bit"
)
LEFT_OUT = "{format} cannot hold all that came with the photo; left out: {names}"
EIGHT_BIT = "a colour picture of 16 bits a channel was read at 8 bits, all that Pillow knows, and is written so"
FIRST_OF_SEVERAL = "the file holds further pictures beside the photo (a preview or a depth map); they were left out"


@dataclass(frozen=True)
class Photo:
    """An upright picture, and what its file said beside the pixels."""

    name: str
    image: Image.Image
    stored_size: tuple[int, int]  # width and height before it was made upright
    turn: Image.Transpose | None  # what made it upright
    format: str
    metadata: dict[str, Any]  # for every format that can hold it
    settings: dict[str, Any]  # of `format` alone
    notes: tuple[str, ...]  # what a user should know about how it was read


class _TooLargeError(Exception):
    """More pixels than were allowed."""


def read(path: str | Path, max_pixels: int | None = None) -> Photo:
    """The photo in a file; refused are animations, files of several pages, and what Pillow cannot open.

    With `max_pixels` also larger photos, before they are decoded.
    """
    return decoded(Path(path).read_bytes(), Path(path).name, max_pixels)


def decoded(data: bytes, name: str, max_pixels: int | None = None) -> Photo:
    """The photo in a file's bytes; `name` is for the errors."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIF:
        _register_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # Pillow refuses twice its limit
            image = Image.open(BytesIO(data))
            if max_pixels and image.width * image.height > max_pixels:
                raise _TooLargeError
            image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
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
        raise ValueError(f"{name} is broken and cannot be read ({_first_line(error)})") from error
    if pictures > 1 and image.format not in ("MPO", "HEIF"):  # phones write the photo, then its preview or depth map
        raise ValueError(
            f"{name} holds {pictures} pictures, an animation or pages, and only one can be filled;"
            " save the one that you mean as a file of its own"
        )
    turn = TURNS.get(orientation)
    deep_color = image.mode in ("RGB", "RGBA") and _bits(image, data) > 8
    notes = [EIGHT_BIT] * deep_color + [FIRST_OF_SEVERAL] * (pictures > 1)
    return Photo(
        name=name,
        image=_plain(image, turn),
        stored_size=image.size,
        turn=turn,
        format="JPEG" if image.format == "MPO" else str(image.format),
        metadata=_metadata(image),
        settings=_settings(image, data),
        notes=tuple(notes),
    )


def _too_large(name: str, pixels: int, max_pixels: int | None) -> str:
    most = min(max_pixels or pixels, 2 * (Image.MAX_IMAGE_PIXELS or pixels))  # Pillow refuses twice its limit
    return f"{name} has {pixels / 10**6:.2f} megapixels, {most / 10**6:g} are allowed; scale it down first"


@lru_cache(maxsize=1)
def _register_heif() -> None:
    """Let Pillow open HEIC, where the library for it is installed."""
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _bits(image: Image.Image, data: bytes) -> int:
    """Bits a channel, as the file says."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        return int(max(image.tag_v2.get(258, (8,))))  # type: ignore[attr-defined]  # a TiffImageFile has them
    return 8


def _plain(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    """The pixels alone, upright, with palette and transparency; a copy that has forgotten its file."""
    plain = image.copy() if turn is None else image.transpose(turn)
    plain.info = {key: value for key, value in image.info.items() if key == "transparency"}
    return plain


def _metadata(image: Image.Image) -> dict[str, Any]:
    found = {key: image.info[key] for key in METADATA if image.info.get(key)}
    if image.format == "TIFF":
        found["exif"] = _exif_of_tiff(image)
    elif "exif" in found:
        found["exif"] = upright_exif(found["exif"])
    if XMP_IN_PNG in image.info:
        found["xmp"] = image.info[XMP_IN_PNG].encode()
    if "xmp" in found:
        found["xmp"] = re.sub(rb'(tiff:Orientation(="|>))[2-8]', rb"\g<1>1", found["xmp"])
    return {key: value for key, value in found.items() if value}


def _exif_of_tiff(image: Image.Image) -> bytes:
    """The describing tags of a TIFF file, which keeps them among those that lay out its pixels."""
    tags, exif = image.getexif(), Image.Exif()
    for tag in TIFF_TAGS:
        if tag in tags:
            exif[tag] = tags[tag]
    for group in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        exif.get_ifd(group).update(tags.get_ifd(group))
    return exif.tobytes() if len(exif) or any(exif.get_ifd(group) for group in (0x8769, 0x8825)) else b""


def upright_exif(exif: bytes) -> bytes:
    """EXIF with orientation 1 and no thumbnail, which would show what was filled; no other byte is touched.

    Pillow's own writer would move the maker's notes, which point into the block by absolute offsets.
    Broken EXIF gives none.
    """
    start = 6 if exif.startswith(b"Exif\0\0") else 0
    block = bytearray(exif[start:])
    order = "<" if block[:2] == b"II" else ">"
    try:
        (first,) = struct.unpack_from(order + "I", block, 4)
        entries = _entries(block, first, order)
        if ExifTags.Base.Orientation in entries:
            struct.pack_into(order + "H", block, entries[ExifTags.Base.Orientation], 1)
        link = first + 2 + 12 * struct.unpack_from(order + "H", block, first)[0]
        (second,) = struct.unpack_from(order + "I", block, link)
        if second:
            thumbnail = _entries(block, second, order)
            at, length = (
                struct.unpack_from(order + "I", block, thumbnail[tag])[0] if tag in thumbnail else 0
                for tag in (ExifTags.Base.JpegIFOffset, ExifTags.Base.JpegIFByteCount)
            )
            block[at : at + length] = bytes(len(block[at : at + length]))
            struct.pack_into(order + "I", block, link, 0)
    except struct.error:
        return b""
    return exif[:start] + bytes(block)


def _entries(block: bytearray, start: int, order: str) -> dict[int, int]:
    """Where the value of each tag of an EXIF directory stands."""
    (count,) = struct.unpack_from(order + "H", block, start)
    places = range(start + 2, start + 2 + 12 * count, 12)
    return {struct.unpack_from(order + "H", block, place)[0]: place + 8 for place in places}


def _settings(image: Image.Image, data: bytes) -> dict[str, Any]:
    """What makes Pillow write the format as this file was written."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return {
            "qtables": image.quantization,
            "subsampling": JpegImagePlugin.get_sampling(image),
            "progressive": bool(image.info.get("progressive")),
            "keep_rgb": image.mode == "RGB" and image.info.get("adobe_transform") == 0,
        }
    if image.format == "PNG":
        return {"pnginfo": _png_chunks(data)}
    if image.format == "WEBP":
        lossless = b"VP8L" in _riff_chunks(data)
        return {"lossless": lossless, "exact": True, "quality": 100 if lossless else 95}
    if image.format == "TIFF":
        compression = image.info.get("compression")
        return {"compression": compression if compression in LOSSLESS_TIFF else "tiff_adobe_deflate"}
    return dict(NEW.get(str(image.format), {}))


def _png_chunks(data: bytes) -> PngImagePlugin.PngInfo:
    """The chunks of PNG_CHUNKS, but XMP, which is metadata here."""
    chunks, at = PngImagePlugin.PngInfo(), 8
    while at + 8 <= len(data):
        (length,), name = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if name in PNG_CHUNKS and not body.startswith(XMP_IN_PNG.encode()):
            chunks.add(name, body)
        at += 12 + length
    return chunks


def _riff_chunks(data: bytes) -> list[bytes]:
    names, at = [], 12
    while at + 8 <= len(data):
        names.append(data[at : at + 4])
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return names


def fitting(mask: Photo, photo: Photo) -> Image.Image:
    """The mask picture as it lies on the upright photo; it may come upright or as the photo's pixels are stored."""
    if mask.image.size == photo.image.size:
        return mask.image
    if photo.turn is not None and mask.image.size == photo.stored_size:
        return mask.image.transpose(photo.turn)
    sizes = dict.fromkeys(f"{width}×{height}" for width, height in (photo.image.size, photo.stored_size))
    raise ValueError(
        f"the mask {mask.name} is {mask.image.width}×{mask.image.height}"
        f" but {photo.name} is {' upright, stored as '.join(sizes)}; resize the mask with nearest neighbour"
    )


def format_for(photo: Photo, path: str | Path) -> str:
    """The format to write `path` in: the photo's own where it ends like the photo's file, else what its ending says."""
    suffix = Path(path).suffix.lower()
    if suffix in ("", Path(photo.name).suffix.lower()):
        return photo.format
    found = Image.registered_extensions().get(suffix)
    if found not in Image.SAVE:
        raise ValueError(f"{Path(path).name} ends in no picture format that can be written; .png keeps every pixel")
    return found


def encoded(photo: Photo, image: Image.Image, format: str) -> tuple[bytes, list[str]]:
    """A file of `image` with all that came with `photo`, and what a user should know about it."""
    held = {key: value for key, value in photo.metadata.items() if key in HOLDS.get(format, ())}
    options = dict(photo.settings if format == photo.format else NEW.get(format, {})) | held
    if format == "PNG":
        options["compress_level"] = PNG_LEVEL
        if "xmp" in held:
            options["pnginfo"] = _with_xmp(options.get("pnginfo"), held["xmp"])
    if format == "TIFF":
        options |= _tiff_options(held, options["compression"])
    if format == "JPEG" and image.mode == "P" and not image.has_transparency_data:
        image = image.convert("RGB")
    file = BytesIO()
    try:
        image.save(file, format, **options)
    except Exception as error:  # as with reading
        raise ValueError(
            f"{photo.name} cannot be written as {format} ({_first_line(error)});"
            " write it in the format that it came in, or as .png or .tif"
        ) from error
    lossy = format in ("JPEG", "AVIF") or (format == "WEBP" and not options["lossless"])
    left_out = [key.split("_")[0] for key in photo.metadata if key not in held]
    notes = [LOSSY.format(format=format)] * lossy
    notes += [LEFT_OUT.format(format=format, names=", ".join(left_out))] * bool(left_out)
    return file.getvalue(), notes


def _with_xmp(chunks: PngImagePlugin.PngInfo | None, xmp: bytes) -> PngImagePlugin.PngInfo:
    result = PngImagePlugin.PngInfo()
    result.chunks = list(chunks.chunks) if chunks else []
    result.add_itxt(XMP_IN_PNG, xmp.decode("utf-8", "replace"))
    return result


def _tiff_options(held: dict[str, Any], compression: str) -> dict[str, Any]:
    """EXIF and XMP as TIFF tags; Pillow can write EXIF's own directories only beside pixels that are not compressed."""
    exif = Image.Exif()
    exif.load(held.get("exif", b""))
    if "xmp" in held:
        exif[XMP_TAG] = held["xmp"]
    nested = any(exif.get_ifd(group) for group in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo))
    return {"exif": exif, "compression": "raw" if nested else compression}


def write(data: bytes, path: str | Path) -> None:
    """The bytes as a file that is there whole or not at all, in a folder made if it is new."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(data)
    aside.replace(path)
