"""The page: open a photo, brush over what should go, press Fill.

    python app.py --model owner/model

It runs on your machine or as a Space. Programs call its endpoints /fill and /compare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import copy_context
from hashlib import sha256
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import gradio as gr
from gradio import route_utils
from gradio.context import LocalContext
from PIL import Image
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

import inpaint_hub.web
from inpaint_hub import METHODS, hub
from inpaint_hub.methods import DEFAULT as DEFAULT_METHOD
from inpaint_hub.methods.registry import get_method
from inpaint_hub.pretrained import shipped, shipped_folder
from inpaint_hub.web import photo_edit, text, validation
from inpaint_hub.web.middleware import MEGABYTE, OUTSIDE, Guard
from inpaint_hub.web.worker_pool import WorkerPool, delete_old_files

HERE = Path(__file__).parent
CANVAS = Path(inpaint_hub.web.__file__).parent / "canvas"  # the browser's part
EXAMPLES = sorted((HERE / "examples").glob("*.jpg"))
EXAMPLE_STROKES = json.loads((HERE / "examples/strokes.json").read_text(encoding="utf-8"))
MODEL_BYTES = 100_000_000  # of a visitor's model; those of this library have 24 MB
SMALL_PHOTO = 32  # a network is offered first for photos of up to so many times the largest hole that it was trained on
MOMENTS = 8  # requests at once that take moments; they wait for one worker
LIMITS = {  # flag: what it is unless given or in $INPAINT_<FLAG>, and what it limits
    "queue": (20, "requests that may wait; the next one is told that the queue is full"),
    "queue_share": (8, "requests of one address that may wait; 0 for any number, behind a proxy that hides addresses"),
    "concurrency": (1, "photos filled at once, each in a process of its own"),
    "max_upload_mb": (50, "megabytes of a file"),
    "max_megapixels": (100, "megapixels of a photo"),
    "time_limit": (120, "seconds for a photo and a method; then the work is stopped"),
    "keep": (3600, "seconds after which what was uploaded and filled is deleted"),
}
NOT_TAKEN = "The arguments cannot be read. Give uploads of pictures, as gradio_client's handle_file makes them."
NO_PHOTO = text.column("en")["no_photo"]
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

FETCH_ANYTHING = gr.blocks.Block.async_move_resource_to_block_cache


async def restrict_to_uploads(component: gr.blocks.Block, path: str | Path | None) -> str | None:
    """Return the cached copy of an upload, where Gradio's own would fetch any address that a caller names.

    An upload may be named by its address on this page, as MCP's clients do.
    """
    if re.match(r"https?:", str(path)):
        path = validation.uploaded_path(str(path), Path(component.GRADIO_CACHE))
        if path is None:
            raise gr.Error(OUTSIDE, print_exception=False)
    cached: str | None = await FETCH_ANYTHING(component, path)
    return cached


class UploadParser(route_utils.GradioMultiPartParser):
    """Gradio's parser of uploads, which leaves no half of a file behind."""

    async def parse(self) -> Any:
        """Return the form; delete what came where it breaks off."""
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                file.close()
                Path(file.name).unlink(missing_ok=True)
            raise


class Page(gr.Blocks):
    """A page that says in a sentence what it cannot take, where Gradio is silent or names its classes."""

    methods: Collection[str]  # that may be chosen
    pool: WorkerPool

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> list[Any]:
        """Return what an event's function takes; `inputs` as they came."""
        names = [name for name in signature(block_fn.fn).parameters if name != "progress"]
        language = "en"
        try:
            if len(inputs) < len(block_fn.inputs):
                raise ValueError(f"{len(inputs)} values came; give {', '.join(names)}.")
            values, uploads = dict(zip(names, inputs, strict=False)), Path(self.GRADIO_CACHE)
            if "request" in values:
                validation.validate_request(values["request"], self.methods, uploads)
                language = values["request"]["language"]
            else:
                validation.validate(values, self.methods, uploads)
            taken: list[Any] = await super().preprocess_data(block_fn, inputs, *arguments, **options)
        except gr.Error as error:
            raise gr.Error(error.message, print_exception=False) from error
        except ValueError as error:
            refuse(error, language)
        except Exception as error:  # whatever a stranger's files may lead to
            raise gr.Error(NOT_TAKEN, print_exception=False) from error
        return taken

    def count_waiting(self, same: Callable[[str], bool]) -> int:
        """Count the events that wait or run, of the client addresses that are the same visitor's."""
        clients = [event.request.client for event in list(self._queue.event_ids_to_events.values())]
        return sum(client is not None and same(client.host) for client in clients)


