"""The optimisers of a run, and Muon, an optimiser for convolutions whose steps are orthogonalized momentum.

K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024, with the step size of J. Liu et al.,
"Muon is Scalable for LLM Training", 2025 (arXiv:2502.16982, Section 2.2), which suits learning rates made for Adam.
The versions in torch and timm compute in bfloat16, which is hundreds of times slower on processors without it; this one
computes in float32, with a third of the operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..models.networks import InpaintingNetwork
from .recipes import Recipe

NEWTON_SCHULZ_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: fast towards one, then around it
NEWTON_SCHULZ_STEPS = 5


def orthogonalize(matrices: Tensor) -> Tensor:
    """Find nearly orthogonal matrices close to the given ones, by Newton-Schulz iteration.

    An iteration multiplies X by a polynomial of X Xᵀ. These polynomials commute, so they are multiplied with each other
    first, on the smaller side, and with X last. Float32 is needed: rounded to bfloat16, X Xᵀ gets negative eigenvalues,
    which every iteration enlarges twelve times, and training breaks down once in a few thousand updates.

    Args:
        matrices: (N, rows, columns) float32.

    Returns:
        Matrices of the same shape, whose singular values are near 1.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalize(matrices.mT).mT
    matrices = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    gram = matrices @ matrices.mT
    product = None
    a, b, c = NEWTON_SCHULZ_COEFFICIENTS
    for _ in range(NEWTON_SCHULZ_STEPS):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor if product is None else factor @ product
        gram = factor @ gram @ factor
    assert product is not None
    return product @ matrices


class Muon(torch.optim.Optimizer):
    """Muon for convolution weights (out, in, height, width), each of which is a matrix of `out` rows.

    Use Adam for other parameters and for the last layer, as Muon's author advises.

    Args:
        params: The weights, as of every torch optimiser.
        lr: The learning rate, of the scale of Adam's.
        momentum: The factor of Nesterov's momentum.
    """

    def __init__(self, params: Any, lr: float = 1e-3, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient; weights of one shape are updated together."""
        assert closure is None
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    shapes.setdefault(weight.shape, []).append(weight)
            for shape, weights in shapes.items():
                self._step(weights, shape, group["lr"], group["momentum"])

    def _step(self, weights: list[Tensor], shape: torch.Size, lr: Any, momentum: float) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        averages = [self.state[weight].setdefault("momentum", torch.zeros_like(weight)) for weight in weights]
        torch._foreach_lerp_(averages, gradients, 1 - momentum)
        directions = torch._foreach_lerp(gradients, averages, momentum)  # Nesterov's
        matrices = torch.stack([direction.flatten(1) for direction in directions])
        size = 0.2 * max(matrices.shape[1:]) ** 0.5
        steps = orthogonalize(matrices) * (lr * size)  # the rate may be a tensor, in a CUDA graph
        torch._foreach_sub_(weights, [step.view(shape) for step in steps])


def make_optimizers(
    recipe: Recipe, generator: InpaintingNetwork, discriminator: torch.nn.Module
) -> tuple[list[torch.optim.Optimizer], list[torch.optim.Optimizer]]:
    """Make the optimisers of both networks.

    Args:
        recipe: `optimizer`, learning rates, and Adam's betas.
        generator: The network that fills.
        discriminator: The other one.

    Returns:
        The generator's optimisers (Adam, or Muon with Adam for what Muon is not for), and the discriminator's (Adam).
    """
    betas = (recipe.adam_beta1, recipe.adam_beta2)
    discriminators = torch.optim.Adam(discriminator.parameters(), recipe.discriminator_learning_rate, betas, fused=True)
    if recipe.optimizer == "adam":
        return [torch.optim.Adam(generator.parameters(), recipe.learning_rate, betas, fused=True)], [discriminators]
    last = generator.layers[-1].weight
    hidden = [weight for weight in generator.parameters() if weight.ndim == 4 and weight is not last]
    rest = [weight for weight in generator.parameters() if weight.ndim != 4 or weight is last]
    adam = torch.optim.Adam(rest, recipe.learning_rate, (0.9, recipe.adam_beta2), fused=True)
    return [Muon(hidden, lr=recipe.learning_rate), adam], [discriminators]
