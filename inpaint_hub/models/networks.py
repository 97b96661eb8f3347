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
    """A row of a layer table. A `conv` divides the resolution by its stride, a `deconv` multiplies it."""

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
UNDILATED = tuple(layer._replace(dilation=1) for layer in GENERATOR)  # to measure the effect of dilation
GLOBAL = tuple(Layer("conv", 5, 1, 2, channels) for channels in (64, 128, 256, 512, 512, 512))
LOCAL = tuple(Layer("conv", 5, 1, 2, channels) for channels in (64, 128, 256, 512, 512))
BRANCH_FEATURES = 1024  # both branches are concatenated to 2048
STRIDE = 4  # the generator halves the resolution twice


def receptive_extents(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """Compute how far an output pixel sees.

    Args:
        layers: A layer table, such as `GENERATOR`.

    Returns:
        For each position of an output pixel on the grid of `STRIDE` px: the distances in px to the leftmost and to the
        rightmost input pixel that can change it.
    """
    extents = []
    for position in range(STRIDE):
        low = high = position
        for layer in reversed(layers):
            if layer.kind == "deconv":  # input i feeds the outputs i * stride - padding + tap
                padding = (layer.kernel - layer.stride) // 2
                low = -((layer.kernel - 1 - padding - low) // layer.stride)
                high = (high + padding) // layer.stride
            else:
                padding = layer.dilation * (layer.kernel // 2)
                low = low * layer.stride - padding
                high = high * layer.stride + padding
        extents.append((position - low, high - position))
    return extents


def receptive_field(layers: Sequence[Layer]) -> int:
    """Compute the receptive field: the width in px of the widest stretch of input that can change one output pixel."""
    return max(left + 1 + right for left, right in receptive_extents(layers))


def context_px(layers: Sequence[Layer]) -> int:
    """Compute the context in px with which a window gives the same prediction as the whole photo.

    It is the largest of `receptive_extents`, rounded up to a multiple of `STRIDE`.
    """
    return -(-max(map(max, receptive_extents(layers))) // STRIDE) * STRIDE


def reachable_taps(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Find the taps of a kernel that meet at least one pixel of an input; the others only meet padding.

    A kernel of 3 taps with dilation 8 on 8 px keeps its centre tap only. Leaving the others out changes no result.

    Args:
        size: The input's length along the axis, px.
        kernel: The number of taps, odd; the padding is dilation * (kernel // 2).
        stride: Of the convolution.
        dilation: Of the convolution.

    Returns:
        The first such tap, and the last one + 1.
    """
    last = (size - 1) // stride * stride  # the place of the last output's centre tap
    offsets = [(tap - kernel // 2) * dilation for tap in range(kernel)]
    live = [tap for tap, offset in enumerate(offsets) if -last <= offset < size]
    return live[0], live[-1] + 1


class Conv2d(nn.Conv2d):
    """A zero-padded convolution of odd size that skips the taps that only meet padding.

    The result is the same. At 32 px this saves an eighth of the generator's operations.

    Args:
        channels_in: Channels of the input.
        layer: The row of the layer table.
        bias: Whether to add a bias.
    """

    def __init__(self, channels_in: int, layer: Layer, bias: bool = True) -> None:
        padding = layer.dilation * (layer.kernel // 2)
        super().__init__(channels_in, layer.channels, layer.kernel, layer.stride, padding, layer.dilation, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W) to (N, channels, ceil(H / stride), ceil(W / stride))."""
        kernel, stride, dilation = self.kernel_size[0], self.stride[0], self.dilation[0]
        top, bottom = reachable_taps(x.shape[2], kernel, stride, dilation)
        left, right = reachable_taps(x.shape[3], kernel, stride, dilation)
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


class InpaintingNetwork(HubModel):
    """The base class of all networks that fill holes.

    Args:
        fill_color: The colour of the hole in the network's input, RGB in 0..1: the mean colour of the training images.
        largest_hole: The side in px of the largest holes in training, if known.

    Raises:
        ValueError: The colour is not three Python floats in 0..1, which config.json can hold, or the side is no whole
            number of px.
    """

    fill_color: Tensor
    layers: nn.Sequential

    def __init__(self, fill_color: Sequence[float], largest_hole: int | None) -> None:
        if len(fill_color) != 3 or not all(isinstance(value, float | int) and 0 <= value <= 1 for value in fill_color):
            raise ValueError(
                f"fill_color is {fill_color!r}; give three Python floats in 0..1, array.tolist() makes them"
            )
        if largest_hole is not None and (type(largest_hole) is not int or largest_hole < 1):
            raise ValueError(
                f"largest_hole, in config.json, is {largest_hole!r}; give a whole number of px from 1 on, or null"
            )
        super().__init__()
        self.largest_hole = largest_hole
        self.register_buffer("fill_color", torch.tensor(fill_color).view(1, 3, 1, 1), persistent=False)

    def masked(self, image: Tensor, hole: Tensor) -> Tensor:
        """Make the network's input: the masked image, and the hole as fourth channel.

        Args:
            image: (N, 3, H, W) in 0..1. What is under the hole has no effect, even a NaN.
            hole: (N, 1, H, W) bool, True = to be filled.

        Returns:
            (N, 4, H, W), with `fill_color` in the hole.
        """
        return torch.cat([torch.where(hole, self.fill_color.to(image.dtype), image), hole.to(image.dtype)], dim=1)

    def zero_unreachable_weights(self, resolution: int) -> None:
        """Set to zero the weights that training at `resolution` px never changes; in this class there are none."""


class Generator(InpaintingNetwork):
    """The paper's completion network: 17 layers, 6.07 M parameters, any height and width (Table I).

    Args:
        fill_color: The colour of the hole in the input, RGB in 0..1.
        largest_hole: The side in px of the largest holes in training, if known.
        dilated: Whether rows 7 to 10 are dilated; without, all dilations are 1, to measure their effect.

    Raises:
        ValueError: `fill_color` is not three Python floats in 0..1.
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
        """Predict the image, known pixels included.

        Args:
            x: (N, 4, H, W), as `masked` makes it. Sides that are not multiples of 4 are padded by repeating the border.

        Returns:
            The prediction, (N, 3, H, W) in 0..1.
        """
        height, width = x.shape[2:]
        if height % STRIDE or width % STRIDE:
            x = F.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        return torch.sigmoid(self.layers(x).float())[:, :, :height, :width]

    def settings(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        dilated = self.table is GENERATOR
        return {"fill_color": self.fill_color.flatten().tolist(), "largest_hole": self.largest_hole, "dilated": dilated}

    @torch.no_grad()
    def zero_unreachable_weights(self, resolution: int) -> None:
        """Set to zero the weights that training at `resolution` px never changes.

        At 32 px the outer taps of dilations 8 and 16 only meet padding. Their random initial values would spoil the
        fills of larger photos.

        Args:
            resolution: The side of the training images, px.
        """
        size = resolution
        for module in self.layers:
            if isinstance(module, Conv2d):
                first, end = reachable_taps(size, module.kernel_size[0], module.stride[0], module.dilation[0])
                live = torch.zeros_like(module.weight)
                live[:, :, first:end, first:end] = 1
                module.weight.mul_(live)
                size = (size - 1) // module.stride[0] + 1
            elif isinstance(module, nn.ConvTranspose2d):
                size *= module.stride[0]


def _convolution(channels_in: int, layer: Layer) -> nn.Module:
    """A row of the table, without bias: the batch norm after it would cancel a bias."""
    if layer.kind == "conv":
        return Conv2d(channels_in, layer, bias=False)
    padding = (layer.kernel - layer.stride) // 2
    return nn.ConvTranspose2d(channels_in, layer.channels, layer.kernel, layer.stride, padding, bias=False)


class Branch(nn.Module):
    """A branch of the discriminator: convolutions of stride 2, then a fully connected layer to 1024 features.

    Kernels have no taps that only meet padding. The result is the same; at 32 px it leaves 8 M of 29 M parameters.
    It also avoids a fault of torch 2.14, whose weight gradients of such taps are uninitialised memory (bf16,
    channels_last, 1x1 input).

    Args:
        layers: The layer table, `GLOBAL` or `LOCAL`.
        size: The side of the input, px.
    """

    def __init__(self, layers: Sequence[Layer], size: int) -> None:
        super().__init__()
        self.size = size
        self.layers = nn.Sequential()
        channels = 3
        for layer in layers:
            first, end = reachable_taps(size, layer.kernel, layer.stride, layer.dilation)
            padding = layer.kernel // 2 - first  # the live taps before the centre
            self.layers.extend(
                [
                    nn.Conv2d(channels, layer.channels, end - first, layer.stride, padding, bias=False),
                    nn.BatchNorm2d(layer.channels),
                    nn.ReLU(inplace=True),
                ]
            )
            channels, size = layer.channels, (size - 1) // layer.stride + 1
        self.layers.extend([nn.Flatten(), nn.Linear(channels * size * size, BRANCH_FEATURES), nn.ReLU(inplace=True)])

    def forward(self, image: Tensor) -> Tensor:
        """Compute the features (N, 1024) of images (N, 3, size, size) in 0..1."""
        return self.layers(image)


class Discriminator(HubModel):
    """The paper's discriminator: a global branch, a local branch, and one score from both (Tables II and III).

    Args:
        image_size: The side of the global input in px, even; the local patch has half of it. The paper has 256 and
            128; images of 32 px take 32 and 16.
        local: Whether there is a local branch.

    Raises:
        ValueError: `image_size` is odd or below 16.
    """

    def __init__(self, image_size: int = 256, local: bool = True) -> None:
        super().__init__()
        if image_size < 16 or image_size % 2:
            raise ValueError(f"image_size is {image_size}; the discriminator needs an even number of px, 16 or more")
        self.image_size = image_size
        self.global_branch = Branch(GLOBAL, image_size)
        self.local_branch = Branch(LOCAL, image_size // 2) if local else None
        self.joint = nn.Linear(BRANCH_FEATURES * (1 + local), 1)

    def settings(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {"image_size": self.image_size, "local": self.local_branch is not None}

    def forward(self, image: Tensor, patch: Tensor) -> Tensor:
        """Score images as real or completed.

        Args:
            image: (N, 3, S, S) in 0..1, with S = `image_size`.
            patch: The local patch, (N, 3, S / 2, S / 2), centred on the hole.

        Returns:
            The logit (N, 1), positive for real, negative for completed; its sigmoid is the paper's score.

        Raises:
            ValueError: A shape does not fit `image_size`.
        """
        for name, value, size in (("image", image, self.image_size), ("patch", patch, self.image_size // 2)):
            if value.shape[1:] != (3, size, size):
                raise ValueError(
                    f"{name} has shape {tuple(value.shape)}, but this discriminator takes (N, 3, {size}, {size});"
                    " resize it, or build the discriminator with another image_size"
                )
        features = self.global_branch(image)
        if self.local_branch is not None:
            features = torch.cat([features, self.local_branch(patch)], dim=1)
        return self.joint(features).float()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Freeze a network within the context: its weights get no gradient, and its statistics do not change.

    Gradients still pass through it. Batch norm normalises by the current batch, as in training; spectral norm keeps
    its estimates.

    Args:
        network: The network to freeze, in place.
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
    """Combine the known pixels of an image with the prediction inside the hole.

    Args:
        image: (N, 3, H, W).
        prediction: Of the same shape.
        hole: (N, 1, H, W) bool.

    Returns:
        (N, 3, H, W): known pixels are the image's own.
    """
    return torch.where(hole, prediction, image)
