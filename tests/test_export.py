"""An exported model fills as the inpainter does; ONNX Runtime shares no code with torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from paths import ROOT

from inpaint_hub import Inpainter
from inpaint_hub.cli import main
from inpaint_hub.export import USAGE, export
from inpaint_hub.models.fused_generator import FusedGenerator


@pytest.fixture(scope="module")
def exact(inpainter: Inpainter) -> Inpainter:
    """The inpainter in float32, whatever this processor has."""
    same = Inpainter(inpainter.generator)
    same._network = FusedGenerator(inpainter.generator, torch.float32)
    return same


@pytest.fixture(scope="module")
def session(inpainter: Inpainter, tmp_path_factory: pytest.TempPathFactory) -> onnxruntime.InferenceSession:
    folder = tmp_path_factory.mktemp("model")
    inpainter.generator.save_pretrained(folder)
    assert main(["export", str(folder), "--output", str(folder / "model.onnx")]) == 0
    return onnxruntime.InferenceSession(folder / "model.onnx")


def drawn(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo of noise, and a mask of one small box."""
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[height // 3 : height // 3 + 9, width // 2 : width // 2 + 11] = 255
    return image, mask


@pytest.mark.parametrize(("height", "width"), [(32, 32), (61, 70), (5, 3), (200, 131)])
def test_it_fills_as_the_inpainter_does_and_keeps_known_bytes(
    session: onnxruntime.InferenceSession, exact: Inpainter, height: int, width: int
) -> None:
    image, mask = drawn(height, width)
    (filled,) = session.run(None, {"image": image[None], "mask": mask[None]})
    assert filled.shape == (1, height, width, 3)
    assert np.array_equal(filled[0][mask == 0], image[mask == 0])
    assert np.abs(filled[0].astype(int) - exact(image, mask)).max() <= 1


def test_a_batch_is_its_images_and_nothing_under_a_hole_leaks(session: onnxruntime.InferenceSession) -> None:
    image, mask = drawn(40, 48)
    images, masks = np.stack([image, 255 - image]), np.stack([mask, mask[::-1]])
    (together,) = session.run(None, {"image": images, "mask": masks})
    images = np.where(masks[..., None] > 127, 255 - images, images)
    for number in range(2):
        (alone,) = session.run(None, {"image": images[number : number + 1], "mask": masks[number : number + 1]})
        assert np.abs(together[number].astype(int) - alone[0]).max() <= 1


def test_the_file_says_what_it_takes(session: onnxruntime.InferenceSession) -> None:
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["usage"] == USAGE
    assert facts["largest_hole_px"] == "16"


def test_it_overwrites_nothing_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.onnx").write_text("mine")
    assert main(["export", "cifar10", "--output", str(tmp_path / "model.onnx")]) == 1
    assert "is already there; --overwrite" in capsys.readouterr().err
    assert (tmp_path / "model.onnx").read_text() == "mine"


def test_an_unknown_model_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "nothing", "--output", str(tmp_path / "model.onnx")]) == 1
    assert "'nothing' is no shipped model" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("library", ["onnx", "onnxscript"])
def test_a_library_that_is_missing_is_named_with_the_extra_that_brings_it(tmp_path: Path, library: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from inpaint_hub.cli import main\n"
        f"sys.exit(main(['export', 'cifar10', '--output', {str(tmp_path / 'model.onnx')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install '.[onnx]' brings it" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_context_encoder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="which fills images of 32×32 px only; export a generator"):
        export("context-encoder", tmp_path / "model.onnx")


@pytest.mark.slow
def test_export_writes_a_program_that_torch_runs_without_this_package(exact: Inpainter, tmp_path: Path) -> None:
    exact.generator.save_pretrained(tmp_path)
    assert export(tmp_path, tmp_path / "model.pt2") == 16
    sizes = [(61, 70), (64, 64), (5, 7), (64, 61), (8, 100)]  # multiples of 4, which are not padded, and others
    code = (
        "import sys, torch, numpy as np\n"
        "facts = {'facts.json': ''}\n"
        "program = torch.export.load('model.pt2', extra_files=facts).module()\n"
        "for size in sys.argv[1:]:\n"
        "    image, mask = (torch.from_numpy(np.load(f'{name}-{size}.npy')) for name in ('image', 'mask'))\n"
        "    np.save(f'filled-{size}.npy', program(image, mask).numpy())\n"
        "assert 'inpaint_hub' not in sys.modules\n"
        "print(facts['facts.json'])"
    )
    photos = {f"{height}x{width}": drawn(height, width) for height, width in sizes}
    for size, (image, mask) in photos.items():
        np.save(tmp_path / f"image-{size}.npy", image[None])
        np.save(tmp_path / f"mask-{size}.npy", mask[None])
    done = subprocess.run([sys.executable, "-c", code, *photos], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["largest_hole_px"] == "16"
    for size, (image, mask) in photos.items():
        (filled,) = np.load(tmp_path / f"filled-{size}.npy")
        assert np.array_equal(filled[mask == 0], image[mask == 0])
        assert np.abs(filled.astype(int) - exact(image, mask)).max() <= 1


@pytest.mark.parametrize("name", ["model", "model.tflite", "onnx"])
def test_export_refuses_a_name_whose_ending_is_no_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"ends in no format that can be exported; give a name in .onnx or .pt2"):
        export("cifar10", tmp_path / name)
    assert not list(tmp_path.iterdir())
