"""Write the report of a comparison: tables in Markdown, figures in JSON, a sheet of fills, curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ..metrics import HIGHEST, LOWEST, METRICS, Column

SHEET_IMAGES = 8  # rows of the sheet
CELL_PX = 128  # the least side of an image in it
LABEL_PX = 16


# How each figure is shown, in the order of the columns.
COLUMNS = {name: metric.column for name, metric in METRICS.items()} | {
    "feature_distance": Column("feature distance", 3, LOWEST),
    "kernel_distance": Column("kernel distance", 1, LOWEST),
    "frechet_crops": Column("Fréchet distance of crops", 1, LOWEST),
    "frechet": Column("Fréchet distance", 2, LOWEST),
    "same_label": Column("same label", 3, HIGHEST),
    "lpips": Column("LPIPS", 4, LOWEST),
    "fid": Column("Inception FID", 1, LOWEST),
}
CURVES = ("psnr_hole", "gradient_energy", "feature_distance", "kernel_distance")


def figures_table(rows: dict[str, dict[str, Any]]) -> str:
    """Write a table with a line for each method, from the rows of `comparison.compare`.

    A figure is followed by half the width of its 95 % interval; the best of a column is bold.
    """
    shown = [name for name in COLUMNS if any(name in row["figures"] for row in rows.values())]
    lines = [
        ["method", *(COLUMNS[name].heading for name in shown), "ms an image", "peak memory, MB"],
        ["---"] * (len(shown) + 3),
    ]
    for method, row in rows.items():
        cells = [_cell(name, method, rows) for name in shown]
        lines.append([method, *cells, f"{row['milliseconds']:.1f}", f"{row['peak_mb']:,.0f}"])
    return markdown_table(lines)


def group_table(rows: dict[str, dict[str, Any]], grouping: str, figure: str) -> str:
    """Write a table with a line for each method and a column for each part of the images.

    Args:
        rows: Of `comparison.compare`.
        grouping: "by_area" or "by_place".
        figure: The name of the figure.
    """
    parts = list(next(iter(rows.values()))[grouping])
    counts = [next(iter(rows.values()))[grouping][part]["images"] for part in parts]
    heading = [COLUMNS[figure].heading, *(f"{part} ({n:,})" for part, n in zip(parts, counts, strict=True))]
    lines = [heading, ["---"] * len(heading)]
    for method in rows:
        inside = [{name: {"figures": row[grouping][part]} for name, row in rows.items()} for part in parts]
        lines.append([method, *(_cell(figure, method, some) for some in inside)])
    return markdown_table(lines)


def _cell(figure: str, method: str, rows: dict[str, dict[str, Any]]) -> str:
    found = {name: row["figures"].get(figure, (None, None)) for name, row in rows.items()}
    value, half_width = found[method]
    if value is None:
        return ""
    column = COLUMNS[figure]
    best = min((value for value, _ in found.values() if value is not None), key=column.rank)
    text = f"{value:.{column.digits}f}"
    text = f"**{text}**" if text == f"{best:.{column.digits}f}" else text
    return text if half_width is None else f"{text} ± {half_width:.{column.digits}f}"


def markdown_table(lines: list[list[str]]) -> str:
    """Write a table in Markdown from its cells; the second line is the rule below the heading."""
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def draw_sheet(images: np.ndarray, holes: np.ndarray, results: dict[str, np.ndarray]) -> Image.Image:
    """Draw the original, the masked image and every fill side by side, a row for each of the first images.

    Args:
        images: (N, S, S, 3) uint8.
        holes: (N, S, S) bool.
        results: The fills of each method by its name, (N, S, S, 3) uint8.
    """
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


def plot_figures(rows: dict[str, dict[str, Any]], path: Path, figures: Sequence[str] = CURVES) -> None:
    """Draw curves of figures by area and by place of the hole, with their 95 % intervals, to the file `path`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    canvas, panes = pyplot.subplots(2, len(figures), figsize=(4.2 * len(figures), 7.6), layout="constrained")
    for panes_of, grouping, axis in zip(panes, ("by_area", "by_place"), ("hole, of the image", "place"), strict=True):
        for pane, figure in zip(panes_of, figures, strict=True):
            for number, (method, row) in enumerate(rows.items()):
                parts = list(row[grouping])
                if not parts:  # fewer than two images in each
                    continue
                values, half_widths = zip(*(row[grouping][part][figure] for part in parts), strict=True)
                pane.errorbar(
                    parts, np.array(values, dtype=float), [half or 0 for half in half_widths], label=method, capsize=2,
                    color=f"C{number % 10}",
                    linestyle=("-", "--", ":")[number // 10 % 3], marker=".",
                )  # fmt: skip
            pane.set(title=COLUMNS[figure].heading, xlabel=axis)
            pane.tick_params(axis="x", labelsize=8)
    handles, names = panes[0][0].get_legend_handles_labels()
    canvas.legend(handles, names, loc="outside lower center", ncols=min(6, len(names)))
    canvas.savefig(path, dpi=100)
    pyplot.close(canvas)


def write_report(
    folder: Path,
    facts: dict[str, Any],
    rows: dict[str, dict[str, Any]],
    images: np.ndarray,
    holes: np.ndarray,
    results: dict[str, np.ndarray],
) -> str:
    """Write README.md, figures.json, sheet.png and curves.png into a folder.

    Args:
        folder: Is created if necessary.
        facts: Of `comparison.load_inputs`.
        rows: Of `comparison.compare`.
        images: (N, S, S, 3) uint8.
        holes: (N, S, S) bool.
        results: The fills of each method by its name, (N, S, S, 3) uint8.

    Returns:
        The text of README.md.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw_sheet(images, holes, results).save(folder / "sheet.png")
    plot_figures(rows, folder / "curves.png")
    (folder / "figures.json").write_text(json.dumps(facts | {"methods": rows}, indent=1, allow_nan=False) + "\n")
    parts = [
        f"# {facts['title']}\n\n{facts['text']}\n\n{figures_table(rows)}",
        *(
            f"{heading}\n\n" + "\n".join(group_table(rows, grouping, figure) for figure in ("psnr_hole", "seam"))
            for grouping, heading in (("by_area", "## By area of the hole"), ("by_place", "## By place of the hole"))
        ),
        "![Figures by area and place](curves.png)\n",
        "![Fills](sheet.png)\n",
    ]
    text = "\n".join(parts)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return text
