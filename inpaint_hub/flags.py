"""What the flags of every command line take: types for argparse, each a value or a sentence that says what to give."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from pathlib import Path

MOST_SEED = 2**32 - 1  # NumPy's global generator takes no larger one
MOST_PX = 10**6  # wider than any photo that can be opened
MOST = 10**9  # of things that are counted


def given(text: str) -> str:
    """Text that is not empty: an empty one would count as left out, and something else be done than was meant."""
    if not text:
        raise ArgumentTypeError("it is empty, as a variable of the shell that is not set; give a value")
    return text


def place(text: str) -> str:
    """A file, a folder, or the name of a model or data set.

    `~` becomes the user's home, as in a shell, which leaves it alone where it follows the = of a flag.
    """
    return os.path.expanduser(given(text))  # noqa: PTH111  a Path loses the / at the end, which says that it is a folder


def path(text: str) -> Path:
    """A file or a folder, read as `place` does."""
    return Path(place(text))


def px(text: str) -> int:
    """A number of pixels, 0 or more."""
    return _whole_number(text, 0, MOST_PX)


def count(text: str) -> int:
    """A number of things, 1 or more."""
    return _whole_number(text, 1, MOST)


def limit(text: str) -> int:
    """The most things that are allowed; 0 for any number."""
    return _whole_number(text, 0, MOST)


def port(text: str) -> int:
    """A port of TCP."""
    return _whole_number(text, 1, 65535)


def seed(text: str) -> int:
    """A seed that every generator of random numbers takes."""
    return _whole_number(text, 0, MOST_SEED)


def shard(text: str) -> tuple[int, int]:
    """A part of several, as I/N."""
    number, _, total = text.partition("/")
    if not (number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total) <= MOST):
        raise ArgumentTypeError(f"it is {text!r}; give I/N with I from 1 to N, as 1/4 for the first of four parts")
    return int(number), int(total)


def _whole_number(text: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise ArgumentTypeError(f"it is {text!r}; give a whole number from {least} to {most}")
    return value
