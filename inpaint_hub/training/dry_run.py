"""What a run would take on this machine, before it is begun."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..data.dataset import Batch
from ..hardware import seconds
from .recipes import Recipe


def estimate(
    recipe: Recipe,
    parts: dict[str, Any],
    total_images: int,
    run_updates: Callable[[tuple[str, ...], Batch], dict[str, Tensor]],
    batch_at: Callable[[int], Batch],
) -> str:
    """The recipe, the parameters, and the time and memory of a run, from a few iterations on throwaway networks."""
    ends = {end / total_images for _, end in recipe.resolutions() if end < total_images}
    edges = sorted({0.0, recipe.discriminator_from, recipe.adversarial_from, 1.0} | ends)
    lines = [f"  {name} {value}" for name, value in recipe.to_dict().items()]
    total = 0.0
    for start, end in itertools.pairwise(edges):
        updates, batch = recipe.updates_at(start), batch_at(round(start * total_images))
        each = seconds(lambda updates=updates, batch=batch: run_updates(updates, batch))  # type: ignore[misc]
        hours = each * (end - start) * total_images / recipe.train_batch_size / 3600
        total += hours
        lines.append(f"{start:.0%} to {end:.0%}: {', '.join(updates)}; {1000 * each:.0f} ms, {hours:.2f} h in all")
    for name in ("generator", "discriminator"):
        lines.append(f"{name}: {sum(weight.numel() for weight in parts[name].parameters()) / 1e6:.2f} M parameters")
    if batch.images.device.type == "cpu" and not torch.cuda.is_available():
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    else:
        memory = torch.cuda.max_memory_allocated() / 2**30
    lines.append(f"{total_images:,} images, about {total:.2f} h on this machine, validation aside; {memory:.1f} GiB")
    return "\n".join(["recipe:", *lines, "nothing was trained"])
