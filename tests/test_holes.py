"""Random draws are functions of (seed, position)."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from inpaint_hub.holes import as_hole, permutation, rectangles, uniforms


@given(seed=st.integers(0, 2**32), first=st.integers(0, 10**9), count=st.integers(1, 20), cut=st.integers(0, 20))
def test_draws_do_not_depend_on_where_a_batch_starts(seed: int, first: int, count: int, cut: int) -> None:
    cut = min(cut, count)
    parts = [uniforms(seed, first, cut), uniforms(seed, first + cut, count - cut)]
    assert np.array_equal(np.concatenate(parts), uniforms(seed, first, count))


def test_draws_are_uniform_and_no_two_positions_or_seeds_share_them() -> None:
    draws = uniforms(0, 0, 20_000)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert np.abs(draws.mean(axis=0) - 0.5).max() < 0.01
    assert len(np.unique(draws)) == draws.size
    assert not np.isin(uniforms(1, 0, 1000), draws).any()


def test_an_epoch_visits_every_image_once_and_each_epoch_in_its_own_order() -> None:
    first, second = permutation(3, 0, 500), permutation(3, 1, 500)
    assert sorted(first) == sorted(second) == list(range(500))
    assert not np.array_equal(first, second)


@given(seed=st.integers(0, 2**32), size=st.integers(3, 40), data=st.data())
def test_a_hole_is_inside_and_never_empty_or_full(seed: int, size: int, data: st.DataObject) -> None:
    side_min = data.draw(st.integers(1, size - 1))
    side_max = data.draw(st.integers(side_min, size - 1))
    boxes = rectangles(uniforms(seed, 0, 50), size, side_min, side_max)
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() >= side_min
    assert sides.max() <= side_max
    assert boxes.min() >= 0
    assert boxes.max() <= size
    assert torch.equal(as_hole(boxes, size).sum(dim=(1, 2, 3)), sides.prod(dim=1))


def test_holes_have_every_side_and_reach_every_border() -> None:
    boxes = rectangles(uniforms(0, 0, 5000), 32, 8, 16)
    sides = boxes[:, 2:] - boxes[:, :2]
    counts = torch.bincount(sides.flatten(), minlength=17)[8:]
    assert (counts / counts.sum() - 1 / 9).abs().max() < 0.01
    assert (boxes == 0).any(dim=0)[:2].all()
    assert (boxes == 32).any(dim=0)[2:].all()
