"""How app.py starts: the model, its flags, and the examples."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

import pytest
from page_server import served
from paths import ROOT, WITHOUT_STREAMS
from PIL import Image

from inpaint_hub.web import text

pytest.importorskip("gradio", reason="the page needs gradio")

import app


def test_a_model_that_is_none_ends_the_start_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "no-such-model"])
    with pytest.raises(SystemExit, match="cannot load the model 'no-such-model'"):
        app.main()


@pytest.mark.parametrize(("flags", "code"), [([], 1), (["--help"], 0)])
def test_without_gradio_the_start_names_the_extra_that_brings_it(flags: list[str], code: int) -> None:
    without = "import runpy, sys; sys.modules['gradio'] = None; runpy.run_path('app.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", without, *flags], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code
    said = "the page needs gradio, which is not installed: pip install '.[app]' brings it\n"
    assert done.stderr == (said if code else "")


def test_the_model_comes_from_the_environment_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py"])
    monkeypatch.delenv("INPAINT_MODEL", raising=False)
    assert app.parse_args().model == app.DEFAULT
    monkeypatch.setenv("INPAINT_MODEL", "owner/one")
    assert app.parse_args().model == "owner/one"
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "owner/other"])
    assert app.parse_args().model == "owner/other"


def test_the_model_may_be_in_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(sys, "argv", ["app.py", "--model=~/model"])
    assert app.parse_args().model == "/home/me/model"


@pytest.mark.parametrize(
    ("flags", "variables", "says"),
    [
        (["--concurrency", "0"], {}, r"--concurrency: it is '0'; give a whole number from 1"),
        (["--time_limit", "-5"], {}, r"--time_limit: it is '-5'; give a whole number from 1"),
        (["--keep", "an hour"], {}, r"--keep: it is 'an hour'; give a whole number from 1"),
        (["--queue_share", "-1"], {}, r"--queue_share: it is '-1'; give a whole number from 0"),
        (["--port", "99999"], {}, r"--port: it is '99999'; give a whole number from 1 to 65535"),
        ([], {"INPAINT_QUEUE": "abc"}, r"--queue: it is 'abc'; give a whole number from 1"),
        ([], {"INPAINT_MAX_UPLOAD_MB": "0"}, r"--max_upload_mb: it is '0'; give a whole number from 1"),
    ],
)
def test_a_limit_that_cannot_be_ends_the_start_with_a_sentence(
    flags: list[str],
    variables: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", *flags])
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        app.parse_args()
    assert re.search(says, capsys.readouterr().err)


def test_limits_are_numbers_from_the_flags_then_the_environment_then_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", "--queue", "3", "--queue_share", "0"])
    monkeypatch.setenv("INPAINT_QUEUE", "4")
    monkeypatch.setenv("INPAINT_KEEP", "5")
    monkeypatch.delenv("INPAINT_CONCURRENCY", raising=False)
    args = app.parse_args()
    assert (args.queue, args.queue_share, args.keep, args.concurrency) == (3, 0, 5, app.LIMITS["concurrency"][0])


def test_a_port_that_is_taken_ends_the_start_with_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "app.py", "--port", str(port)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert run.returncode == 1
    assert f"cannot listen on port {port} of this machine: it is taken" in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a shell")
def test_the_page_is_served_where_standard_streams_are_closed(tmp_path: Path) -> None:
    with served(tmp_path, {}, under=WITHOUT_STREAMS) as server, urlopen(server.url) as page:
        assert page.status == 200


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
