"""The README's picture: details of the example photos, masked and completed by the shipped checkpoint.

    python benchmarks/picture.py

Each detail is scaled to the 32 px that the checkpoint was trained on, and shown enlarged: original, masked, completed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from inpaint_hub import Inpainter

ROOT = Path(__file__).parent.parent
SIDE = 32  # px, of a detail
ENLARGED = 3
GAP = 4  # px between the enlarged details
# photo, the detail's left, top and side in px of the photo, the hole's left, top, right, bottom in px of the detail
DETAILS = (
    ("cat.jpg", (60, 0, 300), (8, 12, 18, 22)),
    ("cat.jpg", (150, 60, 200), (12, 14, 22, 24)),
    ("desk-plant.jpg", (300, 60, 300), (10, 10, 20, 20)),
    ("desk-plant.jpg", (430, 130, 260), (16, 4, 28, 16)),
    ("meadow-tree.jpg", (250, 60, 420), (10, 2, 22, 14)),
    ("meadow-tree.jpg", (60, 250, 260), (4, 16, 18, 28)),
    ("spiral-stairs-person.jpg", (250, 40, 340), (12, 12, 24, 22)),
    ("spiral-stairs-person.jpg", (20, 60, 300), (8, 18, 20, 30)),
)


def main() -> None:
    inpainter = Inpainter.from_pretrained("cifar10")
    columns = []
    for name, (left, top, side), (*start, right, bottom) in DETAILS:
        with Image.open(ROOT / "examples" / name) as photo:
            box = (left, top, left + side, top + side)
            detail = np.asarray(photo.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS, box))
        hole = np.zeros((SIDE, SIDE), dtype=bool)
        hole[start[1] : bottom, start[0] : right] = True
        masked = np.where(hole[:, :, None], np.uint8(255), detail)
        rows = [
            picture.repeat(ENLARGED, 0).repeat(ENLARGED, 1) for picture in (detail, masked, inpainter(detail, hole))
        ]
        columns.append(np.concatenate([np.pad(row, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for row in rows]))
    picture = Image.fromarray(np.concatenate(columns, axis=1)[:-GAP, :-GAP])
    picture.save(ROOT / "examples" / "filled.png", optimize=True)
    print(f"examples/filled.png, {picture.width}×{picture.height}")


if __name__ == "__main__":
    main()
