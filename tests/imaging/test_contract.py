"""The image contract, for the inpainter as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from PIL import Image
from strategies import KINDS, cases, changed_under, image_of, pixels_of

from inpaint_hub import Inpainter
from inpaint_hub.imaging import contract

HOLE = np.zeros((9, 13), dtype=bool)
HOLE[2:6, 3:13] = True
RGB = image_of("array-uint8-3", 9, 13, seed=1)


@given(case=cases())
def test_known_pixels_type_and_shape_survive(inpainter: Inpainter, case: tuple[str, Any, np.ndarray]) -> None:
    kind, image, hole = case
    before = pixels_of(image).copy()
    result = inpainter(image, hole)
    after = pixels_of(result)
    assert type(result) is type(image)
    assert after.dtype == before.dtype
    assert after.shape == before.shape
    if kind.startswith("pil"):
        assert result.mode == image.mode
    assert np.array_equal(after[~hole], before[~hole])
    assert np.array_equal(pixels_of(image), before), "the caller's image was written to"


@given(case=cases())
def test_nothing_under_the_hole_leaks(inpainter: Inpainter, case: tuple[str, Any, np.ndarray]) -> None:
    kind, image, hole = case
    if kind == "pil-PA":
        return  # Pillow cannot write single pixels of this mode; the door blackens them as for all others
    other = changed_under(hole, kind, image)
    assert np.array_equal(pixels_of(inpainter(image, hole)), pixels_of(inpainter(other, hole)))


def test_a_nan_under_the_hole_is_nobodys_business(inpainter: Inpainter) -> None:
    image = image_of("array-float32-3", 9, 13, seed=1)
    image[HOLE] = np.nan
    assert np.isfinite(inpainter(image, HOLE)).all()


def test_nothing_masked_returns_the_image_itself(inpainter: Inpainter) -> None:
    assert inpainter(RGB, np.zeros_like(HOLE)) is RGB


@pytest.mark.parametrize("kind", KINDS)
def test_everything_masked_is_filled_even_a_single_pixel(inpainter: Inpainter, kind: str) -> None:
    result = inpainter(image_of(kind, 1, 1, seed=5), np.ones((1, 1), dtype=bool))
    assert np.isfinite(pixels_of(result).astype(float)).all()


def test_filled_pixels_are_opaque(inpainter: Inpainter) -> None:
    result = inpainter(image_of("array-uint8-4", 9, 13, seed=2), HOLE)
    assert (result[HOLE][:, 3] == 255).all()


def test_a_palette_image_is_never_filled_with_its_transparent_color(inpainter: Inpainter) -> None:
    image = Image.fromarray(RGB).quantize(8)
    transparent = int(np.bincount(np.array(inpainter(image, HOLE))[HOLE]).argmax())
    image.info["transparency"] = transparent
    assert transparent not in np.array(inpainter(image, HOLE))[HOLE]


def _mask_forms() -> dict[str, Any]:
    byte = HOLE.astype(np.uint8) * 255
    return {
        "bool": HOLE,
        "0 and 1": HOLE.astype(np.uint8),
        "int64": HOLE.astype(np.int64),
        "bytes": byte,
        "float": HOLE.astype(np.float32),
        "16 bit": HOLE.astype(np.uint16) * 65535,
        "one channel": byte[:, :, None],
        "three channels": np.repeat(byte[:, :, None], 3, axis=2),
        "white on transparent": np.repeat(byte[:, :, None], 4, axis=2),
        "pil 1": Image.fromarray(HOLE),
        "pil L": Image.fromarray(byte),
        "pil RGB": Image.fromarray(byte).convert("RGB"),
        "pil RGBA": Image.fromarray(byte).convert("RGBA"),
        "pil P": Image.fromarray(byte).convert("P"),
        "pil transparent": Image.fromarray(np.repeat(byte[:, :, None], 4, axis=2)),
        "tensor": torch.from_numpy(HOLE),
        "tensor (1, H, W)": torch.from_numpy(HOLE)[None].float(),
        "soft": np.where(HOLE, 128, 127).astype(np.uint8),
    }


@pytest.mark.parametrize("form", _mask_forms())
def test_white_is_the_hole_in_every_form_of_mask(form: str) -> None:
    _, hole = contract.unpack(RGB, _mask_forms()[form])
    assert np.array_equal(hole[0], HOLE)


def test_a_batch_gives_what_its_images_give_alone(inpainter: Inpainter) -> None:
    batch = torch.stack([image_of("tensor-float32-3", 9, 13, seed) for seed in range(3)])
    masks = torch.from_numpy(np.stack([HOLE, ~HOLE, np.zeros_like(HOLE)]))[:, None]
    together = inpainter(batch, masks)
    for image, mask, result in zip(batch, masks, together, strict=True):
        assert torch.equal(inpainter(image, mask), result)


def test_one_mask_serves_a_whole_batch(inpainter: Inpainter) -> None:
    batch = torch.stack([image_of("tensor-uint8-3", 9, 13, seed) for seed in range(2)])
    assert torch.equal(inpainter(batch, HOLE)[1], inpainter(batch[1], HOLE))


@pytest.mark.parametrize(
    ("image", "mask", "says"),
    [
        (RGB, np.ones((13, 9)), "mask is 9×13 but image is 13×9; resize the mask with nearest neighbour"),
        (Image.fromarray(RGB), Image.new("L", (4, 5)), "mask is 4×5 but image is 13×9"),
        ("photo.jpg", HOLE, "image is a str; give a PIL image"),
        (RGB, None, "mask is a NoneType"),
        (RGB.astype(np.float32), HOLE, "floating-point images are in 0..1"),
        (np.where(HOLE, 0, np.nan), HOLE, "floating-point images are in 0..1"),
        (RGB.astype(np.int64), HOLE, "dtype int64; give uint8"),
        (torch.rand(9, 13, 3), HOLE, "channels first"),
        (np.zeros((3, 9, 13), np.uint8), HOLE, "channels last"),
        (np.zeros((0, 13, 3), np.uint8), HOLE[:0], "image is empty"),
        (RGB, HOLE * 255.0, "mask has values from 0 to 255; give bool"),
        (RGB, HOLE * -1, "mask has values from -1"),
        (RGB, np.full(HOLE.shape, np.nan), "mask has values from nan"),
        (RGB, np.zeros(117, dtype=bool), "mask has shape"),
    ],
)
def test_a_wrong_input_is_told_what_came_and_what_was_needed(
    inpainter: Inpainter, image: Any, mask: Any, says: str
) -> None:
    with pytest.raises(ValueError, match=says.replace("(", r"\(")):
        inpainter(image, mask)


@pytest.mark.parametrize("as_array", [False, True])
def test_a_mask_of_pillows_making_is_ones_and_zeros_for_every_library(as_array: bool) -> None:
    mask = Image.new("1", (6, 5))
    mask.paste(1, (1, 1, 4, 4))
    _, hole = contract.opened(np.zeros((5, 6, 3), dtype=np.uint8), np.asarray(mask) if as_array else mask)
    assert hole.sum() == 9
    assert hole.view(np.uint8).max() == 1, "Pillow's True has all bits set, and libraries of C count with it"
