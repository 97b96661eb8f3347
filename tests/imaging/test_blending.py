"""A fill is fitted to the known pixels around it, and nothing else changes."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from inpaint_hub.imaging.blending import ITERATIONS, SCREEN, blend_seam


def square_hole(side: int, margin: int) -> torch.Tensor:
    hole = torch.zeros(1, 1, side + 2 * margin, side + 2 * margin, dtype=torch.bool)
    hole[..., margin:-margin, margin:-margin] = True
    return hole


@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_known_pixels_stay_bit_for_bit_and_colors_stay_in_range(seed: int, share: float) -> None:
    random = torch.Generator().manual_seed(seed)
    image = torch.rand(2, 3, 9, 12, generator=random)
    hole = torch.rand(2, 1, 9, 12, generator=random) < share
    blended = blend_seam(image, hole, ~hole)
    everywhere = (~hole).expand_as(image)
    assert torch.equal(blended[everywhere], image[everywhere])
    assert blended.min() >= 0
    assert blended.max() <= 1


def test_it_solves_the_screened_poisson_equation() -> None:
    image, hole = torch.rand(1, 1, 14, 14, generator=torch.Generator().manual_seed(0)) / 4 + 0.4, square_hole(10, 2)
    places = {place: number for number, place in enumerate(map(tuple, hole[0, 0].nonzero().tolist()))}
    matrix, steps = np.zeros((len(places), len(places))), np.zeros(len(places))
    for (row, column), number in places.items():
        matrix[number, number] = 4 + SCREEN
        for place in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if place in places:
                matrix[number, places[place]] = -1
            else:
                steps[number] += image[0, 0][place] - image[0, 0, row, column]
    exact = image[hole].numpy() + np.linalg.solve(matrix, steps)
    np.testing.assert_allclose(blend_seam(image, hole, ~hole)[hole].numpy(), exact, atol=2e-3)


def test_a_fill_of_another_color_meets_what_is_around_it_and_keeps_its_own_in_the_depth() -> None:
    hole = square_hole(120, 4)
    row = blend_seam(torch.where(hole, 0.6, 0.5), hole, ~hole)[0, 0, 64, 4:64]
    assert row[0] - 0.5 < 0.04
    assert 0.6 - row[-1] < 0.001
    assert (row.diff() > -1e-3).all()


def test_a_fill_that_fits_stays_as_it_is() -> None:
    hole = square_hole(12, 3)
    flat = torch.full((1, 3, 18, 18), 0.3)
    assert torch.equal(blend_seam(flat, hole, ~hole), flat)


def test_with_nothing_known_the_fill_stays_as_it_is() -> None:
    image = torch.rand(1, 3, 6, 7)
    assert torch.equal(blend_seam(image, torch.ones(1, 1, 6, 7, dtype=torch.bool), torch.zeros(1, 1, 6, 7) > 0), image)


def test_pixels_that_are_neither_hole_nor_known_are_not_looked_at() -> None:
    hole = square_hole(8, 4)
    known = ~hole
    known[..., :6] = False
    image = torch.rand(1, 3, 16, 16)
    other = torch.where(hole | known, image, 1 - image)
    assert torch.equal(blend_seam(image, hole, known)[hole.expand_as(image)],
                       blend_seam(other, hole, known)[hole.expand_as(image)])  # fmt: skip


def test_a_pixel_hangs_on_what_is_near_alone_in_any_batch() -> None:
    image, hole = torch.rand(1, 3, 5, 3 * ITERATIONS), torch.ones(1, 1, 5, 3 * ITERATIONS, dtype=torch.bool)
    hole[..., ::7] = False
    other = image.clone()
    other[..., 2 * ITERATIONS + 1 :] = 0
    blended = blend_seam(torch.cat([image, other]), hole.expand(2, -1, -1, -1), ~hole.expand(2, -1, -1, -1))
    assert torch.equal(blended[0, ..., :ITERATIONS], blended[1, ..., :ITERATIONS])
    assert torch.equal(blended[:1], blend_seam(image, hole, ~hole))
