"""A user's photos and masks, found by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpaint_hub.data.pairs import read_pairs


def write(folder: Path, photo: str, mask: str | None, size: tuple[int, int] = (40, 24)) -> None:
    """A photo whose right half is white, and a mask of that half."""
    image = Image.new("RGB", (40, 24))
    image.paste((255, 255, 255), (20, 0, 40, 24))
    (folder / photo).parent.mkdir(parents=True, exist_ok=True)
    image.save(folder / photo)
    if mask is not None:
        (folder / mask).parent.mkdir(parents=True, exist_ok=True)
        image.convert("L").resize(size).save(folder / mask)


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("cat.png", "cat_mask.png"),
        ("images/cat.png", "masks/cat.png"),
        ("cat.png", "masks/cat.png"),
        ("a/cat.png", "a/cat-hole.png"),
    ],
)
def test_read_pairs_finds_masks_by_their_names_and_cuts_both_alike(photo: str, mask: str, tmp_path: Path) -> None:
    write(tmp_path, photo, mask)
    images, holes = read_pairs(tmp_path, 16)
    assert images.shape == (1, 3, 16, 16)
    assert holes.shape == (1, 1, 16, 16)
    assert np.array_equal(images[0, :1].numpy() > 127, holes[0].numpy())
    assert 0.4 < holes.float().mean() < 0.6


@pytest.mark.parametrize(
    ("mask", "size", "says"),
    [
        (None, (40, 24), r"photos without a mask \(cat\.png\); name masks like their photos"),
        ("dog_mask.png", (40, 24), r"photos without a mask \(cat\.png\)"),
        ("cat_mask.png", (20, 12), r"cat_mask\.png is 20×12 but .*cat\.png is 40×24; resize the mask"),
    ],
)
def test_read_pairs_says_what_is_missing(mask: str | None, size: tuple[int, int], says: str, tmp_path: Path) -> None:
    write(tmp_path, "cat.png", mask, size)
    with pytest.raises(ValueError, match=says):
        read_pairs(tmp_path, 16)


@pytest.mark.parametrize("other", ["b/cat.png", "cat.jpg", "b/cat_mask.png"])
def test_read_pairs_refuses_two_of_one_name(other: str, tmp_path: Path) -> None:
    write(tmp_path, "cat.png", "cat_mask.png")
    write(tmp_path, other, None)
    with pytest.raises(ValueError, match=r"cat.* and .*cat.* go by the same name; rename one"):
        read_pairs(tmp_path, 16)


def test_read_pairs_refuses_no_folder_and_an_empty_mask(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no folder here"):
        read_pairs(tmp_path / "nowhere", 16)
    write(tmp_path, "cat.png", "cat_mask.png")
    Image.new("L", (40, 24)).save(tmp_path / "cat_mask.png")
    with pytest.raises(ValueError, match="has no hole in its centre square"):
        read_pairs(tmp_path, 16)
