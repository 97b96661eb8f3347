"""What a caller may ask of the page, and the sentence for anything else. Knows no Gradio."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from os.path import normpath
from pathlib import Path
from typing import Any
from urllib.parse import unquote

GROW_PX = 200  # the most
FORMATS = "photo", "png"
TOO_OLD = "The {name} lay here for too long and was deleted: open it again."
UPLOAD = "an upload, as gradio_client's handle_file makes one"


def refusal(asked: Mapping[str, Any], methods: Collection[str], uploads: Path) -> str | None:
    """Why what a caller asks cannot be done, if that is seen before anything is read; values by the endpoints' names.

    `method` must be one of `methods`. Files in the folder `uploads` must be there still.
    """
    known: dict[str, tuple[Callable[[Any], bool], str]] = {
        "photo": (_file, UPLOAD),
        "mask": (_file, UPLOAD),
        "strokes": (_strokes, "what the page's editor hands over, or a mask instead"),
        "method": (lambda value: isinstance(value, str) and value in methods, f"one of {', '.join(methods)}"),
        "model": (lambda value: value is None or isinstance(value, str), "owner/model, or leave it out"),
        "grow_px": (_grow_px, f"a whole number of pixels from 0 to {GROW_PX}"),
        "file_format": (lambda value: isinstance(value, str) and value in FORMATS, f"one of {', '.join(FORMATS)}"),
    }
    for name, value in asked.items():
        fits, wanted = known.get(name, (lambda _: True, ""))
        if not fits(value):
            return f"{name} is {_short(value)}; give {wanted}."
    for name in ("photo", "mask"):
        path = Path(normpath((asked.get(name) or {}).get("path", uploads)))
        if uploads in path.parents and not path.exists():
            return TOO_OLD.format(name=name)
    return None


def uploaded(address: str, uploads: Path) -> str | None:
    """The path of the file in the folder `uploads` that an address of this page names, if it names one."""
    named = re.fullmatch(r"https?://[^/]+(?:/.*)?/gradio_api/file=(.+)", address)
    path = normpath(unquote(named[1])) if named else ""
    return path if uploads in Path(path).parents else None


def _file(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and isinstance(value.get("path"), str))


def _strokes(value: Any) -> bool:
    if not isinstance(value, dict):
        return value is None
    layers = value.get("layers", [])
    return isinstance(layers, list) and all(layer is not None and _file(layer) for layer in layers)


def _grow_px(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value in range(GROW_PX + 1)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
