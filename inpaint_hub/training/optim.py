"""The optimisers of a run, and Muon, the one for convolutions: momentum, made orthogonal before it is a step.

K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024, with the step size of
J. Liu et al., "Muon is Scalable for LLM Training", 2025 (arXiv:2502.16982, Section 2.2), which
fits learning rates made for Adam. Torch's and timm's compute in bfloat16, which processors without
it emulate hundreds of times slower; this one is float32, and spends a third of the operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..models.networks import Painter
from .recipes import Recipe

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: fast towards one, then around it
STEPS = 5


def orthogonal(matrices: Tensor) -> Tensor:
    """About the nearest matrices (N, rows, columns) with singular values near 1, by Newton-Schulz iteration.

    Each iteration is a polynomial of X Xᵀ times X, and all of them commute: so they are multiplied on
    the smaller square side, and X itself is touched twice instead of ten times. Only in float32: rounded
    to bfloat16, X Xᵀ gets eigenvalues below zero, which every iteration makes twelve times larger, and
    training breaks down once in some thousand updates.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT).mT
    matrices = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    gram = matrices @ matrices.mT
    whole = None
    a, b, c = QUINTIC
    for _ in range(STEPS):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        whole = factor if whole is None else factor @ whole
        gram = factor @ gram @ factor
    assert whole is not None
    return whole @ matrices


class Muon(torch.optim.Optimizer):
    """Muon over convolution weights (out, in, height, width), each taken as a matrix of `out` rows.

    Weights of one shape are stepped together. For all else, and for the last layer, use Adam.
    """

    def __init__(self, params: Any, lr: float = 1e-3, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step of every weight that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    shapes.setdefault(weight.shape, []).append(weight)
            for shape, weights in shapes.items():
                self._step(weights, shape, group["lr"], group["momentum"])

    def _step(self, weights: list[Tensor], shape: torch.Size, lr: float, momentum: float) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        averages = [self.state[weight].setdefault("momentum", torch.zeros_like(weight)) for weight in weights]
        torch._foreach_lerp_(averages, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, averages, momentum)  # Nesterov's
        matrices = torch.stack([direction.flatten(1) for direction in ahead])
        size = 0.2 * max(matrices.shape[1:]) ** 0.5
        for weight, direction in zip(weights, orthogonal(matrices), strict=True):
            weight.add_(direction.view(shape), alpha=-lr * size)


def optimizers(
    recipe: Recipe, generator: Painter, discriminator: torch.nn.Module
) -> tuple[list[torch.optim.Optimizer], list[torch.optim.Optimizer]]:
    """The generator's and the discriminator's: Adam; for the generator's hidden convolutions Muon, if so said."""
    betas = (recipe.adam_beta1, recipe.adam_beta2)
    of_discriminator = torch.optim.Adam(
        discriminator.parameters(), recipe.discriminator_learning_rate, betas, fused=True
    )
    if recipe.optimizer == "adam":
        return [torch.optim.Adam(generator.parameters(), recipe.learning_rate, betas, fused=True)], [of_discriminator]
    # The last layer and the vectors are Adam's, as Muon's author advises.
    last = generator.layers[-1].weight
    hidden = [weight for weight in generator.parameters() if weight.ndim == 4 and weight is not last]
    rest = [weight for weight in generator.parameters() if weight.ndim != 4 or weight is last]
    of_rest = torch.optim.Adam(rest, recipe.learning_rate, (0.9, recipe.adam_beta2), fused=True)
    return [Muon(hidden, lr=recipe.learning_rate), of_rest], [of_discriminator]
