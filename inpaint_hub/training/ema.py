"""From averaged weights to those that are published: mixed if the recipe says so, batch norm measured anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from ..data.dataset import Batch
from ..models.networks import Painter

RAMP = 0.05  # the half-life, as a share of the images seen, until it is at its full length


def moving_average(batch_size: int, half_life: int) -> Callable[[Any, Any, Any], None]:
    """The rule for torch's `AveragedModel`: old weights count half after `half_life` images.

    Early in a run after less: else what it averages would be the random start (Karras et al. 2022,
    "Elucidating the Design Space of Diffusion-Based Generative Models", Appendix F.1).
    """

    @torch.no_grad()
    def update(averages: Any, weights: Any, updates: Any) -> None:
        images = batch_size * (int(updates) + 1)
        torch._foreach_lerp_(averages, weights, 1 - 0.5 ** (batch_size / min(half_life, RAMP * images)))

    return update


@torch.no_grad()
def interpolate(generator: Painter, before: dict[str, Tensor], share: float) -> None:
    """Make its weights `share` of what they are, and the rest of what they were `before` the adversarial phase.

    Sharpness against error, chosen afterwards (network interpolation: Wang et al. 2018, ESRGAN, Section 3.4).
    """
    for name, weight in generator.named_parameters():
        weight.copy_(torch.lerp(before[name].to(weight.device), weight, share))


def to_half(generator: Painter) -> Painter:
    """The generator, its weights in half precision; batch norm's statistics stay as they are.

    Those may be beyond half's range: weights that batch norm rescales grow as they like. One infinite variance in its
    first layer cost a context encoder 2.2 dB.
    """
    norms = [module for module in generator.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    statistics = [(norm.running_mean, norm.running_var) for norm in norms]
    generator.half()
    for norm, (mean, variance) in zip(norms, statistics, strict=True):
        norm.running_mean, norm.running_var = mean, variance
    return generator


def recalibrate_batchnorm(generator: Painter, batches: Iterable[Batch]) -> None:
    """Measure its batch norm statistics anew, on `batches` of training images.

    Averaged weights do not fit the statistics of those that they average: while the learning rate was
    high, that cost 4 dB.
    """
    device = generator.fill.device
    update_bn((generator.masked(batch.images.to(device), batch.holes.to(device)) for batch in batches), generator)
