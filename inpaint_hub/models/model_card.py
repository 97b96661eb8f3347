"""`model_card.md` and measured facts in, a model card out. Knows no network.

A card ends with a digest of its text, so that one that somebody has edited since is told from one that a run wrote.
"""

from __future__ import annotations

import hashlib
import re
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huggingface_hub import ModelCard, ModelCardData

_PACKAGE = Path(__file__).parents[1]
PLACE = '"path/to/this/folder"'  # what a card calls its own folder until it is published
SIGNATURE = "<!-- Written by inpaint-hub ({}). A card that was edited is not replaced unasked. -->"
SIGNED = re.compile(SIGNATURE.replace("(", r"\(").replace(")", r"\)").format("([0-9a-f]{16})") + r"\s*$")


def template() -> str:
    """Read `model_card.md`, which is beside the package in a checkout and inside it once installed."""
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (folder / "model_card.md").is_file():
            return (folder / "model_card.md").read_text(encoding="utf-8")
    raise FileNotFoundError("model_card.md is missing from the installed package; install inpaint-hub again")


def render(card_data: ModelCardData, *, dataset: str | None = None, **facts: Any) -> ModelCard:
    """Render a model card; a section without its facts is left out.

    Args:
        card_data: The metadata.
        dataset: The id of the data set on the Hub, for the metadata.
        facts: Values for the fields of `model_card.md`.

    Returns:
        The card, signed.
    """
    from huggingface_hub import ModelCard

    card_data = deepcopy(card_data)  # the class's own, shared by all its models
    if dataset is not None:
        card_data.datasets = [dataset]
    card = ModelCard.from_template(card_data, template_str=template(), **facts)
    return ModelCard(sign(card.content))


def sign(text: str) -> str:
    """Append a digest of the text, in a comment that a page does not show."""
    return f"{text.rstrip()}\n\n{SIGNATURE.format(_digest(text))}\n"


def is_edited(text: str) -> bool:
    """Tell whether a card is not as a run wrote it; metadata alone, with no text, is nobody's work."""
    found = SIGNED.search(text)
    if found is None:
        return bool(re.sub(r"\A\s*---\n.*?\n---", "", text, flags=re.DOTALL).strip())
    return found[1] != _digest(text[: found.start()])


def address(text: str, repo_id: str, subfolder: str = "") -> str:
    """Name the model by its id on the Hub where the card says that its folder belongs.

    Args:
        text: a card.
        repo_id: "owner/model".
        subfolder: the folder within, for a model that is not at its top.

    Returns:
        The card, signed again unless it was edited.
    """
    place = f'"{repo_id}"' + (f', subfolder="{subfolder}"' if subfolder else "")
    if PLACE not in text:
        return text
    found = None if is_edited(text) else SIGNED.search(text)
    return text.replace(PLACE, place) if found is None else sign(text[: found.start()].replace(PLACE, place))


def _digest(text: str) -> str:
    return hashlib.sha256(text.replace("\r\n", "\n").strip().encode()).hexdigest()[:16]
