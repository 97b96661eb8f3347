"""From averaged weights to those that are published: mixed if the recipe says so, batch norm measured anew."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from .data import training_batch
from .holes import as_hole
from .networks import Generator


@torch.no_grad()
def interpolate(generator: Generator, before: dict[str, Tensor], share: float) -> None:
    """Make its weights `share` of what they are, and the rest of what they were `before` the adversarial phase.

    Sharpness against error, chosen afterwards (network interpolation: Wang et al. 2018, ESRGAN, Section 3.4).
    """
    for name, weight in generator.named_parameters():
        weight.copy_(torch.lerp(before[name].to(weight.device), weight, share))


def settle(generator: Generator, images: Tensor, hole_sides: tuple[int, int], seed: int) -> None:
    """Measure its batch norm statistics anew, on 2,048 of `images` (N, 3, S, S) uint8.

    Averaged weights do not fit the statistics of those that they average: while the learning rate was
    high, that cost 4 dB.
    """
    device = generator.fill.device
    batches = (
        training_batch(images, n, 256, seed=seed, hole_sides=hole_sides, flip=False) for n in range(0, 2048, 256)
    )
    update_bn(
        (generator.masked(image.to(device), as_hole(boxes.to(device), image.shape[2])) for image, boxes in batches),
        generator,
    )
