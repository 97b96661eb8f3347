"""How real fills look and how well they fit, by pretrained features of what is around the hole.

The features are those of `models.features.MEASURING`, which no loss of this package uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..models.features import MEASURING, feature_network

CROP_WIDTHS = 1.5  # of the hole's longer side: the side of the square around it
CROP_PX, INPUT_PX = 64, 128  # a crop is scaled to CROP_PX, and to INPUT_PX for the network
BATCH = 64


def crop_features(images: np.ndarray, holes: np.ndarray) -> Tensor:
    """Compute features of the square around each hole.

    Args:
        images: (N, H, W, 3) uint8.
        holes: (N, H, W) bool, none of them empty.

    Returns:
        (N, 1280) float64.

    Raises:
        ImportError: timm or the package with the weights is missing.
    """
    network, found = feature_network(MEASURING), []
    crops = [_crop(image, hole) for image, hole in zip(images, holes, strict=True)]
    with torch.inference_mode():
        for some in torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).split(BATCH):
            shown = F.interpolate(some.float() / 255, (INPUT_PX, INPUT_PX), mode="bicubic").clamp(0, 1)
            found.append(network.pooled(shown))
    return torch.cat(found).double()


def _crop(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(CROP_PX, CROP_PX, 3) uint8: the square of CROP_WIDTHS hole sides around the hole, moved to lie in the image."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    side = min(*hole.shape, max(1, int(CROP_WIDTHS * max(np.ptp(rows), np.ptp(columns)))))
    top, left = (
        int(np.clip((axis[0] + axis[-1]) // 2 - side // 2, 0, length - side))
        for axis, length in ((rows, hole.shape[0]), (columns, hole.shape[1]))
    )
    crop = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(crop.resize((CROP_PX, CROP_PX), Image.Resampling.BICUBIC))


def feature_distance(results: Tensor, originals: Tensor) -> float:
    """Compute the mean of 1 - cosine between features (N, D) of each result and of its original: 0 is the original."""
    return float((1 - F.cosine_similarity(results, originals, dim=1)).mean())


def kernel_distance(results: Tensor, originals: Tensor) -> float:
    """Compute the kernel distance between two sets of features (N, D), times 1,000.

    It is the KID (M. Bińkowski et al., "Demystifying MMD GANs", ICLR 2018) of pairs: no result is compared with its own
    original, which is more like it than another one and would make small sets look near. So it is unbiased, 0 for the
    originals themselves, and does not depend on their number (A. Gretton et al. 2012, "A Kernel Two-Sample Test",
    Equation 4).
    """
    return KernelDistances(results, originals).of(np.arange(len(results)))


class KernelDistances:
    """The kernel distance of any part of two sets, from kernels that are computed once.

    Args:
        results: Features (N, D).
        originals: Features (N, D), in the same order.
    """

    def __init__(self, results: Tensor, originals: Tensor) -> None:
        from torchmetrics.image.kid import poly_kernel

        between = poly_kernel(originals, results)
        self.terms = poly_kernel(originals, originals) + poly_kernel(results, results) - between - between.T
        self.terms.fill_diagonal_(0)  # the pairs themselves

    def of(self, which: np.ndarray) -> float:
        """Compute `kernel_distance` of the images with the numbers `which`; of a single one it is not a number."""
        chosen = torch.zeros(len(self.terms), dtype=self.terms.dtype)
        chosen[torch.from_numpy(which)] = 1
        pairs = len(which) * (len(which) - 1)
        return 1000 * float(chosen @ self.terms @ chosen) / pairs if pairs else math.nan


def frechet_distance(results: Tensor, originals: Tensor) -> float:
    """Compute the Fréchet distance between two sets of features (N, D), each taken as a normal distribution.

    This is the definition of the FID (M. Heusel et al. 2017, arXiv:1706.08500), whose features are Inception's. It is
    biased for small sets: compare it only between methods on the same images.
    """
    first, second = results.double(), originals.double()
    mean_term = (first.mean(dim=0) - second.mean(dim=0)).square().sum()
    one, two = torch.cov(first.T), torch.cov(second.T)
    # The trace of the root of their product, from its eigenvalues; they are real and not negative but for rounding.
    root = torch.linalg.eigvals(one @ two).real.clamp(min=0).sqrt().sum()
    return float(mean_term + one.trace() + two.trace() - 2 * root)


# By name, each of features (N, D) of results and of originals.
FEATURE_METRICS: dict[str, Callable[[Tensor, Tensor], float]] = {
    "feature_distance": feature_distance,
    "kernel_distance": kernel_distance,
}
