"""Planes continued smoothly into what is not known: alpha, inks, colours that nobody sees. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np


def extrapolate(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill the unknown pixels of planes smoothly from the known ones, by pull-push.

    Each unknown pixel takes the mean of what is known in the smallest blocks around it, so the work does not grow
    with how deep a pixel lies. What is constant stays constant.

    Args:
        values: Planes (H, W, C) of any dtype.
        known: (H, W) bool; the other pixels' values are not read. With none known the result is 0.

    Returns:
        (H, W, C) float32, equal to `values` where known.

    Source: Gortler, Grzeszczuk, Szeliski, Cohen, *The Lumigraph*, 1996, section 3.4.
    """
    level: np.ndarray = np.zeros(values.shape, dtype=np.float32)
    np.copyto(level, values, where=known[:, :, None], casting="same_kind" if values.dtype.kind == "f" else "unsafe")
    low, high = level.min(axis=(0, 1), where=known[:, :, None], initial=np.inf), None
    if known.any():
        high = level.max(axis=(0, 1), where=known[:, :, None], initial=-np.inf)
    if high is None or np.array_equal(low, high):
        level[~known] = 0 if high is None else low
        return level
    weight: np.ndarray = known.astype(np.float32)[:, :, None]
    levels: list[tuple[np.ndarray, np.ndarray]] = [(level, weight)]
    while not levels[-1][1].all():
        total, weight = (halve(planes) for planes in (levels[-1][0] * levels[-1][1], levels[-1][1]))
        levels.append((total / np.maximum(weight, 1e-12), weight))
    result = levels.pop()[0]
    while levels:
        mean, weight = levels.pop()
        result = mean * weight + double(result)[: mean.shape[0], : mean.shape[1]] * (1 - weight)
    return result


def halve(planes: np.ndarray) -> np.ndarray:
    """Shrink planes (H, W, C) to (⌈H/2⌉, ⌈W/2⌉, C): the mean of each block of 2 × 2, with 0 beyond the edge."""
    even = np.pad(planes, ((0, planes.shape[0] % 2), (0, planes.shape[1] % 2), (0, 0)))
    rows = even[::2] + even[1::2]
    halved: np.ndarray = (rows[:, ::2] + rows[:, 1::2]) / 4
    return halved


def double(planes: np.ndarray) -> np.ndarray:
    """Enlarge planes (H, W, C) to (2H, 2W, C), bilinearly."""
    for axis in (0, 1):
        edge = [(1, 1) if number == axis else (0, 0) for number in range(3)]
        padded = np.pad(planes, edge, "edge")
        length = planes.shape[axis]
        before, after = padded.take(range(length), axis), padded.take(range(2, length + 2), axis)
        pair = np.stack([0.75 * planes + 0.25 * before, 0.75 * planes + 0.25 * after], axis=axis + 1)
        planes = pair.reshape([2 * size if number == axis else size for number, size in enumerate(planes.shape)])
    return planes
