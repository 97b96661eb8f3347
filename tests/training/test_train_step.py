"""The network not being updated is left alone."""

from __future__ import annotations

import weakref
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import nn

from inpaint_hub.data.dataset import Batch
from inpaint_hub.data.holes import Holes, bounding_boxes
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator
from inpaint_hub.models.features import feature_network
from inpaint_hub.models.networks import Discriminator, Generator
from inpaint_hub.training.optim import make_optimizers
from inpaint_hub.training.recipes import PRESETS, Recipe
from inpaint_hub.training.train_step import UPDATES, Networks, clip_gradient, train_step

HOLES = Holes((8, 16), {"rectangle": 1, "strokes": 1}).batch(0, 0, 4, (32, 32))
BOXES = bounding_boxes(HOLES)
FEATURES = feature_network("lite0")


def discriminator_of(recipe: Recipe, size: int = 32) -> nn.Module:
    """The recipe's kind of discriminator, random, for images of `size` px."""
    return FeatureDiscriminator() if recipe.discriminator == "features" else Discriminator(size)


def snapshot(network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights, buffers and gradients."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    gradients = {f"gradient of {n}": w.grad.clone() for n, w in network.named_parameters() if w.grad is not None}
    return state | gradients


def changed(network: nn.Module, before: dict[str, torch.Tensor]) -> bool:
    now = snapshot(network)
    return now.keys() != before.keys() or any(not torch.equal(now[name], before[name]) for name in now)


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("updates", "moves_generator"),
    [
        (("reconstruct",), True),
        (("real", "fake"), False),
        (("real",), False),
        (("discriminate",), False),
        (("adversarial",), True),
        (("joint",), True),
    ],
)
def test_an_update_moves_its_own_network_and_leaves_the_others_weights_and_gradients(
    preset: str, updates: tuple[str, ...], moves_generator: bool, pieces: int
) -> None:
    torch.manual_seed(0)
    recipe = PRESETS[preset].replace(gradient_accumulation_steps=pieces)
    generator, discriminator = Generator(), discriminator_of(recipe)
    for weight in [*generator.parameters(), *discriminator.parameters()]:
        weight.grad = torch.zeros_like(weight)  # of the idle network, these must still be there afterwards
    before = snapshot(generator), snapshot(discriminator)
    networks = Networks(generator, discriminator, *make_optimizers(recipe, generator, discriminator), FEATURES)
    batch = Batch(torch.rand(4, 3, 32, 32), HOLES, BOXES, torch.rand(4, 8))
    errors = train_step(updates, recipe, Accelerator(cpu=True), networks, batch, log_grad_norms=True)
    assert set(updates) - {"joint", "discriminate"} <= set(errors)
    assert {f"grad_norm_{update}" for update in updates} <= set(errors)
    assert ("perceptual" in errors) == (recipe.perceptual_weight > 0 and bool({"reconstruct", "joint"} & {*updates}))
    assert changed(generator, before[0]) == moves_generator
    assert changed(discriminator, before[1]) != moves_generator


def test_the_papers_adversarial_update_judges_a_new_forward_pass() -> None:
    torch.manual_seed(0)
    generator, discriminator, recipe = Generator(), Discriminator(32), PRESETS["paper"]
    passes = []
    generator.register_forward_hook(lambda *call: passes.append(call[2].detach()))
    networks = Networks(generator, discriminator, *make_optimizers(recipe, generator, discriminator))
    batch = Batch(torch.rand(4, 3, 32, 32), HOLES, BOXES, torch.rand(4, 8))
    train_step(recipe.updates_at(0), recipe, Accelerator(cpu=True), networks, batch)
    assert len(passes) == 2
    inside = HOLES.expand_as(passes[0])
    assert not torch.equal(passes[0][inside], passes[1][inside])


def after(updates: tuple[str, ...], preset: str, pieces: int, training: bool) -> tuple[nn.Module, nn.Module]:
    """Both networks after an iteration on the same images, in plain gradient descent: the change is the gradient."""
    torch.manual_seed(0)
    recipe = PRESETS[preset].replace(gradient_accumulation_steps=pieces)
    generator, discriminator = Generator().train(training), discriminator_of(recipe, 16).train(training)
    hole = Holes((4, 8), {"rectangle": 1}).batch(0, 0, 8, (16, 16))
    descents = [[torch.optim.SGD(network.parameters(), 1.0)] for network in (generator, discriminator)]
    networks = Networks(generator, discriminator, *descents, FEATURES)
    batch = Batch(torch.rand(8, 3, 16, 16), hole, bounding_boxes(hole), torch.rand(8, 8))
    train_step(updates, recipe, Accelerator(cpu=True), networks, batch)
    return generator, discriminator


