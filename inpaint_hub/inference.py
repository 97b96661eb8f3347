"""The inpainter: an image and a mask in, the image filled out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from . import contract
from .contract import ImageLike, Patch, known_pixels
from .folded import Folded, Plan, plan
from .machine import has_bf16
from .networks import GENERATOR, STRIDE, Generator, context_px
from .windows import Window, boxes, reduction

CONTEXT_PX = context_px(GENERATOR)
COST_PX = (
    3 * CONTEXT_PX // 5
)  # a box costs as if each row computed so much around it: the first ones more, the last less
PASS_PX = 1 << 18  # windows alike share a pass up to this; beyond, memory grows and nothing is gained


class Inpainter:
    """Fills holes with a trained generator, and changes nothing else.

    >>> inpainter = Inpainter.from_pretrained("cifar10")
    >>> result = inpainter(image, mask)
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator.eval()
        on_cpu = generator.fill.device.type == "cpu"
        self._network = Folded(generator, torch.bfloat16 if on_cpu and has_bf16() else torch.float32)

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
        values, hole = contract.opened(image, mask)
        if not hole.any():
            return image
        patches = []
        for number in range(len(hole)):  # one by one: neighbours in a batch change nothing
            found = self._filled(values[number], hole[number])
            patches += [
                Patch(number, box.top, box.left, hole[number][box.slices], prediction) for box, prediction in found
            ]
        return contract.patched(image, patches)

    def _filled(self, values: np.ndarray, hole: np.ndarray) -> list[tuple[Window, np.ndarray]]:
        """Boxes that hold every hole pixel, and for each its prediction (h, w, 3) in 0..1."""
        found, passes = [], defaultdict(list)
        for box in boxes(hole, COST_PX):
            shrink = reduction(hole[box.slices], self.generator.largest_hole or max(hole.shape))
            if shrink > 1:
                found.append((box, self._coarse(values, hole, box, shrink)))
            else:
                how = plan(box, *hole.shape)
                passes[how.down, how.across].append((box, how))
        for alike in passes.values():
            window = alike[0][1].window
            together = max(1, PASS_PX // window.area)
            for start in range(0, len(alike), together):
                some = alike[start : start + together]
                predictions = self._predict(values, hole, [how for _, how in some])
                found += [(box, prediction) for (box, _), prediction in zip(some, predictions, strict=True)]
        return found

    def _predict(self, values: np.ndarray, hole: np.ndarray, plans: list[Plan]) -> np.ndarray:
        """(N, h, w, 3) in 0..1: the predictions of plans that share their spans, in one pass."""
        wheres = np.stack([hole[how.window.slices] for how in plans])
        known = known_pixels(np.stack([values[how.window.slices] for how in plans]), wheres)
        image, where = self._tensors(known, wheres)
        return _array(self._network(image, where, plans[0]))

    def _coarse(self, values: np.ndarray, hole: np.ndarray, box: Window, shrink: int) -> np.ndarray:
        """(h, w, 3) in 0..1 for a box, seen `shrink` times smaller: coherent, and soft."""
        largest = self.generator.largest_hole
        assert largest
        outer = box.grown(shrink * largest // 2, STRIDE * shrink, hole.shape)  # as much context as in training
        where = hole[outer.slices]
        known = known_pixels(values[outer.slices], where)
        image, mask = _shrunk(*self._tensors(known[None], where[None]), shrink)
        small = torch.where(
            mask, self._network(image, mask, plan(Window(0, 0, *mask.shape[2:]), *mask.shape[2:])), image
        )
        large = _array(F.interpolate(small, scale_factor=shrink, mode="bilinear"))[0]
        return large[box.moved(-outer.top, -outer.left).slices]

    def _tensors(self, known: np.ndarray, hole: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (N, 3, H, W) and hole (N, 1, H, W) on the network's device, of arrays (N, H, W, 3) and (N, H, W)."""
        image = torch.from_numpy(known).to(self._network.device).permute(0, 3, 1, 2)
        return image, torch.from_numpy(hole).to(self._network.device)[:, None]


def _shrunk(image: torch.Tensor, hole: torch.Tensor, factor: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Image and hole at 1/factor: the mean of each block's known pixels; hole where less than half is known."""
    height, width = hole.shape[2:]
    sides = (0, -width % factor, 0, -height % factor)
    known = F.pad((~hole).float(), sides, mode="replicate")
    share = F.avg_pool2d(known, factor)
    mean = F.avg_pool2d(F.pad(image, sides, mode="replicate") * known, factor) / share.clamp(min=1e-6)
    return mean, share < 0.5


def _array(image: torch.Tensor) -> np.ndarray:
    return image.permute(0, 2, 3, 1).cpu().numpy()
