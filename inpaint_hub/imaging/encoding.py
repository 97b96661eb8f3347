"""From an image to a file: a photo goes out as it came in, and what cannot is named."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from . import containers, deep_color, tiff_tags
from .containers import Part
from .metadata import EXIF_HEADER
from .photo import Photo, decode, first_line
from .pillow_modes import MODES_16BIT, OTHER_SPACES, pixels_of

HOLDS = {  # which metadata a format can hold; the formats that are not here, none
    "JPEG": ("icc_profile", "dpi", "xmp", "exif", "comment", "iptc"),
    "PNG": ("icc_profile", "dpi", "xmp", "exif"),
    "TIFF": ("icc_profile", "dpi", "xmp", "exif", "iptc"),
    "WEBP": ("icc_profile", "xmp", "exif"),
    "AVIF": ("icc_profile", "xmp", "exif"),
    "BMP": ("dpi",),
    "GIF": ("comment",),
}
NAMES = {
    "icc_profile": "ICC profile", "dpi": "dpi", "xmp": "XMP", "exif": "EXIF", "comment": "comment", "iptc": "IPTC",
}  # fmt: skip
NEW: dict[str, dict[str, Any]] = {  # settings for a format that the photo did not come in
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
PNG_LEVEL = 4  # zlib's: two fifths of the time that Pillow's 6 takes, for 1 to 7 % more bytes
SAMPLE_PX = 640  # the side of a photo's middle part, on which its quality is looked for
NEARLY = 0.97  # of a file's bytes: a picture that was compressed before takes a little less the second time
SEGMENT = 65_000  # bytes: a JPEG segment holds no more than 65,533
SPACES = {"TIFF": ("CMYK", "LAB", "YCbCr", "RGBX", "RGBa"), "JPEG": ("CMYK", "YCbCr", "RGBX")}  # beside grey and RGB
HOLD_A_TRANSPARENT_COLOR = ("PNG", "GIF")
EIGHT_BITS = ("JPEG", "WEBP", "AVIF", "BMP", "GIF")  # hold no more a channel

LOSSY = (
    "{format} compresses with loss: known pixels were kept until the file was written, and that changes them slightly;"
    " a PNG keeps them bit for bit"
)
LEFT_OUT = "{format} cannot hold all that came with the photo; left out: {names}"
WRITABLE = (
    "; write a .png or .tif, which keep every pixel, or a .jpg, .webp, .avif, .bmp or .gif; --png writes a PNG of it,"
    " or of every photo of a folder"
)
READ_ALONE = ("HEIF",)  # its library can write it, but with a loss by which the known pixels would change
CONVERTED = "{format} cannot hold {mode} colours; they were converted to RGB"
TO_EIGHT_BIT = "{format} holds 8 bits a channel; the photo's 16 were rounded"


def format_for(photo: Photo, path: str | Path) -> str:
    """Choose the format of a file: the photo's own where it ends like the photo's file, else what its ending says.

    Raises:
        ValueError: The ending is of no format that can be written.
    """
    suffix = Path(path).suffix.lower()
    own = suffix in ("", Path(photo.name).suffix.lower())
    found = photo.format if own else Image.registered_extensions().get(suffix)
    if found is None or not can_write(found):
        no_format = f"{Path(path).name} ends in no picture format that can be written"
        raise ValueError((f"{photo.name} is {found}, which can be read, not written" if own else no_format) + WRITABLE)
    return "JPEG" if found == "MPO" else found


def can_write(format: str) -> bool:
    """Tell whether pictures of a format, by Pillow's name, can be written; some can be read alone, as PSD."""
    Image.init()
    return format in Image.SAVE and format not in READ_ALONE


