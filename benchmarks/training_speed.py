"""Images/s of the generator's update and of the whole iteration, beside the machine's matrix-product rate.

    python benchmarks/training_speed.py
    python benchmarks/training_speed.py --preset photos --sizes 64:32 128:16

In fp32 and bf16, by `training.train_step.train_step` itself, with a preset's losses, and on a CUDA GPU once more as a
CUDA graph, as a run does. The rate is of one large product in the same precision and run; a precision at a tenth of the
other's rate is left out. Median of the rounds, slowest and fastest beside it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from inpaint_hub.data.dataset import Batch
from inpaint_hub.data.holes import Holes, bounding_boxes
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator
from inpaint_hub.models.features import TRAINING, FeatureNetwork
from inpaint_hub.models.networks import Discriminator, Generator
from inpaint_hub.training.cuda_graphs import WARM_UP, CudaGraphs
from inpaint_hub.training.optim import make_optimizers
from inpaint_hub.training.recipes import PRESETS, Recipe
from inpaint_hub.training.train_step import Networks, train_step

PRECISIONS = {"no": torch.float32, "bf16": torch.bfloat16}
UPDATES = {"generator": ("reconstruct",), "iteration": ("discriminate", "joint")}


def times(work: Callable[[], object], rounds: int, device: torch.device) -> list[float]:
    """Seconds of each round, after one to warm up."""
    found = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - started)
    return found[1:]


def matmul_rate(dtype: torch.dtype, rounds: int, device: torch.device) -> float:
    """TFLOP/s of the fastest product of two square matrices."""
    size = 8192 if device.type == "cuda" else 1024
    a = torch.ones(size, size, dtype=dtype, device=device)
    return 2 * size**3 / min(times(lambda: a @ a, rounds, device)) / 1e12


def networks_for(recipe: Recipe, size: int, accelerator: Accelerator, compiled: bool) -> Networks:
    """The networks of a recipe, random, for images of `size` px, with their optimisers."""
    generator = Generator().to(memory_format=torch.channels_last).to(accelerator.device)
    on_features = recipe.discriminator == "features"
    discriminator = FeatureDiscriminator() if on_features else Discriminator(size)
    discriminator = discriminator.to(memory_format=torch.channels_last).to(accelerator.device)
    if compiled:
        generator.compile()
        discriminator.compile()
    both = [[accelerator.prepare(one) for one in some] for some in make_optimizers(recipe, generator, discriminator)]
    features = FeatureNetwork(TRAINING).to(accelerator.device) if on_features or recipe.perceptual_weight else None
    generator, discriminator = accelerator.prepare(generator, discriminator)
    return Networks(generator, discriminator, both[0], both[1], features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--preset", choices=PRESETS, default="cifar10", help="whose losses and optimisers")
    parser.add_argument("--sizes", nargs="+", default=["32:64", "128:16"], help="side in px and batch")
    parser.add_argument("--optimizer", choices=("adam", "muon"), default="adam", help="the generator's")
    parser.add_argument("--torch_compile", action="store_true", help="compile both networks first")
    args = parser.parse_args()
    recipe = PRESETS[args.preset].replace(optimizer=args.optimizer)
    rates = {name: matmul_rate(dtype, 3, Accelerator().device) for name, dtype in PRECISIONS.items()}
    print(f"{torch.get_num_threads()} threads; matrix product, TFLOP/s:", {k: round(v, 4) for k, v in rates.items()})
    for precision, rate in rates.items():
        if rate < max(rates.values()) / 10:
            print(f"{precision}: left out, {max(rates.values()) / rate:.0f} times slower than the other")
            continue
        AcceleratorState._reset_state()
        accelerator = Accelerator(mixed_precision=precision)
        for size, batch in (map(int, pair.split(":")) for pair in args.sizes):
            networks = networks_for(recipe, size, accelerator, args.torch_compile)
            hole = Holes((size // 4, size // 2), {"rectangle": 1}).batch(0, 0, batch, (size, size))
            image = torch.rand(batch, 3, size, size)
            data = Batch(*(x.to(accelerator.device) for x in (image, hole, bounding_boxes(hole), torch.rand(batch, 8))))
            kinds = {name: partial(train_step, u, recipe, accelerator, networks) for name, u in UPDATES.items()}
            if accelerator.device.type == "cuda" and not args.torch_compile:
                graphs = CudaGraphs([*networks.generator_optimizers, *networks.discriminator_optimizers])
                kinds["captured"] = partial(graphs.run, "iteration", kinds["iteration"])
                for _ in range(WARM_UP):
                    kinds["captured"](data)
            for name, step in kinds.items():
                work = partial(step, data)
                found = times(work, args.rounds, accelerator.device)
                speeds = sorted(batch / seconds for seconds in found)
                middle = statistics.median(speeds)
                print(
                    f"{size:4} px, batch {batch}, {precision:4} {name:9} {middle:7.1f} images/s"
                    f" ({speeds[0]:.1f} to {speeds[-1]:.1f}), {middle / rate:8.1f} per TFLOP/s of the machine"
                )


if __name__ == "__main__":
    main()
