"""A data set by name or folder, split once and for all, and batches that start at any image number.

The split is decided by a hash of each image's decoded pixels: it does not depend on the order in
which a source lists its images, and a duplicate never straddles two splits. A source that holds out
validation images itself is taken at its word.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .holes import Holes, bounding_boxes
from .rng import AUGMENTATION, permutation, uniforms
from .sources import DatasetConfig, in_threads, load, picture, short_side, title

SPLITS = {"train": 0.90, "validation": 0.05, "test": 0.05}  # of all images (paper, Section IV)
LOOKED_AT = 200  # pictures whose size is read before any is decoded

# What is known of the terms of the data sets that presets name; others' are for --data_terms to say.
TERMS = {
    "uoft-cs/cifar10": (
        "CIFAR-10 was collected by A. Krizhevsky, V. Nair and G. Hinton and published for research without an explicit"
        " licence; cite A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009."
    ),
}
TEST_ALONE = (
    "the data set has test images and none for validation: all are put together and split anew; a folder or split"
    " validation keeps both apart"
)


@dataclass(frozen=True)
class InMemory:
    """Training images (3, H, W) uint8 that are all held in memory, visited epoch after epoch in a new order each."""

    images: Sequence[Tensor] | Tensor
    seed: int

    def take(self, first: int, count: int) -> Sequence[Tensor] | Tensor:
        """The images number first .. first + count of a run, a function of the seed and these numbers."""
        epochs, places = np.divmod(np.arange(first, first + count), len(self.images))
        orders = {epoch: permutation(self.seed, int(epoch), len(self.images)) for epoch in np.unique(epochs)}
        rows = [orders[epoch][place] for epoch, place in zip(epochs, places, strict=True)]
        return self.images[rows] if isinstance(self.images, Tensor) else [self.images[row] for row in rows]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.images)

    @property
    def buffered(self) -> InMemory:
        """Those that can be had at any time: all of them."""
        return self


class Training(Protocol):
    """What training images can do, all in memory or a stream."""

    def take(self, first: int, count: int) -> Sequence[Tensor] | Tensor: ...

    @property
    def count(self) -> int | None: ...

    @property
    def buffered(self) -> InMemory: ...


class Images(NamedTuple):
    """The splits of a data set: `validation` and `test` are (N, 3, S, S) uint8."""

    train: Training
    validation: Tensor
    test: Tensor
    unreadable: dict[str, None]  # what could not be decoded and is left out, by file name or row, in order
    digest: str  # of the images and their split: two data sets with the same one are the same to a run
    enlarged: int = 0  # images whose short side was below S
    read: int | None = None  # rows of a stream that were read to find those of validation and test
    notes: tuple[str, ...] = ()  # a sentence for whatever else the source holds

    def messages(self) -> list[str]:
        """A sentence for each thing about the images that should be known."""
        said = [*self.notes]
        among = "" if self.read is None else f" among the first {self.read:,} of the stream"
        if self.unreadable:
            named = ", ".join([*self.unreadable][:20]) + (", ..." if len(self.unreadable) > 20 else "")
            said.append(f"images that cannot be decoded and are left out: {len(self.unreadable)} ({named})")
        if self.enlarged:
            said.append(f"images smaller than {self.test.shape[3]} px, which are enlarged: {self.enlarged}{among}")
        if among:
            said.append(f"{len(self.validation)} images for validation and {len(self.test)} for the test{among}")
        return said


class Member(NamedTuple):
    """An image of a split: its hash, and its pixels (H, W, 3) uint8 at the size that training needs."""

    split: str
    key: bytes
    pixels: np.ndarray
    short_side: int  # before it was scaled, px


@dataclass(frozen=True)
class Reader:
    """What becomes of a row, given its number and source: a `Member`, or its title where it cannot be decoded."""

    config: DatasetConfig
    sources: frozenset[str]

    def __call__(self, numbered: tuple[int | str, str, dict[str, Any]]) -> Member | str:
        number, source, row = numbered
        shown = picture(row)
        if shown is None:
            return title(row, number, self.config.name)
        key = digest(shown, self.config.seed)
        split = split_of(source, key, self.sources)
        whole = split == "train" and self.config.crop_min < 1
        side = round(self.config.resolution / self.config.crop_min)
        pixels = _scaled(shown, side) if whole else square(shown, self.config.resolution)
        return Member(split, key, pixels, min(shown.size))


def split_images(config: DatasetConfig, progress: bool = True) -> Images:
    """Read all images of a data set into memory and split them, 90 / 5 / 5 (paper, Section IV).

    Images are scaled to `resolution` px on the short side and cut to the centre. All splits of the source are put
    together and split anew by a hash of the pixels; each of the three has at least one image. But if the source has a
    validation split, what that and a test split hold is never trained on; without a test split the former is halved.
    A split is in the order of its hashes, the same on every machine.

    Args:
        config: the data set. With `crop_min` below 1 the training images keep their shape.
        progress: show a bar.

    Returns:
        The images; what cannot be decoded is left out, and named in `unreadable`.

    Raises:
        ValueError: nothing to read, fewer than three different images, or most of them smaller than `resolution`.
    """
    from tqdm.auto import tqdm

    sources, notes, _ = load(config)
    total = sum(map(len, sources.values()))
    every = max(1, total // LOOKED_AT)
    refuse_small((some[n] for some in sources.values() for n in range(0, len(some), every)), config.resolution)
    reader = Reader(config, frozenset(sources))
    members: list[Member] = []
    unreadable: dict[str, None] = {}
    numbers = itertools.count()
    rows = ((next(numbers), source, row) for source, some in sources.items() for row in some)
    bar = tqdm(total=total, desc="decode", unit=" images", unit_scale=True, disable=not progress, leave=False)
    for found in in_threads(reader, rows):
        bar.update()
        if isinstance(found, Member):
            members.append(found)
        else:
            unreadable[found] = None
    bar.close()
    members = fill_splits(members, config, unreadable, own="validation" in sources)
    splits = {split: [tensor(member.pixels) for member in members if member.split == split] for split in SPLITS}
    return Images(
        InMemory(splits["train"] if config.crop_min < 1 else torch.stack(splits["train"]), config.seed),
        torch.stack(splits["validation"]),
        torch.stack(splits["test"]),
        unreadable,
        digest_of_split(members),
        enlarged=sum(member.short_side < config.resolution for member in members),
        notes=(*notes, *_held_out_notes(sources, members)),
    )


def fill_splits(
    members: list[Member], config: DatasetConfig, unreadable: Iterable[str], own: bool = False
) -> list[Member]:
    """The members in the order of their hashes, moved where a split would be empty; copies of an image stay together.

    Raises `ValueError` for fewer than three different images, and where a source with validation images of its `own`
    has none to train on.
    """
    members = sorted(members, key=lambda member: member.key)
    held_out: set[bytes] = set()
    for split in ("test", "validation", "train") if own else ():  # the source's splits may share an image
        members = [member for member in members if member.split != split or member.key not in held_out]
        held_out |= {member.key for member in members if member.split == split}
    keys = {split: [*dict.fromkeys(some.key for some in members if some.split == split)] for split in SPLITS}
    if sum(map(len, keys.values())) < len(SPLITS):
        named = f" (not {', '.join([*unreadable][:5])} ...)" if unreadable else ""
        raise ValueError(
            f"{config.name} has {len(members)} readable images{named}; it takes three different ones at least, to"
            " train, to validate and to test, and a few hundred to learn from"
        )
    if own and not keys["train"]:
        raise ValueError(f"{config.name} holds images for validation or test alone, and none to train on")
    moved = {}
    for split in SPLITS:
        if not keys[split]:
            others = sorted(keys, key=lambda other: (other != "train") == (split != "train"), reverse=True)
            donor = next(other for other in others if len(keys[other]) > 1)
            moved[keys[donor].pop()] = split
            keys[split] = [b"moved"]
    side = config.resolution
    return [
        member
        if member.key not in moved
        else Member(moved[member.key], member.key, square(Image.fromarray(member.pixels), side), member.short_side)
        for member in members
    ]


def digest_of_split(members: Iterable[Member]) -> str:
    """A hash of the images and of the split that each is in, whatever their names and order."""
    found = hashlib.sha256()
    for split, key in sorted((member.split, member.key) for member in members):
        found.update(split.encode() + key)
    return found.hexdigest()[:16]


def _held_out_notes(sources: dict[str, Any], members: Iterable[Member]) -> list[str]:
    """What a source that has a validation split of its own holds out, and that one with test images alone does not."""
    if "validation" not in sources:
        return [TEST_ALONE] * ("test" in sources)
    counts = {split: sum(member.split == split for member in members) for split in ("validation", "test")}
    own = " and test" if "test" in sources else ""
    return [
        f"the data set has its own validation{own} images, never trained on: {counts['validation']} for validation,"
        f" {counts['test']} for the test"
    ]


def refuse_small(rows: Iterable[dict[str, Any]], resolution: int) -> None:
    """Raise `ValueError` if most of the pictures in these rows would have to be enlarged. Reads only their heads."""
    sides = [side for side in map(short_side, rows) if side is not None]
    small = sum(side < resolution for side in sides)
    if small > len(sides) / 2:
        raise ValueError(
            f"most images are smaller than {resolution} px ({small} of {len(sides)} looked at; half of them have a"
            f" short side of {sorted(sides)[len(sides) // 2]} px or less), and enlarged ones would teach it to blur;"
            " give a smaller --resolution, or larger images"
        )


def digest(picture: Image.Image, seed: int) -> bytes:
    """A hash of the picture's size and RGB pixels, keyed with the seed."""
    key = hashlib.blake2b(digest_size=16, key=seed.to_bytes(8, "little"))
    key.update(f"{picture.width}x{picture.height}".encode())
    key.update(picture.tobytes())
    return key.digest()


