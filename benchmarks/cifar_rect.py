"""In-hole PSNR, SSIM and L1 of models and classical methods, on the test split of a data set.

    python benchmarks/cifar_rect.py --model cifar10 --data uoft-cs/cifar10

Protocol `cifar-rect`: one rectangle of 8 to 16 px a side in each 32 px image, anywhere, the border included, seed
fixed.
"""

from __future__ import annotations

import argparse

from inpaint_hub import Generator
from inpaint_hub.data import split_images
from inpaint_hub.evaluation import compare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["cifar10"], help="shipped names, folders, or ids on the Hub")
    parser.add_argument("--data", default="uoft-cs/cifar10", help="a data set on the Hub, or a folder")
    parser.add_argument("--seed", type=int, default=0, help="of the split: the one that the models were trained with")
    args = parser.parse_args()
    images = split_images(args.data, resolution=32, seed=args.seed)["test"]
    rows = compare({name: Generator.from_pretrained(name) for name in args.model}, images, hole_sides=(8, 16))
    columns = [name for name in rows[0] if name not in ("method", "images")]
    print(f"{len(images)} images", *(f"{name:>11}" for name in columns), sep="  ")
    for row in sorted(rows, key=lambda row: -row["psnr_hole"]):
        print(f"{row['method']:<13}", *(f"{row[name]:11.4f}" for name in columns), sep="  ")


if __name__ == "__main__":
    main()
