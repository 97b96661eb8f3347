"""The image contract, for the inpainter as a whole."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given
from PIL import Image
from strategies import KINDS, cases, changed_under, holes, image_of, pixels_of

from inpaint_hub import Inpainter, fill
from inpaint_hub.imaging import contract

HOLE = np.zeros((9, 13), dtype=bool)
HOLE[2:6, 3:13] = True
RGB = image_of("array-uint8-3", 9, 13, seed=1)
LABELS = np.where(HOLE, np.uint8(15), np.uint8(0))
LABELS[:, 0] = 255


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


@pytest.mark.parametrize("method", ["telea", "biharmonic", "patchmatch", "cifar10"])
@pytest.mark.parametrize(
    ("dtype", "white", "value"),
    [
        *((np.int32, 65535, value) for value in (-9999, 70000, 2**31 - 1, -(2**31))),
        *((np.float32, 1, value) for value in (np.nan, np.inf, -np.inf, -9999.0, -3.4e38)),
    ],
)
def test_a_missing_value_under_the_hole_is_nobodys_business(dtype: type, white: int, value: float, method: str) -> None:
    image = (image_of("array-uint8-3", 9, 13, seed=1)[..., 0] * (white / 255)).astype(dtype)
    missing = image.copy()
    missing[HOLE] = value
    result = fill(Image.fromarray(missing), HOLE, method=method)
    assert np.array_equal(np.asarray(result), np.asarray(fill(Image.fromarray(image), HOLE, method=method)))


def test_nothing_masked_returns_the_image_itself(inpainter: Inpainter) -> None:
    assert inpainter(RGB, np.zeros_like(HOLE)) is RGB


@pytest.mark.parametrize("kind", KINDS)
def test_everything_masked_is_filled_even_a_single_pixel(inpainter: Inpainter, kind: str) -> None:
    result = inpainter(image_of(kind, 1, 1, seed=5), np.ones((1, 1), dtype=bool))
    assert np.isfinite(pixels_of(result).astype(float)).all()


def test_pixels_of_opaque_surroundings_are_filled_opaque(inpainter: Inpainter) -> None:
    image = image_of("array-uint8-4", 9, 13, seed=2)
    image[..., 3] = np.where(HOLE, 0, 255)
    assert (inpainter(image, HOLE)[HOLE][:, 3] == 255).all()


def sticker(kind: str) -> Any:
    """A picture of 24 × 40: its left half is red and opaque, its right half transparent with a hidden green."""
    rgba = np.zeros((24, 40, 4), dtype=np.uint8)
    rgba[:, :20], rgba[:, 20:] = (200, 30, 30, 255), (0, 255, 0, 0)
    if kind == "array":
        return rgba
    if kind == "float array":
        return (rgba / 255).astype(np.float32)
    if kind == "tensor":
        return torch.from_numpy(rgba).permute(2, 0, 1)
    picture = Image.fromarray(rgba)
    if kind in ("P", "P with bytes"):
        picture = picture.convert("RGB").quantize(4)
        green = int(np.asarray(picture)[0, 30])
        picture.info["transparency"] = green if kind == "P" else bytes([255 * (n != green) for n in range(4)])
        return picture
    if kind == "RGB with a key":
        picture = picture.convert("RGB")
        picture.info["transparency"] = (0, 255, 0)
        return picture
    return picture.convert("LA").convert(kind) if kind == "La" else picture.convert(kind)


STICKERS = ["array", "float array", "tensor", "RGBA", "LA", "RGBa", "La", "P", "P with bytes", "RGB with a key"]


@pytest.mark.parametrize("kind", STICKERS)
@pytest.mark.parametrize("method", ["telea", "biharmonic", "cifar10"])
def test_a_hole_in_a_sticker_is_filled_with_no_hidden_color(kind: str, method: str) -> None:
    hole = np.zeros((24, 40), dtype=bool)
    hole[8:16, 10:30] = True
    result = fill(sticker(kind), hole, method=method)
    if not isinstance(result, Image.Image):
        values = pixels_of(result)
        result = Image.fromarray(np.rint(values * (255 if values.dtype.kind == "f" else 1)).astype(np.uint8))
    rgba = np.asarray(result.convert("LA" if kind == "La" else "RGBA").convert("RGBA"))
    assert (rgba[10:14, 12:17, 3] == 255).all()
    assert (rgba[10:14, 24:28, 3] == 0).all()
    seen = rgba[..., 3] > 0
    assert (rgba[seen][:, 1].astype(int) - rgba[seen][:, 0] < 40).all(), "hidden green came out"


@pytest.mark.parametrize("kind", ["array-uint8-4", "array-uint16-4", "array-float32-4", "pil-RGBA", "pil-LA"])
def test_no_fill_depends_on_a_color_that_alpha_hides(inpainter: Inpainter, kind: str) -> None:
    image = image_of(kind, 9, 13, seed=4)
    values = pixels_of(image).copy()
    values[:, :3, -1] = 0
    other = values.copy()
    other[:, :3, :-1] = 0
    if kind.startswith("pil"):
        values, other = (Image.fromarray(each, mode=image.mode) for each in (values, other))
    assert np.array_equal(pixels_of(inpainter(values, HOLE))[HOLE], pixels_of(inpainter(other, HOLE))[HOLE])


@pytest.mark.parametrize("transparency", [1, 0, bytes([255, 0, 255, 128])])
def test_reading_a_palette_changes_nothing_of_it(transparency: Any) -> None:
    image = Image.fromarray(RGB).quantize(16)
    image.info["transparency"] = transparency
    before = (image.getpalette("RGB"), image.tobytes())
    fill(image, HOLE, method="telea")
    assert (image.getpalette("RGB"), image.tobytes()) == before
    assert image.getpalette("RGBA")[3::4] == [255] * 16 or not isinstance(transparency, int)


FLAT = [
    ("CMYK", (0, 0, 0, 255)), ("CMYK", (153, 102, 102, 255)), ("CMYK", (25, 0, 60, 230)), ("CMYK", (0, 0, 0, 0)),
    ("LAB", (130, 20, 240)), ("YCbCr", (77, 100, 200)), ("HSV", (17, 90, 60)), ("RGB", (13, 77, 201)), ("L", 77),
    ("LA", (77, 128)), ("RGBA", (13, 77, 201, 60)), ("I;16", 30_001), ("I", 40_001), ("F", 0.3),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "color"), FLAT)
@pytest.mark.parametrize("method", ["telea", "navier-stokes", "biharmonic", "patchmatch"])
def test_a_flat_field_comes_back_flat_in_its_own_channels(mode: str, color: Any, method: str) -> None:
    if method == "patchmatch":
        pytest.importorskip("patchmatch", reason="it needs Python 3.11")
    image = Image.new(mode, (40, 30), color)
    hole = np.zeros((30, 40), dtype=bool)
    hole[8:20, 11:28] = True
    result = np.asarray(fill(image, hole, method=method), dtype=float)
    assert np.abs(result - np.asarray(image, dtype=float)).max() <= (1e-5 if mode == "F" else 0)


def test_a_photo_in_inks_is_filled_with_the_colors_that_were_predicted() -> None:
    rgb = np.stack(np.broadcast_arrays(*np.mgrid[20:220:5, 20:220:5], 120), axis=2).astype(np.uint8)
    hole = np.zeros((40, 40), dtype=bool)
    hole[10:30, 10:30] = True
    inks = Image.fromarray(rgb).convert("CMYK")
    result = np.asarray(fill(inks, hole, method="telea").convert("RGB"), dtype=float)
    assert np.abs(result - np.asarray(fill(inks.convert("RGB"), hole, method="telea"))).max() <= 3


def test_a_grey_picture_is_filled_the_same_as_image_and_as_array() -> None:
    grey = image_of("array-uint8-0", 21, 17, seed=3)
    hole = np.zeros((21, 17), dtype=bool)
    hole[4:15, 3:12] = True
    as_array = fill(grey, hole, method="cifar10")
    assert np.array_equal(np.asarray(fill(Image.fromarray(grey), hole, method="cifar10")), as_array)
    with_alpha = Image.merge("LA", [Image.fromarray(grey), Image.new("L", (17, 21), 255)])
    assert np.array_equal(np.asarray(fill(with_alpha, hole, method="cifar10"))[..., 0], as_array)


def test_floats_that_overshoot_by_rounding_are_taken(inpainter: Inpainter) -> None:
    image = image_of("array-float32-3", 9, 13, seed=1)
    image[0, 0], image[0, 1] = 1.0000001, -1e-6
    result = inpainter(image, HOLE)
    assert np.array_equal(result[~HOLE], image[~HOLE])


def test_a_closed_file_is_told_as_one(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    image = Image.open(tmp_path / "photo.png")
    image.close()
    with pytest.raises(ValueError, match=r"image cannot be read .*if its file was closed, open it again"):
        fill(image, HOLE)


def run_lengths(hole: np.ndarray) -> list[int]:
    """COCO's lengths of the runs of 0 and 1, column by column."""
    flat = hole.T.reshape(-1)
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *edges, len(flat)]).tolist()
    return [0, *lengths] if flat[0] else lengths


