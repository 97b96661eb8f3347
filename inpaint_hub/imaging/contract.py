"""What image and mask mean: the one door for every method, and the only place for polarity and thresholds.

An image is a PIL image of any mode, a NumPy array (H, W), (H, W, 1 | 3 | 4) of uint8, uint16 or
float in 0..1, or a tensor (C, H, W) or (N, C, H, W) with 1, 3 or 4 channels, uint8, uint16 or float in 0..1.
A mask has the same height and width; True, 1, 255, white = hole, to be filled. SAM's masks (1, H, W) and
COCO's run lengths {"size": [H, W], "counts": ...} are masks, too. What comes out is what
came in: type, mode, dtype, shape, device, and every known pixel bit for bit. The colour of a known pixel
whose alpha is 0 counts as unknown: no fill depends on it. Alpha in the hole continues the alpha around it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .extrapolation import extrapolate
from .pillow_modes import LUMA, MODES_16BIT, Patch, continue_alpha, paste_into, pixels_of, union
from .run_lengths import decode_run_lengths

if TYPE_CHECKING:
    from PIL import Image as PILImage

ImageLike = TypeVar("ImageLike")

MAX_VALUE = {"u1": 255, "u2": 65535}  # white, by dtype; floats end at 1
ROUNDING = 1e-3  # that a float may be outside of 0..1: resampling and arithmetic overshoot a little


def to_arrays(image: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
    """Convert image and mask to arrays, and check them.

    `known_pixels` makes an image of any part of the values, so that a large photo need not be converted as a whole.

    Args:
        image: An image as the module's first lines say.
        mask: Its mask; one serves a whole batch.

    Returns:
        The image's values (N, H, W, 1 | 3 | 4) as they are stored, and the hole (N, H, W) bool; N is 1 but for a
        batch of tensors. The values may be the caller's own memory: never write to them.

    Raises:
        ValueError: Image or mask is not what it should be.
    """
    values = _values(image)
    hole = _hole(mask, *values.shape[:3])
    _refuse_out_of_range(image, values, hole)
    return _without_hidden_colors(values, hole), hole


def _refuse_out_of_range(image: Any, values: np.ndarray, hole: np.ndarray) -> None:
    """Raise `ValueError` for known values that no colour has; what is under the hole may be anything, as NaN."""
    whole = _is_pil(image) and image.mode == "I"  # Pillow's mode of 32 bits, which holds 16-bit pictures
    if hole.all() or not (whole or values.dtype.kind == "f"):
        return
    colors = np.asarray(image, dtype=np.float64)[None, ..., None] if whole else values[..., :3]
    least, most = (0, 65535) if whole else (-ROUNDING, 1 + ROUNDING)
    known = ~hole[..., None]
    low, high = colors.min(initial=np.inf, where=known), colors.max(initial=-np.inf, where=known)
    if not (low >= least and high <= most):  # so written, NaN fails too
        wanted = "pictures of mode I are in 0..65535" if whole else "floating-point images are in 0..1"
        raise ValueError(
            f"image has values from {low:g} to {high:g} where it is known; {wanted}, so scale it (or pass uint8)"
        )


def _without_hidden_colors(values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The values, in which colours that alpha hides are continued from the known ones that can be seen."""
    if values.shape[-1] != 4:
        return values
    hidden = (values[..., 3] == 0) & ~hole
    if not hidden.any():
        return values
    values = values.copy()
    for number in np.flatnonzero(hidden.any(axis=(1, 2))):
        image, where = values[number], hidden[number]
        seen = extrapolate(image[..., :3], ~(where | hole[number]))
        image[where, :3] = seen[where] if values.dtype.kind == "f" else np.rint(seen[where])
    return values


