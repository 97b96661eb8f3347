"""Less memory for more time: a network's activations are computed again on the way back, a few layers at a time.

T. Chen, B. Xu, C. Zhang, C. Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016 (arXiv:1604.06174).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

SEGMENT = 12  # layers at least of which only the input is kept: four rows of the table with batch norm and ReLU


def checkpoint_gradients(layers: nn.Sequential) -> None:
    """Make a sequence of layers keep only the inputs of its segments for the backward pass, in place.

    The result is the same; batch norm counts each batch once.
    """
    starts = [0]
    for number, layer in enumerate(layers):  # not before an activation, which may change the kept input in place
        if number - starts[-1] >= SEGMENT and isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            starts.append(number)
    segments = [layers[start:end] for start, end in zip(starts, [*starts[1:], len(layers)], strict=True)]

    def forward(x: Tensor) -> Tensor:
        for segment in segments:
            contexts: Any = lambda segment=segment: (nullcontext(), _statistics_kept(segment))  # noqa: E731
            x = checkpoint(segment, x, use_reentrant=False, context_fn=contexts)
        return x

    layers.forward = forward  # type: ignore[method-assign]


@contextmanager
def _statistics_kept(segment: nn.Module) -> Iterator[None]:
    """Within, batch norm normalises as in training, and its running statistics stay as they are."""
    norms = [module for module in segment.modules() if isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm))]
    counts = [norm.num_batches_tracked for norm in norms]
    before = [
        (norm.momentum, None if count is None else count.clone()) for norm, count in zip(norms, counts, strict=True)
    ]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, count, (momentum, counted) in zip(norms, counts, before, strict=True):
            norm.momentum = momentum
            if count is not None and counted is not None:
                count.copy_(counted)
