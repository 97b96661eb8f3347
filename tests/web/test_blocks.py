"""What is refused before an endpoint runs, and what becomes of uploads."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from page_client import answer_to, begin_upload, uploaded, wait_until
from page_server import PATIENCE_S, Server
from paths import ROOT
from PIL import Image
from sample_photos import photo_of, some_hole

from inpaint_hub.web import middleware

pytest.importorskip("gradio", reason="the page needs gradio")
import httpx

ANYTHING = [1, True, "abc", "x" * 10_000, [], ["telea"], [None], {}, {"path": 1}, {"path": None}]
WANTED = {
    "photo": (ANYTHING, "an upload"),
    "mask": (ANYTHING, "an upload"),
    "strokes": ([1, "abc", [], {"layers": 1}, {"layers": [1]}, {"layers": [None]}, {"layers": None}], "layers"),
    "method": ([*ANYTHING, None], "one of own, telea"),
    "model": ([1, [], ["a/b"], {}], "owner/model"),
    "grow_px": ([*ANYTHING[1:], None, 1.5, float("nan"), float("inf"), -1, 201, "4"], "pixels from 0 to 200"),
    "file_format": ([*ANYTHING, None, "gif"], "one of photo, png"),
}
pytestmark = pytest.mark.timeout(3 * PATIENCE_S)


def test_values_of_every_wrong_type_are_refused_with_a_sentence_and_no_traceback(server: Server) -> None:
    fitting = {"photo": None, "mask": None, "strokes": None, "method": "telea", "model": "", "grow_px": 0}
    fitting["file_format"] = "photo"
    for name, (values, sentence) in WANTED.items():
        for value in values:
            answer = answer_to(server, "fill", list((fitting | {name: value}).values()))
            assert "event: error" in answer
            assert f'"{name} is ' in answer, f"{name}: {value!r}"
            assert sentence in answer, f"{name}: {value!r}"
            assert len(answer) < 600
    assert "grow_px is 'abc'; give a whole number" in answer_to(server, "compare", [None, None, None, "abc"])
    assert "0 values came; give photo, mask" in answer_to(server, "fill", [])
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("place", ["photo", "mask", "strokes"])
def test_files_that_are_none_are_refused_with_a_sentence_and_no_traceback(server: Server, place: str) -> None:
    def sent(name: str, content: bytes) -> dict[str, Any]:
        (path,) = httpx.post(f"{server.url}/gradio_api/upload", files={"files": (name, content)}).json()
        return {"path": path, "meta": {"_type": "gradio.FileData"}}

    photo, broken, mask = io.BytesIO(), sent("broken.png", b"\x89PNG nothing"), io.BytesIO()
    Image.fromarray(photo_of(40, 60, channels=3)).save(photo, "png")
    Image.fromarray(some_hole(40, 60)).save(mask, "png")
    fitting: dict[str, Any] = {"photo": sent("photo.png", photo.getvalue()), "mask": sent("m.png", mask.getvalue())}
    fitting |= {"strokes": None, "method": "telea", "model": "", "grow_px": 0, "file_format": "photo"}
    assert "event: complete" in answer_to(server, "fill", list(fitting.values()))
    for file in (
        {"path": "/etc/passwd"},
        {"path": ""},
        {"path": "../app.py"},
        {"path": "\0"},
        {"path": "x" * 9999},
        broken,
    ):
        value = {"layers": [file]} if place == "strokes" else file
        answer = answer_to(server, "fill", list((fitting | {place: value}).values()))
        assert "event: error" in answer
        assert re.search('"error": "[^"]{20}', answer), f"{file}: {answer}"
    gone = fitting["photo"] | {"path": fitting["photo"]["path"] + ".png"}
    if place != "strokes":
        answer = answer_to(server, "fill", list((fitting | {place: gone}).values()))
        assert f"The {place} was here for too long" in answer
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("path", ["http://127.0.0.1:9/x.png", "/etc/passwd", str(ROOT / "examples/cat.jpg")])
def test_a_photo_that_is_an_address_or_a_file_of_the_server_is_refused(server: Server, path: str) -> None:
    call = f"{server.url}/gradio_api/call/fill"
    photo = {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}
    event = httpx.post(call, json={"data": [photo, None, None, "telea", "", 0, "photo"]}).json()["event_id"]
    answer = httpx.get(f"{call}/{event}", timeout=PATIENCE_S).text
    assert "event: error" in answer
    if path.startswith("http"):
        assert middleware.OUTSIDE in answer


def test_an_upload_may_be_named_by_its_address_and_nothing_else_by_such_a_one(
    server: Server, files: dict[str, Any], tmp_path: Path
) -> None:
    photo, mask = (uploaded(server, tmp_path / name) for name in ("photo.png", "mask.png"))
    rest = [mask, None, "telea", "", 0, "photo"]
    address = f"{server.url}/gradio_api/file="
    assert "event: complete" in answer_to(server, "fill", [photo | {"path": address + photo["path"]}, *rest])
    for path in ("/etc/passwd", f"{server.uploads}/../hosts", "http://127.0.0.1:9/x.png"):
        assert middleware.OUTSIDE in answer_to(server, "fill", [photo | {"path": address + path}, *rest])


@pytest.mark.parametrize("body", [{}, {"nonsense": 1}, {"photo": 1}, {"photo": None, "nonsense": 1}])
def test_arguments_by_name_that_do_not_fit_are_refused_with_a_sentence(server: Server, body: dict[str, Any]) -> None:
    answer = httpx.post(f"{server.url}/gradio_api/call/v2/fill", json=body)
    if answer.status_code == 200:  # the names fit, and the values are refused
        stream = f"{server.url}/gradio_api/call/fill/{answer.json()['event_id']}"
        assert "event: error" in httpx.get(stream, timeout=PATIENCE_S).text
    else:
        assert answer.status_code == 422
        assert len(answer.text) > 20
    assert "Traceback" not in server.log.read_text()


def test_an_upload_that_breaks_off_leaves_no_file_and_no_traceback(server: Server) -> None:
    def halves() -> set[Path]:
        return {path for path in server.uploads.glob("tmp*") if path.is_file()}

    before = halves()
    connections = [begin_upload(server, bytes(100_000)) for _ in range(5)]
    wait_until(lambda: len(halves() - before) == 5)
    for connection in connections:
        connection.close()
    wait_until(lambda: not halves() - before)
    for _ in range(3):
        begin_upload(server, b"").close()
    stream = f"{server.url}/gradio_api/queue/data?session_hash=nobody"
    assert httpx.get(stream).status_code == 200
    assert httpx.get(server.url).status_code == 200
    assert "Traceback" not in server.log.read_text()