def compressed(lengths: list[int]) -> bytes:
    """COCO's string of run lengths, as its C code writes it (rleToString)."""
    characters = []
    for number, length in enumerate(lengths):
        value, more = length - (lengths[number - 2] if number > 2 else 0), True
        while more:
            bits, value = value & 0x1F, value >> 5
            more = value != -1 if bits & 0x10 else value != 0
            characters.append((bits | 0x20 * more) + 48)
    return bytes(characters)


@given(hole=holes(40, 33))
def test_run_lengths_of_coco_are_read_as_they_are_written(hole: np.ndarray) -> None:
    lengths = run_lengths(hole)
    for counts in (lengths, compressed(lengths), compressed(lengths).decode()):
        assert np.array_equal(contract.unpack(np.zeros((40, 33)), {"size": (40, 33), "counts": counts})[1][0], hole)


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
        "0 and 1, three channels": np.repeat(HOLE.astype(np.uint8)[:, :, None], 3, axis=2),
        "0 and 1 in one of three channels": np.stack([HOLE, HOLE, np.zeros_like(HOLE)], axis=2).astype(np.uint8),
        "SAM's (1, H, W)": HOLE[None],
        "COCO's run lengths": {"size": [9, 13], "counts": run_lengths(HOLE)},
        "COCO's run lengths as bytes": {"size": [9, 13], "counts": compressed(run_lengths(HOLE))},
        "COCO's run lengths as text": {"size": [9, 13], "counts": compressed(run_lengths(HOLE)).decode()},
    }


