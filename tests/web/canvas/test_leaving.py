"""What is not downloaded does not go without a question."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browser_page import (
    ENGLISH,
    MARKS,
    download,
    drop,
    fill,
    is_marked,
    open_new,
    part,
    save,
    stroke,
    upload,
    wait_until_idle,
)
from page_server import PATIENCE_S
from sample_photos import photo_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS


def test_a_photo_that_comes_while_the_page_asks_takes_the_place_of_the_one_before(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    drop(tab, "body", "first.png", "image/png")
    drop(tab, "body", "second.png", "image/png")
    tab.get_by_role("dialog").get_by_role("button", name=ENGLISH["lose_yes"]).click()
    tab.get_by_role("img", name=re.compile(r"second\.png")).wait_for()


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


def test_a_file_that_does_not_come_is_asked_for_again_before_it_is_called_saved(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    fill(tab)
    address = re.compile(r"/file=.*photo\.png")
    tab.route(address, lambda route: route.abort())
    part(tab, "download").click()
    tab.get_by_role("alert").get_by_text(re.compile("does not answer")).wait_for()
    assert "is saved" not in part(tab, "said").inner_text()
    drop(tab, "body", "other.png", "image/png")
    tab.get_by_role("dialog").get_by_role("button", name=ENGLISH["lose_no"]).click()
    with tab.expect_download() as came:
        tab.unroute(address)
    assert came.value.suggested_filename == "photo.png"
    tab.get_by_role("status").get_by_text("photo.png is saved").wait_for()
    wait_until_idle(tab)
    assert part(tab, "problem").is_hidden()


def test_a_download_keeps_umlauts_and_spaces_in_its_name(tab: Page, tmp_path: Path) -> None:
    upload(tab, save(tmp_path / "Grüße vom See.png", photo_of(60, 80)))
    stroke(tab)
    fill(tab)
    assert download(tab, "Grüße vom See.png").shape == (60, 80, 3)
