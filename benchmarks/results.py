"""Measure every method on the same holes, and write RESULTS.md: the paper's table with figures in its cells.

    PYTHONPATH=. python benchmarks/results.py --faces path/to/faces --scenes path/to/scenes --flowers path/to/flowers

`make results ARGS="..."` is the same; `--quick` takes 200 images of each set, and minutes. Data that is not given is
left out, and said. Figures go to benchmarks/results/, and the blind votes come from benchmarks/votes.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inpaint_hub.data.holes import Holes
from inpaint_hub.evaluation import report
from inpaint_hub.evaluation.comparison import compare, machine, prepared
from inpaint_hub.models.networks import GENERATOR, UNDILATED, receptive_field
from inpaint_hub.pretrained import shipped

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DILATION = RESULTS / "dilation.json"  # written by benchmarks/dilation.py, which trains two models for it
QUICK = 200
CLASSICAL = ["telea", "navier-stokes", "biharmonic", "patchmatch"]
GENERATIONS = {  # the paper's rows, and who stands for each
    "diffusion-based": ["telea", "navier-stokes", "biharmonic"],
    "patch-based": ["patchmatch"],
    "context encoder": ["context-encoder"],
    "GAN, global and local discriminator": ["cifar10"],
}
SETS = {"cifar10": (32, (8, 16)), "scenes": (64, (16, 36)), "faces": (64, (16, 36)), "flowers": (64, (16, 36))}  # px


def measured(name: str, data: str, kinds: str, methods: list[str], count: int | None, folder: Path) -> dict[str, Any]:
    """The rows of a comparison by method, kept in FOLDER/NAME-KINDS.json with what was compared."""
    resolution, sides = SETS[name]
    print(f"\n{name}, {kinds}")
    facts, images, holes = prepared(data, "test", resolution, kinds, sides, None, count, 0)
    rows, _ = compare(methods, images, holes)
    kept = f"{name}-{kinds}"
    (folder / f"{kept}.json").write_text(json.dumps(facts | {"methods": rows}, indent=1) + "\n")
    if kinds == "spread":
        report.plot(rows, folder / f"{kept}.png")
    return {"facts": facts, "rows": rows}


def example_sheet(methods: list[str], folder: Path) -> None:
    """FOLDER/examples.png: details of the photos in the public domain, filled by every method."""
    details, size = [], 64
    for number, path in enumerate(sorted((ROOT / "examples").glob("*.jpg"))):
        with Image.open(path) as photo:
            square = min(photo.size)
            side = square // 2 + 37 * number % (square // 4)
            left, top = (photo.width - side) // 2, (photo.height - side) // 2
            detail = photo.convert("RGB").crop((left, top, left + side, top + side))
        details.append(np.asarray(detail.resize((size, size), Image.Resampling.LANCZOS)))
    images = np.stack(details)
    holes = Holes((16, 30), {"rectangle": 1.0}).batch(7, 0, len(images), (size, size))[:, 0].numpy()
    _, results = compare(methods, images, holes)
    report.sheet(images, holes, results).save(folder / "examples.png")


def best(rows: dict[str, Any], methods: list[str], figure: str) -> tuple[float, float | None, str]:
    """The best of some methods at a figure: value, half its interval, and whose it is."""
    some = [(*rows[name]["figures"][figure], name) for name in methods if name in rows]
    return min(some, key=lambda item: report.COLUMNS[figure].distance(item[0]))


def cell(rows: dict[str, Any], methods: list[str], figure: str) -> str:
    value, half, name = best(rows, methods, figure)
    digits = report.COLUMNS[figure].digits
    about = "" if half is None else f" ± {half:.{digits}f}"
    return f"{value:.{digits}f}{about}" + (f" ({name})" if len(methods) > 1 else "")


def papers_table(found: dict[str, dict[str, Any]], votes: list[dict[str, Any]]) -> str:
    """The paper's comparison: a row a generation, measured."""
    rect = found["cifar10, rectangle"]["rows"]
    other = found.get("scenes, rectangle", {}).get("rows")
    heading = [
        "generation", "PSNR in the hole, dB", "local consistency: seam error", "semantics: same label",
        "semantics: Fréchet distance", "other sizes: PSNR on scenes at 64 px, dB",
    ]  # fmt: skip
    lines = [heading, ["---"] * len(heading)]
    for generation, methods in GENERATIONS.items():
        figures = [cell(rect, methods, figure) for figure in ("psnr_hole", "seam", "same_label", "frechet")]
        lines.append([generation, *figures, cell(other, methods, "psnr_hole") if other else "not measured"])
    text = report.markdown(lines)
    if votes:
        text += "\nNovel objects, by blind votes (ties half), 95 % intervals:\n\n"
        text += report.markdown([["fills of", "by", "against", "better", "even", "worse", "preferred"], ["---"] * 7] + [
            [vote["of"], vote["ours"], vote["against"], *(str(vote[what]) for what in ("better", "even", "worse")),
             vote["preferred"]]
            for vote in votes
        ])  # fmt: skip
    return text


