"""The paper's networks: the completion generator, and the discriminator with its global and local branch.

S. Nalla, "Image Inpainting using GANs", Tables I-III, after Iizuka, Simo-Serra, Ishikawa, "Globally
and Locally Consistent Image Completion", ACM Transactions on Graphics 36(4), 2017.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from .hub_model import HubModel


class Layer(NamedTuple):
    """One row of a layer table. A `deconv` multiplies the resolution by its stride, a `conv` divides it."""

    kind: str
    kernel: int
    dilation: int
    stride: int
    channels: int


GENERATOR = (
    Layer("conv", 5, 1, 1, 64),
    Layer("conv", 3, 1, 2, 128),
    Layer("conv", 3, 1, 1, 128),
    Layer("conv", 3, 1, 2, 256),
    Layer("conv", 3, 1, 1, 256),
    Layer("conv", 3, 1, 1, 256),
    Layer("conv", 3, 2, 1, 256),
    Layer("conv", 3, 4, 1, 256),
    Layer("conv", 3, 8, 1, 256),
    Layer("conv", 3, 16, 1, 256),
    Layer("conv", 3, 1, 1, 256),
    Layer("conv", 3, 1, 1, 256),
    Layer("deconv", 4, 1, 2, 128),
    Layer("conv", 3, 1, 1, 128),
    Layer("deconv", 4, 1, 2, 64),
    Layer("conv", 3, 1, 1, 32),
    Layer("conv", 3, 1, 1, 3),
)
UNDILATED = tuple(layer._replace(dilation=1) for layer in GENERATOR)  # what dilation is worth is measured against it
GLOBAL = tuple(Layer("conv", 5, 1, 2, channels) for channels in (64, 128, 256, 512, 512, 512))
LOCAL = tuple(Layer("conv", 5, 1, 2, channels) for channels in (64, 128, 256, 512, 512))
FEATURES = 1024  # of each branch; both are concatenated to 2048
STRIDE = 4  # the generator halves the resolution twice


def sight(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """How far in px an output pixel sees to the left and to the right, at each place of the stride's grid."""
    reaches = []
    for place in range(STRIDE):
        low = high = place
        for layer in reversed(layers):
            if layer.kind == "deconv":  # input i feeds the outputs i * stride - padding + tap
                padding = (layer.kernel - layer.stride) // 2
                low = -((layer.kernel - 1 - padding - low) // layer.stride)
                high = (high + padding) // layer.stride
            else:
                padding = layer.dilation * (layer.kernel // 2)
                low = low * layer.stride - padding
                high = high * layer.stride + padding
        reaches.append((place - low, high - place))
    return reaches


def receptive_field(layers: Sequence[Layer]) -> int:
    """The width in px of the widest stretch of input that can change one output pixel."""
    return max(left + 1 + right for left, right in sight(layers))


def context_px(layers: Sequence[Layer]) -> int:
    """The context in px at which a window gives what the whole photo gives: the furthest sight, on the grid."""
    return -(-max(map(max, sight(layers))) // STRIDE) * STRIDE


def live_taps(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """First and last + 1 of a kernel's taps that ever meet a pixel of an input of `size` px.

    The padding is dilation * (kernel // 2). A 3-tap kernel of dilation 8 on 8 px keeps its centre
    alone: the others only meet zeros, and leaving them out changes no result.
    """
    last = (size - 1) // stride * stride  # the place of the last output's centre tap
    offsets = [(tap - kernel // 2) * dilation for tap in range(kernel)]
    live = [tap for tap, offset in enumerate(offsets) if -last <= offset < size]
    return live[0], live[-1] + 1


class Conv2d(nn.Conv2d):
    """An odd-sized convolution with zero padding that leaves out the taps that only ever meet padding.

    Exact: at 32 px it spares an eighth of the generator's work, whose weights serve any size.
    """

    def __init__(self, channels_in: int, layer: Layer, bias: bool = True) -> None:
        padding = layer.dilation * (layer.kernel // 2)
        super().__init__(channels_in, layer.channels, layer.kernel, layer.stride, padding, layer.dilation, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, channels, ceil(H / stride), ceil(W / stride))."""
        kernel, stride, dilation = self.kernel_size[0], self.stride[0], self.dilation[0]
        top, bottom = live_taps(x.shape[2], kernel, stride, dilation)
        left, right = live_taps(x.shape[3], kernel, stride, dilation)
        if bottom - top == right - left == kernel:
            return super().forward(x)
        pads = [
            side
            for size, first, end in ((x.shape[3], left, right), (x.shape[2], top, bottom))
            for side in _pads(size, first, end, kernel, stride, dilation)
        ]
        weight = self.weight[:, :, top:bottom, left:right]
        return F.conv2d(F.pad(x, pads) if any(pads) else x, weight, self.bias, stride, 0, dilation)


def _pads(size: int, first: int, end: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros before and after an axis so that the taps first..end give ceil(size / stride) outputs."""
    before = dilation * (kernel // 2 - first)
    outputs = (size - 1) // stride + 1
    needed = (outputs - 1) * stride + dilation * (end - first - 1) + 1
    return before, max(0, needed - size - before)


class Painter(HubModel):
    """What every network that fills holes has: a colour that stands in for the hole, and its input.

    `fill_color` is what a hole holds in the network's input, RGB in 0..1: the mean colour of the
    training images. `largest_hole` is the side in px of the largest holes it was trained on, where
    that is known. Raises `ValueError` unless the colour is three Python floats, which config.json can
    hold.
    """

    fill: Tensor
    layers: nn.Sequential

    def __init__(self, fill_color: Sequence[float], largest_hole: int | None) -> None:
        if len(fill_color) != 3 or not all(isinstance(value, float | int) and 0 <= value <= 1 for value in fill_color):
            raise ValueError(
                f"fill_color is {fill_color!r}; give three Python floats in 0..1, array.tolist() makes them"
            )
        super().__init__()
        self.largest_hole = largest_hole
        self.register_buffer("fill", torch.tensor(fill_color).view(1, 3, 1, 1), persistent=False)

    def masked(self, image: Tensor, hole: Tensor) -> Tensor:
        """(N, 4, H, W): the masked image and its hole, the network's input.

        `image` is (N, 3, H, W) in 0..1 and `hole` (N, 1, H, W) bool, True = to be filled. Nothing
        under the hole gets through, not even a NaN.
        """
        return torch.cat([torch.where(hole, self.fill.to(image.dtype), image), hole.to(image.dtype)], dim=1)

    def silence_unseen_taps(self, resolution: int) -> None:
        """Set to zero the weights that training at `resolution` px can never reach; here there are none."""


class Generator(Painter):
    """The completion network: 17 layers, 6.07 M parameters, any height and width.

    `fill_color` and `largest_hole` are those of `Painter`. With `dilated` False all dilations are 1,
    to measure what they are worth.
    """

    def __init__(
        self,
        fill_color: Sequence[float] = (0.5, 0.5, 0.5),
        largest_hole: int | None = None,
        dilated: bool = True,
    ) -> None:
        super().__init__(fill_color, largest_hole)
        self.table = GENERATOR if dilated else UNDILATED
        self.layers = nn.Sequential()
        channels = 4
        for layer in self.table[:-1]:
            self.layers.extend([_convolution(channels, layer), nn.BatchNorm2d(layer.channels), nn.ReLU(inplace=True)])
            channels = layer.channels
        self.layers.append(Conv2d(channels, self.table[-1]))

    def forward(self, x: Tensor) -> Tensor:
        """The prediction (N, 3, H, W) in 0..1, everywhere, from (N, 4, H, W): see `masked`.

        Sides that are no multiple of 4 are padded by repeating the border, and cut again.
        """
        height, width = x.shape[2:]
        if height % STRIDE or width % STRIDE:
            x = F.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        return torch.sigmoid(self.layers(x).float())[:, :, :height, :width]

    def settings(self) -> dict[str, Any]:
        """Its constructor arguments."""
        dilated = self.table is GENERATOR
        return {"fill_color": self.fill.flatten().tolist(), "largest_hole": self.largest_hole, "dilated": dilated}

    @torch.no_grad()
    def silence_unseen_taps(self, resolution: int) -> None:
        """Set to zero the taps that training at `resolution` px can never reach.

        At 32 px the outer taps of the dilations 8 and 16 only ever meet padding. Left at their
        random start they would do harm as soon as a larger photo comes.
        """
        size = resolution
        for module in self.layers:
            if isinstance(module, Conv2d):
                first, end = live_taps(size, module.kernel_size[0], module.stride[0], module.dilation[0])
                live = torch.zeros_like(module.weight)
                live[:, :, first:end, first:end] = 1
                module.weight.mul_(live)
                size = (size - 1) // module.stride[0] + 1
            elif isinstance(module, nn.ConvTranspose2d):
                size *= module.stride[0]


def _convolution(channels_in: int, layer: Layer) -> nn.Module:
    """A row of the table without bias, which the batch norm after it would take out again."""
    if layer.kind == "conv":
        return Conv2d(channels_in, layer, bias=False)
    padding = (layer.kernel - layer.stride) // 2
    return nn.ConvTranspose2d(channels_in, layer.channels, layer.kernel, layer.stride, padding, bias=False)


class Branch(nn.Module):
    """One discriminator: convolutions of stride 2, then a fully connected layer to 1024 features.

    On 1 and 2 px only a kernel's taps from the centre on ever meet a pixel, so it has no others there.
    Exact: at 32 px it leaves 8 M of 29 M parameters, and their optimiser's work. It also keeps clear of
    torch 2.14's uninitialised weight gradients for such taps (bf16, channels_last, 1x1 input).
    """

    def __init__(self, layers: Sequence[Layer], size: int) -> None:
        super().__init__()
        self.size = size
        self.layers = nn.Sequential()
        channels = 3
        for layer in layers:
            first, end = live_taps(size, layer.kernel, layer.stride, layer.dilation)
            padding = layer.kernel // 2 - first  # the live taps before the centre
            self.layers.extend(
                [
                    nn.Conv2d(channels, layer.channels, end - first, layer.stride, padding, bias=False),
                    nn.BatchNorm2d(layer.channels),
                    nn.ReLU(inplace=True),
                ]
            )
            channels, size = layer.channels, (size - 1) // layer.stride + 1
        self.layers.extend([nn.Flatten(), nn.Linear(channels * size * size, FEATURES), nn.ReLU(inplace=True)])

    def forward(self, image: Tensor) -> Tensor:
        """(N, 1024) features of (N, 3, size, size) in 0..1."""
        return self.layers(image)


class Discriminator(HubModel):
    """Tells real images from completed ones: a global branch, a local branch, one joint score.

    `image_size` is the side of the global input in px and twice that of the local patch: 256 and
    128 in the paper, 32 and 16 for CIFAR-10. With `local` False there is the global branch alone.
    """

    def __init__(self, image_size: int = 256, local: bool = True) -> None:
        super().__init__()
        if image_size < 16 or image_size % 2:
            raise ValueError(f"image_size is {image_size}; the discriminator needs an even number of px, 16 or more")
        self.image_size = image_size
        self.global_branch = Branch(GLOBAL, image_size)
        self.local_branch = Branch(LOCAL, image_size // 2) if local else None
        self.joint = nn.Linear(FEATURES * (1 + local), 1)

    def settings(self) -> dict[str, Any]:
        """Its constructor arguments."""
        return {"image_size": self.image_size, "local": self.local_branch is not None}

    def forward(self, image: Tensor, patch: Tensor) -> Tensor:
        """The logit (N, 1), positive for real and negative for completed; its sigmoid is the paper's score.

        `image` is (N, 3, S, S) and `patch` (N, 3, S / 2, S / 2), centred on the hole; S = `image_size`.
        """
        for given, name, size in ((image, "image", self.image_size), (patch, "patch", self.image_size // 2)):
            if given.shape[1:] != (3, size, size):
                raise ValueError(f"{name} is {tuple(given.shape)}; the discriminator needs (N, 3, {size}, {size})")
        features = self.global_branch(image)
        if self.local_branch is not None:
            features = torch.cat([features, self.local_branch(patch)], dim=1)
        return self.joint(features).float()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Within, `network` gets no gradient and keeps its batch norm statistics; gradients pass through it.

    The statistics of the batch at hand still normalise it, as they did when it was trained; spectral norm keeps its
    estimates.
    """
    norms = [module for module in network.modules() if isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm))]
    spectral = [module for module in network.modules() if isinstance(module, ParametrizationList) and module.training]
    network.requires_grad_(False)
    for norm in norms:
        norm.track_running_stats = False
    for estimate in spectral:
        estimate.eval()
    try:
        yield
    finally:
        network.requires_grad_(True)
        for norm in norms:
            norm.track_running_stats = True
        for estimate in spectral:
            estimate.train()


def composite(image: Tensor, prediction: Tensor, hole: Tensor) -> Tensor:
    """The known pixels of the image, and the prediction inside the hole."""
    return torch.where(hole, prediction, image)
