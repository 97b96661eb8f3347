"""The generator made fast for filling: batch norm is fused into the convolutions, and only needed outputs are computed.

A fill depends on a window of the photo. A plan says, for every row of the layer table, which of its outputs the next
row needs, so that the prediction of a box equals that of a pass over the whole photo.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..imaging.windows import Window
from .networks import GENERATOR, STRIDE, Generator, Layer

# The rows computed in bfloat16: nine tenths of all operations. With the shipped checkpoints, in the example photos and
# holes as wide as in training, they change at most two values in a thousand by more than 1/255. The decoder in bfloat16
# would change up to 2 % by more. A network that was trained for a few steps may differ by 9/255, so each one is tried
# on a probe image first.
LOW_PRECISION = range(1, 12)
ONE_LEVEL = 1 / 255
PROBE_PX, PROBE_HOLE_PX = 64, 24


class Span(NamedTuple):
    """What one row of the layer table computes along one axis, so that the next row has the outputs it needs."""

    first_tap: int
    end_tap: int  # exclusive; the other taps only meet padding
    zeros_before: int
    zeros_after: int
    cut: int  # leading outputs of a deconv to drop
    size: int


class Plan(NamedTuple):
    """How to predict a box of a photo: the window it depends on, and the spans of each row of the layer table."""

    layers: Sequence[Layer]
    window: Window
    down: tuple[Span, ...]
    across: tuple[Span, ...]

    @property
    def operations(self) -> int:
        """Count the multiplications and additions of the pass."""
        channels, total = 4, 0
        for layer, down, across in zip(self.layers, self.down, self.across, strict=True):
            taps = (down.end_tap - down.first_tap) * (across.end_tap - across.first_tap)
            outputs = down.size * across.size
            if layer.kind == "deconv":  # each output uses 1 / stride² of the taps
                outputs = math.ceil(outputs / layer.stride**2)
            total += 2 * taps * outputs * channels * layer.channels
            channels = layer.channels
        return total


def plan(box: Window, height: int, width: int, layers: Sequence[Layer] = GENERATOR) -> Plan:
    """Plan the prediction of a box so that it equals that of a pass over the whole photo.

    Args:
        box: The part of the photo to predict.
        height: Of the photo, px.
        width: Of the photo, px.
        layers: The generator's layer table.

    Returns:
        The window to read, and the spans of each row.
    """
    top, bottom, down = _spans(layers, box.top, box.bottom, height)
    left, right, across = _spans(layers, box.left, box.right, width)
    return Plan(layers, Window(top, left, bottom, right), down, across)


def _spans(layers: Sequence[Layer], start: int, end: int, length: int) -> tuple[int, int, tuple[Span, ...]]:
    """The photo's pixels (first, last + 1) along an axis that the outputs start..end depend on, and each row's span."""
    sizes = [-(-length // STRIDE) * STRIDE]  # the generator pads a photo to its grid
    for layer in layers:
        sizes.append(sizes[-1] * layer.stride if layer.kind == "deconv" else (sizes[-1] - 1) // layer.stride + 1)
    spans = []
    for layer, size in zip(reversed(layers), reversed(sizes[:-1]), strict=True):
        needed = _deconv_span if layer.kind == "deconv" else _conv_span
        start, end, span = needed(layer, start, end, size)
        spans.append(span)
    return start, end, tuple(reversed(spans))


def _conv_span(layer: Layer, start: int, end: int, size: int) -> tuple[int, int, Span]:
    """The inputs (first, last + 1) out of `size` that the outputs start..end of a convolution need, and the span."""
    offsets = [(tap - layer.kernel // 2) * layer.dilation for tap in range(layer.kernel)]
    first, last = start * layer.stride, (end - 1) * layer.stride
    live = [tap for tap, offset in enumerate(offsets) if last + offset >= 0 and first + offset < size]
    low, high = first + offsets[live[0]], last + offsets[live[-1]] + 1
    span = Span(live[0], live[-1] + 1, max(0, -low), max(0, high - size), 0, end - start)
    return max(0, low), min(size, high), span


def _deconv_span(layer: Layer, start: int, end: int, size: int) -> tuple[int, int, Span]:
    """As `_conv_span`, for a transposed convolution: input i feeds the outputs i * stride - padding + tap."""
    padding = (layer.kernel - layer.stride) // 2
    low = max(0, -((layer.kernel - 1 - padding - start) // layer.stride))
    high = min(size, (end - 1 + padding) // layer.stride + 1)
    return low, high, Span(0, layer.kernel, 0, 0, start - low * layer.stride, end - start)


class FusedGenerator:
    """A copy of a generator's weights for filling; later changes of the generator do not affect it.

    Args:
        generator: The network; it is set to eval mode.
        precision: The dtype of the rows that are computed in low precision, see `LOW_PRECISION`.
    """

    def __init__(self, generator: Generator, precision: torch.dtype = torch.float32) -> None:
        self.masked = generator.masked
        self.precision = precision
        self.device = generator.fill_color.device
        self.rows: list[tuple[Tensor, Tensor]] = []
        modules: list[Any] = [module for module in generator.eval().layers if not isinstance(module, nn.ReLU)]
        for number, layer in enumerate(generator.table):
            module = modules.pop(0)
            if modules:  # the last row has no batch norm
                module = fuse_conv_bn_eval(module, modules.pop(0), transpose=layer.kind == "deconv")
            dtype = precision if number in LOW_PRECISION else torch.float32
            weight = module.weight.detach().to(dtype, memory_format=torch.channels_last)
            self.rows.append((weight, module.bias.detach().to(dtype)))

    def __call__(self, image: Tensor, hole: Tensor, how: Plan) -> Tensor:
        """Predict the box of a plan.

        Args:
            image: The pixels of the plan's window, (N, 3, H, W) in 0..1. A window may end beyond the photo's bottom
                and right edge; there the last pixels are repeated.
            hole: (N, 1, H, W) bool.
            how: The plan, from `plan`.

        Returns:
            The prediction, (N, 3, h, w) in 0..1.
        """
        x = self.masked(image, hole)
        height, width = how.window.bottom - how.window.top, how.window.right - how.window.left
        if x.shape[2:] != (height, width):
            x = F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2]), mode="replicate")
        x = x.contiguous(memory_format=torch.channels_last)
        for layer, row, down, across in zip(how.layers, self.rows, how.down, how.across, strict=True):
            x = _apply(layer, x.to(row[0].dtype), *row, down, across)
            if layer is not how.layers[-1]:
                x = x.relu_()
        return torch.sigmoid(x.double()).float()


@torch.inference_mode()
def probe_difference(one: FusedGenerator, other: FusedGenerator, layers: Sequence[Layer]) -> float:
    """Compute the largest difference between two generators' predictions in the hole of a probe image.

    The image has a slope, waves of several lengths and noise. Shipped checkpoints differ by 0.5/255 between bfloat16
    and float32 there.

    Args:
        one: A generator.
        other: The same in another precision.
        layers: Their layer table.

    Returns:
        The difference, in 0..1.
    """
    rows, columns = torch.meshgrid(*2 * [torch.arange(PROBE_PX) / PROBE_PX], indexing="ij")
    waves = torch.stack([(40 * columns + 9 * rows).sin(), (25 * rows).sin(), (60 * rows * columns).sin()])
    noise = torch.rand(3, PROBE_PX, PROBE_PX, generator=torch.Generator().manual_seed(0)) - 0.5
    image = 0.2 + 0.6 * torch.stack([columns, rows, 1 - columns]) + 0.15 * waves + 0.2 * noise
    start = (PROBE_PX - PROBE_HOLE_PX) // 2
    box = Window(start, start, start + PROBE_HOLE_PX, start + PROBE_HOLE_PX)
    hole = torch.zeros(1, 1, PROBE_PX, PROBE_PX, dtype=torch.bool)
    hole[:, :, start : box.bottom, start : box.right] = True
    how = plan(box, PROBE_PX, PROBE_PX, layers)
    window = (..., slice(how.window.top, how.window.bottom), slice(how.window.left, how.window.right))
    inputs = image.clamp(0, 1)[None][window].to(one.device), hole[window].to(one.device)
    return (one(*inputs, how) - other(*inputs, how)).abs().max().item()


def _apply(layer: Layer, x: Tensor, weight: Tensor, bias: Tensor, down: Span, across: Span) -> Tensor:
    """Compute the outputs of one row that its spans name."""
    if layer.kind == "deconv":
        padding = (layer.kernel - layer.stride) // 2
        x = F.conv_transpose2d(x, weight, bias, layer.stride, padding)
        return x[:, :, down.cut : down.cut + down.size, across.cut : across.cut + across.size]
    weight = weight[:, :, down.first_tap : down.end_tap, across.first_tap : across.end_tap]
    zeros = across.zeros_before, across.zeros_after, down.zeros_before, down.zeros_after
    if any(zeros):  # an explicit pad: where a convolution pads, oneDNN sums in another order
        x = F.pad(x, zeros)
    return F.conv2d(x, weight, bias, layer.stride, 0, layer.dilation)
