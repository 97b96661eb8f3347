"""What each choice of the preset `photos` is worth: the preset, and variants with one change, on equally many images.

    PYTHONPATH=. python benchmarks/ablation.py --data path/to/photos --runs runs

All are trained at 64 px from the same random weights, and see the same images with the same holes in the same order.
The figures are those of each run's last validation. Runs that were stopped go on. Figures go to
benchmarks/results/ablation.json, the fills of all variants to benchmarks/results/ablation.jpg.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
STEPS = 400  # of 32 images
FIGURES = ("psnr_hole", "gradient_energy", "feature_distance", "kernel_distance")
SHARED = [
    *("--preset", "photos", "--resolution", "64", "--resolution_schedule", "", "--hole_min", "16", "--hole_max", "36"),
    *("--train_batch_size", "32", "--learning_rate", "5e-4", "--lr_warmup_images", "6400", "--ema_half_life", "10000"),
    *("--adversarial_weight", "0.15", "--num_validation_images", "500"),
]
VARIANTS: dict[str, list[str]] = {
    "photos": [],
    "no perceptual loss": ["--perceptual_weight", "0"],
    "no adversarial loss": ["--discriminator_from", "1", "--adversarial_from", "1"],
    "discriminator of pixels": ["--discriminator", "pixels"],
    "no local discriminator": ["--no-local_discriminator"],
    "cross-entropy": ["--adversarial_loss", "cross-entropy"],
    "MSE, adversarial loss": ["--adversarial_loss", "mse"],
    "MSE, reconstruction loss": ["--reconstruction_loss", "mse"],
    "Adam": ["--optimizer", "adam", "--learning_rate", "3e-4"],
    "DiffAugment": ["--diffaugment"],
}


def train(data: str, folder: Path, steps: int, changed: list[str]) -> dict[str, Any]:
    """Train a variant, or go on with it; the figures of its last validation."""
    command = [sys.executable, "train_accelerate.py", *SHARED, *changed, "--max_train_steps", str(steps)]
    command += ["--validation_steps", str(steps), "--train_data_dir", data, "--output_dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return next(row for row in reversed(rows) if FIGURES[0] in row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder of photos, or a data set on the Hub")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="a folder for the runs, which resume there")
    parser.add_argument("--steps", type=int, default=STEPS, help="updates of 32 images")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=[*VARIANTS], help="these variants")
    args = parser.parse_args()
    rows, pictures = {}, []
    for name in args.only:
        folder = (args.runs / f"ablation-{name.replace(' ', '-').replace(',', '')}").resolve()
        row = train(args.data, folder, args.steps, VARIANTS[name])
        rows[name] = {figure: row[figure] for figure in FIGURES}
        print(name, rows[name])
        with Image.open(folder / "samples.png") as sheet:
            pictures.append(np.asarray(sheet.convert("RGB")))
    RESULTS.mkdir(exist_ok=True)
    found = {"images_seen": 32 * args.steps, "variants": rows}
    (RESULTS / "ablation.json").write_text(json.dumps(found, indent=1) + "\n")
    Image.fromarray(np.concatenate(pictures)).save(RESULTS / "ablation.jpg", quality=88)


if __name__ == "__main__":
    main()
