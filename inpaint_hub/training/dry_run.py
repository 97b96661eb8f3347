"""Estimate the time and memory of a training run before it starts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from ..data.dataset import Batch
from ..hardware import peak_memory, shortest_seconds
from .recipes import Recipe


def estimate_run(
    recipe: Recipe,
    parts: dict[str, Any],
    total_images: int,
    iterate: Callable[[tuple[str, ...], Batch], None],
    batch_at: Callable[[int], Batch],
    *,
    warm_up: int = 0,
) -> str:
    """Estimate a run from a few iterations of each phase; the networks are not used afterwards.

    Args:
        recipe: The settings of the run.
        parts: The networks by name, `generator` and `discriminator` among them.
        total_images: The length of the run.
        iterate: Runs an iteration, given names of updates and a batch, and returns when it is done.
        batch_at: Makes the batch at a number of images seen.
        warm_up: Iterations of each kind that run before they are timed.

    Returns:
        Lines with the recipe, the time of each phase, the number of parameters, and the memory.
    """
    ends = {end / total_images for _, end in recipe.resolutions() if end < total_images}
    edges = sorted({0.0, recipe.discriminator_from, recipe.adversarial_from, 1.0} | ends)
    lines = [f"  {name} {value}" for name, value in recipe.to_dict().items()]
    total = 0.0
    for start, end in itertools.pairwise(edges):
        updates, first = recipe.updates_at(start), round(start * total_images)
        turns = []  # an update of each resolution
        for number in range(len(recipe.resolutions_at(first))):
            batch = batch_at(first + number * recipe.train_batch_size)
            for _ in range(warm_up):
                iterate(updates, batch)
            turns.append(shortest_seconds(partial(iterate, updates, batch)))
        each = sum(turns) / len(turns)
        hours = each * (end - start) * total_images / recipe.train_batch_size / 3600
        total += hours
        lines.append(f"{start:.0%} to {end:.0%}: {', '.join(updates)}; {1000 * each:.0f} ms, {hours:.2f} h in all")
    for name in ("generator", "discriminator"):
        lines.append(f"{name}: {sum(weight.numel() for weight in parts[name].parameters()) / 1e6:.2f} M parameters")
    if batch.images.device.type == "cpu" and not torch.cuda.is_available():
        memory = peak_memory() / 2**30
    else:
        memory = torch.cuda.max_memory_allocated() / 2**30
    lines.append(f"{total_images:,} images, about {total:.2f} h on this machine, validation aside; {memory:.1f} GiB")
    return "\n".join(["recipe:", *lines, "nothing was trained"])
