"""Holes are functions of (seed, position), and of every kind they are what its table says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inpaint_hub.data import holes as module
from inpaint_hub.data.holes import KINDS, Holes, bounding_boxes, read_masks

sizes = st.tuples(st.integers(16, 96), st.integers(16, 96))


def random_masks(size: tuple[int, int], count: int = 5) -> np.ndarray:
    """Packed masks with a few specks in them: hard to cut without losing all of them."""
    random = np.random.default_rng(0)
    masks = np.zeros((count, 2 * size[0], 2 * size[1]), dtype=bool)
    for mask in masks:
        row, column = random.integers(0, size)
        mask[2 * row + 1, 2 * column + 1] = True
        mask[: random.integers(0, size[0]), : random.integers(0, size[1])] = True
    return np.packbits(masks, axis=2)


def holes_of(kind: str, size: tuple[int, int]) -> Holes:
    """The kind alone, its sides a quarter to half of the short side."""
    short = min(size)
    return Holes((short // 4, short // 2), {kind: 1}, random_masks(size) if kind == "folder" else None)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), size=sizes)
@settings(max_examples=25)
def test_a_hole_of_any_kind_is_never_empty_or_full_at_any_size(kind: str, seed: int, size: tuple[int, int]) -> None:
    pixels = holes_of(kind, size).batch(seed, 0, 50, size).sum(dim=(1, 2, 3))
    assert pixels.min() > 0
    assert pixels.max() < size[0] * size[1]


@pytest.mark.parametrize("kind", ["rectangle", "rectangles", "border"])
@given(seed=st.integers(0, 2**32), size=st.tuples(st.integers(3, 40), st.integers(3, 40)), data=st.data())
@settings(max_examples=25)
def test_rectangles_of_any_sides_are_never_empty_or_full(
    kind: str, seed: int, size: tuple[int, int], data: st.DataObject
) -> None:
    side_max = data.draw(st.integers(1, min(size) - 1))
    side_min = data.draw(st.integers(1, side_max))
    pixels = Holes((side_min, side_max), {kind: 1}).batch(seed, 0, 50, size).sum(dim=(1, 2, 3))
    assert pixels.min() > 0
    assert pixels.max() <= max(4, side_max**2)
    assert pixels.max() < size[0] * size[1]


@pytest.mark.parametrize("kind", ["rectangle", "border"])
@given(seed=st.integers(0, 2**32), size=sizes)
@settings(max_examples=25)
def test_a_rectangle_has_the_sides_that_were_asked_for_and_no_gap(kind: str, seed: int, size: tuple[int, int]) -> None:
    how = holes_of(kind, size)
    holes = how.batch(seed, 0, 50, size)
    boxes = bounding_boxes(holes)
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() >= how.sides[0]
    assert sides.max() <= how.sides[1]
    assert torch.equal(holes.sum(dim=(1, 2, 3)), sides.prod(dim=1))


def test_plain_rectangles_have_every_side_and_reach_every_border() -> None:
    boxes = bounding_boxes(Holes((8, 16), {"rectangle": 1}).batch(0, 0, 5000, (32, 48)))
    sides = boxes[:, 2:] - boxes[:, :2]
    counts = torch.bincount(sides.flatten(), minlength=17)[8:]
    assert (counts / counts.sum() - 1 / 9).abs().max() < 0.01
    assert (boxes == 0).any(dim=0)[:2].all()
    assert (boxes == torch.tensor([0, 0, 32, 48])).any(dim=0)[2:].all()


def borders(boxes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(N, 4) bool: whether each box touches the top, left, bottom and right of the image."""
    return boxes == torch.tensor([0, 0, *size])


@given(seed=st.integers(0, 2**32), size=sizes)
def test_a_border_hole_always_touches_the_border(seed: int, size: tuple[int, int]) -> None:
    assert borders(bounding_boxes(holes_of("border", size).batch(seed, 0, 50, size)), size).any(dim=1).all()


def test_border_holes_touch_each_side_as_often_as_the_others() -> None:
    touched = borders(bounding_boxes(holes_of("border", (40, 64)).batch(0, 0, 4000, (40, 64))), (40, 64))
    assert (touched.float().mean(dim=0) - 0.28).abs().max() < 0.04


STATED = {
    row[0]: [float(number) for number in row[1:]]
    for row in re.findall(r"^\| (\w+)" + r" +\| +([\d.]+)" * 4 + r" \|$", str(module.__doc__), flags=re.MULTILINE)
}


