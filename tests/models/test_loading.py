"""Which network a folder holds."""

from __future__ import annotations

from pathlib import Path

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
