"""Metrics of fills against the originals: `METRICS`, by name.

Every function takes `results` and `originals` (N, H, W, 3) uint8 and `holes` (N, H, W) bool, none of them empty, and
returns a value for each image, (N,) unless it says otherwise. A metric aggregates these values; every image counts the
same. Names ending in `_hole` are over the hole's pixels, those ending in `_image` over the whole image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


def squared_errors_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Compute the mean squared error inside the hole, in squares of 8-bit levels."""
    return _in_hole(np.square(results.astype(np.float64) - originals).mean(axis=3), holes)


def l1_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Compute the mean absolute error inside the hole, in 0..1."""
    return _in_hole(np.abs(results.astype(np.float64) - originals).mean(axis=3), holes) / 255


def l1_image(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Compute the mean absolute error over the whole image, in 0..1."""
    return np.abs(results.astype(np.float64) - originals).mean(axis=(1, 2, 3)) / 255


def ssim_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Compute the mean of the structural similarity map (Wang et al. 2004) over the hole, at most 1."""
    return _in_hole(_ssim_maps(results, originals), holes)


def ssim_image(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Compute the structural similarity (Wang et al. 2004) over the whole image, at most 1."""
    return _ssim_maps(results, originals).mean(axis=(1, 2))


def lowpass_squared_errors_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Compute the mean squared error inside the hole after a blur, which removes texture and keeps shapes.

    The error is of values in 0..1. The sigma of the blur is a twelfth of the hole's width, the square root of the area
    of its bounding box.
    """
    from skimage.filters import gaussian

    squares = np.empty(holes.shape)
    for number, (result, original, hole) in enumerate(zip(results, originals, holes, strict=True)):
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        sigma = math.sqrt((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)) / 12
        difference = (result.astype(np.float64) - original) / 255  # a blur is linear: one does for both
        squares[number] = np.square(gaussian(difference, sigma, channel_axis=2)).mean(axis=2)
    return _in_hole(squares, holes)


def seam_error(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Compute the mean absolute difference between the gradients of result and original across the hole's edge.

    It is over all pairs of neighbouring pixels of which one is hole and the other known; values are in 0..1.
    """
    difference = (results.astype(np.float64) - originals) / 255
    total, count = np.zeros(len(holes)), np.zeros(len(holes))
    for axis in (1, 2):
        edge = np.diff(holes, axis=axis)  # of bool: where the two differ
        steps = np.abs(np.diff(difference, axis=axis)).mean(axis=3)
        total += (steps * edge).sum(axis=(1, 2))
        count += edge.sum(axis=(1, 2))
    return total / count


def gradient_energies_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Compute the sums (N, 2) of squared grey gradients inside the hole, of the result and of the original."""
    sums = []
    for images in (results, originals):
        grey = images.mean(axis=3, dtype=np.float64)
        squares = np.diff(grey, axis=1, append=grey[:, -1:]) ** 2 + np.diff(grey, axis=2, append=grey[:, :, -1:]) ** 2
        sums.append((squares * holes).sum(axis=(1, 2)))
    return np.stack(sums, axis=1)


def _energy_ratio(sums: np.ndarray) -> float:
    result, original = sums.sum(axis=0)
    return float(result / original) if original else math.nan


def _psnr(squares: np.ndarray) -> float:
    error = squares.mean()
    return 10 * math.log10(255**2 / error) if error else math.inf


def _root_mean(squares: np.ndarray) -> float:
    return math.sqrt(squares.mean())


HIGHEST, LOWEST = math.inf, -math.inf


class Column(NamedTuple):
    """How a figure is shown in a table.

    Attributes:
        heading: Of its column.
        digits: After the point.
        best: The best value of a figure: a number, `HIGHEST` or `LOWEST`.
    """

    heading: str
    digits: int
    best: float

    def rank(self, value: float) -> float:
        """Rank a value by its distance from the best one: a smaller rank is better."""
        return abs(value - self.best) if math.isfinite(self.best) else value if self.best < 0 else -value


class Metric(NamedTuple):
    """A metric of a set of images.

    Attributes:
        per_image: Computes the values of each image, (N, ...).
        aggregate: Computes the metric from these values.
        column: How it is shown.
    """

    per_image: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    aggregate: Callable[[np.ndarray], float]
    column: Column

    def __call__(self, results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> float:
        """Compute the metric of `results` and `originals` (N, H, W, 3) uint8 with `holes` (N, H, W) bool."""
        return float(self.aggregate(self.per_image(results, originals, holes)))


METRICS = {
    # Of the mean error. The mean of the images' PSNRs is 1.5 to 2 dB higher.
    "psnr_hole": Metric(squared_errors_hole, _psnr, Column("PSNR in the hole, dB", 2, HIGHEST)),
    "ssim_hole": Metric(ssim_hole, np.mean, Column("SSIM in the hole", 3, HIGHEST)),
    "l1_hole": Metric(l1_hole, np.mean, Column("L1 in the hole", 4, LOWEST)),
    "lowpass_hole": Metric(lowpass_squared_errors_hole, _root_mean, Column("low-pass error in the hole", 4, LOWEST)),
    # Below 1: softer than the original.
    "gradient_energy": Metric(gradient_energies_hole, _energy_ratio, Column("gradient energy, original = 1", 2, 1)),
    "seam": Metric(seam_error, np.mean, Column("seam error", 4, LOWEST)),
    "ssim_image": Metric(ssim_image, np.mean, Column("SSIM of the image", 3, HIGHEST)),
    "l1_image": Metric(l1_image, np.mean, Column("L1 of the image", 4, LOWEST)),
}


def _in_hole(values: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """The means (N,) of `values` (N, H, W) inside the holes."""
    return (values * holes).sum(axis=(1, 2)) / holes.sum(axis=(1, 2))


def _ssim_maps(results: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Structural similarity maps (N, H, W), with the paper's Gaussian window of 11 px, averaged over the colours."""
    from skimage.metrics import structural_similarity

    return np.stack(
        [
            structural_similarity(
                result, original, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5,
                use_sample_covariance=False, full=True,
            )[1].mean(axis=2)
            for result, original in zip(results, originals, strict=True)
        ]
    )  # fmt: skip
