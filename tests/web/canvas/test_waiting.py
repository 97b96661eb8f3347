"""What is asked for while something else is under way, and servers that do not answer."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser_page import (
    DESKTOP,
    ENGLISH,
    MARKS,
    download,
    drop,
    fill,
    held,
    is_marked,
    last_mask,
    open_new,
    opened_page,
    part,
    paste,
    photo_bytes,
    save,
    stroke,
    wait_until_idle,
)
from page_server import PATIENCE_S, Server, free_port, served
from paths import ROOT
from PIL import Image
from sample_photos import photo_of, some_hole

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.jpg"))
pytestmark = MARKS


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
        tab.wait_for_timeout(600)  # a press that comes at once is none to stop
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


def test_a_full_queue_is_told_in_a_sentence(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    full = {"detail": "Queue is full. Max size is 20 and size is 20."}
    tab.route("**/queue/join*", lambda route: route.fulfill(status=503, json=full))
    part(tab, "fill").click()
    tab.get_by_role("alert").get_by_text(ENGLISH["full"]).wait_for()
    tab.unroute("**/queue/join*")
    fill(tab)


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
