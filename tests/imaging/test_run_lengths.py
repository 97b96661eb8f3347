"""COCO's run lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inpaint_hub.imaging.run_lengths import decode_run_lengths


def test_decode_run_lengths_goes_column_by_column_and_begins_with_0() -> None:
    expected = np.array([[0, 1, 0], [1, 1, 0]], dtype=bool)
    assert np.array_equal(decode_run_lengths({"size": [2, 3], "counts": [1, 3, 2]}), expected)
    assert np.array_equal(decode_run_lengths({"size": [2, 3], "counts": "132"}), expected)
    assert np.array_equal(decode_run_lengths({"size": [2, 3], "counts": b"132"}), expected)


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        ({}, "dictionary of nothing"),
        ({"size": [2, 3], "counts": [7, -1]}, "add up to 6 pixels"),
        ({"size": [2, 3], "counts": "1 2"}, "hold ' '"),
        ({"size": [2, 3], "counts": []}, "counts is ..; give a list of lengths, or COCO's string"),
        ({"size": [2, 3], "counts": None}, "counts is None; give a list of lengths, or COCO's string"),
        ({"size": [2, 3], "counts": 6}, "counts is 6; give a list of lengths"),
        ({"size": [2, 3], "counts": ["one", 5]}, "counts is .'one', 5.; give a list of lengths"),
        ({"size": [2, 3], "counts": [[1, 2], [3, 4]]}, "counts is ..1, 2., .3, 4..; give a list of lengths"),
        ({"size": [2, 3], "counts": [float("inf")]}, "counts is .inf.; give a list of lengths"),
        ({"size": [2, 3], "counts": "ö"}, "which COCO's strings do not"),
        ({"size": None, "counts": [6]}, "size is None; give the height and the width"),
        ({"size": "2x3", "counts": [6]}, "size is '2x3'; give the height and the width"),
        ({"size": [6], "counts": [6]}, "size is .6.; give the height and the width"),
        ({"size": [-2, -3], "counts": [6]}, "its size is -2×-3"),
    ],
)
def test_decode_run_lengths_refuses_others_with_a_sentence(mask: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode_run_lengths(mask)
