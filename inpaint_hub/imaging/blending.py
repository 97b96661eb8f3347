"""Fit a fill to the known pixels around it, as Iizuka et al. 2017 (Section 3.5) do: Poisson image blending.

P. Pérez, M. Gangnet, A. Blake, "Poisson Image Editing", SIGGRAPH 2003; screened, as in P. Bhat et al., "Fourier
Analysis of the 2D Screened Poisson Equation for Gradient Domain Problems", ECCV 2008.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .windows import bounding_box

# How strongly the fill keeps its own colors: what the seam asks for falls to 1/e within 1/√0.2 = 2.2 px. With less,
# boxes at 32 px lose up to 0.2 dB; photos of 64 px do not care (measured from 0 to 0.5, on boxes and strokes).
SCREEN = 0.2
ITERATIONS = 15  # nothing further from a pixel than so many px changes it


def blend_seam(filled: Tensor, hole: Tensor, known: Tensor) -> Tensor:
    """Keep the gradients of a fill, and let its colors follow those of the known pixels beside it.

    The correction c of each hole pixel solves sum(c - c') + sum(c - step) + SCREEN c = 0, over the corrections c' of
    its neighbors in the hole and the steps of color to its known neighbors, by ITERATIONS Jacobi iterations with the
    acceleration of G. H. Golub and R. S. Varga ("Chebyshev Semi-Iterative Methods", 1961). Only sums of neighbors are
    taken, so that a pixel's result hangs on nothing but the ITERATIONS px around it, bit for bit.

    Args:
        filled: (N, C, H, W) in 0..1, prediction in the hole and image elsewhere.
        hole: (N, 1, H, W) bool, the pixels to correct.
        known: (N, 1, H, W) bool, the pixels to follow; what is neither is left alone, and not looked at.

    Returns:
        (N, C, H, W) in 0..1, equal to `filled` outside the hole.
    """
    inside, outside = hole.to(filled.dtype), known.to(filled.dtype)
    steps = inside * (_sum_of_neighbors(filled * outside) - filled * _sum_of_neighbors(outside))
    weight = _sum_of_neighbors(inside + outside) + SCREEN
    radius = 4 / (4 + SCREEN)  # of the spectrum of a Jacobi iteration
    before, correction, relaxation = torch.zeros_like(filled), steps / weight, 1 / (1 - radius**2 / 2)
    for _ in range(ITERATIONS - 1):
        jacobi = inside * (_sum_of_neighbors(correction) + steps) / weight
        before, correction = correction, before + relaxation * (jacobi - before)
        relaxation = 1 / (1 - radius**2 * relaxation / 4)
    return torch.where(hole, (filled + correction).clamp(0, 1), filled)


def blend_array(image: np.ndarray, hole: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Blend one image by `blend_seam`, computed only where its hole is.

    Args:
        image: (H, W, 3) float32 in 0..1, filled.
        hole: (H, W) bool, the pixels to correct; there may be none.
        known: (H, W) bool, the pixels to follow.

    Returns:
        (H, W, 3) float32 in 0..1, equal to `image` outside the hole.
    """
    if not hole.any():
        return image
    part = bounding_box(hole).grown(1, 1, hole.shape).slices
    planes = image[part].transpose(2, 0, 1), hole[part][None], known[part][None]
    blended = blend_seam(*(torch.from_numpy(array)[None] for array in planes))
    result = image.copy()
    result[part] = blended[0].permute(1, 2, 0).numpy()
    return result


def _sum_of_neighbors(planes: Tensor) -> Tensor:
    """The sum of the four neighbors of each pixel; beyond the edge are zeros."""
    x = F.pad(planes, (1, 1, 1, 1))
    return x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
