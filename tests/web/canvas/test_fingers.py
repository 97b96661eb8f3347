"""Fingers on a phone: one paints, two zoom."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from browser_page import MARKS, download, fill, is_marked, last_mask, open_new, part, place, seen
from page_server import Server

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

pytestmark = MARKS


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
