"""What image and mask mean: the one door for every method, and the only place for polarity and thresholds.

An image is a PIL image of any mode, a NumPy array (H, W), (H, W, 1 | 3 | 4) of uint8, uint16 or
float in 0..1, or a tensor (C, H, W) or (N, C, H, W) with 1, 3 or 4 channels, uint8 or float in 0..1.
A mask has the same height and width; True, 1, 255, white = hole, to be filled. What comes out is what
came in: type, mode, dtype, shape, device, and every known pixel bit for bit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from PIL import Image as PILImage

ImageLike = TypeVar("ImageLike")

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as Pillow converts to grey
DEEP = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2", "I;16N": "=u2", "I": "i4"}  # Pillow's 16-bit modes
FULL = {"u1": 255, "u2": 65535}  # white, by dtype; floats end at 1


class Patch(NamedTuple):
    """A filled part of one image: where, which of its pixels (h, w) bool, and with what (h, w, 3) in 0..1."""

    number: int  # of the image in its batch
    top: int
    left: int
    hole: np.ndarray
    prediction: np.ndarray


def opened(image: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
    """The image's values (N, H, W, 1 | 3 | 4) as they are stored, and the hole (N, H, W) bool.

    N is 1 but for a batch of tensors; one mask serves a whole batch. `known_pixels` makes an image of
    any part of the values, so that a large photo need not be converted as a whole. The values may be
    the caller's own memory: never write to them. Raises `ValueError` where image or mask is not what
    the module's first lines say.
    """
    values = _values(image)
    hole = _hole(mask, *values.shape[:3])
    if values.dtype.kind == "f":
        colors, known = values[..., :3], ~hole[..., None]
        low, high = colors.min(initial=1, where=known), colors.max(initial=0, where=known)
        if not (low >= 0 and high <= 1):  # so written, NaN fails too
            raise ValueError(
                f"image has values from {low:g} to {high:g} where it is known;"
                " floating-point images are in 0..1, so scale it (or pass uint8)"
            )
    return values, hole


def known_pixels(values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(..., H, W, 3) float32 in 0..1, black under the hole, of values (..., H, W, 1 | 3 | 4) and hole (..., H, W)."""
    known = np.zeros((*hole.shape, 3), dtype=np.float32)  # first of all: nothing under the hole leaks
    np.copyto(known, values[..., :3], where=~hole[..., None], casting="same_kind")
    return known if values.dtype.kind == "f" else np.divide(known, FULL[values.dtype.str[1:]], out=known)


