"""The inpainter: an image and a mask in, the image filled out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from . import contract
from .contract import ImageLike
from .networks import GENERATOR, STRIDE, Generator, context_px
from .windows import window_around

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
        photo: the network sees only the window that its fill depends on. `seed` is there for the
        methods that draw at random; this network does not. Raises `ValueError` for a wrong input.
        """
        known, hole = contract.unpack(image, mask)
        if not hole.any():
            return image
        prediction = np.zeros_like(known)
        for number in np.flatnonzero(hole.any(axis=(1, 2))):  # one by one: neighbours in a batch change nothing
            rows, columns = window_around(hole[number], CONTEXT_PX, STRIDE).slices
            prediction[number, rows, columns] = self._predict(known[number, rows, columns], hole[number, rows, columns])
        return contract.repack(image, hole, prediction)

    def _predict(self, known: np.ndarray, hole: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 in 0..1 for a window's known pixels (H, W, 3) and hole (H, W)."""
        device = self.generator.fill.device
        pixels = torch.from_numpy(known).to(device).permute(2, 0, 1)[None]
        masked = self.generator.masked(pixels, torch.from_numpy(hole).to(device)[None, None])
        return self.generator(masked)[0].permute(1, 2, 0).cpu().numpy()
