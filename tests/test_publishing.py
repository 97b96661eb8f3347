"""The folder of a published model."""

from __future__ import annotations

from pathlib import Path

import torch

from inpaint_hub import Generator
from inpaint_hub.models.networks import Discriminator
from inpaint_hub.publishing import save_model


def test_save_model_replaces_a_model_and_keeps_an_edited_card(tmp_path: Path) -> None:
    def save(seed: int) -> dict[str, bytes]:
        torch.manual_seed(seed)
        save_model(Generator(), Discriminator(16), {"note": f"Number {seed}."}, tmp_path)
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
