"""Activations that are computed twice change no gradient and no statistic."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch

from inpaint_hub import Generator
from inpaint_hub.models.context_encoder import ContextEncoder
from inpaint_hub.models.networks import InpaintingNetwork
from inpaint_hub.training.gradient_checkpointing import checkpoint_gradients


def gradients(generator: InpaintingNetwork, side: int) -> dict[str, torch.Tensor]:
    """What a training pass leaves: gradients and statistics by name."""
    torch.manual_seed(1)
    generator.train()
    generator(torch.rand(4, 4, side, side)).square().mean().backward()
    found = {name: weight.grad.clone() for name, weight in generator.named_parameters() if weight.grad is not None}
    return found | {name: value.clone() for name, value in generator.named_buffers()}


NETWORKS = [(Generator, 16), *((partial(ContextEncoder, image_size=side), side) for side in (32, 64, 128))]


@pytest.mark.parametrize(("make", "side"), NETWORKS)
def test_checkpoint_gradients_changes_no_gradient_and_no_statistic(
    make: Callable[[], InpaintingNetwork], side: int
) -> None:
    torch.manual_seed(0)
    plain, saving = make(), make()
    saving.load_state_dict(plain.state_dict())
    checkpoint_gradients(saving.layers)
    one, other = gradients(plain, side), gradients(saving, side)
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=0, atol=1e-7, msg=name)
    assert saving.state_dict().keys() == plain.state_dict().keys()


def test_checkpoint_gradients_counts_a_batch_once_on_several_gpus() -> None:
    generator = Generator()
    layers = torch.nn.SyncBatchNorm.convert_sync_batchnorm(generator.layers)  # alone it computes as BatchNorm2d does
    checkpoint_gradients(layers)
    layers(torch.rand(2, 4, 16, 16)).mean().backward()
    counts = {int(layer.num_batches_tracked) for layer in layers if isinstance(layer, torch.nn.SyncBatchNorm)}
    assert counts == {1}


def test_checkpoint_gradients_keeps_fewer_activations() -> None:
    kept: dict[bool, int] = {}
    for saving in (False, True):
        generator, sizes = Generator(), []
        if saving:
            checkpoint_gradients(generator.layers)

        def pack(x: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(x.numel())
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            generator(torch.rand(2, 4, 16, 16))
        kept[saving] = sum(sizes)
    assert kept[True] < kept[False] / 3
