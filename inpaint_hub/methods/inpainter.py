"""The inpainter: an image and a mask in, the image filled out."""

from __future__ import annotations

import warnings
from collections import defaultdict
from typing import Any

import numpy as np
import torch

from ..hardware import has_bf16, one_thread_after_fork
from ..imaging import contract
from ..imaging.blending import ITERATIONS, blend_array
from ..imaging.contract import ImageLike, Patch, known_pixels
from ..imaging.resampling import downscale, proximity_weights, resize, upscale
from ..imaging.windows import Window, boxes, downscale_factor, exceeds_distance, square
from ..models.context_encoder import ContextEncoder
from ..models.fused_generator import ONE_LEVEL, FusedGenerator, Plan, plan, probe_difference
from ..models.loading import load_network
from ..models.networks import GENERATOR, STRIDE, Generator, context_px

CONTEXT_PX = context_px(GENERATOR)
# A box costs as if each row computed so much around it: the first ones compute more, the last ones less.
COST_PX = 3 * CONTEXT_PX // 5
TOO_FAR = (
    f"a hole has pixels more than {CONTEXT_PX} px from any known one, further than the network sees;"
    " they are filled at a reduced scale, and softly: mask less, or shrink the photo"
)
TRUST = 4  # a finer scale takes over up to a quarter of the largest hole in training from the known pixels (measured)
PASS_PX = 1 << 18  # windows alike share a pass up to this; beyond, memory grows and nothing is gained


