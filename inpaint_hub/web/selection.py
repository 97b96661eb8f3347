"""An object within a loose outline, found by GrabCut."""

from __future__ import annotations

import numpy as np

LONGEST_PX = 480  # of what GrabCut looks at
SURROUNDINGS = 0.3  # of the outline's longer side, seen around it: what is surely not the object
ROUNDS = 4
CORE = 0.8  # of the greatest depth within the outline; what lies deeper is the object
CLOSING = 0.02  # of what is seen; narrower gaps belong to the object
LEAST_PART = 0.08  # of the outline; an object that is smaller was not found
GROWTH = 0.012  # of the outline's longer side, so that no rim of the object stays
LEAST_GROWTH_PX = 2


def select(image: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Find the object within an outline.

    GrabCut: Rother, Kolmogorov and Blake 2004, doi:10.1145/1015706.1015720.

    Args:
        image: (H, W, 3) uint8.
        outline: (H, W) bool, filled, somewhere True.

    Returns:
        The object (H, W) bool, grown a little. The outline itself where no object stands out.
    """
    import cv2

    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    around = int(SURROUNDINGS * longer) + 4
    seen = (
        slice(max(0, rows[0] - around), rows[-1] + 1 + around),
        slice(max(0, columns[0] - around), columns[-1] + 1 + around),
    )
    size = outline[seen].shape[::-1]
    factor = min(1, LONGEST_PX / max(size))
    small = tuple(max(1, round(factor * length)) for length in size)
    crop = cv2.resize(np.ascontiguousarray(image[seen]), small, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(outline[seen].astype(np.uint8), small, interpolation=cv2.INTER_NEAREST)
    if not inside.any() or inside.all():
        return outline
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    rim = inside - cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=max(1, min(small) // 60))
    labels[rim > 0] = cv2.GC_PR_BGD  # a loose outline runs beside the object
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    labels[depth > CORE * depth.max()] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    cv2.grabCut(crop, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, _disc(round(CLOSING * max(small)))) & inside
    if found.sum() < LEAST_PART * inside.sum():
        return outline
    found = _without_gaps(found)
    grow_px = max(LEAST_GROWTH_PX, round(GROWTH * longer))
    large = cv2.resize(found * 255, size, interpolation=cv2.INTER_LINEAR) > 127
    result = np.zeros_like(outline)
    result[seen] = cv2.dilate(large.astype(np.uint8), _disc(grow_px)) > 0
    return result


def _disc(radius: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))


def _without_gaps(found: np.ndarray) -> np.ndarray:
    """The object with what it encloses; islands that are far smaller than its largest part go."""
    import cv2

    outlines, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(outline) for outline in outlines]
    kept = [outline for outline, area in zip(outlines, areas, strict=True) if area >= 0.05 * max(areas)]
    return np.asarray(cv2.drawContours(np.zeros_like(found), kept, -1, 1, cv2.FILLED))
