"""One iteration of training: its updates in the paper's order, and the losses of each.

The only place of backward, step and zero_grad. It is handed an accelerator, and knows no accelerate.
"""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..data.dataset import Batch
from ..models.feature_discriminator import SMALLEST_INPUT_PX, FeatureDiscriminator, place_weights
from ..models.features import FeatureNetwork
from ..models.networks import composite, frozen
from .losses import (
    ADVERSARIAL_LOSSES,
    enlarged_views,
    perceptual_loss,
    reconstruction_error,
    views,
    weighted_mean,
)
from .recipes import Recipe

# What each update moves, and the losses whose gradients it sums before its one step. `discriminate` is `real` and
# `fake` as one update: two passes, each normalised by its own batch (Iizuka et al. 2017, Algorithm 1). Of two steps
# with opposite targets each takes back most of the other.
UPDATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "reconstruct": ("generator", ("reconstruct",)),
    "real": ("discriminator", ("real",)),
    "fake": ("discriminator", ("fake",)),
    "discriminate": ("discriminator", ("real", "fake")),
    "adversarial": ("generator", ("adversarial",)),
    "joint": ("generator", ("joint",)),
}


@dataclass(frozen=True)
class Networks:
    """The networks of a run as accelerate wraps them, their optimisers, and the feature network if a loss needs it."""

    generator: torch.nn.Module
    discriminator: torch.nn.Module
    generator_optimizers: list[Any]
    discriminator_optimizers: list[Any]
    features: FeatureNetwork | None = None


def train_step(
    updates: tuple[str, ...],
    recipe: Recipe,
    accelerator: Any,
    networks: Networks,
    batch: Batch,
    *,
    log_grad_norms: bool = False,
) -> dict[str, Tensor]:
    """Run one iteration: its updates, in order (paper, Section IV-B).

    The network that is not being updated keeps its weights, gradients and batch norm statistics. With
    `gradient_accumulation_steps` an update goes through the batch in as many pieces, of which only one is on the tape
    at a time, and steps once.

    Args:
        updates: Names of `UPDATES`.
        recipe: The losses and their weights.
        accelerator: Accelerate's, which prepared the networks.
        networks: What is trained.
        batch: Images, holes and boxes, on the networks' device.
        log_grad_norms: Whether to compute the norm of each update's gradient too.

    Returns:
        Errors, scores and norms by name, scalars, of this process.
    """
    step = _Step(updates, recipe, accelerator, networks, batch)
    for name in updates:
        target, losses = UPDATES[name]
        with frozen(step.discriminator) if target == "generator" else nullcontext():
            step.update(name, target, losses, log_grad_norms)
    return step.found


