"""The folder of a published model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inpaint_hub import Generator
from inpaint_hub.models.context_encoder import ContextEncoder
from inpaint_hub.models.loading import load_network
from inpaint_hub.models.networks import Discriminator, InpaintingNetwork
from inpaint_hub.publishing import save_model


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
