"""A data set by name or folder, split once and for all, and batches that start at any image number.

The split is decided by a hash of each image's decoded pixels: it does not depend on the order in
which a source lists its images, and a duplicate never straddles two splits.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from .holes import permutation, rectangles, uniforms

if TYPE_CHECKING:
    from datasets import Dataset

SPLITS = {"train": 0.90, "validation": 0.05, "test": 0.05}  # of all images (paper, Section IV)

# What is known of the terms of the data sets that presets name; others' are for --data_terms to say.
TERMS = {
    "uoft-cs/cifar10": (
        "CIFAR-10 was collected by A. Krizhevsky, V. Nair and G. Hinton and published for research without an explicit"
        " licence; cite A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009."
    ),
}


def split_images(
    name: str, resolution: int, seed: int, image_column: str | None = None, progress: bool = True
) -> dict[str, Tensor]:
    """The images of a data set: "train", "validation" and "test", each (N, 3, resolution, resolution) uint8.

    `name` is an id on the Hub, a folder of images, or a folder that `datasets` can load. All of its
    own splits are put together and split anew, 90 / 5 / 5. Images are scaled to `resolution` px on
    the short side and cut to their centre square; all are held in memory. A split is in the order
    of its hashes, the same on every machine.

    Raises `ValueError` where there is nothing to read, or too little for three splits.
    """
    keyed: dict[str, list[tuple[bytes, np.ndarray]]] = {split: [] for split in SPLITS}
    unreadable = []
    for number, picture in _pictures(name, image_column, progress):
        if picture is None:
            unreadable.append(number)
            continue
        key = digest(picture, seed)
        keyed[_split_of(key)].append((key, _square(picture, resolution)))
    if unreadable:
        warnings.warn(
            f"{len(unreadable)} images of {name} cannot be decoded and are left out, the first is row {unreadable[0]}",
            stacklevel=2,
        )
    for split, members in keyed.items():
        if not members:
            count = sum(map(len, keyed.values()))
            raise ValueError(
                f"{name} has {count} readable images, which leaves none for {split}; it needs a few hundred"
            )
        members.sort(key=lambda member: member[0])
    return {split: _stack([pixels for _, pixels in members]) for split, members in keyed.items()}


def digest(picture: Image.Image, seed: int) -> bytes:
    """A hash of the picture's size and RGB pixels, keyed with the seed."""
    key = hashlib.blake2b(digest_size=16, key=seed.to_bytes(8, "little"))
    key.update(f"{picture.width}x{picture.height}".encode())
    key.update(picture.tobytes())
    return key.digest()


def _split_of(key: bytes) -> str:
    place = int.from_bytes(key[:8], "big") / 2**64
    for split, share in SPLITS.items():
        place -= share
        if place < 0:
            return split
    return split  # the last one takes what rounding leaves


def _pictures(name: str, image_column: str | None, progress: bool) -> Iterator[tuple[int, Image.Image | None]]:
    """Every row's number and upright RGB picture, None where it cannot be decoded."""
    from datasets import concatenate_datasets
    from tqdm.auto import tqdm

    splits = _load(name)
    rows = concatenate_datasets([_only_images(split, name, image_column) for split in splits.values()])
    for number in tqdm(range(len(rows)), "decode", unit=" images", unit_scale=True, disable=not progress, leave=False):
        try:
            yield number, rows[number]["image"].convert("RGB")
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            yield number, None


def _load(name: str) -> dict[str, Dataset]:
    from datasets import DatasetDict, load_dataset, load_from_disk

    folder = Path(name).expanduser()
    if not folder.is_dir():
        if name.count("/") != 1 or name.startswith((".", "/", "~")):
            raise ValueError(f"{name} is no folder here, and no data set on the Hub, which would be owner/name")
        return load_dataset(name)
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        loaded = load_from_disk(str(folder))
        return loaded if isinstance(loaded, DatasetDict) else {"train": loaded}
    if not any(path.is_file() and not path.name.startswith(".") for path in folder.rglob("*")):
        raise ValueError(f"{name} is an empty folder; put images into it, or Parquet files with an image column")
    return load_dataset(str(folder))


def _only_images(split: Dataset, name: str, image_column: str | None) -> Dataset:
    """The split with the one column "image", a picture where it can be decoded."""
    from datasets import Image as ImageFeature

    columns = split.column_names
    if image_column is None:
        pictured = [column for column in columns if isinstance(split.features[column], ImageFeature)]
        named = [column for column in ("image", "img") if column in columns]
        image_column = next(iter(pictured + named), None)
    if image_column not in columns:
        raise ValueError(f"{name} has the columns {', '.join(columns)}; say with --image_column which holds the images")
    split = split.select_columns(image_column).cast_column(image_column, ImageFeature(mode="RGB"))
    return split if image_column == "image" else split.rename_column(image_column, "image")


def _square(picture: Image.Image, side: int) -> np.ndarray:
    """(side, side, 3) uint8: the centre of the picture, its short side scaled to `side` px."""
    if picture.size != (side, side):
        scale = side / min(picture.size)
        width, height = (max(side, round(length * scale)) for length in picture.size)
        left, top = (width - side) // 2, (height - side) // 2
        picture = picture.resize((width, height), Image.Resampling.LANCZOS).crop((left, top, left + side, top + side))
    return np.asarray(picture)


def _stack(pixels: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()


class Batch(NamedTuple):
    """Consecutive images of a run: (N, 3, S, S) in 0..1, and the box (N, 4) int64 of each one's hole."""

    images: Tensor
    boxes: Tensor


def training_batch(
    images: Tensor, first: int, count: int, *, seed: int, hole_sides: tuple[int, int], flip: bool
) -> Batch:
    """The images number first .. first + count of a run over `images` (N, 3, S, S) uint8, with their holes.

    Epoch after epoch is one endless sequence, a new order in each; everything is a function of
    (seed, number of the image).
    """
    epochs, places = np.divmod(np.arange(first, first + count), len(images))
    rows = np.concatenate([permutation(seed, int(n), len(images))[places[epochs == n]] for n in np.unique(epochs)])
    draws = uniforms(seed, first, count)
    batch = images[torch.from_numpy(rows)]
    if flip:
        mirrored = torch.from_numpy(draws[:, 4] < 0.5)[:, None, None, None]
        batch = torch.where(mirrored, batch.flip(3), batch)
    return Batch(batch.float() / 255, rectangles(draws, images.shape[2], *hole_sides))


def mean_color(images: Tensor) -> tuple[float, float, float]:
    """The mean RGB of (N, 3, S, S) uint8 images, in 0..1."""
    means: Any = [round(images[:, channel].double().mean().item() / 255, 4) for channel in range(3)]
    return tuple(means)
