"""Texture from the photo itself, chosen by what is seen from afar. Arrays in, arrays out; it knows no network."""

from __future__ import annotations

import math

import numpy as np

from .classical import SEARCH_PX, Fill, match, telea
from .contract import known_pixels
from .metrics import METRICS
from .scales import enlarged, shrunk
from .windows import Window, boxes

# Chosen on 33 photos on which no vote was taken.
NEAR = (1.0, 0.6)  # widths of the hole that a search nearby goes out; what is further is often of another thing
LEAST_PX = 32  # that it goes out around a small hole, about three patches
GUIDE_PX = 44  # px of the hole as the guide sees it, at which the network for photos sees best
TRUST = 0.7  # the guide's share in what is seen from afar; the rest is Telea's: both are nearer than either
CLEARLY = 0.15  # by so much nearer to that must a fill from nearby be than PatchMatch's own


def guided(image: np.ndarray, hole: np.ndarray, guide: Fill, /, *, seed: int = 0) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled by PatchMatch, as it is or from nearby alone.

    A fill from nearby is taken where it is clearly nearer to what `guide` fills in at a small scale: there PatchMatch
    copied a thing from elsewhere. Far holes are filled one by one, as by PatchMatch, and chosen one by one.
    """
    result, left = image.copy(), hole.copy()
    for box in boxes(hole, SEARCH_PX):
        side = math.sqrt(box.area)
        reach = [SEARCH_PX, *(min(SEARCH_PX, max(LEAST_PX, round(near * side))) for near in NEAR)]
        windows = {box.grown(context_px, 1, hole.shape): context_px for context_px in reach}  # in a small photo one
        outer = box.grown(SEARCH_PX, 1, hole.shape)
        inside = np.zeros_like(left[outer.slices])
        inside[box.moved(-outer.top, -outer.left).slices] = left[box.slices]
        candidates = np.stack([result[outer.slices]] * len(windows))
        for candidate, context_px in zip(candidates, windows.values(), strict=True):
            candidate[inside] = match(result, left, box, context_px, seed=seed)[left[box.slices]]
        best = 0
        if len(candidates) > 1:
            shrink = max(1, round(side / GUIDE_PX))
            best = nearest(candidates, from_afar(result, left, outer, guide, shrink, seed=seed), inside)
        result[outer.slices] = candidates[best]
        left[box.slices] = False
    return result


def nearest(candidates: np.ndarray, seen: np.ndarray, hole: np.ndarray) -> int:
    """Which of the fills (N, H, W, 3) is nearest to `seen` (H, W, 3) after a blur: the first, unless one clearly is."""
    differ = hole[:, :, None]
    away = [METRICS["lowpass_hole"](one[None], np.where(differ, seen, one)[None], hole[None]) for one in candidates]
    best = int(np.argmin(away))
    return best if away[best] < (1 - CLEARLY) * away[0] else 0


def from_afar(
    image: np.ndarray, hole: np.ndarray, window: Window, guide: Fill, shrink: int, /, *, seed: int = 0
) -> np.ndarray:
    """(h, w, 3) float32 in 0..255: a window of the image (H, W, 3) as guide and Telea fill it at 1/`shrink`."""
    where = hole[window.slices]
    small, few = shrunk(known_pixels(image[window.slices], where), where, shrink)
    eight_bit = np.rint(255 * small).astype(np.uint8)
    coarse = TRUST * guide(eight_bit, few, seed=seed) + (1 - TRUST) * telea(eight_bit, few)
    return enlarged(coarse, where, shrink)
