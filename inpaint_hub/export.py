"""A generator as one ONNX file, for programs without Python: photo and mask in, the photo filled out."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .files import replacing
from .models.context_encoder import ContextEncoder
from .models.fused_generator import Folded
from .models.loading import load
from .models.networks import STRIDE, Generator

USAGE = (
    "image: uint8 RGB (batch, height, width, 3); mask: uint8 (batch, height, width), above 127 = fill;"
    " filled: the image, filled where the mask says so, every other byte as it came"
)
SIZES = {0: "batch", 1: "height", 2: "width"}


def export(name: Any, output: str | Path) -> int | None:
    """The side in px of the largest holes in training, if known; `output` is now an ONNX model of the generator `name`.

    That is a shipped name, a folder, or "owner/model" on the Hub. Batch, height and width are free,
    and the whole of `USAGE` is inside: no scaling, padding or pasting is left to the caller. It is one
    pass of the network in float32, batch norm folded: wider holes than those of training are not filled
    coarse to fine, as `Inpainter` does. Raises `ImportError` where the extra `onnx` is not installed,
    `ValueError` for a context encoder, else what `Generator.from_pretrained` raises.
    """
    output = Path(output)
    generator = load(name)
    if isinstance(generator, ContextEncoder):
        raise ValueError(
            f"{name} is a context encoder, which knows {generator.image_size} px alone and is there to compare with;"
            " export a generator"
        )
    example = torch.zeros(2, 30, 31, 3, dtype=torch.uint8), torch.zeros(2, 30, 31, dtype=torch.uint8)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of axes that share a name, as they are meant to
            program = torch.onnx.export(
                _Fill(generator), example, dynamo=True, verbose=False, opset_version=18,
                input_names=["image", "mask"], output_names=["filled"],
                dynamic_shapes={"image": SIZES, "mask": SIZES},
            )  # fmt: skip
    except ImportError as error:
        raise ImportError(
            f"export needs {error.name}, which is not installed: pip install '.[onnx]' brings it"
        ) from error
    assert program is not None
    program.model.metadata_props.update(
        {"model": str(name), "largest_hole_px": str(generator.largest_hole or ""), "usage": USAGE}
    )
    with replacing(output) as aside:
        program.save(str(aside))
    return generator.largest_hole


class _Fill(nn.Module):
    """What `USAGE` says, in operations that ONNX has."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.fill, self.table = generator.fill, generator.table
        self.rows = nn.ParameterList(part for row in Folded(generator).rows for part in row)
        self.eval()

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        hole = mask > 127
        height, width = mask.shape[1:]
        where = hole[:, None]
        x = torch.where(where, self.fill, image.permute(0, 3, 1, 2).float() / 255)
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
        prediction = torch.sigmoid(x)[:, :, :height, :width].permute(0, 2, 3, 1)
        return torch.where(hole[..., None], (255 * prediction).round().to(torch.uint8), image)
