"""The page as a real process: its endpoints, its limits, and the page itself in a real browser."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pytest
from conftest import ROOT
from hub_server import HubServer
from PIL import ExifTags, Image, ImageColor, ImageOps

from inpaint_hub import Inpainter
from inpaint_hub.web.photo_edit import hole_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("gradio", reason="the page needs gradio")
import httpx

import app
from app import EXAMPLES

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PATIENCE_S = 240  # for a busy machine, which draws the page slowly
pytestmark = pytest.mark.timeout(3 * PATIENCE_S)
WATCH = """
import os, sys

def watch(event, args):
    if event in ("socket.getaddrinfo", "socket.connect"):
        host = args[0] if event == "socket.getaddrinfo" else args[1][0]
        with open(os.environ["WATCHED_HOSTS"], "a") as file:
            print(host.decode() if isinstance(host, bytes) else host, file=file)

sys.addaudithook(watch)
"""


def photo_of(height: int, width: int, channels: int = 4) -> np.ndarray:
    """An opaque random photo (height, width, channels) uint8."""
    photo = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    photo[..., 3:] = 255
    return photo


def some_hole(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), dtype=bool)
    hole[height // 4 : height // 2, width // 3 : width // 2] = True
    return hole


def test_a_model_that_is_none_ends_the_start_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "no-such-model"])
    with pytest.raises(SystemExit, match="cannot load the model 'no-such-model'"):
        app.main()


def test_the_model_comes_from_the_environment_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py"])
    monkeypatch.delenv("INPAINT_MODEL", raising=False)
    assert app.parse_args().model == app.DEFAULT_METHOD
    monkeypatch.setenv("INPAINT_MODEL", "owner/one")
    assert app.parse_args().model == "owner/one"
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "owner/other"])
    assert app.parse_args().model == "owner/other"


def test_guided_fills_unless_its_library_is_missing_or_a_model_is_named() -> None:
    assert ("guided" if find_spec("patchmatch") else "telea") == app.DEFAULT_METHOD  # as on the command line
    assert app.chosen_at_first("faces") == "faces"
    assert app.chosen_at_first("owner/model") == app.OWN


def test_a_method_without_words_goes_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.METHODS, "flowers-of-may", app.METHODS["telea"])
    assert ("flowers-of-may", "flowers-of-may") in app.choices("telea")


def test_every_example_is_small_and_has_words_and_a_licence() -> None:
    licences = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    assert EXAMPLES
    for path in EXAMPLES:
        with Image.open(path) as picture:
            assert max(picture.size) <= 768
        assert f"`{path.name}`" in licences
        assert app.PICTURED[path.name]


class Server(NamedTuple):
    """The page as it is served: its address, where its uploads lie, the hosts that it has asked for, its log."""

    url: str
    uploads: Path
    hosts: Callable[[], set[str]]
    log: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, inpainter: Inpainter) -> Iterator[Server]:
    """The page with random weights."""
    folder = tmp_path_factory.mktemp("page")
    inpainter.generator.save_pretrained(folder / "model")
    (folder / "model/README.md").write_text("---\nlicense: mit\n---\nTrained on tulips.")
    with served(folder, {"INPAINT_MODEL": str(folder / "model")}) as page:
        yield page


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, hub: HubServer) -> Iterator[Server]:
    """The page with low limits, whose Hub is a server on this machine."""
    folder = tmp_path_factory.mktemp("narrow")
    limits = {"INPAINT_MAX_UPLOAD_MB": "1", "INPAINT_MAX_MEGAPIXELS": "2", "INPAINT_MODEL": "telea"}
    with served(folder, hub.environment(folder / "home") | limits) as page:
        yield page


@contextmanager
def served(folder: Path, settings: dict[str, str]) -> Iterator[Server]:
    """`python app.py` on a free port, with these variables in its environment; its files are in `folder`."""
    (folder / "uploads").mkdir()
    (folder / "sitecustomize.py").write_text(WATCH)
    (folder / "hosts").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GRADIO_")},
        **settings,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "WATCHED_HOSTS": str(folder / "hosts"),
        "PYTHONPATH": str(folder),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process, folder / "log")
        yield Server(url, folder / "uploads", lambda: set((folder / "hosts").read_text().split()), folder / "log")
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=PATIENCE_S):
                return
        except URLError:
            time.sleep(0.2)
    pytest.fail(f"app.py does not answer at {url}:\n{log.read_text()}")


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
    assert "This page's own network (model)" in said
    assert "127.0.0.1" in server.hosts() <= LOOPBACK


def test_a_mask_may_come_as_the_editors_strokes(client: Any, files: dict[str, Any]) -> None:
    strokes = {"background": None, "layers": [files["mask"]], "composite": None}
    _, filled, _ = client.predict(photo=files["photo"], strokes=strokes, method="telea", api_name="/fill")
    hole = some_hole(40, 60)
    assert np.array_equal(opened(filled)[~hole], photo_of(40, 60, channels=3)[~hole])


def test_comparing_gives_a_picture_and_a_time_for_every_method(client: Any, files: dict[str, Any]) -> None:
    pictures, said = client.predict(**files, api_name="/compare")
    captions = [picture["caption"] for picture in pictures]
    assert len(captions) + said.count("\n- ") + said.startswith("- ") == len(app.METHODS) + 1  # and the page's own
    assert all(re.search(r": \d+\.\d\d s$", caption) for caption in captions)
    assert any("own network" in caption for caption in captions)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"photo": None}, "There is no photo yet"),
        ({"mask": None}, "Nothing is brushed over yet"),
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
    "strokes": ([1, "abc", [], {"layers": 1}, {"layers": [1]}, {"layers": [None]}, {"layers": None}], "editor"),
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
        assert f"The {place} lay here for too long" in answer
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


def test_the_snippet_on_the_page_works(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2", reason="the snippet's method needs OpenCV")
    Image.fromarray(photo_of(40, 60, channels=3)).save(tmp_path / "photo.jpg")
    Image.fromarray(some_hole(40, 60)).save(tmp_path / "mask.png")
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", app.PROGRAMS, flags=re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:7860", server.url), names)
    names["client"].close()
    assert Path(names["filled"]).name == "photo.jpg"
    assert len(names["pictures"]) > 1


def test_the_pages_own_model_shows_its_card(server: Server) -> None:
    parts = httpx.get(f"{server.url}/config").json()["components"]
    assert "Trained on tulips." in [part["props"].get("value") for part in parts]


@pytest.mark.parametrize("way", ["call", "call/v2", "call//"])
@pytest.mark.parametrize("name", ["open_photo", "open_example", "go_on", "go_back", "list"])
def test_the_pages_own_events_do_not_answer_by_name(server: Server, way: str, name: str) -> None:
    answer = httpx.post(f"{server.url}/gradio_api/{way}/{name}", json={"data": [1]})
    assert answer.status_code in (403, 404)


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


def test_the_pages_own_events_take_no_file_that_was_not_uploaded_and_leave_no_traceback(
    server: Server, files: dict[str, Any], tmp_path: Path
) -> None:
    photo = uploaded(server, tmp_path / "photo.png")
    others = [
        {"path": path} for path in ("/etc/passwd", str(EXAMPLES[0]), str(ROOT / "app.py"), "http://127.0.0.1:9/x")
    ]
    opening, going_on, going_back, example = (
        number_of(server, name) for name in ("open_photo", "go_on", "go_back", "open_example")
    )
    for other in others:
        file = other | {"meta": {"_type": "gradio.FileData"}}
        for number, data in (
            (opening, [file, None, None]),
            (going_on, [file, photo, None]),
            (going_on, [photo, file, 0]),
        ):
            end = messages_of(server, number, data)[-2]["output"]
            assert len(end["error"]) > 20
        messages = messages_of(server, going_back, [[file]])  # where a page goes back to is not its caller's to say
        assert "nothing to go back to" in messages[-2]["output"]["error"]
    for number in (-1, len(EXAMPLES), "0", None, 1.5, ["/etc/passwd"]):
        assert messages_of(server, example, [number])[-2]["output"]["error"] == app.NO_EXAMPLE
    for event in httpx.get(f"{server.url}/config").json()["dependencies"]:
        if not event["backend_fn"]:
            values = [None] * len(event["inputs"])
            assert messages_of(server, event["id"], values)[-2]["output"]["error"] == app.IN_BROWSERS
    assert "Traceback" not in server.log.read_text()


def test_no_event_answers_past_the_queue(server: Server) -> None:
    dependencies = httpx.get(f"{server.url}/config").json()["dependencies"]
    events = [event["id"] for event in dependencies if event["backend_fn"]]  # the others run in browsers alone
    assert events
    for number in events:
        for name in ("predict", "fill", "open_example"):
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
        assert app.OUTSIDE in answer


@pytest.mark.parametrize(
    "path", ["dev/reload", "vibe-code", "vibe-edit/", "process_recording", "deep_link?session_hash=x", "/dev/reload"]
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
        assert app.OUTSIDE in answer_to(server, "fill", [photo | {"path": address + path}, *rest])


def test_an_uploaded_page_or_drawing_is_never_shown_inline(server: Server, client: Any, tmp_path: Path) -> None:
    for name in ("page.html", "drawing.svg"):
        sent = httpx.post(f"{server.url}/gradio_api/upload", files={"files": (name, b"<script>alert(1)</script>")})
        (path,) = sent.json()
        answer = httpx.get(f"{server.url}/gradio_api/file={path}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    if CHROMIUM is None:
        pytest.skip("the browser tests need chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened_page(server: Server, browser: Browser, request: pytest.FixtureRequest, **options: Any) -> Iterator[Page]:
    """The page, open in a browser; no request of it may leave the machine. How it looks at the end is kept."""
    hosts: set[str | None] = set()
    context = browser.new_context(**options)
    context.set_default_timeout(1000 * PATIENCE_S)
    context.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page = context.new_page()
    page.goto(server.url)
    page.locator("#intro").wait_for()
    yield page
    page.screenshot(path=ROOT / "screenshots" / f"{request.node.name}.png", full_page=True)
    context.close()
    assert hosts - {None} <= LOOPBACK, "a request left the machine"  # data: and blob: have no host


@pytest.fixture(params=[1], ids=lambda scale: f"{scale}x")
def tab(server: Server, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    size = {"width": 1280, "height": 900}
    with opened_page(server, chromium, request, viewport=size, device_scale_factor=request.param) as page:
        page.wait_for_selector("#editor canvas")
        yield page


@pytest.fixture(params=["light", "dark"])
def phone(server: Server, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    size = {"width": 390, "height": 844}
    options = {"viewport": size, "has_touch": True, "is_mobile": True, "color_scheme": request.param}
    with opened_page(server, chromium, request, **options) as page:
        page.wait_for_selector("#editor canvas")
        yield page
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def upload(page: Page, path: Path) -> None:
    page.locator("#photo input[type=file]").set_input_files(path)
    wait_for_photo(page)


def wait_for_photo(page: Page) -> None:
    """Until the photo is seen in the editor, and its brush is out."""
    page.wait_for_selector('#editor button[aria-label="Brush Size"]')
    while seen(page)[100:-100, 100:-100].std() < 5:  # it is one colour
        pass


def seen(page: Page) -> np.ndarray:
    """The editor's canvas (H, W, 3) as it shows."""
    return np.array(Image.open(io.BytesIO(page.locator("#editor canvas").first.screenshot())).convert("RGB")).astype(
        int
    )


