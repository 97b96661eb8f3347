"""Milliseconds to fill a hole, beside a plain pass over the whole photo and the machine's matrix-product rate.

    PYTHONPATH=. python benchmarks/speed.py
    PYTHONPATH=. python benchmarks/speed.py --threads 1 --rounds 3 --photos 512 --holes 128

Photos of 512² and 2048² px, one square hole in the middle, random weights. The plain pass is the generator as it is
published, float32, over the whole photo; its time for a photo above 512² px is that of 512² times the pixels. Fills are
those of `Inpainter` without a reduced scale. All are measured in turn, round by round, in wall time and in CPU time,
which a crowded machine disturbs less; the ratio is the median over the rounds, least and most beside it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from inpaint_hub import Generator, Inpainter
from inpaint_hub.hardware import has_bf16
from inpaint_hub.imaging.windows import bounding_box
from inpaint_hub.models.fused_generator import plan

PLAIN_PX = 512


def timed(work: Callable[[], object]) -> np.ndarray:
    """(2,) wall and CPU seconds of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return np.array([time.perf_counter() - wall, time.process_time() - cpu])


def square(photo_px: int, hole_px: int) -> np.ndarray:
    """(photo, photo) bool: a square hole in the middle."""
    start = (photo_px - hole_px) // 2
    hole = np.zeros((photo_px, photo_px), dtype=bool)
    hole[start : start + hole_px, start : start + hole_px] = True
    return hole


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[512, 2048], help="sides, px")
    parser.add_argument("--holes", type=int, nargs="+", default=[32, 128, 300], help="sides, px")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    generator = Generator(largest_hole=max(args.photos)).eval()
    inpainter = Inpainter(generator)
    image = torch.rand(1, 4, PLAIN_PX, PLAIN_PX)
    product = {torch.float32: torch.rand(2048, 2048)}
    if has_bf16():
        product[torch.bfloat16] = product[torch.float32].bfloat16()
    works: dict[str, Callable[[], object]] = {"plain": partial(generator, image)}
    works |= {str(dtype)[6:]: partial(torch.matmul, a, a) for dtype, a in product.items()}
    operations = {}
    for side in args.photos:
        photo = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        for hole_px in args.holes:
            hole = square(side, hole_px)
            works[f"{side}² photo, {hole_px}² hole"] = partial(inpainter, photo, hole)
            operations[f"{side}² photo, {hole_px}² hole"] = (side, plan(bounding_box(hole), side, side).operations)
    for work in works.values():
        work()
    rounds = [{name: timed(work) for name, work in works.items()} for _ in range(args.rounds)]
    rates = {str(dtype)[6:]: 2 * 2048**3 / _middle(rounds, str(dtype)[6:])[0] / 1e12 for dtype in product}
    print(
        f"{args.threads} threads; matrix product, TFLOP/s:",
        {name: round(float(rate), 3) for name, rate in rates.items()},
    )
    plain = _middle(rounds, "plain")
    print(f"plain pass over {PLAIN_PX}²: {1000 * plain[0]:.0f} ms, {1000 * plain[1]:.0f} ms of CPU")
    for name, (side, needed) in operations.items():
        larger = (side / PLAIN_PX) ** 2
        faster = np.array([larger * taken["plain"] / taken[name] for taken in rounds])
        ratios = [f"{statistics.median(some):.1f} ({min(some):.1f} to {max(some):.1f})" for some in faster.T]
        wall = _middle(rounds, name)[0]
        rate = needed / wall / 1e12
        print(
            f"{name:>24}: {1000 * wall:6.0f} ms; plain pass takes {ratios[0]} times as long, {ratios[1]} in CPU time;"
            f" {rate:.3f} TFLOP/s, {rate / max(rates.values()):.0%} of the matrix product"
        )


def _middle(rounds: list[dict[str, np.ndarray]], name: str) -> np.ndarray:
    """(2,) the median wall and CPU seconds."""
    return np.median([taken[name] for taken in rounds], axis=0)


if __name__ == "__main__":
    main()
