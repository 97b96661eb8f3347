"""Keys: they do what their names say, whatever has the focus and whatever keyboard it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browser_page import ENGLISH, MARKS, is_marked, open_new, part, place, seen, stroke

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS


@pytest.mark.parametrize("name", ["zoom_in", "size"])
def test_space_over_the_photo_moves_it_whatever_has_the_focus(tab: Page, tmp_path: Path, name: str) -> None:
    open_new(tab, tmp_path)
    part(tab, "zoom_in").click()
    part(tab, name).click()
    tab.mouse.move(*place(tab, 0.5, 0.5))
    before = seen(tab)
    tab.keyboard.down(" ")
    stroke(tab, (0.6, 0.5), (0.4, 0.5))
    tab.keyboard.up(" ")
    assert not is_marked(tab)
    assert not np.array_equal(seen(tab), before)
    stroke(tab)
    assert is_marked(tab)


@pytest.mark.parametrize("pointer", ["elsewhere", "over the photo"])
def test_space_presses_a_button_that_the_keyboard_reached(tab: Page, tmp_path: Path, pointer: str) -> None:
    open_new(tab, tmp_path)
    part(tab, "zoom_out").focus()
    tab.mouse.move(*(place(tab, 0.5, 0.5) if pointer == "over the photo" else (3, 3)))
    if pointer == "over the photo":
        tab.keyboard.press("Tab")  # to the next one
    else:
        part(tab, "zoom_in").focus()
    before = seen(tab)
    tab.keyboard.press(" ")
    assert not np.array_equal(seen(tab), before)


@pytest.mark.parametrize(
    ("held", "taken"),
    [
        ({}, True),
        ({"altKey": True}, True),  # Option on a Mac
        ({"altKey": True, "ctrlKey": True}, True),  # AltGr on Windows
        ({"ctrlKey": True}, False),
        ({"metaKey": True}, False),  # the browser's: a page back
    ],
)
def test_brackets_change_the_size_on_keyboards_that_need_another_key_for_them(
    tab: Page, tmp_path: Path, held: dict[str, Any], taken: bool
) -> None:
    open_new(tab, tmp_path)
    before = part(tab, "size").input_value()
    tab.evaluate(
        "held => document.body.dispatchEvent(new KeyboardEvent('keydown', {key: ']', bubbles: true, ...held}))", held
    )
    assert (part(tab, "size").input_value() != before) == taken


def test_caps_lock_changes_no_key(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    tab.keyboard.press("R")
    assert tab.get_by_role("button", name=ENGLISH["rectangle"]).get_attribute("aria-pressed") == "true"
    stroke(tab)
    tab.keyboard.press("Control+Z")  # without Shift
    assert not is_marked(tab)
    tab.keyboard.press("Control+Shift+Z")
    assert is_marked(tab)


def test_a_window_that_is_left_while_space_is_held_paints_again(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    tab.mouse.move(*place(tab, 0.5, 0.5))
    tab.keyboard.down(" ")
    tab.evaluate("window.dispatchEvent(new Event('blur'))")
    stroke(tab)
    assert is_marked(tab)