def brushed(page: Page) -> int:
    """How many pixels of the screen have the brush's colour."""
    return int((abs(seen(page) - ImageColor.getrgb(app.BRUSH_COLOR)).max(axis=2) < 4).sum())


def middle(page: Page) -> tuple[float, float]:
    page.locator("#editor").scroll_into_view_if_needed()
    box = page.locator("#editor canvas").first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def stroke(page: Page, half: int = 60) -> None:
    """From left to right across the middle of the photo."""
    x, y = middle(page)
    page.mouse.move(x - half, y)
    page.mouse.down()
    page.mouse.move(x + half, y, steps=12)
    page.mouse.up()


def brush(page: Page) -> None:
    """A stroke that is seen."""
    while brushed(page) < 1000:
        stroke(page)


def fill(page: Page, name: str) -> np.ndarray:
    """Press Fill, wait, and download: the result as an array, which comes under that name."""
    after = "document.querySelector('#result img.fixed')?.src"
    last = page.evaluate(after)
    page.locator("#fill").click()
    page.wait_for_function(f"last => {after} && {after} != last", arg=last)
    page.wait_for_selector("#download:not([disabled])")
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == name
    with Image.open(download.value.path()) as picture:
        return np.array(picture)


def last_strokes(server: Server) -> Image.Image:
    """What the editor handed over last."""
    path = max(server.uploads.rglob("layer_0.png"), key=lambda path: path.stat().st_mtime)
    with Image.open(path) as picture:
        return picture.convert("RGBA")


