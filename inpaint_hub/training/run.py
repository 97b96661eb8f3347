"""A run under way: its parts, its batches, its iterations, and its return from a checkpoint.

It is handed an accelerator, and knows no accelerate.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from multiprocessing import active_children, get_all_start_methods
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from ..data.dataset import Batch, Images, Training, training_batch
from ..data.holes import Holes
from ..data.pairs import Pairs
from ..data.streaming import Stream
from ..models.networks import InpaintingNetwork
from . import checkpoint
from .cuda_graphs import CudaGraphs
from .ema import freeze_batchnorm, recalibrate_batchnorm
from .history import TrainingState
from .launch import SIGNALS
from .recipes import Recipe
from .train_step import Networks, train_step

RECALIBRATION_PX = 2048 * 32**2  # of training images, to measure batch norm's statistics on; 512 images at least
RECALIBRATION_BATCH = 256  # images at most
VALIDATIONS = 20  # at most in a run, unless --validation_steps says otherwise
MOST_WORKERS = 12  # processes that make batches while a GPU computes
SCALER = "scaler"  # the part of a run in fp16 that scales its loss
IMAGES_OF_A_STREAM = 50_000  # an epoch where the source does not say: about CIFAR-10's


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run consists of. Its parts learn and move on; none of them is replaced."""

    args: argparse.Namespace
    recipe: Recipe
    accelerator: Any
    images: Images
    holes: Holes
    pairs: Pairs | None
    networks: Networks
    average: AveragedModel  # of the generator's weights: what is validated and published
    total_images: int
    threads: int
    start: str | None = None  # a digest of the weights that it began with, where they are not random

    @property
    def stream(self) -> Stream | None:
        """The training images where they are streamed."""
        return self.images.train if isinstance(self.images.train, Stream) else None

    @property
    def epoch_images(self) -> int:
        """Images of an epoch."""
        return self.images.train.count or IMAGES_OF_A_STREAM

    @property
    def averaged(self) -> Any:
        """The generator with averaged weights."""
        return self.average.module

    def validates_at(self, images_seen: int) -> bool:
        """Whether a validation is due: every --validation_steps, or every epoch, but not much more than 20 in a run."""
        if self.args.validation_steps == 0:
            return False
        every = (self.args.validation_steps or 0) * self.recipe.train_batch_size
        every = every or self.epoch_images * max(1, -(-self.total_images // (VALIDATIONS * self.epoch_images)))
        return images_seen >= self.total_images or images_seen % every < self.recipe.train_batch_size

    def parts(self) -> dict[str, Any]:
        """All that learns, by the names of a checkpoint."""
        unwrap, networks = self.accelerator.unwrap_model, self.networks
        parts = {"generator": unwrap(networks.generator), "discriminator": unwrap(networks.discriminator)}
        parts["average"] = self.average
        for name in ("generator_optimizer", "discriminator_optimizer"):
            parts |= {f"{name}_{number}": some for number, some in enumerate(getattr(networks, f"{name}s"))}
        if self.accelerator.scaler is not None:  # in fp16
            parts[SCALER] = self.accelerator.scaler
        return parts

    def batchnorm_is_frozen(self, images_seen: int) -> bool:
        """Whether the update that begins after `images_seen` normalises by statistics that do not change any more."""
        return images_seen >= self.recipe.batchnorm_frozen_from * self.total_images

    def holes_at(self, resolution: int) -> Holes:
        """How holes are drawn in images of this side, px."""
        return dataclasses.replace(self.holes, sides=self.recipe.hole_sides_at(resolution))


def piece_size(recipe: Recipe, accelerator: Any) -> int:
    """Images of an update that one process takes at a time."""
    pieces, processes = recipe.gradient_accumulation_steps, accelerator.num_processes
    size, leftover = divmod(recipe.train_batch_size, pieces * processes)
    if leftover:
        sys.exit(
            f"--train_batch_size {recipe.train_batch_size} does not divide by {processes} processes times"
            f" {pieces} gradient accumulation steps"
        )
    return size


def batch_from(run: Run, source: Training, first: int, count: int, resolution: int, flip: bool) -> Batch:
    """Images number first .. first + count of a run over `source`, with their holes."""
    return training_batch(
        source,
        first,
        count,
        seed=run.args.seed,
        resolution=resolution,
        holes=run.holes_at(resolution),
        crop_min=run.recipe.crop_min,
        flip=flip,
    )


def own_batch(run: Run, images_seen: int, source: Training | None = None) -> Batch:
    """This process's images of an update: its share of each piece, so that processes together see whole ones.

    They are taken from the `source`, by default the training images of the run.
    """
    pieces, processes = run.recipe.gradient_accumulation_steps, run.accelerator.num_processes
    shares, size = (
        range(run.accelerator.process_index, pieces * processes, processes),
        piece_size(run.recipe, run.accelerator),
    )
    resolution = run.recipe.resolution_at(images_seen)
    try:
        own = [
            batch_from(run, source or run.images.train, images_seen + share * size, size, resolution, run.recipe.flip)
            for share in shares
        ]
    except ConnectionError as error:
        sys.exit(f"{error}; the same command goes on from the last checkpoint")
    return Batch(*map(torch.cat, zip(*own, strict=True)))


class OwnBatches(Dataset[Batch]):
    """This process's batches, each a function of the number of its first image alone.

    Args:
        run: The run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def __getitem__(self, images_seen: int) -> Batch:
        """Make a batch, on the CPU."""
        return own_batch(self.run, images_seen)


@contextmanager
def own_batches(run: Run, first: int) -> Iterator[Iterator[Batch]]:
    """Within, this process's batches from the image number `first` on, to the end of the run, in order.

    For a GPU other processes make them ahead. A CPU has no core to spare for that, and a stream is read in order.
    """
    ahead = run.accelerator.device.type != "cpu" and not run.stream and "fork" in get_all_start_methods()
    loader = DataLoader(
        OwnBatches(run),
        batch_size=None,
        sampler=range(first, run.total_images, run.recipe.train_batch_size),
        num_workers=workers(int(os.environ.get("LOCAL_WORLD_SIZE", 1))) if ahead else 0,
        multiprocessing_context="fork" if ahead else None,  # which shares the images in memory
        pin_memory=run.accelerator.device.type == "cuda" and torch.cuda.is_available(),
    )
    others = {*active_children()}
    try:
        with closing(batch for batch in _started(loader)) as batches:
            yield batches
    finally:
        if stuck := {*active_children()} - others:  # for which Python would wait for ever, since they take no signal
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PyTorch's would take their end for an error
            for worker in stuck:
                worker.kill()


def workers(processes: int) -> int:
    """How many processes make batches for each of the `processes` that train on this machine: a core each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, cores // processes - 1))


def _started(loader: DataLoader[Batch]) -> Iterator[Batch]:
    """Start a loader's processes, which take no signal: a launcher or Ctrl-C asks all to stop, and training decides."""
    if not loader.num_workers:
        return iter(loader)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in SIGNALS])
    try:
        return iter(loader)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def cuda_graphs(run: Run) -> CudaGraphs | None:
    """What captures the run's iterations, where they can be: on one GPU, by kernels that are always the same."""
    accelerator, args = run.accelerator, run.args
    if accelerator.device.type != "cuda" or accelerator.num_processes > 1 or accelerator.scaler is not None:
        return None  # a scaler decides in Python whether to step
    if args.torch_compile or args.gradient_checkpointing:
        return None
    return CudaGraphs([*run.networks.generator_optimizers, *run.networks.discriminator_optimizers])


