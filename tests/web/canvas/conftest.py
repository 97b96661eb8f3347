"""The page in a real Chromium, on a desktop and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from browser_page import CHROMIUM, DESKTOP, PHONE, opened_page
from page_server import Server, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page, which all files that run in a process share."""
    settings = {"INPAINT_MODEL": "telea", "INPAINT_MAX_MEGAPIXELS": "13", "INPAINT_MAX_UPLOAD_MB": "20"}
    with served(tmp_path_factory.mktemp("page"), settings | {"INPAINT_QUEUE_SHARE": "0"}) as page:
        yield page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for each file: while Playwright runs, its event loop keeps tests of other files from having one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def tab(server: Server, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened_page(server, chromium, request, **DESKTOP) as page:
        yield page


@pytest.fixture(params=["light", "dark"])
def phone(server: Server, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened_page(server, chromium, request, **PHONE, color_scheme=request.param) as page:
        yield page
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