@pytest.mark.browser
@pytest.mark.parametrize(
    "tab", [1, pytest.param(2, marks=pytest.mark.slow)], indirect=True, ids=lambda scale: f"{scale}x"
)
def test_filling_changes_what_is_brushed_over_and_not_one_byte_else(tab: Page, server: Server, tmp_path: Path) -> None:
    photo = photo_of(900, 1206, channels=3)  # larger than the copy that is brushed on
    Image.fromarray(photo).save(tmp_path / "photo.png")
    upload(tab, tmp_path / "photo.png")
    sent: list[str] = []
    tab.on("request", lambda request: sent.append(request.url))
    brush(tab)
    assert not sent, "a stroke alone sends nothing"
    result = fill(tab, "photo.png")
    hole = hole_at((1206, 900), [last_strokes(server)])
    assert hole[450, 603]
    assert hole.mean() < 0.5
    assert result.shape == photo.shape
    assert np.array_equal(result[~hole], photo[~hole])
    assert (result[hole] != photo[hole]).any()
    shown = [tab.request.get(str(image.get_attribute("src"))).body() for image in tab.locator("#result img").all()]
    for bytes_, expected in zip(shown, (photo, result), strict=True):
        assert np.array_equal(np.array(Image.open(io.BytesIO(bytes_))), expected)


