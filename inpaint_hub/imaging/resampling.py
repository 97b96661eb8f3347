"""An image at a smaller scale and back, and how near the hole's pixels are to known ones. Arrays in, arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def downscale(known: np.ndarray, hole: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Shrink known pixels (H, W, 3) and hole (H, W) to 1/factor, rounded up.

    A pixel is the mean of its block's known ones, and hole where less than half of them are known.
    """
    if factor == 1:
        return known.copy(), hole
    sides = (0, -hole.shape[1] % factor, 0, -hole.shape[0] % factor)
    weight = F.pad(_planes(~hole[:, :, None]), sides, mode="replicate")
    share = F.avg_pool2d(weight, factor)
    mean = F.avg_pool2d(F.pad(_planes(known), sides, mode="replicate") * weight, factor) / share.clamp(min=1e-6)
    return _array(mean), _array(share)[:, :, 0] < 0.5


def resize(known: np.ndarray, hole: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Scale a square of known pixels (S, S, 3) and hole (S, S) to `side` px; a pixel less than half known is hole."""
    if side == len(hole):
        return known, hole
    scale: dict[str, Any] = {"mode": "bilinear", "antialias": True} if side < len(hole) else {"mode": "bilinear"}
    weight = _planes(~hole[:, :, None])
    share = F.interpolate(weight, (side, side), **scale)
    mean = F.interpolate(_planes(known) * weight, (side, side), **scale) / share.clamp(min=1e-6)
    return _array(mean.clamp(0, 1)), _array(share)[:, :, 0] < 0.5


def upscale(values: np.ndarray, like: np.ndarray, factor: int) -> np.ndarray:
    """Enlarge (h, w, C) `factor` times, bilinearly, and cut it to the size of `like` (H, W, ...)."""
    if factor == 1:
        return values
    large = F.interpolate(_planes(values), scale_factor=factor, mode="bilinear")
    return _array(large)[: like.shape[0], : like.shape[1]]


def proximity_weights(hole: np.ndarray, reach_px: int) -> np.ndarray:
    """Weigh pixels (H, W) float32: 1 where known or beside it, falling to 0 beyond `reach_px` from a known one."""
    reached = _planes(~hole[:, :, None])
    total = torch.zeros_like(reached)
    for _ in range(reach_px):
        reached = F.max_pool2d(F.max_pool2d(reached, (3, 1), 1, (1, 0)), (1, 3), 1, (0, 1))
        total += reached
    return _array(total / reach_px)[:, :, 0]


def _planes(values: np.ndarray) -> Tensor:
    """(1, C, H, W) float32 of (H, W, C)."""
    return torch.from_numpy(values.astype(np.float32, copy=False)).permute(2, 0, 1)[None]


def _array(planes: Tensor) -> np.ndarray:
    return planes[0].permute(1, 2, 0).contiguous().numpy()
