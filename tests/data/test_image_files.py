"""Whatever a folder holds beside images, each image counts once and nothing else does."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Features
from datasets import Image as ImageFeature
from PIL import Image

from inpaint_hub.data.image_files import find_images
from inpaint_hub.data.sources import DatasetConfig, load, title


def names(folder: Path, **leave_out: Path) -> dict[str, list[str]]:
    """The names of the rows of every split of a folder."""
    places = tuple((flag, str(place)) for flag, place in leave_out.items())
    source = load(DatasetConfig(str(folder), 32, leave_out=places))
    return {
        split: [title(row, number, str(folder)) for number, row in enumerate(rows)]
        for split, rows in source.splits.items()
    }


def picture(path: Path, seed: int = 0) -> Path:
    """A small picture in colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(values).save(path, "png" if path.suffix not in (".jpg", ".webp") else None)
    return path


def mask(path: Path) -> Path:
    """A white box on black."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("L", (12, 12))
    image.paste(255, (3, 3, 8, 8))
    image.save(path)
    return path


def test_a_folder_is_its_images_nested_or_not_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "deep/er/c.webp", ".hidden.png", ".cache/d.png", "._b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(tmp_path / name)
    for name in ("a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "labels.json", "deep/Thumbs.db"):
        (tmp_path / name).write_text("a caption")
    assert names(tmp_path) == {"train": ["a.JPG", "b.png", "deep/er/c.webp"]}


def test_a_name_that_says_test_does_not_hide_the_others_nor_do_brackets(tmp_path: Path) -> None:
    folder = tmp_path / "photos [2024]"
    folder.mkdir()
    for name in ("a.png", "my-test-shot.png", "val d'Isere.png", "b [1].png"):
        picture(folder / name)
    assert names(folder) == {"train": ["a.png", "b [1].png", "my-test-shot.png", "val d'Isere.png"]}


def test_folders_of_splits_are_taken_at_their_word(tmp_path: Path) -> None:
    for name in ("train/cat/a.png", "train/dog/test/b.png", "val/cat/c.png", "Test/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(tmp_path / name)
    found = names(tmp_path)
    assert found == {
        "test": ["Test/d.png"],
        "train": ["train/cat/a.png", "train/dog/test/b.png"],
        "validation": ["val/cat/c.png"],
    }


@pytest.mark.parametrize(
    ("train", "held_out", "split"),
    [
        ("train2017/a.png", "val2017/b.png", "validation"),
        ("images/train/a.png", "images/val/b.png", "validation"),
        ("cats/train/a.png", "cats/val/b.png", "validation"),
        ("cats/a.png", "cats/Valid-1/deep/b.png", "validation"),
        ("train_256/test/a.png", "test_256/train/b.png", "test"),  # the outermost decides
        ("images/latest/a.png", "images/testing/b.png", "test"),
        ("training/val/a.png", "dev/b.png", "validation"),
        ("train_images/a.png", "val_images/b.png", "validation"),
        ("places/data_large/a.png", "places/val_large/b.png", "validation"),
        ("DIV2K_train_HR/test/a.png", "DIV2K_valid_HR/b.png", "validation"),
        ("My photos/a.png", "My test/b.png", "test"),
        ("Train_Images/a.png", "val_images/b.png", "validation"),
    ],
)
def test_folders_of_splits_are_known_at_any_depth_and_with_further_words(
    train: str, held_out: str, split: str, tmp_path: Path
) -> None:
    for name in (train, held_out):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(tmp_path / name)
    assert names(tmp_path) == {"train": [train], split: [held_out]}


@pytest.mark.parametrize(
    "names_of_folders", [("test_tubes", "cats"), ("crash test dummies", "test drives"), ("val-d-isere",)]
)
def test_a_split_s_word_in_a_name_alone_makes_no_split(names_of_folders: tuple[str, ...], tmp_path: Path) -> None:
    for name in names_of_folders:
        picture(tmp_path / name / "a.png")
    assert [*names(tmp_path)] == ["train"]


def test_folders_of_one_split_add_up_and_are_named(tmp_path: Path) -> None:
    for name in ("cats/train/a.png", "cats/val/b.png", "dogs/val/c.png", "valid/d.png", "eval/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(tmp_path / name)
    assert names(tmp_path)["validation"] == ["cats/val/b.png", "dogs/val/c.png", "valid/d.png"]
    found = find_images(tmp_path, {})
    assert found is not None
    assert found.notes == ["images for validation are in cats/val, dogs/val, valid"]


def test_a_linked_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    picture(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "here") == {"train": ["linked/a.png"]}


def test_find_images_links_are_followed_once_even_in_circles(tmp_path: Path) -> None:
    picture(tmp_path / "here" / "deep" / "a.png")
    (tmp_path / "here" / "up").symlink_to(tmp_path / "here")
    (tmp_path / "here" / "aside").symlink_to("deep")
    (tmp_path / "here" / "deep" / "again").symlink_to(tmp_path)
    (tmp_path / "here" / "a-copy.png").symlink_to("deep/a.png")
    (tmp_path / "elsewhere").symlink_to("here/deep")
    assert names(tmp_path / "here") == {"train": ["deep/a.png"]}


def test_find_images_links_to_one_file_elsewhere_are_one_image(tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "a.png")
    for name in ("one.png", "two.png"):
        (tmp_path / "here").mkdir(exist_ok=True)
        (tmp_path / "here" / name).symlink_to(tmp_path / "elsewhere" / "a.png")
    assert names(tmp_path / "here") == {"train": ["one.png"]}


def test_find_images_a_broken_link_is_listed_and_a_pipe_is_not_read(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "broken.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert names(tmp_path) == {"train": ["a.png", "broken.png"]}


@pytest.mark.parametrize("place", [b"caf\xe9.png", b"\xfcber/a.png", b"\xff"])
def test_find_images_names_that_are_not_utf8_are_left_out_with_a_note(place: bytes, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    named = tmp_path / os.fsdecode(place)
    named.parent.mkdir(exist_ok=True)
    picture(tmp_path / "b.png").rename(named)
    assert names(tmp_path) == {"train": ["a.png"]}
    found = find_images(tmp_path, {})
    assert found is not None
    assert ["1 of 2 images have names that are not UTF-8" in note and note.isascii() for note in found.notes] == [True]
    (tmp_path / "a.png").unlink()
    with pytest.raises(ValueError, match=r"1 of 1 images have names that are not UTF-8, as .*; rename them"):
        find_images(tmp_path, {})


@pytest.mark.parametrize("name", ["runs/mine", "mine", "a/b/c"])
def test_find_images_folders_left_out_are_not_searched(name: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / name / "samples" / "000.png")
    assert names(tmp_path, output=tmp_path / name) == {"train": ["a.png"]}
    (tmp_path / "link").symlink_to(tmp_path / name)
    assert names(tmp_path, output=tmp_path / "link") == {"train": ["a.png"]}


def test_find_images_a_folder_left_out_that_is_the_folder_itself_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match=r"--output_dir is .*, the folder of the images; give a folder of its own"):
        find_images(tmp_path, {"--output_dir": tmp_path / "a" / ".."})


def test_find_images_earlier_runs_inside_are_left_out_with_a_note(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "runs" / "old" / "samples" / "000.png")
    for name in ("recipe.json", "metrics.jsonl"):
        (tmp_path / "runs" / "old" / name).touch()
    found = find_images(tmp_path, {})
    assert found is not None
    assert found.splits == {"train": [str(tmp_path / "a.png")]}
    assert ["runs/old is the folder of a training run" in note for note in found.notes] == [True]


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("inside", ["", "photos/"])
def test_find_images_an_archive_of_the_very_images_is_left_out(kind: str, inside: str, tmp_path: Path) -> None:
    files = [picture(tmp_path / f"{number}.png", number) for number in range(3)]
    pack(tmp_path / f"photos.{kind}", {inside + path.name: path.read_bytes() for path in files})
    found = find_images(tmp_path, {})
    assert found is not None
    assert found.splits == {"train": [*map(str, files)]}
    assert found.notes == [f"photos.{kind} holds images that are in the folder too; it is left out"]


def pack(path: Path, members: dict[str, bytes]) -> None:
    """An archive of these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("kind", ["zip", "tar", "parquet"])