def encode(photo: Photo, image: Image.Image | np.ndarray, hole: np.ndarray, format: str) -> tuple[bytes, list[str]]:
    """Encode an image with all that came with a photo, and prove that its known pixels are the photo's own.

    Args:
        photo: What was read.
        image: The photo's image, filled.
        hole: (H, W) bool: where it was filled.
        format: Pillow's name of the format to write.

    Returns:
        The file's bytes, and sentences on what a user should know: what was lost.

    Raises:
        ValueError: The format cannot hold the image, or not its known pixels.
    """
    picture, notes = _fitted(photo, image, format)
    held = {key: value for key, value in photo.metadata.items() if key in HOLDS.get(format, ())}
    if notes and _has_other_inks(photo, picture):
        held.pop("icc_profile", None)
    if format == "JPEG":
        held = {key: value for key, value in held.items() if key not in ("exif", "xmp") or len(value) <= SEGMENT}
    settings = photo.settings if format == photo.format else NEW.get(format, {})
    if format == photo.format and (format == "AVIF" or (format == "WEBP" and not settings["lossless"])):
        settings = settings | {"quality": _quality(photo, format)}
    try:
        data = _with_metadata(photo, _saved(picture, format, settings, held), format, held)
    except Exception as error:  # as with reading: no library says what it raises
        own = "" if format == photo.format else "in the format that it came in, or "
        raise ValueError(
            f"{photo.name} cannot be written as {format} ({first_line(error)}); write it {own}as"
            f" {_others(format, image)}"
        ) from error
    if format in ("JPEG", "AVIF") or (format == "WEBP" and not settings["lossless"]):
        notes.append(LOSSY.format(format=format))
    else:
        _verify(photo, picture, data, hole, format, converted=bool(notes))
    had = containers.inventory(photo.data, photo.format) | {NAMES[key] for key in photo.metadata}
    if isinstance(picture, Image.Image) and "transparency" in picture.info and format not in HOLD_A_TRANSPARENT_COLOR:
        had.add("transparent colour")  # in black and white, or 16 bits: other modes became RGBA
    lost = had - containers.inventory(data, format) - {NAMES[key] for key in held}
    notes += [LEFT_OUT.format(format=format, names=", ".join(sorted(lost)))] * bool(lost)
    return data, notes


