"""Filling without a network, from libraries: diffusion-based methods and PatchMatch. Arrays in, arrays out."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from ..imaging.extrapolation import double, halve
from ..imaging.windows import Window, bounding_box, boxes, window_around
from . import BIHARMONIC, NAVIER_STOKES, PATCHMATCH, TELEA

FINE = np.float32(1 << 22)  # levels
EDGE_PX = 2
EDGE = [(EDGE_PX, EDGE_PX)] * 2
RADIUS = 3  # px of known surroundings that Telea and Navier-Stokes look at, OpenCV's usual choice
STENCIL_PX = 8  # biharmonic filling sees 2 px around the hole: with 8 it is bit for bit what the whole image gives
DIRECT_PX = 40_000  # px that are connected, for which the equations take 3 s and 0.2 GB
RIM_PX = 4
SPECK_PX = 4  # px from the middle of dust and scratches to what is known: so thin a part shows no texture
SEARCH_PX = 256  # px around the hole that PatchMatch searches: a small hole in 3 megapixels took 23 s in all of them
# px of a patch: in a large hole the 7×7 px of Barnes et al. take three fifths of the time, and look the same.
PATCH_RADIUS, PATCH_RADIUS_IN_LARGE, LARGE_PX = 5, 3, 200_000

_FREE: SimpleQueue[Any] = SimpleQueue()  # the copies of PyPatchMatch that no thread uses
_LOADED = itertools.count()  # how many there are


class Fill(Protocol):
    """Copy the image (H, W, 3) uint8 with `hole` (H, W) bool filled, and nothing else changed.

    Those in CLASSICAL also take, and return, float32 in 0..1.
    """

    def __call__(self, image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray: ...


def telea(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3), uint8 or float32 in 0..1, by fast marching (Telea 2004)."""
    import cv2

    return _by_opencv(image, hole, cv2.INPAINT_TELEA)


def navier_stokes(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3), uint8 or float32 in 0..1, along isophotes.

    Source: Bertalmio, Bertozzi, Sapiro, *Navier-Stokes, fluid dynamics, and image and video inpainting*, 2001.
    """
    import cv2

    return _by_opencv(image, hole, cv2.INPAINT_NS)


def _by_opencv(image: np.ndarray, hole: np.ndarray, flag: int) -> np.ndarray:
    """Fill channel by channel in float32: OpenCV adds half a level to each of Telea's pixels, and at FINE levels a
    unit that is nothing, where in 8 bits a flat field drifts by 3 levels. Its edge is repeated, since OpenCV takes
    pixels of the hole there for known ones, and reads beyond an image of one row."""
    import cv2

    window = window_around(hole, 2 * RADIUS, 1).slices
    full, where = np.float32(255 if image.dtype == np.uint8 else 1), hole[window]
    planes = np.pad(np.moveaxis(image[window].astype(np.float32) * (FINE / full), 2, 0), [(0, 0), *EDGE], "edge")
    mask = np.pad(where, EDGE, "edge").astype(np.uint8)
    filled = np.stack([cv2.inpaint(np.ascontiguousarray(plane), mask, RADIUS, flag) for plane in planes], axis=2)
    inside = filled[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX][where].clip(0, FINE) * (full / FINE)
    result = image.copy()
    result[window][where] = np.rint(inside) if image.dtype == np.uint8 else inside
    return result


def biharmonic(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3), uint8 or float32 in 0..1, biharmonically.

    Time and memory grow faster than a hole: one of more than DIRECT_PX is solved exactly within RIM_PX of its rim, and
    at half the scale inside, which such a smooth fill hardly shows.

    Source: Damelin, Hoang, *On surface completion and image inpainting by biharmonic functions*, 2018.
    """
    values, result = image / np.float32(255) if image.dtype == np.uint8 else image, image.copy()
    for box in _apart(hole):
        window = box.grown(STENCIL_PX, 1, hole.shape).slices
        where = hole[window]
        filled = _solve(values[window].astype(np.float64), where).clip(0, 1)[where]
        result[window][where] = np.rint(255 * filled) if image.dtype == np.uint8 else filled
    return result


def _apart(hole: np.ndarray) -> list[Window]:
    """Boxes of the hole that do not see each other, or the one around all of it."""
    found = boxes(hole, STENCIL_PX)
    alone = (hole[box.slices].sum() == hole[box.grown(STENCIL_PX, 1, hole.shape).slices].sum() for box in found)
    return found if all(alone) else [bounding_box(hole)]


