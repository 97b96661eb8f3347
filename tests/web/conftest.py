"""The page that the tests call, and what they send to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import Server, served
from PIL import Image
from sample_photos import photo_of, some_hole

from inpaint_hub import Inpainter


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, inpainter: Inpainter) -> Iterator[Server]:
    """The page with random weights, which all files that run in a process share."""
    folder = tmp_path_factory.mktemp("page")
    inpainter.generator.save_pretrained(folder / "model")
    (folder / "model/README.md").write_text("---\nlicense: mit\n---\nTrained on tulips.")
    with served(folder, {"INPAINT_MODEL": str(folder / "model"), "INPAINT_QUEUE_SHARE": "0"}) as page:
        yield page


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Iterator[Any]:
    gradio_client = pytest.importorskip("gradio_client")
    made = gradio_client.Client(server.url, verbose=False, analytics_enabled=False, download_files=tmp_path / "down")
    yield made
    made.close()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """A photo and its mask, as the client takes them."""
    from gradio_client import handle_file

    Image.fromarray(photo_of(40, 60, channels=3)).save(tmp_path / "photo.png")
    Image.fromarray(some_hole(40, 60)).save(tmp_path / "mask.png")
    return {name: handle_file(tmp_path / f"{name}.png") for name in ("photo", "mask")}
