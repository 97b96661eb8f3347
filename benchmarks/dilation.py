"""What dilation is worth: the generator with and without it, trained alike, on holes of every area.

    PYTHONPATH=. python benchmarks/dilation.py --data uoft-cs/cifar10 --runs runs

Both see the same images with the same holes (`spread`, of up to 60 % of the image) in the same order, reconstruction
alone, as in the first phase of the preset `context-encoder`. Figures go to benchmarks/results/dilation.json, for
results.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from inpaint_hub.evaluation.comparison import compare, load_inputs

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
STEPS = 800  # of 64 images


def train(generator: str, data: str, folder: Path, steps: int) -> None:
    command = [
        sys.executable, "train_accelerate.py", "--preset", "context-encoder", "--generator", generator,
        "--holes", "spread", "--discriminator_from", "1", "--adversarial_from", "1", "--interpolation", "1",
        "--max_train_steps", str(steps), "--dataset_name", data, "--output_dir", str(folder),
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="uoft-cs/cifar10", help="CIFAR-10 on the Hub, or a folder")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="a folder for both runs, which resume there")
    parser.add_argument("--steps", type=int, default=STEPS, help="updates of 64 images")
    args = parser.parse_args()
    folders = {name: (args.runs / f"dilation-{name}").resolve() for name in ("dilated", "undilated")}
    for name, folder in folders.items():
        train(name, args.data, folder, args.steps)
    facts, images, holes = load_inputs(args.data, resolution=32, kinds="spread", sides=(8, 16))
    rows, _ = compare([str(folder) for folder in folders.values()], images, holes)
    methods = dict(zip(folders, rows.values(), strict=True))
    RESULTS.mkdir(exist_ok=True)
    found = facts | {"images_seen": 64 * args.steps, "methods": methods}
    (RESULTS / "dilation.json").write_text(json.dumps(found, indent=1) + "\n")
    for name, row in methods.items():
        print(name, {part: round(figures["psnr_hole"][0], 2) for part, figures in row["by_area"].items()})


if __name__ == "__main__":
    main()
