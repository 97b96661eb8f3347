"""Fill: what is marked changes, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from browser_page import (
    DESKTOP,
    ENGLISH,
    MARKS,
    PHONE,
    download,
    fill,
    held,
    is_marked,
    last_mask,
    open_new,
    opened_page,
    part,
    seen,
    stroke,
    upload,
    wait_until_idle,
)
from page_server import Server
from PIL import ExifTags, Image, ImageOps
from sample_photos import photo_of

from inpaint_hub.web import text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = MARKS


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
    tab.wait_for_timeout(600)
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


def test_a_second_fill_that_fails_or_is_stopped_leaves_the_first(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    fill(tab)
    filled = seen(tab)
    with held(tab, "**/queue/join*"):
        part(tab, "fill").click()
        tab.wait_for_timeout(600)  # a press that comes at once is none to stop
        tab.get_by_role("button", name=ENGLISH["stop"], exact=True).click()
        wait_until_idle(tab)
    assert np.array_equal(seen(tab), filled)
    tab.unroute("**/queue/join*")
    tab.route("**/queue/join*", lambda route: route.fulfill(status=503, json={}))
    part(tab, "fill").click()
    tab.get_by_role("alert").get_by_text(ENGLISH["full"]).wait_for()
    wait_until_idle(tab)
    assert np.array_equal(seen(tab), filled)
    tab.unroute("**/queue/join*")
    tab.keyboard.press("Control+z")
    assert is_marked(tab)
    assert part(tab, "redo").is_enabled()


def test_a_smaller_fill_of_the_same_hole_leaves_nothing_of_the_one_before(
    tab: Page, server: Server, tmp_path: Path
) -> None:
    photo = open_new(tab, tmp_path)
    stroke(tab)
    part(tab, "more").locator("summary").click()
    part(tab, "grow").fill("40")
    fill(tab)
    part(tab, "grow").fill("0")
    fill(tab)
    result, hole = download(tab, "photo.png"), last_mask(server)
    assert np.array_equal(result[~hole], photo[~hole])


@pytest.mark.parametrize("way", ["double click", "Enter on the button", "Enter on the photo"])
def test_fill_pressed_for_a_moment_too_long_fills(tab: Page, tmp_path: Path, way: str) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    with held(tab, "**/queue/join*"):
        if way == "double click":
            part(tab, "fill").dblclick()
        else:
            part(tab, "fill").focus() if way == "Enter on the button" else tab.locator(".picture canvas").focus()
            for wait_ms in (0, 500, 200, 30):  # as a key that is held repeats
                tab.wait_for_timeout(wait_ms)
                tab.keyboard.down("Enter")
            tab.keyboard.up("Enter")
        tab.wait_for_timeout(100)
    tab.wait_for_selector("[data-part=download]:enabled")
    wait_until_idle(tab)


def test_a_fill_that_is_stopped_is_told(tab: Page, tmp_path: Path) -> None:
    open_new(tab, tmp_path)
    stroke(tab)
    with held(tab, "**/queue/join*"):
        part(tab, "fill").click()
        tab.wait_for_timeout(600)
        tab.get_by_role("button", name=ENGLISH["stop"], exact=True).click()
        tab.get_by_role("status").get_by_text(ENGLISH["stopped"]).wait_for()
    wait_until_idle(tab)
    assert is_marked(tab)


def test_the_list_decides_whether_a_model_of_the_hub_fills(tab: Page, tmp_path: Path) -> None:
    asked: list[tuple[str, str | None]] = []

    def refuse_models(route: Any) -> None:
        (asking,) = route.request.post_data_json["data"]
        if "method" in asking:
            asked.append((asking["method"], asking.get("model")))
        route.fulfill(status=503, json={}) if asking.get("model") else route.continue_()

    open_new(tab, tmp_path)
    stroke(tab)
    tab.route("**/queue/join*", refuse_models)
    method = part(tab, "method")
    part(tab, "more").locator("summary").click()
    part(tab, "hub").fill("owner/model")
    part(tab, "hub").press("Enter")
    assert method.locator(":checked").inner_text() == "owner/model"
    part(tab, "fill").click()
    tab.get_by_role("alert").get_by_text(ENGLISH["full"]).wait_for()
    wait_until_idle(tab)
    method.select_option("navier-stokes")
    fill(tab)
    assert asked == [("telea", "owner/model"), ("navier-stokes", None)]
    tab.get_by_role("status").get_by_text(text.METHOD_TITLES["navier-stokes"][0]).wait_for()
    part(tab, "compare").click()
    strip = part(tab, "strip")
    strip.locator("li[data-state=failed]", has_text="owner/model").wait_for()
    done = [name for name, model in asked[2:] if not model]
    assert "telea" in done
    assert len(done) == len(set(done))
    part(tab, "hub").fill("")
    part(tab, "hub").press("Enter")
    assert not method.get_by_text("owner/model").count()
    assert method.input_value() == "navier-stokes"
