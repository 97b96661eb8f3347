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
from .rng import permutation, uniforms
from .sources import in_threads, load, picture, short_side, title

SPLITS = {"train": 0.90, "validation": 0.05, "test": 0.05}  # of all images (paper, Section IV)
LOOKED_AT = 200  # pictures whose size is read before any is decoded

# What is known of the terms of the data sets that presets name; others' are for --data_terms to say.
TERMS = {
    "uoft-cs/cifar10": (
        "CIFAR-10 was collected by A. Krizhevsky, V. Nair and G. Hinton and published for research without an explicit"
        " licence; cite A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009."
    ),
}


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
    def at_hand(self) -> InMemory:
        """Those that can be had at any time: all of them."""
        return self


class Training(Protocol):
    """What training images can do, all in memory or a stream."""

    def take(self, first: int, count: int) -> Sequence[Tensor] | Tensor: ...

    @property
    def count(self) -> int | None: ...

    @property
    def at_hand(self) -> InMemory: ...


class Images(NamedTuple):
    """The splits of a data set: `validation` and `test` are (N, 3, S, S) uint8."""

    train: Training
    validation: Tensor
    test: Tensor
    unreadable: dict[str, None]  # what could not be decoded and is left out, by file name or row, in order
    enlarged: int = 0  # images whose short side was below S
    read: int | None = None  # rows of a stream that were read to find those of validation and test

    def remarks(self) -> list[str]:
        """A sentence for each thing about the images that should be known."""
        said = []
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

    name: str
    sources: frozenset[str]
    resolution: int
    seed: int
    crop_min: float

    def __call__(self, numbered: tuple[int | str, str, dict[str, Any]]) -> Member | str:
        number, source, row = numbered
        shown = picture(row)
        if shown is None:
            return title(row, number, self.name)
        key = digest(shown, self.seed)
        split = split_of(source, key, self.sources)
        whole = split == "train" and self.crop_min < 1
        side = round(self.resolution / self.crop_min)
        pixels = _scaled(shown, side) if whole else _square(shown, self.resolution)
        return Member(split, key, pixels, min(shown.size))


def split_images(
    name: str,
    resolution: int,
    seed: int,
    image_column: str | None = None,
    progress: bool = True,
    crop_min: float = 1.0,
) -> Images:
    """The images of a data set, all held in memory: scaled to `resolution` px on the short side, cut to the centre.

    `name` is an id on the Hub, a folder of images, or a folder that `datasets` can load. All of its
    own splits are put together and split anew, 90 / 5 / 5 (paper, Section IV). But if one of them is
    called validation, what it and a test split hold is never trained on; without the latter the
    former is halved. A split is in the order of its hashes, the same on every machine. With
    `crop_min` below 1 the training images keep their shape, and the size that crops of that
    fraction of the short side need. What cannot be decoded is left out, and named.

    Raises `ValueError` where there is nothing to read, too little for three splits, or where most
    images are smaller than `resolution`.
    """
    from tqdm.auto import tqdm

    sources = load(name, image_column)
    total = sum(map(len, sources.values()))
    every = max(1, total // LOOKED_AT)
    refuse_small((some[n] for some in sources.values() for n in range(0, len(some), every)), resolution)
    reader = Reader(name, frozenset(sources), resolution, seed, crop_min)
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
    splits = by_split(members, SPLITS, len(members), name, unreadable)
    train = InMemory(splits["train"] if crop_min < 1 else torch.stack(splits["train"]), seed)
    enlarged = sum(member.short_side < resolution for member in members)
    return Images(train, torch.stack(splits["validation"]), torch.stack(splits["test"]), unreadable, enlarged)


def by_split(
    members: list[Member], splits: Iterable[str], count: int, name: str, unreadable: Iterable[str]
) -> dict[str, list[Tensor]]:
    """The images (3, H, W) of each of the splits, in the order of their hashes.

    Raises `ValueError` if one has none, saying how many of `count` images of `name` could be read.
    """
    members = sorted(members, key=lambda member: member.key)
    tensors = {split: [tensor(member.pixels) for member in members if member.split == split] for split in splits}
    for split, some in tensors.items():
        if not some:
            named = f" (not {', '.join([*unreadable][:5])} ...)" if unreadable else ""
            raise ValueError(
                f"{name} has {count} readable images{named}, which leaves none for {split}; it needs a few hundred"
            )
    return tensors


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


def _square(picture: Image.Image, side: int) -> np.ndarray:
    """(side, side, 3) uint8: the centre of the picture, its short side scaled to `side` px."""
    if picture.size != (side, side):
        scale = side / min(picture.size)
        width, height = (max(side, round(length * scale)) for length in picture.size)
        left, top = (width - side) // 2, (height - side) // 2
        picture = picture.resize((width, height), Image.Resampling.LANCZOS).crop((left, top, left + side, top + side))
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
    """Consecutive images of a run (N, 3, S, S) in 0..1, a hole in each (N, 1, S, S) bool, the box (N, 4) around it."""

    images: Tensor
    holes: Tensor
    boxes: Tensor


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
    return Batch(batch, where, bounding_boxes(where))


def crop(image: Tensor, draws: np.ndarray, crop_min: float, resolution: int) -> Tensor:
    """(1, 3, resolution, resolution) in 0..1: a square of (3, H, W) uint8; three `draws` give size and place."""
    height, width = image.shape[1:]
    short = min(height, width)
    side = round(short * max(crop_min, min(1.0, resolution / short)) ** (1 - draws[0]))
    top, left = int(draws[1] * (height - side + 1)), int(draws[2] * (width - side + 1))
    square = image[None, :, top : top + side, left : left + side].float() / 255
    return F.interpolate(square, (resolution, resolution), mode="bilinear", antialias=True)


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
