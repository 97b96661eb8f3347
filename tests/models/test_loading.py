"""Which network a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from inpaint_hub import Generator, Inpainter
from inpaint_hub.methods.inpainter import FixedSize
from inpaint_hub.models.context_encoder import ContextEncoder
from inpaint_hub.models.loading import load_network


def test_what_loads_a_model_tells_the_networks_apart_by_their_config(tmp_path: Path) -> None:
    ContextEncoder(image_size=32).save_pretrained(tmp_path / "encoder")
    Generator(dilated=False).save_pretrained(tmp_path / "generator")
    assert isinstance(Inpainter.from_pretrained(tmp_path / "encoder"), FixedSize)
    generator = load_network(tmp_path / "generator")
    assert isinstance(generator, Generator)
    assert {layer.dilation for layer in generator.table} == {1}
    assert not isinstance(Inpainter.from_pretrained(tmp_path / "generator"), FixedSize)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"[1, 2]", b"{", b"", b"\xff" * 40])
def test_a_folder_with_a_broken_file_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    Generator().save_pretrained(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=str(tmp_path)):
        load_network(tmp_path)


def test_a_folder_with_half_of_its_weights_is_told(tmp_path: Path) -> None:
    Generator().save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"its model.safetensors is broken .*; save or download it again"):
        load_network(tmp_path)
