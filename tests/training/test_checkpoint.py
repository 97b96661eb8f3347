"""Checkpoints: whole or not there, and never a silent fresh start."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch

from inpaint_hub.training import checkpoint
from inpaint_hub.training.recipes import PRESETS, Recipe


def test_the_latest_checkpoint_comes_back(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        checkpoint.save(tmp_path, step, {"step": step, "weights": torch.ones(3)})
    state = checkpoint.load(tmp_path, "latest")
    assert state is not None
    assert state["step"] == 100


def test_a_folder_without_checkpoints_starts_afresh(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "new", "latest") is None


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        checkpoint.save(tmp_path, step, {"step": step}, keep=2)
    assert [path.name for path in checkpoint.every(tmp_path)] == ["checkpoint-10.pt", "checkpoint-100.pt"]


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("keep", [1, 2])
def test_the_one_just_saved_is_kept_whatever_damaged_one_has_a_higher_number(tmp_path: Path, keep: int) -> None:
    for step in (4, 8):
        checkpoint.save(tmp_path, step, {"step": step})
    damage(tmp_path / "checkpoint-8.pt")
    checkpoint.save(tmp_path, 6, {"step": 6}, keep=keep)  # the run went on from 4
    assert checkpoint.load(tmp_path, "latest") == {"step": 6}
    assert [path.name for path in checkpoint.every(tmp_path)] == ["checkpoint-4.pt", "checkpoint-6.pt"][-keep:]


def test_where_one_cannot_be_written_the_error_names_the_last_good_one_and_nothing_half_written_stays(
    tmp_path: Path,
) -> None:
    checkpoint.save(tmp_path, 1, {"step": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(
            OSError, match=r"cannot save .*checkpoint-2\.pt: .*; the last checkpoint is checkpoint-1\.pt"
        ):
            checkpoint.save(tmp_path, 2, {"weights": torch.ones(1_000_000)}, keep=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1.pt"]
    assert checkpoint.load(tmp_path, "latest") == {"step": 1}


def test_a_damaged_latest_checkpoint_is_skipped_with_a_warning(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, {"step": 1})
    damage(checkpoint.save(tmp_path, 2, {"step": 2}))
    with pytest.warns(UserWarning, match=r"checkpoint-2\.pt cannot be read"):
        state = checkpoint.load(tmp_path, "latest")
    assert state == {"step": 1}


def test_an_empty_latest_checkpoint_is_skipped_too(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, {"step": 1})
    checkpoint.save(tmp_path, 2, {"step": 2}).write_bytes(b"")
    with pytest.warns(UserWarning, match=r"checkpoint-2\.pt cannot be read: EOFError"):
        assert checkpoint.load(tmp_path, "latest") == {"step": 1}


def test_when_none_can_be_read_it_is_an_error(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 2, {"step": 2}).write_bytes(b"half")
    with pytest.warns(UserWarning, match="cannot be"), pytest.raises(ValueError, match="none of the 1 checkpoints"):
        checkpoint.load(tmp_path, "latest")


def test_what_was_left_half_written_is_no_checkpoint(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 2, {"step": 2})
    (tmp_path / "checkpoint-3.partial").write_bytes(b"half")
    assert checkpoint.load(tmp_path, "latest") == {"step": 2}
    checkpoint.save(tmp_path, 4, {"step": 4})
    assert not list(tmp_path.glob("*.partial"))  # it went when room was needed


def test_a_class_of_ours_is_refused_so_that_no_move_of_a_module_makes_a_checkpoint_unreadable(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 2, {"recipe": PRESETS["paper"]})
    with pytest.raises(ValueError, match=r"checkpoint-2\.pt cannot be read"):
        checkpoint.load(tmp_path, str(path))


OTHERS = [
    *("checkpoint-best.pt", "checkpoint-3.pt.bak", "checkpoint-3 (copy).pt", "checkpoint-.pt", "checkpoint-03.pt"),
    *("my-checkpoint-3.pt", "checkpoint-best.partial", "checkpoint-3-good.partial", "checkpoint-1.5.pt"),
]


def test_save_and_load_touch_no_file_with_another_name(tmp_path: Path) -> None:
    for name in OTHERS:
        (tmp_path / name).write_text("mine")
    (tmp_path / "checkpoint-7.pt").mkdir()
    assert checkpoint.load(tmp_path, "latest") is None
    for step in (2, 4, 3):
        checkpoint.save(tmp_path, step, {"step": step}, keep=1)
    assert checkpoint.load(tmp_path, "latest") == {"step": 3}
    assert all((tmp_path / name).read_text() == "mine" for name in OTHERS)
    assert {path.name for path in tmp_path.iterdir()} == {*OTHERS, "checkpoint-3.pt", "checkpoint-7.pt"}


def test_load_a_name_is_looked_for_here_and_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for step in (3, 4):
        checkpoint.save(tmp_path / "run", step, {"step": step})
    assert checkpoint.load(tmp_path / "run", "checkpoint-3.pt") == {"step": 3}
    (tmp_path / "run" / "checkpoint-4.pt").rename(tmp_path / "run" / "checkpoint-best.pt")
    assert checkpoint.load(tmp_path / "run", "checkpoint-best.pt") == {"step": 4}  # asked for by its name
    assert checkpoint.load(tmp_path / "run", str(tmp_path / "run" / "checkpoint-3.pt")) == {"step": 3}
    checkpoint.save(tmp_path / "here", 3, {"step": "here"})
    assert checkpoint.load(tmp_path / "run", "checkpoint-3.pt") == {"step": "here"}
    with pytest.raises(ValueError, match=r"checkpoint-5\.pt is no checkpoint file, neither here nor in .*run"):
        checkpoint.load(tmp_path / "run", "checkpoint-5.pt")


THEN = Recipe(dataset_name="photos").to_dict() | {"images": "one", "image_count": 90, "masks": None, "seed": 0}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, []),
        ({"dataset_name": "./photos"}, []),
        ({"dataset_name": "elsewhere"}, []),  # the same images
        ({"num_train_epochs": 99}, []),
        ({"images": "other"}, ["the images are others"]),
        ({"images": "other", "image_count": 97}, ["the images are others (90 -> 97 to train on)"]),
        ({"learning_rate": 0.5}, ["learning_rate 0.001 -> 0.5"]),
        ({"seed": 1, "masks": "other"}, ["masks None -> other", "seed 0 -> 1"]),
    ],
)
def test_changed_settings_compares_images_and_not_paths(change: dict[str, object], says: list[str]) -> None:
    assert sorted(checkpoint.changed_settings(THEN, THEN | change)) == sorted(says)


@pytest.mark.parametrize("name", ["photos", "./photos", "x/../photos"])
def test_changed_settings_of_an_older_checkpoint_compares_the_place(name: str) -> None:
    old = {key: value for key, value in THEN.items() if key not in ("images", "image_count")}
    assert checkpoint.changed_settings(old, THEN | {"dataset_name": name}) == []
    assert checkpoint.changed_settings(old, THEN | {"dataset_name": "other"}) == ["dataset_name photos -> other"]


@pytest.mark.parametrize(
    ("then", "now", "says"),
    [
        (("runs/a", "one"), ("/elsewhere/a", "one"), []),  # the same weights
        (("runs/a", "one"), ("runs/b", "two"), ["init_from runs/a -> runs/b"]),
        (("runs/a", "one"), (None, None), ["init_from runs/a -> None"]),
        ((None, None), ("runs/a", "one"), ["init_from None -> runs/a"]),
        (("owner/model", "one"), ("owner/model", "two"), []),  # trained on since
        (("runs/a", None), ("./runs/a", "one"), []),  # of an earlier version
        (("runs/a", None), ("/elsewhere/a", "one"), ["init_from runs/a -> /elsewhere/a"]),
    ],
)
def test_changed_settings_compares_the_weights_to_start_from_and_not_their_path(
    then: tuple[str | None, ...], now: tuple[str | None, ...], says: list[str]
) -> None:
    before, after = (THEN | {"init_from": name, "start": digest} for name, digest in (then, now))
    if before["start"] is None:
        del before["start"]
    assert checkpoint.changed_settings(before, after) == says
