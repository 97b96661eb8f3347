"""What a run records: where it stands, its errors, and their plot. Knows no accelerate."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


class Progress:
    """Where a run stands: images seen, the errors of the epoch under way, a row for each epoch done."""

    def __init__(self) -> None:
        self.step = 0
        self.images_seen = 0
        self.seconds = 0.0
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.history: list[dict[str, float]] = []
        self.before_adversarial: dict[str, Tensor] | None = None  # averaged weights, where they are to be mixed in

    def add(self, errors: dict[str, Tensor], batch_size: int) -> None:
        self.step += 1
        self.images_seen += batch_size
        for name, error in errors.items():
            self.sums[name] = self.sums[name] + error if name in self.sums else error
            self.counts[name] = self.counts.get(name, 0) + 1

    def check(self) -> None:
        """End the run where an error is no number any more; the last checkpoint is from before."""
        for name, total in self.sums.items():
            if not math.isfinite(total.item()):
                sys.exit(
                    f"the {name} error is {total.item()} at {self.images_seen:,} images; the last checkpoint is good:"
                    " go on from it, in another folder, with a lower --learning_rate or without --mixed_precision"
                )

    def finish_epoch(self, mean_over_processes: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """The new row of the history: the mean errors since the last one, over all processes."""
        means = {name: mean_over_processes(self.sums[name]).item() / self.counts[name] for name in self.sums}
        self.sums.clear()
        self.counts.clear()
        self.history.append({"epoch": len(self.history) + 1, "images_seen": self.images_seen} | means)
        return self.history[-1]

    def write(self, folder: Path) -> None:
        """errors.jsonl, a row for each epoch, and errors.png, their plot."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        (folder / "errors.jsonl").write_text("".join(json.dumps(row) + "\n" for row in self.history))
        figure, panes = pyplot.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
        panels = (
            ("generator's error", ("reconstruct", "adversarial")),
            ("discriminator's error", ("real", "fake")),
            ("in-hole PSNR, validation, dB", ("psnr_hole",)),
        )
        for pane, (title, names) in zip(panes, panels, strict=True):
            for name in names:
                rows = [row for row in self.history if name in row]
                pane.plot([row["epoch"] for row in rows], [row[name] for row in rows], marker=".", label=name)
            pane.set(title=title, xlabel="epoch")
            pane.xaxis.get_major_locator().set_params(integer=True)
            pane.legend()
        panes[0].set_yscale("log")  # the adversarial error is a hundred times the other
        figure.savefig(folder / "errors.png", dpi=100)
        pyplot.close(figure)

    def state(self) -> dict[str, Any]:
        return dict(vars(self))

    def load(self, state: dict[str, Any], device: torch.device) -> None:
        for name in vars(self):
            setattr(self, name, state[name])
        self.sums = {name: total.to(device) for name, total in self.sums.items()}
