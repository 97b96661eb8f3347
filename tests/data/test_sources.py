"""Whatever a folder holds, what comes out are its images: upright, in 8-bit RGB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Features
from datasets import Image as ImageFeature
from PIL import Image

from inpaint_hub.data.sources import in_threads, load, picture, reason, short_side, title

RAMP = np.linspace(0, 1, 48).reshape(6, 8)  # 8 px wide, 6 high, from black to white
GREY = np.rint(RAMP * 255).astype(np.uint8)
COLOR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def saved(folder: Path, name: str, image: Image.Image, **options: Any) -> np.ndarray:
    """The pixels of a file of this name that holds this image, as they come out."""
    image.save(folder / name, **options)
    shown = picture({"image": {"path": str(folder / name), "bytes": None}})
    assert shown is not None
    assert shown.mode == "RGB"
    return np.asarray(shown)


def names(folder: Path) -> dict[str, list[str]]:
    """The names of the rows of every split of a folder."""
    return {
        split: [title(row, number, str(folder)) for number, row in enumerate(rows)]
        for split, rows in load(str(folder)).items()
    }


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_16_bits_are_scaled_and_not_cut_off_at_white(name: str, tmp_path: Path) -> None:
    deep = Image.fromarray(np.rint(RAMP * 65535).astype(np.uint16))
    assert deep.mode == "I;16"
    assert np.abs(saved(tmp_path, name, deep).astype(int) - GREY[:, :, None]).max() <= 1


def test_floats_are_taken_from_0_to_1(tmp_path: Path) -> None:
    assert np.array_equal(saved(tmp_path, "float.tif", Image.fromarray(RAMP.astype(np.float32)))[..., 0], GREY)


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    assert np.array_equal(saved(tmp_path, "grey.png", Image.fromarray(GREY)), np.stack([GREY] * 3, axis=2))


def test_what_is_transparent_is_shown_on_white(tmp_path: Path) -> None:
    alpha = np.full((6, 8), 255, dtype=np.uint8)
    alpha[:, :3] = 0
    image = Image.fromarray(np.dstack([COLOR, alpha]))
    for shown in (
        saved(tmp_path, "alpha.png", image),
        saved(tmp_path, "grey.png", image.convert("LA")),
        saved(tmp_path, "palette.png", image.quantize(64)),
    ):
        assert (shown[:, :3] == 255).all()
    assert np.array_equal(saved(tmp_path, "alpha.png", image)[:, 3:], COLOR[:, 3:])


def test_a_palette_gives_its_colors(tmp_path: Path) -> None:
    assert np.array_equal(saved(tmp_path, "palette.png", Image.fromarray(COLOR).quantize(64)), COLOR)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    shown = saved(tmp_path, "print.jpg", Image.new("CMYK", (8, 6), (0, 255, 255, 0)), quality=95)
    assert np.abs(shown.astype(int) - (255, 0, 0)).max() < 4


@pytest.mark.parametrize("name", ["phone.jpg", "phone.png", "phone.tif", "phone.webp"])
def test_a_rotated_photo_is_upright(name: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to view
    options = {"quality": 95, "subsampling": 0} if name.endswith("jpg") else {}
    options |= {"lossless": True} if name.endswith("webp") else {}
    shown = saved(tmp_path, name, Image.fromarray(COLOR), exif=exif, **options)
    assert shown.shape == (8, 6, 3)
    assert np.abs(shown.astype(int) - np.rot90(COLOR, -1)).max() < 25


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"cut", b"\x89PNG\r\n\x1a\n"], ids=["empty", "text", "truncated", "head only"]
)
def test_what_cannot_be_decoded_is_none(content: bytes, tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(tmp_path / "whole.jpg")
    content = (tmp_path / "whole.jpg").read_bytes()[:-400] if content == b"cut" else content
    (tmp_path / "broken.jpg").write_bytes(content)
    assert picture({"image": {"path": str(tmp_path / "broken.jpg"), "bytes": None}}) is None
    assert picture({"image": {"path": None, "bytes": content}}) is None


@pytest.mark.parametrize("row", [None, {"path": None, "bytes": None}, {"path": "/no/where.jpg", "bytes": None}])
def test_an_image_that_is_not_there_is_none(row: dict[str, Any] | None) -> None:
    assert picture({"image": row}) is None
    assert short_side({"image": row}) is None


def test_a_bomb_is_none_and_not_the_end(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    assert picture({"image": {"path": str(tmp_path / "bomb.png"), "bytes": None}}) is None


def test_a_folder_is_its_images_nested_or_not_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "deep/er/c.webp", ".hidden.png", ".cache/d.png", "._b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    for name in ("a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "labels.json", "deep/Thumbs.db"):
        (tmp_path / name).write_text("a caption")
    assert names(tmp_path) == {"train": ["a.JPG", "b.png", "deep/er/c.webp"]}


def test_a_name_that_says_test_does_not_hide_the_others_nor_do_brackets(tmp_path: Path) -> None:
    folder = tmp_path / "photos [2024]"
    folder.mkdir()
    for name in ("a.png", "my-test-shot.png", "val d'Isere.png", "b [1].png"):
        Image.new("RGB", (4, 4)).save(folder / name)
    assert names(folder) == {"train": ["a.png", "b [1].png", "my-test-shot.png", "val d'Isere.png"]}


def test_folders_of_splits_are_taken_at_their_word(tmp_path: Path) -> None:
    for name in ("train/cat/a.png", "train/dog/test/b.png", "val/cat/c.png", "Test/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    found = names(tmp_path)
    assert found == {
        "test": ["Test/d.png"],
        "train": ["train/cat/a.png", "train/dog/test/b.png"],
        "validation": ["val/cat/c.png"],
    }


def test_a_linked_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "here") == {"train": ["linked/a.png"]}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([], "empty folder"),
        ([".hidden"], "empty folder"),
        (["notes.txt"], "has 1 files, but none that is an image"),
        (["broken.parquet"], "not a parquet file"),
        (["table.csv"], "has the columns width, height; say with --image_column"),
    ],
)
def test_a_folder_without_images_is_said_in_a_sentence(files: list[str], says: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).write_text("width,height\n1,2\n")
    with pytest.raises(ValueError, match=says) as caught:
        load(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_the_short_side_is_read_from_the_head_of_a_file(tmp_path: Path) -> None:
    Image.effect_noise((64, 48), 50).save(tmp_path / "whole.jpg")
    head = (tmp_path / "whole.jpg").read_bytes()[:-400]
    assert short_side({"image": {"path": None, "bytes": head}}) == 48


def test_threads_keep_the_order_and_read_a_bounded_number_ahead() -> None:
    taken: list[int] = []
    results = in_threads(lambda item: item * item, (taken.append(n) or n for n in range(1000)))  # type: ignore[func-returns-value]
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(taken) < 100
    assert sum(1 for _ in results) == 997


def test_a_saved_data_set_loads(tmp_path: Path) -> None:
    Image.fromarray(COLOR).save(tmp_path / "a.png")
    rows = Dataset.from_dict({"photo": [str(tmp_path / "a.png")]}, Features({"photo": ImageFeature()}))
    rows.save_to_disk(tmp_path / "saved")
    shown = picture(load(str(tmp_path / "saved"))["train"][0])
    assert shown is not None
    assert np.array_equal(np.asarray(shown), COLOR)


@pytest.mark.parametrize("streaming", [False, True])
def test_files_that_differ_in_their_columns_are_named_in_a_sentence(streaming: bool, tmp_path: Path) -> None:
    rows = Dataset.from_dict({"image": [Image.fromarray(COLOR)]}, Features({"image": ImageFeature()}))
    rows.to_parquet(tmp_path / "train.parquet")
    rows.add_column("label", [1]).to_parquet(tmp_path / "test.parquet")
    with pytest.raises(ValueError, match="column") as caught:
        _ = [list(rows) for rows in load(str(tmp_path), streaming=streaming).values()]  # a stream is read only now
    assert "one file has the columns 'image, label', another 'image'" in reason(caught.value)
    assert "\n" not in reason(caught.value)
