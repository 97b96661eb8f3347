"""The page in a real browser: on a desktop and on a phone, by mouse, touch and keyboard."""

from __future__ import annotations

import io
import re
import shutil
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from page_server import LOOPBACK, PATIENCE_S, Server, free_port, served
from paths import ROOT
from PIL import ExifTags, Image, ImageOps
from sample_photos import photo_of, some_hole

from inpaint_hub.methods import DEFAULT
from inpaint_hub.web import text

pytest.importorskip("gradio", reason="the page needs gradio")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

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
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
ENGLISH = text.column("en")
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.jpg"))
pytestmark = [pytest.mark.browser, pytest.mark.timeout(3 * PATIENCE_S)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"INPAINT_MODEL": "telea", "INPAINT_MAX_MEGAPIXELS": "13", "INPAINT_MAX_UPLOAD_MB": "20"}
    with served(tmp_path_factory.mktemp("page"), settings | {"INPAINT_QUEUE_SHARE": "0"}) as page:
        yield page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    if CHROMIUM is None:
        pytest.skip("the browser tests need chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


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


@pytest.fixture
def tab(server: Server, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened_page(server, chromium, request, **DESKTOP) as page:
        yield page


@pytest.fixture(params=["light", "dark"])
def phone(server: Server, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened_page(server, chromium, request, **PHONE, color_scheme=request.param) as page:
        yield page
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]


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


class Fingers:
    """Touches on a phone's screen."""

    def __init__(self, page: Page) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:
        self.touch("touchStart", start)
        for step in range(1, steps + 1):
            part = step / steps
            self.touch("touchMove", (start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])))
        self.touch("touchEnd")


# ---- filling


def test_fill_changes_what_is_brushed_and_not_one_byte_else(tab: Page, server: Server, tmp_path: Path) -> None:
    sent: list[tuple[str, int]] = []
    tab.on(
        "request",
        lambda request: sent.append((urlsplit(request.url).path, int(request.headers.get("content-length", 0)))),
    )
    photo = open_new(tab, tmp_path, 900, 1206)
    uploads = [path for path, _ in sent if path.endswith("/upload")]
    assert len(uploads) == 1, "the photo goes up once"
    sent.clear()
    stroke(tab)
    assert not sent, "a stroke alone sends nothing"
    fill(tab)
    assert len([path for path, _ in sent if path.endswith("/upload")]) == 1, "only the mask goes up"
    hole = last_mask(server)
    assert hole.shape == photo.shape[:2]
    assert hole[450, 603]
    assert hole.mean() < 0.2
    result = download(tab, "photo.png")
    assert np.array_equal(result[~hole], photo[~hole])
    assert (result[hole] != photo[hole]).any()


def test_fill_goes_on_from_the_result_and_every_fill_is_exact(tab: Page, server: Server, tmp_path: Path) -> None:
    photo = open_new(tab, tmp_path)
    uploads: list[str] = []
    tab.on("request", lambda request: uploads.extend([request.url] * request.url.endswith("/upload")))
    changed = np.zeros(photo.shape[:2], dtype=bool)
    for x in (0.3, 0.6):
        stroke(tab, (x, 0.3), (x + 0.1, 0.3))
        fill(tab)
        wait_until_idle(tab)
        changed |= last_mask(server)
    result = download(tab, "photo.png")
    assert np.array_equal(result[~changed], photo[~changed])
    assert len(uploads) == 2, "one mask for each fill"
    part(tab, "undo").click()  # the second fill
    assert is_marked(tab)
    result = download(tab, "photo.png")
    assert np.array_equal(result[last_mask(server)], photo[last_mask(server)])


