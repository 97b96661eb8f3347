"""Load a network of the class that its config.json names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.constants import CONFIG_NAME

from ..pretrained import locate
from .context_encoder import ContextEncoder
from .hub_model import WHERE
from .networks import Generator


def load_network(name: Any, *, subfolder: str = "", **options: Any) -> Generator | ContextEncoder:
    """Load the network that fills, of the class that its config says.

    Args:
        name: a shipped name, a folder, or "owner/model" on the Hub.
        subfolder: the folder within.
        options: the mixin's.

    Returns:
        The network, in eval mode.

    Raises:
        ValueError, OSError, RuntimeError: what `Generator.from_pretrained` raises, and for a config.json of no model.
    """
    place = locate(name)
    if Path(place).is_dir():
        config = Path(place) / subfolder / CONFIG_NAME
    else:
        where = {key: options[key] for key in WHERE if key in options}
        config = Path(hf_hub_download(place, CONFIG_NAME, subfolder=subfolder or None, **where))
    try:
        settings = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{config} is broken ({error}); save or download it again") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{config} holds no settings by name; take one that save_pretrained wrote")
    kind = ContextEncoder if {"image_size", "fill_color"} <= {*settings} else Generator
    return kind.from_pretrained(name, subfolder=subfolder, **options)
