"""Pillow's modes as arrays and back: the pixels of any PIL image for the contract, and a fill in the image's own mode.

No function here writes to the image it is given: Pillow's own conversion of a palette with a transparent colour does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from .extrapolation import extrapolate
from .windows import window_around

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as Pillow converts to grey
MODES_16BIT = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2", "I;16N": "=u2", "I": "i4"}  # Pillow's 16-bit modes
STRAIGHT = {"RGBa": "RGBA", "La": "LA"}  # modes with premultiplied colours, and those without
GREY = ("1", "L", "LA", "La")
OTHER_SPACES = ("CMYK", "YCbCr", "HSV", "LAB")
SAME = 2  # levels of RGB: a fill this near to what the channels' own continuation shows is that continuation
ALPHA_PX = 64  # around a hole that its alpha and inks are continued from


class Patch(NamedTuple):
    """A filled part of one image: where, which of its pixels (h, w) bool, and with what (h, w, 3) in 0..1."""

    number: int  # of the image in its batch
    top: int
    left: int
    hole: np.ndarray
    prediction: np.ndarray


def pixels_of(image: Image.Image) -> np.ndarray:
    """Read the pixels of a PIL image as grey, RGB, or RGB with alpha.

    Returns:
        (H, W, 1 | 3 | 4): uint16 for the 16-bit modes, what mode I has beyond cut off; float for mode F, else uint8.

    Raises:
        ValueError: The image is closed, or of a mode that has no such form.
    """
    try:
        image.load()
    except (ValueError, OSError, AttributeError) as error:
        raise ValueError(f"image cannot be read ({error}); if its file was closed, open it again") from error
    if image.mode in MODES_16BIT:
        return np.asarray(image)[:, :, None].clip(0, 65535).astype(np.uint16)
    if image.mode == "F":
        return np.asarray(image)[:, :, None]
    alpha = alpha_of(image)
    if image.mode in ("P", "PA"):
        rgb = palette_of(image)[:, :3][_indices(image)]
    elif image.mode in ("RGBA", "RGBX"):
        rgb = np.asarray(image)[:, :, :3]
    else:
        try:
            straight = image.convert(STRAIGHT[image.mode]) if image.mode in STRAIGHT else image
            rgb = np.asarray(straight if straight.mode == "RGB" else _without_key(straight).convert("RGB"))
        except ValueError as error:
            raise ValueError(f"image has PIL mode {image.mode}, which cannot become RGB; convert it first") from error
    return rgb if alpha is None else np.concatenate([rgb, alpha[:, :, None]], axis=2)


def alpha_of(image: Image.Image) -> np.ndarray | None:
    """Read the alpha (H, W) uint8 of a PIL image: its band, its palette's, or its transparent colour; None without."""
    if image.mode in ("RGBA", "LA", "RGBa", "La"):
        return np.asarray(image.getchannel(image.getbands()[-1]))
    if image.mode == "PA":
        return np.minimum(np.asarray(image)[:, :, 1], palette_of(image)[:, 3][_indices(image)])
    if image.mode == "P":
        alpha = palette_of(image)[:, 3]
        return alpha[_indices(image)] if alpha.min() < 255 else None
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple):
        return np.where((np.asarray(image) == np.array(key)).all(axis=2), 0, 255).astype(np.uint8)
    if image.mode == "L" and isinstance(key, int):
        return np.where(np.asarray(image) == key, 0, 255).astype(np.uint8)
    return None


def palette_of(image: Image.Image) -> np.ndarray:
    """Read the palette of a P or PA image: (256, 4) uint8, RGBA; entries that it lacks are black and opaque."""
    palette = np.zeros((256, 4), dtype=np.uint8)
    palette[:, 3] = 255
    stored = np.array(image.getpalette("RGBA") or [], dtype=np.uint8).reshape(-1, 4)
    palette[: len(stored)] = stored
    transparency = image.info.get("transparency")
    if isinstance(transparency, int) and 0 <= transparency < 256:
        palette[transparency, 3] = 0
    elif isinstance(transparency, bytes):
        palette[: len(transparency), 3] = list(transparency[:256])
    return palette


