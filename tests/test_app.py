"""The page as a real process: its endpoints, its own events, and its limits."""

from __future__ import annotations

import io
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_server import HubServer
from page_server import PATIENCE_S, Server, served
from paths import ROOT
from PIL import Image
from sample_photos import photo_of, some_hole

from inpaint_hub import METHODS, Inpainter
from inpaint_hub.web import marked_hole, middleware, photo_edit, text

pytest.importorskip("gradio", reason="the page needs gradio")
import httpx

import app

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
pytestmark = pytest.mark.timeout(3 * PATIENCE_S)


def test_a_model_that_is_none_ends_the_start_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "no-such-model"])
    with pytest.raises(SystemExit, match="cannot load the model 'no-such-model'"):
        app.main()


def test_the_model_comes_from_the_environment_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py"])
    monkeypatch.delenv("INPAINT_MODEL", raising=False)
    assert app.parse_args().model == app.DEFAULT
    monkeypatch.setenv("INPAINT_MODEL", "owner/one")
    assert app.parse_args().model == "owner/one"
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "owner/other"])
    assert app.parse_args().model == "owner/other"


def test_the_default_method_is_guided_unless_its_library_is_missing() -> None:
    assert ("guided" if find_spec("patchmatch") else "telea") == app.DEFAULT  # as on the command line


def test_every_example_is_small_and_has_words_and_a_licence() -> None:
    licences = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    strokes = json.loads((app.EXAMPLES / "strokes.json").read_text(encoding="utf-8"))
    examples = sorted(app.EXAMPLES.glob("*.jpg"))
    assert examples
    for path in examples:
        with Image.open(path) as picture:
            assert max(picture.size) <= 768
        assert f"`{path.name}`" in licences
        assert text.EXAMPLE_TITLES[path.name]
        assert strokes[path.name]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, inpainter: Inpainter) -> Iterator[Server]:
    """The page with random weights."""
    folder = tmp_path_factory.mktemp("page")
    inpainter.generator.save_pretrained(folder / "model")
    (folder / "model/README.md").write_text("---\nlicense: mit\n---\nTrained on tulips.")
    with served(folder, {"INPAINT_MODEL": str(folder / "model"), "INPAINT_QUEUE_SHARE": "0"}) as page:
        yield page


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, hub: HubServer) -> Iterator[Server]:
    """The page with low limits, whose Hub is a server on this machine."""
    folder = tmp_path_factory.mktemp("narrow")
    limits = {"INPAINT_MAX_UPLOAD_MB": "1", "INPAINT_MAX_MEGAPIXELS": "2", "INPAINT_QUEUE_SHARE": "3"}
    limits |= {"INPAINT_MODEL": "telea"}
    with served(folder, hub.environment(folder / "home") | limits) as page:
        yield page


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Iterator[Any]:
    gradio_client = pytest.importorskip("gradio_client")
    made = gradio_client.Client(server.url, verbose=False, analytics_enabled=False, download_files=tmp_path / "down")
    yield made
    made.close()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """A photo and its mask, as the client takes them."""
    from gradio_client import handle_file

    Image.fromarray(photo_of(40, 60, channels=3)).save(tmp_path / "photo.png")
    Image.fromarray(some_hole(40, 60)).save(tmp_path / "mask.png")
    return {name: handle_file(tmp_path / f"{name}.png") for name in ("photo", "mask")}


