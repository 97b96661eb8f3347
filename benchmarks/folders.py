"""How fast a folder is filled by one process and by several, and guided against PatchMatch on one photo.

    python benchmarks/folders.py                 24 photos of 0.3 megapixels by patchmatch and guided, 1 and all cores
    python benchmarks/folders.py --photos 8 --methods telea patchmatch guided cifar10 --jobs 1 2 4

Photos are parts of `examples/cat.jpg` and of noise, holes are squares of an eighth of the side. Each run is a command
of its own, start included, as a user has it; of several rounds the median counts.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from inpaint_hub.hardware import available_cores
from inpaint_hub.methods.registry import fill

ROOT = Path(__file__).parent.parent
MEGAPIXEL, HOLE_PX = (1000, 1000), 150  # of the single photo


def make_folder(folder: Path, photos: int, size: tuple[int, int]) -> None:
    """Write photos and masks of the same names."""
    random = np.random.default_rng(0)
    with Image.open(ROOT / "examples/cat.jpg") as cat:
        large = cat.convert("RGB").resize((2 * size[0], 2 * size[1]), Image.Resampling.LANCZOS)
    hole = size[1] // 8
    for number in range(photos):
        left, top = (int(random.integers(0, length)) for length in size)
        photo = np.asarray(large.crop((left, top, left + size[0], top + size[1]))).astype(np.int16)
        noisy = (photo + random.integers(-8, 9, photo.shape)).clip(0, 255).astype(np.uint8)
        mask = Image.new("L", size)
        across, down = (int(random.integers(hole, length - 2 * hole)) for length in size)
        mask.paste(255, (across, down, across + hole, down + hole))
        for kind, picture in (("photos", Image.fromarray(noisy)), ("masks", mask)):
            (folder / kind).mkdir(exist_ok=True)
            picture.save(folder / kind / f"{number:03d}.png")


def seconds_of_folder(folder: Path, method: str, jobs: int) -> float:
    """Fill the folder anew by a command, and time it."""
    command = [sys.executable, "-m", "inpaint_hub.cli", "fill", "photos", "masks", "--output", "filled"]
    command += ["--overwrite", "--method", method, "--jobs", str(jobs)]
    started = time.perf_counter()
    subprocess.run(
        command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    return time.perf_counter() - started


def measure_folder(photos: int, size: tuple[int, int], methods: list[str], jobs: list[int], rounds: int) -> None:
    """Print photos a second for each method and number of processes; rounds alternate, so that a crowd hits all."""
    print(f"{photos} photos of {size[0]}×{size[1]}, {available_cores()} cores, median of {rounds}")
    with tempfile.TemporaryDirectory() as name:
        make_folder(Path(name), photos, size)
        for method in methods:
            times: dict[int, list[float]] = {count: [] for count in jobs}
            for _ in range(rounds):
                for count in jobs:
                    times[count].append(seconds_of_folder(Path(name), method, count))
            single = statistics.median(times[jobs[0]])
            for count in jobs:
                middle = statistics.median(times[count])
                print(f"{method:12} {count} processes: {photos / middle:6.2f} photos/s, {single / middle:.2f} times")
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    print(f"the largest process took {most:.2f} GB")


def measure_guided(rounds: int) -> None:
    """Print guided's time against PatchMatch's on one photo, after a fill that loads all."""
    with Image.open(ROOT / "examples/cat.jpg") as cat:
        photo = np.asarray(cat.convert("RGB").resize(MEGAPIXEL, Image.Resampling.LANCZOS))
    hole = np.zeros(MEGAPIXEL[::-1], dtype=bool)
    hole[400 : 400 + HOLE_PX, 450 : 450 + HOLE_PX] = True
    times: dict[str, list[float]] = {"patchmatch": [], "guided": []}
    for number in range(rounds + 1):
        for method, taken in times.items():
            started = time.perf_counter()
            fill(photo, hole, method=method)
            if number:
                taken.append(time.perf_counter() - started)
    middle = {method: statistics.median(taken) for method, taken in times.items()}
    ratios = [guided / other for guided, other in zip(times["guided"], times["patchmatch"], strict=True)]
    print(
        f"1 megapixel, a hole of {HOLE_PX} px: patchmatch {middle['patchmatch']:.2f} s,"
        f" guided {middle['guided']:.2f} s, {statistics.median(ratios):.2f} times"
        f" ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--methods", nargs="+", default=["patchmatch", "guided"])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, available_cores()])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    measure_guided(args.rounds)
    measure_folder(args.photos, tuple(args.size), args.methods, args.jobs, args.rounds)


if __name__ == "__main__":
    main()
