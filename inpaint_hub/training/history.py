"""What a run records: a row of figures every so many updates, their plot. Knows no accelerate."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..metrics import METRICS
from . import checkpoint
from .losses import ADVERSARIAL_LOSSES
from .recipes import Recipe

ERRORS = ("reconstruct", "perceptual", "real", "fake", "adversarial")  # in the order of their updates
# The discriminator dominates when its losses stay below `AdversarialLoss.dominance` for so long. Shorter stretches are
# usual at the start, before the generator answers.
WON_UPDATES = 500

# What a checkpoint of an earlier version does not have.
ADDED = ("best", "best_metric", "best_side", "validations_since_best", "batchnorm_frozen")


class TrainingState:
    """Where a run stands: images seen, the sums since the last row of figures, and every row so far."""

    def __init__(self) -> None:
        self.step = 0
        self.images_seen = 0
        self.seconds = 0.0
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.history: list[dict[str, Any]] = []
        self.before_adversarial: dict[str, Tensor] | None = None  # averaged weights, where they are to be mixed in
        self.best: float | None = None  # the best figure of validation, which one, and how many have been worse since
        self.best_metric: str | None = None
        self.best_side: int | None = None  # of the images that it was measured on, px
        self.validations_since_best = 0
        self.batchnorm_frozen = False  # whether the last update normalised by statistics that it kept
        self._kept = tuple(vars(self))  # in a checkpoint; the clock is not
        self.restart_clock()

    def restart_clock(self) -> None:
        """Count the speed from here: what validation took is not training's."""
        self._clock, self._images_then = time.perf_counter(), self.images_seen

    def add(self, figures: dict[str, Tensor], batch_size: int) -> None:
        """An update's figures, each a scalar, of all processes; they stay on their device."""
        self.step += 1
        self.images_seen += batch_size
        for name, value in figures.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def totals(self) -> dict[str, float]:
        """The sums since the last row. Reading them waits for the device."""
        return dict(zip(self.sums, torch.stack([*self.sums.values()]).tolist(), strict=True)) if self.sums else {}

    def means(self) -> dict[str, float]:
        """The mean of each figure since the last row; the sums start afresh."""
        means = {name: total / self.counts[name] for name, total in self.totals().items()}
        self.sums.clear()
        self.counts.clear()
        return means

    def row(self, means: dict[str, float], epoch: float, learning_rate: float, adversarial_loss: str) -> dict[str, Any]:
        """The new last row of the history; a gradient that the scaler of half precision throws away has no norm."""
        row: dict[str, Any] = {"step": self.step, "images_seen": self.images_seen, "epoch": round(epoch, 4)}
        row |= {name: _six_digits(mean) for name, mean in means.items() if math.isfinite(mean)}
        row["learning_rate"] = _six_digits(learning_rate)
        elapsed = time.perf_counter() - self._clock
        row["images_per_second"] = round((self.images_seen - self._images_then) / elapsed, 1)
        row["discriminator_won"] = discriminator_dominates([*self.history, row], adversarial_loss)
        self.history.append(row)
        return row

    def keep_before_adversarial(self, updates: Sequence[str], averaged: torch.nn.Module) -> None:
        """Keep the weights with which the adversarial phase begins; in a run that was lengthened it begins again."""
        if not {"adversarial", "joint"} & {*updates}:
            self.before_adversarial = None
        elif self.before_adversarial is None:
            self.before_adversarial = {name: weight.clone() for name, weight in averaged.named_parameters()}

    def is_best(self, metric: str, value: float, side: int) -> bool:
        """Count a validation, and tell whether its figure `metric` is the best so far; of features, the lowest is.

        Figures of images of another side, in px, are no measure: where images grow, the first validation is the best.
        """
        if (self.best_metric, self.best_side) != (metric, side):  # a resumed run may ask for another metric
            self.best = None
        self.best_metric, self.best_side = metric, side
        rank = METRICS[metric].column.rank if metric in METRICS else float
        better = self.best is None or rank(value) < rank(self.best)
        self.best = value if better else self.best
        self.validations_since_best = 0 if better else self.validations_since_best + 1
        return better

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, by name."""
        return {name: getattr(self, name) for name in self._kept}

    def load(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on where `state` stood."""
        for name in self._kept:
            setattr(self, name, state.get(name, getattr(self, name)) if name in ADDED else state[name])
        self.sums = {name: total.to(device) for name, total in self.sums.items()}
        self.restart_clock()


def _six_digits(value: float) -> float:
    return float(f"{value:.6g}")


