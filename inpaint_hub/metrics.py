"""How well holes were filled: METRICS, one function each. 8-bit arrays in, one float out.

Every function takes `results` and `originals` (N, H, W, 3) uint8 and `holes` (N, H, W) bool, and
each image counts the same. In-hole and whole-image figures are named apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def psnr_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> float:
    """In-hole PSNR in dB: of the mean over the images of each one's mean squared error inside its hole.

    Not the mean of PSNRs, which is 1.5 to 2 dB higher.
    """
    squares = np.square(results.astype(np.float64) - originals).mean(axis=3)
    error = _in_hole(squares, holes).mean()
    return 10 * math.log10(255**2 / error) if error else math.inf


def l1_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> float:
    """Mean absolute error inside the hole, in 0..1."""
    return float(_in_hole(np.abs(results.astype(np.float64) - originals).mean(axis=3), holes).mean() / 255)


def l1_image(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> float:
    """Mean absolute error over the whole image, in 0..1."""
    return float(np.abs(results.astype(np.float64) - originals).mean() / 255)


def ssim_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> float:
    """Mean over the hole's pixels of the structural similarity map (Wang et al. 2004), up to 1."""
    return float(_in_hole(_ssim_maps(results, originals), holes).mean())


def ssim_image(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> float:
    """Structural similarity over the whole image (Wang et al. 2004), up to 1."""
    return float(_ssim_maps(results, originals).mean())


def lowpass_hole(results: np.ndarray, originals: np.ndarray, holes: np.ndarray) -> float:
    """Root mean square error inside the hole, in 0..1, of what is left after a blur: right in the large, or not.

    The blur's sigma is a twelfth of the hole's width, the root of its box's area: texture is gone, shapes are not.
    """
    from skimage.filters import gaussian

    squares = np.empty(holes.shape)
    for number, (result, original, hole) in enumerate(zip(results, originals, holes, strict=True)):
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        sigma = math.sqrt((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)) / 12
        difference = (result.astype(np.float64) - original) / 255  # a blur is linear: one does for both
        squares[number] = np.square(gaussian(difference, sigma, channel_axis=2)).mean(axis=2)
    return math.sqrt(_in_hole(squares, holes).mean())


METRICS: dict[str, Metric] = {
    "psnr_hole": psnr_hole,
    "ssim_hole": ssim_hole,
    "l1_hole": l1_hole,
    "lowpass_hole": lowpass_hole,
    "ssim_image": ssim_image,
    "l1_image": l1_image,
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