@pytest.mark.browser
def test_pressing_fill_too_early_says_what_is_missing(tab: Page, tmp_path: Path) -> None:
    tab.locator("#fill").click()
    tab.get_by_test_id("toast-text").get_by_text("There is no photo yet").wait_for()
    Image.fromarray(photo_of(32, 32, channels=3)).save(tmp_path / "photo.png")
    upload(tab, tmp_path / "photo.png")
    tab.locator("#fill").click()
    tab.get_by_test_id("toast-text").get_by_text("Nothing is brushed over yet").wait_for()
    tab.wait_for_selector("#fill:not(.busy)")
    assert tab.locator("#download").is_disabled()


@pytest.mark.browser
def test_a_broken_photo_is_told_in_a_sentence(tab: Page, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    tab.locator("#photo input[type=file]").set_input_files(tmp_path / "broken.jpg")
    tab.get_by_test_id("toast-text").get_by_text("broken.jpg is").wait_for()


@pytest.mark.browser
def test_an_example_can_be_filled_and_filled_again_and_undone(tab: Page, server: Server) -> None:
    tab.locator("#examples .gallery-item").nth(1).click()
    wait_for_photo(tab)
    brush(tab)
    name = EXAMPLES[1].name
    first = fill(tab, name)
    with Image.open(EXAMPLES[1]) as picture:
        example = np.array(picture).astype(int)
    hole = hole_at(first.shape[1::-1], [last_strokes(server)])
    assert first.shape == example.shape
    assert hole.any()
    assert abs(first - example)[~hole].mean() < 3  # compressed again
    tab.locator("#continue").click()
    tab.wait_for_selector("#download[disabled]")
    wait_for_photo(tab)
    tab.locator("#fill").click()
    tab.get_by_test_id("toast-text").get_by_text("Nothing is brushed over yet").wait_for()
    tab.locator("#undo").click()
    wait_for_photo(tab)
    tab.locator("#undo").click()
    tab.get_by_test_id("toast-text").get_by_text("nothing to go back to").wait_for()


@pytest.mark.browser
def test_a_pasted_photo_opens(tab: Page) -> None:
    paste = """async () => {
      const canvas = Object.assign(document.createElement('canvas'), {width: 60, height: 40})
      const blob = await new Promise(done => canvas.toBlob(done))
      const clipboardData = new DataTransfer()
      clipboardData.items.add(new File([blob], 'pasted.png', {type: 'image/png'}))
      document.dispatchEvent(new ClipboardEvent('paste', {clipboardData}))
    }"""
    for _ in range(2):  # the second replaces the first
        tab.evaluate(paste)
        wait_for_photo(tab)
    assert tab.locator("#photo").get_by_text("pasted").count() == 1


@pytest.mark.browser
def test_a_finger_paints_on_a_phone_and_nothing_is_wider_than_its_screen(
    phone: Page, server: Server, tmp_path: Path
) -> None:
    Image.fromarray(photo_of(600, 800, channels=3)).save(tmp_path / "photo.png")
    upload(phone, tmp_path / "photo.png")
    x, y = middle(phone)
    finger = phone.context.new_cdp_session(phone)
    while brushed(phone) < 500:
        for kind, left in [("touchStart", -60), *(("touchMove", left) for left in range(-50, 61, 10))]:
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x + left, "y": y}]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    result = fill(phone, "photo.png")
    hole = hole_at((800, 600), [last_strokes(server)])
    assert hole[300, 400]
    assert np.array_equal(result[~hole], photo_of(600, 800, channels=3)[~hole])


