"""The sheets of the README and the cards: details of the example photos, masked and completed by shipped checkpoints.

    python benchmarks/picture.py

Each detail is scaled to the size that the checkpoint was trained on, and shown enlarged: original, masked, completed.
The holes of `scenes` and `faces` are unpicked: the first ones of the evaluation's own draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from inpaint_hub import Inpainter
from inpaint_hub.data.holes import Holes, bounding_boxes
from inpaint_hub.evaluation.evaluate import evaluation_holes

ROOT = Path(__file__).parent.parent
GAP = 4  # px between the enlarged details
# photo, the detail's left, top and side in px of the photo, the hole's left, top, right, bottom in px of the detail
PICKED = (
    ("cat.jpg", (60, 0, 300), (8, 12, 18, 22)),
    ("cat.jpg", (150, 60, 200), (12, 14, 22, 24)),
    ("desk-plant.jpg", (300, 60, 300), (10, 10, 20, 20)),
    ("desk-plant.jpg", (430, 130, 260), (16, 4, 28, 16)),
    ("meadow-tree.jpg", (250, 60, 420), (10, 2, 22, 14)),
    ("meadow-tree.jpg", (60, 250, 260), (4, 16, 18, 28)),
    ("spiral-stairs-person.jpg", (250, 40, 340), (12, 12, 24, 22)),
    ("spiral-stairs-person.jpg", (20, 60, 300), (8, 18, 20, 30)),
)
# photo, the detail's left, top and side in px of the photo; the face is where it was in training
SCENES = (
    ("cat.jpg", (60, 0, 300)),
    ("desk-plant.jpg", (300, 60, 400)),
    ("meadow-tree.jpg", (0, 0, 545)),
    ("spiral-stairs-person.jpg", (250, 0, 445)),
) * 2
FACE = (("astronaut.jpg", (158, 54, 130)),) * 8


def sheet(
    model: str, side: int, details: Iterable[tuple[str, tuple[int, int, int], Sequence[int]]], path: Path
) -> None:
    """Write the picture: a column for each detail, a photo with its box and its hole's left, top, right, bottom."""
    inpainter = Inpainter.from_pretrained(model)
    columns = []
    for name, (left, top, width), (*start, right, bottom) in details:
        with Image.open(ROOT / "examples" / name) as photo:
            box = (left, top, left + width, top + width)
            detail = np.asarray(photo.convert("RGB").resize((side, side), Image.Resampling.LANCZOS, box))
        hole = np.zeros((side, side), dtype=bool)
        hole[start[1] : bottom, start[0] : right] = True
        masked = np.where(hole[:, :, None], np.uint8(255), detail)
        times = 96 // side + side // 64  # 3 at 32 px, 2 at 64 px
        rows = [picture.repeat(times, 0).repeat(times, 1) for picture in (detail, masked, inpainter(detail, hole))]
        columns.append(np.concatenate([np.pad(row, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for row in rows]))
    picture = Image.fromarray(np.concatenate(columns, axis=1)[:-GAP, :-GAP])
    picture.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}, {picture.width}×{picture.height}")


def main() -> None:
    sheet("cifar10", 32, PICKED, ROOT / "examples" / "filled.png")
    for model, details in (("scenes", SCENES), ("faces", FACE)):
        holes = evaluation_holes(len(details), 64, Holes((16, 36), {"rectangle": 1}))
        boxes = bounding_boxes(holes)[:, [1, 0, 3, 2]].tolist()  # left, top, right, bottom
        drawn = [(*detail, box) for detail, box in zip(details, boxes, strict=True)]
        sheet(model, 64, drawn, ROOT / "inpaint_hub" / "pretrained" / model / "sheet.png")


if __name__ == "__main__":
    main()