def unpack(image: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
    """The known pixels (N, H, W, 3) float32 in 0..1, black under the hole, and the hole (N, H, W) bool.

    Both are copies. Raises what `opened` raises.
    """
    values, hole = opened(image, mask)
    return known_pixels(values, hole), hole


def repack(image: ImageLike, hole: np.ndarray, prediction: np.ndarray) -> ImageLike:
    """A copy of `image` that holds the prediction (N, H, W, 3) in 0..1 inside `hole` (N, H, W)."""
    return patched(
        image, [Patch(number, 0, 0, *pair) for number, pair in enumerate(zip(hole, prediction, strict=True))]
    )


def patched(image: ImageLike, patches: Iterable[Patch]) -> ImageLike:
    """A copy of `image` that holds the patches' predictions inside their holes.

    Grey images take its luminance, palettes their nearest opaque colour; filled pixels are opaque.
    """
    source: Any = image
    result: Any
    if _is_pil(image):
        result = _into_pil(source, patches)
    elif _is_tensor(image):
        result = source.detach().clone()
        pixels = result if result.ndim == 4 else result[None]
        for patch in patches:
            _into_tensor(pixels[patch.number], patch)
    else:
        result = np.array(image)
        pixels = result if result.ndim == 3 else result[:, :, None]
        for patch in patches:
            colors = _as_channels(patch.prediction[patch.hole], pixels.shape[2])
            _part(pixels, patch)[patch.hole] = _quantized(colors, result.dtype)
    return result


def _part(pixels: Any, patch: Patch) -> Any:
    """The patch's box of (H, W, ...), to write to."""
    height, width = patch.hole.shape
    return pixels[patch.top : patch.top + height, patch.left : patch.left + width]


def _is_pil(value: Any) -> bool:
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def _is_tensor(value: Any) -> bool:
    module = sys.modules.get("torch")
    return module is not None and isinstance(value, module.Tensor)


def _values(image: Any) -> np.ndarray:
    """(N, H, W, 1 | 3 | 4) uint8, uint16 or float: the image's values, its own memory where that can be."""
    if _is_pil(image):
        values = _pil_values(image)
    elif _is_tensor(image):
        shape = tuple(image.shape)
        if len(shape) not in (3, 4) or shape[-3] not in (1, 3, 4):
            raise ValueError(f"image is a tensor {shape}; give (3, H, W) or (N, 3, H, W), channels first")
        values = image.detach().cpu()
        values = (values.float() if values.is_floating_point() else values).numpy()
        values = np.moveaxis(values.reshape(-1, *shape[-3:]), 1, -1)
    elif isinstance(image, np.ndarray):
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
    if values.dtype.kind != "f" and values.dtype.str[1:] not in FULL:
        raise ValueError(f"image has dtype {values.dtype}; give uint8, uint16, or float in 0..1")
    return values


def _pil_values(image: PILImage.Image) -> np.ndarray:
    if image.mode in DEEP:
        values = np.asarray(image)[None, :, :, None]
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"image has mode I with values from {values.min()} to {values.max()}; give 0..65535")
        return values.astype(np.uint16)
    if image.mode == "F":
        return np.asarray(image)[None, :, :, None]
    try:
        if image.mode in ("P", "PA"):  # Pillow warns of a transparent palette without the detour
            image = image.convert("RGBA")
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))[None]
    except ValueError as error:
        raise ValueError(f"image has PIL mode {image.mode}, which cannot become RGB; convert it first") from error