def connection_checker() -> Callable[[], bool]:
    """Return what says whether the visitor whose event runs here is still connected."""
    page, number = (variable.get(None) for variable in (LocalContext.blocks, LocalContext.event_id))
    event = page._queue.event_ids_to_events.get(number) if page else None
    return lambda: event is None or event.alive


def download_progress(progress: Any, name: str) -> Callable[[int, int], None]:
    """Return what shows a visitor how much of the model `name` has come, from whichever thread it is called."""
    visitor = copy_context()  # Gradio knows by it whose progress it is

    def tell(had: int, size: int) -> None:
        visitor.copy().run(progress, (round(had / 1e6), max(1, round(size / 1e6))), f"Loading {name}", unit="MB")

    return tell


def refuse(error: ValueError, language: str = "en") -> NoReturn:
    """Tell the caller of an event what is not possible. The title says what the page itself can do about it."""
    kind = "gone" if isinstance(error, validation.GoneError) else "refused"
    sentence = text.translate(str(error), language)
    raise gr.Error(sentence, title=kind, visible=False, print_exception=False) from error


@contextmanager
def show_value_errors(language: str = "en") -> Iterator[None]:
    """Within, what is not possible is told to the caller."""
    try:
        yield
    except ValueError as error:
        refuse(error, language)


class Endpoints(NamedTuple):
    """What programs call: `/fill` and `/compare`."""

    pool: WorkerPool
    model: str  # the page's own

    def fill(
        self,
        photo: str,
        mask: str | None = None,
        strokes: Any = None,
        method: str = DEFAULT_METHOD,
        model: str | None = None,
        grow_px: int = 0,
        file_format: str = "photo",
        progress: Any = gr.Progress(),  # noqa: B008  how Gradio asks for it
    ) -> tuple[tuple[str, str], str, str]:
        """Fill what is white in the mask: before and after, the filled file, and what to know about it.

        `photo` and `mask` are files; `strokes` may stand for the mask, as an image editor hands it over. `method`
        fills, or if it is given `model`, "owner/model" on the Hugging Face Hub. `file_format` is "photo" or "png".
        """
        chosen, name = self.choose(method, model, progress)
        progress(0.2, desc="Filling")
        options = {"grow_px": int(grow_px), "as_png": file_format == "png"}
        with show_value_errors():
            filled = self._fill_by(chosen, photo, mask, strokes, **options)
        message = text.result_message(filled.pixels, filled.seconds, filled.notes, name)
        return (filled.before, filled.after), filled.path, message

    def compare(
        self,
        photo: str,
        mask: str | None = None,
        strokes: Any = None,
        grow_px: int = 0,
        progress: Any = gr.Progress(),  # noqa: B008
    ) -> tuple[list[tuple[str, str]], str]:
        """Fill what is white in the mask by every method: the pictures with names and times, and what went wrong."""
        pictures, wrong = [], []
        methods = text.choices(self.model)
        for number, (name, title) in enumerate(methods):
            words = f"{title['en']} ({name})"
            progress(number / len(methods), desc=words)
            chosen = self.model if name == text.OWN else name
            try:
                filled = self._fill_by(chosen, photo, mask, strokes, grow_px=int(grow_px))
                pictures.append((filled.after, f"{words}: {filled.seconds:.2f} s"))
            except ValueError as error:
                wrong.append((words, error))
        if not pictures:
            refuse(wrong[0][1])
        message = "\n".join(f"- {words}: {error}" for words, error in wrong)
        return pictures, message or text.column("en")["made_up"]

    def choose(self, method: str, model: str | None, progress: Any, language: str = "en") -> tuple[str, str]:
        """Return the method to call and what to call it; a model of the Hub is loaded first."""
        name = (model or "").strip()
        if not name:
            titles = {name: title["en"] for name, title in text.choices(self.model)}
            return (self.model, titles[method]) if method == text.OWN else (method, f"{titles[method]} ({method})")
        progress(0, desc=f"Loading {name}")
        with show_value_errors(language):
            return str(hub.visitors_model(name, MODEL_BYTES, download_progress(progress, name))), name

    def _fill_by(
        self, method: str, photo: str | None, mask: str | None, strokes: Any, **options: Any
    ) -> photo_edit.FilledPhoto:
        if photo is None:
            raise ValueError(NO_PHOTO)
        layers = [Image.fromarray(layer) for layer in (strokes or {}).get("layers") or [] if layer is not None]
        return self.pool.fill_photo(photo, mask, layers, method, connection_checker(), **options)


