"""A generator's figures on a split, and those of the classical methods on the same holes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.holes import Holes
from ..methods.classical import CLASSICAL, PATCH_BASED
from ..metrics import METRICS
from ..models.networks import Painter, composite
from .feature_metrics import FEATURE_METRICS, crop_features

SEED = 2017  # of the holes: the same ones in every run, for every method
SHEET_WIDTH_PX, SAMPLES = 1536, 16  # a grid has this many images beside each other, fewer if they would be wider


def evaluation_holes(count: int, size: int, holes: Holes) -> Tensor:
    """(count, 1, size, size) bool: a hole for each image of a split.

    Plain rectangles wherever a run trains on some, so that its figures can be compared (protocol
    `cifar-rect` for sides of 8 to 16 px); otherwise the kinds that it trains on.
    """
    if "rectangle" in holes.mix:
        holes = Holes(holes.sides, {"rectangle": 1.0})
    return holes.batch(SEED, 0, count, (size, size))


@torch.inference_mode()
def complete(generator: Painter, images: Tensor, holes: Tensor) -> np.ndarray:
    """The composites (N, S, S, 3) uint8 of (N, 3, S, S) uint8 images, their holes filled by the generator."""
    device, results = generator.fill.device, []
    for image, where in zip(images.split(256), holes.split(256), strict=True):
        hole, known = where.to(device), image.to(device)
        prediction = generator.eval()(generator.masked(known.float() / 255, hole))
        results.append(composite(known, (prediction * 255).round().to(torch.uint8), hole).permute(0, 2, 3, 1).cpu())
    return torch.cat(results).numpy()


def figures(results: np.ndarray, images: Tensor, holes: Tensor) -> dict[str, float]:
    """Every metric by name, of `results` (N, S, S, 3) uint8 against `images` (N, 3, S, S) uint8."""
    originals, where = images.permute(0, 2, 3, 1).numpy(), holes[:, 0].numpy()
    found = {name: metric(results, originals, where) for name, metric in METRICS.items()}
    features = crop_features(results, where), crop_features(originals, where)
    return found | {name: metric(*features) for name, metric in FEATURE_METRICS.items()}


def validate(generator: Painter, images: Tensor, holes: Holes, grid: Path) -> dict[str, float]:
    """The figures on `images` (N, 3, S, S) uint8; originals, masked and completed go to the picture `grid`."""
    where = evaluation_holes(len(images), images.shape[2], holes)
    results = complete(generator, images, where)
    _draw(generator, images, where, results, grid)
    return {name: round(value, 4) for name, value in figures(results, images, where).items()}


def show_pairs(generator: Painter, images: Tensor, holes: Tensor, grid: Path) -> None:
    """Fill the holes (N, 1, S, S) of images (N, 3, S, S) uint8, and draw them as `validate` does."""
    _draw(generator, images, holes, complete(generator, images, holes), grid)


def _draw(generator: Painter, images: Tensor, holes: Tensor, results: np.ndarray, grid: Path) -> None:
    originals, completed = images[:SAMPLES].float() / 255, torch.from_numpy(results[:SAMPLES]).permute(0, 3, 1, 2) / 255
    masked = torch.where(holes[:SAMPLES], generator.fill.cpu(), originals)
    write_samples(grid, originals, masked, completed)


def compare(generators: dict[str, Painter], images: Tensor, holes: Tensor) -> list[dict[str, Any]]:
    """A row of figures for each generator by its name, and each method that is installed, on the same holes."""
    originals, where = images.permute(0, 2, 3, 1).numpy(), holes[:, 0].numpy()
    results = {name: complete(generator, images, holes) for name, generator in generators.items()}
    for name, fill in (CLASSICAL | PATCH_BASED).items():
        with suppress(ImportError):  # PatchMatch's library needs Python 3.11
            results[name] = np.stack([fill(image, hole) for image, hole in zip(originals, where, strict=True)])
    return [
        {"method": name, "images": len(images)} | {k: round(v, 4) for k, v in figures(result, images, holes).items()}
        for name, result in results.items()
    ]


def write_samples(path: Path, images: Tensor, masked: Tensor, completed: Tensor) -> None:
    """A picture of three rows, original, masked and completed, of the first images of (N, 3, S, S) in 0..1."""
    from torchvision.utils import save_image

    size = images.shape[2]
    count, scale = max(1, min(len(images), SAMPLES, SHEET_WIDTH_PX // size)), max(1, SHEET_WIDTH_PX // SAMPLES // size)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = torch.cat([some[:count] for some in (images, masked, completed)])
    save_image(F.interpolate(rows, scale_factor=scale), path, nrow=count)
