"""How fast training images come: reading, decoding, hashing and scaling, apart and together, in images/s.

    PYTHONPATH=. python benchmarks/data_speed.py --images path/to/photos --side 160 --resolution 128

Photos of the folder are stored as JPEG with a short side of `--side` px, in Parquet shards and in WebDataset tars, and
are then streamed as a run does: rows, decoding, the split by a hash of the pixels, cutting. The figures are images for
each second of a core, the best of three; so many cores give so many times as many, where nothing else runs on them.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import itertools
import json
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from datasets import Dataset, Features
from datasets import Image as ImageFeature
from torch import Tensor

from inpaint_hub.data.dataset import Reader, crop, digest, square
from inpaint_hub.data.image_files import find_images
from inpaint_hub.data.rng import uniforms
from inpaint_hub.data.sources import DatasetConfig, in_threads, load, picture
from inpaint_hub.data.streaming import Stream


def stored(folder: Path, count: int, side: int) -> list[bytes]:
    """JPEG files of `count` photos of the folder, again from the first where there are fewer."""
    found = find_images(folder, {})
    if found is None:
        raise SystemExit(f"{folder} holds no image files; give a folder of photos")
    paths = itertools.cycle(path for paths in found.splits.values() for path in paths)
    contents: list[bytes] = []
    while len(contents) < count:
        shown = picture({"image": {"path": next(paths), "bytes": None}})
        if shown is not None:
            scale = side / min(shown.size)
            file = io.BytesIO()
            shown.resize((max(side, round(shown.width * scale)), max(side, round(shown.height * scale)))).save(
                file, "jpeg", quality=90
            )
            contents.append(file.getvalue())
    return contents


def write_shards(contents: list[bytes], folder: Path, shards: int = 4) -> dict[str, Path]:
    """The files as Parquet and as WebDataset shards, by the kind's name."""
    kind = Features({"image": ImageFeature(decode=False)})
    for name in ("parquet", "webdataset"):
        (folder / name).mkdir()
    for shard in range(shards):
        some = contents[shard::shards]
        rows = Dataset.from_dict({"image": [{"bytes": content, "path": None} for content in some]}, kind)
        rows.to_parquet(folder / "parquet" / f"train-{shard:05d}-of-{shards:05d}.parquet")
        with tarfile.open(folder / "webdataset" / f"train-{shard:05d}.tar", "w") as tar:
            for number, content in enumerate(some):
                member = tarfile.TarInfo(f"{shard:02d}{number:06d}.jpg")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return {name: folder / name for name in ("parquet", "webdataset")}


def rate(work: Callable[[], Iterable[object]], times: int = 3) -> float:
    """Items for each second of a core, the best of so many times."""
    rates = []
    for _ in range(times):
        started = time.process_time()
        count = sum(1 for _ in work())
        rates.append(count / (time.process_time() - started))
    return max(rates)


def batches(config: DatasetConfig, count: int) -> Iterator[Tensor]:
    """The images of a stream as a training run takes them, cut or scaled to its resolution."""
    stream = load(config, streaming=True).splits["train"]
    train = Stream(stream, Reader(config, frozenset({"train"})), 250, 32, 1, "", None)
    draws = uniforms(0, 0, count)[:, 5:8]
    for first in range(0, count, 32):
        for image, draw in zip(train.take(first, 32), draws[first:], strict=False):
            cut = config.crop_min < 1
            yield crop(image, draw, config.crop_min, config.resolution) if cut else image.float() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder of photos")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--side", type=int, default=160, help="short side of the stored JPEG files, px")
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--output", type=Path, help="a JSON file for the figures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        contents = stored(args.images, args.count, args.side)
        places = write_shards(contents, Path(temporary))
        rows = [{"image": {"bytes": content, "path": None}} for content in contents]
        shown = [some for row in rows[:500] if (some := picture(row))]
        rates = {
            "decode": rate(lambda: in_threads(picture, rows)),
            "hash": rate(lambda: in_threads(lambda some: digest(some, 0), shown)),
            "scale": rate(lambda: in_threads(lambda some: square(some, args.resolution), shown)),
        }
        for kind, folder in places.items():
            centre = DatasetConfig(str(folder), args.resolution)
            crops = dataclasses.replace(centre, crop_min=0.42)
            rates[f"read {kind}"] = rate(lambda config=centre: load(config, streaming=True).splits["train"])  # type: ignore[misc]
            for name, config in (("centre squares", centre), ("random crops", crops)):
                rates[f"all of it, {kind}, {name}"] = rate(lambda config=config: batches(config, 4 * len(contents)), 1)  # type: ignore[misc]
    for name, value in rates.items():
        print(f"{name}: {value:,.0f} images/s of a core")
    if args.output:
        args.output.write_text(json.dumps({name: round(value) for name, value in rates.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
