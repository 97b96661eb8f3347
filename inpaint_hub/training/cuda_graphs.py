"""Iterations as CUDA graphs: a GPU runs the thousands of kernels of one at once, and waits for no Python in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..data.dataset import Batch

Step = Callable[[Batch], dict[str, Tensor]]
WARM_UP = 3  # ordinary runs of an iteration before it is captured: libraries choose their kernels in the first ones


class CudaGraphs:
    """Iterations that are captured once for each kind, and then replayed.

    An iteration must be the same sequence of kernels whenever it has the same `kind`: no reading of a number from the
    GPU, and nothing that Python decides anew.

    Args:
        optimizers: The optimisers that an iteration steps. Their learning rates may change between iterations.
    """

    def __init__(self, optimizers: list[Any]) -> None:
        self.groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self.stream, self.pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()
        self.runs: Counter[Hashable] = Counter()
        self.graphs: dict[Hashable, _Graph] = {}

    def run(self, kind: Hashable, step: Step, batch: Batch) -> dict[str, Tensor]:
        """Run an iteration.

        Args:
            kind: All that decides which kernels run, the shape of the batch apart.
            step: The iteration, which is called for the first ones of a kind.
            batch: On the GPU.

        Returns:
            The figures of the iteration.
        """
        kind = kind, batch.images.shape
        self.runs[kind] += 1
        if self.runs[kind] <= WARM_UP:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                figures = step(batch)
            torch.cuda.current_stream().wait_stream(self.stream)
            return figures
        if kind not in self.graphs:
            self.graphs[kind] = _Graph(step, batch, self.groups, self.stream, self.pool)
        return self.graphs[kind].replay(batch)


class _Graph:
    """A captured iteration, with the memory that it reads its batch and learning rates from.

    Graphs share the memory of a pool: what one leaves there is lost when another one runs.
    """

    def __init__(
        self, step: Step, batch: Batch, groups: list[dict[str, Any]], stream: torch.cuda.Stream, pool: Any
    ) -> None:
        self.batch, self.groups = Batch(*(tensor.clone() for tensor in batch)), groups
        self.rates = [torch.full((), group["lr"], device=batch.images.device) for group in groups]
        self.graph = torch.cuda.CUDAGraph()
        with self._capturable(), torch.cuda.graph(self.graph, pool, stream, "thread_local"):
            self.figures = step(self.batch)

    @contextmanager
    def _capturable(self) -> Iterator[None]:
        """Within, the optimisers read their learning rates from the GPU."""
        before = [{**group} for group in self.groups]
        for group, rate in zip(self.groups, self.rates, strict=True):
            group |= {"lr": rate, "capturable": True}
        try:
            yield
        finally:
            for group, usual in zip(self.groups, before, strict=True):
                group.clear()
                group |= usual

    def replay(self, batch: Batch) -> dict[str, Tensor]:
        """Run the iteration on another batch, at the learning rates that the optimisers have now."""
        for static, tensor in zip(self.batch, batch, strict=True):
            static.copy_(tensor, non_blocking=True)
        for rate, group in zip(self.rates, self.groups, strict=True):
            rate.fill_(group["lr"])
        self.graph.replay()
        return {name: value.clone() for name, value in self.figures.items()}