class PageEvents(NamedTuple):
    """What the page itself calls, each with one request, which `validation.validate_request` has checked."""

    endpoints: Endpoints

    def open_photo(self, request: dict) -> dict:
        """Check a photo."""
        with show_value_errors(request["language"]):
            preview = request.get("preview", True)
            opened = self.endpoints.pool.open_photo(_path(request, "photo"), connection_checker(), preview=preview)
        return _answer(opened, request)

    def read_mask(self, request: dict) -> dict:
        """Mark what a mask picture marks."""
        return self._mark(photo_edit.read_mask, request)

    def select_object(self, request: dict) -> dict:
        """Mark the object within an outline."""
        return self._mark(photo_edit.select_object, request)

    def fill_hole(self, request: dict, progress: Any = gr.Progress()) -> dict:  # noqa: B008
        """Fill what is marked."""
        language = request["language"]
        method, _ = self.endpoints.choose(request["method"], request.get("model"), progress, language)
        with show_value_errors(language):
            filled = self.endpoints.pool.fill_hole(
                _path(request, "photo"),
                _edits(request),
                _path(request, "mask"),
                method,
                connection_checker(),
                grow_px=int(request.get("grow_px", 0)),
            )
        return _answer(filled, request)

    def save_photo(self, request: dict) -> dict:
        """Write the photo as it is now."""
        with show_value_errors(request["language"]):
            as_png = request.get("file_format") == "png"
            saved = self.endpoints.pool.save_photo(
                _path(request, "photo"), _edits(request), connection_checker(), as_png=as_png
            )
        return _answer(saved, request)

    def _mark(self, function: Callable[..., photo_edit.Marked], request: dict) -> dict:
        with show_value_errors(request["language"]):
            marked = self.endpoints.pool.mark(
                function, _path(request, "photo"), _edits(request), _path(request, "mask"), connection_checker()
            )
        return _answer(marked, request)


def _path(request: dict, name: str) -> str:
    file = request.get(name)
    if not file:
        raise ValueError(photo_edit.NO_HOLE if name == "mask" else NO_PHOTO)
    return str(file["path"])


def _edits(request: dict) -> list[photo_edit.Edit]:
    return [photo_edit.Edit(edit["file"]["path"], tuple(edit["box"])) for edit in request.get("edits", [])]


def _answer(result: Any, request: dict) -> dict:
    """A result's fields, its notes in the visitor's language."""
    return result._asdict() | {"notes": [text.translate(note, request["language"]) for note in result.notes]}


def build(model: str = DEFAULT_METHOD, **limits: int) -> Page:
    """Build the page, which fills with `model` unless a visitor chooses another method.

    Args:
        model: A method, a model folder, or "owner/model".
        **limits: See LIMITS.

    Returns:
        The page, to be launched with `launch_options`.
    """
    gr.blocks.Block.async_move_resource_to_block_cache = restrict_to_uploads  # of every component, for good
    route_utils.GradioMultiPartParser = UploadParser
    limit = {name: default for name, (default, _) in LIMITS.items()} | limits
    with Page(title=text.TITLE, analytics_enabled=False, delete_cache=(min(60, limit["keep"]), limit["keep"])) as page:
        page.methods = [choice.name for choice in text.choices(model)]
        max_pixels = limit["max_megapixels"] * 10**6
        page.pool = WorkerPool(limit["concurrency"], limit["time_limit"], max_pixels, page.GRADIO_CACHE, model)
        endpoints = Endpoints(page.pool, model)
        gr.HTML(
            html_template=(CANVAS / "canvas.html").read_text(encoding="utf-8"),
            js_on_load=_import_js("main.js", "start(element, props)"),
            apply_default_css=False,
            elem_id="canvas",
            texts={language: text.column(language) for language in text.LANGUAGES},
            methods=[_describe(choice, model) for choice in text.choices(model)],
            default_method=text.default_choice(model),
            examples=[_describe_example(path) for path in EXAMPLES],
            limits={name: limit[name] for name in ("max_upload_mb", "max_megapixels")},
        )
        with gr.Accordion(I18N("networks"), open=False, elem_id="networks"):
            _show_cards(model)
        with gr.Accordion(I18N("api"), open=False, elem_id="api"):
            gr.Markdown(text.API_INTRODUCTION.format(methods=", ".join(f"`{name}`" for name in METHODS)))
            gr.HTML(
                js_on_load=_import_js("snippets.js", "showSnippets(element, props.snippets)"),
                snippets=text.SNIPPETS,
                elem_id="snippets",
            )
        _wire_endpoints(endpoints)
        _wire_page(PageEvents(endpoints))
    page.queue(max_size=limit["queue"], default_concurrency_limit=limit["concurrency"], api_open=False)
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


def _describe_example(path: Path) -> dict[str, Any]:
    title = text.by_language(text.EXAMPLE_TITLES.get(path.name, (path.stem,) * len(text.LANGUAGES)))
    return {
        "address": f"examples/{path.name}",
        "name": path.name,
        "title": title,
        "strokes": EXAMPLE_STROKES.get(path.name, []),
    }


