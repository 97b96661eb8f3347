"""The page for everyone: by keyboard alone, in words, with contrast, in German."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser_page import (
    DESKTOP,
    MARKS,
    PHONE,
    fill,
    last_mask,
    open_new,
    opened_page,
    part,
    save,
    stroke,
    wait_until_idle,
)
from page_server import Server
from PIL import Image
from sample_photos import photo_of, some_hole

from inpaint_hub.web import text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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
pytestmark = MARKS


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


def test_forced_colors_show_which_tool_is_chosen_and_which_has_the_focus(
    server: Server, chromium: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with opened_page(server, chromium, request, **DESKTOP, forced_colors="active") as page:
        open_new(page, tmp_path)
        looks = [
            page.locator(f"button[data-tool={tool}]").evaluate(
                """it => {
                  const {outlineStyle, outlineWidth, backgroundColor} = getComputedStyle(it)
                  return [outlineStyle, outlineWidth, backgroundColor]
                }"""
            )
            for tool in ("brush", "erase")
        ]
        assert looks[0][0] == "solid"
        assert looks[1][0] == "none"
        assert looks[0][2] != looks[1][2], "the focus, too, is an outline"


def test_lists_look_like_lists(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    for name in ("method", "format"):
        assert part(tab, name).evaluate("it => getComputedStyle(it).appearance") == "auto"
