"""The inpainter: an image and a mask in, the image filled out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from . import contract
from .contract import ImageLike
from .networks import GENERATOR, STRIDE, Generator, context_px
from .windows import reduction, window_around

CONTEXT_PX = context_px(GENERATOR)


class Inpainter:
    """Fills holes with a trained generator, and changes nothing else.

    >>> inpainter = Inpainter.from_pretrained("cifar10")
    >>> result = inpainter(image, mask)
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator.eval()

    @classmethod
    def from_pretrained(cls, name: Any, *, device: str | torch.device = "cpu", **options: Any) -> Inpainter:
        """An inpainter with the weights of a shipped name, a local folder, or "owner/model" on the Hub.

        Options are huggingface_hub's: revision, token, cache_dir, local_files_only... Raises
        `ValueError` for a name that can be none of the three, `OSError` where the Hub has no such
        model or cannot be reached, and `RuntimeError` for weights that do not fit.
        """
        return cls(Generator.from_pretrained(name, **options).to(device))

    @torch.inference_mode()
    def __call__(self, image: ImageLike, mask: Any, *, seed: int = 0) -> ImageLike:
        """A copy of `image` with the hole filled: same type, mode, dtype, shape, device, known pixels.

        `image` and `mask` are PIL images, NumPy arrays or tensors as `inpaint_hub.contract` says;
        white = hole. With nothing masked it is `image` itself. The work follows the hole, not the
        photo: the network sees only the window that its fill depends on. Holes wider or longer than those it
        was trained on are filled at a reduced scale, and softly. `seed` is there for the methods that draw
        at random; this network does not. Raises `ValueError` for a wrong input.
        """
        known, hole = contract.unpack(image, mask)
        if not hole.any():
            return image
        prediction = np.zeros_like(known)
        for number in np.flatnonzero(hole.any(axis=(1, 2))):  # one by one: neighbours in a batch change nothing
            largest = self.generator.largest_hole or max(hole.shape)
            shrink = reduction(hole[number], largest)
            # All the context that counts; at a reduced scale as much as holes had in training, which fills better.
            context_px = CONTEXT_PX if shrink == 1 else shrink * largest // 2
            window = window_around(hole[number], context_px, STRIDE * shrink).slices
            prediction[number][window] = self._predict(known[number][window], hole[number][window], shrink)
        return contract.repack(image, hole, prediction)

    def _predict(self, known: np.ndarray, hole: np.ndarray, shrink: int) -> np.ndarray:
        """(H, W, 3) in 0..1 for a window's known pixels (H, W, 3) and hole (H, W), seen `shrink` times smaller."""
        device = self.generator.fill.device
        image = torch.from_numpy(known).to(device).permute(2, 0, 1)[None]
        where = torch.from_numpy(hole).to(device)[None, None]
        if shrink == 1:
            return _array(self.generator(self.generator.masked(image, where)))
        image, where = _shrunk(image, where, shrink)
        small = torch.where(where, self.generator(self.generator.masked(image, where)), image)
        large = F.interpolate(small, scale_factor=shrink, mode="bilinear")
        return _array(large)[: hole.shape[0], : hole.shape[1]]


def _shrunk(image: torch.Tensor, hole: torch.Tensor, factor: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Image and hole at 1/factor: the mean of each block's known pixels; hole where less than half is known."""
    height, width = hole.shape[2:]
    sides = (0, -width % factor, 0, -height % factor)
    known = F.pad((~hole).float(), sides, mode="replicate")
    share = F.avg_pool2d(known, factor)
    mean = F.avg_pool2d(F.pad(image, sides, mode="replicate") * known, factor) / share.clamp(min=1e-6)
    return mean, share < 0.5


def _array(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).cpu().numpy()
