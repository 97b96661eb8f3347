"""Area and border share of each kind of hole, as `inpaint_hub/data/holes.py` states them, and what drawing them costs.

    PYTHONPATH=. python benchmarks/hole_kinds.py

The time is the processor's for a batch, on one thread, the median of 20.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from inpaint_hub.data.holes import KINDS, Holes, bounding_boxes

BATCHES = ((32, 64), (256, 16))  # px, batch


def milliseconds(holes: Holes, side: int, batch: int) -> float:
    found = []
    for number in range(20):
        started = time.thread_time()
        bounding_boxes(holes.batch(0, number * batch, batch, (side, side)))
        found.append(1000 * (time.thread_time() - started))
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=64, help="of the images, px; a rectangle's are a quarter to a half")
    parser.add_argument("--count", type=int, default=20_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    costs = " | ".join(f"ms, {batch} at {side} px" for side, batch in BATCHES)
    print(f"| kind       | area, mean | smallest | largest | border | {costs} |")
    for kind in (kind for kind in KINDS if kind != "folder"):
        holes = Holes((args.side // 4, args.side // 2), {kind: 1}).batch(0, 0, args.count, (args.side, args.side))
        area = holes.float().mean(dim=(1, 2, 3))
        touches = (bounding_boxes(holes) == torch.tensor([0, 0, args.side, args.side])).any(dim=1).float().mean()
        spent = " | ".join(
            f"{milliseconds(Holes((side // 4, side // 2), {kind: 1}), side, batch):.1f}" for side, batch in BATCHES
        )
        print(f"| {kind:10} | {area.mean():10.3f} | {area.min():8.3f} | {area.max():7.3f} | {touches:6.3f} | {spent} |")


if __name__ == "__main__":
    main()
