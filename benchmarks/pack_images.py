"""Write a data set's images at training size, as Parquet, so that they travel with a checkout.

    python benchmarks/pack_images.py path/to/photos packed --short_side 128 --quality 50

Every split keeps its name and its order; images are scaled down to the short side, never up, and written as WebP.
"""

from __future__ import annotations

import argparse
from io import BytesIO
from pathlib import Path
from typing import Any

from datasets import Dataset, Features
from datasets import Image as ImageFeature
from PIL import Image
from tqdm.auto import tqdm

from inpaint_hub.data.sources import DatasetConfig, in_threads, load, picture


def packed(row: dict[str, Any], short_side: int, quality: int) -> dict[str, Any] | None:
    """The row with its image made smaller, None where it cannot be decoded."""
    image = picture(row)
    if image is None:
        return None
    scale = short_side / min(image.size)
    if scale < 1:
        width, height = (max(short_side, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    content = BytesIO()
    image.save(content, "WEBP", quality=quality, method=6)
    return {"image": {"bytes": content.getvalue(), "path": None}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a folder, or a data set of the Hub")
    parser.add_argument("output", type=Path)
    parser.add_argument("--short_side", type=int, default=128, help="px")
    parser.add_argument("--quality", type=int, default=60, help="of WebP, 0 to 100")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for split, rows in load(DatasetConfig(args.data, args.short_side)).splits.items():
        work = in_threads(lambda row: packed(row, args.short_side, args.quality), rows)
        kept = [row for row in tqdm(work, total=len(rows), desc=split, unit=" images") if row is not None]
        path = args.output / f"{split}-00000-of-00001.parquet"
        Dataset.from_list(kept, Features({"image": ImageFeature(decode=False)})).to_parquet(path)
        print(f"{path}: {len(kept):,} images, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
