"""Every random draw of training, as a function of (seed, position).

Image number n of a run always gets the same hole, whatever the batch size, the number of processes
or where the run was resumed: the draws come from a counter-based generator (Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3") whose counter is n.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

DRAWS = 8  # uniform numbers of an image: 0 to 3 its rectangle, 4 the flip, 5 to 7 the crop
HOLE_DRAWS = 64  # more of them, from a stream of their own: 0 the hole's kind, the rest its shape
ORDER, SHAPE = 1, 2  # the streams beside the first; each is a generator with another key


def uniforms(seed: int, first: int, count: int, draws: int = DRAWS, stream: int = 0) -> np.ndarray:
    """(count, draws) float64 in 0..1, excluding 1: row i belongs to image number first + i alone.

    `draws` is a multiple of four, the numbers of one counter step.
    """
    bits = np.random.Philox(key=seed + (stream << 64), counter=first * draws // 4).random_raw((count, draws))
    return (bits >> np.uint64(11)) * 2.0**-53


@lru_cache(maxsize=2)  # a batch may straddle two epochs
def permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """(count,) int64: the order in which an epoch visits `count` images."""
    ranks = np.random.Philox(key=seed + (ORDER << 64), counter=epoch << 64).random_raw(count)
    return np.argsort(ranks, kind="stable")  # unlike Generator.permutation, the same in every NumPy
