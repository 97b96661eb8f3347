"""A generator's figures on a split, and those of the classical methods on the same holes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .classical import CLASSICAL
from .holes import as_hole, rectangles, uniforms
from .metrics import METRICS
from .networks import Generator
from .updates import composite

SEED = 2017  # of the holes: the same ones in every run, for every method


def evaluation_boxes(count: int, size: int, hole_sides: tuple[int, int]) -> Tensor:
    """(count, 4) int64: one hole for each image of a split (protocol `cifar-rect` for sides of 8 to 16 px)."""
    return rectangles(uniforms(SEED, 0, count), size, *hole_sides)


@torch.inference_mode()
def complete(generator: Generator, images: Tensor, boxes: Tensor) -> np.ndarray:
    """The composites (N, S, S, 3) uint8 of (N, 3, S, S) uint8 images whose holes the generator filled."""
    device, results = generator.fill.device, []
    for image, box in zip(images.split(256), boxes.split(256), strict=True):
        hole, known = as_hole(box, image.shape[2]).to(device), image.to(device)
        prediction = generator.eval()(generator.masked(known.float() / 255, hole))
        results.append(composite(known, (prediction * 255).round().to(torch.uint8), hole).permute(0, 2, 3, 1).cpu())
    return torch.cat(results).numpy()


def figures(results: np.ndarray, images: Tensor, boxes: Tensor) -> dict[str, float]:
    """Every metric by name, of `results` (N, S, S, 3) uint8 against `images` (N, 3, S, S) uint8."""
    originals, holes = images.permute(0, 2, 3, 1).numpy(), as_hole(boxes, images.shape[2])[:, 0].numpy()
    return {name: metric(results, originals, holes) for name, metric in METRICS.items()}


def compare(generators: dict[str, Generator], images: Tensor, hole_sides: tuple[int, int]) -> list[dict[str, Any]]:
    """A row of figures for each generator by its name, and for each classical method, on the same holes."""
    boxes = evaluation_boxes(len(images), images.shape[2], hole_sides)
    originals, holes = images.permute(0, 2, 3, 1).numpy(), as_hole(boxes, images.shape[2])[:, 0].numpy()
    results = {name: complete(generator, images, boxes) for name, generator in generators.items()}
    for name, fill in CLASSICAL.items():
        results[name] = np.stack([fill(image, hole) for image, hole in zip(originals, holes, strict=True)])
    return [
        {"method": name, "images": len(images)} | {k: round(v, 4) for k, v in figures(result, images, boxes).items()}
        for name, result in results.items()
    ]
