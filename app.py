"""The page: open a photo, brush over what should go, press Fill.

    python app.py --model owner/model

It runs on your machine or as a Space. Programs call its endpoints /fill and /compare.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from inspect import signature
from pathlib import Path
from queue import LifoQueue
from typing import Any, NoReturn

import gradio as gr
from gradio.context import LocalContext
from PIL import Image

from inpaint_hub import METHODS, hub
from inpaint_hub.methods import DEFAULT as DEFAULT_METHOD
from inpaint_hub.methods.registry import named
from inpaint_hub.pretrained import locate, shipped
from inpaint_hub.web import photo_edit, validation
from inpaint_hub.web.middleware import OUTSIDE, Guard
from inpaint_hub.web.text import (
    IN_BROWSERS,
    MADE_UP,
    NO_BEFORE,
    NO_EXAMPLE,
    NO_PHOTO,
    NO_RESULT,
    NO_WEBGL,
    NOT_TAKEN,
    OWN,
    PROGRAMS,
    TITLE,
    WHAT_TO_DO,
    WORDS,
    choices,
    chosen_at_first,
    told,
)
from inpaint_hub.web.worker_pool import Filler, new_folder
from inpaint_hub.worker import Worker

HERE = Path(__file__).parent
EXAMPLES = sorted((HERE / "examples").glob("*.jpg"))
PICTURED = dict(  # what an example shows, by its file's name
    re.findall(r"\| `(.+?)` \| .+? \| (.+?) \|", (HERE / "examples/README.md").read_text(encoding="utf-8"))
)
BRUSH_COLOR = "#ff8a3d"
MODEL_BYTES = 100_000_000  # of a visitor's model; those of this library have 24 MB
LIMITS = {  # flag: what it is unless given or in $INPAINT_<FLAG>, and what it limits
    "queue": (20, "visitors who may wait; the next one is told that it is full"),
    "concurrency": (1, "photos filled at once, each in a process of its own"),
    "max_upload_mb": (50, "megabytes of a file"),
    "max_megapixels": (100, "megapixels of a photo"),
    "time_limit": (120, "seconds for a photo and a method; then the work is stopped"),
    "keep": (3600, "seconds after which what was uploaded and filled is deleted"),
}

EDITOR_HEIGHT_PX = 460
DIVIDER = '<input id="divider" type="range" aria-label="How much is shown of the photo before, in percent">'
BUSY = "() => { document.getElementById('fill').classList.add('busy') }"
READY = "() => { document.getElementById('fill').classList.remove('busy') }"
# Gradio uploads an editor anew at every step of an event that takes it as input, and all of its pictures. So an event
# first copies the strokes alone, in the browser, to a hidden editor.
STROKES = "value => ({background: null, layers: value?.layers ?? [], composite: null})"
SHOW_RESULT = """() => {
  document.getElementById('result').scrollIntoView({behavior: 'smooth', block: 'nearest'})
  return {__type__: 'update', interactive: true}  // the download button
}"""
NAMES = json.dumps([PICTURED.get(path.name, path.stem) for path in EXAMPLES])
HEAD = f"<script>\nconst pictured = {NAMES}\n{(HERE / 'app.js').read_text(encoding='utf-8')}</script>"
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


FETCH_ANYTHING = gr.blocks.Block.async_move_resource_to_block_cache


async def take_uploads_alone(component: gr.blocks.Block, path: str | Path | None) -> str | None:
    """The cached copy of an upload, where Gradio's own would fetch any address that a caller names.

    An upload may be named by its address on this page, as MCP's clients do.
    """
    if re.match(r"https?:", str(path)):
        path = validation.uploaded(str(path), Path(component.GRADIO_CACHE))
        if path is None:
            raise gr.Error(OUTSIDE, print_exception=False)
    cached: str | None = await FETCH_ANYTHING(component, path)
    return cached


class Page(gr.Blocks):
    """A page that says in a sentence what it cannot take, where Gradio is silent or names its classes."""

    methods: Collection[str] = ()  # that may be chosen

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> list[Any]:
        """What an event's function takes; `inputs` as they came."""
        if block_fn.fn is None:
            raise gr.Error(IN_BROWSERS, print_exception=False)
        names = [name for name in signature(block_fn.fn).parameters if name != "progress"]
        try:
            if len(inputs) < len(block_fn.inputs):
                raise gr.Error(f"{len(inputs)} values came; give {', '.join(names)}.")
            wrong = validation.refusal(dict(zip(names, inputs, strict=False)), self.methods, Path(self.GRADIO_CACHE))
            if wrong:
                raise gr.Error(wrong)
            taken: list[Any] = await super().preprocess_data(block_fn, inputs, *arguments, **options)
        except Exception as error:  # whatever a stranger's files may lead to
            sentence = error.message if isinstance(error, gr.Error) else NOT_TAKEN
            raise gr.Error(sentence, print_exception=False) from error
        return taken


