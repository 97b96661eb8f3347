"""A mask picture, as people draw them, becomes a hole; the hole grows, and its seam is softened."""

from __future__ import annotations

import numpy as np
from PIL import Image

from . import contract
from .contract import ImageLike
from .pillow_modes import pixels_of
from .windows import window_around

HALF = 127.5  # of 8-bit values, as in the contract
PLAIN_GREY = ("1", "L", "F", *contract.MODES_16BIT)
SPAN = 32  # levels between the darkest and the brightest that make a faint mask more than noise
NOISE = 16  # levels that a JPEG's black may have
EXACT = 64  # different values, at most, of a picture that was drawn or labelled and not photographed
PHOTO_COLORS = 512  # more, at 5 bits a channel, has no mask, however it was drawn and compressed

STROKES = "whatever is not transparent in the mask was taken as the hole"
COLORED = "what is coloured in the mask was taken as the hole"
FAINT = "the mask is neither black nor white; what is brighter than {level:.0f} of 255 was taken as the hole"
LABELS = "the mask is a picture of labels; whatever is not black in it was taken as the hole"
ERASED = "the mask is a photo with an erased part; what is transparent in it was taken as the hole"


def parse_mask(picture: Image.Image) -> tuple[np.ndarray, str | None]:
    """Read the hole that a mask picture means.

    Understood are white on black or on transparent, which is what the contract says; strokes of any colour on
    transparent; strokes of a strong colour on black or white; a grey on another; labels of any value or colour on
    black; and a photo whose hole was erased.

    Returns:
        The hole (H, W) bool, and a sentence on how it was read, if not as white on black.

    Raises:
        ValueError: It is a photo, or has areas of several colours of which none is black.
    """
    if picture.mode in ("F", *contract.MODES_16BIT):
        return _with_labels(np.asarray(picture), *_grey_hole(picture))
    values = pixels_of(picture)
    rgb = np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values[..., :3]
    opaque = values[..., 3] > HALF if values.shape[2] == 4 else np.ones(values.shape[:2], dtype=bool)
    if _is_photo(rgb[opaque]):
        if opaque.all():
            raise ValueError(
                "the mask looks like a photo, not like a mask; give a picture that is white where it should be filled"
                " and black elsewhere, or the photo with that part erased to transparent"
            )
        return ~opaque, ERASED
    brightest, darkest = rgb.max(axis=2), rgb.min(axis=2)
    vivid = opaque & (brightest.astype(np.int16) - darkest > HALF)
    dark, white = opaque & (brightest < HALF), opaque & (darkest > HALF)
    plain = opaque & ((rgb.astype(np.float32) @ contract.LUMA) * _alpha_of(values) > HALF)
    if not opaque.all() and not (dark.any() and white.any()):
        return opaque, None if np.array_equal(opaque, plain) else STROKES
    packed = (rgb.astype(np.uint32) << np.array([16, 8, 0], dtype=np.uint32)).sum(axis=2, dtype=np.uint32)
    packed[~opaque] = 0
    if vivid.any() and not (dark.any() and white.any()):
        return _with_labels(packed, vivid, COLORED)
    if picture.mode in PLAIN_GREY or (brightest == darkest)[opaque].all():
        return _with_labels(np.where(opaque, rgb[..., 0], 0), *_grey_hole(picture))
    return _with_labels(packed, *_grey_hole(picture))


def _grey_hole(picture: Image.Image) -> tuple[np.ndarray, str | None]:
    """The hole that a grey picture means: what is above half of white, or of its own range if nothing is."""
    deep = picture.mode in ("F", *contract.MODES_16BIT)
    grey = np.asarray(picture if deep else picture.convert("LA").convert("L"), dtype=np.float32)
    if picture.has_transparency_data:
        grey = grey * _alpha_of(pixels_of(picture))
    high = grey.max()
    white = next((white for white in (1, 255, 65535) if high <= white), 1)
    plain: np.ndarray = grey > white / 2
    if plain.any() != plain.all() or deep or high - grey.min() < SPAN:
        return plain, None
    middle = (high + grey.min()) / 2
    return grey > middle, FAINT.format(level=middle)


def _with_labels(values: np.ndarray, hole: np.ndarray, reading: str | None) -> tuple[np.ndarray, str | None]:
    """The reading of a picture of values (H, W), or that of labels if it leaves out areas that are not background."""
    several = np.unique(values)
    if len(several) > EXACT or values.dtype.kind == "f":
        return hole, reading  # soft brushes, and what JPEG made of one
    flat = contract.is_flat(values)
    black = several[0] == 0 and ((values == 0) & flat).any()
    background = 0 if black else _most_common(values[~hole])
    left_out = flat & ~hole & (values != background)
    if black and _near_black(left_out, values, len(several)):
        return hole, reading
    if not left_out.any():
        return hole, reading
    if black:
        return values != 0, LABELS
    raise ValueError(
        f"the mask has areas of {len(several)} colours, none of them black, so it is not clear which should go;"
        " make those white and the rest black"
    )


def _near_black(left_out: np.ndarray, values: np.ndarray, several: int) -> bool:
    """Whether all that was left out is the noise of a JPEG's black, which has more values than labels have."""
    brightest = (
        np.stack([values >> shift & 255 for shift in (16, 8, 0)]).max(axis=0) if values.dtype == np.uint32 else values
    )
    return several > NOISE and not (left_out & (brightest >= NOISE)).any()


def _most_common(values: np.ndarray) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()]) if len(found) else -1


def _alpha_of(values: np.ndarray) -> np.ndarray:
    """(H, W) float32 in 0..1: the alpha of (H, W, 1 | 3 | 4) uint8."""
    if values.shape[2] == 4:
        return values[..., 3].astype(np.float32) / 255
    return np.ones(values.shape[:2], dtype=np.float32)


def _is_photo(colors: np.ndarray) -> bool:
    """Whether colours (N, 3) uint8 are a photo's: very many, or, if they are greys, most of them in between."""
    if not len(colors):
        return False
    coarse = colors.astype(np.uint32) >> 3
    different = len(np.unique(coarse[:, 0] << 10 | coarse[:, 1] << 5 | coarse[:, 2]))
    if different > max(64, min(PHOTO_COLORS, len(colors) // 4)):
        return True
    grey = colors[:, 1]
    between = (grey >= SPAN) & (grey < 256 - SPAN)
    return bool(between.mean() > 0.5) and len(np.unique(grey)) > 100


def validate_hole(hole: np.ndarray, invert: bool | None = None) -> np.ndarray:
    """Check that a hole is probably what was meant, and invert it if that is asked.

    Args:
        hole: (H, W) bool.
        invert: True or False answer the question whether black and white have changed places; None asks it.

    Raises:
        ValueError: Nothing is hole; or, without an answer, everything is, or most of the image and its whole frame.
    """
    if invert:
        hole = ~hole
    if not hole.any():
        white = "black" if invert else "white"
        raise ValueError(
            f"the mask marks nothing to fill: it is not {white} anywhere; draw what should go white on black,"
            " or with an opaque brush on transparent"
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


def dilate(hole: np.ndarray, px: int) -> np.ndarray:
    """Grow the hole (H, W) bool by `px` in every direction."""
    return _sums_around(hole.astype(np.float64), px) > 0.5 if px else hole


def feather(image: ImageLike, hole: np.ndarray, result: ImageLike, px: int) -> ImageLike:
    """Spread the step at the seam of a result over `px` pixels inside `hole` (H, W); known pixels stay as they are.

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