def paste_into(image: Image.Image, patches: Iterable[Patch]) -> Image.Image:
    """Copy a PIL image with the patches' predictions inside their holes, in its own mode.

    Grey modes take the luminance, palettes their nearest colour. Alpha is continued from around the hole; so are the
    channels of other colour spaces, where that shows what was predicted: a flat ink stays flat.
    """
    patches = list(patches)
    result = image.copy()
    if image.mode in MODES_16BIT or image.mode == "F":
        values = np.array(image)
        for patch in patches:
            grey = patch.prediction[patch.hole].clip(0, 1) @ LUMA
            box = values[patch.top :, patch.left :][: patch.hole.shape[0], : patch.hole.shape[1]]
            box[patch.hole] = grey if image.mode == "F" else np.rint(grey * 65535)
        result.frombytes(values.astype(MODES_16BIT.get(image.mode, "f4")).tobytes())
        return result
    hole = union(patches, (image.height, image.width))
    alpha = alpha_of(image)
    if alpha is not None:
        alpha = continue_alpha(alpha, hole)
    own = _continued(np.asarray(image), hole) if image.mode in OTHER_SPACES else None
    for patch in patches:
        rows, columns = (slice(at, at + size) for at, size in zip(patch[1:3], patch.hole.shape, strict=True))
        opacity = None if alpha is None else alpha[rows, columns]
        part = _in_mode(image, patch, opacity, None if own is None else own[rows, columns])
        result.paste(part, (patch.left, patch.top), mask=Image.fromarray(patch.hole))
    return result


def union(patches: Iterable[Patch], shape: tuple[int, int], number: int = 0) -> np.ndarray:
    """Mark (H, W) bool: every pixel of image `number` that a patch fills."""
    hole = np.zeros(shape, dtype=bool)
    for patch in patches:
        if patch.number == number:
            height, width = patch.hole.shape
            hole[patch.top : patch.top + height, patch.left : patch.left + width] |= patch.hole
    return hole


