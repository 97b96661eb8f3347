"""Make the README's animated picture: drive the page in Chromium, and record what it shows.

    python benchmarks/page_animation.py

A photo is opened, a person is brushed over, Fill removes them, and the result is compared with the original. Every
frame is a screenshot; only the mouse pointer is drawn on it. The time of the fill, which the page states, is not shown
in full.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image, ImageDraw

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "examples" / "spiral-stairs-person.jpg"
# The strokes over the person, in px of the photo, and the brush's size in px of the screen.
STROKES = (
    ((207, 170), (211, 185), (215, 200), (218, 215), (222, 230), (226, 242)),
    ((236, 168), (242, 182), (248, 196), (254, 212), (258, 226), (260, 240)),
    ((222, 250), (223, 264), (224, 278), (223, 292), (222, 300)),
)
BRUSH_PX = 60
WINDOW = {"width": 1000, "height": 720}
WIDTH_PX = 800  # of the animated picture
WAIT_S = 600  # for a busy machine
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


@contextmanager
def served_page() -> Iterator[str]:
    """Serve the page on a free port, and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "INPAINT_TIME_LIMIT": str(WAIT_S)}
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + WAIT_S
    try:
        while True:
            try:
                urlopen(url, timeout=WAIT_S).close()
                break
            except URLError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(WAIT_S)


class Recorder:
    """The frames of the animation, with the time that each is shown."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.milliseconds: list[int] = []
        self.mouse = (WINDOW["width"] / 2, WINDOW["height"] / 2)

    def move(self, x: float, y: float) -> None:
        """Move the mouse, in px of the screen."""
        self.page.mouse.move(x, y)
        self.mouse = (x, y)

    def shoot(self, milliseconds: int) -> None:
        """Record what the page shows now."""
        frame = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        x, y = self.mouse
        arrow = [(x, y), (x, y + 19), (x + 5, y + 14), (x + 13, y + 14)]
        ImageDraw.Draw(frame).polygon(arrow, fill="white", outline="black")
        height = WIDTH_PX * frame.height // frame.width
        self.frames.append(frame.resize((WIDTH_PX, height), Image.Resampling.LANCZOS))
        self.milliseconds.append(milliseconds)


def part(page: Any, name: str) -> Any:
    """Find a part of the page by its name."""
    return page.locator(f"[data-part={name}]")


def centre(page: Any, name: str) -> tuple[float, float]:
    """Find the centre of a part on the screen."""
    box = part(page, name).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def record(page: Any) -> Recorder:
    """Open the photo, brush over the person, fill, and compare."""
    recorder = Recorder(page)
    recorder.move(*centre(page, "open"))
    recorder.shoot(1400)
    part(page, "file").set_input_files(PHOTO)
    page.locator(".picture canvas").wait_for()
    wait_until_idle(page)
    part(page, "size").evaluate("(slider, px) => { slider.value = px; slider.oninput(); slider.onblur() }", BRUSH_PX)
    box = page.locator(".picture canvas").bounding_box()
    with Image.open(PHOTO) as photo:
        scale = box["width"] / photo.width
    recorder.move(box["x"] + STROKES[0][0][0] * scale - 80, box["y"] + STROKES[0][0][1] * scale - 60)
    recorder.shoot(1200)
    for stroke in STROKES:
        recorder.move(*(corner + scale * value for corner, value in zip((box["x"], box["y"]), stroke[0], strict=True)))
        page.mouse.down()
        for x, y in stroke:
            recorder.move(box["x"] + scale * x, box["y"] + scale * y)
            recorder.shoot(90)
        page.mouse.up()
    recorder.shoot(600)
    recorder.move(*centre(page, "fill"))
    recorder.shoot(500)
    page.mouse.down()
    page.mouse.up()
    recorder.shoot(300)
    wait_until_filled(page)
    recorder.move(WINDOW["width"] - 60, WINDOW["height"] - 60)
    recorder.shoot(2000)
    recorder.move(*centre(page, "before"))
    page.mouse.down()
    recorder.shoot(1000)
    page.mouse.up()
    recorder.shoot(2200)
    return recorder


def opened_page(browser: Any, url: str) -> Any:
    """Open the page in a new tab."""
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(1000 * WAIT_S)
    page.goto(url)
    page.locator(".examples img").last.wait_for()
    return page


def load_the_method(page: Any) -> None:
    """Fill an example, so that the server has loaded the method before the recording."""
    page.locator(".examples button").first.click()
    page.locator(".picture canvas").wait_for()
    wait_until_idle(page)
    part(page, "fill").click()
    wait_until_filled(page)


def wait_until_filled(page: Any) -> None:
    """Wait until a fill is shown."""
    page.wait_for_selector("[data-part=download]:enabled", timeout=1000 * WAIT_S)
    wait_until_idle(page)


def wait_until_idle(page: Any) -> None:
    """Wait until the page has done what it was asked for."""
    page.wait_for_function("!document.querySelector('.editor').dataset.busy", timeout=1000 * WAIT_S)


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "page.webp")
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with served_page() as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        load_the_method(opened_page(browser, url))
        recorder = record(opened_page(browser, url))
        browser.close()
    first, *others = recorder.frames
    first.save(
        args.output, save_all=True, append_images=others, duration=recorder.milliseconds, loop=0, quality=80, method=6
    )
    print(f"{args.output}: {len(recorder.frames)} frames, {args.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
