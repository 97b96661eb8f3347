"""What the page does with a visitor's photo: open it, mark a hole, fill it, save it. Runs in a worker process.

An edit is a patch: a crop of the filled photo, and where it lies. The photo with its edits is the photo as it is now,
so that a fill costs no copy of the whole photo and a JPEG is compressed once, when it is saved.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..files import write_atomically
from ..imaging import encoding, photo, tiff_tags
from ..imaging.metadata import EXIF_HEADER
from ..imaging.windows import Window, bounding_box, window_around
from ..methods.registry import get_method
from .browser_image import (
    BROWSER_FORMATS,
    Picture,
    keeps_colors,
    make_preview,
    to_browser,
    write_patch,
    write_shown,
)
from .marked_hole import NO_HOLE, grow_hole, merge_masks, read_hole
from .selection import select
from .validation import TOO_OLD, GoneError

PATCH_MARGIN_PX = 16  # known pixels around the hole, so that no seam shows when a browser scales the patch
TRIAL_PX = 128  # of a picture so large that `guided` asks its network
OUTPUT_FORMATS = {"HEIF": "JPEG"}  # what goes out where the photo's own format does not
MISFIT = "The fills do not fit this photo. Open it again."
CONVERTED = "The photo is HEIC. It is saved as JPEG, or as PNG if you choose so."

Box = tuple[int, int, int, int]  # left, top, width, height in pixels of the photo

_load_method = lru_cache(maxsize=4)(get_method)  # a visitor's model is a snapshot, which does not change


def _read(path: str, max_pixels: int) -> photo.Photo:
    """Read an upload, which may have been deleted since the request was checked."""
    try:
        return photo.read(path, max_pixels)
    except FileNotFoundError:
        raise GoneError(TOO_OLD.format(name="file")) from None


_read_photo = lru_cache(maxsize=1)(_read)  # one visitor's next step, most often; uploads do not change


class Edit(NamedTuple):
    """A patch file and where it lies in the photo."""

    path: str
    box: Box


class OpenedPhoto(NamedTuple):
    """The upright photo's size, a file that a browser shows if one is needed, and what to know."""

    width: int
    height: int
    preview: str | None
    notes: tuple[str, ...]


class Marked(NamedTuple):
    """A PNG that is opaque where the photo is marked, and where it lies."""

    shown: str
    box: Box
    notes: tuple[str, ...]


class FilledHole(NamedTuple):
    """The patch as it is and as a browser shows it, where it and the hole lie, and what to know."""

    patch: str
    shown: str
    box: Box
    hole: Box
    pixels: int
    seconds: float
    notes: tuple[str, ...]


class SavedPhoto(NamedTuple):
    """A file in the photo's own format or as PNG, its name, and what to know."""

    path: str
    name: str
    notes: tuple[str, ...]


class FilledPhoto(NamedTuple):
    """A photo filled in a file, and files of before and after that a browser shows."""

    path: str
    before: str
    after: str
    pixels: int
    seconds: float
    notes: tuple[str, ...]


