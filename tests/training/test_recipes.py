"""Recipes: checked when made, and what they say at each point of a run."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest

from inpaint_hub.training.recipes import CHOICES, PRESETS, RULES, Recipe


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
        {"discriminator": "features", "resolution_schedule": "16+8:100"},
        {"discriminator": "features", "resolution_schedule": "16+34:100"},  # larger than the images that are kept
        {"discriminator": "features", "resolution_schedule": "16+:100"},
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
    with pytest.raises(ValueError, match=r"'squares:2' does not fit; write kinds of rectangle, rectangles, border"):
        Recipe(holes="rectangle, squares:2")


@pytest.mark.parametrize("name", [name for name in PRESETS if name not in ("photos", "faces", "finetune")])
def test_every_preset_has_the_plain_rectangles_of_its_paper_or_checkpoint(name: str) -> None:
    assert PRESETS[name].hole_mix() == {"rectangle": 1}


def test_finetune_begins_with_published_weights_and_a_discriminator_that_learns_alone() -> None:
    recipe = PRESETS["finetune"]
    assert (recipe.init_from, recipe.batchnorm_frozen_from) == ("photos", 0)
    first, after = recipe.updates_at(0), recipe.updates_at(recipe.adversarial_from)
    assert (first, after) == (("discriminate",), ("discriminate", "joint"))
    assert recipe.resolutions_at(0) == recipe.resolutions_at(500_000) == (64, 128)


def test_resolutions_grow_with_the_images_seen_and_holes_grow_along() -> None:
    recipe = PRESETS["photos"].replace(resolution_schedule="32:1000, 64:5000")
    assert [recipe.resolution_at(seen) for seen in (0, 999, 1000, 4999, 5000, 10**9)] == [32, 32, 64, 64, 128, 128]
    assert recipe.hole_sides_at(128) == (32, 72)
    assert recipe.hole_sides_at(32) == (8, 18)


def test_sides_of_one_phase_take_turns_by_update() -> None:
    recipe = PRESETS["photos"].replace(resolution_schedule="64:1000, 64+96+128:5000", train_batch_size=100)
    assert [recipe.resolution_at(seen) for seen in range(800, 1500, 100)] == [64, 64, 96, 128, 64, 96, 128]
    assert recipe.resolutions_at(999) == (64,)
    assert recipe.resolutions_at(1000) == (64, 96, 128)
    assert recipe.resolutions_at(5000) == (128,)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if not preset.resolution_schedule])
def test_resolution_at_is_the_recipes_own_without_a_schedule(name: str) -> None:
    recipe = PRESETS[name]
    assert {recipe.resolution_at(seen) for seen in (0, 10**6)} == {recipe.resolution}
    assert recipe.hole_sides_at(recipe.resolution) == (recipe.hole_min, recipe.hole_max)


SENTENCES: list[tuple[dict[str, object], str]] = [
    ({"generator": "unet"}, "generator is 'unet'; it must be one of dilated, undilated, context-encoder (network to train)"),
    ({"discriminator": "edges"}, "discriminator is 'edges'; it must be one of pixels, features (input of the discriminator)"),
    ({"optimizer": "sgd"}, "optimizer is 'sgd'; it must be one of adam, muon (optimizer of the generator)"),
    ({"reconstruct_over": "all"}, "reconstruct_over is 'all'; it must be one of hole, image (pixels that the reconstruction loss is over)"),
    ({"reconstruction_loss": "l2"}, "reconstruction_loss is 'l2'; it must be one of mse, l1 (reconstruction loss)"),
    ({"adversarial_loss": "bce"}, "adversarial_loss is 'bce'; it must be one of mse, cross-entropy, hinge (adversarial loss)"),
    ({"resolution": 33}, "resolution is 33; it must be an even number of 16 or more (side of the square training images, px)"),
    ({"resolution": 14}, "resolution is 14; it must be an even number of 16 or more (side of the square training images, px)"),
    ({"resolution": 48, "generator": "context-encoder"}, "resolution is 48; it must be 32, 64 or 128 for the context encoder (side of the square training images, px)"),
    ({"resolution_schedule": "64:100", "discriminator": "features"}, "resolution_schedule is '64:100'; it must be of sides of at most --resolution: say others, or --resolution_schedule '' for that one size from the start (smaller sides at the start, each up to a number of images seen)"),
    ({"resolution_schedule": "16:100"}, "resolution_schedule is '16:100'; it must be empty unless --discriminator is features and --generator dilated or undilated, which take any size (smaller sides at the start, each up to a number of images seen)"),
    ({"train_batch_size": 1}, "train_batch_size is 1; it must be 2 or more, since batch norm needs two (images per update, over all processes and accumulation steps)"),
    ({"gradient_accumulation_steps": 33}, "gradient_accumulation_steps is 33; it must be at least 1, and at most half of --train_batch_size (pieces into which an update splits its images, to save memory; batch norm is over one piece at a time)"),
    ({"num_train_epochs": 0}, "num_train_epochs is 0; it must be 1 or more (passes over the training split)"),
    ({"mask_dir": "masks"}, "mask_dir is 'masks'; it must be given if and only if --holes has the kind folder (folder of masks, white = hole, for holes of the kind folder)"),
    ({"hole_min": 20}, "hole_min is 20; it must be at least 1, and at most --hole_max (shortest side of a rectangle, px)"),
    ({"hole_max": 32}, "hole_max is 32; it must be below --resolution: a hole is never the whole image (longest side of a rectangle, px)"),
    ({"crop_min": 0.0}, "crop_min is 0.0; it must be above 0 and at most 1 (smallest random crop, as a fraction of the short side; 1 is the centre square)"),
    ({"learning_rate": -1.0}, "learning_rate is -1.0; it must be above 0 (learning rate of the generator)"),
    ({"discriminator_learning_rate": 0.0}, "discriminator_learning_rate is 0.0; it must be above 0 (learning rate of the discriminator's Adam)"),
    ({"adam_beta1": 1.0}, "adam_beta1 is 1.0; it must be at least 0 and below 1 (first beta of both networks' Adam)"),
    ({"adam_beta2": -0.1}, "adam_beta2 is -0.1; it must be at least 0 and below 1 (second beta of both networks' Adam)"),
    ({"lr_warmup_images": -1}, "lr_warmup_images is -1; it must be 0 or more (images over which the generator's learning rate rises from zero)"),
    ({"lr_decay_from": 1.5}, "lr_decay_from is 1.5; it must be between 0 and 1 (fraction of the run from which that rate falls linearly to zero)"),
    ({"perceptual_weight": -1.0}, "perceptual_weight is -1.0; it must be 0 or more (weight of the perceptual loss; the reconstruction loss has weight 1)"),
    ({"adversarial_weight": -1.0}, "adversarial_weight is -1.0; it must be 0 or more (weight of the adversarial loss; the reconstruction loss has weight 1)"),
    ({"discriminator_from": 2.0, "adversarial_from": 1.0}, "discriminator_from is 2.0; it must be between 0 and 1 (fraction of the run from which the discriminator trains)"),
    ({"adversarial_from": 0.1, "discriminator_from": 0.2}, "adversarial_from is 0.1; it must be at least --discriminator_from, and at most 1 (fraction of the run from which the generator has the adversarial loss)"),
    ({"batchnorm_frozen_from": -0.5}, "batchnorm_frozen_from is -0.5; it must be between 0 and 1 (fraction of the run from which the generator's batch norm keeps the statistics it has, as in inference)"),
    ({"interpolation": 0.5, "batchnorm_frozen_from": 0.9}, "interpolation is 0.5; it must be 1 unless --batchnorm_frozen_from is 1: statistics that are kept are of the weights after the phase (share of the weights of after the adversarial phase in the mix with before)"),
    ({"interpolation": 2.0}, "interpolation is 2.0; it must be between 0 and 1 (share of the weights of after the adversarial phase in the mix with before)"),
    ({"gradient_clip": -1.0}, "gradient_clip is -1.0; it must be 0 or more (largest norm of an update's gradient; 0 leaves it as it is)"),
    ({"ema_half_life": 0}, "ema_half_life is 0; it must be above 0 (images after which old weights count half in the averaged generator)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "sentence"), SENTENCES, ids=lambda value: "" if isinstance(value, str) else next(iter(value))
)
def test_recipe_says_what_a_field_must_be(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Recipe().replace(**change)


WRONG: dict[str, list[object]] = {  # by the type of a field
    "str": [None, 1, True, ["hole"]],
    "str | None": [1, False, ["masks"]],
    "bool": [None, 1, 0.0, "false"],
    "int": [None, 0.5, True, "8", math.nan],
    "float": [None, True, "1e-3", [], math.nan, math.inf],
}


@pytest.mark.parametrize(
    ("name", "value"), [(field.name, value) for field in dataclasses.fields(Recipe) for value in WRONG[str(field.type)]]
)
def test_recipe_takes_values_of_a_fields_type_alone(name: str, value: object) -> None:
    kinds = "text|text, or nothing|true or false|a whole number|a number|finite"
    with pytest.raises(ValueError, match=rf"^{name} is {re.escape(repr(value))}; it must be ({kinds}) \("):
        Recipe().replace(**{name: value})


def test_recipe_every_rule_has_its_sentence_tested() -> None:
    ruled = {*CHOICES} | {name for name, _, _ in RULES}
    assert ruled == {sentence.split(" is ")[0] for _, sentence in SENTENCES}
    free = {"dataset_name", "init_from", "local_discriminator", "flip", "joint", "holes", "diffaugment"}
    assert ruled | free == {*Recipe().to_dict()}


@pytest.mark.parametrize("schedule", ["16", "a:100", "16:1.5", "8:100", "16:200, 24:100", "16:100:200", "16+:100"])
def test_a_schedule_that_does_not_fit_is_refused_with_an_example(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"resolution_schedule is .* does not fit; write sides of 16 px or more"):
        Recipe(resolution_schedule=schedule, discriminator="features")
