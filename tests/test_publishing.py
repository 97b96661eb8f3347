"""The folder of a published model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from inpaint_hub import Generator
from inpaint_hub.data.holes import Holes
from inpaint_hub.models.context_encoder import ContextEncoder
from inpaint_hub.models.loading import load_network
from inpaint_hub.models.networks import Discriminator, InpaintingNetwork
from inpaint_hub.publishing import card_facts, save_model
from inpaint_hub.training.history import TrainingState
from inpaint_hub.training.recipes import Recipe


def test_save_model_replaces_a_model_and_keeps_an_edited_card(tmp_path: Path) -> None:
    def save(seed: int) -> dict[str, bytes]:
        torch.manual_seed(seed)
        save_model(Generator(), Discriminator(16), {"note": f"Number {seed}.", "largest_hole": 8}, tmp_path)
        return {
            path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
        }

    first, second = save(1), save(2)
    assert (
        first.keys()
        == second.keys()
        == {"README.md", "config.json", "model.safetensors", "figures.json"}
        | {f"discriminator/{name}" for name in ("README.md", "config.json", "model.safetensors")}
    )
    assert first["model.safetensors"] != second["model.safetensors"]
    assert b"Number 2." in second["README.md"]
    (tmp_path / "README.md").write_bytes(second["README.md"] + b"My own words.")
    third = save(3)
    assert third["README.edited.md"].endswith(b"My own words.")
    assert b"Number 3." in third["README.md"]
    (tmp_path / "README.md").write_bytes(b"Another card.")
    fourth = save(4)
    assert fourth["README.edited.md"] == third["README.edited.md"]
    assert fourth["README.edited-2.md"] == b"Another card."
    assert b"Number 4." in fourth["README.md"]


@pytest.mark.parametrize("make", [Generator, ContextEncoder])
def test_save_model_knows_the_holes_that_it_was_trained_on(make: type[InpaintingNetwork], tmp_path: Path) -> None:
    planned = make((0.1, 0.2, 0.3), largest_hole=16)  # type: ignore[call-arg]
    expected = planned.settings() | {"largest_hole": 8}
    save_model(planned, Discriminator(16), {"largest_hole": 8}, tmp_path)  # of a run that ended early
    assert load_network(tmp_path).settings() == expected


def test_card_facts_show_the_pictures_that_are_there_alone(tmp_path: Path) -> None:
    args = SimpleNamespace(
        output_dir=tmp_path, show_samples=True, push_to_hub=False, hub_token=None, data_terms=None, seed=0
    )
    accelerator = SimpleNamespace(device=torch.device("cpu"), num_processes=1, mixed_precision="no")
    holes = Holes((8, 16), {"rectangle": 1})
    run: Any = SimpleNamespace(args=args, recipe=Recipe(), accelerator=accelerator, holes_at=lambda side: holes)
    assert (card_facts(run, TrainingState())["curves"], card_facts(run, TrainingState())["samples"]) == (None, None)
    for name in ("errors.png", "samples.png"):
        (tmp_path / name).touch()
    facts = card_facts(run, TrainingState())
    assert (facts["curves"], facts["samples"]) == ("errors.png", "samples.png")
