"""Random holes of several kinds, as functions of a seed and the number of the image: see `rng`.

`area` is the share of the image that a hole covers, `border` the share of holes that touch the image's edge. Figures
are of 20,000 holes at 64×64 px, rectangles of 16 to 32 px a side (`benchmarks/hole_kinds.py`):

| kind       | area, mean | smallest | largest | border |
|------------|------------|----------|---------|--------|
| rectangle  |      0.141 |    0.062 |   0.250 |  0.094 |
| rectangles |      0.126 |    0.050 |   0.226 |  0.209 |
| border     |      0.141 |    0.062 |   0.250 |  1.000 |
| strokes    |      0.160 |    0.007 |   0.429 |  0.815 |
| spread     |      0.299 |    0.000 |   0.606 |  0.664 |
| object     |      0.073 |    0.019 |   0.175 |  0.017 |

Strokes scale with the image. Rectangles touch the edge more often in small images: a share of 0.19 at 32 px, 0.035 at
256 px. Masks of a folder have areas of their own.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ..imaging import contract
from . import HOLE_KINDS
from .image_files import visible_files
from .rng import HOLE_DRAWS, SHAPE, uniforms

MOSTLY_HOLE, FRAME_HOLE = 0.6, 0.9  # shares of a mask and of its frame above which it is probably inverted


@dataclass(frozen=True)
class Holes:
    """How the holes of a run are drawn.

    Attributes:
        sides: The shortest and the longest side of a rectangle, px, below the image's side.
        mix: Names of `KINDS` with their weights.
        masks: The masks of `read_masks`, for the kind folder.
    """

    sides: tuple[int, int]
    mix: dict[str, float]
    masks: np.ndarray | None = None

    def batch(self, seed: int, first: int, count: int, size: tuple[int, int]) -> Tensor:
        """Draw the holes of consecutive images.

        Args:
            seed: Of the run.
            first: The number of the first image.
            count: The number of images.
            size: (H, W) of the images.

        Returns:
            (count, 1, H, W) bool; no hole is empty, none is the whole image.
        """
        more = uniforms(seed, first, count, HOLE_DRAWS, SHAPE)
        draws = np.concatenate([uniforms(seed, first, count)[:, :4], more[:, 1:]], axis=1)
        edges = np.cumsum(list(self.mix.values()))
        kinds = np.searchsorted(edges / edges[-1], more[:, 0], side="right")
        holes = np.empty((count, *size), dtype=bool)
        for number, kind in enumerate(self.mix):
            chosen = kinds == number
            holes[chosen] = KINDS[kind](draws[chosen], size, self)
        return torch.from_numpy(holes[:, None])

    def largest_side(self, resolution: int) -> int:
        """Find how large holes are in images of a side, as what a network is trained to fill at once.

        Args:
            resolution: The side of the images, px.

        Returns:
            The longest side of a rectangle, px; of masks, the side of a square with the area of the largest one.
        """
        drawn = self.sides[1] if {*self.mix} != {"folder"} else 1
        if self.masks is None or "folder" not in self.mix:
            return drawn
        shares = np.unpackbits(self.masks, axis=2).sum(axis=(1, 2)) / self.masks.shape[1] ** 2  # they are squares
        return max(drawn, round(resolution * math.sqrt(shares.max())))

    def digest(self) -> str | None:
        """Hash the masks, if there are any: two runs with the same settings and masks draw the same holes."""
        return None if self.masks is None else hashlib.sha256(self.masks.tobytes()).hexdigest()[:16]


def bounding_boxes(holes: Tensor) -> Tensor:
    """Find the bounding box of each hole.

    Args:
        holes: (N, 1, H, W) bool, none of them empty.

    Returns:
        (N, 4) int64: top, left, bottom, right (exclusive), in px.
    """
    edges = []
    for filled in (holes.any(dim=3)[:, 0].int(), holes.any(dim=2)[:, 0].int()):
        edges.append((filled.argmax(dim=1), filled.shape[1] - filled.flip(1).argmax(dim=1)))
    (top, bottom), (left, right) = edges
    return torch.stack([top, left, bottom, right], dim=1)


def rectangle(draws: np.ndarray, size: tuple[int, int], holes: Holes) -> np.ndarray:
    """Draw a rectangle: its sides are uniform, and its place is uniform over all places where it fits."""
    return _inside(_boxes(draws[:, 0:4], size, holes.sides), size)


def rectangles(draws: np.ndarray, size: tuple[int, int], holes: Holes) -> np.ndarray:
    """Draw two to four rectangles, together no larger than one rectangle."""
    count = 2 + np.floor(3 * draws[:, 4]).astype(np.int64)
    filled = np.zeros((len(draws), *size), dtype=bool)
    for number in range(4):
        start = 5 + 4 * number
        one = _inside(_boxes(draws[:, start : start + 4], size, holes.sides, parts=count), size)
        filled |= one & (number < count)[:, None, None]
    return filled


def border(draws: np.ndarray, size: tuple[int, int], holes: Holes) -> np.ndarray:
    """Draw a rectangle at one of the image's four edges."""
    boxes = _boxes(draws[:, 0:4], size, holes.sides)
    axis, far = np.divmod(np.floor(4 * draws[:, 4]).astype(np.int64), 2)
    which = np.arange(len(draws))
    side = boxes[which, axis + 2] - boxes[which, axis]
    boxes[which, axis] = far * (np.array(size)[axis] - side)
    boxes[which, axis + 2] = boxes[which, axis] + side
    return _inside(boxes, size)


