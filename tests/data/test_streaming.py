"""A stream trains on the very splits of the data set in memory, and goes on with the very next image."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, IterableDataset
from datasets import Image as ImageFeature
from PIL import Image

from inpaint_hub.data.dataset import Images, Reader, split_images
from inpaint_hub.data.sources import DatasetConfig
from inpaint_hub.data.streaming import Stream, stream_images

# datasets leaves a file handle to the garbage collector here and there
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def streamed(folder: Path, **options: Any) -> tuple[Images, Stream]:
    """The images of a folder, their training images as a stream in blocks of 50 rows."""
    settings: dict[str, Any] = {"block_rows": 50, "held_out": 1000, "piece_size": 8, "progress": False} | options
    config = DatasetConfig(str(folder), 16, image_column=settings.pop("image_column", None))
    images = stream_images(config, **settings)
    assert isinstance(images.train, Stream)
    return images, images.train


def keys(images: Any) -> list[bytes]:
    """What tells each image from the others."""
    return [image.numpy().tobytes() for image in images]


def packed(folder: Path, contents: list[bytes | None], shards: int) -> Path:
    """A folder of Parquet shards of images without file names."""
    folder.mkdir()
    kind = Features({"image": ImageFeature(decode=False)})
    for shard in range(shards):
        rows = [content and {"bytes": content, "path": None} for content in contents[shard::shards]]
        Dataset.from_dict({"image": rows}, kind).to_parquet(folder / f"train-{shard:05d}-of-{shards:05d}.parquet")
    return folder


@pytest.fixture(scope="module")
def contents(pictures: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(pictures.glob("*.png"))]


@pytest.fixture(scope="module")
def shards(contents: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("packed") / "shards", [*contents], 3)


@pytest.mark.parametrize("kind", ["shards", "pictures"])
def test_the_splits_are_those_of_the_data_set_in_memory(kind: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(kind)
    whole = split_images(DatasetConfig(str(folder), 16), progress=False)
    images, stream = streamed(folder)
    assert torch.equal(images.validation, whole.validation)
    assert torch.equal(images.test, whole.test)
    assert whole.train.count is not None
    assert sorted(keys(stream.take(0, whole.train.count))) == sorted(keys(whole.train.buffered.images))
    assert images.messages() == [
        f"{len(whole.validation)} images for validation and {len(whole.test)} for the test"
        " among the first 240 of the stream"
    ]


def test_images_that_the_source_holds_out_are_not_trained_on(
    pictures: Path, contents: list[bytes], tmp_path: Path
) -> None:
    for split, some in (("train", contents[:180]), ("validation", contents[180:])):
        (tmp_path / split).mkdir()
        for number, content in enumerate(some):
            (tmp_path / split / f"{number}.png").write_bytes(content)
    whole = split_images(DatasetConfig(str(tmp_path), 16), progress=False)
    images, stream = streamed(tmp_path)
    assert torch.equal(images.validation, whole.validation)
    assert torch.equal(images.test, whole.test)
    assert sorted(keys(stream.take(0, 180))) == sorted(keys(whole.train.buffered.images))


def with_copies(folder: Path, contents: list[bytes]) -> Path:
    """Training images of which a quarter is for validation, too."""
    for split, some in (("train", contents), ("validation", contents[::4])):
        (folder / split).mkdir(parents=True)
        for number, content in enumerate(some):
            (folder / split / f"{number:03d}.png").write_bytes(content)
    return folder


@pytest.mark.parametrize("processes", [1, 2])
def test_copies_of_images_that_the_source_holds_out_are_left_out(
    processes: int, contents: list[bytes], tmp_path: Path
) -> None:
    folder = with_copies(tmp_path, contents)
    whole = split_images(DatasetConfig(str(folder), 16), progress=False)
    seen: list[bytes] = []
    for process in range(processes):
        _, stream = streamed(folder, process=process, processes=processes, block_rows=240)
        seen += keys(stream.buffered.images)
    assert sorted(seen) == sorted(keys(whole.train.buffered.images))
    assert len(seen) == 180


def test_a_stream_leaves_out_after_a_resume_what_it_left_out_before(contents: list[bytes], tmp_path: Path) -> None:
    folder = with_copies(tmp_path / "data", contents)
    _, stream = streamed(folder)
    for first in range(0, 80, 8):
        stream.take(first, 8)
    torch.save(stream.state(), tmp_path / "state.pt")
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    _, other = streamed(folder, held_out=2)  # --num_validation_images may differ
    other.load(saved)
    for first in range(80, 400, 8):
        assert keys(other.take(first, 8)) == keys(stream.take(first, 8)), first
    del saved["held_out"]  # a checkpoint of an earlier version left out nothing
    other.load(saved)
    assert len(other.buffered.images) == 50


def test_held_out_images_come_from_the_beginning_which_is_all_that_is_read_for_them(shards: Path) -> None:
    images, _ = streamed(shards, held_out=3)
    assert len(images.validation) == len(images.test) == 3
    assert images.read is not None
    assert images.read < 200


def test_a_lap_shows_every_image_once_and_the_next_one_in_another_order(shards: Path) -> None:
    _, stream = streamed(shards)
    count = len(split_images(DatasetConfig(str(shards), 16), progress=False).train.buffered.images)
    first, second = keys(stream.take(0, count)), keys(stream.take(count, count))
    assert len({*first}) == count
    assert sorted(first) == sorted(second)
    assert first != second
    assert stream.visited == count


def test_images_do_not_depend_on_how_they_are_taken(shards: Path) -> None:
    whole = keys(streamed(shards, piece_size=2)[1].take(0, 300))
    _, stream = streamed(shards, piece_size=2)
    assert [key for first in range(0, 300, 12) for key in keys(stream.take(first, 12))] == whole


@pytest.mark.parametrize("kind", ["shards", "pictures"])
@pytest.mark.parametrize("stop", [0, 8, 40, 48, 208, 216, 224, 448])
def test_a_stream_goes_on_from_a_checkpoint_with_the_very_next_image(
    kind: str, stop: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = request.getfixturevalue(kind)
    _, stream = streamed(folder, held_out=1)
    for first in range(0, stop, 8):
        stream.take(first, 8)
    torch.save(stream.state(), tmp_path / "state.pt")
    _, other = streamed(folder, held_out=1)
    other.load(torch.load(tmp_path / "state.pt", weights_only=True))
    assert keys(other.buffered.images) == keys(stream.buffered.images)
    for first in range(stop, stop + 240, 8):
        assert keys(other.take(first, 8)) == keys(stream.take(first, 8)), first
    assert other.state() == stream.state()


@pytest.mark.parametrize("count", [2, 3])  # each process takes its own shards; with three, every second row of all
def test_two_processes_see_different_images_and_together_all(count: int, contents: list[bytes], tmp_path: Path) -> None:
    folder = packed(tmp_path / "shards", [*contents], count)
    whole = keys(split_images(DatasetConfig(str(folder), 16), progress=False).train.buffered.images)
    seen = []
    for process in range(2):
        images, stream = streamed(folder, process=process, processes=2)
        assert bool(len(images.validation)) == (process == 0)
        own: list[bytes] = []
        while stream.visited == len(own):  # a lap
            own += keys(stream.take((len(own) * 2) + process * 8, 8))
        seen.append({*own})
        assert len(seen[-1]) == stream.visited
    assert not seen[0] & seen[1]
    assert sorted(seen[0] | seen[1]) == sorted(whole)


def test_the_number_of_images_is_known_where_the_source_says_it(contents: list[bytes], tmp_path: Path) -> None:
    folder = packed(tmp_path / "shards", [*contents], 2)
    said = ["dataset_info:", "  features:", "  - name: image", "    dtype: image"]
    said += ["  splits:", "  - name: train", "    num_examples: 240"]
    (folder / "README.md").write_text("\n".join(["---", *said, "---", ""]))
    assert streamed(folder, any_length=False)[1].count == 216  # 90 %


@pytest.mark.parametrize("kind", ["shards", "pictures", "saved", "own validation"])
def test_the_number_of_images_of_a_local_stream_is_counted(
    kind: str, shards: Path, pictures: Path, contents: list[bytes], tmp_path: Path
) -> None:
    folder, expected = {"shards": shards, "pictures": pictures}.get(kind, tmp_path / "data"), 216  # 90 % of 240
    rows = Dataset.from_dict(
        {"image": [{"bytes": content, "path": None} for content in contents]},
        Features({"image": ImageFeature(decode=False)}),
    )
    if kind == "saved":
        folder, expected = tmp_path / "data", 180
        rows.select(range(200)).save_to_disk(folder)
    elif kind == "own validation":
        expected = 180
        folder.mkdir()
        rows.select(range(180)).to_parquet(folder / "train.parquet")
        rows.select(range(180, 240)).to_parquet(folder / "validation.parquet")
    assert streamed(folder, any_length=False)[1].count == expected


def test_memory_holds_two_blocks_however_long_the_stream() -> None:
    random, choices = np.random.default_rng(0), []
    for _ in range(20):
        file = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file, "PNG")
        choices.append(file.getvalue())

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(6000):
            yield {"image": {"bytes": choices[number % 20], "path": None}}

    kind = Features({"image": ImageFeature(decode=False)})
    reader = Reader(DatasetConfig("endless", 32), frozenset({"train"}))
    tracemalloc.start()
    stream = Stream(IterableDataset.from_generator(rows, features=kind), reader, 200, 8, 1, "", None)
    for first in range(0, 4800, 8):
        stream.take(first, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 32 * 32 * 3 / 4


def test_what_cannot_be_decoded_is_named_once(contents: list[bytes], tmp_path: Path) -> None:
    broken: list[bytes | None] = [*contents]
    broken[7], broken[200] = contents[7][:60], None
    images, stream = streamed(packed(tmp_path / "shards", broken, 1), held_out=2)
    for first in range(0, 480, 8):
        stream.take(first, 8)
    assert [*images.unreadable] == ["row 7", "row 200"]
    assert stream.state()["unreadable"] == ["row 7", "row 200"]


def test_a_stream_without_the_column_is_refused_in_a_sentence(pictures: Path) -> None:
    with pytest.raises(ValueError, match="has the columns image; say with --image_column"):
        streamed(pictures, image_column="photo")


def test_a_stream_that_does_not_say_its_length_is_refused_unless_any_will_do(pictures: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        for path in sorted(pictures.glob("*.png")):
            tar.add(path, path.name)
    with pytest.raises(ValueError, match="does not say how many images it has: say with --max_train_steps"):
        streamed(tmp_path, any_length=False)
    assert streamed(tmp_path)[1].count is None


def test_mostly_too_small_images_are_refused(shards: Path) -> None:
    with pytest.raises(ValueError, match=r"smaller than 64 px \(200 of 200 looked at"):
        stream_images(DatasetConfig(str(shards), 64), block_rows=50, held_out=9, piece_size=8, progress=False)


def test_a_stream_without_an_image_to_train_on_is_refused_and_does_not_run_forever(
    contents: list[bytes], tmp_path: Path
) -> None:
    folder = packed(tmp_path / "shards", [content[:60] for content in contents], 2)
    with pytest.raises(ValueError, match="has 0 readable images"):
        streamed(folder)
    with pytest.raises(ValueError, match="without an image to train on"):
        streamed(folder, process=1, processes=2)


def test_a_stream_that_breaks_off_is_a_connection_error(contents: list[bytes], tmp_path: Path) -> None:
    folder = packed(tmp_path / "shards", [*contents], 3)
    _, stream = streamed(folder, held_out=1)
    (folder / "train-00002-of-00003.parquet").unlink()
    with pytest.raises(ConnectionError, match=r"the stream of .* broke off"):
        stream.take(0, 400)
