"""What a comparison says: a table in Markdown, the figures in JSON, a sheet of fills, curves by area and place."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

SHEET_IMAGES = 8  # rows of the sheet
CELL_PX = 128  # at least, of an image in it
LABEL_PX = 16


class Column(NamedTuple):
    """How a figure is shown: its heading, digits after the point, and the value it would best have."""

    heading: str
    digits: int
    best: float

    def distance(self, value: float) -> float:
        """How far a value is from the best one: smaller is better."""
        return abs(value - self.best) if math.isfinite(self.best) else value if self.best < 0 else -value


MOST, LEAST = math.inf, -math.inf
COLUMNS = {
    "psnr_hole": Column("PSNR in the hole, dB", 2, MOST),
    "ssim_hole": Column("SSIM in the hole", 3, MOST),
    "l1_hole": Column("L1 in the hole", 4, LEAST),
    "lowpass_hole": Column("low-pass error in the hole", 4, LEAST),
    "gradient_energy": Column("gradient energy, original = 1", 2, 1),
    "feature_distance": Column("feature distance", 3, LEAST),
    "kernel_distance": Column("kernel distance", 1, LEAST),
    "frechet_crops": Column("Fréchet distance of crops", 1, LEAST),
    "seam": Column("seam error", 4, LEAST),
    "frechet": Column("Fréchet distance", 2, LEAST),
    "same_label": Column("same label", 3, MOST),
    "ssim_image": Column("SSIM of the image", 3, MOST),
    "l1_image": Column("L1 of the image", 4, LEAST),
    "lpips": Column("LPIPS", 4, LEAST),
    "fid": Column("Inception FID", 1, LEAST),
}
CURVES = ("psnr_hole", "gradient_energy", "feature_distance", "kernel_distance")


def table(rows: dict[str, dict[str, Any]]) -> str:
    """A line a method, each figure with half its 95 % interval, the best of a column bold."""
    shown = [name for name in COLUMNS if any(name in row["figures"] for row in rows.values())]
    lines = [
        ["method", *(COLUMNS[name].heading for name in shown), "ms an image", "peak memory, MB"],
        ["---"] * (len(shown) + 3),
    ]
    for method, row in rows.items():
        cells = [_cell(name, method, rows) for name in shown]
        lines.append([method, *cells, f"{row['milliseconds']:.1f}", f"{row['peak_mb']:,.0f}"])
    return markdown(lines)


def breakdown(rows: dict[str, dict[str, Any]], what: str, figure: str) -> str:
    """A line a method, the `figure` in each part of `what`, by_area or by_place, the best of a column bold."""
    parts = list(next(iter(rows.values()))[what])
    counts = [next(iter(rows.values()))[what][part]["images"] for part in parts]
    heading = [COLUMNS[figure].heading, *(f"{part} ({n:,})" for part, n in zip(parts, counts, strict=True))]
    lines = [heading, ["---"] * len(heading)]
    for method in rows:
        inside = [{name: {"figures": row[what][part]} for name, row in rows.items()} for part in parts]
        lines.append([method, *(_cell(figure, method, some) for some in inside)])
    return markdown(lines)


def _cell(figure: str, method: str, rows: dict[str, dict[str, Any]]) -> str:
    if figure not in rows[method]["figures"]:
        return ""
    value, half = rows[method]["figures"][figure]
    column = COLUMNS[figure]
    values = (row["figures"][figure][0] for row in rows.values() if figure in row["figures"])
    best = min(values, key=column.distance)
    text = f"{value:.{column.digits}f}"
    text = f"**{text}**" if text == f"{best:.{column.digits}f}" else text
    return text if half is None else f"{text} ± {half:.{column.digits}f}"


def markdown(lines: list[list[str]]) -> str:
    """A table of cells, the heading and its rule among its lines."""
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def sheet(images: np.ndarray, holes: np.ndarray, results: dict[str, np.ndarray]) -> Image.Image:
    """Original, masked, and every method beside each other, a row for each of the first images."""
    count, side = min(SHEET_IMAGES, len(images)), images.shape[1]
    scale = max(1, CELL_PX // side)
    masked = np.where(holes[..., None], np.uint8(255), images)
    columns = {"original": images, "masked": masked} | results
    step = scale * side + 4
    picture = Image.new("RGB", (step * len(columns), LABEL_PX + step * count), "white")
    draw = ImageDraw.Draw(picture)
    for number, (name, some) in enumerate(columns.items()):
        draw.text((step * number + 2, 2), name, fill="black")
        for row in range(count):
            cell = Image.fromarray(some[row]).resize((scale * side, scale * side), Image.Resampling.NEAREST)
            picture.paste(cell, (step * number, LABEL_PX + step * row))
    return picture


def plot(rows: dict[str, dict[str, Any]], path: Path, figures: Sequence[str] = CURVES) -> None:
    """A picture of figures by hole area, and by place, with their 95 % intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    canvas, panes = pyplot.subplots(2, len(figures), figsize=(4.2 * len(figures), 7.6), layout="constrained")
    for panes_of, what, axis in zip(panes, ("by_area", "by_place"), ("hole, of the image", "place"), strict=True):
        for pane, figure in zip(panes_of, figures, strict=True):
            for number, (method, row) in enumerate(rows.items()):
                parts = list(row[what])
                values, halves = zip(*(row[what][part][figure] for part in parts), strict=True)
                pane.errorbar(
                    parts, values, [half or 0 for half in halves], label=method, capsize=2, color=f"C{number % 10}",
                    linestyle=("-", "--", ":")[number // 10 % 3], marker=".",
                )  # fmt: skip
            pane.set(title=COLUMNS[figure].heading, xlabel=axis)
            pane.tick_params(axis="x", labelsize=8)
    handles, names = panes[0][0].get_legend_handles_labels()
    canvas.legend(handles, names, loc="outside lower center", ncols=min(6, len(names)))
    canvas.savefig(path, dpi=100)
    pyplot.close(canvas)


def write(
    folder: Path,
    facts: dict[str, Any],
    rows: dict[str, dict[str, Any]],
    images: np.ndarray,
    holes: np.ndarray,
    results: dict[str, np.ndarray],
) -> str:
    """The Markdown that is now in FOLDER/README.md, beside figures.json, sheet.png and curves.png."""
    folder.mkdir(parents=True, exist_ok=True)
    sheet(images, holes, results).save(folder / "sheet.png")
    plot(rows, folder / "curves.png")
    (folder / "figures.json").write_text(json.dumps(facts | {"methods": rows}, indent=1) + "\n")
    parts = [
        f"# {facts['title']}\n\n{facts['text']}\n\n{table(rows)}",
        *(
            f"{heading}\n\n" + "\n".join(breakdown(rows, what, figure) for figure in ("psnr_hole", "seam"))
            for what, heading in (("by_area", "## By area of the hole"), ("by_place", "## By place of the hole"))
        ),
        "![Figures by area and place](curves.png)\n",
        "![Fills](sheet.png)\n",
    ]
    text = "\n".join(parts)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return text
