"""In-hole PSNR, SSIM and L1 of models and classical methods, on the held-out images of a data set.

    python benchmarks/rectangles.py --model cifar10 --data uoft-cs/cifar10
    python benchmarks/rectangles.py --model faces --data path/to/faces --resolution 128 --holes 40 70

One rectangle in each image, its sides uniform in --holes px, anywhere, the border included, seed fixed. The defaults
are the protocol `cifar-rect`. Models fill as they do for users: `Inpainter`, one image at a time.
"""

from __future__ import annotations

import argparse

import numpy as np

from inpaint_hub import Inpainter
from inpaint_hub.data.dataset import split_images
from inpaint_hub.data.holes import Holes
from inpaint_hub.data.sources import DatasetConfig
from inpaint_hub.evaluation.evaluate import evaluation_holes, figures
from inpaint_hub.methods.classical import CLASSICAL, PATCH_BASED, Fill


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["cifar10"], help="shipped names, folders, or ids on the Hub")
    parser.add_argument("--data", default="uoft-cs/cifar10", help="a data set on the Hub, or a folder")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--resolution", type=int, default=32, help="images are cut to their centre square of this side")
    parser.add_argument("--holes", type=int, nargs=2, default=(8, 16), metavar=("MIN", "MAX"), help="sides, px")
    parser.add_argument("--seed", type=int, default=0, help="of the split: the one that the models were trained with")
    args = parser.parse_args()
    splits = split_images(DatasetConfig(args.data, args.resolution, args.seed), progress=False)
    for remark in splits.messages():
        print(remark)
    images = getattr(splits, args.split)
    holes = evaluation_holes(len(images), args.resolution, Holes(tuple(args.holes), {"rectangle": 1}))
    originals = images.permute(0, 2, 3, 1).numpy()
    fills: dict[str, Fill] = {
        **{name: Inpainter.from_pretrained(name) for name in args.model},
        **CLASSICAL,
        **PATCH_BASED,
    }
    rows = {}
    for name, fill in fills.items():
        results = np.stack([fill(image, hole) for image, hole in zip(originals, holes[:, 0].numpy(), strict=True)])
        rows[name] = figures(results, images, holes)
    columns = list(next(iter(rows.values())))
    print(f"{len(images)} images", *(f"{name:>11}" for name in columns), sep="  ")
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["psnr_hole"]):
        print(f"{name:<13}", *(f"{row[column]:11.4f}" for column in columns), sep="  ")


if __name__ == "__main__":
    main()
