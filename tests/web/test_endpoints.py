"""What programs call: `/fill` and `/compare`, and the snippets that call them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_server import HubServer
from page_client import messages_of, number_of, opened, uploaded
from page_server import LOOPBACK, PATIENCE_S, Server, served
from PIL import Image
from sample_photos import photo_of, some_hole

from inpaint_hub import METHODS, Inpainter
from inpaint_hub.web import text

pytestmark = pytest.mark.timeout(3 * PATIENCE_S)


def test_the_endpoint_fills_what_is_white_in_the_mask_and_asks_no_host(
    server: Server, client: Any, files: dict[str, Any]
) -> None:
    photo, hole = photo_of(40, 60, channels=3), some_hole(40, 60)
    (before, after), filled, said = client.predict(**files, api_name="/fill")
    assert Path(filled).name == "photo.png"
    assert np.array_equal(opened(before), photo)
    assert np.array_equal(opened(after), opened(filled))
    assert np.array_equal(opened(filled)[~hole], photo[~hole])
    assert (opened(filled)[hole] != photo[hole]).any()
    assert f"{hole.sum()} pixels filled" in said
    assert "This page's network (model)" in said
    assert "127.0.0.1" in server.hosts() <= LOOPBACK


def test_a_mask_may_come_as_the_editors_strokes(client: Any, files: dict[str, Any]) -> None:
    strokes = {"background": None, "layers": [files["mask"]], "composite": None}
    _, filled, _ = client.predict(photo=files["photo"], strokes=strokes, method="telea", api_name="/fill")
    hole = some_hole(40, 60)
    assert np.array_equal(opened(filled)[~hole], photo_of(40, 60, channels=3)[~hole])


def test_comparing_gives_a_picture_and_a_time_for_every_method(client: Any, files: dict[str, Any]) -> None:
    pictures, said = client.predict(**files, api_name="/compare")
    captions = [picture["caption"] for picture in pictures]
    assert len(captions) + said.count("\n- ") + said.startswith("- ") == len(METHODS) + 1  # and the page's own
    assert all(re.search(r": \d+\.\d\d s$", caption) for caption in captions)
    assert any("page's network" in caption for caption in captions)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"photo": None}, "There is no photo yet"),
        ({"mask": None}, "Nothing is marked yet"),
        ({"method": "magic"}, "method is 'magic'; give one of "),
        ({"model": "../../etc"}, "is no model's name on the Hub"),
        ({"model": "tests/__pycache__/x"}, "is no model's name on the Hub"),
    ],
)
def test_what_cannot_be_filled_is_refused_with_a_sentence(
    client: Any, files: dict[str, Any], changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        client.predict(**(files | changed), api_name="/fill")


def test_a_broken_photo_and_a_page_in_its_place_are_refused_with_a_sentence(
    client: Any, files: dict[str, Any], tmp_path: Path
) -> None:
    from gradio_client import handle_file

    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    (tmp_path / "page.html").write_text("<script>alert(1)</script>")
    for name, sentence in (("broken.png", r"broken\.png is"), ("page.html", "Invalid file type|no picture")):
        with pytest.raises(ValueError, match=sentence):
            client.predict(**(files | {"photo": handle_file(tmp_path / name)}), api_name="/fill")


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture(scope="module")
def hub_page(tmp_path_factory: pytest.TempPathFactory, hub: HubServer) -> Iterator[Server]:
    """The page, whose Hub is a server on this machine."""
    folder = tmp_path_factory.mktemp("page")
    with served(folder, hub.environment(folder / "home") | {"INPAINT_MODEL": "telea"}) as page:
        yield page


def test_a_model_of_the_hub_is_loaded_with_its_progress_in_megabytes(
    hub_page: Server, hub: HubServer, inpainter: Inpainter, files: dict[str, Any], tmp_path: Path
) -> None:
    inpainter.generator.save_pretrained(tmp_path / "model")
    names = "config.json", "model.safetensors"
    hub.add("owner/model", files={name: (tmp_path / "model" / name).read_bytes() for name in names})
    data = [*(uploaded(hub_page, tmp_path / f"{name}.png") for name in ("photo", "mask")), None, "telea", "owner/model"]
    told = messages_of(hub_page, number_of(hub_page, "fill"), [*data, 0, "photo"])
    assert "Method: owner/model" in str(told)
    progress = [message["progress_data"][0] for message in told if message["msg"] == "progress"]
    loaded = [(step["index"], step["length"], step["desc"]) for step in progress if step["unit"] == "MB"]
    assert (24, 24, "Loading owner/model") in loaded


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with the files that the snippets name."""
    Image.fromarray(photo_of(40, 60)).save(tmp_path / "photo.jpg")
    Image.fromarray(some_hole(40, 60)).save(tmp_path / "mask.png")
    return tmp_path


def test_snippets_python_runs_as_it_stands(server: Server, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    names: dict[str, Any] = {}
    exec(text.SNIPPETS["Python"].replace("ADDRESS", server.url), names)
    names["client"].close()
    assert Path(names["filled"]).name == "photo.jpg"
    assert len(names["pictures"]) > 1


@pytest.mark.skipif(not shutil.which("curl"), reason="the snippet needs curl")
def test_snippets_curl_runs_as_it_stands(server: Server, pictures: Path) -> None:
    command = text.SNIPPETS["curl"].replace("ADDRESS", server.url)
    subprocess.run(["bash", "-euc", command], cwd=pictures, check=True, timeout=PATIENCE_S)
    with Image.open(pictures / "filled.jpg") as picture:
        assert picture.size == (60, 40)


@pytest.mark.skipif(not shutil.which("node"), reason="outside a browser the snippet needs Node")
def test_snippets_javascript_runs_as_it_stands(server: Server, pictures: Path) -> None:
    use = """
    const fs = require("fs"), read = name => new File([fs.readFileSync(name)], name)
    fill(read("photo.jpg"), read("mask.png")).then(blob => blob.arrayBuffer())
      .then(bytes => fs.writeFileSync("filled.jpg", Buffer.from(bytes)))"""
    code = text.SNIPPETS["JavaScript"].replace("ADDRESS", server.url) + use
    subprocess.run(["node", "-e", code], cwd=pictures, check=True, timeout=PATIENCE_S)
    with Image.open(pictures / "filled.jpg") as picture:
        assert picture.size == (60, 40)
