"""Random rectangular holes, and every other random draw of training, as functions of (seed, position).

Image number n of a run always gets the same hole, whatever the batch size, the number of processes
or where the run was resumed: the draws come from a counter-based generator (Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3") whose counter is n.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

DRAWS = 8  # uniform numbers an image may use: two counter steps of four


def uniforms(seed: int, first: int, count: int) -> np.ndarray:
    """(count, 8) float64 in 0..1, excluding 1: row i belongs to image number first + i alone."""
    bits = np.random.Philox(key=seed, counter=first * DRAWS // 4).random_raw((count, DRAWS))
    return (bits >> np.uint64(11)) * 2.0**-53


@lru_cache(maxsize=2)  # a batch may straddle two epochs
def permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """(count,) int64: the order in which an epoch visits `count` images."""
    ranks = np.random.Philox(key=seed + (1 << 64), counter=epoch << 64).random_raw(count)
    return np.argsort(ranks, kind="stable")  # unlike Generator.permutation, the same in every NumPy


def rectangles(draws: np.ndarray, size: int, side_min: int, side_max: int) -> Tensor:
    """(N, 4) int64 of top, left, bottom, right (exclusive): one hole each in a square of `size` px.

    Height and width are uniform integers in side_min..side_max, the corner is uniform over every
    place where the rectangle fits, the border included. Uses four columns of `draws` (N, >=4).
    """
    sides = side_min + np.floor(draws[:, 0:2] * (side_max - side_min + 1)).astype(np.int64)
    corners = np.floor(draws[:, 2:4] * (size - sides + 1)).astype(np.int64)
    return torch.from_numpy(np.concatenate([corners, corners + sides], axis=1))


def as_hole(boxes: Tensor, size: int) -> Tensor:
    """(N, 1, size, size) bool, True inside each rectangle of `boxes` (N, 4), on their device."""
    top, left, bottom, right = boxes[:, :, None].unbind(1)
    place = torch.arange(size, device=boxes.device)
    rows, columns = (place >= top) & (place < bottom), (place >= left) & (place < right)
    return (rows[:, :, None] & columns[:, None, :])[:, None]
