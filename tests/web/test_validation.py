"""What a caller may ask, before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inpaint_hub.web.validation import GROW_PX, MOST_EDITS, GoneError, uploaded_path, validate, validate_request


@pytest.fixture
def photo(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "photo.jpg").touch()
    return {"path": str(tmp_path / "photo.jpg"), "meta": {"_type": "gradio.FileData"}}


def test_validate_takes_what_can_be_done(tmp_path: Path, photo: dict[str, Any]) -> None:
    values = {"photo": photo, "mask": None, "strokes": {}, "method": "telea", "model": None, "file_format": "png"}
    for grow_px in (0, 4.0, GROW_PX):
        validate(values | {"grow_px": grow_px}, ["telea"], tmp_path)
    validate({"anything": 1}, [], tmp_path)


def test_validate_says_what_came_and_what_to_give() -> None:
    with pytest.raises(ValueError, match=f"^grow_px is 'abc'; give a whole number of pixels from 0 to {GROW_PX}.$"):
        validate({"grow_px": "abc"}, [], Path())


def test_validate_tells_an_upload_that_is_gone_and_looks_at_no_other_file(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    gone = {"path": f"{uploads}/gone.jpg"}
    for values in ({"photo": gone}, {"mask": gone}, {"edits": [{"file": gone, "box": [0, 0, 1, 1]}]}):
        with pytest.raises(GoneError, match=r"was deleted. Open it again"):
            validate(values, [], uploads)
    with pytest.raises(GoneError):
        validate({"photo": {"path": f"{uploads}/{'x' * 9999}"}}, [], uploads)
    for path in (f"{tmp_path}/none", f"{uploads}/../none", f"{uploads}/\0", "x" * 9999):
        validate({"photo": {"path": path}}, [], uploads)


@pytest.mark.parametrize("value", [float("nan"), True, -1, GROW_PX + 1, 0.5, [1], "4"])
def test_validate_grows_by_whole_numbers_of_pixels_only(value: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        validate({"grow_px": value}, [], Path())


@pytest.mark.parametrize(
    "edits",
    [1, {}, [1], [{}], [{"file": None, "box": [0, 0, 1, 1]}], [{"file": {"path": "x"}, "box": [0, 0, 1]}],
     [{"file": {"path": "x"}, "box": [0, 0, 1, "1"]}],
     [{"file": {"path": "x"}, "box": [0, 0, 1, 1]}] * (MOST_EDITS + 1)],
)  # fmt: skip
def test_validate_takes_fills_with_files_and_boxes_only(edits: object) -> None:
    with pytest.raises(ValueError, match=f"edits is .*; give up to {MOST_EDITS} fills") as caught:
        validate({"edits": edits}, [], Path())
    assert len(str(caught.value)) < 200


def test_validate_request_takes_uploads_only(tmp_path: Path, photo: dict[str, Any]) -> None:
    request = {"photo": photo, "language": "en", "method": "telea"}
    validate_request(request, ["telea"], tmp_path)
    (tmp_path.parent / "other.jpg").touch()
    for path in (f"{tmp_path}/../other.jpg", "/etc/passwd", "http://127.0.0.1/x"):
        for changed in ({"photo": photo | {"path": path}}, {"mask": photo | {"path": path}}):
            with pytest.raises(ValueError, match=r"a file is .*; give an upload"):
                validate_request(request | changed, ["telea"], tmp_path)
    with pytest.raises(ValueError, match="a file is"):
        validate_request(request | {"photo": {"path": photo["path"]}}, ["telea"], tmp_path)


@pytest.mark.parametrize("request_", [None, 1, "x", [], {}, {"photo": None}])
def test_validate_request_says_what_a_request_is(request_: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"request is .*; give what the page sends"):
        validate_request(request_, [], tmp_path)


def test_validate_request_needs_a_language_that_the_page_speaks(tmp_path: Path, photo: dict[str, Any]) -> None:
    for request in ({"photo": photo}, {"photo": photo, "language": "xx"}, {"photo": photo, "language": []}):
        with pytest.raises(ValueError, match=r"language is .*; give one of en, de"):
            validate_request(request, [], tmp_path)


def test_uploaded_path_knows_the_pages_own_addresses(tmp_path: Path) -> None:
    address = "http://127.0.0.1:7860/gradio_api/file="
    assert uploaded_path(f"{address}{tmp_path}/a%20b.png", tmp_path) == f"{tmp_path}/a b.png"
    for other in (f"{address}/etc/passwd", f"{address}{tmp_path}/../x.png", "http://127.0.0.1:9/x.png"):
        assert uploaded_path(other, tmp_path) is None
