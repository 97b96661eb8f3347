"""The averaged generator: its update rule, and the steps from averaged weights to published ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from ..data.dataset import Batch
from ..models.networks import InpaintingNetwork

HALF_LIFE_RAMP = 0.05  # early in a run the half-life is at most this share of the images seen


def moving_average(batch_size: int, half_life: int) -> Callable[[Any, Any, Any], None]:
    """Make the update rule of an exponential moving average, for torch's `AveragedModel`.

    Early in a run the half-life is shorter; otherwise the average would keep the random initial weights (Karras et al.
    2022, "Elucidating the Design Space of Diffusion-Based Generative Models", Appendix F.1).

    Args:
        batch_size: Images per update.
        half_life: The number of images after which old weights count half.

    Returns:
        The rule, to be passed as `multi_avg_fn`.
    """

    @torch.no_grad()
    def update(averages: Any, weights: Any, updates: Any) -> None:
        images = batch_size * (updates + 1)  # a tensor: reading the number would wait for a GPU
        share = 1 - 0.5 ** (batch_size / (HALF_LIFE_RAMP * images).clamp(max=half_life))
        torch._foreach_mul_(averages, 1 - share)
        torch._foreach_add_(averages, torch._foreach_mul(weights, share))

    return update


@torch.no_grad()
def interpolate(generator: InpaintingNetwork, before: dict[str, Tensor], share: float) -> None:
    """Interpolate a generator's weights with those it had before the adversarial phase, in place.

    This trades sharpness against error after training (X. Wang et al. 2018, "ESRGAN", Section 3.4).

    Args:
        generator: The network after the adversarial phase.
        before: Its parameters before that phase, by name.
        share: The share of the weights after the phase, in 0..1.
    """
    for name, weight in generator.named_parameters():
        weight.copy_(torch.lerp(before[name].to(weight.device), weight, share))


def to_half(generator: InpaintingNetwork) -> InpaintingNetwork:
    """Convert a generator's weights to half precision, in place, and keep batch norm's statistics in float32.

    The statistics can exceed the range of half precision, because batch norm allows weights of any scale. One infinite
    variance in the first layer cost a context encoder 2.2 dB.

    Args:
        generator: The network.

    Returns:
        The same network.
    """
    norms = [module for module in generator.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    statistics = [(norm.running_mean, norm.running_var) for norm in norms]
    generator.half()
    for norm, (mean, variance) in zip(norms, statistics, strict=True):
        norm.running_mean, norm.running_var = mean, variance
    return generator


def recalibrate_batchnorm(generator: InpaintingNetwork, batches: Iterable[Batch]) -> None:
    """Compute batch norm's statistics again from training images, in place.

    Averaged weights do not fit averaged statistics: while the learning rate was high, that cost 4 dB.

    Args:
        generator: The network with averaged weights.
        batches: Training images with their holes.
    """
    device = generator.fill_color.device
    update_bn((generator.masked(batch.images.to(device), batch.holes.to(device)) for batch in batches), generator)


def freeze_batchnorm(generator: InpaintingNetwork) -> None:
    """Make batch norm normalise by the statistics that it has, as in inference, in place; other layers still train.

    A batch has images of one side. Statistics of several sides fit none of them as well as its own batch's do; a
    network that ends its training with them is used as it was trained.

    Args:
        generator: The network in training.
    """
    for module in generator.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
