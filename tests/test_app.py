"""How app.py starts: the model, its flags, and the examples."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import pytest
from paths import ROOT
from PIL import Image

from inpaint_hub.web import text

pytest.importorskip("gradio", reason="the page needs gradio")

import app


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


def test_the_model_may_be_in_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(sys, "argv", ["app.py", "--model=~/model"])
    assert app.parse_args().model == "/home/me/model"


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
