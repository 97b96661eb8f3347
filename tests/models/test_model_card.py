"""The card says what was measured, and nothing that was not."""

from __future__ import annotations

from pathlib import Path

from inpaint_hub import Discriminator, Generator
from inpaint_hub.models.context_encoder import ContextEncoder
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator
from inpaint_hub.models.model_card import PLACE, address, is_edited
from inpaint_hub.training.recipes import PRESETS

FACTS = {
    "repo_id": "someone/faces",
    "dataset": "someone/portraits",
    "data_name": "someone/portraits",
    "data_terms": "CC0.",
    "command": "accelerate launch train_accelerate.py --seed 3",
    "recipe": PRESETS["paper"].to_dict(),
    "resolution": 48,
    "hole_sides": (12, 24),
    "seed": 3,
    "images_seen": 1234567,
    "hours": 1.5,
    "hardware": "1 x CPU",
    "figures": [
        {"method": "this model", "images": 17, "psnr_hole": 18.126, "ssim_hole": 0.5, "l1_hole": 0.1}
        | {"lowpass_hole": 0.05, "ssim_image": 0.9, "l1_image": 0.01}
    ],
}


def test_a_card_holds_the_facts_it_was_given(tmp_path: Path) -> None:
    Generator().save_pretrained(tmp_path, model_card_kwargs=FACTS)
    card = (tmp_path / "README.md").read_text()
    for said in (
        "library_name: inpaint-hub",
        "- someone/portraits",
        "# faces",
        'from_pretrained("someone/faces")',
        "17 images",
        "12 to 24 px a side",
        "squares of 48 px with holes of 12 to 24 px",
        "| this model | 18.13 | 0.500 | 0.1000 | 0.0500 | 0.900 | 0.0100 |",
        "CC0.",
        "1,234,567 images seen in 1.5 hours on 1 x CPU; seed 3",
        "adversarial_loss mse",
        FACTS["command"],
    ):
        assert said in card


def test_a_card_shows_figures_by_features_where_they_were_measured(tmp_path: Path) -> None:
    row = FACTS["figures"][0] | {"gradient_energy": 0.512, "feature_distance": 0.2311, "kernel_distance": -0.11}
    Generator().save_pretrained(tmp_path, model_card_kwargs=FACTS | {"figures": [row]})
    card = (tmp_path / "README.md").read_text()
    assert "| gradient energy | feature distance | kernel distance |" in card
    assert "| 0.0500 | 0.512 | 0.231 | -0.11 | 0.900 |" in card
    assert "EfficientNet-Lite0" not in card


def test_a_card_names_the_feature_network_that_the_losses_look_through(tmp_path: Path) -> None:
    Generator().save_pretrained(tmp_path, model_card_kwargs=FACTS | {"recipe": PRESETS["photos"].to_dict()})
    assert "EfficientNet-Lite0, trained on ImageNet" in (tmp_path / "README.md").read_text()


def test_a_card_says_that_holes_of_a_folder_are_as_large_as_its_masks(tmp_path: Path) -> None:
    recipe = PRESETS["paper"].replace(holes="rectangle:1, folder:1", mask_dir="masks").to_dict()
    Generator().save_pretrained(tmp_path, model_card_kwargs=FACTS | {"recipe": recipe})
    card = " ".join((tmp_path / "README.md").read_text().split())
    masks = "or, where they were from a folder of masks, as large as those (rectangle:1, folder:1). It takes images"
    assert f"holes of 12 to 24 px {masks}" in card


def test_a_card_shows_curves_and_samples_where_it_was_given_them(tmp_path: Path) -> None:
    Generator().save_pretrained(tmp_path, model_card_kwargs=FACTS | {"curves": "errors.png", "samples": None})
    assert "](errors.png)" in (tmp_path / "README.md").read_text()
    assert "](samples.png)" not in (tmp_path / "README.md").read_text()
    Generator().save_pretrained(tmp_path / "shown", model_card_kwargs=FACTS | {"samples": "samples.png"})
    assert "](samples.png)\n\n*Original" in (tmp_path / "shown" / "README.md").read_text()


def test_a_card_without_figures_says_so_and_leaves_out_what_it_does_not_know(tmp_path: Path) -> None:
    Generator().save_pretrained(tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "No figures were measured" in card
    for absent in ("## Figures", "## Training", "## Data", "None", "{{", "{%", "samples.png"):
        assert absent not in card


def test_a_discriminators_card_does_not_promise_filling(tmp_path: Path) -> None:
    Discriminator(32).save_pretrained(tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "Discriminator.from_pretrained" in card
    assert "Inpainter" not in card


def test_a_context_encoders_card_says_what_it_is(tmp_path: Path) -> None:
    ContextEncoder(image_size=32).save_pretrained(tmp_path, model_card_kwargs=FACTS)
    card = (tmp_path / "README.md").read_text()
    assert "a context encoder (D. Pathak et al. 2016" in card
    assert "17 layers" not in card
    assert "150 px" not in card


def test_a_card_knows_whether_it_was_edited() -> None:
    card = Generator().generate_model_card(repo_id="someone/faces").content
    assert not is_edited(card)
    assert not is_edited(card.replace("\n", "\r\n"))
    assert not is_edited("---\nlicense: mit\n---\n")
    for edited in (
        card + "More.",
        card.replace("someone", "another"),
        "Mine.",
        card.replace("license: apache-2.0", "license: mit"),
    ):
        assert is_edited(edited), edited[-80:]


def test_address_names_the_model_and_keeps_what_was_edited() -> None:
    card = Generator().generate_model_card().content
    assert PLACE in card
    assert 'from_pretrained("someone/faces")' in address(card, "someone/faces")
    assert not is_edited(address(card, "someone/faces"))
    assert is_edited(address(card + "More.", "someone/faces"))
    within = address(Discriminator(32).generate_model_card().content, "someone/faces", "discriminator")
    assert 'Discriminator.from_pretrained("someone/faces", subfolder="discriminator")' in within


def test_a_card_of_a_discriminator_on_features_does_not_promise_filling() -> None:
    card = FeatureDiscriminator().generate_model_card().content
    assert "from inpaint_hub.models.feature_discriminator import FeatureDiscriminator" in card
    assert "Inpainter" not in card