def _show_cards(model: str) -> None:
    """What the page's own network and the shipped ones were trained on, with their figures."""
    if model not in METHODS:
        _show_card(text.choices(model)[0].title["en"], hub.folder_of(model))  # its samples may be nobody's business
    for name in shipped():
        folder = Path(shipped_folder(name))
        _show_card(name, folder, folder / "sheet.png")


def _show_card(title: str, folder: Path, samples: Path | None = None) -> None:
    """A model folder's card, that can be opened."""
    readme = folder / "README.md"
    card = readme.read_text(encoding="utf-8") if readme.is_file() else "This model came without a card."
    card = re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL)
    with gr.Accordion(title, open=False):
        if samples and samples.is_file():
            gr.Image(samples, label="Original, masked, completed", interactive=False, buttons=[])
        gr.Markdown(re.sub(r"!\[[^\]]*\]\([^)]*\)\n*(\*.*\*\n)?", "", card))


def _wire_endpoints(endpoints: Endpoints) -> None:
    """Let `/fill` and `/compare` answer. Components that nobody sees say what they take and give."""
    photo, mask = gr.File(label="Photo", visible=False), gr.File(label="Mask", visible=False)
    strokes = gr.ImageEditor(label="Strokes", type="numpy", image_mode="RGBA", visible=False)
    choices = text.choices(endpoints.model)
    method = gr.Dropdown(
        [(title["en"], name) for name, title in choices],
        value=text.default_choice(endpoints.model),
        label="How to fill",
        visible=False,
    )
    model = gr.Textbox(label="Model of the Hugging Face Hub", visible=False)
    grow_px = gr.Slider(0, validation.GROW_PX, 0, step=1, label="Grow the hole by pixels of the photo", visible=False)
    file_format = gr.Radio(validation.FORMATS, value="photo", label="Save as", visible=False)
    shown = gr.ImageSlider(label="Before and after", format="png", visible=False)
    filled, message = gr.DownloadButton("Filled", visible=False), gr.Markdown(visible=False)
    pictures, compared = gr.Gallery(label="Filled", visible=False), gr.Markdown(visible=False)
    gr.Button(visible=False).click(
        endpoints.fill,
        [photo, mask, strokes, method, model, grow_px, file_format],
        [shown, filled, message],
        api_name="fill",
        concurrency_id="fills",
    )
    gr.Button(visible=False).click(
        endpoints.compare,
        [photo, mask, strokes, grow_px],
        [pictures, compared],
        api_name="compare",
        concurrency_id="fills",
    )


def _wire_page(events: PageEvents) -> None:
    """Let the page's own events answer to the page alone, under the same limits."""
    moments = {"concurrency_limit": MOMENTS, "concurrency_id": "moments"}
    request, answer = gr.JSON(visible=False), gr.JSON(visible=False)
    for function, limits in (
        (events.fill_hole, {"concurrency_id": "fills"}),
        (events.open_photo, moments),
        (events.read_mask, moments),
        (events.select_object, moments),
        (events.save_photo, moments),
    ):
        options = {"api_name": function.__name__, "api_visibility": "private", **limits}
        gr.Button(visible=False).click(function, request, answer, **options)


def launch_options(page: Page, **limits: int) -> dict[str, Any]:
    """Return what `page.launch` takes; for `limits` see LIMITS."""

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
        Mount("/examples", StaticFiles(directory=HERE / "examples")),
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


def parse_args() -> argparse.Namespace:
    """Read the command line; what is not given comes from the environment."""
    parser = argparse.ArgumentParser(description="Open the page that fills holes in photos.")
    parser.add_argument(
        "--model",
        default=os.environ.get("INPAINT_MODEL") or DEFAULT_METHOD,
        help="a shipped name or another method, a local folder, or owner/model on the Hub, which fills unless a visitor"
        f" chooses another (default: $INPAINT_MODEL, or {DEFAULT_METHOD})",
    )
    parser.add_argument("--host", help="address to listen on (default: $GRADIO_SERVER_NAME, or 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: $GRADIO_SERVER_PORT, or 7860)")
    parser.add_argument("--mcp", action="store_true", help="answer as an MCP server too (pip install 'gradio[mcp]')")
    for name, (default, what) in LIMITS.items():
        variable = f"INPAINT_{name.upper()}"
        value = int(os.environ.get(variable) or default)
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{what} (default: ${variable}, or {default})")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        get_method(args.model)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"cannot load the model {args.model!r}: {error}")
    limits = {name: getattr(args, name) for name in LIMITS}
    page = build(args.model, **limits)
    page.launch(server_name=args.host, server_port=args.port, mcp_server=args.mcp, **launch_options(page, **limits))


if __name__ == "__main__":
    main()
