"""What a classifier sees in filled images: whether it still recognises them, and how far their features lie apart.

The classifier is this package's own, of CIFAR-10's ten classes: `benchmarks/classifier.py` trains it and
states its accuracy. Images of another size are scaled to its 32 px.
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
SIDE = 32  # px
WIDTHS = (64, 128, 256)
CLASSES = 10


class Classifier(nn.Module):
    """Ten classes of (N, 3, 32, 32) images in 0..1: three stages of convolutions, each with a shortcut, then a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = _block(3, WIDTHS[0])
        self.stages = nn.Sequential(*map(Stage, (WIDTHS[0], *WIDTHS), WIDTHS))
        self.head = nn.Linear(WIDTHS[-1], CLASSES)

    def features(self, image: Tensor) -> Tensor:
        """(N, 256), what the last layer reads."""
        return self.stages(self.entry(2 * image - 1)).mean(dim=(2, 3))

    def forward(self, image: Tensor) -> Tensor:
        """(N, 10) logits."""
        return self.head(self.features(image))


class Stage(nn.Module):
    """Half the size, more channels, and two convolutions beside a shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.widen = _block(before, after)
        self.residual = nn.Sequential(_block(after, after), _block(after, after))

    def forward(self, x: Tensor) -> Tensor:
        x = self.widen(F.max_pool2d(x, 2))
        return x + self.residual(x)


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


@lru_cache(maxsize=1)
def classifier() -> Classifier:
    """The shipped one, in eval mode."""
    network = Classifier()
    network.load_state_dict({name: weight.float() for name, weight in load_file(WEIGHTS).items()})
    return network.eval()


@torch.inference_mode()
def seen(images: np.ndarray) -> tuple[Tensor, Tensor]:
    """The features (N, 256) and labels (N,) of (N, H, W, 3) uint8 images."""
    network = classifier()
    features = []
    for some in torch.from_numpy(images).split(256):
        image = some.permute(0, 3, 1, 2).float() / 255
        if image.shape[2:] != (SIDE, SIDE):
            image = F.interpolate(image, (SIDE, SIDE), mode="area")
        features.append(network.features(image.contiguous(memory_format=torch.channels_last)))
    found = torch.cat(features)
    return found, network.head(found).argmax(dim=1)
