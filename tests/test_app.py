"""The page: what the editor hands over, and the page itself as a real process, in a real browser."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image, ImageColor

from inpaint_hub import Inpainter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("gradio", reason="the page needs gradio")
import app
from app import EXAMPLES, hole_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PATIENCE_S = 240  # for a busy machine, which draws the page slowly
pytestmark = pytest.mark.timeout(3 * PATIENCE_S)
WATCH = """
import os, sys

def watch(event, args):
    if event in ("socket.getaddrinfo", "socket.connect"):
        host = args[0] if event == "socket.getaddrinfo" else args[1][0]
        with open(os.environ["WATCHED_HOSTS"], "a") as file:
            print(host.decode() if isinstance(host, bytes) else host, file=file)

sys.addaudithook(watch)
"""


def photo_of(height: int, width: int, channels: int = 4) -> np.ndarray:
    """An opaque random photo (height, width, channels) uint8."""
    photo = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    photo[..., 3:] = 255
    return photo


def layer_of(hole: np.ndarray, color: str = app.BRUSH_COLOR) -> np.ndarray:
    """What the editor hands over when `hole` (H, W) is brushed over: (H, W, 4) uint8."""
    return hole[..., None] * np.array([*ImageColor.getrgb(color), 255], dtype=np.uint8)


def some_hole(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), dtype=bool)
    hole[height // 4 : height // 2, width // 3 : width // 2] = True
    return hole


def test_what_is_brushed_over_is_the_hole() -> None:
    photo, hole = photo_of(12, 18), some_hole(12, 18)
    image, found = hole_of({"background": photo, "layers": [layer_of(hole)], "composite": None})
    assert found.dtype == bool
    assert np.array_equal(found, hole)
    assert np.array_equal(image, photo[..., :3])


def test_several_layers_add_up() -> None:
    first, second = some_hole(12, 18), some_hole(12, 18)[::-1]
    value = {"background": photo_of(12, 18), "layers": [layer_of(first), layer_of(second)]}
    assert np.array_equal(hole_of(value)[1], first | second)


@pytest.mark.parametrize("layers", [[], None, [np.zeros((12, 18, 4), dtype=np.uint8)]])
def test_nothing_brushed_over_is_an_empty_hole(layers: list[np.ndarray] | None) -> None:
    _, hole = hole_of({"background": photo_of(12, 18), "layers": layers, "composite": None})
    assert hole.shape == (12, 18)
    assert not hole.any()


def test_brushing_everything_over_is_a_hole_everywhere() -> None:
    everything = layer_of(np.ones((12, 18), dtype=bool))
    assert hole_of({"background": photo_of(12, 18), "layers": [everything]})[1].all()


@pytest.mark.parametrize(("black", "white"), [(0, 255), (127, 128), (3, 250)])
def test_an_opaque_mask_is_read_as_black_and_white(black: int, white: int) -> None:
    hole = some_hole(12, 18)
    grey = np.where(hole, white, black).astype(np.uint8)
    mask = np.stack([grey, grey, grey, np.full_like(grey, 255)], axis=2)
    assert np.array_equal(hole_of({"background": photo_of(12, 18), "layers": [mask]})[1], hole)


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    value = {"background": photo_of(12, 18), "layers": [layer_of(some_hole(12, 20))]}
    with pytest.raises(ValueError, match="mask is 20×12 but the photo is 18×12; resize"):
        hole_of(value)


@pytest.mark.parametrize("value", [None, {}, {"background": None, "layers": [], "composite": None}])
def test_no_photo_is_refused_with_a_sentence(value: dict[str, Any] | None) -> None:
    with pytest.raises(ValueError, match="no photo yet"):
        hole_of(value)


def test_a_photo_keeps_its_transparency_if_it_has_any() -> None:
    photo = photo_of(12, 18)
    photo[3, 5, 3] = 254
    image, _ = hole_of({"background": photo, "layers": []})
    assert np.array_equal(image, photo)


def test_a_model_that_is_none_ends_the_start_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "no-such-model"])
    with pytest.raises(SystemExit, match="cannot load the model 'no-such-model'"):
        app.main()


def test_the_model_comes_from_the_environment_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py"])
    monkeypatch.delenv("INPAINT_MODEL", raising=False)
    assert app.parse_args().model == "cifar10"
    monkeypatch.setenv("INPAINT_MODEL", "owner/one")
    assert app.parse_args().model == "owner/one"
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "owner/other"])
    assert app.parse_args().model == "owner/other"


def test_every_example_is_small_and_has_a_licence() -> None:
    licences = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    assert EXAMPLES
    for path in EXAMPLES:
        with Image.open(path) as picture:
            assert max(picture.size) <= 768
        assert f"`{path.name}`" in licences


class Server(NamedTuple):
    """The page as it is served: its address, where its uploads lie, and the hosts that it has asked for."""

    url: str
    uploads: Path
    hosts: Callable[[], set[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, inpainter: Inpainter) -> Iterator[Server]:
    """`python app.py` on a free port, with random weights."""
    folder = tmp_path_factory.mktemp("page")
    inpainter.generator.save_pretrained(folder / "model")
    (folder / "uploads").mkdir()
    (folder / "sitecustomize.py").write_text(WATCH)
    (folder / "hosts").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GRADIO_")},
        "INPAINT_MODEL": str(folder / "model"),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "WATCHED_HOSTS": str(folder / "hosts"),
        "PYTHONPATH": str(folder),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process, folder / "log")
        yield Server(url, folder / "uploads", lambda: set((folder / "hosts").read_text().split()))
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=PATIENCE_S):
                return
        except URLError:
            time.sleep(0.2)
    pytest.fail(f"app.py does not answer at {url}:\n{log.read_text()}")


def test_the_endpoint_fills_what_is_white_in_the_mask_and_asks_no_host(server: Server, tmp_path: Path) -> None:
    gradio_client = pytest.importorskip("gradio_client")
    photo, hole = photo_of(40, 60, channels=3), some_hole(40, 60)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.fromarray(hole).save(tmp_path / "mask.png")
    files = {name: gradio_client.handle_file(tmp_path / f"{name}.png") for name in ("photo", "mask")}
    client = gradio_client.Client(server.url, verbose=False, analytics_enabled=False, download_files=tmp_path)
    try:
        _, path = client.predict(
            {"background": files["photo"], "layers": [files["mask"]], "composite": None}, api_name="/fill"
        )
        with Image.open(path) as picture:
            result = np.array(picture)
        with pytest.raises(ValueError, match="Nothing is brushed over yet"):
            client.predict({"background": files["photo"], "layers": [], "composite": None}, api_name="/fill")
    finally:
        client.close()
    assert np.array_equal(result[~hole], photo[~hole])
    assert (result[hole] != photo[hole]).any()
    assert "127.0.0.1" in server.hosts() <= LOOPBACK


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    if CHROMIUM is None:
        pytest.skip("the browser tests need chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=[1], ids=lambda scale: f"{scale}x")
def tab(server: Server, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, open in a browser; no request of it may leave the machine."""
    hosts: set[str | None] = set()
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, device_scale_factor=request.param)
    context.set_default_timeout(1000 * PATIENCE_S)
    context.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_selector("#editor canvas")
    page.wait_for_timeout(2000)  # the canvas is there before the editor listens
    yield page
    context.close()
    assert hosts - {None} <= LOOPBACK, "a request left the machine"  # data: and blob: have no host