def someone_waits() -> Callable[[], bool]:
    """What says whether the visitor whose event runs here is still connected."""
    page, number = (variable.get(None) for variable in (LocalContext.blocks, LocalContext.event_id))
    event = page._queue.event_ids_to_events.get(number) if page else None
    return lambda: event is None or event.alive


def telling(progress: Any, name: str) -> Callable[[int, int], None]:
    """What shows a visitor how much of the model `name` has come, from whichever thread it is called."""
    visitor = copy_context()  # Gradio knows by it whose progress it is

    def tell(had: int, size: int) -> None:
        visitor.copy().run(progress, (round(had / 1e6), max(1, round(size / 1e6))), f"Loading {name}", unit="MB")

    return tell


def refuse(sentence: str) -> NoReturn:
    """Say it on the page, and to callers of the endpoint."""
    gr.Warning(sentence)
    raise gr.Error(sentence, visible=False, print_exception=False)


@contextmanager
def sentences() -> Iterator[None]:
    """Within, what is not possible is said."""
    try:
        yield
    except ValueError as error:
        refuse(str(error))


def build(model: str = DEFAULT_METHOD, **limits: int) -> gr.Blocks:
    """The page, which fills with `model` unless a visitor chooses another method; for `limits` see LIMITS."""
    gr.blocks.Block.async_move_resource_to_block_cache = take_uploads_alone  # of every component, for good
    limit = {name: default for name, (default, _) in LIMITS.items()} | limits
    workers: LifoQueue[Worker] = LifoQueue()
    for _ in range(limit["concurrency"]):
        workers.put(Worker(limit["time_limit"]))
    with Page(title=TITLE, analytics_enabled=False, delete_cache=(min(60, limit["keep"]), limit["keep"])) as page:
        page.methods = [name for _, name in choices(model)]
        filler = Filler(workers, limit["max_megapixels"] * 10**6, partial(new_folder, page.GRADIO_CACHE, limit["keep"]))
        gr.Markdown(f"# {TITLE}\n{WHAT_TO_DO}", elem_id="intro")
        with gr.Tabs():
            with gr.Tab("Fill"):
                parts = _fill_tab(model, f"up to {limit['max_upload_mb']} MB, {limit['max_megapixels']} megapixels")
            with gr.Tab("Compare"):
                gr.Markdown("The same hole, filled by every method, with the time that each took.")
                compare_button = gr.Button("Compare all methods", variant="primary", elem_id="compare")
                gallery = gr.Gallery(label="Filled", columns=2, object_fit="contain", elem_id="gallery")
                compared = gr.Markdown(elem_id="compared")
            with gr.Tab("Networks", elem_id="known"):  # all names fit on a phone
                _cards(model)
            with gr.Tab("API"):
                gr.Markdown(PROGRAMS.format(methods=", ".join(f"`{name}`" for name in METHODS)), elem_id="programs")
        _events(filler, model, **parts, compare_button=compare_button, gallery=gallery, compared=compared)
    page.queue(max_size=limit["queue"], default_concurrency_limit=limit["concurrency"], api_open=False)
    return page


