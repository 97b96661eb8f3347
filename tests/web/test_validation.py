"""What a caller may ask, before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from inpaint_hub.web.validation import GROW_PX, refusal


def test_what_can_be_done_is_not_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    photo = {"path": str(tmp_path / "photo.jpg"), "meta": {"_type": "gradio.FileData"}}
    asked = {"photo": photo, "mask": None, "strokes": {}, "method": "telea", "model": None, "file_format": "png"}
    for grow_px in (0, 4.0, GROW_PX):
        assert refusal(asked | {"grow_px": grow_px}, ["telea"], tmp_path) is None
    assert refusal({"anything": 1}, [], tmp_path) is None


def test_a_sentence_says_what_came_and_what_to_give() -> None:
    assert refusal({"grow_px": "abc"}, [], Path()) == (
        f"grow_px is 'abc'; give a whole number of pixels from 0 to {GROW_PX}."
    )


def test_an_upload_that_is_gone_is_told_and_no_other_file_is_looked_at(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    assert "deleted" in str(refusal({"photo": {"path": f"{uploads}/gone.jpg"}}, [], uploads))
    for path in (f"{tmp_path}/none", f"{uploads}/../none", f"{uploads}/\0", "x" * 9999):
        assert refusal({"photo": {"path": path}}, [], uploads) is None or "\0" in path


@pytest.mark.parametrize("value", [float("nan"), True, -1, GROW_PX + 1, 0.5, [1], "4"])
def test_only_whole_numbers_of_pixels_grow_a_hole(value: object) -> None:
    assert "whole number" in str(refusal({"grow_px": value}, [], Path()))