@pytest.mark.browser
def test_every_tab_is_in_sight_on_a_phone(phone: Page) -> None:
    for name in ("Compare", "Networks", "API", "Fill"):
        phone.get_by_role("tab", name=name).tap()
        phone.get_by_role("tab", name=name, selected=True).wait_for()


@pytest.mark.browser
def test_a_full_queue_is_told_in_a_sentence(tab: Page) -> None:
    tab.locator("#examples .gallery-item").nth(1).click()
    wait_for_photo(tab)
    full = {"detail": "Queue is full. Max size is 20 and size is 20."}
    tab.route("**/queue/join*", lambda route: route.fulfill(status=503, json=full))
    tab.locator("#fill").click()
    tab.get_by_test_id("toast-text").filter(has_text=re.compile("full|busy")).wait_for()


@pytest.mark.browser
def test_where_nothing_can_be_brushed_a_sentence_says_so_and_a_mask_does(
    server: Server, chromium: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    blind = chromium.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, "--disable-3d-apis"])
    Image.fromarray(photo_of(40, 60, channels=3)).save(tmp_path / "photo.png")
    Image.fromarray(some_hole(40, 60)).save(tmp_path / "mask.png")
    with opened_page(server, blind, request) as page:
        page.get_by_text("This browser cannot show the brush").wait_for()
        page.locator("#photo input[type=file]").set_input_files(tmp_path / "photo.png")
        page.locator("#photo .download").wait_for()
        page.get_by_role("button", name="More choices").click()
        page.locator("#mask input[type=file]").set_input_files(tmp_path / "mask.png")
        page.locator("#mask .download").wait_for()
        result = fill(page, "photo.png")
    blind.close()
    assert np.array_equal(result[~some_hole(40, 60)], photo_of(40, 60, channels=3)[~some_hole(40, 60)])


@pytest.mark.browser
@pytest.mark.slow
def test_every_tab_shows_its_content(tab: Page) -> None:
    tab.locator("#examples .gallery-item").nth(0).click()
    wait_for_photo(tab)
    brush(tab)
    tab.get_by_role("tab", name="Compare").click()
    tab.locator("#compare").click()
    tab.locator("#gallery img").nth(2).wait_for()
    picture, caption = (tab.locator(f"#gallery {part}").first.bounding_box() for part in ("img", ".caption-label"))
    assert picture is not None
    assert caption is not None
    assert caption["y"] >= picture["y"] + picture["height"] - 1, "it hides nothing"
    tab.get_by_role("tab", name="Networks").click()
    tab.get_by_role("button", name="faces").click()
    tab.get_by_text("PSNR in the hole").first.wait_for()
    tab.get_by_role("tab", name="API").click()
    tab.locator("#programs code").get_by_text("api_name").first.wait_for()


