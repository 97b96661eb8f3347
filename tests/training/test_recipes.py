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


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"generator": "unet"}, "generator is 'unet'; it must be one of dilated, undilated, context-encoder"),
    ({"discriminator": "edges"}, "discriminator is 'edges'; it must be one of pixels, features"),
    (
        {"resolution_schedule": "16:100"},  # a discriminator of pixels has one size
        "resolution_schedule is '16:100'; it must be empty unless discriminator is features",
    ),
    ({"resolution": 8}, "resolution is 8; it must be 16 or more"),
    ({"generator": "context-encoder", "resolution": 48}, "resolution is 48; it must be 32, 64 or 128"),
    ({"train_batch_size": 1}, "train_batch_size is 1; it must be 2 or more, because of batch norm"),
    ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps is 0; it must be 1 to 32, half of"),
    ({"gradient_accumulation_steps": 33}, "gradient_accumulation_steps is 33; it must be 1 to 32, half of"),
    ({"num_train_epochs": 0}, "num_train_epochs is 0; it must be 1 or more"),
    ({"holes": "folder"}, "mask_dir is None; it must be given if, and only if, the kind folder is among the holes"),
    ({"mask_dir": "masks"}, "mask_dir is 'masks'; it must be given if, and only if, the kind folder is among"),
    ({"hole_min": 0}, "hole_min is 0; it must be 1 to 16, which is hole_max"),
    ({"hole_min": 20}, "hole_min is 20; it must be 1 to 16, which is hole_max"),
    ({"hole_max": 32}, "hole_max is 32; it must be below 32, which is the resolution"),
    ({"crop_min": 0.0}, "crop_min is 0.0; it must be above 0 and at most 1"),
    ({"optimizer": "sgd"}, "optimizer is 'sgd'; it must be one of adam, muon"),
    ({"learning_rate": -1.0}, "learning_rate is -1.0; it must be above 0"),
    ({"discriminator_learning_rate": 0.0}, "discriminator_learning_rate is 0.0; it must be above 0"),
    ({"adam_beta1": 1.0}, "adam_beta1 is 1.0; it must be 0 or more and below 1"),
    ({"adam_beta2": -0.1}, "adam_beta2 is -0.1; it must be 0 or more and below 1"),
    ({"lr_warmup_images": -1}, "lr_warmup_images is -1; it must be 0 or more"),
    ({"lr_decay_from": 1.5}, "lr_decay_from is 1.5; it must be 0 to 1"),
    ({"reconstruct_over": "edge"}, "reconstruct_over is 'edge'; it must be one of hole, image"),
    ({"reconstruction_loss": "l2"}, "reconstruction_loss is 'l2'; it must be one of mse, l1"),
    ({"perceptual_weight": -1.0}, "perceptual_weight is -1.0; it must be 0 or more"),
    (
        {"adversarial_loss": "wasserstein"},
        "adversarial_loss is 'wasserstein'; it must be one of mse, cross-entropy, hinge",
    ),
    ({"adversarial_weight": -1.0}, "adversarial_weight is -1.0; it must be 0 or more"),
    ({"discriminator_from": 2.0}, "discriminator_from is 2.0; it must be 0 to 1"),
    (
        {"discriminator_from": 0.2, "adversarial_from": 0.1},
        "adversarial_from is 0.1; it must be 0.2 to 1; it starts at discriminator_from",
    ),
    ({"interpolation": -0.5}, "interpolation is -0.5; it must be 0 to 1"),
    ({"ema_half_life": 0}, "ema_half_life is 0; it must be above 0"),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED)
def test_recipe_refuses_a_value_and_states_its_range_and_meaning(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match="; it must be ") as refusal:
        Recipe().replace(**change)
    name = sentence.split()[0]
    assert str(refusal.value).startswith(sentence)
    assert str(refusal.value).endswith(f" ({Recipe.__dataclass_fields__[name].metadata['help']})")


def test_recipe_refuses_wrong_values_of_every_field_that_has_a_rule() -> None:
    assert {sentence.split()[0] for _, sentence in REFUSED} == {*Recipe()._rules()}


@pytest.mark.parametrize(
    "change",
    [
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
    ],
)
def test_recipe_refuses_a_list_that_it_cannot_parse(change: dict[str, object]) -> None:
    name = [*change][-1]
    with pytest.raises(ValueError, match=f"^{name} is {change[name]!r}, and "):
        Recipe().replace(**change)


def test_a_mix_of_holes_is_read_by_kind_and_weight() -> None:
    recipe = Recipe(holes="rectangle, border: 0.5,strokes:2, folder:1e-1", mask_dir="masks")
    assert recipe.hole_mix() == {"rectangle": 1, "border": 0.5, "strokes": 2, "folder": 0.1}


def test_a_kind_that_is_none_is_answered_with_those_that_are() -> None:
    with pytest.raises(
        ValueError, match=r"'squares:2' in it is not understood; write kinds of rectangle, rectangles, border"
    ):
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
