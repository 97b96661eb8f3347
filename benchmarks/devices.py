"""Fill the example photos on the GPU and on the CPU, and say how far both are apart.

    PYTHONPATH=. python benchmarks/devices.py --model runs/photos --output devices

Writes each photo as the GPU fills it. Without a GPU the CPU stands in for it, and that is said.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from inpaint_hub import Inpainter

ROOT = Path(__file__).parent.parent


def hole_in(height: int, width: int) -> np.ndarray:
    """(H, W) bool: an ellipse in the middle, an eighth of each side from its centre to its edge."""
    rows, columns = np.ogrid[:height, :width]
    return ((rows / height - 0.5) * 8) ** 2 + ((columns / width - 0.5) * 8) ** 2 <= 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="faces", help="a shipped name, or a folder")
    parser.add_argument("--output", type=Path, default=Path("devices"))
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"filling on {torch.cuda.get_device_name() if device == 'cuda' else 'the CPU: there is no GPU'}")
    ours, reference = (Inpainter.from_pretrained(args.model, device=place) for place in (device, "cpu"))
    for path in sorted((ROOT / "examples").glob("*.jpg")):
        with Image.open(path) as photo:
            image = np.array(photo.convert("RGB"))
        hole = hole_in(*image.shape[:2])
        ours(image, hole)  # what a first call loads is not a fill's time
        started = time.perf_counter()
        filled = ours(image, hole)
        taken = time.perf_counter() - started
        apart = np.abs(filled.astype(int) - reference(image, hole))[hole]
        assert np.array_equal(filled[~hole], image[~hole])
        Image.fromarray(filled).save(args.output / f"{path.stem}.png")
        print(
            f"{path.name}: {1000 * taken:.1f} ms; differs from the CPU by {apart.max()} of 255, {apart.mean():.4f} mean"
        )


if __name__ == "__main__":
    main()