@dataclass
class _Step:
    """One iteration under way: the pieces of its batch, and what its updates have in common."""

    updates: tuple[str, ...]
    recipe: Recipe
    accelerator: Any
    networks: Networks
    batch: Batch
    found: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A frozen network is called without its wrapper, which would wait for gradients that never come.
        self.generator: Any = self.accelerator.unwrap_model(self.networks.generator)
        self.discriminator: Any = self.accelerator.unwrap_model(self.networks.discriminator)
        self.pieces = self.recipe.gradient_accumulation_steps
        self.one_pass = "joint" in self.updates and self.pieces == 1  # serves `fake` and `joint`
        image = self.batch.images.contiguous(memory_format=torch.channels_last)
        hole = self.batch.holes
        # Not its own: every hole pixel counts the same.
        self.hole_px = self.accelerator.reduce(hole.sum().float(), "mean") / self.pieces
        self.images, self.holes = image.chunk(self.pieces), hole.chunk(self.pieces)
        self.boxes = self.batch.boxes.chunk(self.pieces)
        self.masked = self.generator.masked(image, hole).chunk(self.pieces)
        self.predictions: dict[int, Tensor] = {}  # of each piece, as the discriminator sees them
        if self.one_pass:
            self.predictions[0] = self.networks.generator(self.masked[0])
        self.seen: dict[tuple[str, int], tuple[Tensor, ...]] = {}  # what the discriminator is shown, made once

    def update(self, name: str, target: str, losses: tuple[str, ...], log_grad_norms: bool) -> None:
        """Sum the gradients of the losses over the pieces, and step once."""
        network: Any = getattr(self.networks, target)
        optimizers = getattr(self.networks, f"{target}_optimizers")
        passes = [*itertools.product(losses, range(self.pieces))]
        for number, (loss, piece) in enumerate(passes, start=1):
            last = number == len(passes)  # the one at which processes exchange what they have summed
            with nullcontext() if last else self.accelerator.no_sync(network):
                self.accelerator.backward(getattr(self, loss)(piece) / self.pieces)
        if log_grad_norms:
            self.found[f"grad_norm_{name}"] = gradient_norm(optimizers, self.accelerator)
        if self.recipe.gradient_clip:
            clip_gradient(optimizers, self.recipe.gradient_clip, self.accelerator)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    # The losses, each of one piece of the batch.

    def reconstruct(self, piece: int) -> Tensor:
        prediction = self.networks.generator(self.masked[piece])
        self.predictions[piece] = prediction.detach()
        return self._likeness(piece, prediction)

    def real(self, piece: int) -> Tensor:
        return self._judge("real", piece, self.networks.discriminator, self._see("original", piece))

    def fake(self, piece: int) -> Tensor:
        seen = tuple(x.detach() for x in self._see("completed", piece))
        return self._judge("completed", piece, self.networks.discriminator, seen)

    def adversarial(self, piece: int) -> Tensor:
        prediction = self.networks.generator(self.masked[piece])
        return self._persuade(piece, self._views(self._completed(piece, prediction), piece))

    def joint(self, piece: int) -> Tensor:
        if self.one_pass:
            prediction, seen = self._prediction(piece), self._see("completed", piece)
        else:
            prediction = self.networks.generator(self.masked[piece])
            seen = self._views(self._completed(piece, prediction), piece)
        return self._persuade(piece, seen) + self._likeness(piece, prediction, seen)

    # What they consist of.

    def _likeness(self, piece: int, prediction: Tensor, seen: tuple[Tensor, ...] | None = None) -> Tensor:
        """The reconstruction error and the weighted perceptual loss; `seen` is what `_views` gave, if known."""
        image, recipe = self.images[piece], self.recipe
        error = reconstruction_error(
            prediction, image, self.holes[piece], recipe.reconstruct_over, self.hole_px, kind=recipe.reconstruction_loss
        )
        loss = self._record("reconstruct", error)
        if recipe.perceptual_weight:
            if seen is None or not self._on_features:
                seen = self._maps(self._completed(piece, prediction), piece)
            original = self._see("original", piece) if self._on_features else self._maps(image, piece)
            loss = loss + recipe.perceptual_weight * self._record("perceptual", perceptual_loss(seen, original))
        return loss

    def _judge(self, of: str, piece: int, network: Any, seen: tuple[Tensor, ...]) -> Tensor:
        """The discriminator's error on "real" or "completed" images; `network` scores what is `seen` of them."""
        logits, weights = network(*seen), self._weights(piece, seen)
        kind = ADVERSARIAL_LOSSES[self.recipe.adversarial_loss]
        self._record(f"score_{of}", weighted_mean(logits.detach().sigmoid(), weights))
        error = weighted_mean(getattr(kind, of)(logits), weights)
        return self._record("real" if of == "real" else "fake", error)

    def _persuade(self, piece: int, seen: tuple[Tensor, ...]) -> Tensor:
        """The weighted adversarial loss of the generator, through the frozen discriminator."""
        logits = self.discriminator(*seen)
        loss = ADVERSARIAL_LOSSES[self.recipe.adversarial_loss].generator(logits)
        error = self._record("adversarial", weighted_mean(loss, self._weights(piece, seen)))
        return self.recipe.adversarial_weight * error

    def _record(self, name: str, value: Tensor) -> Tensor:
        """Add a piece's share to the figure `name`, and hand it back."""
        # Scores are from before an update and after the other one: a discriminator that can't tell scores `real` lower.
        share = value.detach() / self.pieces
        self.found[name] = self.found[name] + share if name in self.found else share
        return value

    # What is painted, and what is seen of it.

    def _prediction(self, piece: int) -> Tensor:
        """The prediction of a piece that the discriminator is shown; where no update has made it, off the tape."""
        if piece not in self.predictions:
            with frozen(self.generator), torch.no_grad():
                self.predictions[piece] = self.generator(self.masked[piece])
        return self.predictions[piece]

    def _completed(self, piece: int, prediction: Tensor) -> Tensor:
        return composite(self.images[piece], prediction, self.holes[piece])

    def _see(self, what: str, piece: int) -> tuple[Tensor, ...]:
        """What the discriminator is shown of the "original" or the "completed" images of a piece."""
        if (what, piece) not in self.seen:
            if what == "original":
                with torch.no_grad():
                    self.seen[what, piece] = self._views(self.images[piece], piece)
            else:
                self.seen[what, piece] = self._views(self._completed(piece, self._prediction(piece)), piece)
        return self.seen[what, piece]

    @property
    def _on_features(self) -> bool:
        return isinstance(self.discriminator, FeatureDiscriminator)

    def _views(self, image: Tensor, piece: int) -> tuple[Tensor, ...]:
        """Both views of the images: as they are, or their feature maps where the discriminator looks at those."""
        if self._on_features:
            return self._maps(image, piece)
        return views(image, self.boxes[piece], self.discriminator.image_size)

    def _maps(self, image: Tensor, piece: int) -> tuple[Tensor, ...]:
        """The feature maps of both views: four of the whole image, then four of the local patch."""
        assert self.networks.features is not None
        # In bf16 a CPU takes twice as long for the gradient of depthwise convolutions, a GPU half as long.
        with self.accelerator.autocast() if image.is_cuda else nullcontext():
            found = [self.networks.features(view) for view in self._enlarged(image, piece)]
        return tuple(x for maps in found for x in maps)

    def _enlarged(self, image: Tensor, piece: int) -> tuple[Tensor, ...]:
        both = enlarged_views(image, self.boxes[piece], SMALLEST_INPUT_PX)
        return both if self.recipe.local_discriminator else both[:1]

    def _weights(self, piece: int, seen: tuple[Tensor, ...]) -> Tensor | None:
        """How much each logit counts: all the same but on feature maps."""
        if not self._on_features:
            return None
        return place_weights(self._enlarged(self.holes[piece].float(), piece), seen)


def mean_over_processes(figures: dict[str, Tensor], accelerator: Any) -> dict[str, Tensor]:
    """Average scalars by name over all processes, so that a checkpoint of one is a checkpoint of all."""
    return dict(zip(figures, accelerator.reduce(torch.stack([*figures.values()]), "mean"), strict=True))


def clip_gradient(optimizers: list[Any], largest: float, accelerator: Any) -> None:
    """Scale the gradient that the optimisers are about to follow to a norm of at most `largest`."""
    if accelerator.scaler is not None:
        for optimizer in optimizers:
            accelerator.scaler.unscale_(optimizer.optimizer)
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    torch.nn.utils.clip_grad_norm_([weight for group in groups for weight in group["params"]], largest)


def gradient_norm(optimizers: list[Any], accelerator: Any) -> Tensor:
    """Compute the norm of the gradient that the optimisers are about to follow, over all of their weights."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    gradients = [weight.grad for group in groups for weight in group["params"] if weight.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    return norm if accelerator.scaler is None else norm / accelerator.scaler.get_scale()
