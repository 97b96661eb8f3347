"""The context encoder, the generation of inpainting networks before the paper's, to compare with.

D. Pathak et al., "Context Encoders: Feature Learning by Inpainting", CVPR 2016 (arXiv:1604.07379): an encoder and a
decoder of stride 2 with a channel-wise fully connected layer between them. Through this layer every feature sees the
whole image, and the image has one fixed size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .networks import InpaintingNetwork

# Input sides in px and the channels of the layer they enter (Section 3.1 and the authors' code at 128 px: kernels of 4,
# stride 2, down to 4×4 px). A smaller image enters at the layer of its size.
CHANNELS = {128: 64, 64: 64, 32: 128, 16: 256, 8: 512}
BOTTLENECK_PX = 4
SIZES = tuple(size for size in CHANNELS if size >= 32)


class ContextEncoder(InpaintingNetwork):
    """A context encoder, which fills holes in square images of one size.

    Unlike the original it gets the hole as fourth input channel.

    Args:
        fill_color: The colour of the hole in the input, RGB in 0..1.
        largest_hole: The side in px of the largest holes in training, if known.
        image_size: The side of the images in px: 32, 64 or 128.

    Raises:
        ValueError: `image_size` is another, or `fill_color` is not three Python floats in 0..1.
    """

    def __init__(
        self,
        fill_color: Sequence[float] = (0.5, 0.5, 0.5),
        largest_hole: int | None = None,
        image_size: int = 128,
    ) -> None:
        if image_size not in SIZES:
            raise ValueError(f"image_size is {image_size}, but a context encoder has {SIZES}; choose one of them")
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
        """Return the constructor arguments."""
        color = self.fill_color.flatten().tolist()
        return {"fill_color": color, "largest_hole": self.largest_hole, "image_size": self.image_size}

    def forward(self, x: Tensor) -> Tensor:
        """Predict the image, known pixels included.

        Args:
            x: (N, 4, S, S) with S = `image_size`, as `masked` makes it.

        Returns:
            The prediction, (N, 3, S, S) in 0..1.

        Raises:
            ValueError: The input has another size.
        """
        if x.shape[2:] != (self.image_size, self.image_size):
            raise ValueError(
                f"the image is {x.shape[3]}×{x.shape[2]}, but this context encoder takes"
                f" {self.image_size}×{self.image_size} px; scale the image"
            )
        return torch.sigmoid(self.layers(x).float())


class ChannelWise(nn.Module):
    """A fully connected layer within each channel: C·S⁴ weights, where one across channels would have C²·S⁴.

    Args:
        channels: C, of input and output.
        size: S, the side of both.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, size**2, size**2))
        nn.init.kaiming_uniform_(self.weight.view(-1, size**2), a=5**0.5)  # as nn.Linear

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, S, S) to the same shape."""
        return torch.einsum("ncp,cqp->ncq", x.flatten(2), self.weight).view(x.shape)
