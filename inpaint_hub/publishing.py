"""The model of a training run: measured, written with its card into a folder, and pushed to the Hub.

It is handed a run, and knows no accelerate.
"""

from __future__ import annotations

import copy
import itertools
import json
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from . import hub
from .data.dataset import TERMS, downscale
from .evaluation.evaluate import SAMPLES, evaluate_methods, evaluation_holes, validate
from .models.model_card import is_edited
from .models.networks import InpaintingNetwork
from .training.arguments import shown_command
from .training.build import AnyDiscriminator
from .training.ema import interpolate, to_half
from .training.history import TrainingState, plot
from .training.run import Run, recalibrated
from .training.run_folder import writing_to


def push_on_the_way(run: Run, state: TrainingState, tell: Callable[[str], object]) -> None:
    """Publish the model as it is; a Hub that cannot be reached does not end the run."""
    generator = copy.deepcopy(recalibrated(run, state.images_seen - 1, frozen=state.batchnorm_frozen))
    note = f"Training is under way: {state.images_seen:,} of {run.total_images:,} images."
    facts = card_facts(run, state) | {"note": note}
    save_model(generator, run.parts()["discriminator"], facts, run.args.output_dir)
    try:
        tell(f"pushed to {push(run)}")
    except ValueError as error:
        tell(f"not pushed: {error}")


def push(run: Run) -> str:
    """The address of the commit that put the model folder on the Hub."""
    args = run.args
    return hub.publish(args.output_dir, args.hub_model_id, token=args.hub_token, replace_card=args.hub_replace_card)


def publish(run: Run, state: TrainingState, places: list[Any]) -> None:
    """Measure the published weights, and write the model folder: half precision, and a card with their figures."""
    args, recipe, images = run.args, run.recipe, run.images
    side = max(recipe.resolutions_at(state.images_seen - 1))
    if state.before_adversarial:
        interpolate(run.averaged, state.before_adversarial, recipe.interpolation)
    published = to_half(recalibrated(run, state.images_seen - 1, frozen=state.batchnorm_frozen)).float().cpu()
    samples = downscale(images.validation[:SAMPLES], side)
    with writing_to(args.output_dir):
        plot(state.history, args.output_dir / "errors.png")  # also of a run that never validates
        validate(published, samples, run.holes_at(side), args.output_dir / "samples.png")
    facts = card_facts(run, state)
    images.unreadable.update({name: None for place in places for name in place["unreadable"]})
    facts["unreadable"] = [*images.unreadable]
    train_count = sum(place["visited"] for place in places) if run.stream else images.train.count
    facts["counts"] = {"train": train_count, "validation": len(images.validation), "test": len(images.test)}
    holes = evaluation_holes(len(images.test), side, run.holes_at(side))
    facts["figures"] = evaluate_methods({"this model": published}, downscale(images.test, side), holes)
    with writing_to(args.output_dir):
        save_model(published, run.parts()["discriminator"], facts, args.output_dir)
    print(*images.messages(), f"the model is in {args.output_dir}: see README.md there", sep="\n")
    if args.push_to_hub:
        try:
            print("pushed to", push(run))
        except ValueError as error:
            sys.exit(f"the model is in {args.output_dir}, but not on the Hub: {error}; the same command pushes it")


def card_facts(run: Run, state: TrainingState) -> dict[str, Any]:
    """What the card says of the run, for the fields of `model_card.md`; it shows the pictures that are there by now."""
    args, recipe, accelerator = run.args, run.recipe, run.accelerator
    on_cpu = accelerator.device.type == "cpu"
    device = torch.cuda.get_device_name() if accelerator.device.type == "cuda" else f"CPU ({platform.machine()})"
    name, local = str(recipe.dataset_name), Path(str(recipe.dataset_name)).is_dir()
    side = max(recipe.resolutions_at(state.images_seen - 1))
    return {
        "repo_id": args.hub_model_id if args.push_to_hub else None,
        "dataset": None if local else name,
        "data_name": f"the local folder {Path(name).name}" if local else name,
        "data_terms": args.data_terms or TERMS.get(name),
        "samples": "samples.png" if args.show_samples and (args.output_dir / "samples.png").is_file() else None,
        "curves": "errors.png" if (args.output_dir / "errors.png").is_file() else None,
        "command": shown_command(sys.argv, args.hub_token, torch.get_num_threads() if on_cpu else None),
        "recipe": {name: value for name, value in recipe.to_dict().items() if name not in ("dataset_name", "mask_dir")},
        "rectangles": "rectangle" in recipe.hole_mix(),
        "resolution": side,
        "hole_sides": recipe.hole_sides_at(side),
        "largest_hole": run.holes_at(side).largest_side(side),
        "seed": args.seed,
        "images_seen": state.images_seen,
        "hours": round(state.seconds / 3600, 2),
        "hardware": f"{accelerator.num_processes} x {device}, {accelerator.mixed_precision} precision",
    }


def save_model(
    generator: InpaintingNetwork, discriminator: AnyDiscriminator, facts: dict[str, Any], folder: Path
) -> None:
    """Make FOLDER a model folder: the generator, its card, and the discriminator in a folder of its own.

    All is written aside and then moved into place. A card that was edited since is kept as README.edited.md, or as
    README.edited-2.md where that is taken.
    """
    aside = folder / ".model.partial"
    shutil.rmtree(aside, ignore_errors=True)
    planned: Any = generator._hub_mixin_config
    config = {**planned, "largest_hole": facts["largest_hole"]}  # a run may end before its images grow
    to_half(generator).save_pretrained(aside, config=config, model_card_kwargs=facts)
    (aside / "figures.json").write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n")
    discriminator.save_pretrained(aside / "discriminator")
    card = folder / "README.md"
    if card.is_file() and is_edited(card.read_text(encoding="utf-8")):
        names = (f"README.edited{f'-{number}' if number > 1 else ''}.md" for number in itertools.count(1))
        card.replace(next(folder / name for name in names if not (folder / name).exists()))
    (folder / "discriminator").mkdir(exist_ok=True)
    for path in sorted(path for path in aside.rglob("*") if path.is_file()):
        path.replace(folder / path.relative_to(aside))
    shutil.rmtree(aside)
