"""What a visitor does on the page in a browser: open a photo, mark, fill, download; and what they see."""

from __future__ import annotations

import io
import shutil
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from page_server import LOOPBACK, PATIENCE_S, Server
from paths import ROOT
from PIL import Image
from sample_photos import photo_of

from inpaint_hub.web import text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
MARKS = [  # of every file here
    pytest.mark.browser,
    pytest.mark.timeout(3 * PATIENCE_S),
    pytest.mark.skipif(find_spec("gradio") is None, reason="the page needs gradio"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="the browser tests need playwright"),
    pytest.mark.skipif(CHROMIUM is None, reason="the browser tests need chromium"),
]
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
ENGLISH = text.column("en")


@contextmanager
def opened_page(server: Server, browser: Browser, request: pytest.FixtureRequest, **options: Any) -> Iterator[Page]:
    """The page, open in a browser.

    No request of it may leave the machine, and no script of it may fail. How it looks at the end is kept.
    """
    hosts: set[str | None] = set()
    errors: list[str] = []
    context = browser.new_context(**options)
    context.set_default_timeout(1000 * PATIENCE_S)
    context.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server.url)
    page.locator(".examples img").last.wait_for()
    yield page
    page.screenshot(path=ROOT / "screenshots" / f"{request.node.name}.png")
    context.close()
    assert hosts - {None} <= LOOPBACK, "a request left the machine"  # data: and blob: have no host
    assert not errors


def part(page: Page, name: str) -> Any:
    return page.locator(f"[data-part={name}]")


def wait_until_idle(page: Page) -> None:
    page.wait_for_function("!document.querySelector('.editor').dataset.busy")


def upload(page: Page, path: Path) -> None:
    part(page, "file").set_input_files(path)
    page.locator(".picture canvas").wait_for()
    wait_until_idle(page)


def save(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def open_new(page: Page, folder: Path, height: int = 600, width: int = 800) -> np.ndarray:
    """Open a random photo; its pixels."""
    photo = photo_of(height, width)
    upload(page, save(folder / "photo.png", photo))
    return photo


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a part of the photo, as parts of its width and height, is on the screen."""
    box = page.locator(".picture canvas").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def stroke(page: Page, start: tuple[float, float] = (0.4, 0.5), end: tuple[float, float] = (0.6, 0.5)) -> None:
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(*place(page, *end), steps=8)
    page.mouse.up()


def fill(page: Page) -> None:
    part(page, "fill").click()
    page.wait_for_selector("[data-part=download]:enabled")
    wait_until_idle(page)


def download(page: Page, name: str) -> np.ndarray:
    """The file that Download gives, which comes under that name, as an array."""
    with page.expect_download() as download:
        part(page, "download").click()
    assert download.value.suggested_filename == name
    wait_until_idle(page)
    with Image.open(download.value.path()) as picture:
        return np.array(picture)


def last_mask(server: Server) -> np.ndarray:
    """The hole (H, W) bool that the page sent last."""
    path = max(server.uploads.rglob("picture.png"), key=lambda path: path.stat().st_mtime_ns)
    with Image.open(path) as picture:
        assert picture.mode == "1"
        return np.array(picture)


def is_marked(page: Page) -> bool:
    return ENGLISH["marked"] in str(page.locator(".picture canvas").get_attribute("aria-label"))


def seen(page: Page) -> np.ndarray:
    """The canvas (H, W, 3) as it is drawn, after all that was asked for is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    address = page.evaluate("document.querySelector('.picture canvas').toDataURL()")
    with Image.open(io.BytesIO(b64decode(address.partition(",")[2]))) as picture:
        return np.array(picture.convert("RGB")).astype(int)


def drop(page: Page, selector: str, name: str, kind: str) -> None:
    """Drop a picture of 60 × 40 pixels on an element, as a browser tells it."""
    page.evaluate(
        """async ([selector, name, type]) => {
          const canvas = Object.assign(document.createElement('canvas'), {width: 60, height: 40})
          const blob = await new Promise(done => canvas.toBlob(done))
          const dataTransfer = new DataTransfer()
          dataTransfer.items.add(new File([blob], name, {type}))
          const target = document.querySelector(selector)
          for (const kind of ['dragenter', 'dragover', 'drop']) {
            const event = new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true})
            target.dispatchEvent(event)
            if (kind !== 'dragenter' && !event.defaultPrevented) throw Error('the browser would leave the page')
          }
        }""",
        [selector, name, kind],
    )


def paste(page: Page, name: str) -> None:
    """Paste a picture of 60 × 40 pixels, as a browser tells it."""
    page.evaluate(
        """async name => {
          const canvas = Object.assign(document.createElement('canvas'), {width: 60, height: 40})
          const blob = await new Promise(done => canvas.toBlob(done))
          const clipboardData = new DataTransfer()
          clipboardData.items.add(new File([blob], name, {type: 'image/png'}))
          document.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true}))
        }""",
        name,
    )


@contextmanager
def held(page: Page, address: str) -> Iterator[None]:
    """Within, requests to addresses of that pattern wait; afterwards they go on."""
    waiting: list[Any] = []
    released = False
    page.route(address, lambda route: route.continue_() if released else waiting.append(route))
    yield
    released = True
    for route in waiting:
        route.continue_()


def photo_bytes(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo_of(height, width)).save(file, "jpeg")
    return file.getvalue()