@pytest.mark.parametrize("preset", ["paper", "glcic", "photos"])
@pytest.mark.parametrize(
    "updates", [("reconstruct",), ("real", "fake"), ("discriminate",), ("adversarial",), ("joint",)]
)
def test_an_update_in_pieces_has_the_gradients_of_the_whole_batch_where_batch_norm_stands_still(
    updates: tuple[str, ...], preset: str
) -> None:
    whole, in_pieces = (after(updates, preset, pieces, training=False) for pieces in (1, 4))
    for network, other in zip(whole, in_pieces, strict=True):
        for name, weight in network.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], weight, rtol=1e-5, atol=1e-5, msg=name)


def test_updates_names_every_update_that_a_recipe_asks_for() -> None:
    asked = {
        update for preset in PRESETS.values() for share in (0.0, 0.5, 0.81, 1.0) for update in preset.updates_at(share)
    }
    assert asked <= set(UPDATES)


def test_discriminate_is_one_step_along_the_sum_of_the_gradients_of_real_and_fake() -> None:
    weights = {}
    for update in ("real", "fake", "discriminate", None):  # of pixels: on features each pass changes the spectral norm
        _, discriminator = after((update,) if update else (), "glcic", 1, training=True)
        weights[update] = torch.nn.utils.parameters_to_vector(discriminator.parameters()).detach()
    real, fake, both = (weights[update] - weights[None] for update in ("real", "fake", "discriminate"))
    torch.testing.assert_close(both, real + fake, rtol=1e-4, atol=1e-6)
    assert real.norm() > 0
    assert fake.norm() > 0


@pytest.mark.parametrize("preset", ["paper", "glcic"])  # a discriminator on features has no batch norm
def test_batch_norm_counts_each_piece_of_an_update_once(preset: str) -> None:
    generator, discriminator = after(PRESETS[preset].updates_at(1.0), preset, 4, training=True)
    passes = {"paper": 8, "glcic": 4}[preset]  # reconstruct and adversarial, or joint; `fake` adds none
    for network, count in ((generator, passes), (discriminator, 8)):
        counts = [value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")]
        assert counts
        assert all(value == count for value in counts)


class OnTape:
    """How many activations of `images` images at once autograd keeps for backward: now, and at the most."""

    def __init__(self, images: int) -> None:
        self.images = images
        self.now = self.most = 0

    def pack(self, value: torch.Tensor) -> tuple[torch.Tensor, object]:
        count = value.numel() if value.shape[:1] == (self.images,) else 0  # no weights
        self.now += count
        self.most = max(self.most, self.now)
        kept = type("Kept", (), {})()
        weakref.finalize(kept, self.release, count)
        return value, kept

    def release(self, count: int) -> None:
        self.now -= count


@pytest.mark.parametrize("preset", ["paper", "glcic", "photos"])
def test_only_one_piece_of_an_update_is_on_the_tape_at_a_time(preset: str) -> None:
    most = []
    for pieces in (1, 4):
        tape = OnTape(8 // pieces)
        with torch.autograd.graph.saved_tensors_hooks(tape.pack, lambda kept: kept[0]):
            after(PRESETS[preset].updates_at(1.0), preset, pieces, training=True)
        most.append(tape.most)
    assert 0 < most[1] <= most[0] / 4


@pytest.mark.parametrize("largest", [1e6, 1e-3])
def test_clip_gradient_with_a_loss_scale_is_as_without(largest: float) -> None:
    Accelerator(cpu=True, mixed_precision="no")  # its optimisers ask for the state that it makes
    images, holes = torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    holes[:, :, 8:20, 8:20] = True
    stepped: dict[bool, list[torch.Tensor]] = {}
    for scaled in (False, True):
        torch.manual_seed(0)
        generator, discriminator = Generator(), Discriminator(32)
        scaler = torch.amp.GradScaler("cpu", init_scale=65536.0) if scaled else None
        inner = make_optimizers(PRESETS["cifar10"], generator, discriminator)[0]  # Muon and Adam, which step in turn
        optimizers = [AcceleratedOptimizer(optimizer, scaler=scaler) for optimizer in inner]
        loss = (generator(generator.masked(images, holes)) - images).square().mean()
        (loss if scaler is None else scaler.scale(loss)).backward()
        clip_gradient(optimizers, largest, SimpleNamespace(scaler=scaler))
        for optimizer in optimizers:
            optimizer.step()
        stepped[scaled] = [weight.detach() for weight in generator.parameters()]
    for plain, scaled_weight in zip(stepped[False], stepped[True], strict=True):
        torch.testing.assert_close(scaled_weight, plain, rtol=1e-4, atol=1e-6)
