"""The flags of `train_accelerate.py`, in groups, and the recipe that they make.

It loads no library that takes time, so that `--help` and a wrong flag answer at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..flags import given, path, place, seed
from .recipes import CHOICES, PRESETS, Recipe

Flag = tuple[str, dict[str, Any]]

# Trackers by accelerate's names, and the module that each one needs.
TRACKERS = {
    "aim": "aim", "clearml": "clearml", "comet_ml": "comet_ml", "dvclive": "dvclive", "mlflow": "mlflow",
    "swanlab": "swanlab", "tensorboard": "tensorboard", "trackio": "trackio", "wandb": "wandb",
}  # fmt: skip

SWITCH: dict[str, Any] = {"action": "store_true"}
FLAGS: dict[str, tuple[Flag, ...]] = {
    "run": (
        ("output_dir", {"type": path, "required": True, "help": "folder of the run: checkpoints, then the model"}),
        ("dry_run", SWITCH | {"help": "print the recipe, time and memory, and train nothing"}),
        ("max_train_steps", {"type": int, "help": "iterations in all; overrides --num_train_epochs"}),
        ("seed", {"type": seed, "default": 0, "help": "of the split, the order, the holes and the first weights"}),
        (
            "early_stopping_patience",
            {"type": int, "help": "end after so many validations no better in --save_best"},
        ),
    ),
    "data": (
        (
            "train_data_dir",
            {"type": place, "help": "a local folder of images or Parquet files, instead of --dataset_name"},
        ),
        ("dataset_config_name", {"type": given, "help": "the data set's configuration, where it has several"}),
        ("dataset_revision", {"type": given, "help": "branch, tag or commit of a data set on the Hub"}),
        ("image_column", {"type": given, "help": "the data set's image column, where it has several"}),
        ("invert_masks", {"action": argparse.BooleanOptionalAction, "help": "take black as the hole in --mask_dir"}),
        ("streaming", SWITCH | {"help": "read the images as they are needed, never all at once"}),
        ("shuffle_block", {"type": int, "default": 4096, "help": "rows that a stream holds at a time, shuffled"}),
        ("data_terms", {"help": "for the card: what the images are, and under which terms"}),
    ),
    "checkpoints": (
        ("checkpointing_steps", {"type": int, "default": 500, "help": "iterations between two checkpoints"}),
        ("checkpoints_total_limit", {"type": int, "default": 2, "help": "checkpoints to keep"}),
        (
            "resume_from_checkpoint",
            {"type": place, "default": "latest", "help": "a checkpoint's path, its name in OUTPUT_DIR, or latest"},
        ),
    ),
    "figures": (
        ("logging_steps", {"type": int, "default": 50, "help": "iterations between two rows of metrics.jsonl"}),
        (
            "validation_steps",
            {"type": int, "help": "iterations between validations, 0 for none; default: an epoch, at most 20 in a run"},
        ),
        (
            "num_validation_images",
            {"type": int, "default": 1000, "help": "validation images to measure on"},
        ),
        ("validation_pairs", {"type": path, "help": "folder of own photos and masks to fill at every validation"}),
        ("save_best", {"metavar": "METRIC", "help": "keep the model of the best validation in OUTPUT_DIR/best"}),
        (
            "report_to",
            {"default": "none", "help": f"trackers, comma between, all or none: {', '.join(TRACKERS)}"},
        ),
        ("logging_dir", {"type": path, "help": "where the trackers write; default OUTPUT_DIR/logs"}),
    ),
    "machine": (
        (
            "mixed_precision",
            {"choices": ("no", "fp16", "bf16"), "help": "default: the launcher's, else bf16 where it is fast"},
        ),
        (
            "num_threads",
            {
                "default": "all",
                "help": "CPU threads of a process: a number, all, or auto, the fastest by a timing",
            },
        ),
        ("cpu", SWITCH | {"help": "train on the CPU even where there is a GPU"}),
        ("torch_compile", SWITCH | {"help": "compile both networks first, which takes minutes"}),
        ("gradient_checkpointing", SWITCH | {"help": "compute the generator's layers twice, to save memory"}),
    ),
    "hub": (
        ("push_to_hub", SWITCH | {"help": "push the model to the Hub at the end"}),
        ("push_every", {"type": int, "help": "iterations between two pushes on the way"}),
        (
            "hub_model_id",
            {"type": given, "help": "owner/name of the model on the Hub; default: the output folder's name"},
        ),
        (
            "hub_token",
            {"type": given, "help": "for models and data sets on the Hub; default: the one of `hf auth login`"},
        ),
        ("hub_private_repo", SWITCH | {"help": "make a new model repository private"}),
        ("hub_replace_card", SWITCH | {"help": "replace a card that was edited on the Hub, too"}),
        ("show_samples", SWITCH | {"help": "show samples.png, pictures of the data set, in the card, and push it"}),
    ),
}
RECIPE_GROUPS: dict[str, tuple[str, ...]] = {
    "recipe: images and holes": (
        "dataset_name", "resolution", "resolution_schedule", "crop_min", "flip", "holes", "mask_dir", "hole_min",
        "hole_max",
    ),
    "recipe: networks": ("init_from", "generator", "discriminator", "local_discriminator"),
    "recipe: losses": (
        "reconstruct_over", "reconstruction_loss", "perceptual_weight", "adversarial_loss", "adversarial_weight",
        "diffaugment", "joint", "discriminator_from", "adversarial_from",
    ),
    "recipe: optimisation": (
        "num_train_epochs", "train_batch_size", "gradient_accumulation_steps", "optimizer", "learning_rate",
        "discriminator_learning_rate", "adam_beta1", "adam_beta2", "lr_warmup_images", "lr_decay_from",
        "batchnorm_frozen_from", "gradient_clip", "interpolation", "ema_half_life",
    ),
}  # fmt: skip
MOST_THREADS = 4096  # more than any machine has cores
POSITIVE = (
    "max_train_steps", "logging_steps", "checkpointing_steps", "checkpoints_total_limit", "shuffle_block",
    "num_validation_images", "early_stopping_patience", "push_every",
)  # fmt: skip


def parse_args(argv: list[str] | None = None) -> tuple[argparse.Namespace, Recipe]:
    """Read the command line; a flag that does not fit ends the program with a sentence.

    Args:
        argv: the words after the program's name; default: the program's own.

    Returns:
        The flags, and the recipe: that of `--recipe` or `--preset`, with every field that was given as a flag.
    """
    start = argparse.ArgumentParser(
        usage="%(prog)s --output_dir OUTPUT_DIR [--preset NAME] [options]", add_help=False, allow_abbrev=False
    )
    source = start.add_mutually_exclusive_group()
    source.add_argument("--preset", choices=PRESETS, default="cifar10", help="the recipe to start from")
    source.add_argument("--recipe", type=path, metavar="FILE", help="a recipe.json, as every run writes it, instead")
    known, _ = start.parse_known_args(argv)
    try:
        preset = PRESETS[known.preset] if known.recipe is None else read_recipe(known.recipe)
    except ValueError as error:
        start.error(str(error))
    parser = _parser(start, preset, known.preset if known.recipe is None else known.recipe.name)
    args = parser.parse_args(argv)
    args.hub_model_id = args.hub_model_id or args.output_dir.absolute().name
    fields = {field.name: getattr(args, field.name) for field in dataclasses.fields(Recipe)}
    fields["dataset_name"] = args.train_data_dir or args.dataset_name
    changes: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if args.holes is not None and "folder" not in args.holes:
        changes.setdefault("mask_dir", None)  # the recipe's, for holes that are not drawn any more
    try:
        _check(args)
        return args, preset.replace(**changes)
    except ValueError as error:
        parser.error(str(error))


def read_recipe(path: Path) -> Recipe:
    """Read a recipe that a run wrote. Raises `ValueError` for a file that holds none."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        unknown = {*fields} - {field.name for field in dataclasses.fields(Recipe)}
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"--recipe {path} cannot be read ({error}); give a recipe.json of a run") from error
    if not isinstance(fields, dict) or unknown:
        said = f"unknown fields: {', '.join(sorted(map(str, unknown)))}" if unknown else "no fields"
        raise ValueError(f"--recipe {path} is no recipe ({said}); give a recipe.json of a run")
    return Recipe(**fields)


