"""Random draws are functions of (seed, position)."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inpaint_hub.data.rng import permutation, uniforms


@given(seed=st.integers(0, 2**32), first=st.integers(0, 10**9), count=st.integers(1, 20), cut=st.integers(0, 20))
def test_draws_do_not_depend_on_where_a_batch_starts(seed: int, first: int, count: int, cut: int) -> None:
    cut = min(cut, count)
    parts = [uniforms(seed, first, cut), uniforms(seed, first + cut, count - cut)]
    assert np.array_equal(np.concatenate(parts), uniforms(seed, first, count))


def test_draws_are_uniform_and_no_two_positions_seeds_or_streams_share_them() -> None:
    draws = uniforms(0, 0, 20_000)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert np.abs(draws.mean(axis=0) - 0.5).max() < 0.01
    assert len(np.unique(draws)) == draws.size
    assert not np.isin(uniforms(1, 0, 1000), draws).any()
    assert not np.isin(uniforms(0, 0, 1000, 64, stream=2), draws).any()


def test_an_epoch_visits_every_image_once_and_each_epoch_in_its_own_order() -> None:
    first, second = permutation(3, 0, 500), permutation(3, 1, 500)
    assert sorted(first) == sorted(second) == list(range(500))
    assert not np.array_equal(first, second)