@pytest.mark.parametrize("options", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_example_is_filled_with_two_gestures_and_no_scrolling(
    server: Server, chromium: Browser, request: pytest.FixtureRequest, options: dict[str, Any]
) -> None:
    with opened_page(server, chromium, request, **options) as page:
        page.locator(".examples button").last.click()
        page.locator(".picture canvas").wait_for()
        assert is_marked(page)
        for name in ("fill", "download"):
            box = part(page, name).bounding_box()
            assert box is not None
            assert 0 <= box["y"] <= options["viewport"]["height"] - box["height"]
        part(page, "fill").click()
        page.wait_for_selector("[data-part=download]:enabled")
        assert page.evaluate("scrollY") == 0


def test_fill_and_download_stay_in_sight_for_a_tall_photo_on_a_phone(phone: Page, tmp_path: Path) -> None:
    open_new(phone, tmp_path, 1600, 500)
    for top in (0, 300):
        phone.evaluate(f"scrollTo(0, {top})")
        for name in ("fill", "download"):
            box = part(phone, name).bounding_box()
            assert box is not None
            assert 0 <= box["y"] <= 844 - box["height"]


def test_fill_too_early_says_what_is_missing(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path, 32, 32)
    part(tab, "fill").click()
    tab.get_by_role("alert").get_by_text(ENGLISH["no_hole"]).wait_for()
    wait_until_idle(tab)
    assert part(tab, "download").is_disabled()


def test_fill_after_each_stroke_stays_chosen(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    part(tab, "more").locator("summary").click()
    part(tab, "auto").check()
    tab.reload()
    tab.locator(".examples img").last.wait_for()
    open_new(tab, tmp_path)
    stroke(tab)
    tab.wait_for_selector("[data-part=download]:enabled")


def test_fill_can_be_stopped(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path, 1500, 1500)
    tab.keyboard.press("r")
    stroke(tab, (0.02, 0.02), (0.98, 0.98))
    part(tab, "method").select_option("biharmonic")  # takes minutes
    part(tab, "fill").click()
    tab.get_by_role("button", name=ENGLISH["stop"]).click()
    wait_until_idle(tab)
    part(tab, "method").select_option("telea")
    part(tab, "undo").click()
    stroke(tab, (0.5, 0.5), (0.52, 0.52))
    fill(tab)


def test_fill_of_the_same_hole_again_takes_another_method(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    fill(tab)
    part(tab, "method").select_option("navier-stokes")
    part(tab, "fill").click()
    tab.get_by_role("status").get_by_text(text.METHOD_TITLES["navier-stokes"][0]).wait_for()


# ---- marking


def test_undo_takes_a_stroke_and_the_next_one_is_filled_where_it_is(tab: Page, server: Server, tmp_path: Path) -> None:
    photo = open_new(tab, tmp_path, 500, 500)  # square: nothing but the place tells one from the other
    stroke(tab, (0.1, 0.1), (0.2, 0.1))
    tab.keyboard.press("Control+z")
    assert not is_marked(tab)
    stroke(tab, (0.7, 0.8), (0.8, 0.8))
    fill(tab)
    hole = last_mask(server)
    assert hole[400, 375]
    assert not hole[50, 75]
    result = download(tab, "photo.png")
    assert np.array_equal(result[~hole], photo[~hole])


def test_undo_and_redo_go_through_strokes_and_fills_by_keys_and_buttons(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    before = seen(tab)
    stroke(tab)
    marked = seen(tab)
    fill(tab)
    filled = seen(tab)
    tab.keyboard.press("Control+z")
    assert np.array_equal(seen(tab), marked)
    part(tab, "undo").click()
    assert np.array_equal(seen(tab), before)
    assert part(tab, "undo").is_disabled()
    tab.keyboard.press("Control+Shift+z")
    assert np.array_equal(seen(tab), marked)
    part(tab, "redo").click()
    assert np.array_equal(seen(tab), filled)
    assert part(tab, "redo").is_disabled()


def test_eraser_takes_away_what_was_marked(tab: Page, server: Server, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab, (0.3, 0.5), (0.7, 0.5))
    tab.keyboard.press("e")
    stroke(tab, (0.45, 0.5), (0.55, 0.5))
    fill(tab)
    hole = last_mask(server)
    assert hole[300, 250]
    assert not hole[300, 400]


@pytest.mark.parametrize("tool", ["rectangle", "lasso"])
def test_rectangle_and_lasso_mark_an_area(tab: Page, server: Server, tmp_path: Path, tool: str) -> None:
    open_new(tab, tmp_path)
    tab.get_by_role("button", name=ENGLISH[tool]).click()
    corners = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
    tab.mouse.move(*place(tab, *corners[0]))
    tab.mouse.down()
    for corner in corners[1:] if tool == "lasso" else corners[2:3]:
        tab.mouse.move(*place(tab, *corner), steps=5)
    tab.mouse.up()
    fill(tab)
    hole = last_mask(server)
    assert abs(hole.mean() - 0.25) < 0.01
    assert hole[155:445, 205:595].all()


def test_the_cursor_is_as_large_as_what_it_marks(tab: Page, server: Server, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    for key in "]]]]":
        tab.keyboard.press(key)
    tab.mouse.move(*place(tab, 0.5, 0.5))
    tab.mouse.wheel(0, -100)
    cursor, canvas = tab.locator(".cursor").bounding_box(), tab.locator(".picture canvas").bounding_box()
    assert cursor is not None
    assert canvas is not None
    tab.mouse.down()
    tab.mouse.up()
    fill(tab)
    hole = last_mask(server)
    diameter = hole.any(axis=0).sum() * canvas["width"] / 800
    assert abs(diameter - cursor["width"]) < 4
    assert cursor["width"] > 50


def test_a_stroke_released_outside_ends(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    tab.mouse.move(*place(tab, 0.5, 0.5))
    tab.mouse.down()
    tab.mouse.move(5, 5, steps=5)
    tab.mouse.up()
    after = seen(tab)
    tab.mouse.move(*place(tab, 0.5, 0.9), steps=5)
    assert np.array_equal(seen(tab), after)
    tab.keyboard.press("Control+z")
    assert part(tab, "undo").is_disabled(), "it was one stroke"


def test_wheel_and_keys_zoom_and_a_stroke_is_where_it_was_made(tab: Page, server: Server, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    whole = seen(tab)
    tab.mouse.move(*place(tab, 0.75, 0.25))
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -300)
    tab.keyboard.up("Control")
    tab.keyboard.press("+")
    assert not np.array_equal(seen(tab), whole)
    tab.mouse.down()
    tab.mouse.up()
    tab.keyboard.press("0")
    fill(tab)
    rows, columns = np.nonzero(last_mask(server))
    assert abs(rows.mean() - 150) < 60
    assert abs(columns.mean() - 600) < 80
    assert np.ptp(columns) < 16, "near, the brush marks less of the photo"


def test_select_marks_the_object_within_a_loose_outline(tab: Page, server: Server, tmp_path: Path) -> None:
    photo = np.full((400, 400, 3), 220, dtype=np.uint8)
    photo += np.random.default_rng(0).integers(0, 12, photo.shape, dtype=np.uint8)
    photo[150:250, 150:250] = (180, 20, 30)
    upload(tab, save(tmp_path / "photo.png", photo))
    tab.keyboard.press("s")
    outline = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7)]
    tab.mouse.move(*place(tab, *outline[0]))
    tab.mouse.down()
    for corner in outline[1:]:
        tab.mouse.move(*place(tab, *corner), steps=4)
    tab.mouse.up()
    tab.wait_for_selector("[data-part=undo]:enabled")
    wait_until_idle(tab)
    assert is_marked(tab), "it is shown before it is filled"
    fill(tab)
    hole = last_mask(server)
    assert hole[150:250, 150:250].all()
    assert hole.sum() < 120**2


# ---- fingers


def test_a_finger_paints_on_a_phone(phone: Page, server: Server, tmp_path: Path) -> None:
    photo = open_new(phone, tmp_path)
    Fingers(phone).drag(place(phone, 0.3, 0.5), place(phone, 0.7, 0.5))
    fill(phone)
    hole = last_mask(server)
    assert hole[300, 400]
    result = download(phone, "photo.png")
    assert np.array_equal(result[~hole], photo[~hole])


def test_two_fingers_zoom_and_never_paint(phone: Page, tmp_path: Path) -> None:
    open_new(phone, tmp_path)
    whole, fingers = seen(phone), Fingers(phone)
    (x, y) = place(phone, 0.5, 0.5)
    fingers.touch("touchStart", (x - 20, y))
    fingers.touch("touchStart", (x - 20, y), (x + 20, y))
    for apart in range(25, 100, 10):
        fingers.touch("touchMove", (x - apart, y), (x + apart, y))
    fingers.touch("touchEnd", (x - 95, y))
    fingers.touch("touchMove", (x - 60, y + 20))  # the finger that is left does not paint
    fingers.touch("touchEnd")
    assert not is_marked(phone)
    assert part(phone, "undo").is_disabled()
    assert not np.array_equal(seen(phone), whole)
    assert phone.evaluate("visualViewport.scale") == 1, "the page itself is not zoomed"


def test_a_pinch_in_the_middle_of_a_stroke_ends_it_there(phone: Page, server: Server, tmp_path: Path) -> None:
    open_new(phone, tmp_path)
    fingers, (x, y) = Fingers(phone), place(phone, 0.3, 0.5)
    fingers.touch("touchStart", (x, y))
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        fingers.touch("touchMove", (x + 30, y))
    fingers.touch("touchStart", (x + 30, y), (x + 90, y))
    for apart in range(0, 100, 10):
        fingers.touch("touchMove", (x + 30 - apart / 4, y - apart), (x + 90, y + apart))
    fingers.touch("touchEnd")
    fill(phone)
    rows, columns = np.nonzero(last_mask(server))
    assert np.ptp(rows) < 120, "the pinch did not paint"
    assert np.ptp(columns) < 220


def test_a_finger_beside_the_photo_scrolls_the_page(phone: Page, tmp_path: Path) -> None:
    open_new(phone, tmp_path, 900, 300)
    phone.evaluate("document.querySelector('#networks button').click()")  # so that there is something below
    canvas = phone.locator(".picture canvas").bounding_box()
    assert canvas is not None
    assert canvas["x"] > 30
    Fingers(phone).drag((canvas["x"] / 2, 500), (canvas["x"] / 2, 250))
    phone.wait_for_function("scrollY > 50")
    assert not is_marked(phone)


# ---- before and after


def test_holding_before_shows_the_photo_before(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    before = seen(tab)
    stroke(tab)
    fill(tab)
    after = seen(tab)
    part(tab, "before").hover()
    tab.mouse.down()
    assert np.array_equal(seen(tab), before)
    tab.mouse.up()
    assert np.array_equal(seen(tab), after)
    part(tab, "before").focus()
    tab.keyboard.down("Enter")
    assert np.array_equal(seen(tab), before)
    tab.keyboard.up("Enter")
    assert np.array_equal(seen(tab), after)


def test_the_divider_moves_by_keys_and_by_mouse(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    before = seen(tab)
    stroke(tab, (0.1, 0.5), (0.9, 0.5))
    fill(tab)
    after = seen(tab)
    part(tab, "divide").click()
    divider = tab.get_by_role("slider", name=ENGLISH["divider"])
    middle = before.shape[1] // 2
    divided = seen(tab)
    assert abs(divided - before)[:, : middle - 2].mean() < 1  # a browser may scale a part a little differently
    assert abs(divided - after)[:, middle + 2 :].mean() < 1
    divider.press("Home")
    assert np.array_equal(seen(tab), after)
    divider.press("End")
    assert abs(seen(tab) - before).mean() < 1
    tab.mouse.move(place(tab, 1, 0.5)[0] - 1, place(tab, 1, 0.5)[1])
    tab.mouse.down()
    tab.mouse.move(*place(tab, 0.25, 0.5), steps=5)
    tab.mouse.up()
    assert abs(int(divider.input_value()) - 25) <= 1


# ---- opening


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


@pytest.mark.parametrize(
    "selector", ["body", "header", ".start", ".bar", ".picture canvas", "#networks", "footer", "html"]
)
def test_a_photo_dropped_anywhere_opens(tab: Page, tmp_path: Path, selector: str) -> None:
    if selector in (".bar", ".picture canvas"):
        open_new(tab, tmp_path, 50, 50)
    drop(tab, selector, "dropped.png", "image/png")
    tab.get_by_role("img", name=re.compile(r"dropped\.png, 60 by 40")).wait_for()
    assert part(tab, "dropping").is_hidden()


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


def test_a_pasted_photo_opens(tab: Page) -> None:
    for _ in range(2):  # the second replaces the first
        paste(tab, "pasted.png")
        tab.get_by_role("img", name=re.compile("pasted")).wait_for()
        wait_until_idle(tab)


def test_a_refused_file_is_told_and_leaves_nothing(tab: Page, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    Image.new("1", (16000, 10000)).save(tmp_path / "wide.png")
    Image.new("1", (25000, 16000)).save(tmp_path / "wider.png")
    (tmp_path / "heavy.png").write_bytes(bytes(21_500_000))
    (tmp_path / "text.txt").write_text("no picture")
    for name, sentence in (
        ("broken.jpg", "broken.jpg is"),
        ("wide.png", "wide.png has 160.00 megapixels, 13 are allowed"),
        ("wider.png", "wider.png has 400.00 megapixels, 13 are allowed"),
        ("heavy.png", "more than 20 MB"),
        ("text.txt", "text.txt is no picture"),
    ):
        part(tab, "file").set_input_files(tmp_path / name)
        tab.get_by_role("alert").get_by_text(sentence).wait_for()
        wait_until_idle(tab)
        part(tab, "open").wait_for()
        assert part(tab, "picture").is_hidden()
    open_new(tab, tmp_path)
    assert part(tab, "problem").is_hidden()


@pytest.mark.parametrize("name", ["broken.jpg", "broken.png", "wide.png"])
def test_a_refused_file_leaves_the_open_photo_with_all_that_was_done_to_it(
    tab: Page, tmp_path: Path, name: str
) -> None:
    (tmp_path / "broken.jpg").write_bytes(photo_bytes(60, 40)[:-500])  # browsers show it, as far as it goes
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    Image.new("1", (16000, 10000)).save(tmp_path / "wide.png")
    photo = open_new(tab, tmp_path)
    stroke(tab)
    fill(tab)
    stroke(tab, (0.4, 0.2), (0.6, 0.2))
    tab.keyboard.press("+")
    before = seen(tab)
    part(tab, "file").set_input_files(tmp_path / name)
    tab.get_by_role("dialog").get_by_role("button", name=ENGLISH["lose_yes"]).click()
    tab.get_by_role("alert").get_by_text(name).wait_for()
    wait_until_idle(tab)
    assert np.array_equal(seen(tab), before)
    fill(tab)
    assert download(tab, "photo.png").shape == photo.shape
    for _ in range(4):
        assert not part(tab, "undo").is_disabled()
        part(tab, "undo").click()
    assert part(tab, "undo").is_disabled()


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


def test_fill_while_an_example_opens_waits_and_fills(tab: Page) -> None:
    with held(tab, "**/upload*"):
        tab.locator(".examples button").first.click()
        tab.locator(".picture canvas").wait_for()
        part(tab, "fill").click()
        part(tab, "next").get_by_text(ENGLISH["filling"]).wait_for()
    tab.wait_for_selector("[data-part=download]:enabled")
    wait_until_idle(tab)
    assert part(tab, "problem").is_hidden()


def test_fill_pressed_twice_while_a_photo_opens_opens_it_alone(tab: Page, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo_bytes(600, 400))
    with held(tab, "**/upload*"):
        part(tab, "file").set_input_files(tmp_path / "photo.jpg")
        tab.locator(".picture canvas").wait_for()
        stroke(tab)
        part(tab, "fill").click()
        tab.get_by_role("button", name=ENGLISH["stop"], exact=True).click()
        assert not part(tab, "next").inner_text()
    wait_until_idle(tab)
    assert is_marked(tab)
    assert part(tab, "download").is_disabled()
    fill(tab)


@pytest.mark.parametrize("way", ["file", "drop", "paste"])
def test_fill_while_another_photo_comes_says_that_nothing_of_it_is_marked(tab: Page, tmp_path: Path, way: str) -> None:
    open_new(tab, tmp_path)
    with held(tab, "**/upload*"):
        if way == "file":
            part(tab, "file").set_input_files(save(tmp_path / "other.png", photo_of(40, 60)))
        elif way == "drop":
            drop(tab, "body", "other.png", "image/png")
        else:
            paste(tab, "other.png")
        tab.wait_for_selector("[data-busy=opening][data-leaving]")
        part(tab, "fill").click()
    tab.get_by_role("img", name=re.compile(r"other\.png, 60 by 40")).wait_for()
    tab.get_by_role("alert").get_by_text(ENGLISH["no_hole"]).wait_for()


def test_the_example_that_was_tapped_last_opens(tab: Page) -> None:
    first, *_, last = tab.locator(".examples button").all()
    with held(tab, f"**/{EXAMPLES[0]}"):
        first.click()
        last.click()
        tab.get_by_role("img", name=re.compile(re.escape(EXAMPLES[-1]))).wait_for()
    wait_until_idle(tab)
    assert tab.get_by_role("img", name=re.compile(re.escape(EXAMPLES[-1]))).is_visible()


def test_an_example_that_does_not_come_is_told_and_asked_for_again(tab: Page) -> None:
    address = f"**/{EXAMPLES[0]}"
    tab.route(address, lambda route: route.abort())
    tab.locator(".examples button").first.click()
    tab.get_by_role("alert").get_by_text(re.compile("does not answer")).wait_for()
    assert part(tab, "progress").is_visible()
    tab.unroute(address)
    tab.locator(".picture canvas").wait_for()
    wait_until_idle(tab)
    assert part(tab, "problem").is_hidden()


def test_what_is_asked_for_while_it_fills_comes_after_it(tab: Page, tmp_path: Path, server: Server) -> None:
    photo = open_new(tab, tmp_path)
    stroke(tab)
    fill(tab)
    changed = last_mask(server)
    stroke(tab, (0.4, 0.2), (0.6, 0.2))
    part(tab, "more").locator("summary").click()
    with tab.expect_download() as download, held(tab, "**/queue/join*"):
        part(tab, "fill").click()
        part(tab, "download").click()
        part(tab, "next").get_by_text(ENGLISH["saving"]).wait_for()
        part(tab, "mask").set_input_files(save(tmp_path / "mask.png", some_hole(600, 800)))
    wait_until_idle(tab)
    changed |= last_mask(server)
    with Image.open(download.value.path()) as picture:
        result = np.array(picture)
    assert np.array_equal(result[~changed], photo[~changed])
    assert (result[last_mask(server)] != photo[last_mask(server)]).any(), "the second fill is saved"
    assert is_marked(tab), "by the mask"


def test_undo_of_what_is_being_filled_stops_the_fill(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    with held(tab, "**/queue/join*"):
        part(tab, "fill").click()
        tab.keyboard.press("Control+z")
        wait_until_idle(tab)
    assert not is_marked(tab)
    stroke(tab)
    fill(tab)


def test_a_photo_that_comes_while_the_page_asks_takes_the_place_of_the_one_before(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    drop(tab, "body", "first.png", "image/png")
    drop(tab, "body", "second.png", "image/png")
    tab.get_by_role("dialog").get_by_role("button", name=ENGLISH["lose_yes"]).click()
    tab.get_by_role("img", name=re.compile(r"second\.png")).wait_for()


def test_heic_opens_and_goes_out_as_jpeg(tab: Page, tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pixels = np.array(Image.fromarray(photo_of(6, 8)).resize((400, 300), Image.Resampling.BICUBIC))
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(tmp_path / "iphone.heic", quality=90)
    upload(tab, tmp_path / "iphone.heic")
    tab.get_by_role("status").get_by_text("HEIC").wait_for()
    stroke(tab)
    fill(tab)
    result = download(tab, "iphone.jpg")
    assert result.shape == pixels.shape
    assert abs(result[:100].astype(int) - pixels[:100]).mean() < 6


def test_a_mask_by_file_works_by_keyboard_alone(tab: Page, server: Server, tmp_path: Path) -> None:
    photo, hole = photo_of(400, 600), some_hole(400, 600)
    save(tmp_path / "photo.png", photo)
    save(tmp_path / "mask.png", hole)

    def press(name: str, key: str = "Enter") -> None:
        for _ in range(60):
            tab.keyboard.press("Tab")
            if tab.evaluate("name => document.activeElement.dataset.part === name", name):
                tab.keyboard.press(key)
                return
        pytest.fail(f"the keyboard does not reach {name}")

    def choose(name: str, path: Path) -> None:
        with tab.expect_file_chooser() as chooser:
            press(name)
        chooser.value.set_files(path)

    choose("open", tmp_path / "photo.png")
    tab.locator(".picture canvas").wait_for()
    wait_until_idle(tab)
    for _ in range(60):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    tab.keyboard.press("Enter")
    choose("mask", tmp_path / "mask.png")
    tab.wait_for_selector("[data-part=undo]:enabled")
    wait_until_idle(tab)
    press("fill")
    tab.wait_for_selector("[data-part=download]:enabled")
    with tab.expect_download() as download:
        press("download")
    with Image.open(download.value.path()) as picture:
        result = np.array(picture)
    assert np.array_equal(last_mask(server), hole)
    assert np.array_equal(result[~hole], photo[~hole])
    assert (result[hole] != photo[hole]).any()


def test_a_mask_that_does_not_fit_is_told(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    part(tab, "more").locator("summary").click()
    part(tab, "mask").set_input_files(save(tmp_path / "mask.png", some_hole(400, 400)))
    tab.get_by_role("alert").get_by_text("The mask is 400×400").wait_for()
    assert not is_marked(tab)


# ---- comparing


def test_compare_shows_the_hole_by_every_method_and_takes_one_over(tab: Page, tmp_path: Path) -> None:
    photo = open_new(tab, tmp_path, 300, 400)
    stroke(tab)
    part(tab, "compare").click()
    strip = part(tab, "strip")
    strip.locator("li[data-state=done]").first.wait_for()
    tab.wait_for_function("!document.querySelector('.strip li:is([data-state=busy], [data-state=waiting])')")
    titles = strip.locator(".title").all_inner_texts()
    assert text.METHOD_TITLES[DEFAULT][0] in titles
    assert text.METHOD_TITLES["cifar10"][0] in titles, "the photo is small enough for it"
    for crop in strip.get_by_role("img").all():
        assert crop.get_attribute("aria-label")
    assert strip.locator(".time").first.inner_text().endswith(" s")
    strip.locator("li[data-state=done]").first.click()
    assert strip.is_hidden()
    assert download(tab, "photo.png").shape == photo.shape
    assert not is_marked(tab)


def test_compare_offers_networks_for_small_pictures_last(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path, 1000, 1500)
    stroke(tab, (0.5, 0.5), (0.52, 0.5))
    part(tab, "compare").click()
    tab.locator(".strip li").first.wait_for()
    assert text.METHOD_TITLES["cifar10"][0] not in tab.locator(".strip .title").all_inner_texts()


# ---- what goes wrong


def test_a_full_queue_is_told_in_a_sentence(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    full = {"detail": "Queue is full. Max size is 20 and size is 20."}
    tab.route("**/queue/join*", lambda route: route.fulfill(status=503, json=full))
    part(tab, "fill").click()
    tab.get_by_role("alert").get_by_text(ENGLISH["full"]).wait_for()
    tab.unroute("**/queue/join*")
    fill(tab)


def test_another_photo_asks_before_what_is_not_downloaded_goes(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    fill(tab)
    question = tab.get_by_role("dialog")
    drop(tab, "body", "other.png", "image/png")
    question.get_by_role("button", name=ENGLISH["lose_no"]).click()
    assert question.is_hidden()
    tab.get_by_role("img", name=re.compile(r"photo\.png")).wait_for()
    drop(tab, "body", "other.png", "image/png")
    question.get_by_role("button", name=ENGLISH["lose_yes"]).click()
    tab.get_by_role("img", name=re.compile(r"other\.png")).wait_for()
    wait_until_idle(tab)
    open_new(tab, tmp_path)
    stroke(tab)
    fill(tab)
    download(tab, "photo.png")
    drop(tab, "body", "other.png", "image/png")  # all is saved
    tab.get_by_role("img", name=re.compile(r"other\.png")).wait_for()


def test_going_back_asks_before_what_is_not_downloaded_goes(tab: Page, tmp_path: Path) -> None:
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    tab.on("dialog", stay)
    open_new(tab, tmp_path)
    stroke(tab)
    tab.evaluate("setTimeout(() => history.back())")
    wait_until(tab, lambda: bool(asked))
    assert asked == ["beforeunload"]
    assert is_marked(tab)


def wait_until(page: Page, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)  # it hears the browser meanwhile


@pytest.mark.slow
def test_a_server_that_goes_away_and_comes_back_costs_nothing(
    chromium: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """It loses every upload; the page sends again what is needed."""
    port, folder = free_port(), tmp_path / "server"
    folder.mkdir()
    settings = {"INPAINT_MODEL": "telea"}
    with served(folder, settings, port) as first, opened_page(first, chromium, request, **DESKTOP) as page:
        photo = open_new(page, tmp_path)
        stroke(page)
        fill(page)
        changed = last_mask(first)
        stroke(page, (0.4, 0.2), (0.6, 0.2))
        first.process.terminate()
        first.process.wait(PATIENCE_S)
        shutil.rmtree(first.uploads)
        part(page, "fill").click()
        page.get_by_role("alert").get_by_text(re.compile("does not answer")).wait_for()
        assert page.get_by_role("button", name=ENGLISH["stop"], exact=True).is_visible()
        with served(folder, settings, port) as second:
            wait_until_idle(page)
            assert part(page, "problem").is_hidden()
            result = download(page, "photo.png")
            changed |= last_mask(second)
    assert np.array_equal(result[~changed], photo[~changed])


# ---- for everyone


def test_the_page_speaks_german(
    server: Server, chromium: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    german = text.column("de")
    with opened_page(server, chromium, request, **PHONE, locale="de-DE") as page:
        page.get_by_role("button", name=german["open"]).wait_for()
        page.get_by_role("button", name=german["networks"]).click()
        page.get_by_text(german["networks_introduction"]).wait_for()
        page.get_by_role("button", name="photos").click()
        page.locator("#networks").get_by_text(german["samples"]).first.wait_for()
        page.get_by_role("button", name=german["api"]).click()
        page.locator("#snippets").get_by_text(german["api_introduction"].split("`")[0]).wait_for()
        assert page.locator("#snippets code").first.inner_text() == "/fill"
        open_new(page, tmp_path)
        part(page, "fill").click()
        page.get_by_role("alert").get_by_text(german["no_hole"]).wait_for()
        (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
        part(page, "file").set_input_files(tmp_path / "broken.jpg")
        page.get_by_role("alert").get_by_text("broken.jpg ist kein Bild").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_every_control_has_a_name_and_every_picture_a_text(tab: Page, tmp_path: Path) -> None:
    for image in tab.locator(".editor img").all():
        assert image.get_attribute("alt")
    open_new(tab, tmp_path)
    part(tab, "more").locator("summary").click()
    for control in tab.locator(".editor :is(button, select, canvas, input):visible").all():
        name = control.evaluate("it => it.ariaLabel || it.innerText || it.labels?.[0]?.innerText")
        assert name, control.evaluate("it => it.outerHTML")


CONTRAST = """() => {
  const channels = color => color.match(/[\\d.]+/g).map(Number)
  const light = ([r, g, b]) => [r, g, b].map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0)
  const behind = element => {
    for (let it = element; it; it = it.parentElement) {
      const color = channels(getComputedStyle(it).backgroundColor)
      if (color.length < 4 || color[3] > 0.5) return color
    }
    return [255, 255, 255]
  }
  const weak = []
  for (const element of document.querySelectorAll('.editor *, .gradio-container button, footer *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
    if (!own || !element.checkVisibility() || element.closest(':disabled, option')) continue
    const [one, other] = [light(channels(getComputedStyle(element).color)), light(behind(element))]
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    if (ratio < 4.5) weak.push(`${ratio.toFixed(2)} ${element.outerHTML.slice(0, 120)}`)
  }
  return weak
}"""


def test_texts_stand_out_in_both_themes(phone: Page, tmp_path: Path) -> None:
    assert phone.evaluate(CONTRAST) == []
    open_new(phone, tmp_path)
    stroke(phone)
    fill(phone)
    part(phone, "more").locator("summary").click()
    assert phone.evaluate(CONTRAST) == []
    part(phone, "mask").set_input_files(save(tmp_path / "mask.png", some_hole(40, 40)))
    part(phone, "problem").wait_for()
    assert phone.evaluate(CONTRAST) == []


# ---- large photos


@pytest.mark.slow
def test_a_photo_of_twelve_megapixels_held_upright_comes_back_whole(tab: Page, server: Server, tmp_path: Path) -> None:
    small = Image.fromarray(photo_of(40, 30)).resize((4000, 3000), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned right by 90 degrees
    small.save(tmp_path / "camera.jpg", exif=exif, quality=92)
    with Image.open(tmp_path / "camera.jpg") as picture:
        photo = np.array(ImageOps.exif_transpose(picture))
    assert photo.shape == (4000, 3000, 3)
    upload(tab, tmp_path / "camera.jpg")
    stroke(tab, (0.45, 0.7), (0.55, 0.7))
    fill(tab)
    part(tab, "more").locator("summary").click()
    part(tab, "format").select_option("png")
    result = download(tab, "camera.png")
    hole = last_mask(server)
    assert result.shape == photo.shape
    assert hole[2800, 1500]
    assert hole.mean() < 0.2
    assert np.array_equal(result[~hole], photo[~hole])
    assert (result[hole] != photo[hole]).any()
