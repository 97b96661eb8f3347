"""The split does not depend on where the images come from, and batches not on how they are cut."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, Features
from datasets import Image as ImageFeature
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inpaint_hub.data.dataset import (
    TEST_ALONE,
    Batch,
    InMemory,
    crop,
    downscale,
    mean_color,
    split_images,
    training_batch,
)
from inpaint_hub.data.holes import Holes
from inpaint_hub.data.rng import uniforms
from inpaint_hub.data.sources import DatasetConfig

# datasets leaves a file handle to the garbage collector here and there
HOLES = Holes((4, 8), {"rectangle": 1, "rectangles": 1, "border": 1, "strokes": 1})

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def load(folder: Path, **options: object) -> dict[str, Sequence[torch.Tensor]]:
    images = split_images(DatasetConfig(str(folder), 32, **options), progress=False)  # type: ignore[arg-type]
    return {"train": images.train.buffered.images, "validation": images.validation, "test": images.test}


@pytest.fixture(scope="module")
def splits(pictures: Path) -> dict[str, Sequence[torch.Tensor]]:
    return load(pictures)


def test_the_split_is_about_90_5_5_and_loses_nothing(splits: dict[str, Sequence[torch.Tensor]]) -> None:
    counts = {name: len(images) for name, images in splits.items()}
    assert sum(counts.values()) == 240
    assert 200 < counts["train"] < 230
    assert min(counts.values()) >= 3
    assert splits["train"][0].shape == (3, 32, 32)
    assert splits["train"][0].dtype == torch.uint8


def test_the_split_does_not_depend_on_order_names_or_container(
    pictures: Path, splits: dict[str, Sequence[torch.Tensor]], tmp_path: Path
) -> None:
    names = sorted(path.name for path in pictures.glob("*.png"))
    for kind in ("folder", "parquet", "saved"):
        (tmp_path / kind).mkdir()
    for number, name in enumerate(reversed(names)):
        (tmp_path / "folder" / f"class-{number % 2}").mkdir(exist_ok=True)
        shutil.copy(pictures / name, tmp_path / "folder" / f"class-{number % 2}" / f"{number}.png")
    rows = Dataset.from_dict({"img": [str(pictures / name) for name in names]}, Features({"img": ImageFeature()}))
    rows = rows.map(lambda row: row, batched=True).shuffle(seed=1)
    rows.to_parquet(tmp_path / "parquet" / "train.parquet")
    rows.save_to_disk(tmp_path / "saved")
    for kind in ("folder", "parquet", "saved"):
        again = load(tmp_path / kind)
        assert all(torch.equal(again[name], images) for name, images in splits.items()), kind


def test_a_duplicate_never_straddles_two_splits(pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "twice")
    for path in pictures.glob("*.png"):
        shutil.copy(path, tmp_path / "twice" / f"again-{path.name}")
    splits = {name: {image.numpy().tobytes() for image in images} for name, images in load(tmp_path / "twice").items()}
    assert not splits["train"] & splits["test"]
    assert not splits["train"] & splits["validation"]


def test_images_that_cannot_be_decoded_are_left_out_and_named(pictures: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(pictures, tmp_path / "some")
    (folder / "deep").mkdir()
    (folder / "000.png").write_bytes((pictures / "000.png").read_bytes()[:60])
    (folder / "deep" / "empty.jpg").touch()
    (folder / "iphone.HEIC").write_bytes(b"what Pillow does not know")
    images = split_images(DatasetConfig(str(folder), 32), progress=False)
    assert [*images.unreadable] == ["000.png", "deep/empty.jpg", "iphone.HEIC"]
    assert images.train.count + len(images.validation) + len(images.test) == 239
    assert images.messages() == [
        "images that cannot be decoded and are left out: 3 (000.png, deep/empty.jpg, iphone.HEIC)"
    ]


def test_rows_without_a_file_name_are_named_by_their_number(pictures: Path, tmp_path: Path) -> None:
    contents = [path.read_bytes() for path in sorted(pictures.glob("*.png"))]
    contents[7] = contents[7][:60]
    rows = [{"bytes": content, "path": None} for content in contents] + [None]
    Dataset.from_dict({"image": rows}, Features({"image": ImageFeature()})).to_parquet(tmp_path / "train.parquet")
    assert [*split_images(DatasetConfig(str(tmp_path), 32), progress=False).unreadable] == ["row 7", "row 240"]


def test_a_few_images_smaller_than_the_resolution_are_counted(pictures: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(pictures, tmp_path / "some")
    for number in range(3):
        Image.new("RGB", (31, 200), (number, 0, 0)).save(folder / f"small-{number}.png")
    images = split_images(DatasetConfig(str(folder), 32), progress=False)
    assert images.enlarged == 3
    assert images.messages() == ["images smaller than 32 px, which are enlarged: 3"]


def test_mostly_too_small_images_are_refused_with_the_size_that_they_have(pictures: Path) -> None:
    with pytest.raises(ValueError, match=r"smaller than 64 px \(240 of 240 looked at; .* short side of 36 px or less"):
        split_images(DatasetConfig(str(pictures), 64), progress=False)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere", "no folder here, and no data set on the Hub"),
        ("./no/where", "no folder here"),
        ("EMPTY", "empty folder"),
    ],
)
def test_a_source_that_is_not_there_is_said_in_a_sentence(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        split_images(DatasetConfig(str(tmp_path) if name == "EMPTY" else name, 32))


def test_a_column_that_is_not_there_is_answered_with_those_that_are(pictures: Path) -> None:
    with pytest.raises(ValueError, match="has the columns image; say with --image_column"):
        load(pictures, image_column="picture")


@pytest.mark.parametrize("copies", [1, 5])
def test_split_images_fewer_than_three_different_ones_are_refused(copies: int, tmp_path: Path) -> None:
    for number in range(2 * copies):
        Image.new("RGB", (32, 32), (number % 2, 0, 0)).save(tmp_path / f"{number}.png")
    with pytest.raises(ValueError, match=f"{2 * copies} readable images; it takes three different ones at least"):
        load(tmp_path)


@pytest.mark.parametrize("count", [3, 4, 7, 20])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("crop_min", [1.0, 0.5])
def test_split_images_few_ones_leave_no_split_empty_and_copies_together(
    count: int, seed: int, crop_min: float, pictures: Path, tmp_path: Path
) -> None:
    for number, path in enumerate(sorted(pictures.glob("*.png"))[:count]):
        for copy in "ab":
            shutil.copy(path, tmp_path / f"{number}{copy}.png")
    splits = load(tmp_path, seed=seed, crop_min=crop_min)
    sizes = {name: len(images) for name, images in splits.items()}
    assert min(sizes.values()) >= 2
    assert sum(sizes.values()) == 2 * count
    assert all(size % 2 == 0 for size in sizes.values())


@pytest.mark.parametrize(("validation", "test"), [(1, 0), (4, 0), (1, 1)])
def test_split_images_own_validation_images_are_never_trained_on_however_few(
    validation: int, test: int, pictures: Path, tmp_path: Path
) -> None:
    paths = iter(sorted(pictures.glob("*.png")))
    for split, count in (("train", 9), ("val", validation), ("test", test)):
        (tmp_path / split).mkdir()
        for number in range(count):
            shutil.copy(next(paths), tmp_path / split / f"{number}.png")
    images = split_images(DatasetConfig(str(tmp_path), 32), progress=False)
    assert min(len(images.validation), len(images.test)) >= 1
    assert len(images.train.buffered.images) == 9 - (validation == 1 and not test)
    assert "the data set has its own validation" in images.messages()[0]


def test_split_images_with_nothing_to_train_on_are_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    for path in sorted(pictures.glob("*.png"))[:9]:
        shutil.copy(path, tmp_path / "val")
    with pytest.raises(ValueError, match="validation or test alone, and none to train on"):
        load(tmp_path)


def test_images_digest_is_of_the_images_and_the_split_alone(pictures: Path, tmp_path: Path) -> None:
    def digest(folder: Path, seed: int = 0) -> str:
        return split_images(DatasetConfig(str(folder), 16, seed), progress=False).digest

    shutil.copytree(pictures, tmp_path / "copy")
    (tmp_path / "copy" / "000.png").rename(tmp_path / "copy" / "renamed.png")
    (tmp_path / "copy" / "notes.txt").write_text("nothing")
    shutil.copytree(pictures, tmp_path / "more")
    Image.new("RGB", (40, 40), "red").save(tmp_path / "more" / "red.png")
    assert digest(tmp_path / "copy") == digest(pictures) == digest(pictures / "." / ".." / pictures.name)
    assert len({digest(pictures), digest(pictures, seed=1), digest(tmp_path / "more")}) == 3


@given(first=st.integers(0, 400), cut=st.integers(1, 29), crop_min=st.sampled_from([1.0, 0.5]))
@settings(max_examples=25)
def test_a_batch_does_not_depend_on_where_it_is_cut(first: int, cut: int, crop_min: float) -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (50, 3, 16, 16), dtype=np.uint8))

    def batch(start: int, count: int) -> Batch:
        return training_batch(
            InMemory(images, 3), start, count, seed=3, resolution=16, holes=HOLES, crop_min=crop_min, flip=True
        )

    parts = zip(batch(first, cut), batch(first + cut, 30 - cut), strict=True)
    assert all(torch.equal(one, torch.cat(two)) for one, two in zip(batch(first, 30), parts, strict=True))


def test_a_batch_with_plain_rectangles_is_to_the_bit_what_it_was_when_the_shipped_checkpoints_were_trained() -> None:
    images = (torch.arange(50 * 3 * 32 * 32) % 251).to(torch.uint8).view(50, 3, 32, 32)
    plain = Holes((8, 16), {"rectangle": 1})
    batch = training_batch(InMemory(images, 7), 30, 100, seed=7, resolution=32, holes=plain, flip=True)
    assert batch.boxes[:3].tolist() == [[0, 8, 9, 17], [24, 2, 32, 17], [12, 21, 22, 32]]
    assert sha256(batch.holes.numpy().tobytes()).hexdigest().startswith("fed39294449b18e3")
    assert sha256((batch.images * 255).round().byte().numpy().tobytes()).hexdigest().startswith("febe87a322e70674")
    cropped = training_batch(InMemory(images, 7), 30, 1, seed=7, resolution=16, holes=HOLES, crop_min=0.5).images
    draws = [0.8912818399633989, 0.5992037222832792, 0.1990982724639293]
    assert any(torch.equal(cropped, crop(image, np.array(draws), 0.5, 16)) for image in images)


def test_an_epoch_shows_every_image_once_and_mirrors_half_of_them() -> None:
    images = torch.zeros(400, 3, 16, 16, dtype=torch.uint8)
    images[:, 0] = torch.arange(400)[:, None, None] // 2  # its number, in two halves
    images[:, 1, :, :8] = 255  # the left half
    batch = training_batch(InMemory(images, 0), 400, 400, seed=0, resolution=16, holes=HOLES, flip=True).images
    assert torch.equal((batch[:, 0, 0, 0] * 255).round().sort().values, images[:, 0, 0, 0].float())
    assert 150 < int((batch[:, 1, 0, 0] == 0).sum()) < 250


def test_the_mean_color_is_that_of_the_images() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(7, 3, 16, 16)
    assert mean_color(images) == (0.0, 0.2, 1.0)


def test_validation_images_of_the_source_are_never_trained_on(pictures: Path, tmp_path: Path) -> None:
    names = sorted(pictures.glob("*.png"))
    for split, chosen in (("train", names[:180]), ("validation", names[180:])):
        (tmp_path / split).mkdir()
        for path in chosen:
            shutil.copy(path, tmp_path / split)
    splits = load(tmp_path)
    counts = {name: len(images) for name, images in splits.items()}
    assert counts["train"] == 180
    assert counts["validation"] + counts["test"] == 60
    assert min(counts.values()) > 15


def test_images_in_two_splits_of_the_source_are_never_trained_on(pictures: Path, tmp_path: Path) -> None:
    names = sorted(pictures.glob("*.png"))
    for split, chosen in (("train", names), ("val", names[200:]), ("test", names[190:210])):
        (tmp_path / split).mkdir()
        for path in chosen:
            shutil.copy(path, tmp_path / split)
    counts = {name: len(images) for name, images in load(tmp_path).items()}
    assert counts == {"train": 190, "validation": 30, "test": 20}


def test_test_images_without_any_for_validation_are_split_and_that_is_said(pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "test")
    shutil.copytree(pictures, tmp_path / "train")
    assert split_images(DatasetConfig(str(tmp_path), 16), progress=False).messages() == [TEST_ALONE]


def test_images_to_be_cropped_keep_their_shape_at_the_size_that_the_smallest_crop_needs(pictures: Path) -> None:
    images = split_images(DatasetConfig(str(pictures), 16, crop_min=0.5), progress=False)
    assert {tuple(image.shape) for image in images.train.buffered.images} == {(3, 32, 32), (3, 32, 43), (3, 46, 32)}
    assert images.validation.shape[1:] == (3, 16, 16)


def test_crops_have_every_size_down_to_the_smallest_and_reach_every_edge() -> None:
    ramp = torch.arange(240, dtype=torch.uint8).view(1, 1, 240).expand(3, 200, 240)  # every column its own value
    crops = torch.cat([crop(ramp, draw, 0.25, 40) for draw in uniforms(0, 0, 400)[:, 5:8]])
    left, right = crops[:, 0, 20, 0] * 255, crops[:, 0, 20, -1] * 255
    widths = (right - left) * 40 / 39
    assert 48 < widths.min() < 53
    assert 190 < widths.max() < 203
    assert left.min() < 3
    assert right.max() > 235


@pytest.mark.parametrize(("side", "resolution"), [(24, 16), (40, 32), (20, 32)])
def test_a_crop_is_never_enlarged_unless_the_image_is_smaller(side: int, resolution: int) -> None:
    rows = torch.arange(side)[:, None].expand(side, side)
    image = torch.stack([rows, rows, rows]).to(torch.uint8)
    for seed in range(50):
        draws = np.random.default_rng(seed).random(3)
        rise = crop(image, draws, 0.1, resolution)[0, 0, :, 0].diff().mean() * 255  # px of the image in one of the crop
        assert rise >= min(1.0, side / resolution) - 0.05


@pytest.mark.parametrize("crop_min", [1.0, 0.5])
def test_a_batch_can_have_any_resolution(crop_min: float) -> None:
    images = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)
    batch = training_batch(
        InMemory(images, 0), 0, 4, seed=0, resolution=16, holes=Holes((4, 8), {"rectangle": 1}), crop_min=crop_min
    )
    assert batch.images.shape == (4, 3, 16, 16)
    assert batch.holes.shape == (4, 1, 16, 16)
    assert batch.boxes.max() <= 16


def test_downscale_keeps_the_mean_and_gives_the_image_itself_at_its_own_size() -> None:
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert downscale(images, 32) is images
    small = downscale(images, 16)
    assert small.shape == (2, 3, 16, 16)
    assert small.dtype == torch.uint8
    assert abs(small.float().mean() - images.float().mean()) < 2


def test_the_mean_color_counts_every_pixel_of_images_of_any_shape_once() -> None:
    black, white = torch.zeros(3, 10, 30, dtype=torch.uint8), torch.full((3, 10, 10), 255, dtype=torch.uint8)
    assert mean_color([black, white]) == (0.25, 0.25, 0.25)
