"""The losses of the updates, and the inputs of the discriminators.

Images, predictions and patches are (N, 3, H, W) in 0..1, holes (N, 1, H, W) bool. Logits are (N, P), positive for real:
P is 1, or the number of places that a discriminator on features scores; `weights` (N, P) are the weights of these
places, with sum 1 in each row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the flags of training list the losses; importing PyTorch for them would take seconds
    from torch import Tensor

# The error of a pixel, from prediction - original. Paper, Section IV-B, and Iizuka et al. 2017, eq. 2: "mse".
RECONSTRUCTION_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "mse": lambda difference: difference.square(),
    "l1": lambda difference: difference.abs(),
}


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
    return sum(differences[1:], differences[0]) / len(differences)


class AdversarialLoss(NamedTuple):
    """An adversarial loss: functions of logits, and when the discriminator dominates.

    Attributes:
        real: The discriminator's loss on real images.
        completed: Its loss on completed images.
        generator: The generator's loss.
        dominance: The discriminator dominates while its two losses together stay below this value: its scores are
            then within 0.025 of their targets (-ln 0.975 twice; 0.025 squared twice), and hardly depend on the fills.
    """

    real: Callable[[Tensor], Tensor]
    completed: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    dominance: float


def _softplus(x: Tensor) -> Tensor:
    """The cross-entropy of logits. Torch's own cross-entropy ends the process on a GPU if a score is NaN."""
    import torch.nn.functional as F

    return F.softplus(x)


ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    # Paper, Section IV-B: the squared difference of the score, the logit's sigmoid, to 1 for real and 0 for completed.
    "mse": AdversarialLoss(
        real=lambda logits: (1 - logits.sigmoid()).square(),
        completed=lambda logits: logits.sigmoid().square(),
        generator=lambda logits: (1 - logits.sigmoid()).square(),
        dominance=0.00125,
    ),
    # Iizuka et al. 2017, eq. 3.
    "cross-entropy": AdversarialLoss(
        real=lambda logits: _softplus(-logits),
        completed=_softplus,
        generator=lambda logits: _softplus(-logits),
        dominance=0.05,
    ),
    # J. H. Lim, J. C. Ye, "Geometric GAN", 2017 (arXiv:1705.02894).
    "hinge": AdversarialLoss(
        real=lambda logits: (1 - logits).relu(),
        completed=lambda logits: (1 + logits).relu(),
        generator=lambda logits: -logits,
        dominance=0.05,
    ),
}


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Compute the weighted mean of values.

    Args:
        values: (N, P).
        weights: (N, P) with sum 1 in each row, or None for equal weights.

    Returns:
        The mean over the N images, a scalar.
    """
    return values.mean() if weights is None else (values * weights).sum() / len(values)


def local_patch(image: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Crop the square around each hole, centred on the hole where it fits and shifted into the image otherwise.

    Args:
        image: (N, C, H, W).
        boxes: (N, 4) int64: top, left, bottom, right (exclusive) of each hole, in px.
        size: The side of the patch, px.

    Returns:
        (N, C, size, size).
    """
    import torch

    height, width = image.shape[2:]
    top = ((boxes[:, 0] + boxes[:, 2] - size) // 2).clamp(0, height - size)
    left = ((boxes[:, 1] + boxes[:, 3] - size) // 2).clamp(0, width - size)
    place = torch.arange(size, device=image.device)
    which = torch.arange(len(image), device=image.device)[:, None, None]
    rows, columns = (top[:, None] + place)[:, :, None], (left[:, None] + place)[:, None, :]
    return image[which, :, rows, columns].permute(0, 3, 1, 2)


def discriminator_inputs(image: Tensor, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Make the inputs of a discriminator of pixels: the whole image and the local patch.

    Args:
        image: (N, 3, H, W) in 0..1.
        boxes: (N, 4) int64: top, left, bottom, right (exclusive) of each hole, in px.
        size: The side of the discriminator's global input, px.

    Returns:
        The image rescaled to (N, 3, size, size), and the patch (N, 3, size / 2, size / 2).
    """
    import torch.nn.functional as F

    whole = image if image.shape[2:] == (size, size) else F.interpolate(image, (size, size), mode="area")
    return whole, local_patch(image, boxes, size // 2)


def feature_network_inputs(image: Tensor, boxes: Tensor, smallest: int) -> tuple[Tensor, Tensor]:
    """Make the inputs of the feature network: the whole image, and the local patch at the same size.

    The patch has half of the image's side, so that it is enlarged twice.

    Args:
        image: (N, C, S, S).
        boxes: (N, 4) int64: top, left, bottom, right (exclusive) of each hole, in px.
        smallest: Smaller images are enlarged to this side, px.

    Returns:
        Both, (N, C, T, T) with T the larger of S and `smallest`.
    """
    import torch.nn.functional as F

    size = max(smallest, image.shape[2])
    whole, patch = image, local_patch(image, boxes, image.shape[2] // 2)
    if image.shape[2] != size:
        whole = F.interpolate(image, (size, size), mode="bilinear")
    return whole, F.interpolate(patch, (size, size), mode="bilinear")
