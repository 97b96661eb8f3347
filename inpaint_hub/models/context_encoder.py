"""The context encoder: the generation of inpainting networks before this one, to compare with.

D. Pathak et al., "Context Encoders: Feature Learning by Inpainting", CVPR 2016 (arXiv:1604.07379): an
encoder and a decoder of stride 2 with a channel-wise fully connected bottleneck, which lets every
feature see the whole image, and fixes its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .networks import Painter

# Section 3.1 and the authors' code at 128 px: kernels of 4, stride 2, until 4×4 are left. A smaller image enters at
# the layer that has its size.
CHANNELS = {128: 64, 64: 64, 32: 128, 16: 256, 8: 512}
BOTTLENECK_PX = 4
SIZES = tuple(size for size in CHANNELS if size >= 32)


class ContextEncoder(Painter):
    """Fills holes in images of one size only, `image_size` px square: 128 in the paper, 32 for CIFAR-10.

    `fill_color` and `largest_hole` are those of `Painter`. As the paper's it paints from a masked image,
    but it is told where the hole is, too. Raises `ValueError` for another `image_size` than 32, 64 and 128.
    """

    def __init__(
        self,
        fill_color: Sequence[float] = (0.5, 0.5, 0.5),
        largest_hole: int | None = None,
        image_size: int = 128,
    ) -> None:
        if image_size not in SIZES:
            raise ValueError(f"image_size is {image_size}; the context encoder needs one of {SIZES}")
        super().__init__(fill_color, largest_hole)
        self.image_size = image_size
        widths = [channels for size, channels in CHANNELS.items() if size <= image_size]
        self.layers = nn.Sequential()
        for before, after in zip([4, *widths], widths, strict=False):
            self.layers.extend(
                [
                    nn.Conv2d(before, after, 4, 2, 1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.LeakyReLU(0.2, inplace=True),
                ]
            )
        deepest = widths[-1]
        self.layers.extend(
            [
                ChannelWise(deepest, BOTTLENECK_PX),
                nn.Conv2d(deepest, deepest, 1, bias=False),  # "to propagate information across channels"
                nn.BatchNorm2d(deepest),
                nn.ReLU(inplace=True),
            ]
        )
        for before, after in zip(widths[::-1], widths[-2::-1], strict=False):
            self.layers.extend(
                [
                    nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(inplace=True),
                ]
            )
        self.layers.append(nn.ConvTranspose2d(widths[0], 3, 4, 2, 1))

    def settings(self) -> dict[str, Any]:
        """Its constructor arguments."""
        color = self.fill.flatten().tolist()
        return {"fill_color": color, "largest_hole": self.largest_hole, "image_size": self.image_size}

    def forward(self, x: Tensor) -> Tensor:
        """The prediction (N, 3, S, S) in 0..1, everywhere, from (N, 4, S, S), S = `image_size`: see `masked`."""
        if x.shape[2:] != (self.image_size, self.image_size):
            raise ValueError(
                f"the image is {x.shape[3]}×{x.shape[2]}; this context encoder takes {self.image_size} px squares alone"
            )
        return torch.sigmoid(self.layers(x).float())


class ChannelWise(nn.Module):
    """A fully connected layer within each channel: (N, C, S, S) to the same shape, C·S⁴ weights instead of C²·S⁴."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, size**2, size**2))
        nn.init.kaiming_uniform_(self.weight.view(-1, size**2), a=5**0.5)  # as nn.Linear

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("ncp,cqp->ncq", x.flatten(2), self.weight).view(x.shape)