def find_nonfinite(figures: dict[str, float]) -> str | None:
    """The first error or score that is no number any more, as in "the real error is nan", or None."""
    for name, value in figures.items():
        if not math.isfinite(value) and not name.startswith("grad_norm"):
            return f"the {name} error is {value}" if name in ERRORS else f"the {name} is {value}"
    return None


def largest_weights(parts: dict[str, Any]) -> dict[str, float]:
    """The largest weight of each network, in magnitude; it is no number as soon as one of them is none."""
    return {
        f"{name}'s largest weight": torch.nn.utils.get_total_norm([*part.parameters()], math.inf).item()
        for name, part in parts.items()
        if isinstance(part, torch.nn.Module)
    }


def stop_if_broken(values: dict[str, float], progress: TrainingState, folder: Path) -> None:
    """End the run where an error or a weight is no number any more; no checkpoint holds it."""
    if broken := find_nonfinite(values):
        saved = checkpoint.every(folder)
        good = (
            f"{saved[-1].name} is from before, but would lead there again" if saved else "no checkpoint was saved yet"
        )
        sys.exit(
            f"{broken} by update {progress.step:,}, at {progress.images_seen:,} images; {good}: start anew, in another"
            " folder, with a lower --learning_rate or --mixed_precision no"
        )


def discriminator_dominates(rows: Sequence[dict[str, Any]], adversarial_loss: str) -> bool:
    """Whether the discriminator's error was next to nothing in the last 500 updates, all against the generator."""
    for number in reversed(range(len(rows))):
        row = rows[number]
        if "adversarial" not in row or row["real"] + row["fake"] >= ADVERSARIAL_LOSSES[adversarial_loss].dominance:
            return False
        before = rows[number - 1]["step"] if number else 0
        if rows[-1]["step"] - before >= WON_UPDATES:
            return True
    return False


def _line(row: dict[str, Any]) -> str:
    """A row as a line of JSON. Infinity and NaN, which JSON does not have, are left out."""
    known = {name: value for name, value in row.items() if not isinstance(value, float) or math.isfinite(value)}
    return json.dumps(known, allow_nan=False) + "\n"


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Make `path` these rows, one a line, and drop whatever else it held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(_line(row) for row in rows))


def append_row(path: Path, row: dict[str, Any]) -> None:
    """One more line."""
    with path.open("a") as file:
        file.write(_line(row))


def report(rows: list[dict[str, Any]], recipe: Recipe, folder: Path, say: Callable[[str], None]) -> None:
    """What the last of the rows has to tell: a line in metrics.jsonl; at an epoch's end the plot, and a line to say."""
    row = rows[-1]
    append_row(folder / "metrics.jsonl", row)
    if "psnr_hole" in row:
        plot(rows, folder / "errors.png")
        said = [f"{name} {row[name]:.4g}" for name in (*ERRORS, *METRICS) if name in row]
        say(f"epoch {row['epoch']:g}, {row['images_seen']:,} images: {', '.join(said)}")
    if row["discriminator_won"] and not any(row.get("discriminator_won") for row in rows[:-1]):
        say(
            f"the discriminator has won: for {WON_UPDATES} updates it has told real from completed images almost"
            " without error, so that the generator learns little from it; start anew, in another folder, with a lower"
            f" --discriminator_learning_rate than {recipe.discriminator_learning_rate:g} or a larger"
            f" --adversarial_weight than {recipe.adversarial_weight:g}"
        )


def load_pyplot() -> Any:
    """Import matplotlib to draw into files. Raises `ImportError` where it is missing or broken."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """A picture of the generator's and the discriminator's errors, its scores, and the figures of validation."""
    pyplot = load_pyplot()
    panels = (
        # One is a hundred times the other, and a hinge loss may be below zero.
        ("generator's error", ("reconstruct", "perceptual", "adversarial"), "symlog"),
        ("discriminator's error", ("real", "fake"), "linear"),
        ("discriminator's score, 1 = real", ("score_real", "score_completed"), "linear"),
        ("in-hole PSNR, validation, dB", ("psnr_hole",), "linear"),
    )
    figure, panes = pyplot.subplots(2, 2, figsize=(11, 6.4), layout="constrained")
    for pane, (title, names, scale) in zip(panes.flat, panels, strict=True):
        for name in names:
            known = [row for row in rows if name in row]
            marker = "." if len(known) < 30 else None
            pane.plot([row["epoch"] for row in known], [row[name] for row in known], marker=marker, label=name)
        pane.set(title=title, xlabel="epoch", yscale=scale)
        pane.legend()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
