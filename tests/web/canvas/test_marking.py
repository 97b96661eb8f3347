"""Brush, eraser, rectangle, lasso, outlines and masks by file: what they mark, near and far."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser_page import (
    ENGLISH,
    MARKS,
    fill,
    is_marked,
    last_mask,
    open_new,
    part,
    place,
    save,
    seen,
    stroke,
    upload,
    wait_until_idle,
)
from page_server import Server
from sample_photos import some_hole

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS


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


def test_a_mask_that_does_not_fit_is_told(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    part(tab, "more").locator("summary").click()
    part(tab, "mask").set_input_files(save(tmp_path / "mask.png", some_hole(400, 400)))
    tab.get_by_role("alert").get_by_text("The mask is 400×400").wait_for()
    assert not is_marked(tab)