def split_of(source: str, key: bytes, sources: frozenset[str]) -> str:
    """The split of an image of `source`, one of the `sources` of its data set, by its hash where they do not say."""
    if "validation" not in sources:
        return _drawn(key, SPLITS)
    if source == "validation" and "test" not in sources:
        return _drawn(key, {"validation": 0.5, "test": 0.5})
    return source if source in ("validation", "test") else "train"


def _drawn(key: bytes, shares: dict[str, float]) -> str:
    place = int.from_bytes(key[:8], "big") / 2**64
    for split, share in shares.items():
        place -= share
        if place < 0:
            return split
    return split  # the last one takes what rounding leaves


def square(picture: Image.Image, side: int, resampling: Image.Resampling = Image.Resampling.LANCZOS) -> np.ndarray:
    """(side, side, ...): the centre of the picture, its short side scaled to `side` px; only what is kept is scaled."""
    if picture.size != (side, side):
        scale = side / min(picture.size)
        lengths = [max(side, round(length * scale)) for length in picture.size]
        starts = [(length - side) // 2 for length in lengths]
        edges = [*starts, *(start + side for start in starts)]
        box = [edge * picture.size[n % 2] / lengths[n % 2] for n, edge in enumerate(edges)]
        picture = picture.resize((side, side), resampling, box=(box[0], box[1], box[2], box[3]))
    return np.asarray(picture)


def _scaled(picture: Image.Image, short_side: int) -> np.ndarray:
    """(H, W, 3) uint8: the whole picture, made smaller until its short side is `short_side` px, never larger."""
    scale = short_side / min(picture.size)
    if scale < 1:
        width, height = (max(short_side, round(length * scale)) for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


class Batch(NamedTuple):
    """Consecutive images of a run.

    Attributes:
        images: (N, 3, S, S) in 0..1.
        holes: (N, 1, S, S) bool, one in each.
        boxes: (N, 4) int64: top, left, bottom, right (exclusive) of each hole, px.
        draws: (N, 8) uniform numbers in 0..1, which decide how DiffAugment changes each image.
    """

    images: Tensor
    holes: Tensor
    boxes: Tensor
    draws: Tensor


def training_batch(
    images: Training,
    first: int,
    count: int,
    *,
    seed: int,
    resolution: int,
    holes: Holes,
    crop_min: float = 1.0,
    flip: bool = False,
) -> Batch:
    """The images number first .. first + count of a run over `images`, with their holes.

    Everything is a function of (seed, number of the image). Below 1, `crop_min` is the smallest crop
    as a fraction of the image's short side: its logarithm is uniform up to the whole side, its place
    too, and the crop is scaled to `resolution`. A crop that would have to be enlarged is taken larger.
    """
    taken, draws = images.take(first, count), uniforms(seed, first, count)
    if crop_min < 1:
        batch = torch.cat(
            [crop(image, draw[5:8], crop_min, resolution) for image, draw in zip(taken, draws, strict=True)]
        )
    else:
        batch = (taken if isinstance(taken, Tensor) else torch.stack([*taken])).float() / 255
        if batch.shape[3] != resolution:
            batch = F.interpolate(batch, (resolution, resolution), mode="bilinear", antialias=True)
    if flip:
        mirrored = torch.from_numpy(draws[:, 4] < 0.5)[:, None, None, None]
        batch = torch.where(mirrored, batch.flip(3), batch)
    where = holes.batch(seed, first, count, (resolution, resolution))
    augmentation = torch.from_numpy(uniforms(seed, first, count, stream=AUGMENTATION)).float()
    return Batch(batch, where, bounding_boxes(where), augmentation)


def crop(image: Tensor, draws: np.ndarray, crop_min: float, resolution: int) -> Tensor:
    """(1, 3, resolution, resolution) in 0..1: a square of (3, H, W) uint8; three `draws` give size and place."""
    height, width = image.shape[1:]
    short = min(height, width)
    side = round(short * max(crop_min, min(1.0, resolution / short)) ** (1 - draws[0]))
    top, left = int(draws[1] * (height - side + 1)), int(draws[2] * (width - side + 1))
    square = image[None, :, top : top + side, left : left + side].float() / 255
    return F.interpolate(square, (resolution, resolution), mode="bilinear", antialias=True)


def downscale_holes(holes: Tensor, side: int) -> Tensor:
    """Scale holes (N, 1, S, S) bool to (N, 1, side, side): what holds a hole pixel is hole."""
    return F.adaptive_max_pool2d(holes.float(), side) > 0


def downscale(images: Tensor, side: int) -> Tensor:
    """Scale square images (N, 3, S, S) uint8 to (N, 3, side, side) uint8."""
    if images.shape[3] == side:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True)


def mean_color(images: Sequence[Tensor] | Tensor) -> tuple[float, float, float]:
    """The mean RGB in 0..1 of (3, H, W) uint8 images, each pixel counted the same."""
    sums = torch.stack([image.sum(dim=(1, 2), dtype=torch.float64) for image in images]).sum(dim=0)
    pixels = sum(image.shape[1] * image.shape[2] for image in images)
    means: Any = [round(total / pixels / 255, 4) for total in sums.tolist()]
    return tuple(means)
