"""The shipped checkpoints, each folder a complete model: config.json, model.safetensors, README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def shipped() -> list[str]:
    """The names of the checkpoints that come with the package."""
    return sorted(config.parent.name for config in _HERE.glob("*/config.json"))


def locate(name: Any) -> str:
    """The folder of a shipped name; anything else (a folder, "owner/model" on the Hub) as it came.

    A local folder must exist and a Hub id has one slash: what is neither is a `ValueError`.
    """
    text = str(name)
    if text in shipped():
        return str(_HERE / text)
    if not Path(text).is_dir() and text.count("/") != 1:
        raise ValueError(
            f"{text!r} is no shipped model ({', '.join(shipped())}), no folder here, and no Hub id;"
            " give one of those, or owner/model"
        )
    return text