@pytest.mark.parametrize("kind", STATED)
def test_area_and_border_share_are_those_of_the_table(kind: str) -> None:
    mean, smallest, largest, border = STATED[kind]
    holes = holes_of(kind, (64, 64)).batch(5, 0, 4000, (64, 64))
    area, touches = holes.float().mean(dim=(1, 2, 3)), borders(bounding_boxes(holes), (64, 64)).any(dim=1)
    assert area.mean().item() == pytest.approx(mean, rel=0.03)
    assert smallest - 0.01 < area.min() < 0.5 * mean
    assert 1.5 * mean < area.max() < largest + 0.05
    assert touches.float().mean().item() == pytest.approx(border, abs=0.02)


@pytest.mark.parametrize("size", [(16, 16), (32, 32), (96, 96), (32, 48), (96, 64)])
def test_strokes_cover_the_same_share_of_an_image_of_any_size_and_shape(size: tuple[int, int]) -> None:
    area = holes_of("strokes", size).batch(5, 0, 2000, size).float().mean(dim=(1, 2, 3))
    assert area.mean().item() == pytest.approx(STATED["strokes"][0], rel=0.08)


@pytest.mark.parametrize("kind", ["rectangle", "rectangles", "border"])
@pytest.mark.parametrize("side", [32, 96])
def test_rectangles_cover_the_same_share_of_a_square_of_any_size(kind: str, side: int) -> None:
    area = holes_of(kind, (side, side)).batch(5, 0, 2000, (side, side)).float().mean(dim=(1, 2, 3))
    assert area.mean().item() == pytest.approx(STATED[kind][0], rel=0.08)


def test_every_kind_but_the_folders_is_in_the_table() -> None:
    assert list(STATED) == [kind for kind in KINDS if kind != "folder"]


def test_a_batch_may_hold_no_hole_of_a_kind() -> None:
    mix = dict.fromkeys(KINDS, 1.0)
    how = Holes((8, 16), mix, random_masks((32, 32)))
    assert torch.equal(torch.cat([how.batch(0, n, 1, (32, 32)) for n in range(8)]), how.batch(0, 0, 8, (32, 32)))


@pytest.mark.parametrize("kind", KINDS)
@given(first=st.integers(0, 10**6), cut=st.integers(1, 19), size=sizes)
@settings(max_examples=15)
def test_a_hole_does_not_depend_on_the_batch_that_it_is_drawn_in(
    kind: str, first: int, cut: int, size: tuple[int, int]
) -> None:
    how = holes_of(kind, size)
    how = Holes(how.sides, {"rectangle": 1, kind: 2}, how.masks)
    parts = [how.batch(3, first, cut, size), how.batch(3, first + cut, 20 - cut, size)]
    assert torch.equal(torch.cat(parts), how.batch(3, first, 20, size))


@pytest.mark.parametrize("kind", KINDS)
def test_two_seeds_and_two_positions_draw_other_holes(kind: str) -> None:
    how = holes_of(kind, (32, 32))
    here = how.batch(0, 0, 100, (32, 32))
    for other in (how.batch(1, 0, 100, (32, 32)), how.batch(0, 100, 100, (32, 32))):
        assert (here != other).any(dim=(1, 2, 3)).float().mean() > 0.9


def test_a_mix_draws_its_kinds_by_their_weights_and_the_rectangles_where_they_would_be_alone() -> None:
    size = (32, 32)
    alone = {kind: holes_of(kind, size).batch(0, 0, 4000, size) for kind in ("rectangle", "strokes")}
    mixed = Holes((8, 16), {"rectangle": 3, "strokes": 1}).batch(0, 0, 4000, size)
    same = {kind: (mixed == holes).all(dim=3).all(dim=2)[:, 0] for kind, holes in alone.items()}
    assert (same["rectangle"] | same["strokes"]).all()
    assert same["rectangle"].float().mean().item() == pytest.approx(0.75, abs=0.02)


@given(size=sizes, data=st.data())
def test_a_bounding_box_holds_every_pixel_and_no_empty_line(size: tuple[int, int], data: st.DataObject) -> None:
    hole = torch.zeros(1, 1, *size, dtype=torch.bool)
    rows, columns = ([data.draw(st.integers(0, length - 1)) for _ in range(3)] for length in size)
    hole[0, 0, rows, columns] = True
    assert bounding_boxes(hole).tolist() == [[min(rows), min(columns), max(rows) + 1, max(columns) + 1]]


def mask(folder: Path, name: str, values: np.ndarray) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    Image.fromarray(values).save(folder / name)


def test_masks_come_from_a_folder_in_any_size_and_mode_and_white_is_the_hole(tmp_path: Path) -> None:
    half = np.zeros((50, 70), dtype=np.uint8)
    half[:, :35] = 255
    mask(tmp_path, "grey.png", half)
    mask(tmp_path, "deeper/colour.png", np.repeat(half[:, :, None], 3, axis=2))
    mask(tmp_path, "bits.png", half > 0)
    masks = np.unpackbits(read_masks(str(tmp_path), (16, 24)), axis=2, count=48)
    assert masks.shape == (3, 32, 48)
    assert masks[:, :, :24].all()
    assert not masks[:, :, 24:].any()