SPREAD = 0.6  # the largest area, as a share of the image
STROKES, SEGMENTS = 4, 4  # the most strokes of a hole, and segments of a stroke
# In sides of a square of the image's area:
WIDTHS = (1 / 14, 1 / 7)  # of a brush
REACH = 1 / 4  # the longest a segment is along each axis


def strokes(draws: np.ndarray, size: tuple[int, int], holes: Holes) -> np.ndarray:
    """Draw one to four strokes of a round brush: random walks with momentum that turn back at the image's edge.

    Their areas together are less than the image's.
    """
    unit, last = np.sqrt(size[0] * size[1]), np.array(size) - 1.0
    each = 4 + 2 * SEGMENTS
    own = draws[:, 5 : 5 + STROKES * each].reshape(-1, STROKES, each)
    widths = unit * (WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * own[:, :, 0])
    radius = np.maximum(0.75, widths / 2)  # large enough to hold the centre of a pixel anywhere
    segments = 2 + np.floor((SEGMENTS - 1) * own[:, :, 1])
    segments *= np.arange(STROKES) < 1 + np.floor(STROKES * draws[:, 4:5])
    points, step = [own[:, :, 2:4] * last], np.zeros((len(draws), STROKES, 2))
    for number in range(SEGMENTS):
        push = (2 * own[:, :, 4 + 2 * number : 6 + 2 * number] - 1) * REACH * unit
        step = np.clip(step + push, -REACH * unit, REACH * unit)
        there = points[-1] + step
        points.append(np.clip(last - np.abs(last - np.abs(there)), 0, last))
        step = np.where((there < 0) | (there > last), -step, step)
    starts, ends = np.stack(points[:-1], axis=2), np.stack(points[1:], axis=2)  # (N, strokes, segments, 2)
    drawn = np.arange(SEGMENTS) < segments[:, :, None]
    radii = np.broadcast_to(radius[:, :, None], drawn.shape)
    shapes = [
        _near_segments(start[some], end[some], thick[some], size).any(axis=0)
        for some, start, end, thick in zip(drawn, starts, ends, radii, strict=True)
    ]
    return np.array(shapes, dtype=bool).reshape(-1, *size)


