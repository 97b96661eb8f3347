"""Methods side by side: the same images, the same holes, figures with intervals, by area and by place."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..metrics import METRICS

AREAS = tuple((low / 10, (low + 1) / 10) for low in range(6))  # shares of the image
PLACES = ("interior", "one side", "corner")  # how many of the image's sides a hole touches: none, one, more
GROUPS = 20  # of the jackknife
NORMAL = 1.96  # standard errors of a 95 % interval
PATIENCE_S = 24 * 3600.0  # for one method


class Figure(NamedTuple):
    """A figure, and half the width of its 95 % interval; none where the set is too small to say."""

    value: float
    half: float | None


class Fills(NamedTuple):
    """What a method made of the images: (N, H, W, 3) uint8, the milliseconds each took, the process's peak memory."""

    results: np.ndarray
    milliseconds: list[float]
    peak_mb: float


def prepared(
    data: str,
    split: str,
    resolution: int,
    kinds: str,
    sides: tuple[int, int],
    mask_dir: str | None,
    count: int | None,
    seed: int,
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """What is compared, in words, images (N, H, W, 3) uint8 of a split, and a hole (H, W) bool for each.

    Holes of rectangles alone are those of every run's evaluation with the same `sides`. Raises `ValueError` for data,
    kinds or sides that cannot be.
    """
    from ..data.dataset import split_images
    from ..data.holes import Holes, read_masks
    from ..data.sources import DatasetConfig
    from ..training.recipes import Recipe
    from .evaluate import SEED

    recipe = Recipe(
        holes=kinds, mask_dir=mask_dir, resolution=resolution, hole_min=sides[0], hole_max=sides[1]
    )  # checks them
    masks = read_masks(mask_dir, (resolution, resolution), invert=False) if mask_dir else None
    masks_apart = (("--mask_dir", mask_dir),) if mask_dir else ()
    splits = split_images(DatasetConfig(data, resolution, seed, leave_out=masks_apart))
    found = getattr(splits, split)[:count]
    if len(found) < 2:
        raise ValueError(f"{data} has {len(found)} images to compare on; it takes 2 or more")
    holes = Holes(sides, recipe.hole_mix(), masks).batch(SEED, 0, len(found), (resolution, resolution))
    rectangles = f" with sides of {sides[0]} to {sides[1]} px" if "rect" in kinds or "border" in kinds else ""
    facts = {
        "title": f"Methods on {Path(data).name}",
        "text": (
            f"{len(found):,} images of the {split} split, squares of {resolution} px; holes: {kinds}{rectangles}; seeds"
            f" {seed} and {SEED}. ± is half of a 95 % interval. Feature, kernel and Fréchet distance of crops: by"
            f" EfficientNet-Lite1, of the square of 1.5 hole widths around each hole, against the originals. At 32 px"
            f" label and Fréchet distance are by the package's own CIFAR-10 classifier. Times and memory: {machine()}."
        ),
        "images": len(found),
        "resolution": resolution,
        "holes": kinds,
        "sides": list(sides),
        "seed": seed,
        "machine": machine(),
        "remarks": splits.messages(),
    }
    return facts, found.permute(0, 2, 3, 1).numpy(), holes[:, 0].numpy()


def fill_all(name: str, images: np.ndarray, holes: np.ndarray, seed: int) -> Fills:
    """The fills of (N, H, W, 3) uint8 by the method `name`, one by one as users fill, and what they took.

    The peak is that of this process, interpreter and libraries included. Raises what the method raises.
    """
    from ..methods.registry import get_method

    method = get_method(name)
    method(images[0], holes[0], seed=seed)  # what a first call loads is not a fill's time
    results, taken = np.empty_like(images), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of holes that are too wide: figures by area say it
        for number, (image, hole) in enumerate(zip(images, holes, strict=True)):
            started = time.perf_counter()
            results[number] = method(image, hole, seed=seed)
            taken.append(1000 * (time.perf_counter() - started))
    return Fills(results, taken, _peak_mb())


def _peak_mb() -> float:
    """The most memory that this process has had; Linux begins ru_maxrss with that of the process that began it."""
    if (status := Path("/proc/self/status")).exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def compare(
    methods: Sequence[str],
    images: np.ndarray,
    holes: np.ndarray,
    *,
    seed: int = 0,
    perceptual: bool = False,
    said: Callable[[str], None] = print,
) -> tuple[dict[str, dict[str, Any]], dict[str, np.ndarray]]:
    """A row of figures and the fills (N, H, W, 3) uint8, for each method by name.

    `images` is (N, H, W, 3) uint8, `holes` (N, H, W) bool. Each method works in a process of its own, so that its
    memory can be told. A row has `figures`, each a `Figure`, the same `by_area` and `by_place`, `milliseconds` (the
    median of an image) and `peak_mb`. What cannot be measured is said, and left out: a method whose library is
    missing, or with `perceptual` LPIPS and FID where their weights cannot be had.
    """
    from ..worker import Worker

    rows, results = {}, {}
    more = list(_perceptual(said)) if perceptual else []
    groups = {"by_area": _areas(holes), "by_place": _places(holes)}
    known = Known.of(images, holes)
    for name in methods:
        worker = Worker(PATIENCE_S)
        try:
            made = worker(fill_all, name, images, holes, seed)
        except ValueError as error:
            said(f"{name} is left out: {error}")
            continue
        finally:
            worker.close()
        measured = Measured(images, holes, made.results, known)
        row: dict[str, Any] = {"figures": measured.figures(), "images": len(images)}
        row["figures"]["frechet_crops"] = Figure(measured.frechet_crops(), None)  # too slow for an interval
        for metric, distance in more:
            row["figures"][metric] = Figure(distance(made.results, images), None)
        for what, parts in groups.items():
            row[what] = {
                part: {"images": int(some.sum())} | measured.figures(np.flatnonzero(some))
                for part, some in parts.items()
                if some.sum() > 1
            }
        row |= {"milliseconds": statistics.median(made.milliseconds), "peak_mb": made.peak_mb}
        rows[name], results[name] = row, made.results
        figures = row["figures"]
        said(f"{name}: {figures['psnr_hole'].value:.2f} dB in the hole, {row['milliseconds']:.1f} ms an image")
    return rows, results


class Known(NamedTuple):
    """What networks see in a set of images: features around the holes, and at CIFAR-10's size features and labels."""

    crops: Any
    classified: tuple[Any, Any] | None

    @classmethod
    def of(cls, images: np.ndarray, holes: np.ndarray) -> Known:
        """Look at (N, H, W, 3) uint8 images with their holes (N, H, W) bool."""
        from . import classifier
        from .feature_metrics import crop_features

        small = images.shape[1:3] == (classifier.SIDE, classifier.SIDE)
        return cls(crop_features(images, holes), classifier.seen(images) if small else None)


class Measured:
    """What is needed to give figures of a method on any part of the images."""

    def __init__(self, images: np.ndarray, holes: np.ndarray, results: np.ndarray, known: Known) -> None:
        self.each = {name: metric.each(results, images, holes) for name, metric in METRICS.items()}
        self.known, self.now = known, Known.of(results, holes)

    def figures(self, chosen: np.ndarray | None = None) -> dict[str, Figure]:
        """Every figure by name, of the images numbered `chosen`, or of all."""
        from .feature_metrics import FEATURE_METRICS, frechet_distance

        which = np.arange(len(self.known.crops)) if chosen is None else chosen
        wholes: dict[str, Callable[[np.ndarray], float]] = {
            name: lambda some, name=name: METRICS[name].whole(self.each[name][some])  # type: ignore[misc]
            for name in METRICS
        }
        for name, metric in FEATURE_METRICS.items():
            wholes[name] = lambda some, metric=metric: metric(self.now.crops[some], self.known.crops[some])  # type: ignore[misc]
        if self.known.classified and self.now.classified:
            (features, labels), (features_now, labels_now) = self.known.classified, self.now.classified
            wholes["frechet"] = lambda some: frechet_distance(features_now[some], features[some])
            wholes["same_label"] = lambda some: float((labels_now == labels)[some].float().mean())
        return {name: Figure(float(whole(which)), _half(whole, which)) for name, whole in wholes.items()}

    def frechet_crops(self) -> float:
        """The Fréchet distance of all crops around the holes."""
        from .feature_metrics import frechet_distance

        return frechet_distance(self.now.crops, self.known.crops)


def _half(whole: Callable[[np.ndarray], float], which: np.ndarray) -> float | None:
    """Half the width of a 95 % interval of `whole(which)`, by leaving out one of GROUPS groups of images in turn.

    The delete-group jackknife (P. S. Kott 2001), which serves figures that are no means of images.
    """
    if len(which) < 2 * GROUPS:
        return None
    parts = np.array_split(which, GROUPS)
    left = np.array([whole(np.concatenate(parts[:n] + parts[n + 1 :])) for n in range(GROUPS)])
    return float(NORMAL * np.sqrt((GROUPS - 1) / GROUPS * np.square(left - left.mean()).sum()))


def _areas(holes: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) bool for each class of AREAS; the last one takes what is larger."""
    share = holes.mean(axis=(1, 2))
    number = np.minimum((share * 10).astype(int), len(AREAS) - 1)
    return {f"{100 * low:.0f}–{100 * high:.0f} %": number == n for n, (low, high) in enumerate(AREAS)}


def _places(holes: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) bool for each of PLACES."""
    edges = [holes[:, 0], holes[:, -1], holes[:, :, 0], holes[:, :, -1]]
    touched = np.sum([edge.any(axis=1) for edge in edges], axis=0)
    return {place: np.minimum(touched, 2) == number for number, place in enumerate(PLACES)}


def _perceptual(said: Callable[[str], None]) -> Iterator[tuple[str, Callable[[np.ndarray, np.ndarray], float]]]:
    """LPIPS and Inception's FID by torchmetrics, whose weights are downloaded; what cannot be had is said."""
    import torch

    def tensors(images: np.ndarray) -> Any:
        return torch.from_numpy(images).permute(0, 3, 1, 2).split(64)

    def lpips(results: np.ndarray, originals: np.ndarray) -> float:
        metric.reset()
        for some, others in zip(tensors(results), tensors(originals), strict=True):
            metric.update(some.float() / 255, others.float() / 255)
        return float(metric.compute())

    def fid(results: np.ndarray, originals: np.ndarray) -> float:
        inception.reset()
        for images, real in ((originals, True), (results, False)):
            for some in tensors(images):
                inception.update(some, real=real)
        return float(inception.compute())

    try:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)
        yield "lpips", lpips
    except (ImportError, OSError) as error:
        said(f"LPIPS is left out: its library or AlexNet's weights cannot be had here ({error})")
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance

        inception = FrechetInceptionDistance(feature=2048)
        yield "fid", fid
    except (ImportError, OSError) as error:
        said(f"Inception's FID is left out: its library or weights cannot be had here ({error})")


def machine() -> str:
    """The machine that figures of time and memory are of, in words."""
    import torch

    from ..hardware import has_bf16

    model = platform.processor() or platform.machine()
    if (listed := Path("/proc/cpuinfo")).exists():
        named = (line.split(":", 1)[1].strip() for line in listed.read_text().splitlines() if "model name" in line)
        model = next(named, model)
    threads = torch.get_num_threads()
    return (
        f"{os.cpu_count()} cores of {model}, bf16 {'in hardware' if has_bf16() else 'not in hardware'},"
        f" {threads} thread{'s' * (threads > 1)}, torch {torch.__version__}, Python {platform.python_version()}"
    )
