"""The page as Gradio shows and serves it: one canvas, the networks' cards, and what programs may call."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from .. import hub
from ..methods.registry import METHODS
from ..pretrained import shipped, shipped_folder
from . import text
from .blocks import Page, accept_uploads_alone
from .endpoints import add_endpoints
from .middleware import MEGABYTE, Guard
from .page_events import add_page_events
from .worker_pool import WorkerPool, delete_old_files

CANVAS = Path(__file__).parent / "canvas"  # the browser's part
SMALL_PHOTO = 32  # a network is offered first for photos of up to so many times the largest hole that it was trained on
THEME = gr.themes.Default(
    primary_hue="teal",
    neutral_hue="zinc",
    radius_size="lg",
    font=["ui-sans-serif", "system-ui", "sans-serif"],  # the visitor's own: no font is fetched
    font_mono=["ui-monospace", "monospace"],
).set(
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
    body_text_color_subdued="*neutral_500",
    slider_color="*primary_600",
)
I18N = gr.I18n(**{language: text.column(language) for language in text.LANGUAGES})


def build(model: str, examples: Path, limits: Mapping[str, int]) -> Page:
    """Build the page, which fills with `model` unless a visitor chooses another method.

    Args:
        model: A method, a model folder, or "owner/model".
        examples: A folder with photos, and the strokes that they open with.
        limits: See `app.LIMITS`.

    Returns:
        The page, to be launched with `launch_options`.
    """
    accept_uploads_alone()
    keep_s = limits["keep"]
    with Page(title=text.TITLE, analytics_enabled=False, delete_cache=(min(60, keep_s), keep_s)) as page:
        page.model = model
        page.methods = [choice.name for choice in text.choices(model)]
        max_pixels = limits["max_megapixels"] * 10**6
        page.pool = WorkerPool(limits["concurrency"], limits["time_limit"], max_pixels, page.GRADIO_CACHE, model)
        gr.HTML(
            html_template=(CANVAS / "canvas.html").read_text(encoding="utf-8"),
            js_on_load=_import_js("main.js", "start(element, props)"),
            apply_default_css=False,
            elem_id="canvas",
            texts={language: text.column(language) for language in text.LANGUAGES},
            methods=[_describe(choice, model) for choice in text.choices(model)],
            default_method=text.default_choice(model),
            examples=_describe_examples(examples),
            limits={name: limits[name] for name in ("max_upload_mb", "max_megapixels")},
        )
        with gr.Accordion(I18N("networks"), open=False, elem_id="networks"):
            _show_cards(model)
        with gr.Accordion(I18N("api"), open=False, elem_id="api"):
            gr.HTML(
                js_on_load=_import_js("snippets.js", "showSnippets(element, props)"),
                texts={language: text.column(language) for language in text.LANGUAGES},
                methods=list(METHODS),
                snippets=text.SNIPPETS,
                elem_id="snippets",
            )
        add_endpoints(model)
        add_page_events()
    page.queue(max_size=limits["queue"], default_concurrency_limit=limits["concurrency"], api_open=False)
    return page


def _import_js(module: str, call: str) -> str:
    """JavaScript that imports a module of CANVAS and calls what it exports."""
    name = call.partition("(")[0]
    return f"import(`${{window.gradio_config.root}}{_canvas_route()}/{module}`).then(({{{name}}}) => {call})"


def _canvas_route() -> str:
    """Where the browser's part is served: a new place whenever it changes, so that browsers may keep it."""
    contents = b"".join(path.read_bytes() for path in sorted(CANVAS.iterdir()) if path.is_file())
    return f"/canvas/{sha256(contents).hexdigest()[:12]}"


def _describe(choice: text.Choice, model: str) -> dict[str, Any]:
    """What the browser needs to know of a method: its name, title, and the photos that it is offered first for."""
    largest = None
    if choice.name == text.OWN or choice.name in shipped():
        config = (
            hub.folder_of(model) if choice.name == text.OWN else Path(shipped_folder(choice.name))
        ) / "config.json"
        largest = json.loads(config.read_text(encoding="utf-8")).get("largest_hole") if config.is_file() else None
    return {**choice._asdict(), "largest_photo": SMALL_PHOTO * largest if largest else None}


def _describe_examples(folder: Path) -> list[dict[str, Any]]:
    strokes = json.loads((folder / "strokes.json").read_text(encoding="utf-8"))
    return [
        {
            "address": f"examples/{path.name}",
            "name": path.name,
            "title": text.by_language(text.EXAMPLE_TITLES.get(path.name, (path.stem,) * len(text.LANGUAGES))),
            "strokes": strokes.get(path.name, []),
        }
        for path in sorted(folder.glob("*.jpg"))
    ]


def _show_cards(model: str) -> None:
    """What the page's own network and the shipped ones were trained on, with their figures."""
    gr.Markdown(I18N("networks_introduction"))
    if model not in METHODS:
        _show_card(I18N("own_network"), hub.folder_of(model))  # its samples may be nobody's business
    for name in shipped():
        folder = Path(shipped_folder(name))
        _show_card(name, folder, folder / "sheet.png")


def _show_card(title: Any, folder: Path, samples: Path | None = None) -> None:
    """A model folder's card, that can be opened."""
    readme = folder / "README.md"
    with gr.Accordion(title, open=False):
        if samples and samples.is_file():
            gr.Image(samples, label=I18N("samples"), interactive=False, buttons=[])
        if readme.is_file():
            card = re.sub(r"\A---\n.*?\n---\n", "", readme.read_text(encoding="utf-8"), flags=re.DOTALL)
            gr.Markdown(re.sub(r"!\[[^\]]*\]\([^)]*\)\n*(\*.*\*\n)?", "", card))
        else:
            gr.Markdown(I18N("no_card"))


def launch_options(page: Page, examples: Path, limits: Mapping[str, int]) -> dict[str, Any]:
    """Return what `page.launch` takes; for the rest see `build`."""

    @asynccontextmanager
    async def delete_on_schedule(_: Any) -> AsyncIterator[None]:
        async def delete() -> None:
            while True:
                await asyncio.sleep(max(1, min(60, limits["keep"])))
                await asyncio.to_thread(delete_old_files, page.GRADIO_CACHE, limits["keep"])

        page.pool.start()
        task = asyncio.create_task(delete())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        page.pool.close()

    guard = {
        "max_upload_bytes": limits["max_upload_mb"] * MEGABYTE,
        "share": limits["queue_share"],
        "waiting": page.count_waiting,
    }
    routes = [
        Mount(_canvas_route(), StaticFiles(directory=CANVAS)),
        Mount("/examples", StaticFiles(directory=examples)),
    ]
    return {
        "max_file_size": f"{limits['max_upload_mb']}mb",
        "app_kwargs": {"middleware": [(Guard, (), guard)], "routes": routes, "lifespan": delete_on_schedule},
        "theme": THEME,
        "i18n": I18N,
        "css_paths": CANVAS / "canvas.css",
        "footer_links": ["api"],
        "run_history": False,  # nobody's photos are kept
        "enable_monitoring": False,
    }
