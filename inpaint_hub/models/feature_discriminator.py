"""The discriminator on pretrained features: the paper's global and local one, looking at feature maps of four scales.

After A. Sauer, K. Chitta, J. Müller, A. Geiger, "Projected GANs Converge Faster", NeurIPS 2021 (arXiv:2111.01007), and
T. Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .features import CHANNELS
from .hub_model import HubModel

HIDDEN = 64  # channels of a head
SMALLEST_INPUT_PX = 64  # smaller views are enlarged: the feature network knows nothing smaller


class FeatureDiscriminator(HubModel):
    """Score places of feature maps as real or completed, in the whole image and in the local patch.

    Eight small heads, one for each scale of each view, score every place of their map. The decision is joint: the
    loss is one mean over the scores of all heads. Convolutional, so that it serves any resolution.

    Args:
        local: Whether it sees the local patch beside the whole image, as the paper's does.
    """

    def __init__(self, local: bool = True) -> None:
        super().__init__()
        self.local = local
        self.heads = nn.ModuleList(_head(channels) for channels in CHANNELS * (1 + local))

    def settings(self) -> dict[str, bool]:
        """Return the constructor arguments."""
        return {"local": self.local}

    def forward(self, *maps: Tensor) -> Tensor:
        """Compute the logits of every place of the maps.

        Args:
            maps: (N, C, H, W) each, of the whole image and then of the local patch: see `FeatureNetwork`.

        Returns:
            (N, P) logits, positive for real; the P places are in the order of the maps, row by row.
        """
        return torch.cat([head(x).flatten(1).float() for head, x in zip(self.heads, maps, strict=True)], dim=1)


def place_weights(views: tuple[Tensor, ...], maps: tuple[Tensor, ...]) -> Tensor:
    """Compute how much each logit counts: places whose surroundings hold some of the hole, all maps alike.

    Elsewhere a completed image is the original. To call that "completed" teaches the discriminator nothing and
    drowns what the generator is to hear (Zeng et al. 2022, AOT-GAN, Section 3.2; Suvorov et al. 2022, LaMa).

    Args:
        views: The hole (N, 1, S, S) as 0 and 1 in each view: the whole image, then the local patch.
        maps: The feature maps of these views, the same number of each.

    Returns:
        (N, P), the sum of each row 1, in the order of the logits.
    """
    scales = len(maps) // len(views)
    weights = []
    for number, x in enumerate(maps):
        near = F.adaptive_max_pool2d(views[number // scales], x.shape[2:])
        near = F.max_pool2d(near, 3, stride=1, padding=1).flatten(1)
        weights.append(near / near.sum(dim=1, keepdim=True).clamp_min(1) / len(maps))
    return torch.cat(weights, dim=1)


def _head(channels: int) -> nn.Sequential:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(channels, HIDDEN, 1)),
        nn.LeakyReLU(0.2, inplace=True),
        spectral_norm(nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)),
        nn.LeakyReLU(0.2, inplace=True),
        spectral_norm(nn.Conv2d(HIDDEN, 1, 3, padding=1)),
    )
