"""Methods side by side: the same holes for all, figures that can be worked out, and what a report says of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inpaint_hub.cli import main
from inpaint_hub.data.holes import Holes
from inpaint_hub.evaluation import comparison, report
from inpaint_hub.evaluation.comparison import compare, load_inputs
from inpaint_hub.evaluation.feature_metrics import FEATURE_METRICS
from inpaint_hub.evaluation.report import write_report
from inpaint_hub.hardware import allowed_threads
from inpaint_hub.methods.registry import fill
from inpaint_hub.metrics import METRICS

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """900 small pictures: 45 or so to compare on."""
    place = tmp_path_factory.mktemp("many")
    for number in range(900):
        smooth = Image.fromarray(RANDOM.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        smooth.resize((32, 32), Image.Resampling.BICUBIC).save(place / f"{number:03d}.png")
    return place


@pytest.fixture(scope="module")
def case(folder: Path) -> tuple[dict, np.ndarray, np.ndarray]:
    return load_inputs(str(folder), resolution=32, kinds="spread", sides=(8, 16), count=42)


@pytest.fixture(scope="module")
def compared(case: tuple[dict, np.ndarray, np.ndarray]) -> tuple[dict, dict, list[str]]:
    said: list[str] = []
    rows, results = compare(["telea", "sorcery", "cifar10"], *case[1:], log=said.append)
    return rows, results, said


@pytest.fixture
def all_threads() -> Iterator[None]:
    """As many threads as users, and the process that compares, have: with another number a network rounds otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(allowed_threads())
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("all_threads")
def test_every_method_fills_the_same_holes_as_users_would(case: tuple, compared: tuple) -> None:
    _, images, holes = case
    rows, results, _ = compared
    for name in rows:
        assert np.array_equal(results[name][5], fill(images[5], holes[5], method=name))
        assert rows[name]["figures"]["psnr_hole"].value == METRICS["psnr_hole"](results[name], images, holes)
        named = {*METRICS, *FEATURE_METRICS, "frechet_crops", "frechet", "same_label"}
        assert named == {*rows[name]["figures"]}
        assert rows[name]["milliseconds"] > 0


def test_a_method_that_cannot_be_had_is_said_and_left_out(compared: tuple) -> None:
    rows, _, said = compared
    assert list(rows) == ["telea", "cifar10"]
    assert any(line.startswith("sorcery is left out: 'sorcery' is no method") for line in said)


def test_the_network_needs_more_memory_than_a_library_of_c(compared: tuple) -> None:
    rows = compared[0]
    assert 50 < rows["telea"]["peak_mb"] < rows["cifar10"]["peak_mb"] < 4000


def test_parts_by_area_and_by_place_hold_every_image_once(compared: tuple, case: tuple) -> None:
    for what in ("by_area", "by_place"):
        parts = compared[0]["telea"][what]
        assert sum(part["images"] for part in parts.values()) >= len(case[1]) - 2  # a part of one image is left out


def test_areas_and_places_are_those_of_the_holes() -> None:
    holes = np.zeros((4, 20, 20), dtype=bool)
    holes[0, 5:9, 5:9] = True  # 4 %, inside
    holes[1, 0:10, 5:15] = True  # 25 %, at one side
    holes[2, 10:20, 8:20] = True  # 30 %, in a corner
    holes[3, :, 0:13] = True  # 65 %, at three sides
    areas, places = comparison._group_by_area(holes), comparison._group_by_place(holes)
    assert [name for n in range(4) for name, some in areas.items() if some[n]] == [
        "0–10 %",
        "20–30 %",
        "30–40 %",
        "50 % and more",
    ]
    assert [name for n in range(4) for name, some in places.items() if some[n]] == [
        "interior", "one side", "corner", "corner",
    ]  # fmt: skip


@pytest.mark.parametrize("place", range(3))
def test_spread_holes_are_of_every_area_at_every_place_alike(place: int) -> None:
    holes = Holes((8, 16), {"spread": 1}).batch(1, 0, 9000, (32, 48))[:, 0].numpy()
    where = list(comparison._group_by_place(holes).values())[place]
    counts = [int((where & some).sum()) for some in comparison._group_by_area(holes).values()]
    assert np.allclose(counts, 500, atol=90)


def test_an_interval_of_a_mean_is_the_usual_one() -> None:
    values = np.random.default_rng(1).normal(size=4000)
    half = comparison._jackknife_half_width(lambda which: float(values[which].mean()), np.arange(len(values)))
    assert half == pytest.approx(1.96 / math.sqrt(4000), rel=0.35)
    assert comparison._jackknife_half_width(lambda which: 0.0, np.arange(10)) is None


def test_a_table_marks_the_best_of_each_figure() -> None:
    rows = {
        name: {"figures": {"psnr_hole": (psnr, 0.5), "seam": (seam, None)}, "milliseconds": 1.0, "peak_mb": 100.0}
        for name, psnr, seam in (("one", 17.2, 0.2), ("two", 16.0, 0.1))
    }
    _, _, first, second = report.figures_table(rows).splitlines()
    assert first == "| one | **17.20** ± 0.50 | 0.2000 | 1.0 | 100 |"
    assert second == "| two | 16.00 ± 0.50 | **0.1000** | 1.0 | 100 |"