def _fill_tab(model: str, most: str) -> dict[str, Any]:
    """The components of the first tab by name; `most` says how large a photo may be."""
    with gr.Row():
        with gr.Column(min_width=320):  # an editor placed directly in a row takes the row's width
            photo = gr.File(
                label=f"Photo ({most})",
                file_types=["image", ".heic", ".avif", ".tif"],
                height=110,
                elem_id="photo",
            )
            examples = gr.Dataset(
                components=[gr.Image(visible=False)],
                samples=[[str(path)] for path in EXAMPLES],
                label="Or try one of these",
                type="index",
                elem_id="examples",
            )
            editor = gr.ImageEditor(
                label="Brush here",
                sources=(),
                transforms=(),
                layers=False,
                brush=gr.Brush(default_size=20, colors=[BRUSH_COLOR], default_color=BRUSH_COLOR, color_mode="fixed"),
                eraser=gr.Eraser(default_size=20),
                buttons=[],
                height=EDITOR_HEIGHT_PX,
                placeholder=" ",  # Gradio's own asks for a tool before there is a photo
                elem_id="editor",
            )
            gr.Markdown(NO_WEBGL, elem_id="no-webgl")  # shown where it is so
            with gr.Accordion("More choices", open=False, elem_id="more"):
                mask = gr.File(label="A mask instead of brushing: white is filled", height=100, elem_id="mask")
                grow = gr.Slider(
                    0, validation.GROW_PX, 0, step=1, label="Grow the brushed area by (pixels of the photo)"
                )
                hub_id = gr.Textbox(label="Fill with a model of the Hugging Face Hub", placeholder="owner/model")
                file_format = gr.Radio(
                    [("Like the photo", "photo"), ("PNG – what was not brushed over stays exact", "png")],
                    value="photo",
                    label="Save as",
                )
            method = gr.Dropdown(
                choices(model),
                value=chosen_at_first(model),
                label="How to fill",
                elem_id="method",
            )
            button = gr.Button("Fill", variant="primary", elem_id="fill")
        with gr.Column(min_width=320):
            slider = gr.ImageSlider(
                label="Before and after",
                slider_position=10,  # in percent: what is seen first is the result
                format="png",
                buttons=["fullscreen"],
                height=EDITOR_HEIGHT_PX,
                max_height=EDITOR_HEIGHT_PX,
                elem_id="result",
            )
            gr.HTML(DIVIDER, elem_id="keys")
            said = gr.Markdown(elem_id="said")
            download = gr.DownloadButton("Download", interactive=False, elem_id="download")
            with gr.Row():
                go_on = gr.Button("Continue from the result", elem_id="continue")
                back = gr.Button("Undo", elem_id="undo")
    sent = gr.ImageEditor(label="Strokes", type="numpy", image_mode="RGBA", visible=False)
    used = gr.File(label="The mask of the last result", visible=False)
    return {name: part for name, part in locals().items() if name not in ("model", "most")}


def _cards(model: str) -> None:
    """What the page's own network and the shipped ones were trained on, with their figures."""
    if model not in METHODS:
        _card(choices(model)[0][0], hub.folder_of(model))  # without samples: they may be nobody else's business
    for name in shipped():
        folder = Path(locate(name))
        _card(WORDS.get(name, name), folder, folder / "sheet.png")


def _card(words: str, folder: Path, samples: Path | None = None) -> None:
    """A model folder's card, that can be opened."""
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else "This model came without a card."
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    with gr.Accordion(words, open=False):
        if samples and samples.is_file():
            gr.Image(samples, label="Original, masked, completed", interactive=False, buttons=[])
        gr.Markdown(re.sub(r"!\[[^\]]*\]\([^)]*\)\n*(\*.*\*\n)?", "", text))


