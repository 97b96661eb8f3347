"""A network saves a folder that loads, whoever wrote its class; a folder is not taken for a shipped model."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from inpaint_hub import Generator, Inpainter
from inpaint_hub.methods.registry import METHODS, get_method
from inpaint_hub.pretrained import locate, shipped_folder


class Mine(Generator):
    """A subclass that takes no arguments."""

    def __init__(self) -> None:
        super().__init__(fill_color=(0.25, 0.5, 0.75), dilated=False)


def test_save_pretrained_a_subclass_without_arguments_loads_as_itself_and_as_a_generator(tmp_path: Path) -> None:
    mine = Mine()
    mine.save_pretrained(tmp_path)
    config = {"fill_color": [0.25, 0.5, 0.75], "largest_hole": None, "dilated": False}
    assert json.loads((tmp_path / "config.json").read_text()) == config
    for kind in (Mine, Generator):
        again = kind.from_pretrained(tmp_path)
        assert torch.equal(again.fill_color, mine.fill_color)
        assert again.table == mine.table
        assert all(torch.equal(value, mine.state_dict()[name]) for name, value in again.state_dict().items())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a model called as a shipped one."""
    Generator(fill_color=(0.125, 0.25, 0.5)).save_pretrained(tmp_path / "faces")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [Path("faces"), "./faces", "faces/", Path("faces").resolve()])
def test_locate_a_path_is_a_folder_and_never_a_shipped_model(name: str | Path, here: Path) -> None:
    name = here / "faces" if isinstance(name, Path) and name.is_absolute() else name
    assert Path(locate(name)).resolve() == here / "faces"
    assert Generator.from_pretrained(name).fill_color.flatten().tolist() == [0.125, 0.25, 0.5]


@pytest.mark.parametrize("load", [locate, Generator.from_pretrained, Inpainter.from_pretrained, get_method])
def test_locate_a_name_that_may_mean_two_models_is_asked_about(load: object, here: Path) -> None:
    with pytest.raises(ValueError, match=r"'faces' is a shipped model and also a folder here; write './faces' for"):
        load("faces")  # type: ignore[operator]
    assert locate("cifar10") == shipped_folder("cifar10")


def test_locate_a_folder_that_is_no_model_stands_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faces").mkdir()
    monkeypatch.chdir(tmp_path)
    assert locate("faces") == shipped_folder("faces")
    with pytest.raises(ValueError, match="no folder here"):
        locate(Path("cifar10"))


def test_methods_of_shipped_models_do_not_look_into_the_working_folder(here: Path) -> None:
    image = torch.rand(3, 16, 16)
    hole = torch.zeros(16, 16, dtype=torch.bool)
    hole[4:8, 4:8] = True
    assert torch.equal(METHODS["faces"](image, hole)[:, ~hole], image[:, ~hole])


def test_from_pretrained_prints_nothing_and_leaves_the_callers_random_numbers_and_output_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Generator(fill_color=(0.125, 0.25, 0.5)).save_pretrained(tmp_path)
    random, output = torch.get_rng_state(), sys.stdout
    seen = []
    with ThreadPoolExecutor(4) as pool:  # each load by its own would put back what another had put aside
        for _ in pool.map(lambda _: Generator.from_pretrained(tmp_path), range(8)):
            seen.append(sys.stdout)
    assert {*map(id, seen), id(sys.stdout)} == {id(output)}
    assert torch.equal(torch.get_rng_state(), random)
    assert capsys.readouterr() == ("", "")
