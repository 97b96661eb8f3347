"""One iteration of training: its updates in the paper's order.

The only place of backward, step and zero_grad. It is handed an accelerator, and knows no accelerate.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from ..models.networks import composite, frozen
from .losses import COMPLETED, REAL, reconstruction_error, score_error, views
from .recipes import Recipe


def iterate(
    updates: tuple[str, ...],
    recipe: Recipe,
    accelerator: Any,
    generator: torch.nn.Module,
    discriminator: torch.nn.Module,
    generator_optimizers: list[torch.optim.Optimizer],
    discriminator_optimizers: list[torch.optim.Optimizer],
    image: Tensor,
    hole: Tensor,
    boxes: Tensor,
    norms: bool = False,
) -> dict[str, Tensor]:
    """One iteration's errors and scores, by name, after its updates (paper, Section IV-B, in its order).

    `discriminate` is `real` and `fake` as one update: two passes, each normalised by its own batch, and one step
    along the sum of their gradients (Iizuka et al. 2017, Algorithm 1). Of two steps with opposite targets each
    takes back most of the other.

    `image` is (N, 3, S, S) in 0..1, `hole` (N, 1, S, S) bool, `boxes` (N, 4) the box around each hole. The
    network that is not being updated keeps its weights, gradients and batch norm statistics. With
    `gradient_accumulation_steps` an update goes through the batch in as many pieces, of which only
    one is on the tape at a time, and steps once. With `norms` there is the norm of each update's
    gradient too.
    """
    image = image.contiguous(memory_format=torch.channels_last)
    # A frozen network is called without its wrapper, which would wait for gradients that never come.
    painter, judge = accelerator.unwrap_model(generator), accelerator.unwrap_model(discriminator)
    pieces, size = recipe.gradient_accumulation_steps, judge.image_size
    one_pass = "joint" in updates and pieces == 1  # serves `fake` and `joint`
    # Not its own: every hole pixel counts the same.
    hole_px = accelerator.reduce(hole.sum().float(), "mean") / pieces
    images, holes, boxes_of = image.chunk(pieces), hole.chunk(pieces), boxes.chunk(pieces)
    masked = painter.masked(image, hole).chunk(pieces)
    predictions: list[Tensor] = []  # the images that the discriminator will see as completed
    found: dict[str, Tensor] = {}  # errors, scores, norms

    def update(
        name: str,
        network: torch.nn.Module,
        optimizers: list[torch.optim.Optimizer],
        *losses: Callable[[int], Tensor],
    ) -> None:
        passes = [*itertools.product(losses, range(pieces))]
        for number, (loss_of, piece) in enumerate(passes, start=1):
            last = number == len(passes)  # the one at which processes exchange what they have summed
            with nullcontext() if last else accelerator.no_sync(network):
                accelerator.backward(loss_of(piece) / pieces)
        if norms:
            found[f"grad_norm_{name}"] = gradient_norm(optimizers, accelerator)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    # Scores are from before an update and after the other one: a discriminator that cannot tell scores `real` lower.
    def noted(name: str, value: Tensor) -> Tensor:
        share = value.detach() / pieces
        found[name] = found[name] + share if name in found else share
        return value

    def reconstruction(piece: int, prediction: Tensor) -> Tensor:
        error = reconstruction_error(prediction, images[piece], holes[piece], recipe.reconstruct_over, hole_px)
        return noted("reconstruct", error)

    def reconstruct(piece: int) -> Tensor:
        prediction = generator(masked[piece])
        predictions.append(prediction.detach())
        return reconstruction(piece, prediction)

    def real(piece: int) -> Tensor:
        score = discriminator(*views(images[piece], boxes_of[piece], size))
        error = noted("real", score_error(score, REAL, recipe.adversarial_loss))
        noted("score_real", score.mean())
        return error

    def fake(piece: int) -> Tensor:
        completed = composite(images[piece], predictions[piece].detach(), holes[piece])
        score = discriminator(*views(completed, boxes_of[piece], size))
        error = noted("fake", score_error(score, COMPLETED, recipe.adversarial_loss))
        noted("score_completed", score.mean())
        return error

    def adversarial(piece: int) -> Tensor:
        prediction = predictions[piece] if one_pass else generator(masked[piece])
        score = judge(*views(composite(images[piece], prediction, holes[piece]), boxes_of[piece], size))
        loss = recipe.adversarial_weight * noted("adversarial", score_error(score, REAL, recipe.adversarial_loss))
        return loss + reconstruction(piece, prediction) if "joint" in updates else loss

    if "reconstruct" in updates:
        update("reconstruct", generator, generator_optimizers, reconstruct)
    elif one_pass:
        predictions = [generator(masked[0])]
    else:
        with frozen(painter), torch.no_grad():
            predictions = [painter(piece) for piece in masked]
    if "real" in updates:
        update("real", discriminator, discriminator_optimizers, real)
    if "fake" in updates:
        update("fake", discriminator, discriminator_optimizers, fake)
    if "discriminate" in updates:
        update("discriminate", discriminator, discriminator_optimizers, real, fake)
    if "adversarial" in updates or "joint" in updates:
        with frozen(judge):
            update("joint" if "joint" in updates else "adversarial", generator, generator_optimizers, adversarial)
    return found


def mean_over_processes(figures: dict[str, Tensor], accelerator: Any) -> dict[str, Tensor]:
    """Scalars by name, the same on every process: so a checkpoint of one is a checkpoint of all."""
    return dict(zip(figures, accelerator.reduce(torch.stack([*figures.values()]), "mean"), strict=True))


def gradient_norm(optimizers: list[torch.optim.Optimizer], accelerator: Any) -> Tensor:
    """The norm of the gradient that the optimisers are about to follow, over all of their weights."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    gradients = [weight.grad for group in groups for weight in group["params"] if weight.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    return norm if accelerator.scaler is None else norm / accelerator.scaler.get_scale()
