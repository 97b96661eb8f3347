"""Weights to start from: those of the same network, and nothing silently replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inpaint_hub import Discriminator, Generator
from inpaint_hub.models.context_encoder import ContextEncoder
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator
from inpaint_hub.training.build import build_networks, weights_digest
from inpaint_hub.training.recipes import Recipe

COLOR = (0.5, 0.25, 0.125)


def test_build_networks_dilated_weights_are_refused_by_an_undilated_network(tmp_path: Path) -> None:
    Generator().save_pretrained(tmp_path)
    with pytest.raises(SystemExit, match=r"cannot start from x: it is a Generator with .*'dilated': True.*asks for a"):
        build_networks(Recipe(generator="undilated", init_from="x"), COLOR, 32, tmp_path)


@pytest.mark.parametrize("size", [32, 64])
def test_build_networks_a_context_encoder_is_refused_by_a_generator_and_by_one_of_another_size(
    size: int, tmp_path: Path
) -> None:
    ContextEncoder(image_size=size).save_pretrained(tmp_path)
    kind = "dilated" if size == 32 else "context-encoder"
    with pytest.raises(SystemExit, match="it is a ContextEncoder with"):
        build_networks(Recipe(generator=kind, init_from="x"), COLOR, 32, tmp_path)


@pytest.mark.parametrize("found", [None, Discriminator(32, local=False), Discriminator(64), FeatureDiscriminator()])
def test_build_networks_a_discriminator_that_is_not_taken_is_said(found: object, tmp_path: Path) -> None:
    Generator().save_pretrained(tmp_path)
    if found is not None:
        found.save_pretrained(tmp_path / "discriminator")  # type: ignore[attr-defined]
    notes = build_networks(Recipe(init_from="x"), COLOR, 32, tmp_path)[2]
    assert len(notes) == 1
    assert "a new one begins from random weights" in notes[0]


@pytest.mark.parametrize("features", [False, True])
def test_build_networks_takes_a_discriminator_of_the_same_kind(features: bool, tmp_path: Path) -> None:
    theirs = FeatureDiscriminator() if features else Discriminator(32)
    Generator(fill_color=(0.1, 0.1, 0.1)).save_pretrained(tmp_path)
    theirs.save_pretrained(tmp_path / "discriminator")
    recipe = Recipe(init_from="x", discriminator="features" if features else "pixels")
    generator, discriminator, notes = build_networks(recipe, COLOR, 32, tmp_path)
    assert notes == []
    assert generator.fill_color.flatten().tolist() == [*COLOR]
    weights = theirs.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in discriminator.state_dict().items())


def test_weights_digest_is_of_the_weights_wherever_they_are(tmp_path: Path) -> None:
    network = Generator()
    for name in ("one", "copy", "other"):
        (network if name != "other" else Generator()).save_pretrained(tmp_path / name)
    one, copy, other = (weights_digest(tmp_path / name) for name in ("one", "copy", "other"))
    assert one == copy != other
