"""Recipes: checked when made, and what they say at each point of a run."""

from __future__ import annotations

import pytest

from inpaint_hub.training.recipes import PRESETS, Recipe


@pytest.mark.parametrize("name", PRESETS)
def test_a_recipe_survives_its_dict(name: str) -> None:
    assert Recipe(**PRESETS[name].to_dict()) == PRESETS[name]


def test_the_papers_preset_makes_four_mse_updates_in_its_order_from_the_first_image_on() -> None:
    paper = PRESETS["paper"]
    assert paper.updates_at(0.0) == paper.updates_at(1.0) == ("reconstruct", "real", "fake", "adversarial")
    assert (paper.adversarial_loss, paper.reconstruct_over) == ("mse", "image")


def test_phases_follow_one_another() -> None:
    recipe = Recipe(joint=True, discriminator_from=0.5, adversarial_from=0.6)
    assert recipe.updates_at(0.49) == ("reconstruct",)
    assert recipe.updates_at(0.55) == ("discriminate",)
    assert recipe.updates_at(0.6) == ("discriminate", "joint")


def test_the_learning_rate_rises_stays_and_falls_to_zero() -> None:
    recipe = Recipe(learning_rate=0.1, lr_warmup_images=100, lr_decay_from=0.5)
    rates = [recipe.learning_rate_at(seen, 1000) for seen in (0, 49, 100, 500, 750, 1000)]
    assert rates == pytest.approx([0.001, 0.05, 0.1, 0.1, 0.05, 0.0])


def test_the_plateau_does_not_depend_on_the_length_of_the_run() -> None:
    recipe = Recipe(lr_decay_from=0.5)
    assert recipe.learning_rate_at(40_000, 100_000) == recipe.learning_rate_at(40_000, 200_000)


@pytest.mark.parametrize(
    "change",
    [
        {"hole_min": 0},
        {"hole_min": 20},
        {"hole_max": 32},
        {"train_batch_size": 1},
        {"gradient_accumulation_steps": 0},
        {"gradient_accumulation_steps": 33},  # of 64: pieces of one image
        {"optimizer": "sgd"},
        {"adversarial_from": 0.1, "discriminator_from": 0.2},
        {"learning_rate": 0.0},
        {"resolution": 8},
        {"discriminator": "edges"},
        {"reconstruction_loss": "l2"},
        {"adversarial_loss": "wasserstein"},
        {"perceptual_weight": -1.0},
        {"resolution_schedule": "16:100"},  # a discriminator on pixels has one size
        {"discriminator": "features", "resolution_schedule": "8:100"},
        {"discriminator": "features", "resolution_schedule": "16"},
        {"discriminator": "features", "resolution_schedule": "16:200, 24:100"},
        {"holes": ""},
        {"holes": "squares"},
        {"holes": "rectangle:0"},
        {"holes": "rectangle:-1"},
        {"holes": "rectangle:nan"},
        {"holes": "rectangle:many"},
        {"holes": "strokes, rectangle, strokes:2"},
        {"holes": "folder"},
        {"mask_dir": "masks"},
    ],
)
def test_a_recipe_that_cannot_be_is_refused_by_the_fields_name(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="|".join(change)):
        Recipe().replace(**change)


def test_a_mix_of_holes_is_read_by_kind_and_weight() -> None:
    recipe = Recipe(holes="rectangle, border: 0.5,strokes:2, folder:1e-1", mask_dir="masks")
    assert recipe.hole_mix() == {"rectangle": 1, "border": 0.5, "strokes": 2, "folder": 0.1}


def test_a_kind_that_is_none_is_answered_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"'squares:2' cannot be; write kinds of rectangle, rectangles, border"):
        Recipe(holes="rectangle, squares:2")


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "photos"])
def test_every_preset_has_the_plain_rectangles_of_its_paper_or_checkpoint(name: str) -> None:
    assert PRESETS[name].hole_mix() == {"rectangle": 1}


def test_resolutions_grow_with_the_images_seen_and_holes_grow_along() -> None:
    recipe = PRESETS["photos"].replace(resolution_schedule="32:1000, 64:5000")
    assert [recipe.resolution_at(seen) for seen in (0, 999, 1000, 4999, 5000, 10**9)] == [32, 32, 64, 64, 128, 128]
    assert recipe.hole_sides_at(128) == (32, 72)
    assert recipe.hole_sides_at(32) == (8, 18)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if not preset.resolution_schedule])
def test_resolution_at_is_the_recipes_own_without_a_schedule(name: str) -> None:
    recipe = PRESETS[name]
    assert {recipe.resolution_at(seen) for seen in (0, 10**6)} == {recipe.resolution}
    assert recipe.hole_sides_at(recipe.resolution) == (recipe.hole_min, recipe.hole_max)