def test_masks_without_hole_or_with_nothing_else_or_that_are_none_are_left_out_and_said(tmp_path: Path) -> None:
    some = np.zeros((40, 40), dtype=np.uint8)
    some[10:30] = 255
    mask(tmp_path, "good.png", some)
    mask(tmp_path, "black.png", np.zeros((40, 40), dtype=np.uint8))
    mask(tmp_path, "white.png", np.full((40, 40), 255, dtype=np.uint8))
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.warns(UserWarning, match="4 files") as said:
        assert len(read_masks(str(tmp_path), (16, 16))) == 1
    for words in ("black.png has no hole", "white.png has nothing but hole", "empty.png cannot", "notes.txt cannot"):
        assert words in str(said[0].message)


def test_a_folder_without_masks_or_that_is_none_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere is no folder here; give one with pictures of masks"):
        read_masks(str(tmp_path / "nowhere"), (16, 16))
    with pytest.raises(ValueError, match="has no mask with both hole and known pixels"):
        read_masks(str(tmp_path), (16, 16))


def test_masks_of_a_folder_are_cut_and_mirrored_and_keep_about_their_share(tmp_path: Path) -> None:
    wedge = np.tril(np.ones((64, 64), dtype=bool))
    mask(tmp_path, "wedge.png", wedge)
    size = (32, 32)
    holes = Holes((8, 16), {"folder": 1}, read_masks(str(tmp_path), size)).batch(0, 0, 1000, size)[:, 0]
    assert len(holes.flatten(1).unique(dim=0)) > 500
    corners = holes[:, [0, 0, -1, -1], [0, -1, 0, -1]].float().mean(dim=0)
    assert (corners - 0.5).abs().max() < 0.1
    assert holes.float().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("side", [16, 32, 48, 64])
def test_masks_of_specks_leave_no_image_without_a_hole_at_a_smaller_size(tmp_path: Path, side: int) -> None:
    random = np.random.default_rng(0)
    for number in range(4):
        specks = np.zeros((128, 128), dtype=bool)
        specks[tuple(random.integers(0, 128, (2, 3)))] = True
        mask(tmp_path, f"{number}.png", specks)
    masks = read_masks(str(tmp_path), (128, 128))
    assert Holes((8, 16), {"folder": 1}, masks).batch(0, 0, 300, (side, side)).flatten(1).any(dim=1).all()


@pytest.mark.parametrize(
    ("mix", "masked", "side"),
    [
        ({"folder": 1}, 0.25, 64),  # what is drawn from masks alone knows no rectangle, be it smaller
        ({"folder": 1}, 0.0625, 32),
        ({"folder": 1, "strokes": 1}, 0.0625, 48),
        ({"folder": 1, "strokes": 1}, 0.25, 64),
        ({"rectangle": 1}, 0.25, 48),
    ],
)
def test_the_largest_hole_is_the_largest_of_what_is_drawn(mix: dict[str, float], masked: float, side: int) -> None:
    masks = np.zeros((2, 64, 64), dtype=bool)
    masks[0, :1], masks[1, : round(64 * masked)] = True, True
    assert Holes((8, 48), mix, np.packbits(masks, axis=2)).largest_side(128) == side


def test_another_set_of_masks_has_another_digest() -> None:
    first, second = (Holes((8, 16), {"folder": 1}, random_masks((32, 32), count)) for count in (4, 5))
    assert len({first.digest(), second.digest(), Holes((8, 16), {"rectangle": 1}).digest()}) == 3


@pytest.mark.parametrize("inverted", [2, 3])
def test_read_masks_mostly_inverted_ones_are_asked_about(inverted: int, tmp_path: Path) -> None:
    box = np.zeros((40, 40), dtype=np.uint8)
    box[10:30, 10:25] = 255
    for number in range(4):
        mask(tmp_path, f"{number}.png", 255 - box if number < inverted else box)
    if inverted == 3:
        with pytest.raises(ValueError, match=r"3 of the 4 masks in .* probably inverted.*--invert_masks takes black"):
            read_masks(str(tmp_path), (16, 16))
    else:
        read_masks(str(tmp_path), (16, 16))
    white, black = (
        np.unpackbits(read_masks(str(tmp_path), (16, 16), invert), axis=2, count=32).mean(axis=(1, 2))
        for invert in (False, True)
    )
    assert (white > 0.5).sum() == inverted
    assert np.allclose(white + black, 1)
