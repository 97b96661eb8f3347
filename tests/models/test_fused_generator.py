"""The folded generator: the same fill as the generator's, for the cost of what the fill depends on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import ROOT
from PIL import Image

from inpaint_hub import Generator, Inpainter
from inpaint_hub.hardware import has_bf16
from inpaint_hub.imaging.windows import Window
from inpaint_hub.methods.inpainter import CONTEXT_PX
from inpaint_hub.models.fused_generator import FusedGenerator, plan
from inpaint_hub.pretrained import shipped

PRECISIONS = [torch.float32] + [torch.bfloat16] * has_bf16()


def part(image: torch.Tensor, box: Window) -> torch.Tensor:
    return image[..., box.slices[0], box.slices[1]]


def scene(height: int, width: int, box: Window, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A random photo with a hole in `box`."""
    hole = torch.zeros(1, 1, height, width, dtype=torch.bool)
    part(hole, box)[:] = True
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)), hole


def eight_bit(prediction: torch.Tensor) -> np.ndarray:
    return (prediction * 255).round().numpy()


@torch.inference_mode()
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("height", "width", "box"),
    [
        (24, 400, Window(5, 190, 15, 203)),  # inside
        (30, 397, Window(0, 170, 9, 171)),  # at the top, and a width that is not on the grid
        (211, 27, Window(180, 13, 211, 27)),  # in a corner
    ],
)
def test_a_window_gives_what_the_whole_photo_gives_to_the_8_bit_value(
    inpainter: Inpainter, precision: torch.dtype, height: int, width: int, box: Window
) -> None:
    network = FusedGenerator(inpainter.generator, precision)
    image, hole = scene(height, width, box)
    whole = part(network(image, hole, plan(Window(0, 0, height, width), height, width)), box)
    how = plan(box, height, width)
    assert how.window.area < height * width
    window = network(part(image, how.window), part(hole, how.window), how)
    assert np.array_equal(eight_bit(window), eight_bit(whole))


@torch.inference_mode()
@settings(max_examples=20)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_it_is_the_generator_for_every_size_and_box(inpainter: Inpainter, height: int, width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    top, left = int(random.integers(height)), int(random.integers(width))
    box = Window(top, left, int(random.integers(top, height)) + 1, int(random.integers(left, width)) + 1)
    image, hole = scene(height, width, box, seed)
    expected = part(inpainter.generator(inpainter.generator.masked(image, hole)), box)
    how = plan(box, height, width)
    given = FusedGenerator(inpainter.generator)(part(image, how.window), part(hole, how.window), how)
    assert torch.allclose(given, expected, atol=1e-5)


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(0, 2**32 - 1))
def test_a_window_reaches_no_further_than_the_context(height: int, width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    top, left = int(random.integers(height)), int(random.integers(width))
    box = Window(top, left, int(random.integers(top, height)) + 1, int(random.integers(left, width)) + 1)
    window = plan(box, height, width).window
    assert 0 <= window.top >= box.top - CONTEXT_PX
    assert 0 <= window.left >= box.left - CONTEXT_PX
    assert box.bottom + CONTEXT_PX >= window.bottom <= -(-height // 4) * 4
    assert box.right + CONTEXT_PX >= window.right <= -(-width // 4) * 4


@torch.inference_mode()
@pytest.mark.skipif(not has_bf16(), reason="this processor has no bfloat16")
@pytest.mark.parametrize("name", [name for name in shipped() if name != "context-encoder"])
def test_bfloat16_moves_hardly_a_filled_value_by_more_than_one_step_of_8_bits(name: str) -> None:
    generator = Generator.from_pretrained(name)
    side = generator.largest_hole or 60
    moved = []
    for path in sorted(ROOT.glob("examples/*.jpg")):
        with Image.open(path) as photo:
            pixels = np.asarray(photo.convert("RGB").resize((160, 120)))
        image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
        box = Window(30, 50, 30 + side, 50 + side)
        hole = torch.zeros(1, 1, 120, 160, dtype=torch.bool)
        part(hole, box)[:] = True
        how = plan(box, 120, 160)
        window = part(image, how.window), part(hole, how.window), how
        exact, fast = (eight_bit(FusedGenerator(generator, precision)(*window)) for precision in PRECISIONS)
        moved.append(np.abs(exact - fast))
    assert (np.stack(moved) <= 1).mean() >= 0.998
    assert np.stack(moved).any(), "nothing was computed in bfloat16"
