"""COCO's run lengths: a mask as the lengths of runs of 0 and 1 in turn, column by column.

Source: cocodataset/cocoapi:common/maskApi.c
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def decode_run_lengths(mask: Mapping[str, Any]) -> np.ndarray:
    """Decode a mask in COCO's run lengths.

    Args:
        mask: `size`, its height and width, and `counts`, a list of lengths, or COCO's compressed string or bytes.

    Returns:
        (H, W) bool: True where the mask is 1.

    Raises:
        ValueError: It is no such mask, or its lengths do not add up.
    """
    if "counts" not in mask or "size" not in mask:
        more = "; a SAM annotation's mask is its 'segmentation'" if "segmentation" in mask else ""
        raise ValueError(
            f"mask is a dictionary of {', '.join(map(str, mask)) or 'nothing'};"
            f" COCO's run lengths have size and counts{more}"
        )
    height, width = _whole_numbers(mask, "size", "the height and the width")
    counts = mask["counts"]
    if isinstance(counts, (str, bytes)):
        lengths = _decompress(counts)
    else:
        lengths = _whole_numbers(mask, "counts", "a list of lengths, or COCO's string")
    if sum(lengths) != height * width or min(height, width, *lengths) < 0:
        raise ValueError(f"mask's run lengths add up to {sum(lengths)} pixels, but its size is {height}×{width}")
    runs = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return runs.reshape(width, height).T


def _whole_numbers(mask: Mapping[str, Any], name: str, wanted: str) -> list[int]:
    """The numbers that a mask has under a name. Raises `ValueError` for anything else."""
    try:
        numbers = [int(number) for number in mask[name]]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if not numbers or (name == "size" and len(numbers) != 2):
        raise ValueError(f"mask's {name} is {mask[name]!r:.80}; give {wanted}")
    return numbers


def _decompress(counts: str | bytes) -> list[int]:
    """Run lengths of COCO's string: 5 bits a character, the lowest first.

    From the fourth on it is the difference to the last but one that is written.
    """
    lengths: list[int] = []
    value = shift = 0
    for character in counts.encode() if isinstance(counts, str) else counts:
        bits = character - 48
        if not 0 <= bits < 64:
            raise ValueError(f"mask's run lengths hold {chr(character)!r}, which COCO's strings do not")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    return lengths