def test_find_images_an_archive_of_other_images_is_refused_by_its_name(kind: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    other = picture(tmp_path / "elsewhere" / "b.png", 1).read_bytes()
    shutil.rmtree(tmp_path / "elsewhere")
    if kind == "parquet":
        rows = Dataset.from_dict({"image": [{"bytes": other, "path": None}]}, Features({"image": ImageFeature()}))
        rows.to_parquet(tmp_path / "more.parquet")
    else:
        pack(tmp_path / f"more.{kind}", {"b.png": other})
    with pytest.raises(ValueError, match=rf"holds 1 image files and also more\.{kind}, and either may be meant"):
        find_images(tmp_path, {})


def test_find_images_packed_files_of_two_kinds_are_refused(tmp_path: Path) -> None:
    pack(tmp_path / "a.zip", {"a.png": b""})
    pack(tmp_path / "b.tar", {"b.png": b""})
    with pytest.raises(ValueError, match=r"files of several kinds \(a\.zip, b\.tar\)"):
        find_images(tmp_path, {})


def test_find_images_an_archive_without_images_is_left_out(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    pack(tmp_path / "code.zip", {"main.py": b"print()"})
    Dataset.from_dict({"caption": ["a cat"]}).to_parquet(tmp_path / "captions.parquet")
    assert names(tmp_path) == {"train": ["a.png"]}


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "sub/metadata.csv", "captions.json"])
def test_find_images_a_table_beside_images_blocks_nothing(name: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("camera,lens\nold,new\n")
    assert names(tmp_path) == {"train": ["a.png"]}


def test_find_images_files_without_an_ending_are_looked_at(tmp_path: Path) -> None:
    for name in ("a", "b.1", "c.jpg_large"):
        picture(tmp_path / name)
    (tmp_path / "LICENSE").write_text("terms")
    assert names(tmp_path) == {"train": ["a", "b.1", "c.jpg_large"]}


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images/{}.png", "masks/{}.png"),
        ("{}.png", "{}_mask.png"),
        ("{}.jpg", "{}_mask001.png"),
        ("train/photos/{}.png", "train/Mask/other-{}.png"),
        ("{}.png", "irregular_masks/{}.png"),
        ("{}.jpg", "{}.png"),  # named alike, told by their ending
        ("images/{}.jpg", "gt/{}.png"),
        ("{}.jpg", "train_masks/x{}.png"),
    ],
)
def test_find_images_masks_among_them_are_refused_with_their_place(images: str, masks: str, tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / images.format(number), number)
        mask(tmp_path / masks.format(number))
    with pytest.raises(ValueError, match=r"holds 8 images, and masks among them: .*\(4, as ") as caught:
        find_images(tmp_path, {})
    assert masks.format(0) in str(caught.value)
    if "/" in masks and "/" in images:
        places = {"--mask_dir": (tmp_path / masks).parent}
        assert find_images(tmp_path, places).splits["train"] == sorted(map(str, (tmp_path / images).parent.iterdir()))  # type: ignore[union-attr]


