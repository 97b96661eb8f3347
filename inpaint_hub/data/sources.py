"""Images by name or folder: the rows of a data set, not yet decoded, and the pictures in them."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image

from ..imaging.contract import DEEP, unpack

if TYPE_CHECKING:
    from datasets import Dataset

Item = TypeVar("Item")
Result = TypeVar("Result")

# What a plain folder of images is searched for; what Pillow cannot open of it (HEIC) is named, not passed over.
PICTURES = {
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
    ".pbm", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp",
}  # fmt: skip
# A folder with one of these is a data set that `datasets` knows how to read; without images, with one of those too.
PACKED = {".parquet", ".arrow", ".zip", ".tar"}
LISTED = {"metadata.csv", "metadata.jsonl"}
TABLES = PACKED | {".csv", ".json", ".jsonl", ".tsv"}
# Folders at the top of a plain folder that hold a split of their own, as `datasets` would call them.
SPLIT_FOLDERS = {
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
AHEAD = 64  # pictures being decoded while one is used


def load(name: str, image_column: str | None = None, streaming: bool = False) -> dict[str, Any]:
    """Every split of a source by its name, each with the one column "image": bytes and path, not decoded.

    `name` is an id on the Hub, a folder of images, or a folder that `datasets` can load. The splits are
    of the type `Dataset`, or with `streaming` an `IterableDataset`, of which nothing is read yet. Raises
    `ValueError` and `OSError` where there is nothing to read, in a sentence.
    """
    from datasets import Dataset, DatasetDict, load_dataset, load_from_disk
    from datasets.exceptions import DatasetsError

    folder = Path(name).expanduser()
    if not folder.is_dir() and (name.count("/") != 1 or name.startswith((".", "/", "~"))):
        raise ValueError(f"{name} is no folder here, and no data set on the Hub, which would be owner/name")
    try:
        if not folder.is_dir():
            splits = load_dataset(name, streaming=streaming)
        elif (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
            splits = load_from_disk(str(folder))
            splits = splits if isinstance(splits, DatasetDict) else {"train": splits}
        else:
            splits = _plain(folder) or load_dataset(str(folder), streaming=streaming)
    except DatasetsError as error:
        raise ValueError(f"it cannot be loaded: {reason(error)}") from error
    if streaming:
        splits = {
            split: rows.to_iterable_dataset() if isinstance(rows, Dataset) else rows for split, rows in splits.items()
        }
    return {split: _only_images(rows, name, image_column) for split, rows in splits.items()}


def reason(error: Exception) -> str:
    """What an error of reading a data set says, in a sentence."""
    from datasets.exceptions import DatasetsError
    from datasets.table import CastError

    cause = error.__cause__ if isinstance(error, DatasetsError) and error.__cause__ else error
    if isinstance(cause, CastError):
        some, others = (", ".join(names) for names in (cause.table_column_names, cause.requested_column_names))
        return f"one file has the columns '{some}', another '{others}'; give files with the same ones"
    return str(cause).split("\n", 1)[0]


def _plain(folder: Path) -> dict[str, Dataset] | None:
    """The splits of a folder of image files, nested or not; None if it holds a data set of another kind.

    `datasets` would read captions instead of images where there are more of them, only the one file
    where its name says "test", and nothing where the folder's own name has brackets.
    """
    from datasets import Dataset, Features
    from datasets import Image as ImageFeature

    files = list(_visible(folder))
    kinds = {path.suffix.lower() for path in files}
    if not files:
        raise ValueError(f"{folder} is an empty folder; put images into it, or Parquet files with an image column")
    if kinds & PACKED or any(path.name in LISTED for path in files):
        return None
    if not kinds & (PICTURES | TABLES):
        raise ValueError(f"{folder} has {len(files)} files, but none that is an image by its name, as .jpg or .png")
    pictures: dict[str, list[str]] = {}
    for path in sorted(path for path in files if path.suffix.lower() in PICTURES):
        top = path.relative_to(folder).parts[0].lower()
        pictures.setdefault(SPLIT_FOLDERS.get(top, "train"), []).append(str(path))
    kind = Features({"image": ImageFeature(decode=False)})
    return {split: Dataset.from_dict({"image": paths}, kind) for split, paths in pictures.items()} or None


def _visible(folder: Path) -> Iterator[Path]:
    """Every file under the folder, links followed, but for hidden ones and those in hidden folders."""
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in files if not name.startswith("."))


def _only_images(rows: Any, name: str, image_column: str | None) -> Any:
    """The rows with the one column "image", not decoded."""
    from datasets import Image as ImageFeature

    columns = rows.column_names or []
    if image_column is None:
        pictured = [column for column in columns if isinstance(rows.features[column], ImageFeature)]
        named = [column for column in ("image", "img") if column in columns]
        image_column = next(iter(pictured + named), None)
    if image_column not in columns:
        raise ValueError(f"{name} has the columns {', '.join(columns)}; say with --image_column which holds the images")
    rows = rows.select_columns(image_column).cast_column(image_column, ImageFeature(decode=False))
    return rows if image_column == "image" else rows.rename_column(image_column, "image")


def title(row: dict[str, Any], number: int | str, name: str) -> str:
    """What a row is called where it has to be named: its file, within the folder `name`, or its number."""
    path = (row["image"] or {}).get("path")
    if not path:
        return f"row {number}"
    folder = Path(name).expanduser()
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else str(path)


def picture(row: dict[str, Any]) -> Image.Image | None:
    """The upright RGB picture of a row, None where it cannot be decoded."""
    from datasets import Image as ImageFeature

    content = _content(row)
    try:
        return _rgb(ImageFeature().decode_example({"path": None, "bytes": content}))
    except Exception:  # Pillow raises what the damage happens to cause
        return None


def short_side(row: dict[str, Any]) -> int | None:
    """The short side of a row's picture in px, None where the head of its file does not say; nothing is decoded."""
    try:
        with Image.open(BytesIO(_content(row))) as opened:
            return min(opened.size)
    except Exception:  # as above
        return None


def _content(row: dict[str, Any]) -> bytes:
    """The bytes of a row's file, none where there is no such file. A broken connection is an error, though."""
    value = row["image"] or {}
    content, path = value.get("bytes"), value.get("path")
    if content is not None or not path:
        return content or b""
    if "://" in path:
        import fsspec

        with fsspec.open(path) as file:
            return bytes(file.read())
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _rgb(picture: Image.Image) -> Image.Image:
    """The picture in 8-bit RGB: 16 bits scaled, not cut off at 255, and what is transparent shown on white."""
    if picture.mode == "F" or picture.mode in DEEP:
        values, _ = unpack(picture, np.zeros(picture.size[::-1], dtype=bool))
        return Image.fromarray(np.rint(values[0] * 255).astype(np.uint8))
    if picture.has_transparency_data:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return picture.convert("RGB")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work(item)` of each, in order, on all cores: Pillow decodes and scales without the interpreter's lock."""
    items = iter(items)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = deque(pool.submit(work, item) for item in itertools.islice(items, AHEAD))
        while waiting:
            done = waiting.popleft()
            waiting.extend(pool.submit(work, item) for item in itertools.islice(items, 1))
            yield done.result()
