"""The figures, against cases that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inpaint_hub.metrics import HIGHEST, LOWEST, METRICS

HOLES = np.zeros((2, 16, 16), dtype=bool)
HOLES[0, 2:6, 2:6] = True
HOLES[1, 1:14, 1:14] = True
ORIGINALS = np.random.default_rng(0).integers(20, 235, (2, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", METRICS)
def test_metric_of_the_original_is_the_best_and_of_noise_is_worse(name: str) -> None:
    metric = METRICS[name]
    noise = np.random.default_rng(1).integers(0, 256, ORIGINALS.shape, dtype=np.uint8)
    perfect, noisy = metric(ORIGINALS, ORIGINALS, HOLES), metric(noise, ORIGINALS, HOLES)
    assert metric.column.rank(perfect) < metric.column.rank(noisy)
    assert perfect == {HIGHEST: math.inf if "psnr" in name else 1, LOWEST: 0}.get(
        metric.column.best, metric.column.best
    )


def test_psnr_is_of_the_mean_error_and_each_image_counts_the_same() -> None:
    results = ORIGINALS.copy()
    results[0][HOLES[0]] += 10  # the small hole is off by 10, the large one by nothing
    assert METRICS["psnr_hole"](results, ORIGINALS, HOLES) == pytest.approx(10 * math.log10(255**2 / 50))
    assert METRICS["l1_hole"](results, ORIGINALS, HOLES) == pytest.approx(5 / 255)


def test_known_pixels_count_in_no_in_hole_figure() -> None:
    results = np.where(HOLES[..., None], ORIGINALS, 0)
    assert METRICS["psnr_hole"](results, ORIGINALS, HOLES) == math.inf
    assert METRICS["l1_hole"](results, ORIGINALS, HOLES) == 0
    assert METRICS["l1_image"](results, ORIGINALS, HOLES) > 0.1


def test_ssim_falls_where_structure_is_lost() -> None:
    flat = np.where(HOLES[..., None], 128, ORIGINALS).astype(np.uint8)
    assert METRICS["ssim_hole"](flat, ORIGINALS, HOLES) < 0.6
    assert METRICS["ssim_hole"](flat, ORIGINALS, HOLES) < METRICS["ssim_image"](flat, ORIGINALS, HOLES) < 1


def test_the_low_pass_error_sees_a_wrong_colour_and_not_a_wrong_texture() -> None:
    originals = np.full((1, 60, 60, 3), 128, dtype=np.uint8)
    hole = np.zeros((1, 60, 60), dtype=bool)
    hole[0, 6:54, 6:54] = True
    shifted, textured = originals.copy(), originals.copy()
    shifted[hole] += 16
    textured[hole] += np.random.default_rng(0).choice(np.array([-16, 16]), (hole.sum(), 1)).astype(np.uint8)
    assert METRICS["l1_hole"](shifted, originals, hole) == METRICS["l1_hole"](textured, originals, hole)
    assert METRICS["lowpass_hole"](shifted, originals, hole) == pytest.approx(16 / 255, rel=0.15)
    assert METRICS["lowpass_hole"](textured, originals, hole) < 16 / 255 / 5


def test_the_seam_error_is_of_the_steps_across_the_holes_edge_alone() -> None:
    originals = np.zeros((1, 8, 8, 3), dtype=np.uint8)
    hole = np.zeros((1, 8, 8), dtype=bool)
    hole[0, 2:6, 2:6] = True
    rim_is_off, inside_is_off = originals.copy(), originals.copy()
    rim_is_off[hole] = 51
    inside_is_off[0, 3:5, 3:5] = 51
    assert METRICS["seam"](rim_is_off, originals, hole) == pytest.approx(0.2)
    assert METRICS["seam"](inside_is_off, originals, hole) == 0


def test_a_figure_of_the_whole_comes_from_those_of_each_image() -> None:
    results = np.random.default_rng(1).integers(20, 235, ORIGINALS.shape, dtype=np.uint8)
    for metric in METRICS.values():
        each = metric.per_image(results, ORIGINALS, HOLES)
        assert len(each) == 2
        assert metric.aggregate(each) == metric(results, ORIGINALS, HOLES)


def test_gradient_energy_is_the_holes_share_of_the_originals() -> None:
    halved = (ORIGINALS.astype(np.float64) / 2).round().astype(np.uint8)
    hole = np.zeros_like(HOLES)
    hole[:, 4:12, 4:12] = True
    assert METRICS["gradient_energy"](halved, ORIGINALS, hole) == pytest.approx(0.25, abs=0.01)
    flat = np.full_like(ORIGINALS, 7)
    assert METRICS["gradient_energy"](flat, ORIGINALS, hole) == 0


def test_gradient_energy_of_a_flat_original_is_no_number() -> None:
    flat = np.full_like(ORIGINALS, 7)
    assert math.isnan(METRICS["gradient_energy"](ORIGINALS, flat, HOLES))