def test_find_images_color_labels_beside_photos_of_the_same_names_are_refused(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "photos" / f"{number}.jpg", number)
        picture(tmp_path / "segmentation" / f"{number}.png", number + 9)
    with pytest.raises(ValueError, match=r"segmentation/ \(4, as segmentation/0.png\)"):
        find_images(tmp_path, {})


def test_find_images_photos_of_masks_are_photos(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "masks" / f"venice-{number}.png", number)
        picture(tmp_path / "hats" / f"paris-{number}.png", number + 9)
    assert len(names(tmp_path)["train"]) == 8


def test_find_images_drawings_alone_are_images_and_beside_photos_they_are_noted(tmp_path: Path) -> None:
    for number in range(3):
        mask(tmp_path / "ink" / f"{number}.png")
    found = find_images(tmp_path, {})
    assert found is not None
    assert not found.notes
    picture(tmp_path / "photos" / "a.png")
    found = find_images(tmp_path, {})
    assert found is not None
    assert ["the images in ink are black and white alone" in note for note in found.notes] == [True]


def test_find_images_masks_inside_an_archive_are_refused(tmp_path: Path) -> None:
    content, hole = picture(tmp_path / "x" / "a.png").read_bytes(), mask(tmp_path / "x" / "m.png").read_bytes()
    shutil.rmtree(tmp_path / "x")
    pack(tmp_path / "all.zip", {"images/a.png": content, "masks/a.png": hole})
    with pytest.raises(ValueError, match=r"masks among them: masks/"):
        load(DatasetConfig(str(tmp_path), 32))


def test_load_a_folder_inside_packed_data_is_refused(tmp_path: Path) -> None:
    rows = Dataset.from_dict({"image": [Image.new("RGB", (8, 8))]}, Features({"image": ImageFeature()}))
    rows.to_parquet(tmp_path / "train.parquet")
    picture(tmp_path / "run" / "samples" / "0.png")
    with pytest.raises(ValueError, match=r"--output_dir .*run is inside .*, which holds packed images"):
        names(tmp_path, **{"--output_dir": tmp_path / "run"})