@pytest.mark.browser
def test_what_is_erased_again_is_not_filled(tab: Page, server: Server, tmp_path: Path) -> None:
    Image.fromarray(np.full((600, 800, 3), 90, dtype=np.uint8)).save(tmp_path / "photo.png")
    tab.locator("#photo input[type=file]").set_input_files(tmp_path / "photo.png")
    tab.wait_for_selector('#editor button[aria-label="Brush Size"]')
    brush(tab)
    fill(tab, "photo.png")
    before = hole_at((800, 600), [last_strokes(server)])
    tab.locator('#editor button[aria-label="Erase"]').click()
    stroke(tab, half=20)
    fill(tab, "photo.png")
    left = hole_at((800, 600), [last_strokes(server)])
    assert before[300, 400]
    assert not left[300, 400]
    assert 0 < left.sum() < before.sum()


@pytest.mark.browser
def test_the_slider_uncovers_what_was_there_before(tab: Page, tmp_path: Path) -> None:
    Image.fromarray(photo_of(600, 800, channels=3)).save(tmp_path / "photo.png")
    upload(tab, tmp_path / "photo.png")
    brush(tab)
    fill(tab, "photo.png")
    handle = tab.locator("#result [data-testid=slider] .icon.center")
    handle.scroll_into_view_if_needed()
    before = handle.bounding_box()
    assert before is not None
    tab.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(before["x"] + 200, before["y"] + before["height"] / 2, steps=5)
    tab.mouse.up()
    after = handle.bounding_box()
    assert after is not None
    assert after["x"] > before["x"] + 100


def divided_at(page: Page) -> float:
    """Where the divider is in the result, from 0 on the left to 1."""
    picture, divider = (
        page.locator(f"#result {part}").bounding_box() for part in ("img.fixed", "[data-testid=slider] .inner")
    )
    assert picture is not None
    assert divider is not None
    return (divider["x"] + divider["width"] / 2 - picture["x"]) / picture["width"]


@pytest.mark.browser
def test_keys_move_the_divider_between_before_and_after(tab: Page, tmp_path: Path) -> None:
    Image.fromarray(photo_of(600, 800, channels=3)).save(tmp_path / "photo.png")
    upload(tab, tmp_path / "photo.png")
    brush(tab)
    divider = tab.get_by_role("slider", name="How much is shown of the photo before")
    assert divider.count() == 0, "there is nothing to divide"
    for _ in range(2):  # it survives a second fill
        fill(tab, "photo.png")
        tab.locator("#result button[aria-label=Fullscreen]").focus()
        tab.keyboard.press("Tab")
        assert divider.evaluate("divider => divider.matches(':focus-visible')")
        ring = tab.locator("#result .icon-wrap").evaluate("handle => getComputedStyle(handle).outlineStyle")
        assert ring == "solid"
        start = divided_at(tab)
        assert abs(start - int(divider.input_value()) / 100) < 0.01
        for _ in range(5):
            tab.keyboard.press("ArrowRight")
        assert abs(divided_at(tab) - start - 0.05) < 0.01
        tab.keyboard.press("Home")
        assert abs(divided_at(tab)) < 0.01


@pytest.mark.browser
def test_every_example_says_what_it_shows(tab: Page) -> None:
    for name in ("a cat's face", "a person on a spiral staircase"):
        tab.locator("#examples").get_by_role("button", name=name, exact=True).wait_for()
    assert tab.locator("#examples .gallery-item[aria-label]").count() == len(EXAMPLES)


