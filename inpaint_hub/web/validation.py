"""What a caller may ask of the page, and the sentence for anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from os.path import normpath
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from . import text

GROW_PX = 200  # the most
MOST_EDITS = 2000  # so many are told in a request of half a megabyte, and pasted in seconds
FORMATS = "photo", "png"
TOO_OLD = "The {name} was here for too long and was deleted. Open it again."
TOO_MANY_FILLS = (
    "This photo has {count} fills, and there can be no more. Download it, then open the downloaded file to go on."
)
UPLOAD = "an upload, as gradio_client's handle_file makes one"


class GoneError(ValueError):
    """A file that was uploaded is not there any more."""


def validate(values: Mapping[str, Any], methods: Collection[str], uploads: Path) -> None:
    """Check what a caller asks, before anything is read.

    Args:
        values: What came, by the names of an endpoint's parameters or of a page's request.
        methods: The names that `method` may have.
        uploads: The folder of uploaded files. Those of `values` that name a file in it must be there still.

    Raises:
        ValueError: A value is of the wrong kind; the sentence says what came and what to give.
        GoneError: A file is not there any more.
    """
    known: dict[str, tuple[Callable[[Any], bool], str]] = {
        "photo": (_is_file, UPLOAD),
        "mask": (_is_file, UPLOAD),
        "strokes": (_are_strokes, "a mask as layers, as an image editor hands them over, or a mask instead"),
        "method": (lambda value: isinstance(value, str) and value in methods, f"one of {', '.join(methods)}"),
        "model": (lambda value: value is None or isinstance(value, str), "owner/model, or leave it out"),
        "grow_px": (_is_grow_px, f"a whole number of pixels from 0 to {GROW_PX}"),
        "file_format": (lambda value: isinstance(value, str) and value in FORMATS, f"one of {', '.join(FORMATS)}"),
        "edits": (_are_edits, f"up to {MOST_EDITS} fills, each with its file and its box"),
        "language": (lambda value: value in text.LANGUAGES, f"one of {', '.join(text.LANGUAGES)}"),
        "preview": (lambda value: isinstance(value, bool), "true or false"),
    }
    for name, value in values.items():
        fits, wanted = known.get(name, (lambda _: True, ""))
        if not fits(value):
            raise ValueError(f"{name} is {_short(value)}; give {wanted}.")
    files = [(name, values[name]) for name in ("photo", "mask") if values.get(name)]
    files += [("fill", edit["file"]) for edit in values.get("edits", [])]
    for name, file in files:
        if not _is_there(file, uploads):
            raise GoneError(TOO_OLD.format(name=name))


def validate_request(request: Any, methods: Collection[str], uploads: Path) -> None:
    """Check a request of the page itself, where every file must be an upload.

    Raises:
        ValueError: As `validate` does.
    """
    if not isinstance(request, dict) or not request.get("photo"):
        raise ValueError(f"request is {_short(request)}; give what the page sends: photo, and what its event needs.")
    validate({"language": None, **request}, methods, uploads)
    files = [request["photo"], request.get("mask"), *(edit["file"] for edit in request.get("edits", []))]
    for file in filter(None, files):
        if uploads not in Path(normpath(file["path"])).parents or "meta" not in file:
            raise ValueError(f"a file is {_short(file['path'])}; give {UPLOAD}.")


def uploaded_path(address: str, uploads: Path) -> str | None:
    """Return the path of the file in the folder `uploads` that an address of this page names, if it names one."""
    named = re.fullmatch(r"https?://[^/]+(?:/.*)?/gradio_api/file=(.+)", address)
    path = normpath(unquote(named[1])) if named else ""
    return path if uploads in Path(path).parents else None


def _is_file(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and isinstance(value.get("path"), str))


def _is_there(file: Mapping[str, Any], uploads: Path) -> bool:
    """Whether an upload is there; no other file is looked at."""
    path = Path(normpath(file["path"]))
    try:
        return uploads not in path.parents or "\0" in file["path"] or path.exists()
    except OSError:  # a name that is too long for a file
        return False


def _are_strokes(value: Any) -> bool:
    if not isinstance(value, dict):
        return value is None
    layers = value.get("layers", [])
    return isinstance(layers, list) and all(layer is not None and _is_file(layer) for layer in layers)


def _are_edits(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_EDITS and all(map(_is_edit, value))


def _is_edit(value: Any) -> bool:
    if not isinstance(value, dict) or not value.get("file") or not _is_file(value["file"]):
        return False
    box = value.get("box")
    return isinstance(box, list) and len(box) == 4 and all(isinstance(side, int) for side in box)


def _is_grow_px(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value in range(GROW_PX + 1)


def _short(value: Any) -> str:
    shown = f"a list of {len(value)}" if isinstance(value, list) and len(value) > MOST_EDITS else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
