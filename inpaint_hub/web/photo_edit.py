"""What a visitor's edit means: a copy of the photo for the screen, and the photo filled at its own size."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..imaging import contract, masks, photo
from ..methods.registry import named

SCREEN_PX = (384, 1024)  # the longer side of a copy: smaller photos are enlarged to be brushed on, larger ones shrunk
SHOWN = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")  # what browsers show
NO_HOLE = "Nothing is brushed over yet: paint over what should go, or give a mask that is white there."
ALL_HOLE = "Everything is brushed over, so that nothing would be left of the photo: leave some of it."

_loaded = lru_cache(maxsize=4)(named)  # a visitor's model is a snapshot, which does not change


class Filled(NamedTuple):
    """A photo filled in a file, and what to show of it: files that a browser can open."""

    path: str
    before: str
    after: str
    pixels: int
    seconds: float
    notes: tuple[str, ...]


def editing_copy(path: str, max_pixels: int) -> Image.Image:
    """The photo in a file, upright, RGB or RGBA, its longer side within SCREEN_PX: what a visitor brushes on."""
    return copied(photo.read(path, max_pixels).image)


def copied(image: Image.Image) -> Image.Image:
    """The picture, RGB or RGBA, with its longer side within SCREEN_PX."""
    longer = max(image.size)
    factor = min(max(longer, SCREEN_PX[0]), SCREEN_PX[1]) / longer
    if factor > 1:
        factor = int(-(-factor // 1))  # whole pixels stay squares
    if image.mode in contract.DEEP or image.mode == "F":
        values, _ = contract.unpack(image, np.zeros(image.size[::-1], dtype=bool))
        image = Image.fromarray(np.rint(255 * values[0]).astype(np.uint8))
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if factor == 1:
        return image
    width, height = (max(1, round(factor * length)) for length in image.size)
    return image.resize(
        (width, height), Image.Resampling.NEAREST if factor > 1 else Image.Resampling.LANCZOS, reducing_gap=2
    )


def hole_at(size: tuple[int, int], layers: Sequence[Image.Image]) -> np.ndarray:
    """The hole (H, W) bool in a photo of `size` (W, H): what any of the layers marks, each a mask as people draw them.

    Layers of other sizes and the same proportions are scaled: a pixel is hole where one that covers it is marked, or,
    from a smaller layer, at least half of it. Raises `ValueError` for other proportions.
    """
    width, height = size
    hole = np.zeros((height, width), dtype=bool)
    for layer in layers:
        marked, _ = masks.hole_of(layer)
        if layer.size == size:
            hole |= marked
            continue
        factor = max(layer.size) / max(size)
        if any(abs(there - factor * here) > max(1, factor) for there, here in zip(layer.size, size, strict=True)):
            raise ValueError(
                f"The mask is {layer.width}×{layer.height} but the photo is {width}×{height};"
                " resize the mask with nearest neighbour."
            )
        grey = Image.fromarray(marked).convert("L")
        filter = Image.Resampling.BOX if factor > 1 else Image.Resampling.BILINEAR
        hole |= np.asarray(grey.resize(size, filter)) > (0 if factor > 1 else masks.HALF)
    return hole


def fill(
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
) -> Filled:
    """The photo in the file `path`, filled in a file of its own name and format, or as PNG, in `folder`.

    Marked is what the file `mask` or any of the `layers` marks, see `hole_at`, and `grow_px` around it. A network
    works on `device`. Raises
    `ValueError` where photo or mask cannot be read, where nothing or everything is marked, and what the method raises.
    """
    source = photo.read(path, max_pixels)
    given = [_mask(mask, source, max_pixels)] if mask else []
    hole = masks.dilated(hole_at(source.image.size, [*layers, *given]), grow_px)
    if not hole.any():
        raise ValueError(NO_HOLE)
    if hole.all():
        raise ValueError(ALL_HOLE)
    chosen, started = _loaded(method, device), time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result = chosen(source.image, hole)
    seconds = time.perf_counter() - started
    format = "PNG" if as_png else source.format
    data, notes = photo.encoded(source, result, format)
    output = Path(folder) / _name(source, format)
    photo.write(data, output)
    told = (*source.notes, *(str(warning.message) for warning in caught), *notes)
    before = path if source.format in SHOWN else _picture(source.image, Path(folder) / "before.png")
    after = str(output) if format in SHOWN else _picture(result, Path(folder) / "after.png")
    return Filled(str(output), before, after, int(hole.sum()), seconds, tuple(dict.fromkeys(told)))


def _mask(path: str, source: photo.Photo, max_pixels: int) -> Image.Image:
    """The mask picture in a file, as it lies on the upright photo; of any size."""
    mask = photo.read(path, max_pixels)
    same = sorted(mask.image.size) == sorted(source.image.size)
    return photo.fitting(mask, source) if same else mask.image


def _name(source: photo.Photo, format: str) -> str:
    """The photo's own name, with an ending that says the format."""
    name = Path(source.name)
    fits = Image.registered_extensions().get(name.suffix.lower()) in (format, "MPO" if format == "JPEG" else format)
    return name.name if fits else f"{name.stem}.{'jpg' if format == 'JPEG' else format.lower()}"


def _picture(image: Image.Image, path: Path) -> str:
    copied(image).save(path)
    return str(path)
