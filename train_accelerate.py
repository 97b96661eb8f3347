"""Train the inpainting GAN of the paper, on CIFAR-10 or your own images.

    accelerate launch train_accelerate.py --preset cifar10 --output_dir runs/cifar10

One GPU, many, or none. The same command again goes on where the last run stopped. The run ends with
a model folder for the Hub in OUTPUT_DIR: model.safetensors, config.json and a card, README.md.
"""

from __future__ import annotations

from inpaint_hub.extras import require
from inpaint_hub.standard_streams import open_closed_streams
from inpaint_hub.training.arguments import parse_args

if __name__ == "__main__":
    open_closed_streams()
    ARGUMENTS = parse_args()  # --help and a wrong flag answer before the imports below, which take seconds
    require("training", "train", "accelerate", "datasets", "pyarrow")

import argparse
import copy
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object, set_seed
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm

from inpaint_hub import hub
from inpaint_hub.data.dataset import (
    Batch,
    downscale,
    downscale_holes,
    mean_color,
)
from inpaint_hub.evaluation.evaluate import rehearse, show_pairs, validate
from inpaint_hub.evaluation.feature_metrics import FEATURE_METRICS
from inpaint_hub.files import write_atomically
from inpaint_hub.metrics import METRICS
from inpaint_hub.publishing import card_facts, publish, push_on_the_way, save_model
from inpaint_hub.training import checkpoint
from inpaint_hub.training.build import (
    build_networks,
    load_features,
    load_holes,
    load_images,
    load_pairs,
    weights_digest,
)
from inpaint_hub.training.cuda_graphs import WARM_UP
from inpaint_hub.training.dry_run import estimate_run
from inpaint_hub.training.ema import moving_average
from inpaint_hub.training.gradient_checkpointing import checkpoint_gradients
from inpaint_hub.training.history import (
    ERRORS,
    TrainingState,
    largest_weights,
    load_pyplot,
    report,
    stop_if_broken,
    write_rows,
)
from inpaint_hub.training.launch import STOPPED, StopRequest, launch_error, launch_warning, precision, set_threads
from inpaint_hub.training.optim import make_optimizers
from inpaint_hub.training.recipes import Recipe
from inpaint_hub.training.run import (
    IMAGES_OF_A_STREAM,
    Run,
    cuda_graphs,
    own_batch,
    own_batches,
    piece_size,
    recalibrated,
    restore,
    run_updates,
    settings_of,
)
from inpaint_hub.training.run_folder import FolderTakenError, claimed, writing_to
from inpaint_hub.training.sync_batchnorm import synchronize_batchnorm
from inpaint_hub.training.train_step import Networks, mean_over_processes


def main(args: argparse.Namespace, recipe: Recipe) -> None:
    """Train, measure, publish."""
    if args.hub_token:
        os.environ["HF_TOKEN"] = args.hub_token  # for --init_from and private data sets, too
    accelerator = Accelerator(
        cpu=args.cpu or not torch.accelerator.is_available(),  # unless told, accelerate connects no CPU processes
        mixed_precision=precision(args.mixed_precision, args.cpu),
        log_with=args.report_to or None,  # of an empty list it warns that no tracker is installed
        project_dir=args.logging_dir or args.output_dir / "logs",
    )
    if error := launch_error(accelerator):
        sys.exit(error)
    if warning := launch_warning(accelerator):
        accelerator.print(warning)
    writes = accelerator.is_main_process and not args.dry_run
    with StopRequest(tell=accelerator.is_main_process) as stop:
        try:
            with claimed(args.output_dir) if writes else nullcontext():
                run = prepare(args, recipe, accelerator)
                if args.dry_run:
                    accelerator.print(dry_run(run))
                    return
                state, places = resume(run)
                begin_records(run, state)
                with stop.deferred(), own_batches(run, state.images_seen) as batches:
                    places = train(run, state, places, stop, batches)
                if accelerator.is_main_process:
                    publish(run, state, places)
                accelerator.end_training()
        except FolderTakenError as error:
            sys.exit(str(error))
        except torch.OutOfMemoryError:
            sys.exit(
                f"an update of {recipe.train_batch_size} images does not fit into the memory of the GPU;"
                " --gradient_checkpointing keeps less of each image, and the same command with it goes on;"
                " --gradient_accumulation_steps 2, or more, takes fewer at a time, from a new --output_dir on"
            )


