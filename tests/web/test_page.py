"""The page as it is served: what answers, how long requests wait, and what goes by itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_client import answer_to, begin_upload, number_of, output_of, page_request, uploaded, wait_until
from page_server import PATIENCE_S, Server, served
from PIL import Image
from sample_photos import photo_of

import app
from inpaint_hub.web import middleware

pytest.importorskip("gradio", reason="the page needs gradio")
import httpx

pytestmark = pytest.mark.timeout(3 * PATIENCE_S)


def test_the_pages_own_model_shows_its_card(server: Server) -> None:
    parts = httpx.get(f"{server.url}/config").json()["components"]
    assert "Trained on tulips." in [part["props"].get("value") for part in parts]


@pytest.mark.parametrize("way", ["call", "call/v2", "call//"])
@pytest.mark.parametrize("name", ["fill_hole", "open_photo", "read_mask", "select_object", "save_photo", "list"])
def test_the_pages_own_events_do_not_answer_by_name(server: Server, way: str, name: str) -> None:
    answer = httpx.post(f"{server.url}/gradio_api/{way}/{name}", json={"data": [1]})
    assert answer.status_code == 404
    assert answer.text == middleware.OTHERS


def test_only_the_two_endpoints_answer_by_name(server: Server) -> None:
    assert set(httpx.get(f"{server.url}/gradio_api/info").json()["named_endpoints"]) == {"/fill", "/compare"}


def test_no_event_answers_past_the_queue(server: Server) -> None:
    dependencies = httpx.get(f"{server.url}/config").json()["dependencies"]
    events = [event["id"] for event in dependencies if event["backend_fn"]]  # the others run in browsers alone
    assert events
    for number in events:
        for name in ("predict", "fill", "open_photo"):
            answer = httpx.post(f"{server.url}/gradio_api/run/{name}", json={"fn_index": number, "data": []})
            assert answer.status_code in (404, 422)


@pytest.mark.parametrize(
    "path",
    [
        "file=/etc/passwd",
        "file=app.py",
        "file=../../etc/passwd",
        "file=http://127.0.0.1:9/x.png",
        "file=https%3A//127.0.0.1:9/x.png",
        "proxy=https://127.0.0.1:9/x.png",
    ],
)
def test_no_route_reads_other_files_or_fetches_from_elsewhere(server: Server, path: str) -> None:
    assert httpx.get(f"{server.url}/gradio_api/{path}").status_code in (403, 404)


@pytest.mark.parametrize(
    "path",
    [
        "component_server",
        "dev/reload",
        "vibe-code",
        "vibe-edit/",
        "process_recording",
        "deep_link?session_hash=x",
        "/dev/reload",
    ],
)
def test_what_gradio_has_for_those_who_develop_a_page_does_not_answer(server: Server, path: str) -> None:
    """The first is a stream without an end."""
    for method in ("GET", "POST"):
        assert httpx.request(method, f"{server.url}/gradio_api/{path}").status_code == 403


def test_an_uploaded_page_or_drawing_is_never_shown_inline(server: Server) -> None:
    for name in ("page.html", "drawing.svg"):
        sent = httpx.post(f"{server.url}/gradio_api/upload", files={"files": (name, b"<script>alert(1)</script>")})
        (path,) = sent.json()
        answer = httpx.get(f"{server.url}/gradio_api/file={path}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_large_json_body_is_refused_before_it_is_read(server: Server) -> None:
    body = b'{"data":[' + b"[]," * 400_000 + b"[]]}"
    headers = {"content-type": "application/json"}
    for path in ("call/fill", "call/v2/fill", "queue/join", "run/predict", "cancel", "reset", "component_server"):
        for content in (body, (body[start : start + 65536] for start in range(0, len(body), 65536))):
            answer = httpx.post(f"{server.url}/gradio_api/{path}", content=content, headers=headers)
            assert answer.status_code in (403, 413), path
    assert "Traceback" not in server.log.read_text()


def test_a_visitor_who_leaves_frees_the_place_in_the_queue(server: Server, files: dict[str, Any]) -> None:
    """More than the queue holds come one after another, each leaving; then one who stays is served."""
    from gradio_client import Client

    join = {"fn_index": number_of(server, "fill"), "data": [None, None, None, "telea", "", 0, "photo"]}
    for visitor in range(app.LIMITS["queue"][0] + 5):
        sent = httpx.post(f"{server.url}/gradio_api/queue/join", json=join | {"session_hash": f"leaves{visitor}"})
        assert sent.status_code == 200, sent.text
        with httpx.stream("GET", f"{server.url}/gradio_api/queue/data?session_hash=leaves{visitor}") as stream:
            next(stream.iter_lines())
    stays = Client(server.url, verbose=False, analytics_enabled=False)
    assert "pixels filled" in stays.predict(**files, method="telea", api_name="/fill")[2]
    stays.close()


@pytest.mark.slow
def test_a_visitor_who_leaves_while_their_photo_is_filled_makes_room_for_the_next_one(
    server: Server, tmp_path: Path
) -> None:
    """Biharmonic filling of this hole would take longer than the page allows: minutes."""
    hole = np.zeros((1200, 1200), dtype=bool)
    hole[9:-9, 9:-9] = True
    Image.fromarray(photo_of(1200, 1200, channels=3)).save(tmp_path / "photo.png")
    Image.fromarray(hole).save(tmp_path / "mask.png")
    files = [uploaded(server, tmp_path / name) for name in ("photo.png", "mask.png")]
    event = {"fn_index": number_of(server, "fill"), "data": [*files, None, "biharmonic", "", 0, "photo"]}
    sent = httpx.post(f"{server.url}/gradio_api/queue/join", json=event | {"session_hash": "leaves"})
    assert sent.status_code == 200, sent.text
    with httpx.stream("GET", f"{server.url}/gradio_api/queue/data?session_hash=leaves") as stream:
        assert any('"Filling"' in line for line in stream.iter_lines())  # then it is closed
    started = time.monotonic()
    assert "event: complete" in answer_to(server, "fill", [*files, None, "telea", "", 0, "photo"])
    assert time.monotonic() - started < 40


def test_one_address_has_a_share_of_the_queue(files: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    with served(tmp_path / "page", {"INPAINT_MODEL": "telea", "INPAINT_QUEUE_SHARE": "3"}) as server:
        request = page_request(server, tmp_path)
        event = {"fn_index": number_of(server, "fill_hole"), "data": [request | {"method": "biharmonic"}]}
        statuses = []
        for visitor in range(8):
            sent = httpx.post(f"{server.url}/gradio_api/queue/join", json=event | {"session_hash": f"share{visitor}"})
            statuses.append(sent.status_code)
        assert statuses[:3] == [200, 200, 200]
        assert 429 in statuses
        assert httpx.get(server.url).status_code == 200, "the rest of the page answers"


@pytest.mark.slow
def test_what_was_filled_goes_by_a_timer(files: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    with served(tmp_path / "page", {"INPAINT_MODEL": "telea", "INPAINT_KEEP": "5"}) as server:
        before = {path for path in server.uploads.rglob("*") if path.is_file()}  # pictures of the page itself
        (filled,) = output_of(server, "fill_hole", page_request(server, tmp_path))["data"]
        connection = begin_upload(server, bytes(1000))
        wait_until(lambda: not Path(filled["patch"]).exists())
        wait_until(lambda: {path for path in server.uploads.rglob("*") if path.is_file()} <= before)
        connection.close()
