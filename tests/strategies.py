"""Images and holes for the property tests: small, of every kind that the contract names."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from PIL import Image

PIL_MODES = ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr", "HSV", "I;16", "I", "F", "RGBa", "RGBX", "PA"]
KINDS = [f"pil-{mode}" for mode in PIL_MODES] + [
    f"array-{dtype}-{channels}" for dtype in ("uint8", "uint16", "float32", "float64") for channels in (0, 1, 3, 4)
] + [
    f"tensor-{dtype}-{channels}" for dtype in ("uint8", "uint16", "float32", "bfloat16") for channels in (1, 3, 4)
]  # fmt: skip

sides = st.integers(1, 24)
seeds = st.integers(0, 2**32 - 1)


def image_of(kind: str, height: int, width: int, seed: int) -> Any:
    """A random image of one of KINDS."""
    random = np.random.default_rng(seed)
    family, *rest = kind.split("-")
    if family == "pil":
        return _pil(rest[0], height, width, random)
    dtype, channels = rest[0], int(rest[1])
    shape = (height, width, channels) if channels else (height, width)
    unit = random.random(shape)
    if family == "array":
        full = {"uint8": 255, "uint16": 65535}.get(dtype)
        return (unit * full).astype(dtype) if full else unit.astype(dtype)
    tensor = torch.from_numpy(unit).permute(2, 0, 1)
    full = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    return (tensor * full).to(getattr(torch, dtype))


def _pil(mode: str, height: int, width: int, random: np.random.Generator) -> Image.Image:
    if mode in ("I;16", "I"):
        deep = random.integers(0, 65536, (height, width)).astype(np.uint16 if mode == "I;16" else np.int32)
        return Image.fromarray(deep)
    if mode == "F":
        return Image.fromarray(random.random((height, width), dtype=np.float32))
    rgba = Image.fromarray(random.integers(0, 256, (height, width, 4), dtype=np.uint8))
    steps = {"RGBa": ["RGBa"], "PA": ["RGB", "P", "PA"], "LA": ["LA"], "RGBA": []}.get(mode, ["RGB", mode])
    for step in steps:
        rgba = rgba.convert(step)
    return rgba


def pixels_of(image: Any) -> np.ndarray:
    """The stored values as (H, W, ...), whatever the kind."""
    if isinstance(image, torch.Tensor):
        values = image.permute(1, 2, 0)
        return (values.float() if values.is_floating_point() else values).numpy()
    return np.array(image)


def changed_under(hole: np.ndarray, kind: str, image: Any) -> Any:
    """A copy of the image with other pixels under the hole; not for "pil-PA", whose pixels Pillow cannot set."""
    height, width = hole.shape
    if kind.startswith("pil"):
        other = image.copy()
        filler = image_of(kind, height, width, seed=99)
        if kind == "pil-P":
            filler = Image.fromarray(np.array(filler) % 7, mode="P")
        if image.mode in ("I;16", "I", "F"):
            values = np.array(image)
            values[hole] = np.array(filler)[hole]
            other = Image.fromarray(values)
        else:
            other.paste(filler, mask=Image.fromarray(hole))
    elif kind.startswith("tensor"):
        other = torch.where(torch.from_numpy(hole), image_of(kind, height, width, seed=99), image)
    else:
        other = image.copy()
        other[hole] = image_of(kind, height, width, seed=99)[hole]
    return other


@st.composite
def holes(draw: Any, height: int, width: int) -> np.ndarray:
    """(height, width) bool: a rectangle, single pixels, or all of it; never empty."""
    hole = np.zeros((height, width), dtype=bool)
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    bottom, right = draw(st.integers(top + 1, height)), draw(st.integers(left + 1, width))
    hole[top:bottom, left:right] = True
    hole[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    return hole


@st.composite
def cases(draw: Any) -> tuple[str, Any, np.ndarray]:
    """A kind, an image of it, and a hole."""
    kind, height, width = draw(st.sampled_from(KINDS)), draw(sides), draw(sides)
    return kind, image_of(kind, height, width, draw(seeds)), draw(holes(height, width))
