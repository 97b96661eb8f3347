"""Random changes of what the discriminator sees, for small data sets, which it would otherwise learn by heart.

S. Zhao, Z. Liu, J. Lin, J.-Y. Zhu, S. Han, "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020
(arXiv:2006.10738): color and translation. Its third kind, cutout, could cover the hole, and is left out. An original
and its completed image get the same draws.
"""

from __future__ import annotations

import torch
from torch import Tensor

DRAWS = 8  # uniform numbers for each image: 0 to 2 its color, 3 and 4 its shift, the rest spare
BRIGHTNESS = 0.25  # at most added to or taken from values in 0..1
SHIFT = 1 / 8  # of the side, at most


def change_color(view: Tensor, draws: Tensor) -> Tensor:
    """Change brightness, saturation and contrast.

    Args:
        view: (N, 3, S, S) in 0..1.
        draws: (N, `DRAWS`) uniform in 0..1; 0.5 changes nothing.

    Returns:
        (N, 3, S, S), where values may leave 0..1.
    """
    brightness, saturation, contrast = (draw[:, None, None, None] for draw in draws[:, :3].unbind(1))
    view = view + (2 * brightness - 1) * BRIGHTNESS
    gray = view.mean(dim=1, keepdim=True)
    view = gray + (view - gray) * 2 * saturation
    mean = view.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (view - mean) * (contrast + 0.5)


def shift(view: Tensor, draws: Tensor) -> Tensor:
    """Shift by whole pixels in both directions; what comes in from outside is 0.

    Args:
        view: (N, C, S, S).
        draws: (N, `DRAWS`) uniform in 0..1; 0.5 changes nothing.

    Returns:
        (N, C, S, S).
    """
    side = view.shape[3]
    place = torch.arange(side, device=view.device)
    moved = place + torch.round((2 * draws[:, 3:5, None] - 1) * SHIFT * side).long()  # (N, 2, S)
    rows, columns = moved.clamp(0, side - 1).unbind(1)
    inside = (moved == moved.clamp(0, side - 1)).unbind(1)
    which = torch.arange(len(view), device=view.device)[:, None, None]
    taken = view[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    return taken * (inside[0][:, None, :, None] & inside[1][:, None, None, :])
