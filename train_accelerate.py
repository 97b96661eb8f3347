"""Train the inpainting GAN of the paper, on CIFAR-10 or your own images.

    accelerate launch train_accelerate.py --preset cifar10 --output_dir runs/cifar10

One GPU, many, or none. The same command again goes on where the last run stopped. The run ends with
a model folder for the Hub in OUTPUT_DIR: model.safetensors, config.json and a card, README.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from accelerate.utils import broadcast_object_list, gather_object, set_seed
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm

from inpaint_hub import hub
from inpaint_hub.data.dataset import (
    TERMS,
    Batch,
    Images,
    Training,
    downscale,
    mean_color,
    split_images,
    training_batch,
)
from inpaint_hub.data.holes import Holes, read_masks
from inpaint_hub.data.sources import reason
from inpaint_hub.data.streaming import Stream, stream_images
from inpaint_hub.evaluation.evaluate import SAMPLES, compare, evaluation_holes, validate
from inpaint_hub.models.context_encoder import ContextEncoder
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator
from inpaint_hub.models.features import TRAINING, FeatureNetwork
from inpaint_hub.models.networks import Discriminator, Generator, Painter
from inpaint_hub.training import checkpoint
from inpaint_hub.training.dry_run import estimate
from inpaint_hub.training.ema import halve, interpolate, moving_average, settle
from inpaint_hub.training.history import ERRORS, Progress, largest_weights, report, stop_if_broken, write_rows
from inpaint_hub.training.launch import StopRequest, launch_error, launch_warning, precision, threads_for
from inpaint_hub.training.optim import optimizers
from inpaint_hub.training.recipes import PRESETS, Recipe
from inpaint_hub.training.sync_batchnorm import synchronize
from inpaint_hub.training.train_step import Networks, mean_over_processes, train_step

SETTLE_PX = 2048 * 32**2  # of training images, to measure batch norm's statistics on; 512 images at least


def main() -> None:
    args, recipe = parse_args()
    accelerator = Accelerator(
        cpu=args.cpu or not torch.accelerator.is_available(),  # unless told, accelerate connects no CPU processes
        mixed_precision=precision(args.mixed_precision, args.cpu),
        log_with=args.report_to,
        project_dir=args.logging_dir or args.output_dir / "logs",
    )
    if error := launch_error(accelerator):
        sys.exit(error)
    if warning := launch_warning(accelerator):
        accelerator.print(warning)
    pieces, processes = recipe.gradient_accumulation_steps, accelerator.num_processes
    piece_size, leftover = divmod(recipe.train_batch_size, pieces * processes)  # of one process
    if leftover:
        sys.exit(
            f"--train_batch_size {recipe.train_batch_size} does not divide by {processes} processes times"
            f" {pieces} gradient accumulation steps"
        )
    set_seed(args.seed)
    if args.push_to_hub and accelerator.is_main_process:
        hub.prepare(args.hub_model_id, token=args.hub_token, private=args.hub_private_repo)  # fails now, not in hours

    # Data: decoded once, split by a hash of the pixels.
    images = load_images(args, recipe, accelerator, piece_size)
    accelerator.print(*images.remarks(), sep="\n", end="\n" if images.remarks() else "")
    stream = images.train if isinstance(images.train, Stream) else None
    epoch_images = images.train.count or 50_000  # a stream may not say: then of about CIFAR-10's length
    holes = load_holes(recipe)
    steps = args.max_train_steps or max(1, recipe.num_train_epochs * epoch_images // recipe.train_batch_size)
    total_images = steps * recipe.train_batch_size

    # Networks and optimisers.
    color = broadcast_object_list([mean_color(images.train.at_hand.images)])[0]
    generator, discriminator = networks(recipe, color, recipe.resolution_at(total_images - 1))
    features = load_features(recipe, accelerator)
    threads = threads_for(generator, recipe.resolution_at(0), accelerator)
    average = AveragedModel(
        generator.to(accelerator.device),
        multi_avg_fn=moving_average(recipe.train_batch_size, recipe.ema_half_life),
    )
    averaged: Any = average.module  # a painter too
    if processes > 1:
        synchronize(generator, accelerator.device)
        synchronize(discriminator, accelerator.device)
    if args.torch_compile:
        generator.compile()
        discriminator.compile()
    generator, discriminator = accelerator.prepare(generator, discriminator)
    generator_optimizers, discriminator_optimizers = (
        [accelerator.prepare(optimizer) for optimizer in some]
        for some in optimizers(recipe, accelerator.unwrap_model(generator), accelerator.unwrap_model(discriminator))
    )
    parts = {
        "generator": accelerator.unwrap_model(generator),
        "discriminator": accelerator.unwrap_model(discriminator),
        "average": average,
    }
    for name, some in (("generator", generator_optimizers), ("discriminator", discriminator_optimizers)):
        parts |= {f"{name}_optimizer_{number}": optimizer for number, optimizer in enumerate(some)}

    def batch_from(source: Training, first: int, count: int, resolution: int, flip: bool = recipe.flip) -> Batch:
        return training_batch(
            source, first, count, seed=args.seed, resolution=resolution,
            holes=holes_at(resolution), crop_min=recipe.crop_min, flip=flip,
        )  # fmt: skip

    def holes_at(resolution: int) -> Holes:
        return dataclasses.replace(holes, sides=recipe.hole_sides_at(resolution))

    def own_batch(images_seen: int) -> Batch:
        """This process's images of an update: its share of each piece, so that processes together see whole ones."""
        shares = range(accelerator.process_index, pieces * processes, processes)
        resolution = recipe.resolution_at(images_seen)
        try:
            own = [
                batch_from(images.train, images_seen + share * piece_size, piece_size, resolution) for share in shares
            ]
        except ConnectionError as error:
            sys.exit(f"{error}; the same command goes on from the last checkpoint")
        return Batch(*map(torch.cat, zip(*own, strict=True)))

    trained = Networks(generator, discriminator, generator_optimizers, discriminator_optimizers, features)

    def run_updates(updates: tuple[str, ...], batch: Batch, norms: bool = False) -> dict[str, Tensor]:
        batch = Batch(*(tensor.to(accelerator.device) for tensor in batch))
        return train_step(updates, recipe, accelerator, trained, batch, log_grad_norms=norms)

    def settled(resolution: int) -> Painter:
        batches = range(0, max(512, SETTLE_PX // resolution**2), 256)
        settle(averaged, (batch_from(images.train.at_hand, n, 256, resolution, flip=False) for n in batches))
        return averaged

    if args.dry_run:
        accelerator.print(estimate(recipe, parts, total_images, run_updates, own_batch))
        return

    # Resume. Nothing that decides the weights may have changed but the length of the run.
    settings = recipe.to_dict() | {"seed": args.seed, "mixed_precision": accelerator.mixed_precision}
    settings["masks"] = holes.digest()
    for name, value in (("shuffle_block", args.shuffle_block), ("processes", processes)):
        settings[name] = value if stream else None  # a stream's order hangs on them
    progress, places = Progress(), []
    try:
        state = checkpoint.load(args.output_dir, args.resume_from_checkpoint)
    except ValueError as error:
        sys.exit(f"cannot resume: {error}")
    if state:
        progress = resume(state, parts, settings)
        places = state.get("places", [])
        if stream:
            stream.load(places[accelerator.process_index])
        torch.set_num_threads(threads := state["threads"])  # sums in another order are other sums
        accelerator.print(f"resumed at {progress.images_seen:,} of {total_images:,} images")
    stands = accelerator.gather(torch.tensor([progress.images_seen], device=accelerator.device)).tolist()
    if len(set(stands)) > 1:
        sys.exit(
            f"the processes are at {stands} images: they found different checkpoints; --output_dir must be one folder"
            " that all machines share"
        )
    if accelerator.is_main_process:
        write_rows(args.output_dir / "metrics.jsonl", progress.history)  # none from after the checkpoint
        (args.output_dir / "recipe.json").write_text(json.dumps(recipe.to_dict(), indent=1) + "\n")
    accelerator.init_trackers(
        "inpaint-hub",
        config={name: value for name, value in recipe.to_dict().items() if value is not None},
        init_kwargs={"tensorboard": {"purge_step": progress.images_seen + 1}},  # none from after the checkpoint
    )
    stop, stopping = StopRequest(), False

    # The loop: a batch, its updates, and what is due after it.
    bar = tqdm(
        total=total_images, initial=progress.images_seen, unit=" images", unit_scale=True, smoothing=0.05,
        bar_format="{percentage:3.0f}%, {n_fmt} of {total_fmt}, {rate_noinv_fmt}, {remaining} left{postfix}",
        disable=not accelerator.is_main_process,
    )  # fmt: skip
    started = time.perf_counter()
    while progress.images_seen < total_images and not stopping:
        learning_rate = recipe.learning_rate_at(progress.images_seen, total_images)
        for group in (group for optimizer in generator_optimizers for group in optimizer.param_groups):
            group["lr"] = learning_rate
        updates = recipe.updates_at(progress.images_seen / total_images)
        if recipe.interpolation < 1 and progress.before_adversarial is None and {"adversarial", "joint"} & {*updates}:
            progress.before_adversarial = {name: weight.clone() for name, weight in averaged.named_parameters()}
        row_is_due = (progress.step + 1) % args.logging_steps == 0
        found = run_updates(updates, own_batch(progress.images_seen), norms=row_is_due)
        found = mean_over_processes(found, accelerator)
        average.update_parameters(parts["generator"])
        progress.add(found, recipe.train_batch_size)
        stopping = stop.agreed(accelerator)
        bar.update(recipe.train_batch_size)
        if time.perf_counter() - started > 1:  # reading an error waits for the device: once a second
            progress.seconds += time.perf_counter() - started
            started = time.perf_counter()
            bar.set_postfix({name: f"{found[name].item():.3g}" for name in ERRORS if name in found})
            stop_if_broken(progress.totals(), progress, args.output_dir)
        done = progress.images_seen >= total_images
        epoch_ends = done or progress.images_seen % epoch_images < recipe.train_batch_size
        if row_is_due or epoch_ends:
            means = progress.means()
            stop_if_broken(means, progress, args.output_dir)
            row = progress.row(means, progress.images_seen / epoch_images, learning_rate, recipe.adversarial_loss)
            if accelerator.is_main_process:
                if epoch_ends:
                    grid = args.output_dir / "samples" / f"{progress.images_seen:09d}.png"
                    side = recipe.resolution_at(progress.images_seen - 1)
                    shown = downscale(images.validation[: args.num_validation_images], side)
                    row |= validate(settled(side), shown, holes_at(side), grid)
                report(progress.history, recipe, args.output_dir, bar.write)
            row = {name: value for name, value in row.items() if name != "step"}  # a word that trackio keeps to itself
            accelerator.log(row, step=progress.images_seen)
            progress.restart_clock()
        due = done or stopping or progress.step % args.checkpointing_steps == 0
        places = gather_object([stream.state()]) if due and stream else []
        if accelerator.is_main_process and due:
            stop_if_broken(progress.totals() | largest_weights(parts), progress, args.output_dir)
            state = progress.state() | {"threads": threads, "settings": settings, "places": places}
            state |= {name: part.state_dict() for name, part in parts.items()}
            try:
                checkpoint.save(args.output_dir, progress.step, state, keep=args.checkpoints_total_limit)
            except OSError as error:
                sys.exit(f"{error}; make room, and the same command goes on from there")
    bar.close()
    if stopping and progress.images_seen < total_images:
        accelerator.wait_for_everyone()  # a launcher ends them all when one has gone, and the main one is saving
        sys.exit(
            f"stopped and saved at {progress.images_seen:,} images; the same command goes on from there"
            if accelerator.is_main_process
            else 1
        )

    # Publish: weights in half precision, and a card with figures measured on those very weights.
    if accelerator.is_main_process:
        side = recipe.resolution_at(total_images - 1)
        if progress.before_adversarial:
            interpolate(averaged, progress.before_adversarial, recipe.interpolation)
            settled(side)
        generator = halve(averaged).float().cpu()
        facts = card_facts(args, recipe, progress, accelerator)
        facts["counts"] = {"validation": len(images.validation), "test": len(images.test)}
        facts["counts"]["train"] = sum(place["visited"] for place in places) if stream else images.train.count
        images.unreadable.update({name: None for place in places for name in place["unreadable"]})
        facts["unreadable"] = [*images.unreadable]
        tested = evaluation_holes(len(images.test), side, holes_at(side))
        facts["figures"] = compare({"this model": generator}, downscale(images.test, side), tested)
        validate(
            generator, downscale(images.validation[:SAMPLES], side), holes_at(side), args.output_dir / "samples.png"
        )
        publish(generator, parts["discriminator"], facts, args.output_dir)
        print(*images.remarks(), f"the model is in {args.output_dir}: see README.md there", sep="\n")
        if args.push_to_hub:
            print("pushed to", hub.publish(args.output_dir, args.hub_model_id, token=args.hub_token))
    accelerator.end_training()


def load_images(args: argparse.Namespace, recipe: Recipe, accelerator: Accelerator, piece_size: int) -> Images:
    """The three splits; a data set that cannot be had ends the run with a sentence."""
    common = (
        str(recipe.dataset_name), recipe.resolution, args.seed, args.image_column,
        accelerator.is_main_process, recipe.crop_min,
    )  # fmt: skip
    try:
        if args.streaming:
            return stream_images(
                *common, block_rows=args.shuffle_block, held_out=args.num_validation_images, piece_size=piece_size,
                process=accelerator.process_index, processes=accelerator.num_processes,
                any_length=args.max_train_steps is not None,
            )  # fmt: skip
        with accelerator.main_process_first():  # the others find what it has downloaded
            return split_images(*common)
    except (ValueError, OSError) as error:
        sys.exit(f"cannot train on {recipe.dataset_name}: {reason(error)}")


def load_holes(recipe: Recipe) -> Holes:
    """How the recipe draws holes; a folder of masks that cannot be had ends the run with a sentence."""
    try:
        size = (recipe.resolution, recipe.resolution)
        masks = None if recipe.mask_dir is None else read_masks(recipe.mask_dir, size)
    except ValueError as error:
        sys.exit(f"cannot draw holes from masks: {error}")
    return Holes((recipe.hole_min, recipe.hole_max), recipe.hole_mix(), masks)


def load_features(recipe: Recipe, accelerator: Accelerator) -> FeatureNetwork | None:
    """The feature network, if a loss of the recipe looks through it."""
    if recipe.discriminator != "features" and not recipe.perceptual_weight:
        return None
    try:
        return FeatureNetwork(TRAINING).to(accelerator.device)
    except ImportError as error:
        sys.exit(f"the feature network cannot be loaded ({error}); pip install 'inpaint-hub[train]' brings it")


def networks(
    recipe: Recipe, fill_color: tuple[float, float, float], final_resolution: int
) -> tuple[Painter, Discriminator | FeatureDiscriminator]:
    """Both networks at the start of a run: random, or with the weights of `init_from`, if it has both."""
    generator = painter(recipe, fill_color, final_resolution)
    discriminator: Discriminator | FeatureDiscriminator
    if recipe.discriminator == "features":
        discriminator = FeatureDiscriminator(recipe.local_discriminator)
    else:
        discriminator = Discriminator(min(recipe.resolution, 256), recipe.local_discriminator)
    if recipe.init_from is None:
        generator.silence_unseen_taps(recipe.resolution_at(0))
    else:
        try:
            folder = hub.folder_of(recipe.init_from)
            generator.load_state_dict(type(generator).from_pretrained(folder).state_dict())
            if (folder / "discriminator").is_dir():
                config = json.loads((folder / "discriminator" / "config.json").read_text())
                if config == discriminator._hub_mixin_config:
                    found = type(discriminator).from_pretrained(folder / "discriminator")
                    discriminator.load_state_dict(found.state_dict())
        except (ValueError, OSError, RuntimeError) as error:
            sys.exit(f"cannot start from {recipe.init_from}: {error}")
    return generator.to(memory_format=torch.channels_last), discriminator.to(memory_format=torch.channels_last)


def painter(recipe: Recipe, fill_color: tuple[float, float, float], final_resolution: int) -> Painter:
    """The recipe's generator, random; it is to know how large the holes are that a run ends with."""
    if recipe.generator == "context-encoder":
        return ContextEncoder(fill_color, recipe.hole_max, recipe.resolution)
    return Generator(fill_color, recipe.hole_sides_at(final_resolution)[1], dilated=recipe.generator == "dilated")


def resume(state: dict[str, Any], parts: dict[str, Any], settings: dict[str, Any]) -> Progress:
    """The progress of a checkpoint, whose weights and optimisers `parts` now hold.

    Only the length of the run may have changed: other settings are a refusal.
    """
    progress = Progress()
    try:
        then = Recipe().to_dict() | state["settings"]  # a field that is new since then had its default
        changed = [f"{name} {then.get(name)} -> {now}" for name, now in settings.items() if now != then.get(name)]
        changed = [change for change in changed if not change.startswith("num_train_epochs")]
        if changed:
            sys.exit(
                f"the run in --output_dir was started with other settings ({'; '.join(changed)}); choose another folder"
            )
        for name, part in parts.items():
            part.load_state_dict(state[name])
        progress.load(state, parts["generator"].fill.device)
    except (KeyError, ValueError, RuntimeError) as error:
        sys.exit(f"the checkpoint in --output_dir is of another version, or of another network: {error!r}")
    return progress


def card_facts(
    args: argparse.Namespace, recipe: Recipe, progress: Progress, accelerator: Accelerator
) -> dict[str, Any]:
    """What the card says of the run, for the fields of `model_card.md`."""
    device = torch.cuda.get_device_name() if accelerator.device.type == "cuda" else f"CPU ({platform.machine()})"
    name, local = str(recipe.dataset_name), Path(str(recipe.dataset_name)).is_dir()
    return {
        "repo_id": args.hub_model_id if args.push_to_hub else None,
        "dataset": None if local else name,
        "data_name": f"the local folder {Path(name).name}" if local else name,
        "data_terms": args.data_terms or TERMS.get(name),
        "samples": "samples.png" if args.show_samples else None,
        "curves": "errors.png",
        "command": shown_command(sys.argv, args.hub_token),
        "recipe": {name: value for name, value in recipe.to_dict().items() if name not in ("dataset_name", "mask_dir")},
        "rectangles": "rectangle" in recipe.hole_mix(),
        "seed": args.seed,
        "images_seen": progress.images_seen,
        "hours": round(progress.seconds / 3600, 2),
        "hardware": f"{accelerator.num_processes} x {device}, {accelerator.mixed_precision} precision",
    }


def shown_command(argv: list[str], token: str | None) -> str:
    """The command line as the card, which all may read, shows it: without the token."""
    return shlex.join(["accelerate", "launch", *(word.replace(token, "...") if token else word for word in argv)])


def publish(
    generator: Painter, discriminator: Discriminator | FeatureDiscriminator, facts: dict[str, Any], folder: Path
) -> None:
    """FOLDER as a model folder: the generator, its card, and the discriminator in a folder of its own."""
    (folder / "README.md").unlink(missing_ok=True)  # the mixin would keep the card of a shorter run
    halve(generator).save_pretrained(folder, model_card_kwargs=facts)
    (folder / "figures.json").write_text(json.dumps(facts, indent=1) + "\n")
    discriminator.save_pretrained(folder / "discriminator")


def parse_args() -> tuple[argparse.Namespace, Recipe]:
    """The arguments, and the preset with every field that was given as a flag."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="cifar10", help="the recipe to start from")
    parser.add_argument("--output_dir", type=Path, required=True, help="folder of the run: checkpoints, then the model")
    parser.add_argument("--train_data_dir", help="a local folder of images or Parquet files, instead of --dataset_name")
    parser.add_argument("--image_column", help="the data set's image column; found by itself if it is the only one")
    parser.add_argument(
        "--streaming", action="store_true", help="read the images as they are needed, never all at once"
    )
    parser.add_argument("--shuffle_block", type=int, default=4096, help="rows that a stream holds at a time, shuffled")
    parser.add_argument("--data_terms", help="for the card: what the images are, and under which terms")
    parser.add_argument("--dry_run", action="store_true", help="print the recipe, time and memory, and train nothing")
    parser.add_argument("--max_train_steps", type=int, help="iterations in all; overrides --num_train_epochs")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the order, the holes and the first weights")
    parser.add_argument(
        "--mixed_precision", choices=("no", "fp16", "bf16"), help="default: the launcher's, else bf16 where it is fast"
    )
    parser.add_argument("--torch_compile", action="store_true", help="compile both networks first, which takes minutes")
    parser.add_argument("--cpu", action="store_true", help="train on the CPU even where there is a GPU")
    parser.add_argument("--checkpointing_steps", type=int, default=500, help="iterations between two checkpoints")
    parser.add_argument("--checkpoints_total_limit", type=int, default=2, help="checkpoints to keep")
    parser.add_argument("--resume_from_checkpoint", default="latest", help="a checkpoint's path, or latest")
    parser.add_argument("--logging_steps", type=int, default=50, help="iterations between two rows of metrics.jsonl")
    parser.add_argument("--num_validation_images", type=int, default=1000, help="of the validation split, each epoch")
    parser.add_argument("--report_to", help="a tracker that accelerate knows: tensorboard, wandb, trackio ...")
    parser.add_argument("--logging_dir", type=Path, help="where the tracker writes; default OUTPUT_DIR/logs")
    parser.add_argument(
        "--show_samples", action="store_true",
        help="show samples.png in the card, and push it: pictures of the data set, where their terms allow it",
    )  # fmt: skip
    parser.add_argument("--push_to_hub", action="store_true", help="push the model to the Hub at the end")
    parser.add_argument("--hub_model_id", help="owner/name of the model on the Hub; default: the output folder's name")
    parser.add_argument("--hub_token", help="default: the one of `hf auth login`")
    parser.add_argument("--hub_private_repo", action="store_true", help="make a new model repository private")
    settings = parser.add_argument_group("recipe", "what the preset says, unless given")
    for field in dataclasses.fields(Recipe):
        flag: dict[str, Any] = {"type": str if field.default is None else type(field.default)}
        if flag["type"] is bool:
            flag = {"action": argparse.BooleanOptionalAction}
        settings.add_argument(f"--{field.name}", help=field.metadata["help"], default=None, **flag)
    args = parser.parse_args()
    given = {field.name: getattr(args, field.name) for field in dataclasses.fields(Recipe)}
    given["dataset_name"] = args.train_data_dir or args.dataset_name
    args.hub_model_id = args.hub_model_id or args.output_dir.name
    for name in (
        "logging_steps", "checkpointing_steps", "checkpoints_total_limit", "shuffle_block", "num_validation_images",
    ):  # fmt: skip
        if getattr(args, name) < 1:
            parser.error(f"--{name} is {getattr(args, name)}; it takes 1 or more")
    if args.report_to and args.report_to not in [tracker.value for tracker in get_available_trackers()]:
        parser.error(f"--report_to {args.report_to} is not installed; pip install it, or leave the flag out")
    try:
        return args, PRESETS[args.preset].replace(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
