"""What every network shares: it is saved to a folder or the Hugging Face Hub with a card, and comes back strictly."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import HfApi, ModelCard, PyTorchModelHubMixin, hf_hub_download, snapshot_download
from huggingface_hub.constants import CONFIG_NAME, SAFETENSORS_SINGLE_FILE
from huggingface_hub.errors import EntryNotFoundError
from safetensors import SafetensorError
from torch import nn

from ..hardware import random_numbers_kept
from ..pretrained import locate
from .model_card import is_edited, render

if TYPE_CHECKING:
    from typing_extensions import Self

WHERE = ("revision", "cache_dir", "force_download", "local_files_only", "token")  # options of a download


class HubModel(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="inpaint-hub",
    license="apache-2.0",
    pipeline_tag="image-to-image",
    tags=["inpainting", "gan"],
):
    """A network whose constructor arguments alone rebuild it, from a folder or the Hugging Face Hub."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: Any, *, strict: bool = True, subfolder: str = "", **options: Any
    ) -> Self:
        """Load a network, in eval mode.

        Args:
            pretrained_model_name_or_path: a shipped name, a local folder, or "owner/model" on the Hub.
            strict: refuse missing or unexpected weights, unlike the mixin, which leaves them random without a word.
            subfolder: the folder within, for a model that is not at its top, as a run's "discriminator".
            options: the mixin's: revision, token, cache_dir, map_location...

        Returns:
            The network.

        Raises:
            ValueError: a name that can be none of the three, or that is a shipped model and a folder here, or broken
                weights.
            OSError: no such model, or no connection.
            RuntimeError: weights that do not fit.
        """
        place = locate(pretrained_model_name_or_path)
        if subfolder:
            place = str(_folder_within(place, subfolder, options))
        return super().from_pretrained(place, strict=strict, **options)

    @classmethod
    def _from_pretrained(
        cls, *, model_id: str, map_location: str = "cpu", strict: bool = False, **options: Any
    ) -> Self:
        """Load the weights of a folder or the Hub.

        The mixin's own would build a model without config.json from the class's defaults, draw from the caller's random
        numbers, and print a line for every folder, which cannot be kept silent while other threads print.
        """
        where = {name: options.pop(name) for name in WHERE}
        if not Path(model_id).is_dir():
            hf_hub_download(model_id, CONFIG_NAME, **where)
            weights = Path(hf_hub_download(model_id, SAFETENSORS_SINGLE_FILE, **where))
        elif not (Path(model_id) / CONFIG_NAME).is_file():
            raise FileNotFoundError(f"{model_id} has no {CONFIG_NAME}; give a folder that save_pretrained wrote")
        else:
            weights = Path(model_id) / SAFETENSORS_SINGLE_FILE
        with random_numbers_kept():
            model = cls(**options)
        try:
            return cls._load_as_safetensor(model, str(weights), map_location, strict)
        except SafetensorError as error:
            raise ValueError(
                f"{model_id}: its {SAFETENSORS_SINGLE_FILE} is broken ({error}); save or download it again"
            ) from error

    def settings(self) -> dict[str, Any]:
        """Return the constructor arguments that rebuild the network, for a subclass whose constructor takes none."""
        return {}

    def save_pretrained(self, save_directory: str | Path, *, config: Any = None, **options: Any) -> str | None:
        """Save weights, config.json and a card to a folder; options are the mixin's."""
        config = config or self._hub_mixin_config or self.settings()
        return super().save_pretrained(save_directory, config=config, **options)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        replace_card: bool = False,
        private: bool | None = None,
        token: str | None = None,
        ignore_patterns: list[str] | str | None = None,
        model_card_kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> str:
        """Push weights, config.json and a card to the Hub.

        Args:
            repo_id: "owner/model", or a model of the token's owner by its name alone.
            replace_card: replace a card that was edited on the Hub, too.
            private: make a new repository private.
            token: default: the one of `hf auth login`.
            ignore_patterns: files to leave out.
            model_card_kwargs: fields of `model_card.md`.
            options: the mixin's: commit_message, branch, create_pr...

        Returns:
            The address of the commit.
        """
        api = HfApi(token=token)
        repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        ignored = [ignore_patterns] if isinstance(ignore_patterns, str) else [*(ignore_patterns or [])]
        if not replace_card and is_edited(card_on_hub(api, repo_id) or ""):
            warnings.warn(CARD_KEPT.format(repo_id=repo_id), stacklevel=2)
            ignored.append("README.md")
        return super().push_to_hub(
            repo_id,
            private=private,
            token=token,
            ignore_patterns=ignored or None,
            model_card_kwargs=(model_card_kwargs or {}) | {"repo_id": repo_id},
            **options,
        )

    def generate_model_card(self, *args: Any, **facts: Any) -> ModelCard:
        """Render `model_card.md`; `facts` are its fields, and what is not given is left out."""
        name, module = type(self).__name__, type(self).__module__
        module = "inpaint_hub" if module == "inpaint_hub.models.networks" else module
        return render(self._hub_mixin_info.model_card_data, model=name, module=module, **facts)


CARD_KEPT = (
    "the card of {repo_id} was edited on the Hub, or not written by this version: it stays as it is; replace_card=True"
    " (--hub_replace_card) replaces it"
)


def card_on_hub(api: HfApi, repo_id: str, name: str = "README.md") -> str | None:
    """Fetch the text of a model's card on the Hub; None if it has none."""
    try:
        return Path(api.hf_hub_download(repo_id, name)).read_text(encoding="utf-8")
    except EntryNotFoundError:
        return None


def _folder_within(place: str, subfolder: str, options: dict[str, Any]) -> Path:
    """A folder of a local folder, or of a model on the Hub, of which nothing else is fetched."""
    files = [f"{subfolder}/{name}" for name in (CONFIG_NAME, SAFETENSORS_SINGLE_FILE)]
    where = {name: options[name] for name in WHERE if name in options}
    top = Path(place) if Path(place).is_dir() else Path(snapshot_download(place, allow_patterns=files, **where))
    if not (top / files[0]).is_file():
        raise FileNotFoundError(f"{place} has no {files[0]}; give a subfolder that save_pretrained wrote")
    return top / subfolder
