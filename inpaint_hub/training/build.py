"""What a run is made of: its images, its holes and its networks at the start. It is handed an accelerator.

What cannot be had ends the program with a sentence.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import torch

from ..data.dataset import Images, split_images
from ..data.holes import Holes, read_masks
from ..data.pairs import Pairs, read_pairs
from ..data.sources import DatasetConfig, reason
from ..data.streaming import stream_images
from ..models.context_encoder import ContextEncoder
from ..models.feature_discriminator import FeatureDiscriminator
from ..models.features import TRAINING, FeatureNetwork
from ..models.loading import load_network
from ..models.networks import Discriminator, Generator, InpaintingNetwork
from .recipes import Recipe

AnyDiscriminator = Discriminator | FeatureDiscriminator


def load_images(args: argparse.Namespace, recipe: Recipe, accelerator: Any, piece_size: int) -> Images:
    """Load the three splits."""
    places = {"--output_dir": args.output_dir, "--logging_dir": args.logging_dir, "--mask_dir": recipe.mask_dir}
    places["--validation_pairs"] = args.validation_pairs
    config = DatasetConfig(
        name=str(recipe.dataset_name),
        resolution=recipe.resolution,
        seed=args.seed,
        crop_min=recipe.crop_min,
        image_column=args.image_column,
        config_name=args.dataset_config_name,
        revision=args.dataset_revision,
        leave_out=tuple((flag, str(place)) for flag, place in places.items() if place is not None),
    )
    try:
        if recipe.dataset_name is None:
            raise ValueError("the recipe names no data set; say which with --train_data_dir or --dataset_name")
        if args.streaming:
            return stream_images(
                config,
                block_rows=args.shuffle_block,
                held_out=0 if args.dry_run else args.num_validation_images,  # an estimate reads no more than a block
                piece_size=piece_size,
                process=accelerator.process_index,
                processes=accelerator.num_processes,
                any_length=args.max_train_steps is not None,
                progress=accelerator.is_main_process,
            )
        with accelerator.main_process_first():  # the others find what it has downloaded
            return split_images(config, progress=accelerator.is_main_process)
    except (ValueError, OSError) as error:
        sys.exit(f"cannot train on {recipe.dataset_name}: {reason(error)}")


def load_holes(recipe: Recipe, invert: bool | None = None) -> Holes:
    """Load how the recipe draws holes."""
    try:
        size = (recipe.resolution, recipe.resolution)
        masks = None if recipe.mask_dir is None else read_masks(recipe.mask_dir, size, invert)
    except ValueError as error:
        sys.exit(f"cannot draw holes from masks: {error}")
    return Holes((recipe.hole_min, recipe.hole_max), recipe.hole_mix(), masks)


def load_pairs(folder: Path | None, recipe: Recipe) -> Pairs | None:
    """Load the photos and masks that are shown at every validation."""
    try:
        return None if folder is None else read_pairs(folder, recipe.resolution)
    except (ValueError, OSError) as error:
        sys.exit(f"cannot show --validation_pairs: {error}")


def load_features(recipe: Recipe, accelerator: Any) -> FeatureNetwork | None:
    """Load the feature network, if a loss of the recipe looks through it."""
    if recipe.discriminator != "features" and not recipe.perceptual_weight:
        return None
    try:
        return FeatureNetwork(TRAINING).to(accelerator.device)
    except ImportError as error:
        sys.exit(f"the feature network cannot be loaded ({error}); pip install '.[train]' brings it")


def build_networks(
    recipe: Recipe, fill_color: tuple[float, float, float], final_resolution: int, start: Path | None = None
) -> tuple[InpaintingNetwork, AnyDiscriminator, list[str]]:
    """Build both networks of a run.

    Args:
        recipe: which networks.
        fill_color: mean colour of the training images.
        final_resolution: side of the images at the end of the run, px.
        start: a model folder whose weights to begin with, instead of random ones.

    Returns:
        The generator, the discriminator, and a sentence for what of the folder was not taken.
    """
    generator = _generator(recipe, fill_color, final_resolution)
    discriminator: AnyDiscriminator
    if recipe.discriminator == "features":
        discriminator = FeatureDiscriminator(recipe.local_discriminator)
    else:
        discriminator = Discriminator(min(recipe.resolution, 256), recipe.local_discriminator)
    notes = []
    if start is None:
        generator.zero_unreachable_weights(max(recipe.resolutions_at(0)))
    else:
        try:
            _take_generator(generator, start)
            notes = _take_discriminator(discriminator, start)
        except (ValueError, OSError, RuntimeError) as error:
            sys.exit(f"cannot start from {recipe.init_from}: {error}")
    channels_last = torch.channels_last
    return generator.to(memory_format=channels_last), discriminator.to(memory_format=channels_last), notes


def weights_digest(folder: Path) -> str:
    """A hash of the generator's weights in a model folder, by which a run knows them wherever they are."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16]


def _generator(recipe: Recipe, fill_color: tuple[float, float, float], final_resolution: int) -> InpaintingNetwork:
    """The recipe's generator, random; it is to know how large the holes are that a run ends with."""
    if recipe.generator == "context-encoder":
        return ContextEncoder(fill_color, recipe.hole_max, recipe.resolution)
    return Generator(fill_color, recipe.hole_sides_at(final_resolution)[1], dilated=recipe.generator == "dilated")


def _take_generator(generator: InpaintingNetwork, folder: Path) -> None:
    """Load the folder's weights. Raises `ValueError` for those of another network, even where shapes fit."""
    found = load_network(folder)
    for name in ("dilated", "image_size"):
        theirs, ours = (network.settings().get(name) for network in (found, generator))
        if type(found) is not type(generator) or theirs != ours:
            raise ValueError(
                f"it is a {type(found).__name__} with {found.settings()}, --generator asks for a"
                f" {type(generator).__name__} with {generator.settings()}; say another --generator, or other weights"
            )
    generator.load_state_dict(found.state_dict())


def _take_discriminator(discriminator: AnyDiscriminator, folder: Path) -> list[str]:
    """Load the folder's discriminator where it fits; else say that a new one begins."""
    if not (folder / "discriminator" / "config.json").is_file():
        return [f"{folder.name} comes without a discriminator: a new one begins from random weights"]
    try:
        found = type(discriminator).from_pretrained(folder / "discriminator")
        theirs = found.settings()
    except (RuntimeError, TypeError, ValueError):  # of another class
        theirs = {}
    if theirs != discriminator.settings():
        return [
            f"the discriminator of {folder.name} is of another kind or for another --resolution, and is not taken:"
            " a new one begins from random weights"
        ]
    discriminator.load_state_dict(found.state_dict())
    return []