def _events(filler: Filler, own_model: str, **part: Any) -> None:
    """Who listens to what. Public are `/fill` and `/compare`; the rest is the page's own, under the same limits."""

    def fill_by(method: str, photo: str | None, mask: str | None, strokes: Any, **options: Any) -> photo_edit.Filled:
        if photo is None:
            raise ValueError(NO_PHOTO)
        layers = [Image.fromarray(layer) for layer in (strokes or {}).get("layers") or [] if layer is not None]
        return filler.fill(photo, mask, layers, method, someone_waits(), **options)

    def fill(
        photo: str,
        mask: str | None = None,
        strokes: Any = None,
        method: str = chosen_at_first(own_model),
        model: str | None = None,
        grow_px: int = 0,
        file_format: str = "photo",
        progress: Any = gr.Progress(),  # noqa: B008  how Gradio asks for it
    ) -> tuple[tuple[str, str], str, str]:
        """Fill what is white in the mask: before and after, the filled file, and what to know about it.

        `photo` and `mask` are files; `strokes` may stand for the mask, as the page's editor hands them over. `method`
        fills, or if it is given `model`, "owner/model" on the Hugging Face Hub. `file_format` is "photo" or "png".
        """
        words = {name: words for words, name in choices(own_model)}
        chosen, name = own_model if method == OWN else method, words.get(method, method)
        if model and model.strip():
            name = model.strip()
            progress(0, desc=f"Loading {name}")
            with sentences():
                chosen = str(hub.visitors_model(name, MODEL_BYTES, telling(progress, name)))
        progress(0.2, desc="Filling")
        with sentences():
            filled = fill_by(chosen, photo, mask, strokes, grow_px=int(grow_px), as_png=file_format == "png")
        return (filled.before, filled.after), filled.path, told(filled, name)

    def compare(
        photo: str,
        mask: str | None = None,
        strokes: Any = None,
        grow_px: int = 0,
        progress: Any = gr.Progress(),  # noqa: B008
    ) -> tuple[list[tuple[str, str]], str]:
        """Fill what is white in the mask by every method: the pictures with names and times, and what went wrong."""
        pictures, wrong = [], []
        for number, (words, name) in enumerate(choices(own_model)):
            progress(number / len(choices(own_model)), desc=words)
            try:
                filled = fill_by(own_model if name == OWN else name, photo, mask, strokes, grow_px=int(grow_px))
                pictures.append((filled.after, f"{words}: {filled.seconds:.2f} s"))
            except ValueError as error:
                wrong.append((words, str(error)))
        if not pictures:
            refuse(wrong[0][1])
        return pictures, "\n".join(f"- {words}: {sentence}" for words, sentence in wrong) or MADE_UP

    def open_photo(photo: str | None, mask: str | None, used: str | None) -> tuple[Any, None, str, Any, Any]:
        """A copy to brush on; what was shown of another photo goes, and the mask that it was filled by."""
        with sentences():
            copy = filler.editing_copy(photo, someone_waits()) if photo else None
        return copy, None, "", gr.update(interactive=False), None if mask and mask == used else gr.skip()

    def open_example(number: int) -> str:
        if number not in range(len(EXAMPLES)):
            refuse(NO_EXAMPLE)
        return shutil.copy(EXAMPLES[number], filler.folder())

    def go_on(result: str | None, photo: str | None, before: list[str]) -> tuple[str, list[str]]:
        if not result or not photo:
            refuse(NO_RESULT)
        return result, [*before, photo]

    def go_back(before: list[str]) -> tuple[str, list[str]]:
        if not before:
            refuse(NO_BEFORE)
        return before[-1], before[:-1]

    photo, mask, used, download, said, sent = (
        part[name] for name in ("photo", "mask", "used", "download", "said", "sent")
    )
    before = gr.State([])
    own = {"api_visibility": "private"}
    shown = [part["editor"], part["slider"], said, download, mask]
    photo.change(open_photo, [photo, mask, used], shown, show_progress_on=said, **own)
    photo.clear(list, None, before, **own)
    part["examples"].click(open_example, part["examples"], photo, show_progress_on=part["examples"], **own)
    part["go_on"].click(go_on, [download, photo, before], [photo, before], show_progress="hidden", **own)
    part["back"].click(go_back, before, [photo, before], show_progress="hidden", **own)

    part["button"].click(None, js=BUSY)
    copied = part["button"].click(None, part["editor"], sent, js=STROKES)
    wanted = [photo, mask, sent, part["method"], part["hub_id"], part["grow"], part["file_format"]]
    filled = copied.success(fill, wanted, [part["slider"], download, said], api_name="fill")
    for ended in (copied.failure, filled.failure, filled.success):
        ended(None, js=READY)
    filled.success(None, mask, used, js="mask => mask")
    filled.success(None, None, download, js=SHOW_RESULT)
    copied = part["compare_button"].click(None, part["editor"], sent, js=STROKES)
    wanted = [photo, mask, sent, part["grow"]]
    copied.success(compare, wanted, [part["gallery"], part["compared"]], api_name="compare")


def parse_args() -> argparse.Namespace:
    """The command line; what is not given comes from the environment."""
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
        named(args.model)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"cannot load the model {args.model!r}: {error}")
    build(args.model, **{name: getattr(args, name) for name in LIMITS}).launch(
        server_name=args.host,
        server_port=args.port,
        max_file_size=f"{args.max_upload_mb}mb",
        app_kwargs={"middleware": [(Guard, (), {})]},
        mcp_server=args.mcp,
        theme=THEME,
        css_paths=HERE / "app.css",
        head=HEAD,
        footer_links=["api"],
        run_history=False,  # nobody's photos are kept
        enable_monitoring=False,
    )


if __name__ == "__main__":
    main()