def test_a_figure_that_images_do_not_have_is_empty_in_tables_and_null_in_json(tmp_path: Path) -> None:
    images, holes = np.full((4, 16, 16, 3), 100, dtype=np.uint8), np.zeros((4, 16, 16), dtype=bool)
    holes[:, 4:12, 4:12] = True
    holes[3] = False
    holes[3, 0:14, 0:14] = True  # in parts of its own
    rows, results = compare(["telea"], images, holes, log=(said := []).append)  # flat: filled without an error
    worse = {"figures": rows["telea"]["figures"] | {"psnr_hole": (20.0, None)}}
    rows |= {"worse": rows["telea"] | worse}
    results |= {"worse": results["telea"]}
    facts = {"title": "Flat", "text": "Flat images."}
    text = write_report(tmp_path, facts, rows, images, holes, results)
    assert rows["telea"]["figures"]["psnr_hole"] == (None, None)
    assert said == [f"telea: no error in the hole, {rows['telea']['milliseconds']:.1f} ms an image"]
    lines = [line for line in text.splitlines() if line.startswith(("| telea |", "| worse |"))]
    assert lines[0].startswith("| telea |  | ")
    assert lines[1].startswith("| worse | **20.00** | ")
    assert "nan" not in text
    assert "inf" not in text
    assert "NaN" not in (written := (tmp_path / "figures.json").read_text())
    assert "Infinity" not in written


def test_a_part_of_one_image_is_told(folder: Path) -> None:
    holes = np.zeros((3, 20, 20), dtype=bool)
    holes[:2, 5:9, 5:9] = True
    holes[2, 10:20, 8:20] = True
    told = " Left out of the figures by area and by place, with one image each: 30–40 %, corner."
    assert comparison._tell_left_out(holes) == told
    assert comparison._tell_left_out(holes[:2]) == ""
    facts, _, drawn = load_inputs(str(folder), resolution=32, kinds="spread", sides=(8, 16), count=6)
    assert facts["text"].endswith(comparison._tell_left_out(drawn))
    assert comparison._tell_left_out(drawn)


def test_table_marks_the_gradient_energy_that_is_nearest_to_the_originals() -> None:
    rows = {
        name: {"figures": {"gradient_energy": (energy, None)}, "milliseconds": 1.0, "peak_mb": 1.0}
        for name, energy in (("soft", 0.6), ("near", 0.9), ("busy", 1.3))
    }
    marked = [line for line in report.figures_table(rows).splitlines() if "**" in line]
    assert marked == ["| near | **0.90** | 1.0 | 1 |"]


def test_the_same_command_gives_the_same_figures_again(folder: Path, tmp_path: Path) -> None:
    found = []
    for name in ("first", "second"):
        command = ["compare", str(folder), "--output", str(tmp_path / name), "--methods", "telea", "--count", "12"]
        assert main(command) == 0
        methods = json.loads((tmp_path / name / "figures.json").read_text())["methods"]
        found.append({what: methods["telea"][what] for what in ("figures", "by_area", "by_place")})
        assert all((tmp_path / name / file).is_file() for file in ("README.md", "sheet.png", "curves.png"))
    assert found[0] == found[1]


def test_nothing_is_overwritten_unasked(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.txt").write_text("mine")
    assert main(["compare", str(folder), "--output", str(tmp_path)]) == 1
    assert "has something in it already; give another folder, or --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (["--sides", "20", "40"], "hole_max is 40; it must be below --resolution"),
        (["--holes", "stars"], "write kinds of rectangle"),
        (["--count", "1"], "a comparison needs 2 or more"),
        (["--methods", "telea", "sorcery"], "'sorcery' is no method (telea"),
        (["--methods", "owner/sorcery"], "no method is left to compare"),
    ],
)
def test_a_wrong_command_is_told_what_is_wrong(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], sentence: str
) -> None:
    assert main(["compare", str(folder), "--output", str(tmp_path / "new"), *wrong]) == 1
    said = capsys.readouterr()
    assert sentence in said.err
    assert "in the hole" not in said.out, "it measured first"
    assert not (tmp_path / "new").exists()


def test_a_comparison_of_a_few_images_inside_their_folder_is_the_same_again(tmp_path: Path) -> None:
    for number in range(40):
        pixels = RANDOM.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    found = []
    for _ in range(2):
        facts, images, holes = load_inputs(
            str(tmp_path), resolution=32, sides=(8, 16), count=2, output=tmp_path / "compared"
        )
        rows, results = compare(["telea"], images, holes)
        write_report(tmp_path / "compared", facts, rows, images, holes, results)
        found.append(rows["telea"]["figures"])
    assert repr(found[0]) == repr(found[1])
    assert (tmp_path / "compared/curves.png").is_file()


def test_masks_that_look_inverted_are_asked_about(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "masks").mkdir()
    for number in range(4):
        mask = np.full((64, 64), 255, dtype=np.uint8)
        mask[20:40, 10 + number : 30 + number] = 0
        Image.fromarray(mask).save(tmp_path / f"masks/{number}.png")
    drawn = ["--holes", "folder", "--mask_dir", str(tmp_path / "masks")]
    assert main(["compare", str(folder), "--output", str(tmp_path / "new"), *drawn]) == 1
    assert "probably inverted; white is filled: --invert_masks takes black" in capsys.readouterr().err
    for invert, less in ((True, True), (False, False)):
        settings = {"kinds": "folder", "mask_dir": str(tmp_path / "masks"), "invert_masks": invert}
        holes = load_inputs(str(folder), resolution=32, sides=(8, 16), count=4, **settings)[2]  # type: ignore[arg-type]
        assert bool(holes.mean() < 0.5) is less


def test_compare_has_the_flags_that_its_errors_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def record(_: str, **settings: object) -> None:
        asked.update(settings)
        raise ValueError("enough")

    monkeypatch.setattr(comparison, "load_inputs", record)
    words = ["--image_column", "photo", "--dataset_config_name", "small", "--dataset_revision", "v1"]
    assert main(["compare", "owner/data", "--output", str(tmp_path / "new"), "--no-invert_masks", *words]) == 1
    expected = {"image_column": "photo", "config_name": "small", "revision": "v1", "invert_masks": False}
    assert expected.items() <= asked.items()