def opened(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


def test_the_endpoint_fills_what_is_white_in_the_mask_and_asks_no_host(
    server: Server, client: Any, files: dict[str, Any]
) -> None:
    photo, hole = photo_of(40, 60, channels=3), some_hole(40, 60)
    (before, after), filled, said = client.predict(**files, api_name="/fill")
    assert Path(filled).name == "photo.png"
    assert np.array_equal(opened(before), photo)
    assert np.array_equal(opened(after), opened(filled))
    assert np.array_equal(opened(filled)[~hole], photo[~hole])
    assert (opened(filled)[hole] != photo[hole]).any()
    assert f"{hole.sum()} pixels filled" in said
    assert "This page's network (model)" in said
    assert "127.0.0.1" in server.hosts() <= LOOPBACK


def test_a_mask_may_come_as_the_editors_strokes(client: Any, files: dict[str, Any]) -> None:
    strokes = {"background": None, "layers": [files["mask"]], "composite": None}
    _, filled, _ = client.predict(photo=files["photo"], strokes=strokes, method="telea", api_name="/fill")
    hole = some_hole(40, 60)
    assert np.array_equal(opened(filled)[~hole], photo_of(40, 60, channels=3)[~hole])


def test_comparing_gives_a_picture_and_a_time_for_every_method(client: Any, files: dict[str, Any]) -> None:
    pictures, said = client.predict(**files, api_name="/compare")
    captions = [picture["caption"] for picture in pictures]
    assert len(captions) + said.count("\n- ") + said.startswith("- ") == len(METHODS) + 1  # and the page's own
    assert all(re.search(r": \d+\.\d\d s$", caption) for caption in captions)
    assert any("page's network" in caption for caption in captions)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"photo": None}, "There is no photo yet"),
        ({"mask": None}, "Nothing is marked yet"),
        ({"method": "magic"}, "method is 'magic'; give one of "),
        ({"model": "../../etc"}, "is no model's name on the Hub"),
        ({"model": "tests/__pycache__/x"}, "is no model's name on the Hub"),
    ],
)
def test_what_cannot_be_filled_is_refused_with_a_sentence(
    client: Any, files: dict[str, Any], changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        client.predict(**(files | changed), api_name="/fill")


def answer_to(server: Server, endpoint: str, data: list[Any]) -> str:
    """How the call of an endpoint with any JSON ends, as it is sent."""
    call = f"{server.url}/gradio_api/call/{endpoint}"
    sent = httpx.post(call, content=json.dumps({"data": data}), headers={"content-type": "application/json"})
    assert sent.status_code == 200, sent.text
    return httpx.get(f"{call}/{sent.json()['event_id']}", timeout=PATIENCE_S).text


def messages_of(server: Server, number: int, data: list[Any]) -> list[dict[str, Any]]:
    """All that an event by its number says, as the page itself calls it."""
    session = f"session{next(SESSIONS)}"
    event = {"fn_index": number, "data": data, "session_hash": session}
    sent = httpx.post(f"{server.url}/gradio_api/queue/join", json=event)
    assert sent.status_code == 200, sent.text
    stream = httpx.get(f"{server.url}/gradio_api/queue/data?session_hash={session}", timeout=PATIENCE_S).text
    return [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]


SESSIONS = count()
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


def test_a_broken_photo_and_a_page_in_its_place_are_refused_with_a_sentence(
    client: Any, files: dict[str, Any], tmp_path: Path
) -> None:
    from gradio_client import handle_file

    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    (tmp_path / "page.html").write_text("<script>alert(1)</script>")
    for name, sentence in (("broken.png", r"broken\.png is"), ("page.html", "Invalid file type|no picture")):
        with pytest.raises(ValueError, match=sentence):
            client.predict(**(files | {"photo": handle_file(tmp_path / name)}), api_name="/fill")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with the files that the snippets name."""
    Image.fromarray(photo_of(40, 60)).save(tmp_path / "photo.jpg")
    Image.fromarray(some_hole(40, 60)).save(tmp_path / "mask.png")
    return tmp_path


def test_snippets_python_runs_as_it_stands(server: Server, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    names: dict[str, Any] = {}
    exec(text.SNIPPETS["Python"].replace("ADDRESS", server.url), names)
    names["client"].close()
    assert Path(names["filled"]).name == "photo.jpg"
    assert len(names["pictures"]) > 1


@pytest.mark.skipif(not shutil.which("curl"), reason="the snippet needs curl")
def test_snippets_curl_runs_as_it_stands(server: Server, pictures: Path) -> None:
    command = text.SNIPPETS["curl"].replace("ADDRESS", server.url)
    subprocess.run(["bash", "-euc", command], cwd=pictures, check=True, timeout=PATIENCE_S)
    with Image.open(pictures / "filled.jpg") as picture:
        assert picture.size == (60, 40)


@pytest.mark.skipif(not shutil.which("node"), reason="outside a browser the snippet needs Node")
def test_snippets_javascript_runs_as_it_stands(server: Server, pictures: Path) -> None:
    use = """
    const fs = require("fs"), read = name => new File([fs.readFileSync(name)], name)
    fill(read("photo.jpg"), read("mask.png")).then(blob => blob.arrayBuffer())
      .then(bytes => fs.writeFileSync("filled.jpg", Buffer.from(bytes)))"""
    code = text.SNIPPETS["JavaScript"].replace("ADDRESS", server.url) + use
    subprocess.run(["node", "-e", code], cwd=pictures, check=True, timeout=PATIENCE_S)
    with Image.open(pictures / "filled.jpg") as picture:
        assert picture.size == (60, 40)


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


def number_of(server: Server, endpoint: str) -> int:
    """The endpoint's number among the page's events."""
    events = httpx.get(f"{server.url}/config").json()["dependencies"]
    return next(event["id"] for event in events if event["api_name"] == endpoint)


def uploaded(server: Server, path: Path) -> dict[str, Any]:
    """A file as a browser sends it before an event names it."""
    (there,) = httpx.post(f"{server.url}/gradio_api/upload", files={"files": (path.name, path.read_bytes())}).json()
    return {"path": there, "meta": {"_type": "gradio.FileData"}}


def test_a_model_of_the_hub_is_loaded_with_its_progress_in_megabytes(
    narrow: Server, hub: HubServer, inpainter: Inpainter, files: dict[str, Any], tmp_path: Path
) -> None:
    inpainter.generator.save_pretrained(tmp_path / "model")
    names = "config.json", "model.safetensors"
    hub.add("owner/model", files={name: (tmp_path / "model" / name).read_bytes() for name in names})
    data = [*(uploaded(narrow, tmp_path / f"{name}.png") for name in ("photo", "mask")), None, "telea", "owner/model"]
    told = messages_of(narrow, number_of(narrow, "fill"), [*data, 0, "photo"])
    assert "Method: owner/model" in str(told)
    progress = [message["progress_data"][0] for message in told if message["msg"] == "progress"]
    loaded = [(step["index"], step["length"], step["desc"]) for step in progress if step["unit"] == "MB"]
    assert (24, 24, "Loading owner/model") in loaded


PAGE_EVENTS = "fill_hole", "open_photo", "read_mask", "select_object", "save_photo"


def page_request(server: Server, folder: Path, **more: Any) -> dict[str, Any]:
    """What the page sends for the files of the fixture `files`."""
    photo, mask = (uploaded(server, folder / name) for name in ("photo.png", "mask.png"))
    return {"photo": photo, "mask": mask, "method": "telea", "language": "en", **more}


def output_of(server: Server, event: str, request: Any) -> dict[str, Any]:
    """What an event of the page gives or says."""
    (done,) = [
        message
        for message in messages_of(server, number_of(server, event), [request])
        if message["msg"] == "process_completed"
    ]
    return done["output"]


def fetched(server: Server, path: str) -> np.ndarray:
    answer = httpx.get(f"{server.url}/gradio_api/file={path}")
    assert answer.status_code == 200
    return opened(io.BytesIO(answer.content))


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


@pytest.mark.parametrize("path", ["http://127.0.0.1:9/x.png", "/etc/passwd", str(ROOT / "examples/cat.jpg")])
def test_a_photo_that_is_an_address_or_a_file_of_the_server_is_refused(server: Server, path: str) -> None:
    call = f"{server.url}/gradio_api/call/fill"
    photo = {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}
    event = httpx.post(call, json={"data": [photo, None, None, "telea", "", 0, "photo"]}).json()["event_id"]
    answer = httpx.get(f"{call}/{event}", timeout=PATIENCE_S).text
    assert "event: error" in answer
    if path.startswith("http"):
        assert middleware.OUTSIDE in answer


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


def test_an_upload_may_be_named_by_its_address_and_nothing_else_by_such_a_one(
    server: Server, files: dict[str, Any], tmp_path: Path
) -> None:
    photo, mask = (uploaded(server, tmp_path / name) for name in ("photo.png", "mask.png"))
    rest = [mask, None, "telea", "", 0, "photo"]
    address = f"{server.url}/gradio_api/file="
    assert "event: complete" in answer_to(server, "fill", [photo | {"path": address + photo["path"]}, *rest])
    for path in ("/etc/passwd", f"{server.uploads}/../hosts", "http://127.0.0.1:9/x.png"):
        assert middleware.OUTSIDE in answer_to(server, "fill", [photo | {"path": address + path}, *rest])


def test_an_uploaded_page_or_drawing_is_never_shown_inline(server: Server, client: Any, tmp_path: Path) -> None:
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


def begin_upload(server: Server, sent: bytes) -> socket.socket:
    """An upload that announces more than it sends."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)))
    head = (
        "POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    )
    connection.sendall(head.encode() + sent)
    return connection


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


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


def test_one_address_has_a_share_of_the_queue(narrow: Server, files: dict[str, Any], tmp_path: Path) -> None:
    request = page_request(narrow, tmp_path)
    event = {"fn_index": number_of(narrow, "fill_hole"), "data": [request | {"method": "biharmonic"}]}
    statuses = []
    for visitor in range(8):
        sent = httpx.post(f"{narrow.url}/gradio_api/queue/join", json=event | {"session_hash": f"share{visitor}"})
        statuses.append(sent.status_code)
    assert statuses[:3] == [200, 200, 200]
    assert 429 in statuses
    assert httpx.get(narrow.url).status_code == 200, "the rest of the page answers"
