"""The paper's tables, and the ways in which our layers differ from torch's: in speed alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from inpaint_hub.models.networks import (
    GENERATOR,
    GLOBAL,
    LOCAL,
    Branch,
    Conv2d,
    Discriminator,
    Generator,
    Layer,
    context_px,
    frozen,
    receptive_field,
)
from inpaint_hub.pretrained import locate, shipped


def parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_generator_has_the_papers_17_layers_and_607_million_parameters() -> None:
    generator = Generator()
    convolutions = [layer for layer in generator.layers if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert [layer.out_channels for layer in convolutions] == [layer.channels for layer in GENERATOR]
    assert len(convolutions) == 17
    assert round(parameters(generator) / 1e6, 2) == 6.07


@pytest.mark.parametrize(("image_size", "global_side", "local_side"), [(256, 4, 4), (32, 1, 1)])
def test_the_discriminators_halve_their_input_at_every_layer(
    image_size: int, global_side: int, local_side: int
) -> None:
    discriminator = Discriminator(image_size)
    for branch, table, side in (
        (discriminator.global_branch, GLOBAL, global_side),
        (discriminator.local_branch, LOCAL, local_side),
    ):
        full = next(layer for layer in branch.layers if isinstance(layer, nn.Linear))
        assert full.in_features == table[-1].channels * side * side
        assert full.out_features == 1024
    assert discriminator.joint.in_features == 2048


def test_a_score_is_one_number_in_0_to_1_for_each_image() -> None:
    logits = Discriminator(32)(torch.rand(3, 3, 32, 32), torch.rand(3, 3, 16, 16))
    assert logits.shape == (3, 1)
    assert logits.isfinite().all()


def test_a_discriminator_says_which_input_has_the_wrong_size() -> None:
    with pytest.raises(ValueError, match=r"patch has shape .2, 3, 32, 32., but .* takes .N, 3, 16, 16."):
        Discriminator(32)(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32))


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (32, 32), (33, 30), (5, 64)])
def test_the_generator_keeps_any_height_and_width(size: tuple[int, int]) -> None:
    prediction = Generator().eval()(torch.rand(2, 4, *size))
    assert prediction.shape == (2, 3, *size)
    assert ((prediction >= 0) & (prediction <= 1)).all()


def test_the_networks_input_holds_the_fill_color_under_the_hole_and_the_hole_as_fourth_channel() -> None:
    hole = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    hole[..., 1:3, 1:3] = True
    image = torch.rand(1, 3, 4, 4)
    masked = Generator(fill_color=(0.1, 0.2, 0.3)).masked(image, hole)
    assert torch.equal(masked[:, 3:], hole.float())
    assert torch.equal(masked[0, :3, 1, 2], torch.tensor([0.1, 0.2, 0.3]))
    assert torch.equal(masked[:, :3, 0], image[:, :, 0])


@given(
    kernel=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    dilation=st.sampled_from([1, 2, 4, 8, 16]),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
)
def test_leaving_out_taps_that_only_meet_padding_changes_nothing(
    kernel: int, stride: int, dilation: int, height: int, width: int
) -> None:
    torch.manual_seed(0)
    layer = Conv2d(3, Layer("conv", kernel, dilation, stride, 5))
    x = torch.randn(2, 3, height, width, requires_grad=True)
    mine = layer(x)
    torchs = F.conv2d(x, layer.weight, layer.bias, stride, dilation * (kernel // 2), dilation)
    torch.testing.assert_close(mine, torchs)
    direction = torch.randn_like(mine)
    for one, other in zip(
        torch.autograd.grad(mine, (x, layer.weight), direction),
        torch.autograd.grad(torchs, (x, layer.weight), direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("image_size", [16, 18, 32, 40, 64])
def test_a_branch_is_the_tables_5_by_5_convolutions_with_the_taps_that_meet_nothing_left_out(image_size: int) -> None:
    torch.manual_seed(0)
    for table, size in ((GLOBAL, image_size), (LOCAL, image_size // 2)):
        x = torch.randn(2, 3, size, size)
        for convolution in (layer for layer in Branch(table, size).layers if isinstance(layer, nn.Conv2d)):
            first = 2 - convolution.padding[0]
            whole = torch.zeros(*convolution.weight.shape[:2], 5, 5)
            taps = slice(first, first + convolution.kernel_size[0])
            whole[:, :, taps, taps] = convolution.weight.detach()
            wanted = F.conv2d(x, whole, None, 2, 2)
            torch.testing.assert_close(convolution(x), wanted)
            x = wanted


@pytest.mark.parametrize(("size", "table"), [(32, GLOBAL), (16, LOCAL)])
def test_every_layers_weight_gradient_is_right_in_bfloat16_on_dirty_memory(size: int, table: tuple[Layer, ...]) -> None:
    torch.manual_seed(0)
    branch = Branch(table, size).to(memory_format=torch.channels_last)
    x = torch.randn(8, 3, size, size).contiguous(memory_format=torch.channels_last)
    for convolution in (layer for layer in branch.layers if isinstance(layer, nn.Conv2d)):
        exact = torch.autograd.grad(convolution(x).square().sum(), convolution.weight)[0]
        dirt = [torch.full_like(convolution.weight, torch.nan, dtype=torch.bfloat16) for _ in range(3)]
        del dirt
        with torch.autocast("cpu", torch.bfloat16):
            rough = torch.autograd.grad(convolution(x).float().square().sum(), convolution.weight)[0]
        assert (rough - exact).norm() < 0.03 * exact.norm(), f"at {x.shape[2]} px"
        x = convolution(x).detach()


def test_the_receptive_field_of_the_table_is_what_a_gradient_reaches() -> None:
    generator = Generator().eval()
    with torch.no_grad():
        for layer in generator.layers:
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.weight.fill_(1 / layer.weight[0].numel())  # positive: nothing cancels, no ReLU closes
    x = torch.ones(1, 4, 4, 352, requires_grad=True)
    spans, reaches = [], []
    for column in range(176, 180):
        gradient = torch.autograd.grad(generator.layers(x)[0, 0, 0, column], x)[0]
        seen = gradient.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
        spans.append(int(seen[-1] - seen[0]) + 1)
        reaches.append(max(column - int(seen[0]), int(seen[-1]) - column))
    assert receptive_field(GENERATOR) == max(spans)
    assert max(reaches) <= context_px(GENERATOR) < max(reaches) + 4


def test_silencing_unseen_taps_changes_nothing_at_the_training_resolution() -> None:
    torch.manual_seed(0)
    generator = Generator().eval()
    x = torch.rand(1, 4, 32, 32)
    with torch.no_grad():
        before = generator(x)
        generator.zero_unreachable_weights(32)
        assert torch.equal(generator(x), before)
    outer = [layer.weight for layer in generator.layers if isinstance(layer, Conv2d) and layer.dilation[0] >= 8]
    assert [int(weight.count_nonzero()) for weight in outer] == [256 * 256] * 2  # the centre taps alone


def test_a_frozen_network_keeps_gradients_and_statistics_and_lets_gradients_through() -> None:
    discriminator = Discriminator(32)
    before = {name: value.clone() for name, value in discriminator.state_dict().items()}
    image = torch.rand(2, 3, 32, 32, requires_grad=True)
    with frozen(discriminator):
        discriminator(image, image[:, :, :16, :16]).sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert all(weight.grad is None and weight.requires_grad for weight in discriminator.parameters())
    assert all(torch.equal(value, before[name]) for name, value in discriminator.state_dict().items())
    discriminator(image, image[:, :, :16, :16])
    assert not torch.equal(
        discriminator.global_branch.layers[1].running_mean, before["global_branch.layers.1.running_mean"]
    )


def test_constructor_arguments_alone_rebuild_a_network(tmp_path: Path) -> None:
    Generator(fill_color=(0.1, 0.2, 0.3), largest_hole=24).save_pretrained(tmp_path / "generator")
    Discriminator(image_size=64).save_pretrained(tmp_path / "discriminator")
    generator = Generator.from_pretrained(tmp_path / "generator")
    assert generator.fill_color.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert generator.largest_hole == 24
    assert not generator.training
    assert Discriminator.from_pretrained(tmp_path / "discriminator").image_size == 64


def test_a_fill_color_that_no_config_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="three Python floats"):
        Generator(fill_color=np.array([0.1, 0.2, 0.3], dtype=np.float32))


def test_weights_that_are_missing_are_an_error_and_not_random(tmp_path: Path) -> None:
    Generator().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("layers.0.weight")
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match=r"layers\.0\.weight"):
        Generator.from_pretrained(tmp_path)


def test_a_name_that_is_nothing_is_told_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"no shipped model .*owner/model"):
        Generator.from_pretrained("cifar-ten")


@pytest.mark.parametrize("name", [name for name in shipped() if name != "context-encoder"])
def test_fill_color_comes_from_the_config_and_is_no_weight(name: str) -> None:
    config = json.loads(Path(locate(name), "config.json").read_text())
    generator = Generator.from_pretrained(name)
    assert generator.fill_color.flatten().tolist() == pytest.approx(config["fill_color"])
    assert not [key for key in generator.state_dict() if not key.startswith("layers.")]


@pytest.mark.parametrize("side", ["72", 72.5, 0, True])
def test_a_largest_hole_that_is_no_number_of_px_is_refused(side: Any) -> None:
    with pytest.raises(ValueError, match=r"largest_hole, in config\.json, is .*; give a whole number of px"):
        Generator(largest_hole=side)
