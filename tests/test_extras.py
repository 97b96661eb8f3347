"""What is said of libraries that cannot be imported."""

from __future__ import annotations

import sys

import pytest

from inpaint_hub.extras import import_problem


def test_import_problem_names_the_library_and_the_extra() -> None:
    error = ModuleNotFoundError("No module named 'cv2'", name="cv2")
    expected = "telea needs cv2, which is not installed: pip install '.[compare]' brings it"
    assert import_problem("telea", error, "compare") == expected


@pytest.mark.parametrize(
    "error", [ImportError("libGL.so.1: no such file"), ImportError("libGL.so.1: no such file", name="cv2")]
)
def test_import_problem_does_not_call_a_broken_library_missing(error: ImportError) -> None:
    assert import_problem("telea", error, "compare") == "telea cannot be loaded (libGL.so.1: no such file)"


def test_import_problem_says_that_patchmatch_needs_a_newer_python(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ModuleNotFoundError("No module named 'patchmatch'", name="patchmatch")
    monkeypatch.setattr(sys, "version_info", (3, 11, 0))
    assert "pip install '.[compare]' brings it" in import_problem("guided", error, "compare")
    monkeypatch.setattr(sys, "version_info", (3, 10, 12))
    assert import_problem("guided", error, "compare") == "guided needs PyPatchMatch, which needs Python 3.11 or newer"
