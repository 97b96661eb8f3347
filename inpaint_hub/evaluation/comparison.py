"""Compare methods on the same images and holes: figures with 95 % intervals, by area and by place of the hole."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..hardware import peak_memory
from ..metrics import METRICS

if TYPE_CHECKING:
    from ..training.recipes import Recipe

AREAS = ("0–10 %", "10–20 %", "20–30 %", "30–40 %", "40–50 %", "50 % and more")  # shares of the image
PLACES = ("interior", "one side", "corner")  # the hole touches none, one, or more of the image's sides
JACKKNIFE_GROUPS = 20
STANDARD_ERRORS_95 = 1.96  # half the width of a 95 % interval
METHOD_TIMEOUT_S = 24 * 3600.0


class Figure(NamedTuple):
    """A figure with its 95 % interval.

    Attributes:
        value: The figure; None if the images have none: no PSNR without an error, no gradient energy of flat images.
        half_width: Half the width of the interval; None if there are too few images.
    """

    value: float | None
    half_width: float | None

    @classmethod
    def of(cls, value: float, half_width: float | None) -> Figure:
        """Make a figure of what was computed; infinity and NaN, which JSON does not have, are None."""
        return cls(*(part if part is not None and math.isfinite(part) else None for part in (value, half_width)))


class Fills(NamedTuple):
    """The fills of a method.

    Attributes:
        results: (N, H, W, 3) uint8.
        milliseconds: The time of each fill.
        peak_mb: The peak memory of the process, interpreter and libraries included.
    """

    results: np.ndarray
    milliseconds: list[float]
    peak_mb: float


def load_inputs(
    data: str,
    *,
    split: str = "test",
    resolution: int,
    kinds: str = "rectangle",
    sides: tuple[int, int],
    mask_dir: str | None = None,
    invert_masks: bool | None = None,
    count: int | None = None,
    seed: int = 0,
    output: Path | None = None,
    image_column: str | None = None,
    config_name: str | None = None,
    revision: str | None = None,
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Load the images of a split, and draw a hole for each.

    Rectangles alone are the same holes as in the evaluation of a training run with the same `sides`.

    Args:
        data: A data set on the Hub, or a folder.
        split: "validation" or "test".
        resolution: The side of the images, px.
        kinds: Kinds of holes by weight, as in training.
        sides: The shortest and the longest side of rectangles, px.
        mask_dir: A folder of masks, for holes of the kind folder.
        invert_masks: Take black as the hole in them, or white without asking; None asks where most look inverted.
        count: The number of images, the first ones of the split; None for all.
        seed: Of the split.
        output: A folder that is none of the data, even if it is inside.
        image_column: The data set's image column, where it has several.
        config_name: The data set's configuration, where it has several.
        revision: A branch, tag or commit of a data set on the Hub.

    Returns:
        What was loaded, for the report; images (N, H, W, 3) uint8; holes (N, H, W) bool.

    Raises:
        ValueError: The data cannot be read or has fewer than two images, masks look inverted, or a kind or side is not
            possible.
    """
    from ..data.dataset import split_images
    from ..data.holes import Holes, read_masks
    from ..data.sources import DatasetConfig
    from ..training.recipes import Recipe
    from .evaluate import SEED

    recipe = Recipe(
        holes=kinds, mask_dir=mask_dir, resolution=resolution, hole_min=sides[0], hole_max=sides[1]
    )  # checks them
    masks = read_masks(mask_dir, (resolution, resolution), invert_masks) if mask_dir else None
    apart = tuple((flag, str(place)) for flag, place in (("--mask_dir", mask_dir), ("--output", output)) if place)
    source = DatasetConfig(
        data, resolution, seed, image_column=image_column, config_name=config_name, revision=revision, leave_out=apart
    )
    splits = split_images(source)
    images = getattr(splits, split)[:count]
    if len(images) < 2:
        raise ValueError(f"{data} has {len(images)} images in its {split} split; a comparison needs 2 or more")
    holes = Holes(sides, recipe.hole_mix(), masks).batch(SEED, 0, len(images), (resolution, resolution))
    facts = {
        "title": f"Methods on {Path(data).name}",
        "text": _describe(len(images), split, resolution, recipe, seed) + _tell_left_out(holes[:, 0].numpy()),
        "images": len(images),
        "resolution": resolution,
        "holes": kinds,
        "sides": list(sides),
        "seed": seed,
        "machine": describe_machine(),
        "remarks": splits.messages(),
    }
    return facts, images.permute(0, 2, 3, 1).numpy(), holes[:, 0].numpy()