def run_updates(
    run: Run,
    updates: tuple[str, ...],
    batch: Batch,
    images_seen: int = 0,
    *,
    log_grad_norms: bool = False,
    graphs: CudaGraphs | None = None,
) -> dict[str, Tensor]:
    """One iteration; its errors, scores and norms, of this process."""
    batch = Batch(*(tensor.to(run.accelerator.device, non_blocking=True) for tensor in batch))
    frozen = run.batchnorm_is_frozen(images_seen)
    if frozen:
        freeze_batchnorm(run.accelerator.unwrap_model(run.networks.generator))

    def step(batch: Batch) -> dict[str, Tensor]:
        return train_step(updates, run.recipe, run.accelerator, run.networks, batch, log_grad_norms=log_grad_norms)

    if graphs is None:
        return step(batch)
    return graphs.run((updates, frozen, log_grad_norms), step, batch)


def recalibrated(run: Run, images_seen: int, *, frozen: bool) -> InpaintingNetwork:
    """The averaged generator, its batch norm statistics measured anew, on no more images than there are.

    They are measured at the sides in px that the run trains at after `images_seen`, on batches of one size, since each
    counts the same. Frozen ones stay: the weights have been trained with them.
    """
    if frozen:
        return run.averaged
    source, sides = run.images.train.buffered, run.recipe.resolutions_at(images_seen)
    count = min(max(512, RECALIBRATION_PX // max(sides) ** 2), max(source.count, run.recipe.train_batch_size))
    pieces = -(-count // RECALIBRATION_BATCH)
    cuts = [count * piece // pieces for piece in range(pieces + 1)]
    batches = (
        batch_from(run, source, first, end - first, side, flip=False) for first, end in pairwise(cuts) for side in sides
    )
    recalibrate_batchnorm(run.averaged, batches)
    return run.averaged


def settings_of(run: Run) -> dict[str, Any]:
    """All that decides the weights, in plain values."""
    settings = run.recipe.to_dict() | {"seed": run.args.seed, "mixed_precision": run.accelerator.mixed_precision}
    settings |= {"masks": run.holes.digest(), "images": run.images.digest, "image_count": run.images.train.count}
    settings["start"] = run.start
    for name, value in (("shuffle_block", run.args.shuffle_block), ("processes", run.accelerator.num_processes)):
        settings[name] = value if run.stream else None  # a stream's order hangs on them
    return settings | {"num_threads": run.threads if run.args.num_threads.isdecimal() else None}


def restore(saved: dict[str, Any], parts: dict[str, Any], settings: dict[str, Any]) -> TrainingState:
    """Load a checkpoint into the parts of a run, and return where it stood.

    Only the length of the run may have changed: other settings are a refusal.
    """
    state = TrainingState()
    then = Recipe().to_dict() | saved["settings"]  # a field that is new since then had its default
    then["num_threads"] = (
        saved.get("threads") if settings.get("num_threads") else None
    )  # compared where a flag asks for some
    if changed := checkpoint.changed_settings(then, settings):
        sys.exit(
            f"the run in --output_dir was started with other settings ({'; '.join(changed)}); choose another folder"
        )
    try:
        for name, part in parts.items():
            if name != SCALER or name in saved:  # checkpoints of earlier versions hold no scale
                part.load_state_dict(saved[name])
        state.load(saved, parts["generator"].fill_color.device)
    except (KeyError, ValueError, RuntimeError) as error:
        sys.exit(f"the checkpoint in --output_dir is of another version, or of another network: {error!r}")
    if state.best is not None and state.best_side is None:  # an earlier version did not keep it
        recipe, metric = Recipe(**{name: settings[name] for name in Recipe().to_dict()}), str(state.best_metric)
        seen = next((row["images_seen"] for row in state.history if row.get(metric) == state.best), None)
        state.best_side = None if seen is None else max(recipe.resolutions_at(seen - 1))
    return state