def matrix(found: dict[str, dict[str, Any]]) -> str:
    """In-hole PSNR of each model on each data set, and of the best method without a network."""
    sets = [name for name in SETS if f"{name}, rectangle" in found]
    heading = ["PSNR in the hole, dB", *(f"on {name}" for name in sets)]
    lines = [heading, ["---"] * len(heading)]
    for model in [*shipped(), "best without a network"]:
        cells = []
        for name in sets:
            rows = found[f"{name}, rectangle"]["rows"]
            cells.append(cell(rows, CLASSICAL if model.startswith("best") else [model], "psnr_hole"))
        lines.append([f"trained on {model}" if model in SETS else model, *cells])
    return report.markdown(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar10", default="uoft-cs/cifar10", help="CIFAR-10 on the Hub, or a folder")
    for name in ("faces", "scenes", "flowers"):
        parser.add_argument(f"--{name}", help="a folder, or a data set on the Hub")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} images of each set")
    parser.add_argument("--output", type=Path, default=ROOT / "RESULTS.md")
    parser.add_argument("--figures", type=Path, default=RESULTS, help="the folder for figures")
    args = parser.parse_args()
    args.figures.mkdir(exist_ok=True)
    count = QUICK if args.quick else None
    own = ["context-encoder", "cifar10"]
    found, missing = {}, []
    for name in SETS:
        if (data := getattr(args, name)) is None:
            missing.append(name)
            continue
        methods = [*CLASSICAL, *own] if name == "cifar10" else CLASSICAL
        methods = list(dict.fromkeys([*methods, *shipped()]))
        found[f"{name}, rectangle"] = measured(name, data, "rectangle", methods, count, args.figures)
        if name == "cifar10":
            found["cifar10, spread"] = measured(name, data, "spread", [*CLASSICAL, *own], count, args.figures)
    example_sheet([*CLASSICAL, *shipped()], args.figures)
    votes = json.loads((ROOT / "benchmarks" / "votes.json").read_text())
    args.output.write_text(text(found, votes, missing, args.quick), encoding="utf-8")
    print(f"\n{args.output} and {args.figures} are written")


def text(found: dict[str, dict[str, Any]], votes: list[dict[str, Any]], missing: list[str], quick: bool) -> str:
    """RESULTS.md."""
    rect, spread = found["cifar10, rectangle"], found["cifar10, spread"]
    rows = rect["rows"]
    ours, classical = best(rows, ["cifar10"], "psnr_hole")[0], best(rows, CLASSICAL, "psnr_hole")
    given = [name for name in SETS if name not in missing]
    command = "PYTHONPATH=. python benchmarks/results.py" + "".join(f" --{name} path/to/{name}" for name in given)
    parts = [
        "# Results",
        "The four generations of inpainting that the paper *Image Inpainting using GANs* compares in words, on the same"
        " holes, measured. Every figure here is written by one command:",
        f"```console\n$ {command}\n```",
        f"{'A quick look, of at most 200 images a set. ' if quick else ''}Machine: {machine()}."
        + (f" Left out, for want of data: {', '.join(missing)}." if missing else "")
        + " Images are held out: no model was trained on one of them. Fréchet distance and label are those of the"
        " package's own CIFAR-10 classifier (`python benchmarks/classifier.py`: 84.8 % of the test images right), fills"
        " against originals. ± is half a 95 % interval; the seam error is of gradients across the hole's edge.",
        "## The paper's table",
        papers_table(found, votes),
        f"In-hole PSNR of the GAN is {ours - classical[0]:+.2f} dB against the best method without a network"
        f" ({classical[2]}).",
        "## CIFAR-10, rectangles of 8 to 16 px",
        report.table(rows),
        "## By area and by place of the hole",
        f"{spread['facts']['images']:,} images, a rectangle in each, of any area up to 60 % and as often inside as at"
        " one side as in a corner. The models were trained on holes of 6 to 25 % of the area.",
        "![Figures by area and place](benchmarks/results/cifar10-spread.png)",
        *(report.breakdown(spread["rows"], what, figure) for what in ("by_area", "by_place")
          for figure in ("psnr_hole", "seam", "frechet")),
    ]  # fmt: skip
    if DILATION.is_file():
        dilation = json.loads(DILATION.read_text())
        parts += [
            "## What dilation is worth",
            f"The paper widens what an output pixel sees by dilation: {receptive_field(GENERATOR)} px with it,"
            f" {receptive_field(UNDILATED)} px without. Both networks, trained alike on"
            f" {dilation['images_seen']:,} images with holes of every area, reconstruction alone"
            " (`python benchmarks/dilation.py`). At 32 px either sees nearly all of the image, and they differ by less"
            " than the intervals; larger images were not tried:",
            *(report.breakdown(dilation["methods"], "by_area", figure) for figure in ("psnr_hole", "seam")),
        ]
    parts += [
        "## Every model on every data set",
        "Rectangles of 8 to 16 px at 32 px, of 16 to 36 px at 64 px. A context encoder knows one size, and sees others"
        " scaled.",
        matrix(found),
        "![The public-domain photos, filled by every method](benchmarks/results/examples.png)",
        "*Details of the example photos at 64 px, unpicked.*",
        (ROOT / "benchmarks" / "findings.md").read_text(encoding="utf-8"),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


if __name__ == "__main__":
    main()