def _solve(values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The values (H, W, C) float64 with `hole` (H, W) bool filled biharmonically, large parts of it coarse to fine."""
    from skimage.measure import label
    from skimage.restoration import inpaint_biharmonic

    parts = label(hole, connectivity=2)
    large = np.flatnonzero(np.bincount(parts[hole]) > DIRECT_PX)
    inside = np.isin(parts, large) & ~_near_known(hole, RIM_PX) if len(large) else np.zeros_like(hole)
    if inside.any():
        weight = halve((~hole)[:, :, None].astype(np.float64))
        known = halve(np.where(hole[:, :, None], 0, values)) / np.maximum(weight, 1e-12)
        coarse = double(_solve(known, weight[:, :, 0] < 1))[: hole.shape[0], : hole.shape[1]]
        values = np.where(inside[:, :, None], coarse, values)
    return np.asarray(inpaint_biharmonic(values, hole & ~inside, channel_axis=2))


def _near_known(hole: np.ndarray, distance_px: int) -> np.ndarray:
    """(H, W) bool: the pixels with a known one within so many rows and columns."""
    near = ~hole
    for axis in (0, 1):
        for _ in range(distance_px):
            first, last = (np.roll(near, step, axis) for step in (1, -1))
            first.swapaxes(0, axis)[0], last.swapaxes(0, axis)[-1] = False, False
            near = near | first | last
    return near


def find_specks(hole: np.ndarray) -> np.ndarray:
    """Mark the parts of the hole (H, W) bool that are nowhere thicker than twice SPECK_PX: (H, W) bool."""
    from skimage.measure import label

    thick = hole & ~_near_known(hole, SPECK_PX)
    if not thick.any():
        return hole.copy()
    parts = label(hole, connectivity=2)
    return hole & ~np.isin(parts, np.unique(parts[thick]))


def patchmatch(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3) uint8 from patches of its own.

    Far holes are filled one by one, and a long one in parts; what is filled is known to the next.

    Source: Barnes, Shechtman, Finkelstein, Goldman, *PatchMatch*, 2009.
    """
    result, left = image.copy(), hole.copy()
    for box in boxes(hole, SEARCH_PX):
        filled, where = match(result, left, box, SEARCH_PX, seed=seed), left[box.slices]
        result[box.slices][where] = filled[where]
        left[box.slices] = False
    return result


def match(image: np.ndarray, hole: np.ndarray, box: Window, context_px: int, /, *, seed: int = 0) -> np.ndarray:
    """Fill the box of an image (H, W, 3) uint8 from patches within `context_px` around it: (h, w, 3) uint8.

    Calls in several threads run side by side, and give what they give one after the other.
    """
    window = search_window(hole, box, context_px)
    radius = PATCH_RADIUS if hole[box.slices].sum() <= LARGE_PX else PATCH_RADIUS_IN_LARGE
    with _patchmatch() as library:
        library.set_random_seed(seed)
        filled = library.inpaint(image[window.slices], hole[window.slices], patch_size=radius)
    inside: np.ndarray = filled[box.moved(-window.top, -window.left).slices]
    return inside


@contextmanager
def _patchmatch() -> Iterator[Any]:
    """PyPatchMatch for one call. Its random state is one for the whole library, so each thread gets a copy of it."""
    import patchmatch

    try:
        library = _FREE.get_nowait()
    except Empty:
        library = _copy_of(patchmatch) if next(_LOADED) else patchmatch
    try:
        yield library
    finally:
        _FREE.put(library)


def _copy_of(package: ModuleType) -> ModuleType:
    """The package imported once more from a copy of its folder, with a random state of its own."""
    assert package.__file__ is not None
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copied = Path(folder) / f"{package.__name__}_{id(folder)}"
        shutil.copytree(Path(package.__file__).parent, copied, ignore=shutil.ignore_patterns("__pycache__"))
        spec = spec_from_file_location(copied.name, copied / "__init__.py", submodule_search_locations=[str(copied)])
        assert spec is not None
        assert spec.loader is not None
        copy = module_from_spec(spec)
        sys.modules[copied.name] = copy
        spec.loader.exec_module(copy)
    return copy


def search_window(hole: np.ndarray, box: Window, context_px: int) -> Window:
    """Choose where to look for patches: within `context_px` around a box of (H, W) bool, if that has known pixels."""
    window = box.grown(context_px, 1, hole.shape)
    return Window(0, 0, *hole.shape) if hole[window.slices].all() else window


def on_own_range(fill: Fill, image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """Fill a float32 image (H, W, 3) in 0..1 by a method of 8 bits: its 256 levels span what is known near the hole."""
    window = window_around(hole, SEARCH_PX, 1).slices
    known = image[window][~hole[window]]
    low, high = (known.min(), known.max()) if len(known) else (0, 1)
    step = np.float32(max(high - low, 1e-9) / 255)
    levels = np.rint((image - low) / step).clip(0, 255).astype(np.uint8)
    result = image.copy()
    result[hole] = fill(levels, hole, seed=seed)[hole] * step + low
    return result


CLASSICAL: dict[str, Fill] = {TELEA: telea, NAVIER_STOKES: navier_stokes, BIHARMONIC: biharmonic}
PATCH_BASED: dict[str, Fill] = {PATCHMATCH: patchmatch}
