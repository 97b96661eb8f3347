"""Figures of a generator on a split, and of the classical methods on the same holes."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.holes import Holes
from ..imaging.blending import blend_seam
from ..methods.classical import CLASSICAL, PATCH_BASED
from ..metrics import METRICS
from ..models.networks import InpaintingNetwork, composite
from .feature_metrics import FEATURE_METRICS, crop_features

SEED = 2017  # of the holes: the same ones in every run, for every method
SHEET_WIDTH_PX, SAMPLES = 1536, 16  # of a sample sheet; it has fewer images if they would be wider


def evaluation_holes(count: int, size: int, holes: Holes) -> Tensor:
    """Draw a hole for each image of a split.

    If a run trains on rectangles among other kinds, it is evaluated on rectangles alone, so that the figures of
    different runs can be compared (protocol `cifar-rect` for sides of 8 to 16 px).

    Args:
        count: The number of images.
        size: The side of the images, px.
        holes: How training draws holes.

    Returns:
        (count, 1, size, size) bool.
    """
    if "rectangle" in holes.mix:
        holes = Holes(holes.sides, {"rectangle": 1.0})
    return holes.batch(SEED, 0, count, (size, size))


@torch.inference_mode()
def complete(generator: InpaintingNetwork, images: Tensor, holes: Tensor) -> np.ndarray:
    """Fill holes with a generator in one pass, without windows and scales, and blend the seams.

    Args:
        generator: The network; it is set to eval mode.
        images: (N, 3, S, S) uint8.
        holes: (N, 1, S, S) bool.

    Returns:
        The composites, (N, S, S, 3) uint8.
    """
    device, results = generator.fill_color.device, []
    for some_images, some_holes in zip(images.split(256), holes.split(256), strict=True):
        image, hole = some_images.to(device), some_holes.to(device)
        original = image.float() / 255
        prediction = generator.eval()(generator.masked(original, hole))
        filled = blend_seam(composite(original, prediction, hole), hole, ~hole)
        results.append((filled * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu())
    return torch.cat(results).numpy()


def figures(results: np.ndarray, images: Tensor, holes: Tensor) -> dict[str, float]:
    """Compute every metric.

    Args:
        results: (N, S, S, 3) uint8.
        images: The originals, (N, 3, S, S) uint8.
        holes: (N, 1, S, S) bool.

    Returns:
        A figure for each name in `METRICS` and `FEATURE_METRICS` that has one: a single image has no kernel distance,
        in flat images there is no gradient, and without an error there is no PSNR.
    """
    originals, hole = images.permute(0, 2, 3, 1).numpy(), holes[:, 0].numpy()
    of_pixels = {name: metric(results, originals, hole) for name, metric in METRICS.items()}
    features = crop_features(results, hole), crop_features(originals, hole)
    found = of_pixels | {name: metric(*features) for name, metric in FEATURE_METRICS.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def rehearse() -> None:
    """Measure two images, so that a missing or broken library is known before a run rather than at its end.

    Raises:
        ImportError: A library of the figures cannot be imported.
    """
    images, holes = torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    holes[:, :, 8:24, 8:24] = True
    figures(np.zeros((2, 32, 32, 3), dtype=np.uint8), images, holes)


def validate(generator: InpaintingNetwork, images: Tensor, holes: Holes, grid: Path) -> dict[str, float]:
    """Compute the figures of a generator, and write a sheet of originals, masked and completed images.

    Args:
        generator: The network.
        images: (N, 3, S, S) uint8.
        holes: How training draws holes.
        grid: The picture to write.

    Returns:
        Figures by name, rounded to four digits.
    """
    drawn = evaluation_holes(len(images), images.shape[2], holes)
    results = complete(generator, images, drawn)
    _write_sheet(generator, images, drawn, results, grid)
    return {name: round(value, 4) for name, value in figures(results, images, drawn).items()}


def show_pairs(generator: InpaintingNetwork, images: Tensor, holes: Tensor, grid: Path) -> None:
    """Fill given holes, and write a sheet of originals, masked and completed images.

    Args:
        generator: The network.
        images: (N, 3, S, S) uint8.
        holes: (N, 1, S, S) bool.
        grid: The picture to write.
    """
    _write_sheet(generator, images, holes, complete(generator, images, holes), grid)


def _write_sheet(generator: InpaintingNetwork, images: Tensor, holes: Tensor, results: np.ndarray, grid: Path) -> None:
    originals, completed = images[:SAMPLES].float() / 255, torch.from_numpy(results[:SAMPLES]).permute(0, 3, 1, 2) / 255
    masked = torch.where(holes[:SAMPLES], generator.fill_color.cpu(), originals)
    write_samples(grid, originals, masked, completed)


def evaluate_methods(generators: dict[str, InpaintingNetwork], images: Tensor, holes: Tensor) -> list[dict[str, Any]]:
    """Compute the figures of generators and of all installed methods without a network, on the same holes.

    Args:
        generators: Networks by the name of their row.
        images: (N, 3, S, S) uint8.
        holes: (N, 1, S, S) bool.

    Returns:
        A row for each: `method`, `images` (their number), and the figures.
    """
    originals, hole = images.permute(0, 2, 3, 1).numpy(), holes[:, 0].numpy()
    results = {name: complete(generator, images, holes) for name, generator in generators.items()}
    for name, fill in (CLASSICAL | PATCH_BASED).items():
        with suppress(ImportError):  # PatchMatch's library needs Python 3.11
            results[name] = np.stack([fill(image, where) for image, where in zip(originals, hole, strict=True)])
    return [
        {"method": name, "images": len(images)} | {k: round(v, 4) for k, v in figures(result, images, holes).items()}
        for name, result in results.items()
    ]


def write_samples(path: Path, images: Tensor, masked: Tensor, completed: Tensor) -> None:
    """Write a picture of three rows: original, masked and completed images.

    Args:
        path: The file to write.
        images: (N, 3, S, S) in 0..1; the first ones are shown.
        masked: The same with holes.
        completed: The same, filled.
    """
    from torchvision.utils import save_image

    size = images.shape[2]
    count, scale = max(1, min(len(images), SAMPLES, SHEET_WIDTH_PX // size)), max(1, SHEET_WIDTH_PX // SAMPLES // size)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = torch.cat([some[:count] for some in (images, masked, completed)])
    save_image(F.interpolate(rows, scale_factor=scale), path, nrow=count)