def continue_alpha(alpha: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fill the alpha (H, W) of any dtype inside `hole` from the alpha around it, sharply where it is all or nothing."""
    if not hole.any():
        return alpha
    full = 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
    if hole.all():
        return np.full_like(alpha, full)  # nothing around says otherwise
    window = window_around(hole, ALPHA_PX, 1).slices
    known, result = ~hole[window], alpha.copy()
    planes = extrapolate(alpha[window][:, :, None], known)[:, :, 0]
    if np.isin(alpha[window][known], (0, full)).all():
        planes = np.where(planes * 2 > full, full, 0)
    result[window][~known] = _cast(planes, alpha.dtype)[~known]
    return result


def _continued(values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The channels (H, W, C) uint8, filled inside `hole` from around it."""
    result = values.copy()
    if hole.any() and not hole.all():
        window = window_around(hole, ALPHA_PX, 1).slices
        result[window] = _cast(extrapolate(values[window], ~hole[window]), np.dtype(np.uint8))
    return result


def _in_mode(image: Image.Image, patch: Patch, alpha: np.ndarray | None, own: np.ndarray | None) -> Image.Image:
    """The patch in the mode of `image`, with `alpha` (h, w), from the channels' own continuation (h, w, C)."""
    prediction = patch.prediction.clip(0, 1)
    rgb = np.rint(255 * prediction).astype(np.uint8)
    if image.mode in ("P", "PA"):
        return _palette_part(image, rgb, alpha, patch.hole)
    if image.mode in GREY:
        grey = np.rint(255 * (prediction @ LUMA)).astype(np.uint8)
        if image.mode == "L":
            return Image.fromarray(grey if alpha is None else _keyed(grey[:, :, None], alpha, image)[:, :, 0])
        if image.mode == "1":
            return Image.fromarray(grey).convert("1", dither=Image.Dither.NONE)
        part = Image.merge("LA", (Image.fromarray(grey), Image.fromarray(np.asarray(alpha))))
        return part if image.mode == "LA" else part.convert(image.mode)
    if image.mode in ("RGBA", "RGBa"):
        part = Image.fromarray(np.concatenate([rgb, np.asarray(alpha)[:, :, None]], axis=2))
        return part if image.mode == "RGBA" else part.convert(image.mode)
    if image.mode == "RGB":
        return Image.fromarray(rgb if alpha is None else _keyed(rgb, alpha, image))
    if own is None:
        return Image.fromarray(rgb).convert(image.mode)
    return _in_space(image.mode, rgb, own)


def _in_space(mode: str, rgb: np.ndarray, own: np.ndarray) -> Image.Image:
    """`rgb` (h, w, 3) in the colour space `mode`, near to its channels' continuation `own` (h, w, C)."""
    size = (own.shape[1], own.shape[0])
    shown = np.asarray(Image.frombytes(mode, size, own.tobytes()).convert("RGB"))
    if mode == "CMYK":  # the black ink is continued; the others make it the colour that is wanted
        black = np.minimum(own[:, :, 3:], 255 - rgb.max(axis=2, keepdims=True))
        inks = 255 * (1 - rgb / np.maximum(255 - black.astype(np.float32), 1))
        values = np.concatenate([_cast(inks, np.dtype(np.uint8)), black], axis=2)
    else:
        values = np.asarray(Image.fromarray(rgb).convert(mode)).reshape(own.shape)
    same = (np.abs(shown.astype(np.int16) - rgb) <= SAME).all(axis=2, keepdims=True)
    return Image.frombytes(mode, size, np.where(same, own, values).tobytes())


def _keyed(values: np.ndarray, alpha: np.ndarray, image: Image.Image) -> np.ndarray:
    """The values (h, w, C) with the image's transparent colour where, and only where, alpha (h, w) is 0."""
    key = np.atleast_1d(np.array(image.info["transparency"])).astype(np.uint8)
    values = values.copy()
    same = (values == key).all(axis=2)
    values[same, 0] = key[0] - 1 if key[0] else 1
    values[alpha == 0] = key
    return values


def _palette_part(image: Image.Image, rgb: np.ndarray, alpha: np.ndarray | None, hole: np.ndarray) -> Image.Image:
    """An image of the same palette mode, whose colours inside `hole` are the nearest to `rgb` at the wanted alpha."""
    opacity = np.full(hole.shape, 255, dtype=np.uint8) if alpha is None else alpha
    palette, used = palette_of(image), len(image.getpalette("RGB") or []) // 3
    wanted = np.concatenate([rgb[hole], opacity[hole][:, None]], axis=1)
    if image.mode == "PA":  # alpha is a band of its own
        wanted[:, 3] = 255
    indices = np.zeros(hole.shape, dtype=np.uint8)
    indices[hole] = _nearest(palette[: max(used, 1)], wanted)
    if image.mode == "P":
        part = Image.fromarray(indices, mode="P")
    else:
        size = (hole.shape[1], hole.shape[0])
        part = Image.frombytes("PA", size, np.stack([indices, opacity], axis=2).tobytes())
    part.putpalette(image.palette)  # type: ignore[arg-type]  # these two modes have one
    return part


def _nearest(palette: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """The index of the nearest of `palette` (M, 4) uint8 for each of `colors` (N, 4) uint8; alpha comes first."""
    table = palette.astype(np.float32)
    distinct, back = np.unique(colors, axis=0, return_inverse=True)
    nearest = np.empty(len(distinct), dtype=np.uint8)
    for start in range(0, len(distinct), 4096):  # 4096 colours at a time: a few MB of distances
        some = distinct[start : start + 4096, None, :].astype(np.float32)
        away = np.abs(some[..., 3] - table[:, 3])
        visible = np.minimum(some[..., 3], 255) > 0
        colors_away = ((some[..., :3] - table[:, :3]) ** 2).sum(axis=2) * visible
        nearest[start : start + 4096] = (colors_away + 1e6 * away).argmin(axis=1)
    return nearest[back.reshape(-1)]


def _indices(image: Image.Image) -> np.ndarray:
    values = np.asarray(image)
    return values[:, :, 0] if image.mode == "PA" else values


def _without_key(image: Image.Image) -> Image.Image:
    """The picture without its transparent colour, which some conversions cannot take along."""
    if "transparency" not in image.info:
        return image
    plain = image.copy()
    del plain.info["transparency"]
    return plain


def _cast(values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    dtype = np.dtype(dtype)
    return values.astype(dtype) if dtype.kind == "f" else np.rint(values.clip(0, np.iinfo(dtype).max)).astype(dtype)
