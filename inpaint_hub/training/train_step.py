"""One iteration of training: its updates in the paper's order, and the losses of each.

Only this module calls backward, step and zero_grad. It is given an accelerator and does not import accelerate.
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
from . import diffaugment
from .losses import (
    ADVERSARIAL_LOSSES,
    discriminator_inputs,
    feature_network_inputs,
    perceptual_loss,
    reconstruction_error,
    weighted_mean,
)
from .recipes import Recipe

# For each update: the network it changes, and the losses whose gradients it sums before its one step. `discriminate` is
# `real` and `fake` as one update: two passes, each normalised by its own batch (Iizuka et al. 2017, Algorithm 1). Two
# steps with opposite targets would undo most of each other.
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
    """The networks of a run as accelerate prepared them, and their optimisers.

    Attributes:
        generator: The network that fills.
        discriminator: Of pixels or of features.
        generator_optimizers: Of the generator.
        discriminator_optimizers: Of the discriminator.
        features: The feature network, if a loss needs it.
    """

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
    `gradient_accumulation_steps` an update goes through the batch in that number of pieces, one at a time to save
    memory, and steps once.

    Args:
        updates: Names of `UPDATES`.
        recipe: The losses and their weights.
        accelerator: Accelerate's `Accelerator`, which prepared the networks.
        networks: The networks and their optimisers.
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
    return step.figures


@dataclass
class _Step:
    """The state of one iteration: the pieces of its batch, and what its updates share."""

    updates: tuple[str, ...]
    recipe: Recipe
    accelerator: Any
    networks: Networks
    batch: Batch
    figures: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A frozen network is called without its wrapper, which would wait for gradients.
        self.generator: Any = self.accelerator.unwrap_model(self.networks.generator)
        self.discriminator: Any = self.accelerator.unwrap_model(self.networks.discriminator)
        self.pieces = self.recipe.gradient_accumulation_steps
        self.one_pass = "joint" in self.updates and self.pieces == 1  # one forward pass for `fake` and `joint`
        image = self.batch.images.contiguous(memory_format=torch.channels_last)
        hole = self.batch.holes
        # The mean over all processes, so that every hole pixel counts the same.
        self.hole_px = self.accelerator.reduce(hole.sum().float(), "mean") / self.pieces
        self.images, self.holes = image.chunk(self.pieces), hole.chunk(self.pieces)
        self.boxes, self.draws = self.batch.boxes.chunk(self.pieces), self.batch.draws.chunk(self.pieces)
        self.masked = self.generator.masked(image, hole).chunk(self.pieces)
        self.predictions: dict[int, Tensor] = {}  # of each piece, for the discriminator
        if self.one_pass:
            self.predictions[0] = self.networks.generator(self.masked[0])
        self.inputs: dict[tuple[str, int], tuple[Tensor, ...]] = {}  # of the discriminator, made once

    def update(self, name: str, target: str, losses: tuple[str, ...], log_grad_norms: bool) -> None:
        """Sum the gradients of the losses over the pieces, and step once."""
        network: Any = getattr(self.networks, target)
        optimizers = getattr(self.networks, f"{target}_optimizers")
        passes = [*itertools.product(losses, range(self.pieces))]
        for number, (loss, piece) in enumerate(passes, start=1):
            last = number == len(passes)  # processes exchange their gradients in the last pass
            with nullcontext() if last else self.accelerator.no_sync(network):
                self.accelerator.backward(getattr(self, loss)(piece) / self.pieces)
        if log_grad_norms:
            self.figures[f"grad_norm_{name}"] = gradient_norm(optimizers, self.accelerator)
        if self.recipe.gradient_clip:
            clip_gradient(optimizers, self.recipe.gradient_clip, self.accelerator)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    # The losses, each of one piece of the batch.

    def reconstruct(self, piece: int) -> Tensor:
        prediction = self.networks.generator(self.masked[piece])
        self.predictions[piece] = prediction.detach()
        return self._reconstruction_loss(piece, prediction)

    def real(self, piece: int) -> Tensor:
        return self._discriminator_loss(
            "real", piece, self.networks.discriminator, self._discriminator_inputs("original", piece)
        )

    def fake(self, piece: int) -> Tensor:
        inputs = tuple(x.detach() for x in self._discriminator_inputs("completed", piece))
        return self._discriminator_loss("completed", piece, self.networks.discriminator, inputs)

    def adversarial(self, piece: int) -> Tensor:
        prediction = self.networks.generator(self.masked[piece])
        return self._adversarial_loss(piece, self._inputs_of(self._completed(piece, prediction), piece))

    def joint(self, piece: int) -> Tensor:
        if self.one_pass:
            prediction, inputs = self._prediction(piece), self._discriminator_inputs("completed", piece)
        else:
            prediction = self.networks.generator(self.masked[piece])
            inputs = self._inputs_of(self._completed(piece, prediction), piece)
        return self._adversarial_loss(piece, inputs) + self._reconstruction_loss(piece, prediction, inputs)

    # Their terms.

    def _reconstruction_loss(self, piece: int, prediction: Tensor, inputs: tuple[Tensor, ...] | None = None) -> Tensor:
        """The reconstruction loss and the weighted perceptual loss; `inputs` are those of `_inputs_of`, if known."""
        image, recipe = self.images[piece], self.recipe
        error = reconstruction_error(
            prediction, image, self.holes[piece], recipe.reconstruct_over, self.hole_px, kind=recipe.reconstruction_loss
        )
        loss = self._record("reconstruct", error)
        if recipe.perceptual_weight:
            if shared := self._on_features and not recipe.diffaugment:
                original = self._discriminator_inputs("original", piece)
            else:
                original = self._maps(self._feature_inputs(image, piece))
            if inputs is None or not shared:
                inputs = self._maps(self._feature_inputs(self._completed(piece, prediction), piece))
            loss = loss + recipe.perceptual_weight * self._record("perceptual", perceptual_loss(inputs, original))
        return loss

    def _discriminator_loss(self, of: str, piece: int, network: Any, inputs: tuple[Tensor, ...]) -> Tensor:
        """The discriminator's loss on "real" or "completed" images, from the inputs that `network` scores."""
        logits, weights = network(*inputs), self._place_weights(piece, inputs)
        kind = ADVERSARIAL_LOSSES[self.recipe.adversarial_loss]
        self._record(f"score_{of}", weighted_mean(logits.detach().sigmoid(), weights))
        error = weighted_mean(getattr(kind, of)(logits), weights)
        return self._record("real" if of == "real" else "fake", error)

    def _adversarial_loss(self, piece: int, inputs: tuple[Tensor, ...]) -> Tensor:
        """The weighted adversarial loss of the generator, through the frozen discriminator."""
        logits = self.discriminator(*inputs)
        loss = ADVERSARIAL_LOSSES[self.recipe.adversarial_loss].generator(logits)
        error = self._record("adversarial", weighted_mean(loss, self._place_weights(piece, inputs)))
        return self.recipe.adversarial_weight * error

    def _record(self, name: str, value: Tensor) -> Tensor:
        """Add the value of a piece to the figure `name`, and return it."""
        # The scores of `real` and `completed` are from different updates: at chance, `real` scores lower.
        share = value.detach() / self.pieces
        self.figures[name] = self.figures[name] + share if name in self.figures else share
        return value

    # Predictions, and the inputs of the discriminator.

    def _prediction(self, piece: int) -> Tensor:
        """The prediction that the discriminator scores; without gradients if no update of the generator has made it."""
        if piece not in self.predictions:
            with frozen(self.generator), torch.no_grad():
                self.predictions[piece] = self.generator(self.masked[piece])
        return self.predictions[piece]

    def _completed(self, piece: int, prediction: Tensor) -> Tensor:
        return composite(self.images[piece], prediction, self.holes[piece])

    def _discriminator_inputs(self, what: str, piece: int) -> tuple[Tensor, ...]:
        """The discriminator's inputs of the "original" or the "completed" images of a piece, made once."""
        if (what, piece) not in self.inputs:
            if what == "original":
                with torch.no_grad():
                    self.inputs[what, piece] = self._inputs_of(self.images[piece], piece)
            else:
                self.inputs[what, piece] = self._inputs_of(self._completed(piece, self._prediction(piece)), piece)
        return self.inputs[what, piece]

    @property
    def _on_features(self) -> bool:
        return isinstance(self.discriminator, FeatureDiscriminator)

    def _inputs_of(self, image: Tensor, piece: int) -> tuple[Tensor, ...]:
        """The discriminator's inputs of images: both views, or the feature maps of both."""
        if self._on_features:
            views = self._feature_inputs(image, piece)
        else:
            views = discriminator_inputs(image, self.boxes[piece], self.discriminator.image_size)
        if self.recipe.diffaugment:
            draws = self.draws[piece]
            views = tuple(diffaugment.shift(diffaugment.change_color(view, draws), draws) for view in views)
        return self._maps(views) if self._on_features else views

    def _maps(self, views: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The feature maps of views: four of the whole image, then four of the local patch."""
        assert self.networks.features is not None
        # In bf16 a CPU takes twice as long for the gradient of depthwise convolutions, a GPU half as long.
        with self.accelerator.autocast() if views[0].is_cuda else nullcontext():
            maps_of_views = [self.networks.features(view) for view in views]
        return tuple(x for maps in maps_of_views for x in maps)

    def _feature_inputs(self, image: Tensor, piece: int) -> tuple[Tensor, ...]:
        both = feature_network_inputs(image, self.boxes[piece], SMALLEST_INPUT_PX)
        return both if self.recipe.local_discriminator else both[:1]

    def _place_weights(self, piece: int, inputs: tuple[Tensor, ...]) -> Tensor | None:
        """The weights of the logits; None is equal weights."""
        if not self._on_features:
            return None
        views = self._feature_inputs(self.holes[piece].float(), piece)
        if self.recipe.diffaugment:
            views = tuple(diffaugment.shift(view, self.draws[piece]) for view in views)
        return place_weights(views, inputs)


def mean_over_processes(figures: dict[str, Tensor], accelerator: Any) -> dict[str, Tensor]:
    """Average scalars over all processes, so that all processes record the same.

    Args:
        figures: Scalars by name, on the accelerator's device.
        accelerator: Accelerate's `Accelerator`.

    Returns:
        The means by name.
    """
    return dict(zip(figures, accelerator.reduce(torch.stack([*figures.values()]), "mean"), strict=True))


def clip_gradient(optimizers: list[Any], largest: float, accelerator: Any) -> None:
    """Scale the gradient over all weights of some optimisers to a norm of at most `largest`, in place.

    Gradients keep the loss scale of fp16: accelerate's optimisers take it away, and would do so again after the first
    of them has stepped.
    """
    scale = 1.0 if accelerator.scaler is None else accelerator.scaler.get_scale()
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    torch.nn.utils.clip_grad_norm_([weight for group in groups for weight in group["params"]], largest * scale)


def gradient_norm(optimizers: list[Any], accelerator: Any) -> Tensor:
    """Compute the norm of the gradient over all weights of some optimisers.

    Args:
        optimizers: The optimisers, before they step.
        accelerator: Accelerate's `Accelerator`, whose loss scaling is undone.

    Returns:
        The norm, a scalar.
    """
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    gradients = [weight.grad for group in groups for weight in group["params"] if weight.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    return norm if accelerator.scaler is None else norm / accelerator.scaler.get_scale()
