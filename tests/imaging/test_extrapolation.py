"""Planes continued smoothly into the unknown."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import holes

from inpaint_hub.imaging.extrapolation import extrapolate


@given(hole=holes(13, 18), seed=st.integers(0, 99))
def test_extrapolate_keeps_known_values_and_stays_within_their_range(hole: np.ndarray, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 65536, (13, 18, 2)).astype(np.uint16)
    result = extrapolate(values, ~hole)
    assert np.array_equal(result[~hole], values[~hole])
    if not hole.all():
        assert result.min() >= values[~hole].min() - 0.1
        assert result.max() <= values[~hole].max() + 0.1


@given(hole=holes(13, 18))
def test_extrapolate_continues_a_constant_exactly_and_reads_nothing_unknown(hole: np.ndarray) -> None:
    values = np.where(hole[:, :, None], np.nan, np.float32(0.3))
    assert (extrapolate(values, ~hole) == (0 if hole.all() else np.float32(0.3))).all()


def test_extrapolate_continues_a_ramp_roughly() -> None:
    ramp = np.broadcast_to(np.arange(64.0)[None, :, None], (64, 64, 1)).copy()
    known = np.ones((64, 64), dtype=bool)
    known[24:40, 24:40] = False
    assert np.abs(extrapolate(ramp, known) - ramp).max() < 6
