"""Muon: orthogonal steps, of the size that its sources give."""

from __future__ import annotations

import copy

import pytest
import torch

from inpaint_hub.training.optim import NEWTON_SCHULZ_COEFFICIENTS, NEWTON_SCHULZ_STEPS, Muon, orthogonalize


@pytest.mark.parametrize("shape", [(2, 16, 90), (2, 90, 16), (1, 24, 24)])
def test_the_iteration_on_the_small_side_is_newton_schulz_on_the_whole_matrix(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    plain, (a, b, c) = matrices / matrices.norm(dim=(1, 2), keepdim=True), NEWTON_SCHULZ_COEFFICIENTS
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = plain @ plain.mT
        plain = a * plain + (b * gram + c * gram @ gram) @ plain
    torch.testing.assert_close(orthogonalize(matrices), plain, rtol=1e-3, atol=1e-4)


def test_every_direction_of_a_step_counts_about_the_same() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(32, 200) * torch.logspace(0, -2, 32)[:, None]
    values = torch.linalg.svdvals(orthogonalize(gradient[None])[0])
    assert values.min() > 0.4
    assert values.max() < 1.4


def test_a_step_has_the_size_of_an_adam_step_and_weights_of_one_shape_do_not_mix() -> None:
    torch.manual_seed(0)
    weights = [torch.nn.Parameter(torch.zeros(16, 8, 3, 3)) for _ in range(2)]
    alone = torch.nn.Parameter(torch.zeros(16, 8, 3, 3))
    gradients = [torch.randn(16, 8, 3, 3) for _ in range(2)]
    for weight, gradient in zip([*weights, alone], [*gradients, gradients[1]], strict=True):
        weight.grad = gradient.clone()
    Muon(weights, lr=0.1).step()
    Muon([alone], lr=0.1).step()
    assert 0.01 < weights[0].square().mean().sqrt() < 0.03  # 0.2 times the rate: the RMS of Adam's steps
    torch.testing.assert_close(weights[1], alone)


def test_its_state_survives_a_save() -> None:
    def stepped(times: int, optimizer: Muon, weight: torch.nn.Parameter) -> None:
        for _ in range(times):
            weight.grad = torch.sin(weight.detach() * 3 + 1)
            optimizer.step()

    one = torch.nn.Parameter(torch.linspace(-1, 1, 72).view(2, 4, 3, 3))
    optimizer = Muon([one], lr=0.1)
    stepped(2, optimizer, one)
    other = torch.nn.Parameter(one.detach().clone())
    again = Muon([other], lr=0.5)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    stepped(2, optimizer, one)
    stepped(2, again, other)
    assert torch.equal(one, other)
