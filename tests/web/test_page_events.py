"""What the page itself calls: a photo is opened, filled and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_client import fetched, output_of, page_request
from page_server import PATIENCE_S, Server
from paths import ROOT
from PIL import Image
from sample_photos import photo_of, some_hole

import app
from inpaint_hub.web import marked_hole, photo_edit, text, validation

PAGE_EVENTS = "fill_hole", "open_photo", "read_mask", "select_object", "save_photo"
pytestmark = pytest.mark.timeout(3 * PATIENCE_S)


def test_page_events_fill_a_hole_twice_and_save_every_other_pixel_exactly(
    server: Server, files: dict[str, Any], tmp_path: Path
) -> None:
    photo, hole = photo_of(40, 60), some_hole(40, 60)
    request = page_request(server, tmp_path)
    (first,) = output_of(server, "fill_hole", request)["data"]
    left, top, *_ = first["box"]
    assert np.array_equal(fetched(server, first["patch"])[0, 0], photo[top, left])
    Image.fromarray(hole[::-1]).save(tmp_path / "mask.png")
    patch = {"path": first["patch"], "meta": {"_type": "gradio.FileData"}}
    edits = [{"file": patch, "box": first["box"]}]
    (second,) = output_of(server, "fill_hole", page_request(server, tmp_path, edits=edits))["data"]
    patch = {"path": second["patch"], "meta": {"_type": "gradio.FileData"}}
    edits.append({"file": patch, "box": second["box"]})
    (saved,) = output_of(server, "save_photo", request | {"edits": edits})["data"]
    assert saved["name"] == "photo.png"
    result, changed = fetched(server, saved["path"]), hole | hole[::-1]
    assert np.array_equal(result[~changed], photo[~changed])
    for part in (hole, hole[::-1]):
        assert (result[part] != photo[part]).any()
    assert first["pixels"] == hole.sum()


def test_page_events_say_refusals_in_the_visitors_language(
    server: Server, files: dict[str, Any], tmp_path: Path
) -> None:
    Image.new("L", (60, 40)).save(tmp_path / "mask.png")
    request = page_request(server, tmp_path)
    assert output_of(server, "fill_hole", request)["error"] == marked_hole.NO_HOLE
    german = output_of(server, "fill_hole", request | {"language": "de"})["error"]
    assert german == text.GERMAN[marked_hole.NO_HOLE]


def test_page_events_say_what_is_gone_so_that_the_page_can_send_it_again(
    server: Server, files: dict[str, Any], tmp_path: Path
) -> None:
    request = page_request(server, tmp_path)
    gone = request["photo"] | {"path": request["photo"]["path"] + ".png"}
    box = [0, 0, 4, 4]
    for changed in ({"photo": gone}, {"mask": gone}, {"edits": [{"file": gone, "box": box}]}):
        assert output_of(server, "fill_hole", request | changed)["title"] == "gone"


@pytest.mark.slow
@pytest.mark.parametrize("event", PAGE_EVENTS)
def test_page_events_take_no_file_that_was_not_uploaded_and_leave_no_traceback(
    server: Server, files: dict[str, Any], tmp_path: Path, event: str
) -> None:
    fitting = page_request(server, tmp_path)
    box = [0, 0, 4, 4]
    ours = str(app.EXAMPLES / "cat.jpg"), str(ROOT / "app.py")
    for path in ("/etc/passwd", *ours, "http://127.0.0.1:9/x", "", "\0", "x" * 9999):
        for file in ({"path": path, "meta": {"_type": "gradio.FileData"}}, {"path": path}):
            for changed in ({"photo": file}, {"mask": file}, {"edits": [{"file": file, "box": box}]}):
                assert len(output_of(server, event, fitting | changed)["error"]) > 20
    for request in (None, 1, "x", [], {}, {"photo": 1}, fitting | {"language": "xx"}, fitting | {"edits": [1]}):
        assert len(output_of(server, event, request)["error"]) > 20
    assert "Traceback" not in server.log.read_text()


def test_page_events_refuse_patches_that_do_not_fit(server: Server, files: dict[str, Any], tmp_path: Path) -> None:
    request = page_request(server, tmp_path)
    for box in ([0, 0, 4, 4], [-1, 0, 60, 40], [1, 0, 60, 40], [0, 0, 60, 10**9]):
        edits = [{"file": request["photo"], "box": box}]
        assert output_of(server, "save_photo", request | {"edits": edits})["error"] == photo_edit.MISFIT


def test_page_events_refuse_a_fill_too_many_and_save_the_others(
    server: Server, files: dict[str, Any], tmp_path: Path
) -> None:
    request = page_request(server, tmp_path)
    (filled,) = output_of(server, "fill_hole", request)["data"]
    edit = {"file": {"path": filled["patch"], "meta": {"_type": "gradio.FileData"}}, "box": filled["box"]}
    request |= {"edits": [edit] * validation.MOST_EDITS}
    sentence = output_of(server, "fill_hole", request)["error"]
    assert sentence == validation.TOO_MANY_FILLS.format(count=validation.MOST_EDITS)
    german = output_of(server, "fill_hole", request | {"language": "de"})["error"]
    assert german.startswith(f"Dieses Foto hat {validation.MOST_EDITS} Füllungen")
    (saved,) = output_of(server, "save_photo", request)["data"]
    hole = some_hole(40, 60)
    assert np.array_equal(fetched(server, saved["path"])[~hole], photo_of(40, 60)[~hole])