@pytest.mark.parametrize("form", _mask_forms())
def test_white_is_the_hole_in_every_form_of_mask(form: str) -> None:
    _, hole = contract.unpack(RGB, _mask_forms()[form])
    assert np.array_equal(hole[0], HOLE)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_an_array_of_grey(inpainter: Inpainter) -> None:
    grey = RGB[..., 0]
    assert np.array_equal(inpainter(np.asmatrix(grey), np.asmatrix(HOLE)), inpainter(grey, HOLE))


def test_a_negated_view_is_a_tensor_like_any_other(inpainter: Inpainter) -> None:
    image = torch.rand(3, 9, 13)
    assert torch.equal(inpainter(torch._neg_view(-image), HOLE), inpainter(image, HOLE))


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
        (np.full((9, 13), 7.5), HOLE, "values from 7.5 to 7.5 where it is known"),
        (
            Image.fromarray(np.where(HOLE, 0, -9).astype(np.int32)),
            HOLE,
            "values from -9 to -9 .* mode I are in 0..65535",
        ),
        (Image.fromarray(np.where(HOLE, 0, 2**30).astype(np.int32)), HOLE, "to 1.07374e.09 where it is known"),
        (np.where(HOLE, 0, np.nan), HOLE, "floating-point images are in 0..1"),
        (RGB.astype(np.int64), HOLE, "dtype int64; give uint8"),
        (torch.rand(9, 13, 3), HOLE, "channels first"),
        (np.zeros((3, 9, 13), np.uint8), HOLE, "channels last"),
        (np.zeros((0, 13, 3), np.uint8), HOLE[:0], "image is empty"),
        (RGB, HOLE * 255.0, "mask has values from 0 to 255; give bool"),
        (RGB, HOLE * -1, "mask has values from -1"),
        (RGB, np.full(HOLE.shape, np.nan), "mask has values from nan"),
        (RGB, np.zeros(117, dtype=bool), "mask has shape"),
        (torch.zeros(3, 0, 20), HOLE, "image is empty, 1×0×20×3"),
        (torch.zeros(0, 3, 9, 13), HOLE, "image is empty, 0×9×13×3"),
        (RGB, Image.fromarray(HOLE.astype(np.uint8) * 2), r"Pass numpy.asarray.mask. > 0 to fill"),
        (RGB, Image.fromarray(LABELS), r"pass numpy.asarray.mask. > 0 .*, or numpy.asarray.mask. == 15"),
        (RGB, HOLE.astype(np.uint8) * 2, "mask has no value above 2, where white is 255.* Pass mask > 0"),
        (RGB, HOLE.astype(np.uint8) * 127, "mask has no value above 127, where white is 255"),
        (RGB, Image.fromarray(HOLE.astype(np.uint8) * 127), "mask has no value above 127"),
        (RGB, LABELS, "mask holds areas of 15, 255, like a picture of labels.* mask > 0 .*, or mask == 15"),
        (RGB, LABELS.astype(np.uint16) * 200, "mask holds areas of 3000, 51000"),
        (RGB, torch.from_numpy(LABELS), "mask holds areas of 15, 255"),
        (RGB, np.stack([HOLE] * 3), "mask has shape .3, 9, 13., 3 masks for an image; choose one of them .mask"),
        (RGB, {"segmentation": HOLE}, "mask is a dictionary of segmentation; .* SAM annotation's mask is its 'segm"),
        (RGB, {"size": [9, 13], "counts": [5, 100]}, "run lengths add up to 105 pixels, but its size is 9×13"),
        (RGB, {"size": [9, 14], "counts": [126]}, "mask is 14×9 but image is 13×9"),
        (RGB, [5, 100], "mask is a list; give .* or COCO's run lengths"),
        (RGB, scipy.sparse.csr_matrix(HOLE), "mask is a csr_matrix; give"),
        (RGB, scipy.sparse.dok_matrix(HOLE), "mask is a dok_matrix; give"),
        (scipy.sparse.csr_matrix(RGB[..., 0]), HOLE, "image is a csr_matrix; give"),
        (np.ma.MaskedArray(RGB), HOLE, "image is a MaskedArray, and its own mask may .* give image.data"),
        (RGB, np.ma.MaskedArray(HOLE, mask=~HOLE), "mask is a MaskedArray, .* give mask.data"),
        (torch.rand(3, 9, 13).to_sparse(), HOLE, "image is a sparse tensor; give a dense one"),
        (RGB, torch.from_numpy(HOLE).to_sparse(), "mask is a sparse tensor; give a dense one"),
        (torch.rand(3, 9, 13, device="meta"), HOLE, "image is a meta tensor; give .* holds its values"),
        (RGB, torch.from_numpy(HOLE).to("meta"), "mask is a meta tensor; give .* holds its values"),
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
    _, hole = contract.to_arrays(np.zeros((5, 6, 3), dtype=np.uint8), np.asarray(mask) if as_array else mask)
    assert hole.sum() == 9
    assert hole.view(np.uint8).max() == 1, "Pillow's True has all bits set, and libraries of C count with it"


@pytest.mark.parametrize("module", ["torch", "PIL.Image"])
def test_an_array_is_one_while_another_thread_imports_what_it_is_not(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, ModuleType(module))  # empty, as at the beginning of its import
    values, hole = contract.to_arrays(np.zeros((4, 5, 3), dtype=np.uint8), np.ones((4, 5), dtype=bool))
    assert (values.shape, hole.shape) == ((1, 4, 5, 3), (1, 4, 5))
