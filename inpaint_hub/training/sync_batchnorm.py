"""Batch norm over the batches of all processes, on GPUs and on CPUs; torch's own runs on GPUs only."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _MeanOverProcesses(torch.autograd.Function):
    """The mean of a tensor over all processes; gradients flow back to each of them."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.clone()
        dist.all_reduce(value)
        return value / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _MeanOverProcesses.forward(ctx, gradient.contiguous())


class SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the batches of all processes, as if one process had them all; batches are of equal size."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W) by the statistics of the batches of all processes."""
        if not (self.training and dist.is_initialized()):
            return super().forward(x)
        assert self.momentum is not None
        wide = x.float()
        mean = _MeanOverProcesses.apply(wide.mean(dim=(0, 2, 3)))
        centred = wide - mean[:, None, None]
        variance = _MeanOverProcesses.apply(centred.square().mean(dim=(0, 2, 3)))
        if self.track_running_stats and self.running_mean is not None and self.running_var is not None:
            count = x.numel() // x.shape[1] * dist.get_world_size()
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / max(1, count - 1), self.momentum)
                if self.num_batches_tracked is not None:
                    self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def synchronize_batchnorm(network: nn.Module, device: torch.device) -> None:
    """Replace a network's batch norm layers by layers that share their statistics between processes, in place.

    Args:
        network: The network.
        device: Where it is: GPUs get torch's `SyncBatchNorm`, CPUs get `SyncBatchNorm2d`.
    """
    if device.type == "cuda":
        for parent in network.modules():
            for name, child in parent.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(parent, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        return
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = SyncBatchNorm2d