def _describe(count: int, split: str, resolution: int, recipe: Recipe, seed: int) -> str:
    """What was compared, and what the figures are."""
    from .evaluate import SEED

    sided = {"rectangle", "rectangles", "border", "object"} & {*recipe.hole_mix()}
    sides = f" with sides of {recipe.hole_min} to {recipe.hole_max} px" if sided else ""
    return (
        f"{count:,} images of the {split} split, squares of {resolution} px; holes: {recipe.holes}{sides}; seeds {seed}"
        f" and {SEED}. ± is half the width of a 95 % interval. Feature distance, kernel distance and Fréchet distance"
        " of crops compare features of EfficientNet-Lite1 of the square of 1.5 hole widths around each hole with those"
        " of the originals. At 32 px, label and Fréchet distance are those of the CIFAR-10 classifier of this package."
        f" Times and memory: {describe_machine()}."
    )


def _tell_left_out(holes: np.ndarray) -> str:
    """The parts by area and by place that have no figures, as they hold a single image; empty if there is none."""
    parts = _group_by_area(holes) | _group_by_place(holes)
    alone = [part for part, some in parts.items() if some.sum() == 1]
    return f" Left out of the figures by area and by place, with one image each: {', '.join(alone)}." * bool(alone)


def fill_all(name: str, images: np.ndarray, holes: np.ndarray, seed: int) -> Fills:
    """Fill images one by one, as users do, and measure the time and memory.

    Args:
        name: The method.
        images: (N, H, W, 3) uint8.
        holes: (N, H, W) bool.
        seed: For methods that draw at random.

    Returns:
        The fills with times and memory.

    Raises:
        ValueError: There is no such method, or it cannot fill a hole.
        ImportError: Its library is not installed.
    """
    from ..methods.registry import get_method

    method = get_method(name)
    method(images[0], holes[0], seed=seed)  # the first call loads libraries and weights
    results, milliseconds = np.empty_like(images), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about wide holes, which the figures by area show
        for number, (image, hole) in enumerate(zip(images, holes, strict=True)):
            started = time.perf_counter()
            results[number] = method(image, hole, seed=seed)
            milliseconds.append(1000 * (time.perf_counter() - started))
    return Fills(results, milliseconds, peak_memory() / 2**20)


def compare(
    methods: Sequence[str],
    images: np.ndarray,
    holes: np.ndarray,
    *,
    seed: int = 0,
    perceptual: bool = False,
    log: Callable[[str], None] = print,
) -> tuple[dict[str, dict[str, Any]], dict[str, np.ndarray]]:
    """Fill the same holes by several methods, and compute the figures of each.

    Each method runs in a process of its own, so that its memory can be measured. A method that cannot be loaded is
    left out.

    Args:
        methods: Names of methods, folders, or "owner/model".
        images: (N, H, W, 3) uint8.
        holes: (N, H, W) bool.
        seed: For methods that draw at random.
        perceptual: Whether to compute LPIPS and Inception's FID, whose weights are downloaded.
        log: Is called with a line for each method, and for what is left out.

    Returns:
        A row for each method, and its fills (N, H, W, 3) uint8. A row has `images` (their number), `figures` by name,
        `by_area` and `by_place` with the same for parts of the images, `milliseconds` (the median) and `peak_mb`.
    """
    from ..worker import Worker

    rows, results = {}, {}
    perceptual_metrics = list(_perceptual_metrics(log)) if perceptual else []
    groups = {"by_area": _group_by_area(holes), "by_place": _group_by_place(holes)}
    originals = NetworkFeatures.of(images, holes)
    for name in methods:
        worker = Worker(METHOD_TIMEOUT_S)
        try:
            fills = worker(fill_all, name, images, holes, seed)
        except ValueError as error:
            log(f"{name} is left out: {error}")
            continue
        finally:
            worker.close()
        metrics = FillMetrics(images, holes, fills.results, originals)
        row: dict[str, Any] = {"figures": metrics.figures(), "images": len(images)}
        row["figures"]["frechet_crops"] = Figure.of(metrics.frechet_crops(), None)  # too slow for an interval
        for metric, distance in perceptual_metrics:
            row["figures"][metric] = Figure.of(distance(fills.results, images), None)
        for grouping, parts in groups.items():
            row[grouping] = {
                part: {"images": int(some.sum())} | metrics.figures(np.flatnonzero(some))
                for part, some in parts.items()
                if some.sum() > 1
            }
        row |= {"milliseconds": statistics.median(fills.milliseconds), "peak_mb": fills.peak_mb}
        rows[name], results[name] = row, fills.results
        psnr = row["figures"]["psnr_hole"].value
        found = "no error" if psnr is None else f"{psnr:.2f} dB"
        log(f"{name}: {found} in the hole, {row['milliseconds']:.1f} ms an image")
    return rows, results


