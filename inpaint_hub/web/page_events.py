"""What the page itself calls, each with one request, which `validation.validate_request` has checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from . import photo_edit, text
from .blocks import connection_checker, current_page, show_value_errors
from .endpoints import NO_PHOTO, choose
from .marked_hole import NO_HOLE
from .validation import MOST_EDITS, TOO_MANY_FILLS

MOMENTS = 8  # requests at once that take moments; they wait for one worker


def open_photo(request: dict) -> dict:
    """Check a photo."""
    with show_value_errors(request["language"]):
        preview = request.get("preview", True)
        opened = current_page().pool.open_photo(_path(request, "photo"), connection_checker(), preview=preview)
    return _answer(opened, request)


def read_mask(request: dict) -> dict:
    """Mark what a mask picture marks."""
    return _mark(photo_edit.read_mask, request)


def select_object(request: dict) -> dict:
    """Mark the object within an outline."""
    return _mark(photo_edit.select_object, request)


def fill_hole(request: dict, progress: Any = gr.Progress()) -> dict:  # noqa: B008
    """Fill what is marked."""
    language = request["language"]
    with show_value_errors(language):
        if len(request.get("edits", [])) >= MOST_EDITS:  # one more could not be saved
            raise ValueError(TOO_MANY_FILLS.format(count=MOST_EDITS))
    method, _ = choose(request["method"], request.get("model"), progress, language)
    with show_value_errors(language):
        filled = current_page().pool.fill_hole(
            _path(request, "photo"),
            _edits(request),
            _path(request, "mask"),
            method,
            connection_checker(),
            grow_px=int(request.get("grow_px", 0)),
        )
    return _answer(filled, request)


def save_photo(request: dict) -> dict:
    """Write the photo as it is now."""
    with show_value_errors(request["language"]):
        as_png = request.get("file_format") == "png"
        saved = current_page().pool.save_photo(
            _path(request, "photo"), _edits(request), connection_checker(), as_png=as_png
        )
    return _answer(saved, request)


def _mark(function: Callable[..., photo_edit.Marked], request: dict) -> dict:
    with show_value_errors(request["language"]):
        marked = current_page().pool.mark(
            function, _path(request, "photo"), _edits(request), _path(request, "mask"), connection_checker()
        )
    return _answer(marked, request)


def _path(request: dict, name: str) -> str:
    file = request.get(name)
    if not file:
        raise ValueError(NO_HOLE if name == "mask" else NO_PHOTO)
    return str(file["path"])


def _edits(request: dict) -> list[photo_edit.Edit]:
    return [photo_edit.Edit(edit["file"]["path"], tuple(edit["box"])) for edit in request.get("edits", [])]


def _answer(result: Any, request: dict) -> dict:
    """A result's fields, its notes in the visitor's language."""
    return result._asdict() | {"notes": [text.translate(note, request["language"]) for note in result.notes]}


def add_page_events() -> None:
    """Let these events answer to the page alone, under the same limits as the endpoints."""
    moments = {"concurrency_limit": MOMENTS, "concurrency_id": "moments"}
    request, answer = gr.JSON(visible=False), gr.JSON(visible=False)
    for function, limits in (
        (fill_hole, {"concurrency_id": "fills"}),
        (open_photo, moments),
        (read_mask, moments),
        (select_object, moments),
        (save_photo, moments),
    ):
        options = {"api_name": function.__name__, "api_visibility": "private", **limits}
        gr.Button(visible=False).click(function, request, answer, **options)