def folder(draws: np.ndarray, size: tuple[int, int], holes: Holes) -> np.ndarray:
    """Take a mask of the folder: a random part of at least half its sides, mirrored or not.

    The whole mask is taken if the part is empty or full.
    """
    assert holes.masks is not None
    masks = holes.masks[np.floor(draws[:, 4] * len(holes.masks)).astype(np.int64)]
    masks = np.unpackbits(masks, axis=2, count=masks.shape[1] * size[1] // size[0]).view(bool)
    filled = _cut(masks, size, 0.5 + 0.5 * draws[:, 5], draws[:, 6:10])
    useless = ~filled.any(axis=(1, 2)) | filled.all(axis=(1, 2))
    filled[useless] = _cut(masks[useless], size, np.ones(useless.sum()), draws[useless, 6:10])
    for number in np.flatnonzero(~filled.any(axis=(1, 2))):  # specks that no sampled pixel meets
        rows, columns = (np.arange(length) * have // length for length, have in zip(size, masks.shape[1:], strict=True))
        filled[number] = np.logical_or.reduceat(np.logical_or.reduceat(masks[number], rows, axis=0), columns, axis=1)
    return filled


def spread(draws: np.ndarray, size: tuple[int, int], holes: Holes) -> np.ndarray:
    """Draw a rectangle of any area up to `SPREAD` of the image, as often inside as at one side as in a corner.

    It is for figures by area and by place; the sides of `Holes` have no effect.
    """
    lengths = np.array(size)
    touched = np.floor(3 * draws[:, 4]).astype(np.int64)  # how many sides of the image it touches
    axis, far = np.divmod(np.floor(4 * draws[:, 5]).astype(np.int64), 2)
    touches = (touched[:, None] == 2) | ((touched == 1)[:, None] & (axis[:, None] == np.arange(2)))  # along each axis
    most = np.maximum(1, lengths - np.where(touches, 1, 2))
    area = SPREAD * draws[:, 0] * size[0] * size[1]
    height = np.sqrt(area * 4 ** (draws[:, 1] - 0.5) * size[0] / size[1])  # between half and twice the image's shape
    height = np.clip(np.maximum(height, area / most[:, 1]).round(), 1, most[:, 0])
    width = np.clip((area / height).round(), 1, most[:, 1])
    sides = np.stack([height, width], axis=1).astype(np.int64)
    free = np.maximum(1, lengths - sides - 1)  # places that touch neither end
    inside = np.minimum(1 + np.floor(draws[:, 2:4] * free).astype(np.int64), lengths - sides)
    row_far = np.where(touched == 2, np.floor(2 * draws[:, 6]).astype(np.int64), far)
    corners = np.where(touches, np.stack([row_far, far], axis=1) * (lengths - sides), inside)
    return _inside(np.concatenate([corners, corners + sides], axis=1), size)


LOBES = 3  # ellipses of an object


def object_like(draws: np.ndarray, size: tuple[int, int], holes: Holes) -> np.ndarray:
    """Draw a shape like an object: overlapping ellipses in one box, each of which holds the box's centre."""
    boxes = _boxes(draws[:, 0:4], size, holes.sides)
    lengths = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64)
    middle = (boxes[:, 2:] + boxes[:, :2] - 1) / 2
    own = draws[:, 5 : 5 + 4 * LOBES].reshape(-1, LOBES, 4)
    filled = np.zeros((len(draws), *size), dtype=bool)
    for lobe in range(LOBES):
        radii = np.maximum(0.75, lengths * (0.2 + 0.25 * own[:, lobe, 0:2]))
        # At most 0.7 radii from the centre along each axis, which keeps it inside, and no further than the box's edge.
        reach = np.minimum(0.7 * radii, lengths / 2 - radii).clip(0)
        centre = middle + (2 * own[:, lobe, 2:4] - 1) * reach
        rows, columns = (
            ((np.arange(length) - centre[:, [axis]]) / radii[:, [axis]]).astype(np.float32) ** 2
            for axis, length in enumerate(size)
        )
        filled |= rows[:, :, None] + columns[:, None, :] <= 1
    return filled


# A kind draws holes (N, H, W) bool from uniform numbers (N, 67), the size (H, W) and the settings. Four numbers are of
# stream 0, the others of the stream SHAPE, without its first.
Kind = Callable[[np.ndarray, tuple[int, int], Holes], np.ndarray]
KINDS: dict[str, Kind] = dict(
    zip(HOLE_KINDS, (rectangle, rectangles, border, strokes, folder, spread, object_like), strict=True)
)


def read_masks(place: str, size: tuple[int, int], invert: bool | None = None) -> np.ndarray:
    """Read the masks of a folder, nested or not, at twice the size that training needs.

    Files that cannot be read, and masks that have no hole or nothing else at `size`, are left out with a warning.

    Args:
        place: a folder of pictures, white = hole.
        size: height and width of the training images, px.
        invert: take black as the hole, or white without asking; None asks where most masks are probably inverted.

    Returns:
        (M, 2H, 2W / 8) uint8, the bits of a row packed.

    Raises:
        ValueError: no folder, no mask in it, or masks that are mostly hole, unless `invert` says what they mean.
    """
    folder = Path(place).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{place} is no folder here; give one with pictures of masks in it, white = hole")
    masks, left_out = [], []
    inverted = 0
    height, width = 2 * size[0], 2 * size[1]
    for path in sorted(visible_files(folder, set(), [])):
        try:
            with Image.open(path) as picture:
                mask = picture.resize((width, height), Image.Resampling.NEAREST)
            hole = contract.unpack(np.zeros((height, width), dtype=np.uint8), mask)[1][0] != bool(invert)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            left_out.append(f"{path.name} cannot be read as a mask")
            continue
        share = hole[1::2, 1::2].mean()
        if 0 < share < 1:
            masks.append(np.packbits(hole, axis=1))
            frame = np.concatenate([hole[0], hole[-1], hole[:, 0], hole[:, -1]])
            inverted += share > MOSTLY_HOLE and frame.mean() > FRAME_HOLE
        else:
            left_out.append(f"{path.name} has {'nothing but' if share else 'no'} hole")
    if left_out:
        more = " ..." if len(left_out) > 20 else ""
        warnings.warn(f"{len(left_out)} files in {place} are left out: {', '.join(left_out[:20])}{more}", stacklevel=2)
    if not masks:
        raise ValueError(f"{place} has no mask with both hole and known pixels; put such pictures there, white = hole")
    if invert is None and inverted > len(masks) / 2:
        raise ValueError(
            f"{inverted} of the {len(masks)} masks in {place} mark most of the image and its frame, so they are"
            " probably inverted; white is filled: --invert_masks takes black as the hole, --no-invert_masks takes white"
            " all the same"
        )
    return np.stack(masks)


def _boxes(
    draws: np.ndarray, size: tuple[int, int], sides: tuple[int, int], parts: np.ndarray | None = None
) -> np.ndarray:
    """Boxes (N, 4) int64: top, left, bottom, right (exclusive); with `parts` (N,) each has that part of the area."""
    lengths = sides[0] + np.floor(draws[:, 0:2] * (sides[1] - sides[0] + 1)).astype(np.int64)
    if parts is not None:
        lengths = np.maximum(1, lengths / np.sqrt(parts)[:, None]).astype(np.int64)
    corners = np.floor(draws[:, 2:4] * (np.array(size) - lengths + 1)).astype(np.int64)
    return np.concatenate([corners, corners + lengths], axis=1)


def _inside(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Masks (N, H, W) bool, True inside each of `boxes` (N, 4)."""
    top, left, bottom, right = boxes.T[:, :, None]
    rows, columns = np.arange(size[0]), np.arange(size[1])
    return ((rows >= top) & (rows < bottom))[:, :, None] & ((columns >= left) & (columns < right))[:, None, :]


def _near_segments(start: np.ndarray, end: np.ndarray, radius: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Masks (N, H, W) bool of the pixels within `radius` (N,) of the segments from `start` to `end` (N, 2).

    It has no sines, so that it is fast and gives the same on every machine.
    """
    along = end - start
    square = np.maximum((along**2).sum(axis=1), 1e-9)
    offsets = [np.arange(length) - start[:, [axis]] for axis, length in enumerate(size)]  # (N, H) and (N, W)
    shares = [(part * along[:, [axis]] / square[:, None]).astype(np.float32) for axis, part in enumerate(offsets)]
    squares = [(part**2).astype(np.float32) for part in offsets]
    share = shares[0][:, :, None] + shares[1][:, None, :]  # the position of the nearest point, 0 at start, 1 at end
    nearest = share.clip(0, 1)
    gain = nearest * (2 * share - nearest) * square.astype(np.float32)[:, None, None]
    return squares[0][:, :, None] + squares[1][:, None, :] - gain <= radius.astype(np.float32)[:, None, None] ** 2


def _cut(masks: np.ndarray, size: tuple[int, int], share: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Parts (N, H, W) of masks (N, 2H, 2W): `share` (N,) of each side, placed and mirrored by four draws."""
    index = []
    for axis, length in enumerate(size):
        cut = np.floor(share * masks.shape[1 + axis]).astype(np.int64)
        start = np.floor(draws[:, axis] * (masks.shape[1 + axis] - cut + 1)).astype(np.int64)
        places = start[:, None] + (2 * np.arange(length) + 1) * cut[:, None] // (2 * length)
        index.append(np.where(draws[:, [2 + axis]] < 0.5, places[:, ::-1], places))
    return masks[np.arange(len(masks))[:, None, None], index[0][:, :, None], index[1][:, None, :]]
