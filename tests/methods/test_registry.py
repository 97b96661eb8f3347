"""The image contract, for every method by its name."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from paths import ROOT
from strategies import KINDS, cases, changed_under, image_of, pixels_of

from inpaint_hub import METHODS, Inpainter, fill
from inpaint_hub.methods.classical import biharmonic, patchmatch
from inpaint_hub.pretrained import shipped

if sys.version_info >= (3, 11):
    NAMES = list(METHODS)
else:  # PyPatchMatch's first Python is 3.11
    NAMES = [name for name in METHODS if name not in ("patchmatch", "guided")]
ONE_OF_EACH = [
    name for name in NAMES if name not in shipped() or name in ("cifar10", "context-encoder")
]  # of each kind
FROM_LIBRARIES = [name for name in NAMES if name not in shipped()]

HOLE = np.zeros((21, 17), dtype=bool)
HOLE[5:12, 9:17] = True  # up to the border
RGB = image_of("array-uint8-3", 21, 17, seed=1)

few = settings(max_examples=25)
every_method = pytest.mark.parametrize("method", NAMES)
every_kind_of_method = pytest.mark.parametrize("method", ONE_OF_EACH)


@every_kind_of_method
@few
@given(case=cases())
def test_known_pixels_type_and_shape_survive_every_method(method: str, case: tuple[str, Any, np.ndarray]) -> None:
    kind, image, hole = case
    assume(not hole.all())
    before = pixels_of(image).copy()
    result = fill(image, hole, method=method)
    after = pixels_of(result)
    assert type(result) is type(image)
    assert (after.dtype, after.shape) == (before.dtype, before.shape)
    assert not kind.startswith("pil") or result.mode == image.mode
    assert np.array_equal(after[~hole], before[~hole])
    assert np.array_equal(pixels_of(image), before), "the caller's image was written to"


@every_kind_of_method
@few
@given(case=cases())
def test_nothing_under_the_hole_leaks_into_any_method(method: str, case: tuple[str, Any, np.ndarray]) -> None:
    kind, image, hole = case
    assume(kind != "pil-PA" and not hole.all())
    other = changed_under(hole, kind, image)
    assert np.array_equal(
        pixels_of(fill(image, hole, method=method, seed=3)), pixels_of(fill(other, hole, method=method, seed=3))
    )


@every_kind_of_method
@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (3, 3), (24, 1), (5, 8)])
@pytest.mark.parametrize("corner", [0, -1])
def test_a_hole_of_one_pixel_in_a_corner_is_filled(method: str, shape: tuple[int, int], corner: int) -> None:
    hole = np.zeros(shape, dtype=bool)
    hole[corner, corner] = True
    image = np.full((*shape, 3), 200, dtype=np.uint8)
    result = fill(np.where(hole[:, :, None], np.uint8(0), image), hole, method=method)
    assert result[hole].min() > 60, "what is under the hole came through"


@every_method
def test_nothing_masked_returns_the_image_itself_from_every_method(method: str) -> None:
    assert fill(RGB, np.zeros_like(HOLE), method=method) is RGB


@pytest.mark.parametrize("method", ["cifar10", "context-encoder"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_model_fills_an_image_that_is_masked_everywhere(method: str, kind: str) -> None:
    result = fill(image_of(kind, 1, 1, seed=5), np.ones((1, 1), dtype=bool), method=method)
    assert np.isfinite(pixels_of(result).astype(float)).all()


@pytest.mark.parametrize("method", FROM_LIBRARIES)
def test_a_method_that_continues_known_pixels_says_so_where_there_are_none(method: str) -> None:
    with pytest.raises(
        ValueError, match=rf"everything is masked, and {method} continues .* \({', '.join(shipped())}\)"
    ):
        fill(RGB, np.ones_like(HOLE), method=method)


@every_method
def test_a_batch_gives_what_its_images_give_alone(method: str) -> None:
    batch = torch.stack([image_of("tensor-float32-3", 21, 17, seed) for seed in range(3)])
    masks = torch.from_numpy(np.stack([HOLE, HOLE[::-1].copy(), np.zeros_like(HOLE)]))
    together = fill(batch, masks, method=method, seed=7)
    for image, mask, result in zip(batch, masks, together, strict=True):
        assert torch.equal(fill(image, mask, method=method, seed=7), result)


@pytest.mark.skipif("patchmatch" not in NAMES, reason="PyPatchMatch's first Python is 3.11")
def test_the_seed_of_patchmatch_gives_the_same_result_in_threads_too() -> None:
    image, hole = image_of("array-uint8-3", 40, 40, seed=1), np.zeros((40, 40), dtype=bool)
    hole[10:30, 12:28] = True
    alone = [fill(image, hole, method="patchmatch", seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: fill(image, hole, method="patchmatch", seed=seed), [0, 1, 2, 3] * 4))
    assert not np.array_equal(alone[0], alone[1])
    assert all(np.array_equal(result, alone[number % 4]) for number, result in enumerate(together))


def test_biharmonic_in_a_window_is_what_the_whole_image_gives() -> None:
    from skimage.restoration import inpaint_biharmonic

    image, hole = image_of("array-uint8-3", 60, 50, seed=1), np.zeros((60, 50), dtype=bool)
    hole[30:36, 20:29] = True
    whole = np.rint(255 * inpaint_biharmonic(image, hole, channel_axis=2).clip(0, 1))
    assert np.array_equal(biharmonic(image, hole), whole)


@pytest.mark.skipif("patchmatch" not in NAMES, reason="PyPatchMatch's first Python is 3.11")
def test_patchmatch_searches_around_the_hole_and_not_the_whole_photo() -> None:
    image = image_of("array-uint8-3", 30, 900, seed=1)
    hole = np.zeros((30, 900), dtype=bool)
    hole[10:14, 10:14] = True
    other = image.copy()
    other[:, 300:] = 0
    assert np.array_equal(patchmatch(image, hole)[hole], patchmatch(other, hole)[hole])


def test_an_unknown_method_is_told_which_there_are() -> None:
    with pytest.raises(ValueError, match=r"'sorcery' is no method \(telea, navier-stokes, .*cifar10.*or owner/model"):
        fill(RGB, HOLE, method="sorcery")


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("", "'' is no method .telea"),
        ("~/model", "'~/model' is no method .telea"),
        ("./model", "'./model' is no method .telea"),
        ("/model", "'/model' is no method .telea"),
        (Path("owner/model"), "'owner/model' is no shipped model .* no folder here"),
        (None, "method is a NoneType; give a name .telea"),
        (METHODS["telea"], "method is a partial; give a name .telea"),
    ],
)
def test_what_can_be_no_method_is_told_without_asking_the_hub(method: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fill(RGB, HOLE, method=method)


@pytest.mark.parametrize("name", ["telea", "cifar10", "context-encoder"])
def test_methods_take_the_arguments_of_fill_by_their_names(name: str) -> None:
    pytest.importorskip("cv2")
    filled = METHODS[name](image=RGB, mask=HOLE, seed=1)
    assert np.array_equal(np.asarray(filled), np.asarray(fill(RGB, HOLE, method=name, seed=1)))


@pytest.mark.parametrize("name", ["", "~/model", "./model", "/model"])
def test_what_can_be_no_model_is_told_without_asking_the_hub(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is no shipped model"):
        Inpainter.from_pretrained(name)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_that_holds_a_model_is_a_method(kind: type) -> None:
    folder = kind(ROOT / "inpaint_hub/pretrained/cifar10")
    assert np.array_equal(fill(RGB, HOLE, method=folder), fill(RGB, HOLE, method="cifar10"))


@pytest.mark.parametrize(
    ("method", "library"),
    [("telea", "cv2"), ("biharmonic", "skimage"), ("patchmatch", "patchmatch"), ("guided", "patchmatch")],
)
def test_without_its_library_a_method_names_the_extra_that_brings_it(method: str, library: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None; import numpy as np; from inpaint_hub import fill;"
        f"fill(np.zeros((40, 40), np.uint8), np.kron(np.eye(2), np.ones((20, 20))), method={method!r})"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "pip install '.[compare]' brings it" in run.stderr.splitlines()[-1]


def test_a_library_that_is_there_and_broken_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import numpy as np; from inpaint_hub import fill;"
        "fill(np.zeros((40, 40), np.uint8), np.kron(np.eye(2), np.ones((20, 20))), method='telea')"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    said = run.stderr.splitlines()[-1]
    assert said.startswith("ImportError: telea cannot be loaded (libGL.so.1: cannot open shared object file)")
