"""Undo and redo: strokes and fills are one history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from browser_page import (
    MARKS,
    download,
    fill,
    held,
    is_marked,
    last_mask,
    open_new,
    part,
    seen,
    stroke,
    wait_until_idle,
)
from page_server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS


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


def test_a_stroke_that_is_filled_at_once_is_one_step_with_its_fill(tab: Page, server: Server, tmp_path: Path) -> None:
    photo = open_new(tab, tmp_path)
    before = seen(tab)
    part(tab, "more").locator("summary").click()
    part(tab, "auto").check()
    tab.evaluate("scrollTo(0, 0)")
    stroke(tab, (0.2, 0.2), (0.3, 0.2))
    tab.wait_for_selector("[data-part=download]:enabled")
    wait_until_idle(tab)
    filled = seen(tab)
    tab.keyboard.press("Control+z")
    assert np.array_equal(seen(tab), before)
    assert part(tab, "undo").is_disabled()
    tab.keyboard.press("Control+Shift+z")
    assert np.array_equal(seen(tab), filled)
    tab.keyboard.press("Control+z")
    stroke(tab, (0.7, 0.7), (0.8, 0.7))
    tab.wait_for_selector("[data-part=download]:enabled")
    wait_until_idle(tab)
    hole = last_mask(server)
    assert hole[420, 600]
    assert not hole[120, 200]
    result = download(tab, "photo.png")
    assert np.array_equal(result[~hole], photo[~hole])
