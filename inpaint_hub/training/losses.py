"""The losses of the updates, and what the discriminator sees. Tensors in, scalars out.

Images, predictions and patches are (N, 3, H, W) in 0..1, holes (N, 1, H, W) bool. Logits are (N, P), positive for real:
P is 1, or the number of places that a discriminator on features judges; `weights` (N, P) say how much each place counts
and add up to 1 in each row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# How far a prediction is from the original, pixel by pixel. Paper, Section IV-B, and Iizuka et al., eq. 2: "mse".
RECONSTRUCTION_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {"mse": torch.square, "l1": torch.abs}


def reconstruction_error(
    prediction: Tensor, image: Tensor, hole: Tensor, over: str, hole_px: Tensor, *, kind: str = "mse"
) -> Tensor:
    """Compute the mean error to the original: over the whole "image" (paper), or the "hole" (Iizuka, eq. 2).

    Args:
        prediction: (N, 3, H, W) in 0..1.
        image: The original, of the same shape.
        hole: (N, 1, H, W) bool.
        over: "image" or "hole".
        hole_px: The number of hole pixels to divide by: the batch's own, or the mean over all processes.
        kind: One of `RECONSTRUCTION_LOSSES`.

    Returns:
        The error, a scalar.
    """
    errors = RECONSTRUCTION_LOSSES[kind](prediction - image)
    if over == "image":
        return errors.mean()
    return (errors * hole).sum() / (hole_px * image.shape[1])


def perceptual_loss(completed: Sequence[Tensor], original: Sequence[Tensor]) -> Tensor:
    """Compute the mean absolute difference of two images' feature maps, each map counting the same.

    J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016.

    Args:
        completed: Maps (N, C, H, W) of the completed images.
        original: The originals' maps, of the same shapes.

    Returns:
        The loss, a scalar.
    """
    differences = [(some - others).abs().mean() for some, others in zip(completed, original, strict=True)]
    return torch.stack(differences).mean()


class AdversarialLoss(NamedTuple):
    """What the discriminator loses on `real` and on `completed` images, and the `generator` on its own: of logits."""

    real: Callable[[Tensor], Tensor]
    completed: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


# Not torch's own cross-entropy, which dies of a score that is no number, on a GPU for the rest of the process.
ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    # Paper, Section IV-B: the squared difference of the score, the logit's sigmoid, to 1 for real and 0 for completed.
    "mse": AdversarialLoss(
        real=lambda logits: (1 - logits.sigmoid()).square(),
        completed=lambda logits: logits.sigmoid().square(),
        generator=lambda logits: (1 - logits.sigmoid()).square(),
    ),
    # Iizuka et al. 2017, eq. 3.
    "cross-entropy": AdversarialLoss(
        real=lambda logits: F.softplus(-logits),
        completed=lambda logits: F.softplus(logits),
        generator=lambda logits: F.softplus(-logits),
    ),
    # J. H. Lim, J. C. Ye, "Geometric GAN", 2017 (arXiv:1705.02894).
    "hinge": AdversarialLoss(
        real=lambda logits: F.relu(1 - logits),
        completed=lambda logits: F.relu(1 + logits),
        generator=lambda logits: -logits,
    ),
}


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Compute the mean over images of `values` (N, P), each place counting as `weights` (N, P) say, or all alike."""
    return values.mean() if weights is None else (values * weights).sum() / len(values)


def local_patch(image: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut the part of each image that is centred on its hole, moved to lie inside the image.

    Args:
        image: (N, C, H, W).
        boxes: (N, 4) int64: top, left, bottom, right (exclusive) of each hole, in px.
        size: The side of the patch, px.

    Returns:
        (N, C, size, size).
    """
    height, width = image.shape[2:]
    top = ((boxes[:, 0] + boxes[:, 2] - size) // 2).clamp(0, height - size)
    left = ((boxes[:, 1] + boxes[:, 3] - size) // 2).clamp(0, width - size)
    place = torch.arange(size, device=image.device)
    which = torch.arange(len(image), device=image.device)[:, None, None]
    rows, columns = (top[:, None] + place)[:, :, None], (left[:, None] + place)[:, None, :]
    return image[which, :, rows, columns].permute(0, 3, 1, 2)


def views(image: Tensor, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Make what a discriminator of pixels sees: the whole image rescaled to `size` px, and the local patch of half."""
    whole = image if image.shape[2:] == (size, size) else F.interpolate(image, (size, size), mode="area")
    return whole, local_patch(image, boxes, size // 2)


def enlarged_views(image: Tensor, boxes: Tensor, smallest: int) -> tuple[Tensor, Tensor]:
    """Make what a discriminator on features sees: the whole image, and the local patch of half its side, enlarged.

    Both have the image's side, or `smallest` px where that is more: the patch is seen twice as large.
    """
    size = max(smallest, image.shape[2])
    whole, patch = image, local_patch(image, boxes, image.shape[2] // 2)
    if image.shape[2] != size:
        whole = F.interpolate(image, (size, size), mode="bilinear")
    return whole, F.interpolate(patch, (size, size), mode="bilinear")
