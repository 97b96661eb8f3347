"""What programs call: `/fill` and `/compare`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import gradio as gr
from PIL import Image

from .. import hub
from ..methods import DEFAULT
from . import photo_edit, text, validation
from .blocks import connection_checker, current_page, refuse, show_value_errors

MODEL_BYTES = 100_000_000  # of a visitor's model; those of this library have 24 MB
NO_PHOTO = text.column("en")["no_photo"]


def fill(
    photo: str,
    mask: str | None = None,
    strokes: Any = None,
    method: str = DEFAULT,
    model: str | None = None,
    grow_px: int = 0,
    file_format: str = "photo",
    progress: Any = gr.Progress(),  # noqa: B008  how Gradio asks for it
) -> tuple[tuple[str, str], str, str]:
    """Fill what is white in the mask: before and after, the filled file, and what to know about it.

    `photo` and `mask` are files; `strokes` may stand for the mask, as an image editor hands it over. `method`
    fills, or if it is given `model`, "owner/model" on the Hugging Face Hub. `file_format` is "photo" or "png".
    """
    chosen, name = choose(method, model, progress)
    progress(0.2, desc="Filling")
    options = {"grow_px": int(grow_px), "as_png": file_format == "png"}
    with show_value_errors():
        filled = _fill_by(chosen, photo, mask, strokes, **options)
    message = text.result_message(filled.pixels, filled.seconds, filled.notes, name)
    return (filled.before, filled.after), filled.path, message


def compare(
    photo: str,
    mask: str | None = None,
    strokes: Any = None,
    grow_px: int = 0,
    progress: Any = gr.Progress(),  # noqa: B008
) -> tuple[list[tuple[str, str]], str]:
    """Fill what is white in the mask by every method: the pictures with names and times, and what went wrong."""
    pictures, wrong = [], []
    own = current_page().model
    methods = text.choices(own)
    for number, (name, title) in enumerate(methods):
        words = f"{title['en']} ({name})"
        progress(number / len(methods), desc=words)
        chosen = own if name == text.OWN else name
        try:
            filled = _fill_by(chosen, photo, mask, strokes, grow_px=int(grow_px))
            pictures.append((filled.after, f"{words}: {filled.seconds:.2f} s"))
        except ValueError as error:
            wrong.append((words, error))
    if not pictures:
        refuse(wrong[0][1])
    message = "\n".join(f"- {words}: {error}" for words, error in wrong)
    return pictures, message or text.column("en")["made_up"]


def choose(method: str, model: str | None, progress: Any, language: str = "en") -> tuple[str, str]:
    """Return the method to call and what to call it; a model of the Hub is loaded first."""
    name = (model or "").strip()
    if not name:
        own = current_page().model
        titles = {name: title["en"] for name, title in text.choices(own)}
        return (own, titles[method]) if method == text.OWN else (method, f"{titles[method]} ({method})")
    progress(0, desc=f"Loading {name}")
    with show_value_errors(language):
        return str(hub.visitors_model(name, MODEL_BYTES, download_progress(progress, name))), name


def _fill_by(method: str, photo: str | None, mask: str | None, strokes: Any, **options: Any) -> photo_edit.FilledPhoto:
    if photo is None:
        raise ValueError(NO_PHOTO)
    layers = [Image.fromarray(layer) for layer in (strokes or {}).get("layers") or [] if layer is not None]
    return current_page().pool.fill_photo(photo, mask, layers, method, connection_checker(), **options)


def download_progress(progress: Any, name: str) -> Callable[[int, int], None]:
    """Return what shows a visitor how much of the model `name` has come, from whichever thread it is called."""
    visitor = copy_context()  # Gradio knows by it whose progress it is

    def tell(had: int, size: int) -> None:
        visitor.copy().run(progress, (round(had / 1e6), max(1, round(size / 1e6))), f"Loading {name}", unit="MB")

    return tell


def add_endpoints(model: str) -> None:
    """Let `/fill` and `/compare` answer on a page. Components that nobody sees say what they take and give.

    Args:
        model: The page's own.
    """
    photo, mask = gr.File(label="Photo", visible=False), gr.File(label="Mask", visible=False)
    strokes = gr.ImageEditor(label="Strokes", type="numpy", image_mode="RGBA", visible=False)
    choices = text.choices(model)
    method = gr.Dropdown(
        [(title["en"], name) for name, title in choices],
        value=text.default_choice(model),
        label="How to fill",
        visible=False,
    )
    hub_model = gr.Textbox(label="Model of the Hugging Face Hub", visible=False)
    grow_px = gr.Slider(0, validation.GROW_PX, 0, step=1, label="Grow the hole by pixels of the photo", visible=False)
    file_format = gr.Radio(validation.FORMATS, value="photo", label="Save as", visible=False)
    shown = gr.ImageSlider(label="Before and after", format="png", visible=False)
    filled, message = gr.DownloadButton("Filled", visible=False), gr.Markdown(visible=False)
    pictures, compared = gr.Gallery(label="Filled", visible=False), gr.Markdown(visible=False)
    gr.Button(visible=False).click(
        fill,
        [photo, mask, strokes, method, hub_model, grow_px, file_format],
        [shown, filled, message],
        api_name="fill",
        concurrency_id="fills",
    )
    gr.Button(visible=False).click(
        compare,
        [photo, mask, strokes, grow_px],
        [pictures, compared],
        api_name="compare",
        concurrency_id="fills",
    )