def _quality(photo: Photo, format: str) -> int:
    """The quality at which the photo's own picture takes as many bytes as its file, which does not say it itself.

    How bytes grow with quality is measured on a middle part of SAMPLE_PX, and scaled by one measure of the whole.
    """
    assert isinstance(photo.image, Image.Image)
    picture = photo.image if photo.image.mode in ("RGB", "RGBA") else photo.image.convert("RGBA")
    across, down = ((length - min(length, SAMPLE_PX)) // 2 for length in picture.size)
    sample = picture.crop((across, down, across + min(picture.width, SAMPLE_PX), down + min(picture.height, SAMPLE_PX)))
    beside = sum(len(value) for value in photo.metadata.values() if isinstance(value, bytes))
    wanted = len(photo.data) - beside

    def measured(image: Image.Image, quality: int) -> int:
        file = BytesIO()
        image.save(file, format, quality=quality)
        return len(file.getvalue())

    scale = 1.0 if sample.size == picture.size else measured(picture, 80) / measured(sample, 80)
    low, high = 1, 100
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if scale * measured(sample, middle) >= NEARLY * wanted else (middle + 1, high)
    return low


def _fitted(photo: Photo, image: Image.Image | np.ndarray, format: str) -> tuple[Image.Image | np.ndarray, list[str]]:
    """The image as the format can hold it, and what had to be changed."""
    if isinstance(image, np.ndarray):
        fits = format in deep_color.BY_OPENCV and not (format == "PPM" and image.shape[2] == 4)
        return (image, []) if fits else (deep_color.to_8bit(image), [TO_EIGHT_BIT.format(format=format)])
    if format == "JPEG" and image.mode == "P" and not image.has_transparency_data:
        return image.convert("RGB"), []
    if image.mode in MODES_16BIT and format in EIGHT_BITS:
        grey = np.rint(pixels_of(image)[:, :, 0] / 257.0).astype(np.uint8)
        return Image.fromarray(grey), [TO_EIGHT_BIT.format(format=format)]
    if (format == "PNG" and image.mode == "I") or (format == "TIFF" and image.mode == "I;16B"):
        return Image.fromarray(np.asarray(image).astype(np.uint16)), []  # in TIFF: its tags are written little-endian
    if image.mode in (*OTHER_SPACES, "RGBa", "La", "PA", "RGBX") and image.mode not in SPACES.get(format, ()):
        note = CONVERTED.format(format=format, mode=image.mode)
        return _to_rgb(image, photo.metadata.get("icc_profile")), [note] if image.mode in OTHER_SPACES else []
    if "transparency" in image.info and format not in HOLD_A_TRANSPARENT_COLOR:
        values = pixels_of(image)
        if values.shape[2] == 4:
            return Image.fromarray(values), []
    return image, []


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB, by its own profile if it has a good one."""
    if profile and image.mode in ("CMYK", "LAB"):
        try:
            own = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGBA" if image.mode in ("RGBa", "La", "PA") else "RGB")


def _has_other_inks(photo: Photo, picture: Image.Image | np.ndarray) -> bool:
    """Whether the photo's colour profile is of another colour space than the picture is in now."""
    return isinstance(photo.image, Image.Image) and isinstance(picture, Image.Image) and (
        photo.image.mode in ("CMYK", "LAB") and picture.mode != photo.image.mode
    )  # fmt: skip


def _saved(picture: Image.Image | np.ndarray, format: str, settings: dict[str, Any], held: dict[str, Any]) -> bytes:
    """The file with what Pillow writes itself."""
    if isinstance(picture, np.ndarray):
        return deep_color.encode_16bit(picture, format)
    if picture.mode == "F" and format in EIGHT_BITS:
        raise ValueError(f"cannot write mode F as {format}")  # Pillow would cut off all above 255
    options = dict(settings)
    by_pillow = () if format == "TIFF" else ("icc_profile", "dpi", "exif") + (("xmp",) if format != "PNG" else ())
    options |= {key: held[key] for key in by_pillow if key in held}
    if format == "GIF" and "comment" in held:
        options["comment"] = held["comment"][0]
    if format == "PNG":
        options["compress_level"] = PNG_LEVEL
    file = BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def _with_metadata(photo: Photo, data: bytes, format: str, held: dict[str, Any]) -> bytes:
    """The file with what Pillow leaves out."""
    if format == "JPEG":
        resources = held.get("iptc", b"")
        parts = list(photo.parts if photo.format == "JPEG" else ())
        for start in range(0, len(resources), SEGMENT):
            parts.append(Part(b"\xff\xed", containers.PHOTOSHOP + resources[start : start + SEGMENT]))
        parts += [Part(b"\xff\xfe", comment[:SEGMENT]) for comment in held.get("comment", ())]
        return containers.add_to_jpeg(data, parts)
    if format == "PNG":
        parts = list(photo.parts if photo.format == "PNG" else ())
        if "xmp" in held:
            parts.append(Part(b"iTXt", containers.XMP_IN_PNG + bytes(5) + held["xmp"]))
        if isinstance(photo.image, np.ndarray):  # OpenCV writes pixels alone
            parts += containers.png_metadata(held)
        return containers.add_to_png(data, parts)
    return tiff_tags.add_tags(data, _tags(photo, held)) if format == "TIFF" else data


def _tags(photo: Photo, held: dict[str, Any]) -> dict[int, tiff_tags.Entry]:
    """What came with the photo as tags of a TIFF."""
    tags = dict(photo.tags)
    if photo.format != "TIFF":
        if "exif" in held:
            exif = tiff_tags.read_tags(held["exif"].removeprefix(EXIF_HEADER))
            tags |= {tag: entry for tag, entry in exif.items() if tag not in tiff_tags.LAYOUT | tiff_tags.STALE}
        for key, tag in (("xmp", tiff_tags.XMP), ("iptc", tiff_tags.PHOTOSHOP)):
            if key in held:
                tags[tag] = tiff_tags.Entry(1, held[key])
        if "dpi" in held:
            tags |= tiff_tags.resolution(held["dpi"])
    tags.pop(tiff_tags.ICC_PROFILE, None)
    if "icc_profile" in held:
        tags[tiff_tags.ICC_PROFILE] = tiff_tags.Entry(7, held["icc_profile"])
    if isinstance(photo.image, np.ndarray) and photo.image.shape[2] == 4:
        tags[tiff_tags.EXTRA_SAMPLES] = tiff_tags.Entry(3, bytes([deep_color.ALPHA, 0]))
    return tags


def _verify(
    photo: Photo, picture: Image.Image | np.ndarray, data: bytes, hole: np.ndarray, format: str, *, converted: bool
) -> None:
    """Read back what is about to be written. Raises `ValueError` where a known pixel is not the photo's own."""
    try:
        written = _values(decode(data, photo.name).image)
        expected = _values(picture if converted else decode(photo.data, photo.name).image)
        same = written.shape == expected.shape and np.array_equal(written[~hole], expected[~hole])
    except ValueError:
        same = False
    if not same:
        raise ValueError(
            f"{photo.name} cannot be written as {format} without changing known pixels;"
            f" write it as {_others(format, picture)}"
        )


def _others(format: str, picture: Image.Image | np.ndarray) -> str:
    """Endings of formats that hold most pictures, without the one that does not; floats need a TIFF."""
    if isinstance(picture, Image.Image) and picture.mode == "F":
        return ".tif"
    return " or ".join(ending for name, ending in (("PNG", ".png"), ("TIFF", ".tif")) if name != format)


def _values(image: Image.Image | np.ndarray) -> np.ndarray:
    """The pixels (H, W, C) for a comparison across modes: grey and RGB as RGBA, other colour spaces as they are."""
    if isinstance(image, np.ndarray):
        values = image
    elif image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        return np.asarray(image)
    else:
        values = pixels_of(image)
    if values.dtype.kind == "f":
        return values
    full = np.iinfo(values.dtype).max
    if values.shape[2] == 1:
        values = np.repeat(values, 3, axis=2)
    return values if values.shape[2] == 4 else np.concatenate([values, np.full_like(values[..., :1], full)], axis=2)
