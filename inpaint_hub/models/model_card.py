"""`model_card.md` and measured facts in, a model card out. Knows no network."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huggingface_hub import ModelCard, ModelCardData

_PACKAGE = Path(__file__).parents[1]


def template() -> str:
    """The text of `model_card.md`: beside the package in a checkout, inside it once installed."""
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (folder / "model_card.md").is_file():
            return (folder / "model_card.md").read_text(encoding="utf-8")
    raise FileNotFoundError("model_card.md is missing from the installed package; install inpaint-hub again")


def render(card_data: ModelCardData, *, dataset: str | None = None, **facts: Any) -> ModelCard:
    """The card with `facts` in the template's fields; a section without its facts is left out.

    `dataset` is a data set's id on the Hub, for the card's metadata.
    """
    from huggingface_hub import ModelCard

    card_data = deepcopy(card_data)  # the class's own, shared by all its models
    if dataset is not None:
        card_data.datasets = [dataset]
    return ModelCard.from_template(card_data, template_str=template(), **facts)
