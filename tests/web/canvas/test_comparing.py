"""Before and after, and the hole by every method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from browser_page import ENGLISH, MARKS, download, fill, is_marked, open_new, part, place, save, seen, stroke
from sample_photos import some_hole

from inpaint_hub.methods import DEFAULT
from inpaint_hub.web import text

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS


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


def test_compare_leaves_what_is_filled_until_a_fill_is_taken(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path, 300, 400)
    stroke(tab)
    marked = seen(tab)
    fill(tab)
    filled = seen(tab)
    strip = part(tab, "strip")
    for way in ("close", "take"):
        part(tab, "compare").click()
        card = strip.locator("li", has_text="navier-stokes")
        card.and_(tab.locator("[data-state=done]")).wait_for()
        assert np.array_equal(seen(tab), filled)
        if way == "close":
            strip.get_by_role("button", name=ENGLISH["close"]).click()
            assert np.array_equal(seen(tab), filled)
            assert not part(tab, "download").is_disabled()
    card.click()
    assert not np.array_equal(seen(tab), filled)
    part(tab, "undo").click()
    assert np.array_equal(seen(tab), filled), "undo takes back what was taken over"
    part(tab, "undo").click()
    assert np.array_equal(seen(tab), marked)


def test_a_mask_by_file_closes_the_comparison(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path, 300, 400)
    stroke(tab)
    part(tab, "compare").click()
    part(tab, "strip").locator("li[data-state=done]").first.wait_for()
    part(tab, "more").locator("summary").click()
    part(tab, "mask").set_input_files(save(tmp_path / "mask.png", some_hole(300, 400)))
    part(tab, "strip").wait_for(state="hidden")