class NetworkFeatures(NamedTuple):
    """Features of a set of images by networks.

    Attributes:
        crops: Features (N, D) of the square around each hole.
        classified: At CIFAR-10's size the classifier's features and labels, otherwise None.
    """

    crops: Any
    classified: tuple[Any, Any] | None

    @classmethod
    def of(cls, images: np.ndarray, holes: np.ndarray) -> NetworkFeatures:
        """Compute the features of images (N, H, W, 3) uint8 with holes (N, H, W) bool."""
        from . import classifier
        from .feature_metrics import crop_features

        small = images.shape[1:3] == (classifier.INPUT_PX, classifier.INPUT_PX)
        return cls(crop_features(images, holes), classifier.classify(images) if small else None)


class FillMetrics:
    """The values that all figures of a method's fills are computed from, for any part of the images.

    Args:
        images: (N, H, W, 3) uint8.
        holes: (N, H, W) bool.
        results: The fills, (N, H, W, 3) uint8.
        originals: Features of `images`.
    """

    def __init__(self, images: np.ndarray, holes: np.ndarray, results: np.ndarray, originals: NetworkFeatures) -> None:
        from .feature_metrics import KernelDistances

        self.per_image = {name: metric.per_image(results, images, holes) for name, metric in METRICS.items()}
        self.originals, self.fills = originals, NetworkFeatures.of(results, holes)
        self.kernels = KernelDistances(self.fills.crops, originals.crops)

    def figures(self, chosen: np.ndarray | None = None) -> dict[str, Figure]:
        """Compute every figure of the images with the numbers `chosen`, or of all images."""
        from .feature_metrics import feature_distance, frechet_distance

        which = np.arange(len(self.originals.crops)) if chosen is None else chosen
        functions: dict[str, Callable[[np.ndarray], float]] = {
            name: lambda some, name=name: METRICS[name].aggregate(self.per_image[name][some])  # type: ignore[misc]
            for name in METRICS
        }
        functions["feature_distance"] = lambda some: feature_distance(
            self.fills.crops[some], self.originals.crops[some]
        )
        functions["kernel_distance"] = self.kernels.of
        if self.originals.classified and self.fills.classified:
            (features, labels), (fill_features, fill_labels) = self.originals.classified, self.fills.classified
            functions["frechet"] = lambda some: frechet_distance(fill_features[some], features[some])
            functions["same_label"] = lambda some: float((fill_labels == labels)[some].float().mean())
        return {
            name: Figure.of(float(function(which)), _jackknife_half_width(function, which))
            for name, function in functions.items()
        }

    def frechet_crops(self) -> float:
        """Compute the Fréchet distance of the crops around all holes."""
        from .feature_metrics import frechet_distance

        return frechet_distance(self.fills.crops, self.originals.crops)


def _jackknife_half_width(function: Callable[[np.ndarray], float], which: np.ndarray) -> float | None:
    """Half the width of a 95 % interval of `function(which)`, by the delete-group jackknife (P. S. Kott 2001).

    It leaves out one of JACKKNIFE_GROUPS groups of images at a time, and suits figures that are no means of images.
    """
    if len(which) < 2 * JACKKNIFE_GROUPS:
        return None
    parts = np.array_split(which, JACKKNIFE_GROUPS)
    values = np.array([function(np.concatenate(parts[:n] + parts[n + 1 :])) for n in range(JACKKNIFE_GROUPS)])
    variance = (JACKKNIFE_GROUPS - 1) / JACKKNIFE_GROUPS * np.square(values - values.mean()).sum()
    return float(STANDARD_ERRORS_95 * np.sqrt(variance))


def _group_by_area(holes: np.ndarray) -> dict[str, np.ndarray]:
    """For each class of AREAS: which holes are in it, (N,) bool; the last class has all larger holes."""
    share = holes.mean(axis=(1, 2))
    number = np.minimum((share * 10).astype(int), len(AREAS) - 1)
    return {area: number == n for n, area in enumerate(AREAS)}


def _group_by_place(holes: np.ndarray) -> dict[str, np.ndarray]:
    """For each of PLACES: which holes are there, (N,) bool."""
    edges = [holes[:, 0], holes[:, -1], holes[:, :, 0], holes[:, :, -1]]
    touched = np.sum([edge.any(axis=1) for edge in edges], axis=0)
    return {place: np.minimum(touched, 2) == number for number, place in enumerate(PLACES)}


def _perceptual_metrics(log: Callable[[str], None]) -> Iterator[tuple[str, Callable[[np.ndarray, np.ndarray], float]]]:
    """LPIPS and Inception's FID, by torchmetrics, which downloads their weights; a missing one is logged."""
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
        log(f"LPIPS is left out: its library or AlexNet's weights cannot be loaded ({error})")
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance

        inception = FrechetInceptionDistance(feature=2048)
        yield "fid", fid
    except (ImportError, OSError) as error:
        log(f"Inception's FID is left out: its library or weights cannot be loaded ({error})")


def describe_machine() -> str:
    """Describe this machine: cores, processor, bfloat16, threads, versions of torch and Python."""
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
