"""Whatever a folder holds, what comes out are its images: upright, in 8-bit RGB."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from datasets import Dataset, DatasetDict, Features, List, Value
from datasets import Image as ImageFeature
from PIL import Image

from inpaint_hub.data.sources import DatasetConfig, in_threads, load, picture, reason, short_side

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
        load(DatasetConfig(str(tmp_path), 32))
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
    shown = picture(load(DatasetConfig(str(tmp_path / "saved"), 32)).splits["train"][0])
    assert shown is not None
    assert np.array_equal(np.asarray(shown), COLOR)


@pytest.mark.parametrize("name", ["val", "valid", "dev", "Validation"])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_saved_validation_split_is_known_by_any_usual_name(tmp_path: Path, name: str, streaming: bool) -> None:
    Image.fromarray(COLOR).save(tmp_path / "a.png")
    rows = Dataset.from_dict({"photo": [str(tmp_path / "a.png")]}, Features({"photo": ImageFeature()}))
    DatasetDict({"train": rows, name: rows}).save_to_disk(tmp_path / "saved")
    assert [*load(DatasetConfig(str(tmp_path / "saved"), 32), streaming).splits] == ["train", "validation"]


@pytest.mark.parametrize("streaming", [False, True])
def test_load_several_spellings_of_one_split_add_up(tmp_path: Path, streaming: bool) -> None:
    Image.fromarray(COLOR).save(tmp_path / "a.png")
    rows = Dataset.from_dict({"photo": [str(tmp_path / "a.png")]}, Features({"photo": ImageFeature()}))
    DatasetDict({"train": rows, "val": rows, "dev": rows}).save_to_disk(tmp_path / "saved")
    splits = load(DatasetConfig(str(tmp_path / "saved"), 32), streaming).splits
    assert {split: len([*rows]) for split, rows in splits.items()} == {"train": 1, "validation": 2}


@pytest.mark.parametrize("streaming", [False, True])
def test_files_that_differ_in_their_columns_are_named_in_a_sentence(streaming: bool, tmp_path: Path) -> None:
    rows = Dataset.from_dict({"image": [Image.fromarray(COLOR)]}, Features({"image": ImageFeature()}))
    rows.to_parquet(tmp_path / "train.parquet")
    rows.add_column("label", [1]).to_parquet(tmp_path / "test.parquet")
    with pytest.raises(ValueError, match="column") as caught:
        _ = [
            list(rows) for rows in load(DatasetConfig(str(tmp_path), 32), streaming=streaming).splits.values()
        ]  # a stream is read only now
    assert "one file has the columns 'image, label', another 'image'" in reason(caught.value)
    assert "\n" not in reason(caught.value)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("empty", [0, 1, 2])
def test_load_a_parquet_file_without_rows_adds_none(empty: int, streaming: bool, tmp_path: Path) -> None:
    Image.fromarray(COLOR).save(tmp_path / "a.png")
    rows = pyarrow.table({"image": [{"bytes": (tmp_path / "a.png").read_bytes(), "path": "a.png"}]})
    (tmp_path / "a.png").unlink()
    for number in range(3):
        some = rows.slice(0, 0) if number == empty else rows
        pyarrow.parquet.write_table(some, tmp_path / f"train-{number}.parquet")  # `datasets` writes no row group here
    assert len([*load(DatasetConfig(str(tmp_path), 32), streaming).splits["train"]]) == 2


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("kind", ["string", "large_string", "binary", "large_binary"])
def test_load_a_column_of_paths_or_of_files_holds_images(kind: str, streaming: bool, tmp_path: Path) -> None:
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    Image.fromarray(COLOR).save(path)
    value = str(path) if "string" in kind else path.read_bytes()
    (tmp_path / "table").mkdir()
    rows = Dataset.from_dict({"image": [value] * 3}, Features({"image": Value(kind)}))
    rows.to_parquet(tmp_path / "table" / "train.parquet")
    (row, *_) = load(DatasetConfig(str(tmp_path / "table"), 32), streaming).splits["train"]
    shown = picture(row)
    assert shown is not None
    assert np.array_equal(shown, COLOR)


@pytest.mark.parametrize("name", ["photos [v2]", "[a]/b"])
def test_load_packed_images_in_a_folder_named_as_a_pattern_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"\[ \] in the name of a folder .* rename the folder"):
        load(table(tmp_path / name, image=ImageFeature()))


def table(folder: Path, **columns: Any) -> DatasetConfig:
    """A data set of three rows with these columns, each a type; pictures where it is one of pictures."""
    shown = Image.fromarray(COLOR)
    values: dict[str, Any] = {}
    for name, kind in columns.items():
        one = shown if isinstance(kind, ImageFeature) else [shown] if not isinstance(kind, Value) else 1
        values[name] = [str(one) if isinstance(kind, Value) and kind.dtype == "string" else one] * 3
    Dataset.from_dict(values, Features(columns)).to_parquet(folder / "train.parquet")
    return DatasetConfig(str(folder), 32)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("names", [("mask", "image"), ("image", "mask"), ("a", "b"), ("image", "img")])
def test_load_several_image_columns_are_asked_about(names: tuple[str, str], streaming: bool, tmp_path: Path) -> None:
    config = table(tmp_path, **{name: ImageFeature() for name in names})
    with pytest.raises(ValueError, match=f"has the image columns {', '.join(names)}; choose one with --image_column"):
        load(config, streaming)
    chosen = load(replace(config, image_column=names[1]), streaming).splits["train"]
    assert chosen.column_names == ["image"]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("column", "says"),
    [("id", "the column id of .* holds int64, and not an image a row; its image columns are: photo"),
     ("shots", "the column shots of .* holds lists, and not an image a row")],
)  # fmt: skip
def test_load_a_column_of_something_else_is_refused(column: str, says: str, streaming: bool, tmp_path: Path) -> None:
    config = table(tmp_path, id=Value("int64"), photo=ImageFeature(), shots=List(ImageFeature()))
    with pytest.raises(ValueError, match=says):
        load(replace(config, image_column=column), streaming)


def test_load_two_configurations_are_asked_about_and_one_is_taken(tmp_path: Path) -> None:
    settings = "configs:\n"
    for name in ("small", "large"):
        (tmp_path / name).mkdir()
        table(tmp_path / name, image=ImageFeature())
        settings += f"- config_name: {name}\n  data_files: {name}/*.parquet\n"
    (tmp_path / "README.md").write_text(f"---\n{settings}---\n")
    config = DatasetConfig(str(tmp_path), 32)
    with pytest.raises(ValueError, match=r"it has the configurations large, small|small, large.*--dataset_config_name"):
        load(config)
    assert len(load(replace(config, config_name="small")).splits["train"]) == 3
    with pytest.raises(ValueError, match=r"--dataset_config_name"):
        load(replace(config, config_name="medium"))
