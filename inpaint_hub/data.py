"""A data set by name or folder, split once and for all, and batches that start at any image number.

The split is decided by a hash of each image's decoded pixels: it does not depend on the order in
which a source lists its images, and a duplicate never straddles two splits. A source that holds out
validation images itself is taken at its word.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
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


class Images(NamedTuple):
    """The splits of a data set: `train` any number of (3, H, W), the others (N, 3, S, S), all uint8."""

    train: Sequence[Tensor] | Tensor
    validation: Tensor
    test: Tensor


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
    fraction of the short side need.

    Raises `ValueError` where there is nothing to read, or too little for three splits.
    """
    keyed: dict[str, list[tuple[bytes, np.ndarray]]] = {split: [] for split in SPLITS}
    unreadable = []
    sources = _load(name)
    held_out = {"test"} & {*sources} if "validation" in sources else set()
    for number, source, picture in _pictures(sources, name, image_column, progress):
        if picture is None:
            unreadable.append(number)
            continue
        key = digest(picture, seed)
        split = _split_of(key, SPLITS)
        if "validation" in sources:
            split = source if source in held_out else "train"
            if source == "validation":
                split = source if held_out else _split_of(key, {"validation": 0.5, "test": 0.5})
        whole = split == "train" and crop_min < 1
        pixels = _scaled(picture, round(resolution / crop_min)) if whole else _square(picture, resolution)
        keyed[split].append((key, pixels))
    if unreadable:
        warnings.warn(
            f"{len(unreadable)} images of {name} cannot be decoded and are left out: rows "
            + ", ".join(map(str, unreadable[:20]))
            + (" ..." if len(unreadable) > 20 else ""),
            stacklevel=2,
        )
    for split, members in keyed.items():
        if not members:
            count = sum(map(len, keyed.values()))
            raise ValueError(
                f"{name} has {count} readable images, which leaves none for {split}; it needs a few hundred"
            )
        members.sort(key=lambda member: member[0])
    tensors = {split: [_tensor(pixels) for _, pixels in members] for split, members in keyed.items()}
    train = tensors["train"] if crop_min < 1 else torch.stack(tensors["train"])
    return Images(train, torch.stack(tensors["validation"]), torch.stack(tensors["test"]))


def digest(picture: Image.Image, seed: int) -> bytes:
    """A hash of the picture's size and RGB pixels, keyed with the seed."""
    key = hashlib.blake2b(digest_size=16, key=seed.to_bytes(8, "little"))
    key.update(f"{picture.width}x{picture.height}".encode())
    key.update(picture.tobytes())
    return key.digest()


def _split_of(key: bytes, shares: dict[str, float]) -> str:
    place = int.from_bytes(key[:8], "big") / 2**64
    for split, share in shares.items():
        place -= share
        if place < 0:
            return split
    return split  # the last one takes what rounding leaves


def _pictures(
    sources: dict[str, Dataset], name: str, image_column: str | None, progress: bool
) -> Iterator[tuple[int, str, Image.Image | None]]:
    """Every row's number, its own split, and its upright RGB picture, None where it cannot be decoded."""
    from datasets import concatenate_datasets
    from tqdm.auto import tqdm

    rows = concatenate_datasets([_only_images(rows, name, image_column) for rows in sources.values()])
    origins = [source for source, rows in sources.items() for _ in range(len(rows))]
    for number in tqdm(range(len(rows)), "decode", unit=" images", unit_scale=True, disable=not progress, leave=False):
        try:
            yield number, origins[number], rows[number]["image"].convert("RGB")
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            yield number, origins[number], None


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


def _scaled(picture: Image.Image, short_side: int) -> np.ndarray:
    """(H, W, 3) uint8: the whole picture, made smaller until its short side is `short_side` px, never larger."""
    scale = short_side / min(picture.size)
    if scale < 1:
        width, height = (max(short_side, round(length * scale)) for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


class Batch(NamedTuple):
    """Consecutive images of a run: (N, 3, S, S) in 0..1, and the box (N, 4) int64 of each one's hole."""

    images: Tensor
    boxes: Tensor


def training_batch(
    images: Sequence[Tensor] | Tensor,
    first: int,
    count: int,
    *,
    seed: int,
    resolution: int,
    hole_sides: tuple[int, int],
    crop_min: float = 1.0,
    flip: bool = False,
) -> Batch:
    """The images number first .. first + count of a run over `images`, with their holes.

    Epoch after epoch is one endless sequence, a new order in each; everything is a function of
    (seed, number of the image). Below 1, `crop_min` is the smallest crop as a fraction of the
    image's short side: its logarithm is uniform up to the whole side, its place too, and the crop is
    scaled to `resolution`.
    """
    epochs, places = np.divmod(np.arange(first, first + count), len(images))
    rows = np.concatenate([permutation(seed, int(n), len(images))[places[epochs == n]] for n in np.unique(epochs)])
    draws = uniforms(seed, first, count)
    if crop_min < 1:
        batch = torch.cat(
            [crop(images[row], draw[5:8], crop_min, resolution) for row, draw in zip(rows, draws, strict=True)]
        )
    else:
        assert isinstance(images, Tensor)
        batch = images[torch.from_numpy(rows)].float() / 255
    if flip:
        mirrored = torch.from_numpy(draws[:, 4] < 0.5)[:, None, None, None]
        batch = torch.where(mirrored, batch.flip(3), batch)
    return Batch(batch, rectangles(draws, resolution, *hole_sides))


def crop(image: Tensor, draws: np.ndarray, crop_min: float, resolution: int) -> Tensor:
    """(1, 3, resolution, resolution) in 0..1: a square of (3, H, W) uint8; three `draws` give size and place."""
    height, width = image.shape[1:]
    side = round(min(height, width) * crop_min ** (1 - draws[0]))
    top, left = int(draws[1] * (height - side + 1)), int(draws[2] * (width - side + 1))
    square = image[None, :, top : top + side, left : left + side].float() / 255
    return F.interpolate(square, (resolution, resolution), mode="bilinear", antialias=True)


def mean_color(images: Sequence[Tensor] | Tensor) -> tuple[float, float, float]:
    """The mean RGB in 0..1 of (3, H, W) uint8 images, each pixel counted the same."""
    sums = torch.stack([image.sum(dim=(1, 2), dtype=torch.float64) for image in images]).sum(dim=0)
    pixels = sum(image.shape[1] * image.shape[2] for image in images)
    means: Any = [round(total / pixels / 255, 4) for total in sums.tolist()]
    return tuple(means)
