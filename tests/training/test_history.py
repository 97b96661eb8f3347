"""What a run records says what happened, and when the discriminator has won."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from inpaint_hub.training.history import (
    WON_UPDATES,
    TrainingState,
    append_row,
    discriminator_dominates,
    find_nonfinite,
    plot,
    write_rows,
)


def rows(*errors: float, every: int = 100) -> list[dict[str, float]]:
    """Rows `every` so many updates, whose real and fake error are each half of `errors`."""
    return [
        {"step": (number + 1) * every, "real": error / 2, "fake": error / 2, "adversarial": 5.0}
        for number, error in enumerate(errors)
    ]


def test_a_row_holds_the_mean_of_each_figure_since_the_last_one() -> None:
    progress = TrainingState()
    for error in (1.0, 2.0, 6.0):
        progress.add({"real": torch.tensor(error)}, 4)
    progress.add({"real": torch.tensor(3.0), "score_real": torch.tensor(0.75)}, 4)
    row = progress.row(progress.means(), 0.25, 1e-3, "mse")
    known = {"step": 4, "images_seen": 16, "epoch": 0.25, "real": 3.0, "score_real": 0.75, "learning_rate": 1e-3}
    assert known.items() <= row.items()
    assert row["images_per_second"] > 0
    progress.add({"real": torch.tensor(5.0)}, 4)
    assert progress.means() == {"real": 5.0}


def test_an_error_or_a_score_that_is_find_nonfinite_is_named() -> None:
    assert find_nonfinite({"reconstruct": 0.1, "real": math.nan}) == "the real error is nan"
    assert find_nonfinite({"score_real": math.inf}) == "the score_real is inf"
    assert find_nonfinite({"real": 0.1, "score_real": 0.5}) is None


def test_a_gradient_that_overflowed_in_half_precision_stops_nothing_and_stays_out_of_the_row() -> None:
    progress = TrainingState()
    progress.add({"real": torch.tensor(1.0), "grad_norm_real": torch.tensor(math.inf)}, 4)
    means = progress.means()
    assert find_nonfinite(means) is None
    assert "grad_norm_real" not in progress.row(means, 0.25, 1e-3, "mse")


@pytest.mark.parametrize(
    ("errors", "won"),
    [
        ([0.01] * 5, True),
        ([0.7, *[0.01] * 5], True),
        ([0.01] * 4, False),  # not for long enough
        ([0.01, 0.01, 0.06, *[0.01] * 4], False),  # not all the time
        ([*[0.01] * 5, 0.06], False),  # not any more
        ([0.05] * 5, False),
        ([], False),
    ],
)
def test_discriminator_dominates_when_its_error_is_next_to_nothing_for_long(errors: list[float], won: bool) -> None:
    assert WON_UPDATES == 500
    assert discriminator_dominates(rows(*errors), "cross-entropy") is won


def test_squared_errors_are_smaller_so_that_winning_is_too() -> None:
    assert not discriminator_dominates(rows(*[0.01] * 6), "mse")
    assert discriminator_dominates(rows(*[0.001] * 6), "mse")


def test_a_discriminator_that_trains_alone_has_no_one_to_win_against() -> None:
    alone = [{name: value for name, value in row.items() if name != "adversarial"} for row in rows(*[0.01] * 8)]
    assert not discriminator_dominates(alone, "cross-entropy")


def test_rows_replace_whatever_the_file_held(tmp_path: Path) -> None:
    path = tmp_path / "run" / "metrics.jsonl"
    write_rows(path, rows(0.1, 0.2, 0.3))
    with path.open("a") as file:
        file.write('{"step": 400, "re')  # killed there
    write_rows(path, rows(0.1, 0.2))
    assert [json.loads(line) for line in path.read_text().splitlines()] == rows(0.1, 0.2)


def test_a_plot_is_drawn_of_rows_with_and_without_validation(tmp_path: Path) -> None:
    some = [{"epoch": 0.5, "reconstruct": 0.1}, {"epoch": 1.0, "reconstruct": 0.05, "psnr_hole": 12.0}]
    plot(some, tmp_path / "errors.png")
    with Image.open(tmp_path / "errors.png") as picture:
        assert picture.size == (1100, 640)


@pytest.mark.parametrize(("metric", "values", "best"), [
    ("psnr_hole", (15.0, 16.0, 15.5, 17.0), (True, True, False, True)),
    ("l1_hole", (0.3, 0.2, 0.2, 0.1), (True, True, False, True)),
    ("feature_distance", (0.3, 0.2, 0.2, 0.1), (True, True, False, True)),
    ("gradient_energy", (1.9, 0.9, 0.8, 1.02), (True, True, False, True)),
])  # fmt: skip
def test_is_best_knows_which_way_a_figure_gets_better(
    metric: str, values: tuple[float, ...], best: tuple[bool, ...]
) -> None:
    state = TrainingState()
    assert tuple(state.is_best(metric, value, 32) for value in values) == best
    assert (state.best, state.validations_since_best) == (values[-1], 0)
    assert not state.is_best(metric, values[0], 32)
    assert state.validations_since_best == 1


def test_is_best_begins_anew_with_another_figure() -> None:
    state = TrainingState()
    assert state.is_best("psnr_hole", 15.0, 32)
    assert state.is_best("ssim_hole", 0.4, 32)
    assert (state.best, state.best_metric) == (0.4, "ssim_hole")


def test_is_best_begins_anew_where_the_images_have_grown() -> None:
    state = TrainingState()
    found = [state.is_best("psnr_hole", value, side) for value, side in ((21.0, 64), (20.0, 64), (15.0, 128))]
    assert found == [True, False, True]
    assert (state.best, state.best_side, state.validations_since_best) == (15.0, 128, 0)
    assert not state.is_best("psnr_hole", 14.0, 128)


def test_load_a_checkpoint_from_before_there_was_a_best_one() -> None:
    old = TrainingState().state()
    del old["best"], old["validations_since_best"]
    state = TrainingState()
    state.load(old | {"step": 3}, torch.device("cpu"))
    assert (state.step, state.best) == (3, None)


def test_keep_before_adversarial_follows_a_run_that_is_lengthened() -> None:
    averaged = torch.nn.Linear(1, 1)
    state = TrainingState()

    def kept(*updates: str) -> float | None:
        torch.nn.init.constant_(averaged.weight, averaged.weight.item() + 1)
        state.keep_before_adversarial(updates, averaged)
        return None if state.before_adversarial is None else state.before_adversarial["weight"].item()

    torch.nn.init.constant_(averaged.weight, 0)
    assert [kept("reconstruct"), kept("discriminate", "joint"), kept("discriminate", "joint")] == [None, 2, 2]
    assert [kept("real", "fake"), kept("reconstruct", "real", "fake", "adversarial")] == [None, 5]


def test_rows_leave_out_what_json_does_not_have(tmp_path: Path) -> None:
    write_rows(tmp_path / "metrics.jsonl", [{"step": 1, "kernel_distance": math.nan}])  # of an earlier version
    append_row(tmp_path / "metrics.jsonl", {"step": 2, "psnr_hole": math.inf, "seam": 0.5})
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n{"step": 2, "seam": 0.5}\n'
