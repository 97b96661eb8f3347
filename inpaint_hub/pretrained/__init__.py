"""The shipped checkpoints, each folder a complete model: config.json, model.safetensors, README.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent


def shipped() -> list[str]:
    """The names of the checkpoints that come with the package."""
    return sorted(config.parent.name for config in _HERE.glob("*/config.json"))


def shipped_folder(name: str) -> str:
    """The folder of a checkpoint that comes with the package, whatever is called so where the program runs."""
    return str(_HERE / name)


def may_be_model(text: str) -> bool:
    """Tell whether a text is a folder here, or has the form of a model's name on the Hub, which is owner/model."""
    return bool(text) and (Path(text).is_dir() or (text.count("/") == 1 and not text.startswith((".", "/", "~"))))


def locate(name: Any) -> str:
    """Find a model by its name.

    Args:
        name: a shipped name, a folder, or "owner/model" on the Hub; a `Path` is always a folder.

    Returns:
        The folder, or the id on the Hub.

    Raises:
        ValueError: it can be none of the three, or it is a shipped name and also a model's folder here.
    """
    text = str(name)
    if text in shipped() and not isinstance(name, os.PathLike):
        here, ours = Path(text), _HERE / text
        if (here / "config.json").is_file() and here.resolve() != ours:
            raise ValueError(
                f"{text!r} is a shipped model and also a folder here; write './{text}' for the folder, or {str(ours)!r}"
                " for the shipped one"
            )
        return str(ours)
    if not (Path(text).is_dir() if isinstance(name, os.PathLike) else may_be_model(text)):
        raise ValueError(
            f"{text!r} is no shipped model ({', '.join(shipped())}), no folder here, and no Hub id;"
            " give one of those, or owner/model"
        )
    return text
