"""Data sets by name or folder: their rows, not yet decoded, and the pictures in them."""

from __future__ import annotations

import itertools
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from ..imaging.contract import MODES_16BIT, unpack
from .image_files import PACKED, TABLES, find_images, split_named

if TYPE_CHECKING:
    from datasets import Dataset

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 64  # pictures being decoded while one is used
CHUNK = 8  # of them that a thread takes at a time
FILE_TYPES = ("string", "large_string", "binary", "large_binary")  # of a column that holds paths, or files
PARQUET_ROWS = 128  # read at a time: a few MB of photos


@dataclass(frozen=True)
class DatasetConfig:
    """Where training images come from, and what becomes of each."""

    name: str  # an id on the Hub, a folder of images, or a folder that `datasets` can load
    resolution: int  # side of the square images, px
    seed: int = 0  # of the split
    crop_min: float = 1.0  # below 1, training images keep the size that crops of this fraction of the short side need
    image_column: str | None = None
    config_name: str | None = None
    revision: str | None = None  # a branch, tag or commit on the Hub
    leave_out: tuple[tuple[str, str], ...] = ()  # folders without training images, each after the flag that names it


class Source(NamedTuple):
    """The rows of every split of a data set, not decoded, with the one column "image": bytes and path."""

    splits: dict[str, Any]
    notes: list[str]  # a sentence for whatever was found and left out
    counts: dict[str, int | None]  # rows of each split, None where the source does not say