@pytest.mark.browser
def test_the_limits_are_said_where_a_photo_is_chosen_and_when_one_is_over_them(
    narrow: Server, chromium: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    Image.fromarray(photo_of(1000, 1200, channels=3)).save(tmp_path / "heavy.png")  # 3.6 MB
    Image.new("L", (2000, 1500)).save(tmp_path / "wide.png")
    with opened_page(narrow, chromium, request) as page:
        page.locator("#photo").get_by_text("up to 1 MB, 2 megapixels").wait_for()
        for name, sentence in (
            ("heavy.png", 'exceed the maximum.* 1.0 Mb: "heavy.png"'),
            ("wide.png", "3.*megapixels"),
        ):
            page.locator("#photo input[type=file]").set_input_files(tmp_path / name)
            page.get_by_test_id("toast-text").filter(has_text=re.compile(sentence)).wait_for()
            page.locator("#photo button[aria-label=Clear]").click()
            page.locator("#photo input[type=file]").wait_for(state="attached")
        page.get_by_role("button", name="More choices").click()
        page.locator("#mask input[type=file]").set_input_files(tmp_path / "heavy.png")
        page.get_by_test_id("toast-text").filter(has_text="exceed the maximum").nth(1).wait_for()


def choose(page: Page, method: str) -> None:
    """Fill with that method, which is named in words."""
    page.locator("#method input").click()
    page.get_by_role("option", name=app.WORDS[method]).click()
    page.wait_for_function("words => document.querySelector('#method input').value == words", arg=app.WORDS[method])


@pytest.mark.browser
def test_the_words_of_every_method_fit_on_a_phone(phone: Page) -> None:
    field = phone.locator("#method input")
    for name in app.METHODS:
        choose(phone, name)
        assert field.evaluate("field => field.scrollWidth <= field.clientWidth"), name


def give_mask(page: Page, path: Path) -> None:
    page.locator("#mask input[type=file]").set_input_files(path)
    page.locator("#mask .download").wait_for()


@pytest.mark.browser
def test_a_mask_goes_with_the_photo_that_it_filled_and_one_for_the_next_photo_stays(tab: Page, tmp_path: Path) -> None:
    for name in ("first", "second"):
        Image.fromarray(photo_of(40, 60, channels=3)).save(tmp_path / f"{name}.png")
        Image.fromarray(some_hole(40, 60)).save(tmp_path / f"{name} mask.png")
    given = tab.locator("#mask .download")
    tab.get_by_role("button", name="More choices").click()
    give_mask(tab, tmp_path / "first mask.png")
    upload(tab, tmp_path / "first.png")
    assert given.count() == 1, "a mask may come before its photo"
    fill(tab, "first.png")
    assert given.count() == 1, "another method may fill the same hole"
    tab.locator("#continue").click()
    given.wait_for(state="detached")
    wait_for_photo(tab)
    give_mask(tab, tmp_path / "second mask.png")
    fill(tab, "first.png")
    tab.locator("#undo").click()
    given.wait_for(state="detached")
    wait_for_photo(tab)
    give_mask(tab, tmp_path / "first mask.png")
    fill(tab, "first.png")
    tab.locator("#mask button[aria-label=Clear]").click()
    give_mask(tab, tmp_path / "second mask.png")  # for the next photo, which comes now
    tab.locator("#photo button[aria-label=Clear]").click()
    tab.wait_for_selector("#download[disabled]")
    upload(tab, tmp_path / "second.png")
    assert given.count() == 1
    fill(tab, "second.png")
    tab.locator("#examples .gallery-item").nth(1).click()
    given.wait_for(state="detached")


@pytest.mark.browser
@pytest.mark.slow
def test_a_photo_of_twelve_megapixels_held_upright_comes_back_whole(tab: Page, server: Server, tmp_path: Path) -> None:
    small = Image.fromarray(photo_of(40, 30, channels=3)).resize((4000, 3000), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned right by 90 degrees
    small.save(tmp_path / "camera.jpg", exif=exif, quality=92)
    with Image.open(tmp_path / "camera.jpg") as picture:
        photo = np.array(ImageOps.exif_transpose(picture))
    assert photo.shape == (4000, 3000, 3)
    upload(tab, tmp_path / "camera.jpg")
    choose(tab, "telea")
    tab.get_by_role("button", name="More choices").click()
    tab.get_by_label("PNG – what was not brushed over stays exact").check()
    brush(tab)
    tab.locator("#fill").click()
    tab.wait_for_selector("#download:not([disabled])")
    with tab.expect_download() as download:
        tab.locator("#download").click()
    assert download.value.suggested_filename == "camera.png"
    with Image.open(download.value.path()) as picture:
        assert picture.getexif().get(ExifTags.Base.Orientation, 1) == 1
        result = np.array(picture)
    hole = hole_at((3000, 4000), [last_strokes(server)])
    assert result.shape == photo.shape
    assert hole[2000, 1500]
    assert hole.mean() < 0.2
    assert np.array_equal(result[~hole], photo[~hole])
    assert (result[hole] != photo[hole]).any()
    tab.wait_for_function(
        "[...document.querySelectorAll('#result img')].every(picture => picture.naturalWidth == 3000)"
    )