def load_method(method: str) -> None:
    """Load what a method needs, libraries and networks, so that the first fill does not wait for it.

    Args:
        method: A name in `METHODS`, a model folder, or "owner/model".
    """
    hole = np.zeros((TRIAL_PX, TRIAL_PX), dtype=bool)
    hole[TRIAL_PX // 4 : TRIAL_PX // 2, TRIAL_PX // 4 : TRIAL_PX // 2] = True
    noise = np.random.default_rng(0).integers(0, 256, (TRIAL_PX, TRIAL_PX, 3), dtype=np.uint8)
    _load_method(method, "cpu")(noise, hole)


def open_photo(path: str, folder: str, max_pixels: int, *, preview: bool = True) -> OpenedPhoto:
    """Check a photo, and write a copy that any browser shows.

    Args:
        path: The photo's file.
        folder: Where the copy goes.
        max_pixels: Larger photos are refused.
        preview: Whether a copy is wanted even if browsers show the photo as it is, and turn it.

    Returns:
        The size of the upright photo, and the copy.

    Raises:
        ValueError: The file cannot be read, or is too large.
    """
    source = _read_photo(path, max_pixels)
    plain = source.format in BROWSER_FORMATS and keeps_colors(source.image) and _turned_by_browsers(source)
    notes = (*source.notes, *([CONVERTED] if source.format == "HEIF" else []))
    shown = write_shown(make_preview(source.image), source, folder, "preview") if preview or not plain else None
    return OpenedPhoto(*source.size, shown, notes)


def _turned_by_browsers(source: photo.Photo) -> bool:
    """Whether a browser makes the photo upright, too: it goes by EXIF, and not by XMP, as Pillow does without it."""
    if source.turn is None:
        return True
    try:
        tags = tiff_tags.read_tags(source.metadata.get("exif", b"").removeprefix(EXIF_HEADER))
    except ValueError:
        return False
    return tiff_tags.ORIENTATION in tags


def read_mask(path: str, edits: Sequence[Edit], mask: str, folder: str, max_pixels: int) -> Marked:
    """Read a mask picture: what it marks, as a PNG.

    Args:
        path: The photo's file.
        edits: Not looked at; `select_object` takes the same.
        mask: A mask picture of the photo's size or proportions.
        folder: Where the PNG goes.
        max_pixels: Larger pictures are refused.

    Returns:
        What is marked, and how the mask was read.

    Raises:
        ValueError: The mask cannot be read, does not fit, or marks nothing.
    """
    source = _read_photo(path, max_pixels)
    hole, notes = read_hole(_read(mask, max_pixels), source)
    return _write_marked(hole, folder, notes)


def select_object(path: str, edits: Sequence[Edit], mask: str, folder: str, max_pixels: int) -> Marked:
    """Mark the object within a loose outline.

    Args:
        path: The photo's file.
        edits: What was filled before.
        mask: A mask picture of the photo's size or proportions, white inside the outline.
        folder: Where the PNG that marks the object goes.
        max_pixels: Larger pictures are refused.

    Returns:
        The object, or all within the outline where none stands out.

    Raises:
        ValueError: A file cannot be read, or nothing is outlined.
    """
    source = _read_photo(path, max_pixels)
    outline, _ = read_hole(_read(mask, max_pixels), source)
    if not outline.any():
        raise ValueError(NO_HOLE)
    shown = to_browser(_edited(source, edits, max_pixels)).convert("RGB")
    return _write_marked(select(np.asarray(shown), outline), folder, ())


def fill_hole(
    path: str,
    edits: Sequence[Edit],
    mask: str,
    folder: str,
    method: str,
    max_pixels: int,
    *,
    grow_px: int = 0,
    device: str = "cpu",
) -> FilledHole:
    """Fill what a mask marks in the photo as it is now.

    Args:
        path: The photo's file.
        edits: What was filled before.
        mask: A mask picture of the photo's size or proportions.
        folder: Where the patch goes.
        method: A name in `METHODS`, a model folder, or "owner/model".
        max_pixels: Larger photos are refused.
        grow_px: The hole grows by so many pixels of the photo.
        device: Where a network works.

    Returns:
        The patch that holds the hole.

    Raises:
        ValueError: A file cannot be read, nothing or everything is marked, or the method cannot fill this.
    """
    source = _read_photo(path, max_pixels)
    image = _edited(source, edits, max_pixels)
    marked, notes = read_hole(_read(mask, max_pixels), source)
    hole = grow_hole(marked, grow_px)
    result, seconds, warned = _fill_timed(image, hole, method, device)
    window = window_around(hole, PATCH_MARGIN_PX, 1)
    exact, shown = write_patch(_crop(result, window), source, folder)
    told = tuple(dict.fromkeys((*notes, *warned)))
    return FilledHole(exact, shown, _box(window), _box(bounding_box(hole)), int(hole.sum()), seconds, told)


def save_photo(path: str, edits: Sequence[Edit], folder: str, max_pixels: int, *, as_png: bool = False) -> SavedPhoto:
    """Write the photo with its edits, under its own name and in its own format, or as PNG.

    Args:
        path: The photo's file.
        edits: What was filled.
        folder: Where the file goes.
        max_pixels: Larger photos are refused.
        as_png: Whether it is a PNG instead of the photo's own format.

    Returns:
        The file, and what its format could not keep.

    Raises:
        ValueError: A file cannot be read, or the photo cannot be written in its format.
    """
    source = _read_photo(path, max_pixels)
    filled = np.zeros(source.size[::-1], dtype=bool)
    for edit in edits:
        filled[_window(edit.box).slices] = True
    saved, notes = _save(source, _edited(source, edits, max_pixels), filled, folder, as_png)
    return SavedPhoto(str(saved), saved.name, tuple(notes))


def fill_photo(
    path: str,
    mask: str | None,
    layers: Sequence[Image.Image],
    folder: str,
    method: str,
    max_pixels: int,
    *,
    grow_px: int = 0,
    as_png: bool = False,
    device: str = "cpu",
) -> FilledPhoto:
    """Fill a photo in one step, as programs ask for it.

    Args:
        path: The photo's file.
        mask: A mask picture's file; white is filled.
        layers: Further masks; what any of them marks is filled.
        folder: Where the results go.
        method: A name in `METHODS`, a model folder, or "owner/model".
        max_pixels: Larger photos are refused.
        grow_px: The hole grows by so many pixels of the photo.
        as_png: Whether the result is a PNG instead of the photo's own format.
        device: Where a network works.

    Returns:
        The filled file, and files to show.

    Raises:
        ValueError: A file cannot be read, nothing or everything is marked, or the method cannot fill this.
    """
    source = _read_photo(path, max_pixels)
    marked = merge_masks(source.size, layers)
    reading: tuple[str, ...] = ()
    if mask:
        given, reading = read_hole(_read(mask, max_pixels), source)
        marked |= given
    hole = grow_hole(marked, grow_px)
    result, seconds, warned = _fill_timed(source.image, hole, method, device)
    saved, notes = _save(source, result, hole, folder, as_png)
    told = tuple(dict.fromkeys((*source.notes, *reading, *warned, *notes)))
    before = path if source.format in BROWSER_FORMATS else write_shown(source.image, source, folder, "before")
    format = _output_format(source, as_png)
    after = str(saved) if format in BROWSER_FORMATS else write_shown(result, source, folder, "after")
    return FilledPhoto(str(saved), before, after, int(hole.sum()), seconds, told)


def _edited(source: photo.Photo, edits: Sequence[Edit], max_pixels: int) -> Picture:
    """The photo as it is now."""
    image: Picture = source.image.copy() if edits else source.image
    for edit in edits:
        patch = _read(edit.path, max_pixels)
        window = _window(edit.box)
        top, left, bottom, right = window
        inside = 0 <= left < right <= source.size[0] and 0 <= top < bottom <= source.size[1]
        if not inside or patch.size != edit.box[2:] or _kind(patch.image) != _kind(image):
            raise ValueError(MISFIT)
        if isinstance(image, np.ndarray):
            image[window.slices] = patch.image
        elif isinstance(patch.image, Image.Image):
            image.paste(patch.image, (left, top))
    return image


def _kind(image: Picture) -> str | int:
    """The mode of a picture, or the channels of an array."""
    return int(image.shape[2]) if isinstance(image, np.ndarray) else image.mode


def _crop(image: Picture, window: Window) -> Picture:
    if isinstance(image, np.ndarray):
        return image[window.slices]
    return image.crop((window.left, window.top, window.right, window.bottom))


def _fill_timed(image: Picture, hole: np.ndarray, method: str, device: str) -> tuple[Picture, float, tuple[str, ...]]:
    """The filled image, the seconds that it took, and what the method warned of."""
    fill, started = _load_method(method, device), time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result: Any = fill(image, hole)
    return result, time.perf_counter() - started, tuple(str(warning.message) for warning in caught)


def _box(window: Window) -> Box:
    return window.left, window.top, window.right - window.left, window.bottom - window.top


def _window(box: Box) -> Window:
    left, top, width, height = box
    return Window(top, left, top + height, left + width)


def _write_marked(hole: np.ndarray, folder: str, notes: tuple[str, ...]) -> Marked:
    if not hole.any():
        raise ValueError(NO_HOLE)
    window = bounding_box(hole)
    alpha = Image.fromarray(np.uint8(255) * hole[window.slices])
    path = Path(folder) / "marked.png"
    Image.merge("LA", [Image.new("L", alpha.size, 255), alpha]).save(path, compress_level=encoding.PNG_LEVEL)
    return Marked(str(path), _box(window), notes)


def _output_format(source: photo.Photo, as_png: bool) -> str:
    own = OUTPUT_FORMATS.get(source.format, source.format)
    return own if encoding.can_write(own) and not as_png else "PNG"


def _save(source: photo.Photo, image: Picture, filled: np.ndarray, folder: str, as_png: bool) -> tuple[Path, list[str]]:
    """Write the photo; what is not `filled` (H, W) bool is proved to be the photo's own."""
    format = _output_format(source, as_png)
    data, notes = encoding.encode(source, image, filled, format)
    path = Path(folder) / _name(source, format)
    write_atomically(data, path)
    return path, notes


def _name(source: photo.Photo, format: str) -> str:
    """The photo's own name, with an ending that says the format."""
    name = Path(source.name)
    fits = Image.registered_extensions().get(name.suffix.lower()) in (format, "MPO" if format == "JPEG" else format)
    return name.name if fits else f"{name.stem}.{'jpg' if format == 'JPEG' else format.lower()}"