def upload(page: Page, path: Path) -> None:
    page.locator("#editor input[type=file]").set_input_files(path)
    wait_for_photo(page)


def wait_for_photo(page: Page) -> None:
    page.wait_for_selector('#editor button[aria-label="Brush Size"]')
    page.wait_for_timeout(1000)


def brush(page: Page) -> None:
    """One stroke from left to right across the middle of the photo."""
    box = page.locator("#editor canvas").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=12)
    page.mouse.up()
    page.wait_for_timeout(1000)


def fill(page: Page) -> np.ndarray:
    """Press Fill, wait, and download: the result as an array."""
    page.locator("#fill").click()
    page.wait_for_selector("#download:not([disabled])")
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "filled.png"
    with Image.open(download.value.path()) as picture:
        return np.array(picture)


def last_upload(server: Server, name: str) -> np.ndarray:
    """What the editor handed over last as `name`, RGBA."""
    path = max(server.uploads.rglob(name), key=lambda path: path.stat().st_mtime)
    with Image.open(path) as picture:
        return np.array(picture.convert("RGBA"))


@pytest.mark.browser
@pytest.mark.parametrize("tab", [1, 2], indirect=True, ids=lambda scale: f"{scale}x")
def test_filling_changes_what_is_brushed_over_and_not_one_byte_else(tab: Page, server: Server, tmp_path: Path) -> None:
    photo = photo_of(150, 201, channels=3)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    upload(tab, tmp_path / "photo.png")
    brush(tab)
    result = fill(tab)
    hole = last_upload(server, "layer_0.png")[..., 3] > 0
    assert hole[75, 100]
    assert hole.mean() < 0.5
    assert result.shape == photo.shape
    assert np.array_equal(result[~hole], photo[~hole])
    assert (result[hole] != photo[hole]).any()
    shown = [tab.request.get(str(image.get_attribute("src"))).body() for image in tab.locator("#result img").all()]
    for bytes_, expected in zip(shown, (photo, result), strict=True):
        assert np.array_equal(np.array(Image.open(io.BytesIO(bytes_))), expected)


@pytest.mark.browser
def test_pressing_fill_too_early_says_what_is_missing(tab: Page, tmp_path: Path) -> None:
    tab.locator("#fill").click()
    tab.get_by_test_id("toast-text").get_by_text("There is no photo yet").wait_for()
    Image.fromarray(photo_of(90, 120, channels=3)).save(tmp_path / "photo.png")
    upload(tab, tmp_path / "photo.png")
    tab.locator("#fill").click()
    tab.get_by_test_id("toast-text").get_by_text("Nothing is brushed over yet").wait_for()
    tab.wait_for_selector("#fill:not(.busy)")
    assert tab.locator("#download").is_disabled()


@pytest.mark.browser
def test_an_example_fills_the_editor(tab: Page, server: Server) -> None:
    tab.locator("#examples .gallery-item").nth(1).click()
    wait_for_photo(tab)
    brush(tab)
    result = fill(tab)
    with Image.open(EXAMPLES[1]) as picture:
        example = np.array(picture).astype(int)
    photo = last_upload(server, "background.png")[..., :3]
    assert result.shape == example.shape
    assert abs(photo - example).mean() < 1  # the browser decodes JPEG in its own way
    hole = last_upload(server, "layer_0.png")[..., 3] > 0
    assert np.array_equal(result[~hole], photo[~hole])
