"""The inpainter with the shipped checkpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from paths import ROOT
from PIL import Image

from inpaint_hub import Generator, Inpainter
from inpaint_hub.imaging.blending import blend_seam
from inpaint_hub.imaging.windows import Window, exceeds_distance
from inpaint_hub.methods.classical import telea
from inpaint_hub.methods.inpainter import CONTEXT_PX, TRUST
from inpaint_hub.models.networks import composite
from inpaint_hub.pretrained import shipped


@pytest.fixture(scope="module")
def details() -> list[np.ndarray]:
    """Details of the example photos at the 32 px that the checkpoint was trained on."""
    found = []
    for path in sorted(ROOT.glob("examples/*.jpg")):
        with Image.open(path) as photo:
            small = photo.convert("RGB").resize((photo.width // 5, photo.height // 5), Image.Resampling.LANCZOS)
        pixels = np.asarray(small)
        rows, columns = range(0, pixels.shape[0] - 31, 16), range(0, pixels.shape[1] - 31, 16)
        found += [pixels[top : top + 32, left : left + 32] for top in rows for left in columns]
    return found


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_checkpoint_is_a_whole_model_folder_of_at_most_13_megabytes(name: str) -> None:
    folder = ROOT / "inpaint_hub/pretrained" / name
    assert {"config.json", "model.safetensors", "README.md"} <= {path.name for path in folder.iterdir()}
    assert (folder / "model.safetensors").stat().st_size <= 13_000_000


def test_the_shipped_checkpoint_loads_without_a_network(tmp_path: Path) -> None:
    code = (
        "import socket, sys; sys.addaudithook(lambda event, _: event == 'socket.connect' and sys.exit('connects'));"
        "from inpaint_hub import Inpainter; Inpainter.from_pretrained('cifar10')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=os.environ | {"HF_HOME": str(tmp_path)})


def test_the_shipped_checkpoint_is_closer_to_photos_it_never_saw_than_a_classical_fill(
    details: list[np.ndarray],
) -> None:
    inpainter, hole = Inpainter.from_pretrained("cifar10"), np.zeros((32, 32), dtype=bool)
    hole[10:22, 9:21] = True
    errors = [
        [((fill(image, hole).astype(float) - image)[hole] ** 2).mean() for image in details]
        for fill in (inpainter, telea)
    ]
    assert len(details) > 50
    assert np.mean(errors[0]) < np.mean(errors[1])
    assert np.mean(np.less(*errors)) > 0.5


def test_far_holes_of_one_photo_are_filled_as_if_each_were_alone(inpainter: Inpainter) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (40, 900, 3), dtype=np.uint8)
    holes = [np.zeros((40, 900), dtype=bool) for _ in range(4)]
    for hole, (top, left, side) in zip(holes, [(5, 30, 9), (5, 330, 9), (5, 600, 9), (8, 860, 25)], strict=True):
        hole[top : top + side, left : left + side] = True
    together = inpainter(photo, np.logical_or.reduce(holes))
    for hole in holes:
        assert np.array_equal(together[hole], inpainter(photo, hole)[hole])


def test_a_hole_in_a_large_photo_costs_little_more_memory_than_the_result() -> None:
    code = (
        "import resource, numpy as np; from inpaint_hub import Generator, Inpainter;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024;"
        "inpainter = Inpainter(Generator()); hole = np.zeros((6000, 4000), dtype=bool); hole[3000:3009, :9] = True;"
        "photo = np.full((6000, 4000, 3), 100, dtype=np.uint8);"
        "inpainter(photo[2800:3300, :300], hole[2800:3300, :300]);"
        "before = peak(); inpainter(photo, hole); print(peak() - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    photo_mb = 6000 * 4000 * 3 / 2**20
    assert float(ran.stdout) < 2 * photo_mb, "a copy in float32 alone takes four"


def test_the_seed_is_accepted_and_the_same_call_gives_the_same_result(details: list[np.ndarray]) -> None:
    inpainter, hole = Inpainter.from_pretrained("cifar10"), np.zeros((32, 32), dtype=bool)
    hole[3:9, 0:7] = True
    first, second = (inpainter(details[0], hole, seed=1) for _ in range(2))
    assert np.array_equal(first, second)
    assert (first[hole] != details[0][hole]).any()


def test_of_a_hole_wider_than_in_training_the_network_is_shown_all_at_once_at_the_coarsest_scale_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inpainter, shown = Inpainter(Generator(largest_hole=16)), list[np.ndarray]()
    exact = inpainter._exact

    def spy(values: np.ndarray, hole: np.ndarray, wanted: list[Window]) -> list[tuple[Window, np.ndarray]]:
        shown.extend([hole] if wanted else [])
        return exact(values, hole, wanted)

    monkeypatch.setattr(inpainter, "_exact", spy)
    photo, hole = np.full((160, 160, 3), 90, dtype=np.uint8), np.zeros((160, 160), dtype=bool)
    hole[20:140, 20:140] = True
    inpainter(photo, hole)
    coarsest, *finer = shown
    assert coarsest[len(coarsest) // 2, len(coarsest) // 2]
    assert len(finer) > 1
    for ring in finer:
        assert not exceeds_distance(ring, 16 // TRUST)


@pytest.mark.parametrize("lines", [slice(None), slice(None, None, 2)], ids=["everything", "every other line"])
def test_a_wide_hole_of_which_a_scale_sees_no_rim_or_no_hole_is_filled(lines: slice) -> None:
    photo, hole = np.full((200, 150, 3), 90, dtype=np.uint8), np.zeros((200, 150), dtype=bool)
    hole[lines] = True
    filled = Inpainter(Generator(largest_hole=16))(photo, hole, quiet=True)
    assert np.array_equal(filled[~hole], photo[~hole])


def test_a_pixel_out_of_the_networks_sight_is_warned_of(inpainter: Inpainter) -> None:
    photo, hole = np.full((8, 700, 3), 90, dtype=np.uint8), np.zeros((8, 700), dtype=bool)
    hole[:, 20 : 20 + 2 * CONTEXT_PX] = True
    inpainter(photo, hole)
    hole[:, 20 + 2 * CONTEXT_PX] = True
    with pytest.warns(UserWarning, match=f"more than {CONTEXT_PX} px from any known one"):
        inpainter(photo, hole)


def test_the_scales_of_a_wide_hole_leave_no_lines_where_they_meet() -> None:
    grey = Generator(largest_hole=16)
    torch.nn.init.zeros_(grey.layers[-1].weight)
    torch.nn.init.zeros_(grey.layers[-1].bias)  # a network that predicts mid-grey, whatever it sees
    photo, hole = np.full((120, 140, 3), 0.5, dtype=np.float32), np.zeros((120, 140), dtype=bool)
    hole[10:105, 20:120] = True
    assert np.allclose(Inpainter(grey)(photo, hole), 0.5, atol=1e-5)


def test_a_generator_without_dilation_fills_as_its_own_pass_does() -> None:
    torch.manual_seed(0)
    generator = Generator(dilated=False)
    with torch.no_grad():
        generator.layers[-1].weight.mul_(10)  # so that the prediction is not grey
        for _ in range(20):
            generator.train()(torch.rand(4, 4, 32, 32))  # so that batch norm has seen something
    image, hole = torch.rand(3, 40, 40), torch.zeros(40, 40, dtype=torch.bool)
    hole[10:20, 12:25] = True
    filled = Inpainter(generator)(image, hole)
    where = hole[None, None]
    with torch.no_grad():
        prediction = generator.eval()(generator.masked(image[None], where))
    blended = blend_seam(composite(image[None], prediction, where), where, ~where)[0]
    assert torch.allclose(filled[:, hole], blended[:, hole], atol=0.02)


def barely_trained() -> Generator:
    """A generator whose batch norm magnifies differences, as after a few steps of training."""
    torch.manual_seed(0)
    generator = Generator(largest_hole=16)
    for module in generator.layers:
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(1e-4)  # type: ignore[union-attr]
    return generator


def test_inpainter_takes_bfloat16_only_where_it_fills_as_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inpaint_hub.methods.inpainter.has_bf16", lambda: True)
    assert Inpainter.from_pretrained("cifar10").dtype == torch.bfloat16
    assert Inpainter(barely_trained()).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_inpainter_takes_the_precision_that_it_is_told(dtype: torch.dtype) -> None:
    assert Inpainter(barely_trained(), dtype=dtype).dtype == dtype
    assert Inpainter.from_pretrained("cifar10", dtype=dtype).dtype == dtype


def test_inpainter_without_bfloat16_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inpaint_hub.methods.inpainter.has_bf16", lambda: False)
    assert Inpainter.from_pretrained("cifar10").dtype == torch.float32


@pytest.mark.parametrize("generator", ["cifar10", torch.nn.Identity()])
def test_inpainter_of_no_generator_says_how_one_is_loaded(generator: Any) -> None:
    with pytest.raises(ValueError, match=f"generator is a {type(generator).__name__}; give a Generator"):
        Inpainter(generator)


def test_a_filled_tensor_can_be_changed_and_trained_with(inpainter: Inpainter) -> None:
    mask = torch.zeros(32, 32)
    mask[8:20, 8:20] = 1
    filled = inpainter(torch.rand(1, 3, 32, 32), mask)
    filled += 0
    filled.requires_grad_()
    filled.sum().backward()
    assert filled.grad is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_forked_process_fills_with_the_inpainter_of_its_parent() -> None:
    code = (
        "import multiprocessing, numpy, torch\n"
        "from inpaint_hub import Inpainter\n"
        "torch.set_num_threads(2)\n"
        "inpainter = Inpainter.from_pretrained('photos')\n"
        "image, mask = numpy.zeros((96, 96, 3), numpy.uint8), numpy.zeros((96, 96), bool)\n"
        "mask[30:60, 30:60] = True\n"
        "def fill(number): return inpainter(image, mask).shape\n"
        "fill(0)\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    print(pool.map_async(fill, range(4)).get(100))"
    )
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == f"{[(96, 96, 3)] * 4}\n", done.stderr
