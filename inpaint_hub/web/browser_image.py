"""Pictures as a browser shows them: in 8 bits, as PNG files, in the colours that the photo's own file means."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from ..imaging import containers, contract, deep_color, encoding
from ..imaging.photo import Photo

PREVIEW_PX = 2048  # the longer side, at most
BROWSER_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")  # of files that browsers show
BROWSER_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # PNG holds them, and browsers show them as they are
COLOR_CHUNKS = (b"cHRM", b"cICP", b"gAMA", b"sRGB")  # of a PNG: what its colours mean

Picture = Image.Image | np.ndarray  # an array is colour of 16 bits, as in `Photo`


def keeps_colors(image: Picture) -> bool:
    """Tell if browsers show a picture, as `to_browser` brings it to them, in the colours that its file means."""
    return isinstance(image, np.ndarray) or image.mode in BROWSER_MODES


def to_browser(image: Picture) -> Image.Image:
    """Bring a picture into a mode of 8 bits that browsers show.

    Args:
        image: A PIL image of any mode, or (H, W, 3 | 4) uint16.

    Returns:
        A PIL image of one of BROWSER_MODES: the same object if it has one of them.
    """
    if isinstance(image, np.ndarray):
        return deep_color.to_8bit(image)
    if image.mode in BROWSER_MODES:
        return image
    if image.mode in contract.MODES_16BIT or image.mode == "F":
        values, _ = contract.unpack(image, np.zeros(image.size[::-1], dtype=bool))
        return Image.fromarray(np.rint(255 * values[0]).astype(np.uint8))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def make_preview(image: Picture) -> Image.Image:
    """Bring a picture into a mode that browsers show, with sides of at most PREVIEW_PX."""
    preview = to_browser(image)
    if max(preview.size) > PREVIEW_PX:
        preview = preview.convert("RGBA" if preview.has_transparency_data else "RGB")
        preview.thumbnail((PREVIEW_PX, PREVIEW_PX), Image.Resampling.LANCZOS, reducing_gap=2)
    return preview


def write_shown(image: Picture, source: Photo, folder: str, name: str) -> str:
    """Write a PNG that a browser shows in the photo's colours.

    Args:
        image: The photo's picture, or a part of it.
        source: The photo, which has the colour profile.
        folder: Where the file goes.
        name: The file's, without the ending.

    Returns:
        The file's path.
    """
    file, options, chunks = BytesIO(), {}, []
    if keeps_colors(image):  # what was converted has left the photo's colour space
        options = {key: source.metadata[key] for key in ("icc_profile",) if key in source.metadata}
        chunks = [part for part in source.parts if source.format == "PNG" and part.kind in COLOR_CHUNKS]
    to_browser(image).save(file, "PNG", compress_level=encoding.PNG_LEVEL, **options)
    path = Path(folder) / f"{name}.png"
    path.write_bytes(containers.add_to_png(file.getvalue(), chunks))
    return str(path)


def write_patch(patch: Picture, source: Photo, folder: str) -> tuple[str, str]:
    """Write a part of a photo into a file without loss, and into one that a browser shows.

    Args:
        patch: A part of the photo's picture, in the photo's mode.
        source: The photo, which has the colour profile.
        folder: Where the files go.

    Returns:
        The paths of both: the same where a browser shows the exact one.
    """
    if isinstance(patch, np.ndarray):
        path = Path(folder) / "patch.png"
        path.write_bytes(deep_color.encode_16bit(patch, "PNG"))
    elif patch.mode in BROWSER_MODES:
        shown = write_shown(patch, source, folder, "patch")
        return shown, shown
    else:
        path = Path(folder) / "patch.tif"
        patch.save(path, compression="raw")
    return str(path), write_shown(patch, source, folder, "shown")
