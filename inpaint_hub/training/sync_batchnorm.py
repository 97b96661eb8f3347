"""Batch norm over the batches of all processes, on GPUs and on CPUs, which torch's own refuses."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Mean(torch.autograd.Function):
    """The mean of a tensor over all processes, through which gradients flow back to each of them."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.clone()
        dist.all_reduce(value)
        return value / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Mean.forward(ctx, gradient.contiguous())


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that gives each process what one process with all of their equal batches would get."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) normalised by the statistics of every process's batch."""
        if not (self.training and dist.is_initialized()):
            return super().forward(x)
        assert self.momentum is not None
        wide = x.float()
        mean = _Mean.apply(wide.mean(dim=(0, 2, 3)))
        centred = wide - mean[:, None, None]
        variance = _Mean.apply(centred.square().mean(dim=(0, 2, 3)))
        if self.track_running_stats and self.running_mean is not None and self.running_var is not None:
            count = x.numel() // x.shape[1] * dist.get_world_size()
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / max(1, count - 1), self.momentum)
                if self.num_batches_tracked is not None:
                    self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def synchronize(network: nn.Module, device: torch.device) -> None:
    """Make its batch norm layers share their statistics, in place: torch's own on GPUs, ours elsewhere."""
    if device.type == "cuda":
        for parent in network.modules():
            for name, child in parent.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(parent, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        return
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = SyncedBatchNorm2d
