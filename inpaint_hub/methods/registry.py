"""Every method under one signature, `METHODS[name](image, mask, seed=0)`: the image contract holds for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..extras import import_problem
from ..files import write_atomically
from ..hardware import allowed_threads, one_torch_thread
from ..imaging import contract, encoding, masks, photo
from ..imaging.contract import ImageLike, Patch
from ..imaging.windows import window_around
from ..pretrained import locate, may_be_model, shipped, shipped_folder
from . import DEFAULT, GUIDED
from .classical import CLASSICAL, PATCH_BASED, SEARCH_PX, Fill, on_own_range

if TYPE_CHECKING:
    from .inpainter import Inpainter


class Method(Protocol):
    """A copy of `image` with the hole filled, as `imaging.contract` says; with nothing masked the image itself."""

    def __call__(self, image: ImageLike, mask: Any, *, seed: int = 0) -> ImageLike: ...


def fill(image: ImageLike, mask: Any, *, method: str | Path = DEFAULT, seed: int = 0) -> ImageLike:
    """Fill the hole of an image.

    Args:
        image: A PIL image of any mode, a NumPy array (H, W) or (H, W, 1 | 3 | 4) of uint8, uint16 or float in 0..1,
            or a tensor (C, H, W) or (N, C, H, W).
        mask: Any of these with the same height and width, white = hole; SAM's (1, H, W); or COCO's run lengths.
        method: A name in `METHODS`, or a model as in `get_method`.
        seed: For methods that draw at random.

    Returns:
        A copy of `image`, filled: same type, mode, dtype, shape, device, known pixels. With nothing masked, `image`.

    Raises:
        ValueError: A wrong input, or a hole that this method cannot fill.
        ImportError: The method's library is not installed.
    """
    return get_method(method)(image, mask, seed=seed)


def get_method(method: str | Path, device: str = "cpu") -> Method:
    """Get a method by its name.

    Args:
        method: A name in `METHODS`, a local folder with a generator, or "owner/model" on the Hub; a `Path` is a folder.
        device: Where a generator works; methods from libraries work on the CPU.

    Raises:
        ValueError: The name is none of these. For a generator, also what `Inpainter.from_pretrained` raises.
    """
    if isinstance(method, Path):
        return _generator(method, device)
    if not isinstance(method, str):
        raise ValueError(
            f"method is a {type(method).__name__}; give a name ({', '.join(METHODS)}), or a model's folder"
        )
    check_name(method)
    if method in METHODS and (device == "cpu" or method not in shipped()):
        return METHODS[method]
    return _generator(shipped_folder(method) if method in shipped() else method, device)


def check_name(method: str) -> None:
    """Raise `ValueError` for a name that can be no method; nothing is loaded, and the Hub is not asked."""
    if method in shipped():
        locate(method)  # refuses a name that is also a model's folder here
    if method not in METHODS and not may_be_model(method):
        raise ValueError(
            f"{method!r} is no method ({', '.join(METHODS)}), no folder here, and no Hub id;"
            " give one of those, or owner/model"
        )


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
    format: str | None = None,
) -> tuple[int, list[str]]:
    """Fill the photo in a file into another file, which goes out as the photo came in.

    Args:
        image: The photo's file.
        mask: The mask's file, read as `masks.parse_mask` says.
        output: The file to write. Nothing is written where anything fails.
        method: What fills, as `get_method` gives it.
        seed: For methods that draw at random.
        dilate_px: Grow the hole by this in every direction.
        feather_px: Soften the seam by this far into the hole.
        invert_mask: Fill what is black; False: what is white, even where that looks like a mistake.
        format: Pillow's name of the format to write; None: as `encoding.format_for` chooses.

    Returns:
        How many pixels were filled, and sentences on what to know about it.

    Raises:
        ValueError: Photo, mask or hole is not what it should be.
        OSError: A file cannot be read or written.
    """
    source = photo.read(image)
    format = format or encoding.format_for(source, output)
    data, pixels, notes = fill_photo(
        source,
        photo.read(mask),
        format,
        method=method,
        seed=seed,
        dilate_px=dilate_px,
        feather_px=feather_px,
        invert_mask=invert_mask,
    )
    write_atomically(data, output, like=image)
    return pixels, notes


def fill_photo(
    source: photo.Photo,
    mask: photo.Photo,
    format: str,
    *,
    method: Method,
    seed: int = 0,
    dilate_px: int = 0,
    feather_px: int = 0,
    invert_mask: bool | None = None,
) -> tuple[bytes, int, list[str]]:
    """Fill a photo that was read into the bytes of a file of `format`; for the rest see `fill_file`."""
    hole, reading = masks.parse_mask(photo.fit_mask(mask, source))
    hole = masks.dilate(masks.validate_hole(hole, invert_mask), dilate_px)
    result = masks.feather(source.image, hole, method(source.image, hole, seed=seed), feather_px)
    data, notes = encoding.encode(source, result, hole, format)
    return data, int(hole.sum()), [*source.notes, *([reading] if reading else []), *notes]


def _from_library(name: str, fill: Fill, /, image: ImageLike, mask: Any, *, seed: int = 0) -> ImageLike:
    """The method `name`, whose `fill` is of arrays, for every image that the contract names.

    An image of 8 bits is filled in 8 bits, any other in float or on the range of what is known near the hole.
    """
    values, hole = contract.to_arrays(image, mask)
    if not hole.any():
        return image
    if hole.all(axis=(1, 2)).any():
        raise ValueError(
            f"everything is masked, and {name} continues what is known;"
            f" leave something unmasked, or take a trained model ({', '.join(shipped())})"
        )
    patches = []
    for number in np.flatnonzero(hole.any(axis=(1, 2))):
        window = window_around(hole[number], SEARCH_PX, 1)  # no method sees further
        where = hole[number][window.slices]
        known = contract.known_pixels(values[number][window.slices], where)
        try:
            if values.dtype == np.uint8:
                filled = fill(np.rint(255 * known).astype(np.uint8), where, seed=seed) / np.float32(255)
            elif name in CLASSICAL:
                filled = fill(known, where, seed=seed)
            else:
                filled = on_own_range(fill, known, where, seed=seed)
        except ImportError as error:
            problem = import_problem(name, error, "compare")
            raise ImportError(f"{problem}; the method photos needs no extra") from error
        patches.append(Patch(int(number), window.top, window.left, where, filled))
    return contract.paste_patches(image, patches)


def _generator(name: str | Path, device: str = "cpu") -> Inpainter:
    from .inpainter import Inpainter  # the methods from libraries do without PyTorch, whose import takes seconds

    return Inpainter.from_pretrained(name, device=device)


_shipped_generator = lru_cache(_generator)  # shipped files do not change; those of a folder or on the Hub may


def _shipped(name: str, /, image: ImageLike, mask: Any, *, seed: int = 0) -> ImageLike:
    return _shipped_generator(shipped_folder(name))(image, mask, seed=seed)


def _guided(image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
    """The image (H, W, 3) uint8 with `hole` (H, W) bool filled as `guided.guided` does, by two shipped networks."""
    from ..models.features import surroundings_distances  # PyTorch, whose import takes seconds
    from .guided import guided

    def paint(name: str, image: np.ndarray, hole: np.ndarray, /, *, seed: int = 0) -> np.ndarray:
        generator = _shipped_generator(shipped_folder(name))
        with one_torch_thread():
            return np.asarray(generator(image, hole, seed=seed, quiet=True))

    def distances(fills: Sequence[np.ndarray], hole: np.ndarray, known: np.ndarray) -> list[float]:
        with one_torch_thread():
            return surroundings_distances(fills, hole, known)

    painters = partial(paint, "photos"), partial(paint, "faces")
    return guided(image, hole, *painters, distances, seed=seed, threads=allowed_threads())


METHODS: dict[str, Method] = {
    **{name: partial(_from_library, name, fill) for name, fill in (CLASSICAL | PATCH_BASED).items()},
    GUIDED: partial(_from_library, GUIDED, _guided),
    **{name: partial(_shipped, name) for name in shipped()},
}
