"""Texture from the photo itself, chosen by what is seen from afar. Arrays in, arrays out; it knows no network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

import numpy as np

from ..imaging.windows import Window, boxes
from ..metrics import METRICS
from .classical import SEARCH_PX, Fill, biharmonic, find_specks, match, search_window

# Chosen on 157 photos on which no vote was taken.
AGREEMENT_THRESHOLD = 0.03  # so near, from afar, to what the guide paints is PatchMatch's own fill right
SEARCH_RADII = (1.0, 0.6)  # widths of the hole that a search nearby goes out; what is further is often of another thing
LEAST_PX = 32  # that it goes out around a small hole, about three patches
GUIDE_PX = 48  # width of a hole as the guide sees it: the blur by which fills are judged, a twelfth, hides finer detail
MIN_IMPROVEMENT = 0.2  # by so much nearer to what is expected must a fill from nearby be than PatchMatch's own

Candidate = Callable[[], np.ndarray]  # a fill of a box: (h, w, 3) uint8


def guided(image: np.ndarray, hole: np.ndarray, guide: Fill, /, *, seed: int = 0, threads: int = 1) -> np.ndarray:
    """Fill the hole (H, W) bool of an image (H, W, 3) uint8 by PatchMatch, as it is or from nearby alone.

    Specks and scratches are filled biharmonically, which is nearer to what was there, and takes a fiftieth of the time.
    A fill from nearby is made where PatchMatch's own is not, from afar, what `guide` paints, and taken where it is
    clearly nearer to what is to be expected, half of which the guide paints and half the fills have in common: there
    PatchMatch copied a thing from elsewhere. Far holes are filled one by one, as by PatchMatch, and chosen one by one.

    Args:
        image: The image.
        hole: What to fill.
        guide: What paints the hole as it is seen from afar.
        seed: PatchMatch's.
        threads: With more than one the candidates are made side by side. The result is the same.

    Returns:
        (H, W, 3) uint8, equal to the image outside the hole.
    """
    specks = find_specks(hole)
    result, left = biharmonic(image, specks) if specks.any() else image.copy(), hole & ~specks
    pool = ThreadPoolExecutor(threads) if threads > 1 else None
    try:
        for box in boxes(left, SEARCH_PX):
            outer = search_window(left, box, SEARCH_PX)
            known, unknown, inner = result[outer.slices], left[outer.slices], box.moved(-outer.top, -outer.left)
            filled = _choose(
                _candidates(known, unknown, inner, seed), known, unknown, inner, guide, seed=seed, pool=pool
            )
            where = unknown[inner.slices]
            known[inner.slices][where] = filled[where]
            _blend(known, unknown, inner)
            unknown[inner.slices] = False
    finally:
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)  # a candidate that nobody needs may still be running
    return result


def _blend(image: np.ndarray, unknown: np.ndarray, box: Window) -> None:
    """Blend the filled box of an image (H, W, 3) uint8, in place, with the pixels around it that are not `unknown`."""
    from ..imaging.blending import blend_array  # PyTorch, whose import takes seconds

    part = box.grown(1, 1, unknown.shape).slices
    inside = np.zeros_like(unknown)
    inside[box.slices] = unknown[box.slices]
    blended = blend_array(image[part] / np.float32(255), inside[part], ~unknown[part])
    image[inside] = np.rint(255 * blended[inside[part]])


def _candidates(known: np.ndarray, hole: np.ndarray, box: Window, seed: int) -> list[Candidate]:
    """What can fill the box of (H, W, 3) uint8: PatchMatch's own fill, then those from nearby, if that is less."""
    side = math.sqrt(box.area)
    reach = [SEARCH_PX, *(min(SEARCH_PX, max(LEAST_PX, round(near * side))) for near in SEARCH_RADII)]
    windows = {box.grown(context_px, 1, hole.shape): context_px for context_px in reach}
    return [partial(match, known.copy(), hole.copy(), box, context_px, seed=seed) for context_px in windows.values()]


def _choose(
    candidates: Sequence[Candidate],
    known: np.ndarray,
    hole: np.ndarray,
    box: Window,
    guide: Fill,
    *,
    seed: int,
    pool: Executor | None,
) -> np.ndarray:
    """The fill of the box (h, w, 3) uint8: the first candidate, unless the guide clearly prefers another."""
    if len(candidates) == 1:  # the photo is so small that all is nearby
        return candidates[0]()
    where = hole[box.slices]
    painted = _paint(known, hole, box, guide, seed=seed)  # first: side by side with candidates it would wait for cores
    running = [pool.submit(candidate) for candidate in candidates] if pool is not None else []
    if running:
        candidates = [future.result for future in running]
    first, *nearby = candidates
    fills = [first()]
    if lowpass_distance(fills[0], painted, where) <= AGREEMENT_THRESHOLD:
        for future in running:
            future.cancel()
        return fills[0]
    fills += [candidate() for candidate in nearby]
    return fills[select_fill(fills, (painted + np.mean(fills, axis=0)) / 2, where)]


def _paint(known: np.ndarray, hole: np.ndarray, box: Window, guide: Fill, *, seed: int) -> np.ndarray:
    """What the guide paints in the box (h, w, 3), 0..255, which sees the box about GUIDE_PX wide."""
    factor = max(1, int(math.sqrt(box.area) / GUIDE_PX))
    if factor == 1:
        return guide(known, hole, seed=seed)[box.slices]
    from ..imaging.resampling import downscale, upscale  # PyTorch, whose import takes seconds

    small, small_hole = downscale(known, hole, factor)
    painted = guide(np.rint(small).astype(np.uint8), small_hole, seed=seed)
    large: np.ndarray = upscale(painted, hole, factor)
    return large[box.slices]


def lowpass_distance(one: np.ndarray, other: np.ndarray, hole: np.ndarray) -> float:
    """Measure the low-pass error between two fills (H, W, 3) of a hole (H, W) bool, around which they are the same."""
    around = [(math.ceil(max(hole.shape) / 3),) * 2] * 2  # as far as the blur reaches: four sigmas, of a twelfth
    differ = np.pad(np.where(hole[:, :, None], np.subtract(one, other, dtype=np.float64), 0), [*around, (0, 0)])
    return METRICS["lowpass_hole"](differ[None], np.zeros_like(differ)[None], np.pad(hole, around)[None])


def select_fill(fills: Sequence[np.ndarray], expected: np.ndarray, hole: np.ndarray) -> int:
    """Find which of the fills (H, W, 3) is nearest to `expected` after a blur: the first, unless another clearly is."""
    away = [lowpass_distance(one, expected, hole) for one in fills]
    best = int(np.argmin(away))
    return best if away[best] < (1 - MIN_IMPROVEMENT) * away[0] else 0
