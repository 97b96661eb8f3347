"""Texture from the photo itself, chosen by what is seen from afar. Arrays in, arrays out; it knows no network."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..imaging.windows import boxes
from ..metrics import METRICS
from .classical import SEARCH_PX, Fill, match, searched

# Chosen on 157 photos on which no vote was taken.
AGREED = 0.03  # so near, from afar, to what the guide paints is PatchMatch's own fill right
NEAR = (1.0, 0.6)  # widths of the hole that a search nearby goes out; what is further is often of another thing
LEAST_PX = 32  # that it goes out around a small hole, about three patches
CLEARLY = 0.2  # by so much nearer to what is expected must a fill from nearby be than PatchMatch's own


def guided(image: np.ndarray, hole: np.ndarray, guide: Fill, /, *, seed: int = 0) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled by PatchMatch, as it is or from nearby alone.

    A fill from nearby is made where PatchMatch's own is not, from afar, what `guide` paints, and taken where it is
    clearly nearer to what is to be expected, half of which the guide paints and half the fills have in common: there
    PatchMatch copied a thing from elsewhere. Far holes are filled one by one, as by PatchMatch, and chosen one by one.
    """
    result, left = image.copy(), hole.copy()
    for box in boxes(hole, SEARCH_PX):
        outer = searched(left, box, SEARCH_PX)
        known, unknown, inner = result[outer.slices], left[outer.slices], box.moved(-outer.top, -outer.left)
        where, side = unknown[inner.slices], math.sqrt(box.area)
        reach = [SEARCH_PX, *(min(SEARCH_PX, max(LEAST_PX, round(near * side))) for near in NEAR)]
        far, *nearby = {inner.grown(context_px, 1, unknown.shape): context_px for context_px in reach}.values()
        fills, best = [match(known, unknown, inner, far, seed=seed)], 0
        if nearby:  # else the photo is so small that all is
            painted = guide(known, unknown, seed=seed)[inner.slices]
            if apart(fills[0], painted, where) > AGREED:
                fills += [match(known, unknown, inner, context_px, seed=seed) for context_px in nearby]
                best = nearest(fills, (painted + np.mean(fills, axis=0)) / 2, where)
        known[inner.slices][where] = fills[best][where]
        unknown[inner.slices] = False
    return result


def apart(one: np.ndarray, other: np.ndarray, hole: np.ndarray) -> float:
    """The low-pass error between two fills (H, W, 3) of a hole (H, W) bool, around which they are the same."""
    around = [(math.ceil(max(hole.shape) / 3),) * 2] * 2  # as far as the blur reaches: four sigmas, of a twelfth
    differ = np.pad(np.where(hole[:, :, None], np.subtract(one, other, dtype=np.float64), 0), [*around, (0, 0)])
    return METRICS["lowpass_hole"](differ[None], np.zeros_like(differ)[None], np.pad(hole, around)[None])


def nearest(fills: Sequence[np.ndarray], expected: np.ndarray, hole: np.ndarray) -> int:
    """Which of the fills (H, W, 3) is nearest to `expected` after a blur: the first, unless another clearly is."""
    away = [apart(one, expected, hole) for one in fills]
    best = int(np.argmin(away))
    return best if away[best] < (1 - CLEARLY) * away[0] else 0