def known_pixels(values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Convert values (..., H, W, 1 | 3 | 4) to (..., H, W, 3) float32 in 0..1, black under the hole (..., H, W)."""
    known = np.zeros((*hole.shape, 3), dtype=np.float32)  # first of all: nothing under the hole leaks
    np.copyto(known, values[..., :3], where=~hole[..., None], casting="same_kind")
    if values.dtype.kind == "f":
        return known.clip(0, 1, out=known)
    return np.divide(known, MAX_VALUE[values.dtype.str[1:]], out=known)


def unpack(image: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
    """Convert image and mask to known pixels (N, H, W, 3) float32 in 0..1, black under the hole, and hole (N, H, W).

    Both are copies. Raises what `to_arrays` raises.
    """
    values, hole = to_arrays(image, mask)
    return known_pixels(values, hole), hole


def repack(image: ImageLike, hole: np.ndarray, prediction: np.ndarray) -> ImageLike:
    """Copy an image with a prediction (N, H, W, 3) in 0..1 inside its hole (N, H, W)."""
    return paste_patches(
        image, [Patch(number, 0, 0, *pair) for number, pair in enumerate(zip(hole, prediction, strict=True))]
    )


def paste_patches(image: ImageLike, patches: Iterable[Patch]) -> ImageLike:
    """Copy an image with the patches' predictions inside their holes.

    Grey images take its luminance, palettes their nearest colour; alpha is continued from around the hole.
    """
    source: Any = image
    patches = list(patches)
    if _is_pil(image):
        filled: Any = paste_into(source, patches)
        return filled
    if _is_tensor(image):
        result = source.detach().clone()
        pixels = result if result.ndim == 4 else result[None]
        for number in {patch.number for patch in patches}:
            _into_tensor(pixels[number], [patch for patch in patches if patch.number == number])
    else:
        result = np.array(image)
        _into_array(result if result.ndim == 3 else result[:, :, None], patches)
    return result


def _into_array(pixels: np.ndarray, patches: list[Patch]) -> None:
    """Write the patches of one image into its pixels (H, W, 1 | 3 | 4)."""
    for patch in patches:
        colors = _as_channels(patch.prediction[patch.hole], pixels.shape[2])
        _part(pixels[..., :3], patch)[patch.hole] = _quantized(colors, pixels.dtype)
    if pixels.shape[2] == 4 and patches:
        hole = union(patches, pixels.shape[:2], patches[0].number)
        pixels[hole, 3] = continue_alpha(pixels[..., 3], hole)[hole]


def _part(pixels: Any, patch: Patch) -> Any:
    """The patch's box of (H, W, ...), to write to."""
    height, width = patch.hole.shape
    return pixels[patch.top : patch.top + height, patch.left : patch.left + width]


def _is_pil(value: Any) -> bool:
    return _is_a("PIL.Image", "Image", value)


def _is_tensor(value: Any) -> bool:
    return _is_a("torch", "Tensor", value)


def _is_a(module: str, name: str, value: Any) -> bool:
    """Whether a value is of a class of a module that may not be imported, or be half imported, by another thread."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)


def _values(image: Any) -> np.ndarray:
    """(N, H, W, 1 | 3 | 4) uint8, uint16 or float: the image's values, its own memory where that can be."""
    if _is_pil(image):
        values = pixels_of(image)[None]
    elif _is_tensor(image):
        values, shape = _values_of_tensor("image", image), tuple(image.shape)
        if len(shape) not in (3, 4) or shape[-3] not in (1, 3, 4):
            raise ValueError(f"image is a tensor {shape}; give (3, H, W) or (N, 3, H, W), channels first")
        values = np.moveaxis(values if len(shape) == 4 else values[None], 1, -1)
    elif isinstance(image, np.ndarray):
        image = _plain_array("image", image)
        if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
            raise ValueError(f"image is an array {image.shape}; give (H, W), (H, W, 3) or (H, W, 4), channels last")
        values = image.reshape(1, *image.shape[:2], -1) if image.size else image[None, ..., None]
    else:
        raise ValueError(
            f"image is a {type(image).__name__}; give a PIL image (PIL.Image.open opens a file),"
            " a NumPy array or a tensor"
        )
    if not values.size:
        raise ValueError(f"image is empty, {'×'.join(map(str, values.shape))}; give one of at least one pixel")
    if values.dtype.kind != "f" and values.dtype.str[1:] not in MAX_VALUE:
        raise ValueError(f"image has dtype {values.dtype}; give uint8, uint16, or float in 0..1")
    return values


def _plain_array(name: str, array: np.ndarray) -> np.ndarray:
    """The array without the arithmetic of a subclass. Raises `ValueError` for one whose own mask would go lost."""
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError(
            f"{name} is a MaskedArray, and its own mask may mean known or hole; give {name}.data, and join what"
            f" is to be filled of numpy.ma.getmaskarray({name}) to the mask"
        )
    return np.asarray(array)


def _values_of_tensor(name: str, tensor: Any) -> np.ndarray:
    """The tensor's values; half precisions, which NumPy lacks, as float32. Raises `ValueError` for one without them."""
    kind = "sparse" if str(tensor.layout) != "torch.strided" else "meta" if tensor.is_meta else ""
    if kind:
        raise ValueError(f"{name} is a {kind} tensor; give a dense one that holds its values, as to_dense() makes")
    values: np.ndarray = (tensor.float() if tensor.is_floating_point() else tensor).numpy(force=True)
    return values


def _hole(mask: Any, batch: int, height: int, width: int) -> np.ndarray:
    """(N, H, W) bool: True where the mask is above half of its range."""
    if isinstance(mask, Mapping) and not hasattr(mask, "shape"):  # SciPy has matrices that are mappings
        values = decode_run_lengths(mask)
    elif _is_pil(mask):
        values = _pil_mask(mask)
    elif _is_tensor(mask):
        values = _values_of_tensor("mask", mask)
    elif isinstance(mask, np.ndarray):
        values = _plain_array("mask", mask)
    else:
        raise ValueError(
            f"mask is a {type(mask).__name__}; give a PIL image, a NumPy array, a tensor or COCO's run lengths (a"
            " dictionary of size and counts), True = hole"
        )
    values = _one_channel(values, batch, height, width)
    if values.dtype.kind == "b":
        values = values.view(np.uint8) != 0  # Pillow's True has all bits set, with which libraries of C miscount
        return np.broadcast_to(values, (batch, height, width)).copy()
    if values.dtype.kind not in "uif":
        raise ValueError(f"mask has dtype {values.dtype}; give bool, integers or float, white = hole")
    low, high = values.min(), values.max()
    white = 1 if values.dtype.kind == "f" else next((full for full in (1, 255, 65535) if high <= full), 0)
    if not (low >= 0 and high <= white):
        raise ValueError(f"mask has values from {low:g} to {high:g}; give bool, 0 and 255, or float in 0..1")
    hole = values > (white / 2 if values.dtype.kind == "f" else white // 2)
    if values.dtype.kind != "f" or _is_pil(mask):
        _refuse_half_read(values, hole, "numpy.asarray(mask)" if _is_pil(mask) else "mask")
    return np.broadcast_to(hole, (batch, height, width)).copy()


def _refuse_half_read(values: np.ndarray, hole: np.ndarray, array: str) -> None:
    """Raise `ValueError` for masks (N, H, W) of which half of white leaves something out: labels, faint masks.

    `array` is how the caller writes the mask as what can be compared with a number, which a PIL image cannot.
    """
    faint = (values > 0) & ~hole
    if not faint.any():
        return
    if not hole.any():
        raise ValueError(
            f"mask has no value above {values[faint].max():g}, where white is {1 if values.dtype.kind == 'f' else 255};"
            f" half of white or more is filled. Pass {array} > 0 to fill all that is not black"
        )
    if (values == 0).any() and any((is_flat(plane) & where).any() for plane, where in zip(values, faint, strict=True)):
        found = np.unique(values[faint | hole])
        some = ", ".join(f"{value:g}" for value in found[:4]) + (", ..." if len(found) > 4 else "")
        raise ValueError(
            f"mask holds areas of {some}, like a picture of labels, and only what is above half of white is filled;"
            f" pass {array} > 0 to fill all of them, or {array} == {found[0]:g} for one"
        )


def is_flat(values: np.ndarray) -> np.ndarray:
    """Mark the pixels of (H, W) that equal their eight neighbours, as none at the edge of a brush does: (H, W) bool."""
    same = np.ones(values.shape, dtype=bool)
    same[0] = same[-1] = same[:, 0] = same[:, -1] = False
    middle = values[1:-1, 1:-1]
    for down in range(3):
        for right in range(3):
            same[1:-1, 1:-1] &= values[down : len(values) - 2 + down, right : values.shape[1] - 2 + right] == middle
    return same


def _pil_mask(mask: PILImage.Image) -> np.ndarray:
    """The mask's grey values; what is transparent counts as black."""
    if mask.mode in ("1", "L", "F", *MODES_16BIT) and "transparency" not in mask.info:
        return np.asarray(mask)
    values = pixels_of(mask)
    rgb, alpha = values[..., :3].astype(np.float32) / 255, values[..., 3:].astype(np.float32) / 255
    grey: np.ndarray = (rgb @ LUMA).clip(0, 1)
    return grey * alpha[..., 0] if alpha.shape[2] else grey


def _one_channel(values: np.ndarray, batch: int, height: int, width: int) -> np.ndarray:
    """The mask as (N, H, W), its size checked against the image's."""
    shape = values.shape
    if shape[-2:] == (height, width) and shape[:-2] in ((), (1,), (batch,), (1, 1), (batch, 1)):
        return values.reshape(-1, height, width)
    if len(shape) == 3 and shape[2] in (1, 3, 4):
        if shape[:2] == (height, width):
            colors = values[..., :1] if (values[..., :1] == values[..., :3]).all() else _unit(values)[..., :3] @ LUMA
            grey = colors.reshape(1, height, width)
            return grey if shape[2] < 4 else grey * (values[..., 3] > 0)
        shape = shape[:2]
    if len(shape) >= 3 and shape[-2:] == (height, width):
        raise ValueError(
            f"mask has shape {values.shape}, {shape[-3]} masks for {'an image' if batch == 1 else f'{batch} images'};"
            " choose one of them (mask[0]), or join them (mask.any(axis=0))"
        )
    if len(shape) >= 2 and shape[-2:] != (height, width):
        raise ValueError(
            f"mask is {shape[-1]}×{shape[-2]} but image is {width}×{height}; resize the mask with nearest neighbour"
        )
    raise ValueError(f"mask has shape {values.shape}; for this image give ({height}, {width})")


def _as_channels(rgb: np.ndarray, count: int) -> np.ndarray:
    """The colours (N, 3), or their luminance (N, 1) for a picture of one channel."""
    return (rgb @ LUMA)[..., None] if count == 1 else rgb


def _unit(values: np.ndarray) -> np.ndarray:
    """A coloured mask in float32 with white at 1, which is 1 itself where nothing is brighter."""
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    white = next((full for full in (1, 255, 65535) if values.dtype.kind in "uib" and values.max() <= full), 0)
    if not white or values.min() < 0:
        raise ValueError(f"mask has dtype {values.dtype}; give bool, uint8, uint16, or float in 0..1")
    return values.astype(np.float32) / white


def _quantized(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    values = values.clip(0, 1)
    return values.astype(dtype) if dtype.kind == "f" else np.rint(values * MAX_VALUE[dtype.str[1:]]).astype(dtype)


def _into_tensor(pixels: Any, patches: list[Patch]) -> None:
    """Write the patches of one image into its pixels (C, H, W)."""
    import torch

    dtype = np.dtype(np.float32) if pixels.is_floating_point() else np.dtype(str(pixels.dtype).split(".")[1])
    if dtype.str[1:] == "u2":  # PyTorch can store this type, but not index it
        pixels = pixels.view(torch.int16)

    def write(place: Any, where: np.ndarray, values: np.ndarray) -> None:
        values = values.view(np.int16) if dtype.str[1:] == "u2" else values
        place[torch.from_numpy(where).to(pixels.device)] = torch.from_numpy(values).to(pixels.device, pixels.dtype)

    for patch in patches:
        colors = _as_channels(patch.prediction[patch.hole], pixels.shape[0])
        write(_part(pixels[:3].permute(1, 2, 0), patch), patch.hole, _quantized(colors, dtype))
    if pixels.shape[0] == 4:
        alpha = pixels[3].cpu()
        hole = union(patches, tuple(alpha.shape), patches[0].number)
        write(
            pixels[3],
            hole,
            continue_alpha((alpha.float() if dtype.kind == "f" else alpha).numpy().view(dtype), hole)[hole],
        )
