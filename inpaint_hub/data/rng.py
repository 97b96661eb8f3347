"""All random draws of training, as functions of a seed and the number of the image.

Image number n of a run always gets the same hole, for any batch size, any number of processes, and after any resume.
The draws come from a counter-based generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") whose
counter is n.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

DRAWS = 8  # for each image: 0 to 3 its rectangle, 4 the flip, 5 to 7 the crop
HOLE_DRAWS = 64  # for each image, from the stream SHAPE: 0 the kind of the hole, the rest its shape
ORDER, SHAPE, AUGMENTATION = 1, 2, 3  # streams beside stream 0; each is a generator with another key


def uniforms(seed: int, first: int, count: int, draws: int = DRAWS, stream: int = 0) -> np.ndarray:
    """Draw uniform numbers for consecutive images.

    Args:
        seed: Of the run.
        first: The number of the first image.
        count: The number of images.
        draws: Numbers for each image, a multiple of four.
        stream: 0, `ORDER`, `SHAPE` or `AUGMENTATION`; streams are independent.

    Returns:
        (count, draws) float64 in 0..1, excluding 1. Row i depends on the image number first + i alone.
    """
    bits = np.random.Philox(key=seed + (stream << 64), counter=first * draws // 4).random_raw((count, draws))
    return (bits >> np.uint64(11)) * 2.0**-53


@lru_cache(maxsize=2)  # a batch may straddle two epochs
def permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """Draw the order in which an epoch visits its images.

    Args:
        seed: Of the run.
        epoch: Its number.
        count: The number of images.

    Returns:
        (count,) int64.
    """
    ranks = np.random.Philox(key=seed + (ORDER << 64), counter=epoch << 64).random_raw(count)
    return np.argsort(ranks, kind="stable")  # unlike Generator.permutation, the same in every NumPy
