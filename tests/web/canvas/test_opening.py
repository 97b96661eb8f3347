"""A photo comes in: dropped, pasted, chosen, as an example; and what is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser_page import (
    ENGLISH,
    MARKS,
    download,
    drop,
    fill,
    held,
    is_marked,
    open_new,
    part,
    paste,
    photo_bytes,
    save,
    seen,
    stroke,
    upload,
    wait_until_idle,
)
from page_server import Server
from PIL import Image
from sample_photos import photo_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS


@pytest.mark.parametrize(
    "selector", ["body", "header", ".start", ".bar", ".picture canvas", "#networks", "footer", "html"]
)
def test_a_photo_dropped_anywhere_opens(tab: Page, tmp_path: Path, selector: str) -> None:
    if selector in (".bar", ".picture canvas"):
        open_new(tab, tmp_path, 50, 50)
    drop(tab, selector, "dropped.png", "image/png")
    tab.get_by_role("img", name=re.compile(r"dropped\.png, 60 by 40")).wait_for()
    assert part(tab, "dropping").is_hidden()


def test_a_pasted_photo_opens(tab: Page) -> None:
    for _ in range(2):  # the second replaces the first
        paste(tab, "pasted.png")
        tab.get_by_role("img", name=re.compile("pasted")).wait_for()
        wait_until_idle(tab)


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


@pytest.mark.parametrize(("orientation", "shown"), [(3, "60 by 40"), (6, "40 by 60")])
def test_a_jpeg_that_only_xmp_turns_opens_upright(tab: Page, tmp_path: Path, orientation: int, shown: str) -> None:
    stored = Image.new("RGB", (60, 40), "white")
    stored.paste("black", (0, 0, 30, 20))  # at the top left; upright it is not
    stored.save(tmp_path / "turned.jpg", xmp=f'<x tiff:Orientation="{orientation}"/>'.encode(), quality=95)
    upload(tab, tmp_path / "turned.jpg")
    tab.get_by_role("img", name=re.compile(rf"turned\.jpg, {shown}")).wait_for()
    wait_until_idle(tab)
    canvas = seen(tab)[..., :3].mean(axis=2)
    height, width = canvas.shape
    assert canvas[: height // 3, : width // 3].mean() > 240


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


def test_a_photo_that_changes_on_the_disk_is_sent_again_as_it_was_opened(
    tab: Page, server: Server, tmp_path: Path
) -> None:
    photo = open_new(tab, tmp_path)
    stroke(tab)
    save(tmp_path / "photo.png", photo_of(30, 40))
    shutil.rmtree(server.uploads)
    server.uploads.mkdir()
    fill(tab)
    assert download(tab, "photo.png").shape == photo.shape
    assert part(tab, "problem").is_hidden()


def test_a_folder_dropped_on_the_page_is_told(tab: Page, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    session = tab.context.new_cdp_session(tab)
    x, y = 640, 300
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(tmp_path / "holiday")], "dragOperationsMask": 1}
        session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})
    tab.get_by_role("alert").get_by_text(ENGLISH["unreadable"].format(name="holiday")).wait_for()
    wait_until_idle(tab)
    assert part(tab, "open").is_visible()


def test_strokes_stay_when_the_server_gives_another_picture_of_the_photo(tab: Page, tmp_path: Path) -> None:
    Image.fromarray(photo_of(300, 400)).convert("CMYK").save(tmp_path / "print.jpg")
    preview = re.compile("preview")  # the server's picture, in the colours of the profile
    with tab.expect_request(preview), held(tab, "**/upload*"):
        part(tab, "file").set_input_files(tmp_path / "print.jpg")
        tab.locator(".picture canvas").wait_for()
        stroke(tab)
    wait_until_idle(tab)
    assert is_marked(tab)
    part(tab, "undo").click()
    assert part(tab, "undo").is_disabled()


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_jpeg_that_only_xmp_turns_is_not_shown_before_it_is_upright(
    tab: Page, tmp_path: Path, orientation: int
) -> None:
    photo = Image.fromarray(photo_of(40, 60))
    photo.save(tmp_path / "turned.jpg", xmp=f'<x tiff:Orientation="{orientation}"/>'.encode())
    with held(tab, "**/upload*"):
        part(tab, "file").set_input_files(tmp_path / "turned.jpg")
        tab.wait_for_selector("[data-busy=opening]")
        tab.wait_for_timeout(500)
        assert part(tab, "picture").is_hidden()
    tab.locator(".picture canvas").wait_for()