class Inpainter:
    """Fills holes with a trained generator, and changes nothing else.

    >>> inpainter = Inpainter.from_pretrained("cifar10")
    >>> result = inpainter(image, mask)
    """

    def __init__(self, generator: Generator, *, dtype: torch.dtype | None = None) -> None:
        """Make an inpainter.

        Args:
            generator: a trained network; later changes to it do not reach the inpainter.
            dtype: precision of the inner rows. Default: bfloat16 where the processor multiplies it itself and a fill
                of a probe image differs from float32's by at most one level of 255; else float32.

        Raises:
            ValueError: what is given is no generator.
        """
        if not isinstance(generator, Generator):
            raise ValueError(
                f"generator is a {type(generator).__name__}; give a Generator, or load one by its name or its folder:"
                " Inpainter.from_pretrained"
            )
        self.generator = generator.eval()
        self._side = generator.largest_hole or 2 * CONTEXT_PX  # the middle of a larger hole is out of sight
        on_cpu = generator.fill_color.device.type == "cpu"
        exact = FusedGenerator(generator, dtype or torch.float32)
        fast = FusedGenerator(generator, torch.bfloat16) if dtype is None and on_cpu and has_bf16() else None
        close = fast is not None and probe_difference(exact, fast, generator.table) <= ONE_LEVEL
        self._network = fast if fast is not None and close else exact

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the inner rows of the network."""
        return self._network.precision

    @classmethod
    def from_pretrained(
        cls, name: Any, *, device: str | torch.device = "cpu", dtype: torch.dtype | None = None, **options: Any
    ) -> Inpainter:
        """Load an inpainter.

        Args:
            name: a shipped name, a local folder, or "owner/model" on the Hub; a `Path` is always a folder.
            device: where to compute.
            dtype: see `Inpainter`; a context encoder computes in float32.
            options: huggingface_hub's: revision, token, cache_dir, local_files_only..., and subfolder.

        Returns:
            The inpainter.

        Raises:
            ValueError: a name that can be none of the three, or that is a shipped model and a folder here.
            OSError: no such model on the Hub, or no connection.
            RuntimeError: weights that do not fit.
        """
        network = load_network(name, **options).to(device)
        return FixedSize(network) if isinstance(network, ContextEncoder) else cls(network, dtype=dtype)

    def __call__(self, image: ImageLike, mask: Any, *, seed: int = 0, quiet: bool = False) -> ImageLike:
        """Fill the hole of an image: same type, mode, dtype, shape, device, known pixels.

        The work follows the hole, not the photo: the network sees only the window that its fill depends on. Holes
        wider or longer than those it was trained on are filled coarse to fine, and softly in the middle.

        Args:
            image: A PIL image, NumPy array or tensor as `inpaint_hub.imaging.contract` says.
            mask: Its mask, white = hole.
            seed: For methods that draw at random; this network does not.
            quiet: Do not warn.

        Returns:
            A copy of `image`, filled. With nothing masked, `image` itself.

        Raises:
            ValueError: A wrong input.

        Warns:
            UserWarning: Hole pixels are further from any known one than the network sees.
        """
        values, hole = contract.to_arrays(image, mask)
        if not hole.any():
            return image
        one_thread_after_fork()
        patches = []
        with torch.inference_mode():  # not of the result, which would be a tensor that nothing can be done with
            for number in range(len(hole)):  # one by one: neighbours in a batch change nothing
                found = _blended(values[number], hole[number], self._filled(values[number], hole[number], quiet))
                patches += [
                    Patch(number, box.top, box.left, hole[number][box.slices], prediction) for box, prediction in found
                ]
        return contract.paste_patches(image, patches)

    def _filled(self, values: np.ndarray, hole: np.ndarray, quiet: bool) -> list[tuple[Window, np.ndarray]]:
        """Boxes that hold every hole pixel of a photo, and for each its prediction (h, w, 3) in 0..1."""
        found, within_sight = [], []
        for box in boxes(hole, COST_PX):
            shrink = downscale_factor(hole[box.slices], self._side)
            if exceeds_distance(hole[box.grown(CONTEXT_PX, 1, hole.shape).slices], CONTEXT_PX):
                if not quiet:
                    warnings.warn(TOO_FAR, stacklevel=4)  # at the caller of the inpainter
                shrink = max(2, shrink)
            if shrink == 1:
                within_sight.append(box)
            else:
                found.append((box, self._coarse_to_fine(values, hole, box, shrink)))
        return found + self._exact(values, hole, within_sight)

    def _exact(self, values: np.ndarray, hole: np.ndarray, wanted: list[Window]) -> list[tuple[Window, np.ndarray]]:
        """The boxes wanted, and for each its prediction: what a pass over the whole photo gives there."""
        found, passes = [], defaultdict(list)
        height, width = hole.shape
        for box in wanted:
            how = plan(box, height, width, self.generator.table)
            passes[how.down, how.across].append((box, how))
        for alike in passes.values():
            together = max(1, PASS_PX // alike[0][1].window.area)
            for start in range(0, len(alike), together):
                some = alike[start : start + together]
                predictions = self._predict(values, hole, [how for _, how in some])
                found += [(box, prediction) for (box, _), prediction in zip(some, predictions, strict=True)]
        return found

    def _predict(self, values: np.ndarray, hole: np.ndarray, plans: list[Plan]) -> np.ndarray:
        """(N, h, w, 3) in 0..1: the predictions of plans that share their spans, in one pass."""
        wheres = np.stack([hole[how.window.slices] for how in plans])
        known = known_pixels(np.stack([values[how.window.slices] for how in plans]), wheres)
        image = torch.from_numpy(known).to(self._network.device).permute(0, 3, 1, 2)
        where = torch.from_numpy(wheres).to(self._network.device)[:, None]
        return self._network(image, where, plans[0]).permute(0, 2, 3, 1).cpu().numpy()

    def _coarse_to_fine(self, values: np.ndarray, hole: np.ndarray, box: Window, shrink: int) -> np.ndarray:
        """(h, w, 3) in 0..1 for a box that is filled `shrink` times smaller first, which is coherent, and soft.

        Then at half that, a quarter, and so on: a ring along the known pixels is filled anew, between them and the
        scale before, and takes over towards them. Each scale is blended with what is known.
        """
        outer = box.grown(max(CONTEXT_PX, shrink * self._side // 2), STRIDE * shrink, hole.shape)
        where = hole[outer.slices]
        known = known_pixels(values[outer.slices], where)
        filled, scale = known.copy(), shrink
        while scale:
            image, small = downscale(known, where, scale)
            trust = (
                np.ones(small.shape, np.float32) if scale == shrink else proximity_weights(small, self._side // TRUST)
            )
            wanted = small & (trust > 0)
            before, _ = downscale(filled, np.zeros_like(where), scale)
            image[small & ~wanted] = before[small & ~wanted]
            for part, prediction in self._exact(image, wanted, boxes(wanted, COST_PX)):
                image[part.slices][wanted[part.slices]] = prediction[wanted[part.slices]]
            image, trust = blend_array(image, wanted, ~small), trust[:, :, None]
            filled *= 1 - upscale(trust, where, scale)
            filled += upscale(trust * image, where, scale)  # so that what is not trusted is not smeared in
            scale //= 2
        return filled[box.moved(-outer.top, -outer.left).slices]


def _blended(
    values: np.ndarray, hole: np.ndarray, found: list[tuple[Window, np.ndarray]]
) -> list[tuple[Window, np.ndarray]]:
    """The boxes of a photo and their predictions, blended with what is known around them, box by box."""
    results = []
    for box, _ in found:
        window = box.grown(ITERATIONS + 1, 1, hole.shape)  # what the blended box depends on
        where = hole[window.slices]
        image = known_pixels(values[window.slices], where)
        for part, prediction in found:  # a wide hole may lie in several boxes
            if common := part.intersection(window):
                here, there = common.moved(-window.top, -window.left), common.moved(-part.top, -part.left)
                inside = where[here.slices]
                image[here.slices][inside] = prediction[there.slices][inside]
        results.append((box, blend_array(image, where, ~where)[box.moved(-window.top, -window.left).slices]))
    return results


class FixedSize(Inpainter):
    """Fills holes with a context encoder, which knows one size: each sees a square around it, scaled to that size."""

    def __init__(self, network: ContextEncoder) -> None:
        self.network = network.eval()
        self._side = network.largest_hole or network.image_size // 2

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the network."""
        return torch.float32

    def _filled(self, values: np.ndarray, hole: np.ndarray, quiet: bool) -> list[tuple[Window, np.ndarray]]:
        return [(box, self._at_its_size(values, hole, box)) for box in boxes(hole, self.network.image_size // 4)]

    def _at_its_size(self, values: np.ndarray, hole: np.ndarray, box: Window) -> np.ndarray:
        """(h, w, 3) in 0..1 for a box, which is scaled down where it is larger than holes were in training."""
        size, longer = self.network.image_size, max(box.bottom - box.top, box.right - box.left)
        as_trained = -(-size * longer // self._side)
        side = max(size, longer, min(as_trained, *hole.shape))  # within the photo, if that can be
        window = square(box, side, hole.shape)
        where = hole[window.slices]
        known = known_pixels(values[window.slices], where)
        beyond = (0, side - where.shape[0]), (0, side - where.shape[1])
        image, small = resize(np.pad(known, (*beyond, (0, 0)), "edge"), np.pad(where, beyond, "edge"), size)
        device = self.network.fill_color.device
        x = self.network.masked(
            torch.from_numpy(image).permute(2, 0, 1)[None].to(device), torch.from_numpy(small)[None, None].to(device)
        )
        prediction = self.network(x)[0].permute(1, 2, 0).cpu().numpy()
        large, _ = resize(prediction, np.zeros_like(small), side)
        return large[box.moved(-window.top, -window.left).slices]
