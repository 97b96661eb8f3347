"""A classifier of CIFAR-10's ten classes, which judges filled images by their label and by its features.

`benchmarks/classifier.py` trains it and prints its accuracy. Images of another size are scaled to 32 px.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

WEIGHTS = Path(__file__).parents[1] / "pretrained" / "classifier.safetensors"
INPUT_PX = 32
WIDTHS = (64, 128, 256)
CLASSES = 10


class Classifier(nn.Module):
    """A small residual network: three stages of convolutions, a mean, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = _block(3, WIDTHS[0])
        self.stages = nn.Sequential(*map(Stage, (WIDTHS[0], *WIDTHS), WIDTHS))
        self.head = nn.Linear(WIDTHS[-1], CLASSES)

    def features(self, image: Tensor) -> Tensor:
        """Compute the input (N, 256) of the last layer, from images (N, 3, 32, 32) in 0..1."""
        return self.stages(self.entry(2 * image - 1)).mean(dim=(2, 3))

    def forward(self, image: Tensor) -> Tensor:
        """Compute the logits (N, 10) of images (N, 3, 32, 32) in 0..1."""
        return self.head(self.features(image))


class Stage(nn.Module):
    """Halve the size, add channels, and apply two convolutions beside a shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.widen = _block(before, after)
        self.residual = nn.Sequential(_block(after, after), _block(after, after))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, before, H, W) to (N, after, H / 2, W / 2)."""
        x = self.widen(F.max_pool2d(x, 2))
        return x + self.residual(x)


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


@lru_cache(maxsize=1)
def load_classifier() -> Classifier:
    """Load the shipped classifier once per process, in eval mode."""
    network = Classifier()
    network.load_state_dict({name: weight.float() for name, weight in load_file(WEIGHTS).items()})
    return network.eval()


@torch.inference_mode()
def classify(images: np.ndarray) -> tuple[Tensor, Tensor]:
    """Compute the classifier's features and labels of images.

    Args:
        images: (N, H, W, 3) uint8.

    Returns:
        The features (N, 256) and the labels (N,).
    """
    network = load_classifier()
    features = []
    for some in torch.from_numpy(images).split(256):
        image = some.permute(0, 3, 1, 2).float() / 255
        if image.shape[2:] != (INPUT_PX, INPUT_PX):
            image = F.interpolate(image, (INPUT_PX, INPUT_PX), mode="area")
        features.append(network.features(image.contiguous(memory_format=torch.channels_last)))
    of_all = torch.cat(features)
    return of_all, network.head(of_all).argmax(dim=1)
