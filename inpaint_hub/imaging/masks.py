"""A mask picture, as people draw them, becomes a hole; the hole grows, and its seam is softened."""

from __future__ import annotations

import numpy as np
from PIL import Image

from . import contract
from .contract import ImageLike
from .windows import window_around

HALF = 127.5  # of 8-bit values, as in the contract
PLAIN_GREY = ("1", "L", "F", *contract.DEEP)
SPAN = 32  # levels between the darkest and the brightest that make a faint mask more than noise

STROKES = "whatever is not transparent in the mask was taken as the hole"
COLORED = "what is coloured in the mask was taken as the hole"
FAINT = "the mask is neither black nor white; what is brighter than {level:.0f} of 255 was taken as the hole"


def hole_of(picture: Image.Image) -> tuple[np.ndarray, str | None]:
    """The hole (H, W) bool that a mask picture means, and a sentence on how it was read if not as white on black.

    Understood are white on black or on transparent, which is what the contract says; strokes of any colour on
    transparent; strokes of a strong colour on black or white; and a grey on another.
    """
    plain = contract.unpack(np.zeros((picture.height, picture.width), dtype=np.uint8), picture)[1][0]
    if picture.mode not in PLAIN_GREY:
        rgba = np.asarray(picture.convert("RGBA"))
        opaque = rgba[..., 3] > HALF
        brightest, darkest = rgba[..., :3].max(axis=2), rgba[..., :3].min(axis=2)
        vivid = opaque & (brightest - darkest > HALF)
        dark, white = opaque & (brightest < HALF), opaque & (darkest > HALF)
        if not opaque.all() and not (dark.any() and white.any()):
            return opaque, None if np.array_equal(opaque, plain) else STROKES
        if vivid.any() and not (dark.any() and white.any()):
            return vivid, COLORED
    if plain.any() != plain.all():
        return plain, None
    grey = np.asarray(picture.convert("L"), dtype=np.float32) if picture.mode not in ("F", *contract.DEEP) else None
    if grey is None or grey.max() - grey.min() < SPAN:
        return plain, None
    middle = (grey.max() + grey.min()) / 2
    return grey > middle, FAINT.format(level=middle)


def checked(hole: np.ndarray, invert: bool | None = None) -> np.ndarray:
    """The hole (H, W) bool, inverted if `invert`. Raises `ValueError` where it is probably not what was meant.

    That is an empty one; and, unless `invert` is said to be True or False, a full one, and one that holds most
    of the image and its whole frame: black and white have probably changed places.
    """
    if invert:
        hole = ~hole
    if not hole.any():
        white = "black" if invert else "white"
        raise ValueError(
            f"the mask marks nothing to fill: it is not {white} anywhere; draw what should go white on black,"
            " or with a brush on transparent"
        )
    if invert is not None:
        return hole
    if hole.all():
        raise ValueError("the mask marks everything, so that nothing would stay; --no-invert-mask fills it all")
    frame = np.concatenate([hole[0], hole[-1], hole[:, 0], hole[:, -1]])
    if hole.mean() > 0.6 and frame.mean() > 0.9:
        raise ValueError(
            f"the mask marks {hole.mean():.0%} of the image and its frame, so it is probably inverted; white is filled:"
            " --invert-mask fills what is black, --no-invert-mask fills what is white all the same"
        )
    return hole


def dilated(hole: np.ndarray, px: int) -> np.ndarray:
    """The hole (H, W) bool, `px` wider in every direction."""
    return _sums_around(hole.astype(np.float64), px) > 0.5 if px else hole


def feathered(image: ImageLike, hole: np.ndarray, result: ImageLike, px: int) -> ImageLike:
    """`result` with the step at the seam spread over `px` pixels inside `hole` (H, W); known pixels stay as they are.

    The step is what known and filled pixels differ by where they touch. It is added to the fill, fading out
    towards the inside, so that colours meet and the texture of the fill stays.
    """
    if not px or not hole.any() or hole.all():
        return result
    known, _ = contract.unpack(image, hole)
    blend, _ = contract.unpack(result, np.zeros_like(hole))
    window = window_around(hole, px + 1, 1).slices
    inside, outside = hole[window].astype(np.float64), (~hole[window]).astype(np.float64)
    beside = _sums_around(outside, 1)
    seam = (inside * (beside > 0.5))[..., None]
    step = _sums_around(known[0][window], 1) / beside.clip(1)[..., None] - blend[0][window]
    spread = _sums_around(step * seam, px) / _sums_around(seam, px).clip(1)
    strength = (2 * _sums_around(outside, px) / (2 * px + 1) ** 2).clip(0, 1)  # 1 at a straight seam, 0 px away
    blend[0][window] += inside[..., None] * strength[..., None] * spread
    return contract.repack(image, hole[None], blend)


def _sums_around(values: np.ndarray, px: int) -> np.ndarray:
    """For each place of (H, W, ...) the sum over the square that reaches `px` in every direction."""
    for axis in (0, 1):
        length = values.shape[axis]
        sums = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis=axis)], axis=axis)
        places = np.arange(length)
        high, low = np.minimum(places + px + 1, length), np.maximum(places - px, 0)
        values = sums.take(high, axis) - sums.take(low, axis)
    return values
