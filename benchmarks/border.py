"""What it costs that a hole is cut off by the image's edge: the same hole inside its image and at its border.

    PYTHONPATH=. python benchmarks/border.py --model photos --data path/to/scenes
    PYTHONPATH=. python benchmarks/border.py --model faces --data path/to/faces --resolution 64 --hole 24

A square hole of `--hole` px lies in the middle of a large crop of each held-out image, which is filled as it is, and
cut so that the hole touches its left, right, top or bottom edge, in turn. So the two differ in what is known alone.
PSNR is of the mean error inside the holes; beside the cost stands its standard error.
"""

from __future__ import annotations

import argparse

import numpy as np

from inpaint_hub.data.dataset import split_images
from inpaint_hub.data.sources import DatasetConfig
from inpaint_hub.methods.classical import CLASSICAL
from inpaint_hub.methods.inpainter import Inpainter


def decibels(error: np.ndarray) -> np.ndarray:
    """Of squared errors of 8-bit values."""
    return -10 * np.log10(np.maximum(error, 0.01) / 255**2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["photos"], help="shipped names, folders, or ids on the Hub")
    parser.add_argument("--data", required=True, help="a data set on the Hub, or a folder")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--resolution", type=int, default=64, help="images are cut to their centre square of this side")
    parser.add_argument("--hole", type=int, default=24, help="side, px")
    args = parser.parse_args()
    images = getattr(split_images(DatasetConfig(args.data, args.resolution), progress=False), args.split)
    originals = images.permute(0, 2, 3, 1).numpy()
    low, high = (args.resolution - args.hole) // 2, (args.resolution + args.hole) // 2
    hole = np.zeros((args.resolution, args.resolution), dtype=bool)
    hole[low:high, low:high] = True
    cuts = [np.s_[:, low:], np.s_[:, :high], np.s_[low:, :], np.s_[:high, :]]
    print(f"{len(originals)} images, a hole of {args.hole} px in {args.resolution} px; PSNR in the hole, dB")
    for name, fill in {**{name: Inpainter.from_pretrained(name) for name in args.model}, **CLASSICAL}.items():
        errors = np.zeros((2, len(originals)))
        for number, image in enumerate(originals):
            for row, part in enumerate((np.s_[:, :], cuts[number % len(cuts)])):
                where = hole[part]
                wrong = fill(image[part], where)[where].astype(float) - image[part][where]
                errors[row, number] = np.mean(wrong**2)
        inside, border = decibels(errors.mean(axis=1))
        drawn = np.random.default_rng(0).integers(0, len(originals), (1000, len(originals)))
        each = decibels(errors[:, drawn].mean(axis=2))
        about = np.std(each[0] - each[1])
        print(f"{name:<13}  inside {inside:.2f}  at the border {border:.2f}  cost {inside - border:.2f} ± {about:.2f}")


if __name__ == "__main__":
    main()