def _hole(mask: Any, batch: int, height: int, width: int) -> np.ndarray:
    """(N, H, W) bool: True where the mask is above half of its range."""
    if _is_pil(mask):
        values = _pil_mask(mask)
    elif _is_tensor(mask):
        values = mask.detach().cpu()
        values = (values.float() if values.is_floating_point() else values).numpy()
    elif isinstance(mask, np.ndarray):
        values = mask
    else:
        raise ValueError(f"mask is a {type(mask).__name__}; give a PIL image, a NumPy array or a tensor, True = hole")
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
    return np.broadcast_to(
        values > (white / 2 if values.dtype.kind == "f" else white // 2), (batch, height, width)
    ).copy()


def _pil_mask(mask: PILImage.Image) -> np.ndarray:
    """The mask's grey values; what is transparent counts as black."""
    if mask.mode in ("1", "L", "F", *DEEP):
        return np.asarray(mask)
    rgba = np.asarray(mask.convert("RGBA")).astype(np.float32) / 255
    return (rgba[..., :3] @ LUMA * rgba[..., 3]).clip(0, 1)


def _one_channel(values: np.ndarray, batch: int, height: int, width: int) -> np.ndarray:
    """The mask as (H, W) or (N, H, W), its size checked against the image's."""
    shape = values.shape
    if shape[-2:] == (height, width) and shape[:-2] in ((), (1,), (batch,), (1, 1), (batch, 1)):
        return values.reshape(-1, height, width)
    if len(shape) == 3 and shape[2] in (1, 3, 4):
        if shape[:2] == (height, width):
            colors = values[..., :1] if (values[..., :1] == values[..., :3]).all() else _unit(values)[..., :3] @ LUMA
            grey = colors.reshape(height, width)
            return grey if shape[2] < 4 else grey * (values[..., 3] > 0)
        shape = shape[:2]
    if len(shape) >= 2 and shape[-2:] != (height, width):
        raise ValueError(
            f"mask is {shape[-1]}×{shape[-2]} but image is {width}×{height}; resize the mask with nearest neighbour"
        )
    raise ValueError(f"mask has shape {values.shape}; for this image give ({height}, {width})")


def _as_channels(rgb: np.ndarray, count: int) -> np.ndarray:
    """(..., count) of (..., 3): luminance for one channel, opaque alpha as the fourth."""
    if count == 1:
        return (rgb @ LUMA)[..., None]
    return rgb if count == 3 else np.concatenate([rgb, np.ones_like(rgb[..., :1])], axis=-1)


def _unit(values: np.ndarray) -> np.ndarray:
    """A coloured mask in float32 with white at 1."""
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    if values.dtype.str[1:] not in FULL:
        raise ValueError(f"mask has dtype {values.dtype}; give bool, uint8, uint16, or float in 0..1")
    return values.astype(np.float32) / FULL[values.dtype.str[1:]]


def _quantized(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    values = values.clip(0, 1)
    return values.astype(dtype) if dtype.kind == "f" else np.rint(values * FULL[dtype.str[1:]]).astype(dtype)


def _into_tensor(pixels: Any, patch: Patch) -> None:
    """Write the patch into pixels (C, H, W)."""
    import torch

    colors = _as_channels(patch.prediction[patch.hole], pixels.shape[0])
    if not pixels.is_floating_point():
        colors = _quantized(colors, np.dtype(np.uint8))
    where = torch.from_numpy(patch.hole).to(pixels.device)
    _part(pixels.permute(1, 2, 0), patch)[where] = torch.from_numpy(colors).to(pixels.device, pixels.dtype)


def _into_pil(image: PILImage.Image, patches: Iterable[Patch]) -> PILImage.Image:
    from PIL import Image

    result = image.copy()
    if image.mode in DEEP or image.mode == "F":
        values = np.array(image)
        for patch in patches:
            grey = patch.prediction[patch.hole].clip(0, 1) @ LUMA
            _part(values, patch)[patch.hole] = grey if image.mode == "F" else np.rint(grey * 65535)
        result.frombytes(values.astype(DEEP.get(image.mode, "f4")).tobytes())
        return result
    premultiplied = {"RGBa": "RGBA", "La": "LA"}.get(image.mode)
    for patch in patches:
        colors = _quantized(patch.prediction, np.dtype(np.uint8))
        if image.mode in ("P", "PA"):
            indices = np.zeros(patch.hole.shape, dtype=np.uint8)
            indices[patch.hole] = _nearest_in_palette(image, colors[patch.hole])
            part = _palette_patch(image, indices)
        else:
            part = Image.fromarray(colors)
            part = (part.convert(premultiplied) if premultiplied else part).convert(
                image.mode, dither=Image.Dither.NONE
            )
        result.paste(part, (patch.left, patch.top), mask=Image.fromarray(patch.hole))
    return result


def _nearest_in_palette(image: PILImage.Image, colors: np.ndarray) -> np.ndarray:
    """The index of the palette's nearest opaque colour for each of `colors` (N, 3) uint8."""
    palette = np.array(image.getpalette("RGBA"), dtype=np.float32).reshape(-1, 4)
    transparency = image.info.get("transparency")
    if isinstance(transparency, int) and transparency < len(palette):
        palette[transparency, 3] = 0
    elif isinstance(transparency, bytes):
        palette[: len(transparency), 3] = list(transparency[: len(palette)])
    penalty = np.where(palette[:, 3] == palette[:, 3].max(), 0, 1e9)
    distinct, back = np.unique(colors, axis=0, return_inverse=True)
    nearest = np.empty(len(distinct), dtype=np.uint8)
    for start in range(0, len(distinct), 4096):  # 4096 colours at a time: a few MB of distances
        some = distinct[start : start + 4096, None, :].astype(np.float32)
        nearest[start : start + 4096] = (((some - palette[:, :3]) ** 2).sum(axis=2) + penalty).argmin(axis=1)
    return nearest[back.reshape(-1)]


def _palette_patch(image: PILImage.Image, indices: np.ndarray) -> PILImage.Image:
    """An image of the same palette mode that holds `indices`, opaque."""
    from PIL import Image

    if image.mode == "P":
        patch = Image.fromarray(indices, mode="P")
    else:
        size = (indices.shape[1], indices.shape[0])
        patch = Image.frombytes("PA", size, np.stack([indices, np.full_like(indices, 255)], axis=2).tobytes())
    patch.putpalette(image.palette)  # type: ignore[arg-type]  # these two modes have one
    return patch
