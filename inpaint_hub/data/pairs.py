"""A user's own photos with their own masks, to watch while a network trains."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..imaging import contract
from .dataset import square, tensor
from .image_files import PICTURES, is_mask_name, plain_stem, visible_files
from .sources import picture


class Pairs(NamedTuple):
    """Images (N, 3, S, S) uint8 and their holes (N, 1, S, S) bool."""

    images: Tensor
    holes: Tensor


def read_pairs(folder: Path, side: int) -> Pairs:
    """Read photos and masks of the same names, cut to the centre square and scaled.

    Args:
        folder: photos and masks, told apart by the word mask: images/cat.jpg and masks/cat.png, or cat.jpg and
            cat_mask.png. White = hole.
        side: of the squares, px.

    Returns:
        The pairs, in the order of their names.

    Raises:
        ValueError: no folder, a photo without a mask, two of one name, a mask of another size, or one without hole or
            known pixels.
    """
    if not folder.expanduser().is_dir():
        raise ValueError(f"{folder} is no folder here; give one with photos and masks, as cat.jpg and cat_mask.png")
    files = sorted(path for path in visible_files(folder.expanduser(), set(), []) if path.suffix.lower() in PICTURES)
    names = {path: path.relative_to(folder.expanduser()).as_posix() for path in files}
    masks, photos = (
        _by_stem({path: name for path, name in names.items() if is_mask_name(name) == masked})
        for masked in (True, False)
    )
    if not photos or photos.keys() - masks.keys():
        alone = (
            ", ".join(sorted(names[photos[stem]] for stem in photos.keys() - masks.keys())[:5]) or "no photos at all"
        )
        raise ValueError(f"{folder} has photos without a mask ({alone}); name masks like their photos, as cat_mask.png")
    images, holes = [], []
    for stem, path in sorted(photos.items()):
        photo = picture({"image": {"path": str(path), "bytes": None}})
        if photo is None:
            raise ValueError(f"{path} cannot be decoded; give another picture")
        with Image.open(masks[stem]) as mask:
            if mask.size != photo.size:
                raise ValueError(
                    f"{masks[stem]} is {mask.width}×{mask.height} but {path} is {photo.width}×{photo.height};"
                    " resize the mask with nearest neighbour"
                )
            where = contract.unpack(np.zeros(photo.size[::-1], dtype=np.uint8), mask)[1][0]
        hole = square(Image.fromarray(where), side, Image.Resampling.NEAREST)
        if not hole.any() or hole.all():
            raise ValueError(f"{masks[stem]} has {'nothing but' if hole.all() else 'no'} hole in its centre square")
        images.append(tensor(square(photo, side)))
        holes.append(torch.from_numpy(hole.copy())[None])
    return Pairs(torch.stack(images), torch.stack(holes))


def _by_stem(names: dict[Path, str]) -> dict[str, Path]:
    """Files by what they show. Raises `ValueError` where two of them go by the same name."""
    found: dict[str, Path] = {}
    for path, name in names.items():
        stem = plain_stem(name)
        if stem in found:
            raise ValueError(f"{names[found[stem]]} and {name} go by the same name; rename one, and its mask")
        found[stem] = path
    return found
