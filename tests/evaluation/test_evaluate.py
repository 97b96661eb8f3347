"""The holes that figures are measured on are the same ones in every run, and samples are shown in a grid."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inpaint_hub.data.holes import Holes
from inpaint_hub.evaluation.evaluate import evaluation_holes, figures, write_samples
from inpaint_hub.evaluation.feature_metrics import FEATURE_METRICS
from inpaint_hub.metrics import METRICS


def test_the_holes_of_the_protocol_are_those_that_the_published_figures_were_measured_on() -> None:
    holes = evaluation_holes(1000, 32, Holes((8, 16), {"rectangle": 1}))
    assert sha256(holes.numpy().tobytes()).hexdigest().startswith("62491e24f42ecc92")


def test_a_run_is_measured_on_plain_rectangles_if_it_trains_on_some_and_on_its_own_kinds_if_not() -> None:
    plain = Holes((8, 16), {"rectangle": 1})
    mixed, strokes = Holes((8, 16), {"strokes": 9, "rectangle": 1}), Holes((8, 16), {"strokes": 1})
    assert torch.equal(evaluation_holes(50, 32, mixed), evaluation_holes(50, 32, plain))
    assert not torch.equal(evaluation_holes(50, 32, strokes), evaluation_holes(50, 32, plain))


@pytest.mark.parametrize(("count", "flat"), [(1, False), (3, True), (1, True)])
def test_figures_that_images_do_not_have_are_left_out(count: int, flat: bool) -> None:
    images = torch.full((count, 3, 32, 32), 90, dtype=torch.uint8)
    if not flat:
        images[:] = torch.randint(256, images.shape, dtype=torch.uint8)
    holes = evaluation_holes(count, 32, Holes((8, 16), {"rectangle": 1}))
    found = figures(np.zeros((count, 32, 32, 3), dtype=np.uint8), images, holes)
    absent = {"kernel_distance"} if count == 1 else set()
    assert {*METRICS, *FEATURE_METRICS} - {*found} == absent | ({"gradient_energy"} if flat else set())
    json.dumps(found, allow_nan=False)


def test_figures_of_fills_without_an_error_have_no_psnr() -> None:
    images, holes = torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    holes[:, :, 8:24, 8:24] = True
    assert "psnr_hole" not in figures(np.zeros((2, 32, 32, 3), dtype=np.uint8), images, holes)


@pytest.mark.parametrize(("count", "size", "columns"), [(20, 32, 16), (3, 32, 3), (20, 256, 6)])
def test_a_grid_of_samples_has_three_rows_and_a_bounded_width(
    count: int, size: int, columns: int, tmp_path: Path
) -> None:
    images = torch.rand(count, 3, size, size)
    write_samples(tmp_path / "samples" / "000000064.png", images, images, images)
    with Image.open(tmp_path / "samples" / "000000064.png") as picture:
        side = max(96, size)
        assert picture.size == (columns * (side + 2) + 2, 3 * (side + 2) + 2)