def shown_command(argv: list[str], token: str | None, threads: int | None = None) -> str:
    """Write the command line as the card shows it to everyone: without the token, with the run's number of threads."""
    words = [word.replace(token, "...") if token else word for word in argv]
    if threads is not None:
        places = [number for number, word in enumerate(words) if word.split("=")[0] == "--num_threads"]
        for place in reversed(places):
            del words[place : place + (1 if "=" in words[place] else 2)]
        words += ["--num_threads", str(threads)]
    return shlex.join(["accelerate", "launch", *words])


def _parser(start: argparse.ArgumentParser, preset: Recipe, name: str) -> argparse.ArgumentParser:
    """All flags, the help of a recipe's showing the value of the preset."""
    parser = argparse.ArgumentParser(
        usage="%(prog)s --output_dir OUTPUT_DIR [--preset NAME] [options]",
        description="Train the inpainting GAN of the paper, on CIFAR-10 or your own images.",
        epilog="docs/training.md tells more. `--preset NAME --help` shows the values of another preset.",
        parents=[start],
        allow_abbrev=False,
    )
    for title, flags in FLAGS.items():
        group = parser.add_argument_group(title)
        for flag, options in flags:
            default = options.get("default")
            shown = "" if default is None or default == "" else f" [{default}]"
            group.add_argument(f"--{flag}", **options | {"help": _escaped(options["help"] + shown)})
    fields = {field.name: field for field in dataclasses.fields(Recipe)}
    for title, names in RECIPE_GROUPS.items():
        group = parser.add_argument_group(title, f"in brackets: {name}")
        for field in (fields[flag] for flag in names):
            kind: dict[str, Any] = {"type": place if field.default is None else type(field.default)}
            if kind["type"] is bool:
                kind = {"action": argparse.BooleanOptionalAction}
            if field.name in CHOICES:
                kind["metavar"] = "NAME"
            value = getattr(preset, field.name)
            shown = "" if value is None or value == "" else f" [{value}]"
            group.add_argument(f"--{field.name}", help=_escaped(field.metadata["help"] + shown), default=None, **kind)
    return parser


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _check(args: argparse.Namespace) -> None:
    """Raise `ValueError` for values that do not fit, and turn `report_to` into a list."""
    for name in POSITIVE:
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise ValueError(f"--{name} is {getattr(args, name)}; it takes 1 or more")
    if args.validation_steps is not None and args.validation_steps < 0:
        raise ValueError(f"--validation_steps is {args.validation_steps}; it takes 0 or more")
    threads = args.num_threads
    if threads not in ("all", "auto") and not (threads.isdecimal() and 1 <= int(threads) <= MOST_THREADS):
        raise ValueError(f"--num_threads is {threads}; it takes a number from 1 to {MOST_THREADS}, all, or auto")
    if args.early_stopping_patience and not args.save_best:
        raise ValueError("--early_stopping_patience needs --save_best METRIC, the figure that is to get better")
    if args.validation_steps == 0 and (args.save_best or args.validation_pairs):
        raise ValueError("--validation_steps 0 turns validation off, which --save_best and --validation_pairs need")
    if args.push_every and not args.push_to_hub:
        raise ValueError("--push_every needs --push_to_hub")
    if args.hub_private_repo and not args.push_to_hub:
        raise ValueError("--hub_private_repo needs --push_to_hub")
    args.report_to = _trackers(args.report_to)


def _trackers(words: str) -> list[str]:
    """The names of the trackers, those that are installed for `all`."""
    installed = [name for name, module in TRACKERS.items() if find_spec(module)]
    if words in ("all", "none"):
        return installed if words == "all" else []
    names = [word.strip() for word in words.split(",") if word.strip()]
    for name in names:
        if name not in TRACKERS:
            raise ValueError(f"--report_to {name} is no tracker; it takes {', '.join(TRACKERS)}, all or none")
        if name not in installed:
            raise ValueError(f"--report_to {name} is not installed; pip install {TRACKERS[name]}, or leave it out")
    return names
