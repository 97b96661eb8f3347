"""Export a generator as one file for programs without this package: ONNX, or a program of torch.export."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .extras import import_problem
from .files import replacing
from .imaging.blending import blend_seam
from .models.context_encoder import ContextEncoder
from .models.fused_generator import FusedGenerator
from .models.loading import load_network
from .models.networks import STRIDE, Generator

USAGE = (
    "image: uint8 RGB (batch, height, width, 3); mask: uint8 (batch, height, width), above 127 = fill;"
    " filled: the image, filled where the mask is above 127, every other byte unchanged"
)
AXES = {0: "batch", 1: "height", 2: "width"}  # all of them dynamic
EXAMPLE = torch.zeros(2, 30, 31, 3, dtype=torch.uint8), torch.zeros(2, 30, 31, dtype=torch.uint8)


def export(name: Any, output: str | Path) -> int | None:
    """Export a generator as a model of free batch, height and width; `USAGE` says what it takes and gives.

    Scaling, padding, blending and pasting are part of the model. It is one pass of the network in float32: unlike
    `Inpainter`, it does not fill holes wider than those of training coarse to fine. A .pt2 file takes images of 5 px a
    side or more.

    Args:
        name: A shipped name, a folder, or "owner/model" on the Hub.
        output: The file to write; its ending chooses one of `FORMATS`: .onnx or .pt2.

    Returns:
        The side in px of the largest holes in training, if known.

    Raises:
        ImportError: ONNX needs the extra `onnx`, which is not installed.
        ValueError: There is no such format or no such model, or the model is a context encoder.
        OSError: The Hub has no such model or cannot be reached.
        RuntimeError: The weights do not fit.
    """
    output = Path(output)
    if output.suffix not in FORMATS:
        raise ValueError(f"{output.name} ends in no format that can be exported; give a name in {' or '.join(FORMATS)}")
    generator = load_network(name)
    if isinstance(generator, ContextEncoder):
        raise ValueError(
            f"{name} is a context encoder, which fills images of {generator.image_size}×{generator.image_size} px only;"
            " export a generator"
        )
    facts = {"model": str(name), "largest_hole_px": str(generator.largest_hole or ""), "usage": USAGE}
    try:
        with replacing(output) as aside:
            FORMATS[output.suffix](_ExportedFill(generator), facts, aside)
    except ImportError as error:
        raise ImportError(import_problem("export", error, "onnx")) from error
    return generator.largest_hole


def _write_onnx(model: nn.Module, facts: dict[str, str], path: Path) -> None:
    """Write an ONNX file, with the facts as its metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about axes that share a name, which is intended
        program = torch.onnx.export(
            model, EXAMPLE, dynamo=True, verbose=False, opset_version=18,
            input_names=["image", "mask"], output_names=["filled"], dynamic_shapes={"image": AXES, "mask": AXES},
        )  # fmt: skip
    assert program is not None
    program.model.metadata_props.update(facts)
    program.save(str(path))


def _write_pt2(model: nn.Module, facts: dict[str, str], path: Path) -> None:
    """Write a program of torch.export, with the facts as an extra file."""
    axes = dict.fromkeys(AXES, torch.export.Dim.DYNAMIC)
    program = torch.export.export(model, EXAMPLE, dynamic_shapes={"image": axes, "mask": axes})
    with path.open("wb") as file:
        torch.export.save(program, file, extra_files={"facts.json": json.dumps(facts)})


# Formats by the ending of the file's name: each writes a module to a file, with facts about it.
FORMATS: dict[str, Callable[[nn.Module, dict[str, str], Path], None]] = {".onnx": _write_onnx, ".pt2": _write_pt2}


class _ExportedFill(nn.Module):
    """What `USAGE` says, in operations that every format has."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.fill_color, self.table = generator.fill_color, generator.table
        self.rows = nn.ParameterList(part.contiguous() for row in FusedGenerator(generator).rows for part in row)
        self.eval()

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        hole = mask > 127
        height, width = mask.shape[1:]
        where = hole[:, None]
        original = image.permute(0, 3, 1, 2).float() / 255
        x = torch.where(where, self.fill_color, original)
        x = torch.cat([x, where.float()], dim=1)
        for axis, size in ((2, height), (3, width)):  # to a multiple of 4, by repeating the border
            x = x.index_select(axis, torch.arange((size + STRIDE - 1) // STRIDE * STRIDE).clamp(max=size - 1))
        for layer, weight, bias in zip(self.table, self.rows[::2], self.rows[1::2], strict=True):
            if layer.kind == "deconv":
                x = F.conv_transpose2d(x, weight, bias, layer.stride, (layer.kernel - layer.stride) // 2)
            else:
                x = F.conv2d(x, weight, bias, layer.stride, layer.dilation * (layer.kernel // 2), layer.dilation)
            if layer is not self.table[-1]:
                x = x.relu()
        x = torch.sigmoid(x)
        for axis, size in ((2, height), (3, width)):  # slices would bind a .pt2 to how the example's lie in memory
            x = x.index_select(axis, torch.arange(size))
        filled = blend_seam(torch.where(where, x, original), where, ~where)
        filled = filled.permute(0, 2, 3, 1)
        return torch.where(hole[..., None], (255 * filled).round().to(torch.uint8), image)
