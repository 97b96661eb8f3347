"""Measure every method on the same holes, and write RESULTS.md: the paper's table with figures in its cells.

    PYTHONPATH=. python benchmarks/results.py --faces path/to/faces --scenes path/to/scenes --flowers path/to/flowers

`make results ARGS="..."` is the same; `--quick` takes 200 images of each set, and minutes. Sets that are not given are
left out, and RESULTS.md says so. `--paper` is the folder of a run of the preset `paper`, whose model, error curves and
samples are shown. Figures go to benchmarks/results/; the blind votes are in benchmarks/votes.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inpaint_hub.data.holes import Holes
from inpaint_hub.evaluation import report
from inpaint_hub.evaluation.comparison import compare, load_inputs
from inpaint_hub.methods.registry import METHODS
from inpaint_hub.models.networks import GENERATOR, UNDILATED, receptive_field
from inpaint_hub.pretrained import shipped

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAPERS_PICTURES = ("errors.png", "samples.png")  # of the run of its preset
ABLATION = RESULTS / "ablation.json"  # written by benchmarks/ablation.py, which trains the variants
DILATION = RESULTS / "dilation.json"  # written by benchmarks/dilation.py, which trains two models for it
QUICK = 200
CLASSICAL = ["telea", "navier-stokes", "biharmonic", "patchmatch"]
GENERATIONS = {  # the paper's rows, and the methods of each
    "diffusion-based": ["telea", "navier-stokes", "biharmonic"],
    "patch-based": ["patchmatch"],
    "context encoder": ["context-encoder"],
    "GAN, global and local discriminator": ["cifar10"],
}
SHOWN = ("biharmonic", "patchmatch", "context-encoder", "photos")  # one of each generation
ELSEWHERE = ("psnr_hole", "feature_distance")  # of sizes and sets that a method was not made for
ON_EVERY_SET = ("psnr_hole", "gradient_energy", "feature_distance", "kernel_distance")
SETS = {"cifar10": (32, (8, 16)), "scenes": (64, (16, 36)), "faces": (64, (16, 36)), "flowers": (64, (16, 36))}  # px


def measured(
    name: str, data: str, kinds: str, methods: dict[str, str], count: int | None, folder: Path
) -> dict[str, Any]:
    """Measure methods, by what they are called here, on a set; write rows and facts to FOLDER/NAME-KINDS.json."""
    resolution, sides = SETS[name]
    print(f"\n{name}, {kinds}")
    facts, images, holes = load_inputs(data, resolution=resolution, kinds=kinds, sides=sides, count=count)
    of_method, _ = compare([*methods.values()], images, holes)
    rows = {name: of_method[method] for name, method in methods.items()}
    kept = f"{name}-{kinds}"
    (folder / f"{kept}.json").write_text(json.dumps(facts | {"methods": rows}, indent=1) + "\n")
    if kinds == "spread":
        report.plot_figures(rows, folder / f"{kept}.png")
    return {"facts": facts, "rows": rows}


def example_details(size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Make details (N, size, size, 3) uint8 of the example photos, and a hole (N, size, size) bool in each."""
    details = []
    for number, path in enumerate(sorted((ROOT / "examples").glob("*.jpg"))):
        with Image.open(path) as photo:
            square = min(photo.size)
            side = square // 2 + 37 * number % (square // 4)
            left, top = (photo.width - side) // 2, (photo.height - side) // 2
            detail = photo.convert("RGB").crop((left, top, left + side, top + side))
        details.append(np.asarray(detail.resize((size, size), Image.Resampling.LANCZOS)))
    images = np.stack(details)
    return images, Holes((16, 30), {"rectangle": 1.0}).batch(7, 0, len(images), (size, size))[:, 0].numpy()


def example_sheet(methods: Sequence[str], path: Path) -> None:
    """Draw the details of the example photos, filled by several methods."""
    images, holes = example_details()
    results = {
        name: np.stack([METHODS[name](image, hole) for image, hole in zip(images, holes, strict=True)])
        for name in methods
    }
    report.draw_sheet(images, holes, results).save(path)


def best(rows: dict[str, Any], methods: list[str], figure: str) -> tuple[float, float | None, str]:
    """The best of some methods at a figure: value, half its interval, and whose it is."""
    some = [(*rows[name]["figures"][figure], name) for name in methods if name in rows]
    return min(some, key=lambda item: report.COLUMNS[figure].rank(item[0]))


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
        "generation", "PSNR in the hole, dB", "local consistency: seam error", "texture: gradient energy",
        "semantics: same label", "semantics: Fréchet distance", "other sizes: PSNR on scenes at 64 px, dB",
        "the same: feature distance",
    ]  # fmt: skip
    lines = [heading, ["---"] * len(heading)]
    for generation, methods in GENERATIONS.items():
        shown = ("psnr_hole", "seam", "gradient_energy", "same_label", "frechet")
        elsewhere = [cell(other, methods, figure) if other else "not measured" for figure in ELSEWHERE]
        lines.append([generation, *(cell(rect, methods, figure) for figure in shown), *elsewhere])
    text = report.markdown_table(lines)
    if votes:
        text += "\nNovel objects, by blind votes (ties half), 95 % intervals:\n\n"
        heading = ["fills of", "by", "against", "better", "even", "worse", "preferred"]
        counts = [
            [vote["of"], vote["ours"], vote["against"], *(str(vote[what]) for what in heading[3:6]), vote["preferred"]]
            for vote in votes
        ]
        text += report.markdown_table([heading, ["---"] * 7, *counts])
    return text