def load(config: DatasetConfig, streaming: bool = False) -> Source:
    """Open a data set.

    Args:
        config: `name`, `image_column`, `config_name`, `revision` and `leave_out` of it.
        streaming: read nothing yet.

    Returns:
        The splits, each a `Dataset`, or with `streaming` an `IterableDataset`.

    Raises:
        ValueError: nothing to read, or several things that may be meant.
        OSError: the Hub cannot be reached.
    """
    from datasets import Dataset, DatasetDict, concatenate_datasets, load_dataset, load_from_disk
    from datasets.exceptions import DatasetsError

    folder, options = Path(config.name).expanduser(), {"revision": config.revision, "streaming": streaming}
    notes: list[str] = []
    packed: dict[str, int] = {}  # rows of a stream of local Parquet files
    if not folder.is_dir() and (config.name.count("/") != 1 or config.name.startswith((".", "/", "~"))):
        raise ValueError(f"{config.name} is no folder here, and no data set on the Hub, which would be owner/name")
    try:
        if not folder.is_dir():
            splits = load_dataset(config.name, config.config_name, **options)
        elif (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
            splits = load_from_disk(str(folder))
            splits = splits if isinstance(splits, DatasetDict) else {"train": splits}
        else:
            found = find_images(folder, {flag: Path(place) for flag, place in config.leave_out})
            if found is None:
                _refuse_unsearchable(folder, config.leave_out)
                parquet = _parquet_options(folder)
                splits = load_dataset(str(folder), config.config_name, streaming=streaming, **parquet)
                packed = _parquet_rows(folder) if streaming and parquet else {}
            else:
                splits, notes = {split: _undecoded(paths) for split, paths in found.splits.items()}, found.notes
    except (DatasetsError, ValueError) as error:
        raise ValueError(reason(error)) from error
    found_as: dict[str, list[Any]] = {}  # several spellings of one split, as val and valid, add up
    counts: dict[str, int | None] = {}
    for split, rows in splits.items():
        name, count = split_named(str(split)) or str(split), packed.get(str(split)) or _stated(rows, str(split))
        before = counts.get(name, 0)
        counts[name] = None if count is None or before is None else before + count
        if streaming and isinstance(rows, Dataset):
            rows = rows.to_iterable_dataset()  # which forgets its length
        found_as.setdefault(name, []).append(_only_images(rows, config.name, config.image_column))
    # One alone stays as it is, and so do the places of its stream in a checkpoint.
    joined = {split: some[0] if len(some) == 1 else concatenate_datasets(some) for split, some in found_as.items()}
    return Source(joined, notes, counts)


def _undecoded(paths: list[str]) -> Dataset:
    """A row for each image file."""
    from datasets import Dataset, Features
    from datasets import Image as ImageFeature

    return Dataset.from_dict({"image": paths}, Features({"image": ImageFeature(decode=False)}))


def _parquet_options(folder: Path) -> dict[str, int]:
    """Options of `datasets` for a folder of Parquet files.

    By default it reads as many rows at a time as a file's first row group has, and fails where that is empty. It takes
    no options where a README.md names configurations.
    """
    kinds = {path.suffix.lower() for path in folder.rglob("*")} & (PACKED | TABLES)
    return {"batch_size": PARQUET_ROWS} if kinds == {".parquet"} and not (folder / "README.md").exists() else {}


def _parquet_rows(folder: Path) -> dict[str, int]:
    """The rows of each split of a folder of Parquet files, as their heads say."""
    from datasets import load_dataset_builder
    from pyarrow.parquet import read_metadata

    files = load_dataset_builder(str(folder)).config.data_files
    return {str(split): sum(read_metadata(path).num_rows for path in paths) for split, paths in files.items()}


def _stated(rows: Any, split: str) -> int | None:
    """How many rows there are, None where a stream does not say."""
    from datasets import Dataset

    if isinstance(rows, Dataset):
        return len(rows)
    stated = (rows.info.splits or {}).get(split)
    return stated.num_examples or None if stated else None


def _refuse_unsearchable(folder: Path, leave_out: Sequence[tuple[str, str]]) -> None:
    """Raise `ValueError` where `datasets`, which searches a folder by itself, would read too much or nothing."""
    if "[" in str(folder.resolve()):
        raise ValueError("[ ] in the name of a folder of packed images are read as a pattern; rename the folder")
    for flag, place in leave_out:
        if Path(place).is_dir() and Path(place).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{flag} {place} is inside {folder}, which holds packed images; give a folder elsewhere")


def reason(error: Exception) -> str:
    """What an error of reading a data set says, in a sentence."""
    from datasets.exceptions import DatasetNotFoundError, DatasetsError
    from datasets.table import CastError

    cause = error.__cause__ if isinstance(error, DatasetsError) and error.__cause__ else error
    if isinstance(cause, CastError):
        some, others = (", ".join(names) for names in (cause.table_column_names, cause.requested_column_names))
        return f"one file has the columns '{some}', another '{others}'; give files with the same ones"
    if configurations := re.search(r"available configs?: ?\[(.*?)\]|Available: \[(.*?)\]", str(cause)):
        names = (configurations[1] or configurations[2]).replace("'", "")
        return f"it has the configurations {names}; choose one with --dataset_config_name"
    if isinstance(error, DatasetNotFoundError):
        return f"{_first_line(error)} A private or gated one needs --hub_token, or `hf auth login`."
    return _first_line(cause)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _only_images(rows: Any, name: str, image_column: str | None) -> Any:
    """The rows with the one column "image", not decoded."""
    from datasets import Image as ImageFeature

    columns = rows.column_names or []
    features = rows.features or {}
    pictured = [column for column in columns if _holds_images(features.get(column))]
    if image_column is None and len(pictured) > 1:
        raise ValueError(f"{name} has the image columns {', '.join(pictured)}; choose one with --image_column")
    if image_column is None:
        named = [column for column in ("image", "img") if column in columns]
        image_column = next(iter(pictured + named), None)
    if image_column not in columns:
        raise ValueError(f"{name} has the columns {', '.join(columns)}; say with --image_column which holds the images")
    if image_column not in pictured and getattr(features.get(image_column), "dtype", None) not in FILE_TYPES:
        raise ValueError(
            f"the column {image_column} of {name} holds {_kind(features.get(image_column))}, and not an image a row;"
            f" its image columns are: {', '.join(pictured) or 'none'}"
        )
    rows = rows.select_columns(image_column).cast_column(image_column, ImageFeature(decode=False))
    return rows if image_column == "image" else rows.rename_column(image_column, "image")


def _holds_images(feature: Any) -> bool:
    """Whether a column is of images: by its type, or as other libraries write them, a file's bytes and its path."""
    from datasets import Image as ImageFeature

    return isinstance(feature, ImageFeature) or (isinstance(feature, dict) and {*feature} == {"bytes", "path"})


def _kind(feature: Any) -> str:
    """What a column holds, in a word or two."""
    return str(getattr(feature, "dtype", None) or ("lists" if "List" in type(feature).__name__ else "other values"))


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

    data = content(row)
    try:
        return _rgb(ImageFeature().decode_example({"path": None, "bytes": data}))
    except Exception:  # Pillow raises what the damage happens to cause
        return None


def short_side(row: dict[str, Any]) -> int | None:
    """The short side of a row's picture in px, None where the head of its file does not say; nothing is decoded."""
    try:
        with Image.open(BytesIO(content(row))) as opened:
            return min(opened.size)
    except Exception:  # as above
        return None


def content(row: dict[str, Any]) -> bytes:
    """The bytes of a row's file, none where there is no such file. A broken connection is an error, though."""
    value = row["image"] or {}
    data, path = value.get("bytes"), value.get("path")
    if data is not None or not path:
        return data or b""
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
    if picture.mode == "F" or picture.mode in MODES_16BIT:
        values, _ = unpack(picture, np.zeros(picture.size[::-1], dtype=bool))
        return Image.fromarray(np.rint(values[0] * 255).astype(np.uint8))
    if picture.has_transparency_data:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return picture.convert("RGB")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work(item)` of each, in order, on all cores: Pillow decodes and scales without the interpreter's lock."""
    items = iter(items)

    def chunks() -> Iterator[list[Item]]:
        while chunk := [*itertools.islice(items, CHUNK)]:
            yield chunk

    some = chunks()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = deque(pool.submit(_each, work, chunk) for chunk in itertools.islice(some, AHEAD // CHUNK))
        while waiting:
            done = waiting.popleft()
            waiting.extend(pool.submit(_each, work, chunk) for chunk in itertools.islice(some, 1))
            yield from done.result()


def _each(work: Callable[[Item], Result], items: list[Item]) -> list[Result]:
    return [work(item) for item in items]
