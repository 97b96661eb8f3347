"""How well holes were filled: METRICS, a function of each image and how it becomes one figure. 8-bit arrays in.

Every metric takes `results` and `originals` (N, H, W, 3) uint8 and `holes` (N, H, W) bool, and each
image counts the same. In-hole and whole-image figures are named apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


def squares_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Mean squared error inside the hole, in squares of 8-bit levels."""
    return _in_hole(np.square(results.astype(np.float64) - originals).mean(axis=3), holes)


def l1_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Mean absolute error inside the hole, in 0..1."""
    return _in_hole(np.abs(results.astype(np.float64) - originals).mean(axis=3), holes) / 255


def l1_image(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Mean absolute error over the whole image, in 0..1."""
    return np.abs(results.astype(np.float64) - originals).mean(axis=(1, 2, 3)) / 255


def ssim_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Mean over the hole's pixels of the structural similarity map (Wang et al. 2004), up to 1."""
    return _in_hole(_ssim_maps(results, originals), holes)


def ssim_image(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Structural similarity over the whole image (Wang et al. 2004), up to 1."""
    return _ssim_maps(results, originals).mean(axis=(1, 2))


def lowpass_squares_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Mean squared error inside the hole, in 0..1, of what is left after a blur: right in the large, or not.

    The blur's sigma is a twelfth of the hole's width, the root of its box's area: texture is gone, shapes are not.
    """
    from skimage.filters import gaussian

    squares = np.empty(holes.shape)
    for number, (result, original, hole) in enumerate(zip(results, originals, holes, strict=True)):
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        sigma = math.sqrt((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)) / 12
        difference = (result.astype(np.float64) - original) / 255  # a blur is linear: one does for both
        squares[number] = np.square(gaussian(difference, sigma, channel_axis=2)).mean(axis=2)
    return _in_hole(squares, holes)


def seam(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Mean absolute difference, in 0..1, of result's and original's gradients across the hole's edge.

    Over every two pixels beside or above each other of which one is hole and the other known.
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
    """(N, 2) the sums of squared grey gradients over the hole's pixels, of the result and of the original."""
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


def _root(squares: np.ndarray) -> float:
    return math.sqrt(squares.mean())


class Metric(NamedTuple):
    """A figure of many images: its values for `each` (N, ...), and the one for the `whole` set from these."""

    each: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    whole: Callable[[np.ndarray], float]

    def __call__(self, results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> float:
        return float(self.whole(self.each(results, originals, holes)))


METRICS = {
    "psnr_hole": Metric(squares_hole, _psnr),  # in dB, of the mean error: the mean of PSNRs is 1.5 to 2 dB higher
    "ssim_hole": Metric(ssim_hole, np.mean),
    "l1_hole": Metric(l1_hole, np.mean),
    "lowpass_hole": Metric(lowpass_squares_hole, _root),
    "gradient_energy": Metric(gradient_energies_hole, _energy_ratio),  # below 1: softer than the original
    "seam": Metric(seam, np.mean),
    "ssim_image": Metric(ssim_image, np.mean),
    "l1_image": Metric(l1_image, np.mean),
}


def _in_hole(values: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """(N,) the mean of each image's `values` (N, H, W) inside its hole."""
    return (values * holes).sum(axis=(1, 2)) / holes.sum(axis=(1, 2))


def _ssim_maps(results: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """(N, H, W) structural similarity with the paper's 11 px Gaussian window, averaged over the colours."""
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
