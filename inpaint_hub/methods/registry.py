"""Every method under one signature, `METHODS[name](image, mask, seed=0)`: the image contract holds for each."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..imaging import contract, masks, photo
from ..imaging.contract import ImageLike
from ..pretrained import shipped
from .classical import CLASSICAL, PATCH_BASED, Fill

if TYPE_CHECKING:
    from .inpainter import Inpainter


GUIDE = "scenes"  # the shipped model that knows photos


class Method(Protocol):
    """A copy of `image` with the hole filled, as `imaging.contract` says; with nothing masked the image itself."""

    def __call__(self, image: ImageLike, mask: Any, /, *, seed: int = 0) -> ImageLike: ...


def fill(image: ImageLike, mask: Any, *, method: str = "telea", seed: int = 0) -> ImageLike:
    """A copy of `image` with the hole filled: same type, mode, dtype, shape, device, known pixels.

    `image` and `mask` are PIL images, NumPy arrays or tensors as `inpaint_hub.imaging.contract` says; white =
    hole. `method` is a name in `METHODS`, or a generator as in `named`. Raises `ValueError` for a wrong
    input, and for a hole that this method cannot fill.
    """
    return named(method)(image, mask, seed=seed)


def named(method: str, device: str = "cpu") -> Method:
    """The method of that name: one of `METHODS`, or the generator in a local folder or of "owner/model" on the Hub.

    A generator works on `device`, a method from a library on the CPU. Raises `ValueError` for a name that is none of
    them, and the errors of `Inpainter.from_pretrained`.
    """
    if method in METHODS and (device == "cpu" or method not in shipped()):
        return METHODS[method]
    if method not in METHODS and method.count("/") != 1 and not Path(method).is_dir():
        raise ValueError(
            f"{method!r} is no method ({', '.join(METHODS)}), no folder here, and no Hub id;"
            " give one of those, or owner/model"
        )
    return _generator(method, device)


def fill_file(
    image: str | Path,
    mask: str | Path,
    output: str | Path,
    *,
    method: Method,
    seed: int = 0,
    dilate_px: int = 0,
    feather_px: int = 0,
    invert_mask: bool | None = None,
) -> tuple[int, list[str]]:
    """How many pixels of the photo in the file `image` were filled into the file `output`, and what to know about it.

    The photo goes out as it came in, see `photo`; the mask is read as `masks.hole_of` says. Nothing is
    written where anything fails: `ValueError`s say what is wrong with photo, mask or hole.
    """
    source = photo.read(image)
    format = photo.format_for(source, output)
    hole, reading = masks.hole_of(photo.fitting(photo.read(mask), source))
    hole = masks.dilated(masks.checked(hole, invert_mask), dilate_px)
    result = method(source.image, hole, seed=seed)
    data, notes = photo.encoded(source, masks.feathered(source.image, hole, result, feather_px), format)
    photo.write(data, output)
    return int(hole.sum()), [*source.notes, *([reading] if reading else []), *notes]


def _from_library(name: str, fill: Fill, image: ImageLike, mask: Any, /, *, seed: int = 0) -> ImageLike:
    """The method `name`, whose `fill` is of 8-bit arrays, for every image that the contract names."""
    known, hole = contract.unpack(image, mask)
    if not hole.any():
        return image
    if hole.all(axis=(1, 2)).any():
        raise ValueError(
            f"everything is masked, and {name} continues what is known;"
            f" leave something unmasked, or take a trained model ({', '.join(shipped())})"
        )
    prediction = known
    for number in np.flatnonzero(hole.any(axis=(1, 2))):
        where, eight_bit = hole[number], np.rint(255 * known[number]).astype(np.uint8)
        try:
            prediction[number][where] = fill(eight_bit, where, seed=seed)[where] / np.float32(255)
        except ImportError as error:
            raise ImportError(
                f"{name} needs {error.name}, which is not installed: pip install '.[compare]' brings it"
            ) from error
    return contract.repack(image, hole, prediction)


def _generator(name: str, device: str = "cpu") -> Inpainter:
    from .inpainter import Inpainter  # the methods from libraries do without PyTorch, whose import takes seconds

    return Inpainter.from_pretrained(name, device=device)


_shipped_generator = lru_cache(_generator)  # shipped files do not change; those of a folder or on the Hub may


def _shipped(name: str, image: ImageLike, mask: Any, /, *, seed: int = 0) -> ImageLike:
    return _shipped_generator(name)(image, mask, seed=seed)


def _guided(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled as `guided.guided` does, by the network for photos."""
    from .guided import guided  # with it comes PyTorch

    def network(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
        return np.asarray(_shipped_generator(GUIDE)(image, hole, seed=seed, quiet=True))

    return guided(image, hole, network, seed=seed)


METHODS: dict[str, Method] = {
    **{name: partial(_from_library, name, fill) for name, fill in (CLASSICAL | PATCH_BASED).items()},
    "guided": partial(_from_library, "guided", _guided),
    **{name: partial(_shipped, name) for name in shipped()},
}