def prepare(args: argparse.Namespace, recipe: Recipe, accelerator: Accelerator) -> Run:
    """Load the images, build the networks and their optimisers."""
    if accelerator.is_main_process and not args.dry_run:
        try:
            rehearse()
            load_pyplot()
        except ImportError as error:
            sys.exit(
                f"the model could not be measured, on the way or at the end: {error}; pip install '.[train]'"
                " brings what is missing"
            )
    if args.save_best not in (None, *METRICS, *FEATURE_METRICS):
        sys.exit(f"--save_best is {args.save_best}; it takes one of {', '.join([*METRICS, *FEATURE_METRICS])}")
    set_seed(args.seed)
    torch.backends.cudnn.benchmark = True  # batches keep their size: a GPU finds its fastest convolutions once
    if args.push_to_hub and accelerator.is_main_process and not args.dry_run:
        try:  # now, and not in hours
            args.hub_model_id = hub.prepare(args.hub_model_id, token=args.hub_token, private=args.hub_private_repo)
        except ValueError as error:
            sys.exit(f"cannot push: {error}")

    # Data: decoded once, split by a hash of the pixels.
    images = load_images(args, recipe, accelerator, piece_size(recipe, accelerator))
    say(accelerator, images.messages())
    holes, pairs = load_holes(recipe, args.invert_masks), load_pairs(args.validation_pairs, recipe)
    epoch_images = images.train.count or IMAGES_OF_A_STREAM
    steps = args.max_train_steps or max(1, recipe.num_train_epochs * epoch_images // recipe.train_batch_size)
    total_images = steps * recipe.train_batch_size
    if total_images < recipe.lr_warmup_images:
        accelerator.print(
            f"{steps} updates are fewer than the {recipe.lr_warmup_images // recipe.train_batch_size} over which the"
            " learning rate rises: train longer (--max_train_steps), or lower --lr_warmup_images"
        )

    # Networks and optimisers.
    color = broadcast_object_list([mean_color(images.train.buffered.images)])[0]
    start = starting_folder(recipe.init_from, args.hub_token)
    generator, discriminator, notes = build_networks(recipe, color, max(recipe.resolutions_at(total_images - 1)), start)
    say(accelerator, notes)
    features = load_features(recipe, accelerator)
    threads = set_threads(args.num_threads, generator, recipe.resolution_at(0), accelerator)
    average = AveragedModel(
        generator.to(accelerator.device),
        multi_avg_fn=moving_average(recipe.train_batch_size, recipe.ema_half_life),
    )
    average.n_averaged = average.n_averaged.cpu()  # it is read in every update, which would wait for a GPU
    if accelerator.num_processes > 1:
        synchronize_batchnorm(generator, accelerator.device)
        synchronize_batchnorm(discriminator, accelerator.device)
    if args.gradient_checkpointing:
        checkpoint_gradients(generator.layers)
    if args.torch_compile:
        generator.compile(dynamic=False)  # one for each resolution, rather than one for all that is slower
        discriminator.compile(dynamic=False)
    wrapped = accelerator.prepare(generator, discriminator)
    of_generator, of_discriminator = (
        [accelerator.prepare(optimizer) for optimizer in some]
        for some in make_optimizers(recipe, *map(accelerator.unwrap_model, wrapped))
    )
    networks = Networks(wrapped[0], wrapped[1], of_generator, of_discriminator, features)
    began_with = None if start is None else weights_digest(start)
    return Run(args, recipe, accelerator, images, holes, pairs, networks, average, total_images, threads, began_with)


def starting_folder(name: str | None, token: str | None) -> Path | None:
    """The folder of the weights to begin with, if any."""
    try:
        return None if name is None else hub.folder_of(name, token)
    except ValueError as error:
        sys.exit(f"cannot start from {name}: {error}")


def say(accelerator: Accelerator, sentences: list[str]) -> None:
    """Print each of the sentences, once for all processes."""
    for sentence in sentences:
        accelerator.print(sentence)


def dry_run(run: Run) -> str:
    """What the run would take; a stream is not read on to where its phases begin."""
    graphs, source = cuda_graphs(run), run.images.train.buffered

    def iterate(updates: tuple[str, ...], batch: Batch) -> None:
        run_updates(run, updates, batch, graphs=graphs)
        if run.accelerator.device.type != "cpu":
            torch.accelerator.synchronize()

    return estimate_run(
        run.recipe,
        run.parts(),
        run.total_images,
        iterate,
        lambda images_seen: own_batch(run, images_seen, source),
        warm_up=WARM_UP if graphs else 0,
    )


def resume(run: Run) -> tuple[TrainingState, list[Any]]:
    """Where the run stands, and the places of its streams; a checkpoint, if there is one, is loaded into its parts."""
    state, places = TrainingState(), []
    try:
        saved = checkpoint.load(run.args.output_dir, run.args.resume_from_checkpoint)
    except ValueError as error:
        sys.exit(f"cannot resume: {error}")
    if saved:
        if "images" not in saved["settings"]:
            run.accelerator.print(
                "the checkpoint is of an earlier version, which did not record its images: they are not checked"
            )
        state = restore(saved, run.parts(), settings_of(run))
        places = saved.get("places", [])
        if run.stream:
            run.stream.load(places[run.accelerator.process_index])
        torch.set_num_threads(saved["threads"])
        run.accelerator.print(f"resumed at {state.images_seen:,} of {run.total_images:,} images")
    if run.accelerator.device.type == "cpu":
        run.accelerator.print(
            f"{torch.get_num_threads()} threads a process (--num_threads); another number ends with other last digits"
        )
    stands = run.accelerator.gather(torch.tensor([state.images_seen], device=run.accelerator.device)).tolist()
    if len(set(stands)) > 1:
        sys.exit(
            f"the processes are at {stands} images: they found different checkpoints; --output_dir must be one folder"
            " that all machines share"
        )
    return state, places


def begin_records(run: Run, state: TrainingState) -> None:
    """Start metrics.jsonl, recipe.json and the trackers, with no row from after the checkpoint."""
    if run.accelerator.is_main_process:
        recipe = json.dumps(run.recipe.to_dict(), indent=1) + "\n"
        with writing_to(run.args.output_dir):
            write_atomically(recipe.encode(), run.args.output_dir / "recipe.json")  # first: it makes the folder a run's
            write_rows(run.args.output_dir / "metrics.jsonl", state.history)
    run.accelerator.init_trackers(
        "inpaint-hub",
        config={name: value for name, value in run.recipe.to_dict().items() if value is not None},
        init_kwargs={"tensorboard": {"purge_step": state.images_seen + 1}},
    )


def train(run: Run, state: TrainingState, places: list[Any], stop: StopRequest, batches: Iterator[Batch]) -> list[Any]:
    """The loop: a batch, its updates, and what is due after it. The places of the streams at its end."""
    args, recipe, accelerator = run.args, run.recipe, run.accelerator
    bar = tqdm(
        total=run.total_images, initial=state.images_seen, unit=" images", unit_scale=True, smoothing=0.05,
        bar_format="{percentage:3.0f}%, {n_fmt} of {total_fmt}, {rate_noinv_fmt}, {remaining} left{postfix}",
        disable=not accelerator.is_main_process,
    )  # fmt: skip
    started, stopping, early, graphs = time.perf_counter(), False, ends_early(run, state), cuda_graphs(run)
    while state.images_seen < run.total_images and not stopping and not early:
        # The updates.
        learning_rate = recipe.learning_rate_at(state.images_seen, run.total_images)
        for group in (group for optimizer in run.networks.generator_optimizers for group in optimizer.param_groups):
            group["lr"] = learning_rate
        updates = recipe.updates_at(state.images_seen / run.total_images)
        if recipe.interpolation < 1:
            state.keep_before_adversarial(updates, run.averaged)
        row_is_due = (state.step + 1) % args.logging_steps == 0
        batch = next(batches)
        state.batchnorm_frozen = run.batchnorm_is_frozen(state.images_seen)
        found = run_updates(run, updates, batch, state.images_seen, log_grad_norms=row_is_due, graphs=graphs)
        found = mean_over_processes(found, accelerator)
        run.average.update_parameters(accelerator.unwrap_model(run.networks.generator))
        state.add(found, recipe.train_batch_size)
        stopping = stop.any_process_requested(accelerator)
        bar.update(recipe.train_batch_size)
        if time.perf_counter() - started > 1:  # reading an error waits for the device: once a second
            state.seconds += time.perf_counter() - started
            started = time.perf_counter()
            bar.set_postfix({name: f"{found[name].item():.3g}" for name in ERRORS if name in found})
            stop_if_broken(state.totals(), state, args.output_dir)

        # A row of figures, those of validation too unless somebody waits for the end.
        done = state.images_seen >= run.total_images
        validation_is_due = not stopping and run.validates_at(state.images_seen)
        if row_is_due or validation_is_due or done:
            means = state.means()
            stop_if_broken(means, state, args.output_dir)
            row = state.row(means, state.images_seen / run.epoch_images, learning_rate, recipe.adversarial_loss)
            if accelerator.is_main_process:
                with writing_to(args.output_dir):
                    if validation_is_due:
                        row |= validated(run, state)
                    report(state.history, recipe, args.output_dir, bar.write)
            row = {name: value for name, value in row.items() if name != "step"}  # a word that trackio keeps to itself
            accelerator.log(row, step=state.images_seen)
            state.restart_clock()
        early = validation_is_due and ends_early(run, state)

        # A checkpoint.
        due = done or stopping or early or state.step % args.checkpointing_steps == 0
        places = gather_object([run.stream.state()]) if due and run.stream else places
        if accelerator.is_main_process and due:
            save_checkpoint(run, state, places)
        push_is_due = args.push_every and state.step % args.push_every == 0 and not (done or stopping)
        if accelerator.is_main_process and push_is_due:
            push_on_the_way(run, state, bar.write)
    bar.close()
    # Nobody leaves before the main process has saved: a launcher ends them all when one goes with an error. A process
    # that leaves right after a reduction may even abort, when gloo's thread drops the tensors of it a moment too late.
    accelerator.wait_for_everyone()
    if stopping:
        accelerator.print(f"stopped and saved at {state.images_seen:,} images; the same command goes on from there")
        sys.exit(STOPPED)
    if early:
        accelerator.print(
            f"no better {args.save_best} in {args.early_stopping_patience} validations: training ends here"
        )
    return places


def ends_early(run: Run, state: TrainingState) -> bool:
    """Whether --early_stopping_patience is used up; the processes agree on what the main one has measured."""
    patience = run.args.early_stopping_patience
    return bool(patience) and broadcast_object_list([state.validations_since_best >= patience])[0]


def validated(run: Run, state: TrainingState) -> dict[str, float]:
    """The figures of validation; its pictures are written, and the best model is kept."""
    side = max(run.recipe.resolutions_at(state.images_seen - 1))
    generator = recalibrated(run, state.images_seen - 1, frozen=state.batchnorm_frozen)
    folder = run.args.output_dir / "samples"
    grids = {"samples": folder / f"{state.images_seen:09d}.png"}
    shown = downscale(run.images.validation[: run.args.num_validation_images], side)
    figures = validate(generator, shown, run.holes_at(side), grids["samples"])
    if run.pairs is not None:
        grids["pairs"] = folder / f"pairs-{state.images_seen:09d}.png"
        images, holes = downscale(run.pairs.images, side), downscale_holes(run.pairs.holes, side)
        show_pairs(generator, images, holes, grids["pairs"])
    log_pictures(run, grids, state.images_seen)
    metric = run.args.save_best
    if metric and metric not in figures:
        sys.exit(f"{len(shown)} validation images have no {metric}; name another figure with --save_best")
    if metric and state.is_best(metric, figures[metric], side):
        # What is on the Hub are other weights, the last; and the pictures are not in this folder.
        facts = card_facts(run, state) | {"repo_id": None, "curves": None, "samples": None}
        facts["note"] = f"The weights with the best {metric} of validation at {side} px, {state.best}, of this run."
        save_model(copy.deepcopy(generator), run.parts()["discriminator"], facts, run.args.output_dir / "best")
    return figures


def log_pictures(run: Run, grids: dict[str, Path], images_seen: int) -> None:
    """Show pictures in the trackers that take some."""
    import numpy as np
    from PIL import Image

    for tracker in run.accelerator.trackers:
        if hasattr(tracker, "log_images"):
            for name, path in grids.items():
                picture = np.asarray(Image.open(path))[None]
                options = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
                tracker.log_images({name: picture}, step=images_seen, **options)


def save_checkpoint(run: Run, state: TrainingState, places: list[Any]) -> None:
    """Save all that resume needs."""
    parts = run.parts()
    stop_if_broken(state.totals() | largest_weights(parts), state, run.args.output_dir)
    saved = state.state() | {"threads": torch.get_num_threads(), "settings": settings_of(run), "places": places}
    saved |= {name: part.state_dict() for name, part in parts.items()}
    saved["fill_color"] = run.averaged.fill_color.flatten().tolist()  # for those who take the weights from here
    try:
        checkpoint.save(run.args.output_dir, state.step, saved, keep=run.args.checkpoints_total_limit)
    except OSError as error:
        sys.exit(f"{error}; make room, and the same command goes on from there")


if __name__ == "__main__":
    main(*ARGUMENTS)
