"""A network from its files, of whichever class its config says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.constants import CONFIG_NAME

from ..pretrained import locate
from .context_encoder import ContextEncoder
from .networks import WHERE, Generator


def load(name: Any, **options: Any) -> Generator | ContextEncoder:
    """The network that fills with the weights of a shipped name, a folder, or "owner/model" on the Hub: see its config.

    Options are the mixin's. Raises what `Generator.from_pretrained` raises.
    """
    place = locate(name)
    if Path(place).is_dir():
        config = Path(place) / CONFIG_NAME
    else:
        config = Path(hf_hub_download(place, CONFIG_NAME, **{key: options[key] for key in WHERE if key in options}))
    settings = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    kind = ContextEncoder if {"image_size", "fill_color"} <= {*settings} else Generator
    return kind.from_pretrained(name, **options)
