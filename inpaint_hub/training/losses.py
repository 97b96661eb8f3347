"""The losses of the four updates (paper, Section IV-B), and the local patch. Tensors in, scalars out.

Images, predictions and patches are (N, 3, H, W) in 0..1, holes (N, 1, H, W) bool, scores (N, 1) in 0..1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

REAL, COMPLETED = 1.0, 0.0  # the targets of a score


def reconstruction_error(prediction: Tensor, image: Tensor, hole: Tensor, over: str, hole_px: Tensor) -> Tensor:
    """Mean squared error to the original: over the whole "image" (paper), or the "hole" (Iizuka, eq. 2).

    `hole_px` is the number of hole pixels to divide by: the batch's own, or the mean over all processes.
    """
    squares = (prediction - image).square()
    if over == "image":
        return squares.mean()
    return (squares * hole).sum() / (hole_px * image.shape[1])


def score_error(score: Tensor, target: float, kind: str) -> Tensor:
    """How far the scores are from `target`: "mse" (paper), or "cross-entropy" (Iizuka, eq. 3)."""
    if kind == "mse":
        return (score - target).square().mean()
    # Not torch's own, which dies of a score that is no number, on a GPU for the rest of the process.
    nearness = score if target == REAL else 1 - score
    return -nearness.clamp(min=1e-38).log().mean()


def local_patch(image: Tensor, boxes: Tensor, size: int) -> Tensor:
    """(N, 3, size, size): the part of each image centred on its hole, moved to lie inside the image.

    `boxes` is (N, 4) int64: top, left, bottom, right (exclusive) of each hole, in px.
    """
    height, width = image.shape[2:]
    top = ((boxes[:, 0] + boxes[:, 2] - size) // 2).clamp(0, height - size)
    left = ((boxes[:, 1] + boxes[:, 3] - size) // 2).clamp(0, width - size)
    place = torch.arange(size, device=image.device)
    which = torch.arange(len(image), device=image.device)[:, None, None]
    rows, columns = (top[:, None] + place)[:, :, None], (left[:, None] + place)[:, None, :]
    return image[which, :, rows, columns].permute(0, 3, 1, 2)


def views(image: Tensor, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """What the discriminator of `image_size` = `size` sees: the whole image rescaled, and the local patch."""
    whole = image if image.shape[2:] == (size, size) else F.interpolate(image, (size, size), mode="area")
    return whole, local_patch(image, boxes, size // 2)
