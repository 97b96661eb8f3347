"""Make the pictures of the README and of the cards, from the example photos.

    python benchmarks/picture.py

The before and after is filled at full size by the default method, with the strokes of the page's example. The pictures
of the models are details, scaled to the size of their training, with holes that are unpicked: the first ones that the
evaluation draws. The animated picture of the page is made by `page_animation.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from inpaint_hub import Inpainter, fill
from inpaint_hub.data.holes import Holes
from inpaint_hub.evaluation.evaluate import evaluation_holes
from inpaint_hub.methods import DEFAULT
from inpaint_hub.pretrained import shipped

ROOT = Path(__file__).parent.parent
EXAMPLES, IMAGES = ROOT / "examples", ROOT / "docs" / "images"
GAP, CELL_PX = 4, 192  # px between pictures, and of a method's picture
MARK = (255, 60, 120)  # of the hole
HERO = "spiral-stairs-person.jpg"
METHODS = {  # photo; left, top, right, bottom of the detail that is shown
    "guided": (HERO, (110, 90, 360, 340)),
    "faces": ("astronaut.jpg", (158, 54, 288, 184)),
    "telea": ("cat.jpg", (60, 0, 310, 250)),
}
FACE_PX, MOUTH = 128, (40, 72, 90, 102)  # the face's side in training; left, top, right, bottom in px of it
SCRATCHES = ([(70, 30), (180, 120), (330, 170)], [(300, 10), (240, 110), (110, 230)])
# photo; left, top and side of a square detail; of `faces` the face is where it was in training
DETAILS = (("cat.jpg", (60, 0, 300)), ("desk-plant.jpg", (300, 60, 400)), ("meadow-tree.jpg", (0, 0, 545)))
FACE = (("astronaut.jpg", (158, 54, 130)),)
# Side of the images and of the holes in training, px.
SMALL, LARGE = (32, (8, 16)), (128, (32, 72))
TRAINED = {"cifar10": SMALL, "context-encoder": SMALL, "photos": LARGE, "faces": LARGE}
OTHERS = (64, (16, 36))
PHOTOS = (*DETAILS, (HERO, (250, 0, 445))) * 2
CARDS = {"faces": FACE * 8, "photos": PHOTOS}


def read(name: str) -> Image.Image:
    """Read an example photo as RGB."""
    with Image.open(EXAMPLES / name) as photo:
        return photo.convert("RGB")


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Put pictures of one height beside each other."""
    width = sum(picture.width + GAP for picture in pictures) - GAP
    row = Image.new("RGB", (width, pictures[0].height), "white")
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + GAP
    return row


def strokes_of(name: str) -> Image.Image:
    """Draw the mask of the page's strokes on an example photo."""
    mask = Image.new("L", read(name).size)
    draw = ImageDraw.Draw(mask)
    for stroke in json.loads((EXAMPLES / "strokes.json").read_text(encoding="utf-8"))[name]:
        points = [tuple(point) for point in stroke["points"]]
        if stroke["kind"] == "lasso":
            draw.polygon(points, fill=255)
        else:
            radius = stroke["radius"]
            draw.line(points, fill=255, width=2 * radius)
            for x, y in points:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return mask


def method_example(method: str) -> tuple[Image.Image, Image.Image]:
    """Make the photo and the mask of the picture of a method; a face has the size of its training."""
    name, box = METHODS[method]
    photo = read(name)
    if method == "guided":
        return photo, strokes_of(name)
    if method == "faces":
        photo = photo.resize((FACE_PX, FACE_PX), Image.Resampling.LANCZOS, box)
    mask = Image.new("L", photo.size)
    if method == "faces":
        mask.paste(255, MOUTH)
    else:
        for line in SCRATCHES:
            ImageDraw.Draw(mask).line(line, fill=255, width=5)
    return photo, mask


def draw_before_after() -> Image.Image:
    """Draw the README's photo before and after, at full size."""
    photo = read(HERO)
    return side_by_side([photo, fill(photo, strokes_of(HERO), method=DEFAULT)])


def draw_method(method: str) -> Image.Image:
    """Draw a detail with its hole marked, and filled by a method."""
    photo, mask = method_example(method)
    marked = photo.copy()
    marked.paste(MARK, (0, 0), mask)
    box = METHODS[method][1] if photo.width > FACE_PX else None
    pair = marked, fill(photo, mask, method=method)
    return side_by_side([picture.resize((CELL_PX, CELL_PX), Image.Resampling.LANCZOS, box) for picture in pair])


def draw_model(model: str, details: Sequence[tuple[str, tuple[int, int, int]]], rows: str) -> Image.Image:
    """Draw a column for each detail: `rows` of "original", "masked" and "completed"."""
    side, sides = TRAINED.get(model, OTHERS)
    inpainter = Inpainter.from_pretrained(model)
    holes = evaluation_holes(len(details), side, Holes(sides, {"rectangle": 1}))[:, 0].numpy()
    columns = []
    for (name, (left, top, width)), hole in zip(details, holes, strict=True):
        box = (left, top, left + width, top + width)
        detail = np.asarray(read(name).resize((side, side), Image.Resampling.LANCZOS, box))
        masked = np.where(hole[:, :, None], np.uint8(255), detail)
        shown = {"original": detail, "masked": masked, "completed": inpainter(detail, hole)}
        cells = [shown[row].repeat(128 // side, 0).repeat(128 // side, 1) for row in rows.split()]
        padded = [np.pad(cell, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for cell in cells]
        columns.append(np.concatenate(padded))
    return Image.fromarray(np.concatenate(columns, axis=1)[:-GAP, :-GAP])


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture, and print its name, size and bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **({"quality": 88, "optimize": True} if path.suffix == ".jpg" else {"optimize": True}))
    print(f"{path.relative_to(ROOT)}: {picture.width}×{picture.height}, {path.stat().st_size:,} bytes")


def main() -> None:
    save(draw_before_after(), IMAGES / "before-after.jpg")
    for method in METHODS:
        save(draw_method(method), IMAGES / f"method-{method}.jpg")
    for model in shipped():
        shown = FACE * 3 if model == "faces" else DETAILS
        save(draw_model(model, shown, "masked completed"), IMAGES / f"model-{model}.png")
    for model, details in CARDS.items():
        if model in shipped():
            picture = draw_model(model, details, "original masked completed")
            save(picture, ROOT / "inpaint_hub" / "pretrained" / model / "sheet.png")


if __name__ == "__main__":
    main()