def matrix(found: dict[str, dict[str, Any]], figure: str) -> str:
    """A figure of each model on each data set, and of the best method without a network."""
    sets = [name for name in SETS if f"{name}, rectangle" in found]
    heading = [report.COLUMNS[figure].heading, *(f"on {name}" for name in sets)]
    lines = [heading, ["---"] * len(heading)]
    for model in [*shipped(), "best without a network"]:
        cells = []
        for name in sets:
            rows = found[f"{name}, rectangle"]["rows"]
            cells.append(cell(rows, CLASSICAL if model.startswith("best") else [model], figure))
        lines.append([f"trained on {model}" if model in SETS else model, *cells])
    return report.markdown_table(lines)


def papers_recipe(rows: dict[str, Any]) -> list[str]:
    """The section on the run of the preset `paper`, if it was measured."""
    if "paper" not in rows:
        return []
    return [
        "## The paper's own recipe",
        "The preset `paper`: four updates an iteration, all of them MSE, reconstruction over the whole image, from the"
        " first image on (Section IV); 320,000 images. It is the row `paper` above.",
        "The paper reports that the discriminator's error turns up and the generator's goes down. Here the"
        " discriminator wins within an epoch: its errors fall from 0.25 to about 0.03, and the generator's adversarial"
        " error rises from 0.26 to 0.95. The fills are mottled, and often of the wrong colour.",
        "![The errors of the four updates](benchmarks/results/paper-errors.png)",
        "![Original, masked, completed](benchmarks/results/paper-samples.png)",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar10", default="uoft-cs/cifar10", help="CIFAR-10 on the Hub, or a folder")
    for name in ("faces", "scenes", "flowers"):
        parser.add_argument(f"--{name}", help="a folder, or a data set on the Hub")
    parser.add_argument("--paper", type=Path, help="the folder of a run of the preset paper")
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
        named = {method: method for method in [*methods, *shipped()]}
        if name == "cifar10" and args.paper:
            named["paper"] = str(args.paper)
        found[f"{name}, rectangle"] = measured(name, data, "rectangle", named, count, args.figures)
        if name == "cifar10":
            spread = {method: method for method in [*CLASSICAL, *own]}
            found["cifar10, spread"] = measured(name, data, "spread", spread, count, args.figures)
    if args.paper:
        for picture in PAPERS_PICTURES:
            shutil.copyfile(args.paper / picture, args.figures / f"paper-{picture}")
    example_sheet([*CLASSICAL, *shipped()], args.figures / "examples.png")
    example_sheet(SHOWN, args.figures / "generations.png")
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
    command += " --paper runs/paper" if "paper" in rows else ""
    parts = [
        "# Results",
        "The paper *Image Inpainting using GANs* compares four generations of inpainting in words. This is its table,"
        " measured on the same holes:",
        papers_table(found, votes),
        f"In-hole PSNR of the GAN is {ours - classical[0]:+.2f} dB against the best method without a network"
        f" ({classical[2]}).",
        "![A method of each generation on the example photos](benchmarks/results/generations.png)",
        f"*Details of the example photos at 64 px, unpicked: {', '.join(SHOWN)}.*",
        "## How it was measured",
        f"Every figure here is written by one command:\n\n```console\n$ {command}\n```",
        f"{'A quick look, of at most 200 images a set. ' if quick else ''}Machine: {rect['facts']['machine']}."
        + (f" Left out, for want of data: {', '.join(missing)}." if missing else "")
        + " Images are held out: no model was trained on one of them. Fréchet distance and label are those of the"
        " package's own CIFAR-10 classifier (`python benchmarks/classifier.py`: 84.8 % of the test images right), fills"
        " against originals. ± is half a 95 % interval; the seam error is of gradients across the hole's edge.",
        "## CIFAR-10, rectangles of 8 to 16 px",
        report.figures_table(rows),
        *papers_recipe(rows),
        "## By area and by place of the hole",
        f"{spread['facts']['images']:,} images, a rectangle in each, of any area up to 60 % and as often inside as at"
        " one side as in a corner. The models were trained on holes of 6 to 25 % of the area.",
        "![Figures by area and place](benchmarks/results/cifar10-spread.png)",
        *(report.group_table(spread["rows"], what, figure) for what in ("by_area", "by_place")
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
            *(report.group_table(dilation["methods"], "by_area", figure) for figure in ("psnr_hole", "seam")),
        ]
    if ABLATION.is_file():
        ablation = json.loads(ABLATION.read_text())
        shown = [figure for figure in ON_EVERY_SET if all(figure in row for row in ablation["variants"].values())]
        parts += [
            "## What each choice of `photos` is worth",
            "The preset, and variants with one change, trained at 64 px from the same random weights on the same"
            f" {ablation['images_seen']:,} photos with the same holes, a twentieth of the release"
            " (`python benchmarks/ablation.py`); 136 validation photos:",
            report.markdown_table(
                [
                    ["variant", *(report.COLUMNS[figure].heading for figure in shown)],
                    ["---"] * (1 + len(shown)),
                    *(
                        [name, *(f"{row[figure]:.{report.COLUMNS[figure].digits}f}" for figure in shown)]
                        for name, row in ablation["variants"].items()
                    ),
                ]
            ),
        ]
    parts += [
        "## Every model on every data set",
        "Rectangles of 8 to 16 px at 32 px, of 16 to 36 px at 64 px. A context encoder knows one size, and sees others"
        " scaled.",
        *(matrix(found, figure) for figure in ON_EVERY_SET),
        "![The public-domain photos, filled by every method](benchmarks/results/examples.png)",
        "*Details of the example photos at 64 px, unpicked.*",
        (ROOT / "benchmarks" / "findings.md").read_text(encoding="utf-8"),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


if __name__ == "__main__":
    main()
