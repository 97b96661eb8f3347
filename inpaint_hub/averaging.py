"""From averaged weights to those that are published: mixed if the recipe says so, batch norm measured anew."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from .data import Batch
from .holes import as_hole
from .networks import Generator


@torch.no_grad()
def interpolate(generator: Generator, before: dict[str, Tensor], share: float) -> None:
    """Make its weights `share` of what they are, and the rest of what they were `before` the adversarial phase.

    Sharpness against error, chosen afterwards (network interpolation: Wang et al. 2018, ESRGAN, Section 3.4).
    """
    for name, weight in generator.named_parameters():
        weight.copy_(torch.lerp(before[name].to(weight.device), weight, share))


def settle(generator: Generator, batches: Iterable[Batch]) -> None:
    """Measure its batch norm statistics anew, on `batches` of training images.

    Averaged weights do not fit the statistics of those that they average: while the learning rate was
    high, that cost 4 dB.
    """
    device = generator.fill.device
    update_bn(
        (generator.masked(image.to(device), as_hole(boxes.to(device), image.shape[2])) for image, boxes in batches),
        generator,
    )
