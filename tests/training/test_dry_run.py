"""The estimate of a run."""

from __future__ import annotations

import torch
from torch import nn

from inpaint_hub.data.dataset import Batch
from inpaint_hub.training.dry_run import estimate_run
from inpaint_hub.training.recipes import Recipe


def test_estimate_run_lists_settings_phases_and_parameters() -> None:
    recipe = Recipe(joint=True, discriminator_from=0.5, adversarial_from=0.75)
    ran: list[tuple[str, ...]] = []
    batches: list[int] = []

    def iterate(updates: tuple[str, ...], batch: Batch) -> None:
        ran.append(updates)

    def batch_at(images_seen: int) -> Batch:
        batches.append(images_seen)
        return Batch(*[torch.zeros(1)] * 4)

    parts = {"generator": nn.Linear(999, 1000), "discriminator": nn.Linear(499, 1000)}
    text = estimate_run(recipe, parts, 1000, iterate, batch_at)
    assert list(dict.fromkeys(ran)) == [("reconstruct",), ("discriminate",), ("discriminate", "joint")]
    assert batches == [0, 500, 750]
    assert "  learning_rate 0.001\n" in text
    assert "\n50% to 75%: discriminate; " in text
    assert "generator: 1.00 M parameters\ndiscriminator: 0.50 M parameters\n" in text
    assert "1,000 images, about " in text
    assert text.endswith("nothing was trained")
