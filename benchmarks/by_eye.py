"""Blind votes: which of two fills of a hole in a photo looks better?

    PYTHONPATH=. python benchmarks/by_eye.py pairs path/to/photos --output votes --count 40
    PYTHONPATH=. python benchmarks/by_eye.py count votes

The first command draws a hole, like an object, over a part of a face, or a box, in each of `--count` photos, fills it
by `--ours` and by each of `--against` in turn (`original` is the photo itself), and writes one unlabelled picture a
pair, in a shuffled order: A, the masked photo, B. Look at them, write a line a pair to votes/votes.txt, as in `07 A`,
`08 B` or `09 =`, and only then let the second command read votes/key.json and count. A tie is half a vote for each; the
interval is Wilson's, of 95 %. Pairs that are the same, to the byte, are not shown and count as even: judges see
differences where there are none.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from inpaint_hub.methods.registry import fill

SIDE = 320  # px of a photo that a panel shows, scaled to
PANEL = 480  # px
WIDTHS = (0.12, 0.30)  # of a hole, in widths of its photo
FACE_PARTS = (  # top, left, bottom, right, in sides of a centre crop of Labeled Faces in the Wild, deep-funneled
    (0.32, 0.24, 0.56, 0.50),  # an eye
    (0.32, 0.50, 0.56, 0.76),  # the other
    (0.34, 0.22, 0.54, 0.78),  # both, and glasses
    (0.62, 0.30, 0.88, 0.70),  # the mouth
)
LARGEST = 800  # px: longer photos are scaled down, so that a judge sees them as they are


def object_like(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """(H, W) bool: a round, irregular hole somewhere in the middle parts of the photo."""
    height, width = size
    angles = np.linspace(0, 2 * np.pi, 90)
    corners = np.sort(random.uniform(0, 2 * np.pi, 9))
    radii = random.uniform(0.55, 1.1, 9) * random.uniform(*WIDTHS) * width / 2
    turns = np.concatenate([corners - 2 * np.pi, corners, corners + 2 * np.pi])
    radius = np.interp(angles, turns, np.tile(radii, 3))
    stretch = random.uniform(0.75, 1.3)
    x = random.uniform(0.2, 0.8) * width + radius * np.cos(angles) * stretch
    y = random.uniform(0.2, 0.8) * height + radius * np.sin(angles) / stretch
    mask = Image.new("1", (width, height))
    ImageDraw.Draw(mask).polygon(list(zip(x.tolist(), y.tolist(), strict=True)), fill=1)
    return np.asarray(mask)


def face_part(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """(H, W) bool: a box over one of FACE_PARTS of an aligned face that fills the picture."""
    height, width = size
    top, left, bottom, right = FACE_PARTS[random.integers(len(FACE_PARTS))]
    hole = np.zeros(size, dtype=bool)
    hole[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    return hole


def box(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """(H, W) bool: a rectangle anywhere, of a quarter to nine sixteenths of the photo's sides, as in training."""
    sides = [int(random.integers(length // 4, 9 * length // 16 + 1)) for length in size]
    top, left = (int(random.integers(0, length - side + 1)) for length, side in zip(size, sides, strict=True))
    hole = np.zeros(size, dtype=bool)
    hole[top : top + sides[0], left : left + sides[1]] = True
    return hole


HOLES = {"object": object_like, "face": face_part, "box": box}


def panel(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(PANEL, PANEL, 3): what is around the hole, or as much as there is."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    side = min(max(SIDE, 2 * len(rows), 2 * len(columns)), *image.shape[:2])
    top = int(np.clip((rows[0] + rows[-1] - side) // 2, 0, image.shape[0] - side))
    left = int(np.clip((columns[0] + columns[-1] - side) // 2, 0, image.shape[1] - side))
    part = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(part.resize((PANEL, PANEL), Image.Resampling.LANCZOS))


def pairs(args: argparse.Namespace) -> None:
    if (args.output / "key.json").exists():
        raise SystemExit(f"{args.output} has pairs already; give another folder")
    args.output.mkdir(parents=True, exist_ok=True)
    drawn = hashlib.blake2b(str(args.seed).encode()).digest()
    files = [path for path in args.photos.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")]
    files.sort(key=lambda path: hashlib.blake2b(path.name.encode(), key=drawn).digest())
    random = np.random.default_rng(args.seed)
    shown, same = [], collections.Counter[str]()
    for number, path in enumerate(files[: args.count]):
        with Image.open(path) as opened:
            photo = opened.convert("RGB")
        if args.size:
            photo = ImageOps.fit(photo, (args.size, args.size), Image.Resampling.LANCZOS)
        photo.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
        image = np.asarray(photo)
        hole = HOLES[args.holes](image.shape[:2], random)
        other = args.against[number % len(args.against)]
        ours, theirs = (image if name == "original" else fill(image, hole, method=name) for name in (args.ours, other))
        swapped = bool(random.integers(2))
        if np.array_equal(ours, theirs):
            same[other] += 1
            continue
        masked = np.where(hole[:, :, None], np.array([255, 0, 255], dtype=np.uint8), image)
        three = (theirs, masked, ours) if swapped else (ours, masked, theirs)
        picture = np.concatenate([np.pad(panel(some, hole), ((4, 4), (4, 4), (0, 0))) for some in three], axis=1)
        shown.append((picture, {"photo": path.name, "A": other if swapped else args.ours, "against": other}))
    key = {}
    for number, place in enumerate(random.permutation(len(shown))):
        picture, key[f"{number:02d}"] = shown[place]
        Image.fromarray(picture).save(args.output / f"{number:02d}.png")
    (args.output / "key.json").write_text(json.dumps({"ours": args.ours, "same": same, "pairs": key}, indent=1) + "\n")
    print(f"{len(key)} pairs to look at in {args.output}, and {same.total()} that are the same")


def count(args: argparse.Namespace) -> None:
    key = json.loads((args.votes / "key.json").read_text())
    tally: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for other, times in key["same"].items():
        tally[other]["even"] = times
    for line in (args.votes / "votes.txt").read_text().split("\n"):
        if line.strip():
            number, vote = line.split()[:2]
            pair = key["pairs"][number]
            won = vote == "A" if pair["A"] == key["ours"] else vote == "B"
            tally[pair["against"]]["even" if vote == "=" else "better" if won else "worse"] += 1
    for other, votes in tally.items():
        total = sum(votes.values())
        share = (votes["better"] + votes["even"] / 2) / total
        low, high = wilson(share, total)
        print(
            f"{key['ours']} against {other}: {votes['better']} better, {votes['even']} even, {votes['worse']} worse;"
            f" preferred in {share:.0%} ({low:.0%} to {high:.0%})"
        )


def wilson(share: float, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share of `total` votes (E. B. Wilson 1927)."""
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2)) / (1 + z**2 / total)
    return middle - half, middle + half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make = commands.add_parser("pairs", help="write pictures to vote on, and their key")
    make.set_defaults(run=pairs)
    make.add_argument("photos", type=Path, help="a folder of photos that no parameter was chosen on")
    make.add_argument("--output", type=Path, required=True)
    make.add_argument("--count", type=int, default=40)
    make.add_argument("--ours", default="patchmatch", help="a method, or a model")
    make.add_argument("--against", nargs="+", default=["biharmonic", "telea", "original"])
    make.add_argument(
        "--holes", choices=HOLES, default="object", help="like objects, over parts of aligned faces, or boxes"
    )
    make.add_argument("--size", type=int, help="cut photos to their middle and scale them to squares of so many px")
    make.add_argument("--seed", type=int, default=0, help="of the photos taken, their holes, and the order")
    tell = commands.add_parser("count", help="count the votes")
    tell.set_defaults(run=count)
    tell.add_argument("votes", type=Path, help="the folder that pairs wrote, with votes.txt in it")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
