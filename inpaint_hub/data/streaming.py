"""Training images from a stream: a data set larger than disk or memory, cut into blocks of rows.

A block is read into memory and visited in an order that is a function of (seed, block), while the next
one is read. So there is no shuffle buffer to lose: a checkpoint says where the stream stood before the
block, and a run that goes on reads the block again and takes the very next image.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .dataset import LOOKED_AT, SPLITS, Images, InMemory, Member, Reader, refuse_small, tensor
from .rng import permutation
from .sources import DatasetConfig, content, in_threads, load

if TYPE_CHECKING:
    from datasets import IterableDataset

Place = dict[str, Any]  # where a stream stands; plain values, for a checkpoint
START: Place = {
    "block": 0,  # since the start of the run
    "first": 0,  # number of its first image
    "lap": 0,  # times the stream has ended
    "row": 0,  # rows read in this lap
    "lap_first": 0,  # number of the first image of this lap
    "whole": None,  # images of a lap, known after the first
    "rows": None,  # what the library says of its own place; None is the beginning
}


@dataclass(frozen=True)
class Block:
    """The training images (3, H, W) uint8 of consecutive rows, and the place of the stream before and after them."""

    before: Place
    images: list[Tensor]
    unreadable: list[str]
    after: Place


@dataclass
class Stream:
    """The share of one process in a stream's training images, block after block, lap after lap."""

    rows: IterableDataset  # of this process alone
    reader: Reader
    block_rows: int
    piece_size: int  # images that a process takes at a time, in turn with the others
    processes: int
    part: str  # what its row numbers are followed by
    count: int | None  # training images of all processes, where the source says
    unreadable: dict[str, None] = field(default_factory=dict)
    held_out: frozenset[bytes] = frozenset()  # the hashes of images to measure on, whose copies are left out

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._next: Future[Block] | None = None  # the block being read ahead
        self._iterator: tuple[Place, Iterator[Any]] | None = None  # the rows under way, and the place they are at
        self._taken = 0  # images given out
        self._enter(self._read(START))

    def take(self, first: int, count: int) -> list[Tensor]:
        """The images number first .. first + count of a run, which is this process's turn; never those of a past block.

        Raises `ConnectionError` where the stream breaks off.
        """
        turn, place = divmod(first, self.piece_size)
        number = turn // self.processes * self.piece_size + place  # among this process's own
        taken: list[Tensor] = []
        while len(taken) < count:
            start = number + len(taken) - self._block.before["first"]
            order = permutation(self.reader.config.seed, self._block.before["block"], len(self._block.images))
            taken += [self._block.images[n] for n in order[start : start + count - len(taken)]]
            if self._next is None:
                self._next = self._pool.submit(self._read, self._block.after)
            if len(taken) < count:
                self._advance()
        self._taken = number + count
        return taken

    @property
    def buffered(self) -> InMemory:
        """The images that can be had at any time: those of the block under way."""
        return InMemory(self._block.images, self.reader.config.seed)

    @property
    def visited(self) -> int:
        """How many different images of its share it has given out."""
        return self._block.before["whole"] or self._taken

    def state(self) -> Place:
        """Where the stream stood before the block under way; the place in it follows from the images seen."""
        held_out = sorted(key.hex() for key in self.held_out)
        said = {"unreadable": [*self.unreadable], "visited": self.visited, "held_out": held_out}
        return self._block.before | said

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint: read its block again.

        What it left out it leaves out again, so that the very next image follows; an earlier version left out nothing.
        """
        if self._next is not None:
            self._next.result()
            self._next = None
        self.unreadable.update(dict.fromkeys(state["unreadable"]))
        self.held_out = frozenset(map(bytes.fromhex, state.get("held_out", ())))
        self._enter(self._read({name: state[name] for name in START}))

    def _advance(self) -> None:
        assert self._next is not None
        try:
            self._enter(self._next.result())
        except Exception as error:  # each protocol has its own
            raise ConnectionError(f"the stream of {self.reader.config.name} broke off: {error}") from error
        self._next = None

    def _enter(self, block: Block) -> None:
        self._block = block
        self.unreadable.update(dict.fromkeys(block.unreadable))

    def _read(self, place: Place) -> Block:
        """The next block from `place` that holds any image. Raises `ValueError` if a whole lap held none."""
        unreadable: list[str] = []
        while True:
            rows = itertools.islice(self._from(place), self.block_rows)
            numbers = itertools.count(place["row"])
            numbered = ((f"{next(numbers)}{self.part}", "train", row) for row in rows)
            images, read = [], 0
            for found in in_threads(self.reader, numbered):
                read += 1
                if isinstance(found, str):
                    unreadable.append(found)
                elif found.split == "train" and found.key not in self.held_out:
                    images.append(tensor(found.pixels))
            after = self._after(place, read, len(images))
            if images:
                return Block(place, images, unreadable, after)
            if after["lap"] > place["lap"] and place["first"] == place["lap_first"]:
                raise ValueError(
                    f"{self.reader.config.name} streamed to its end without an image to train on{self.part}"
                )
            place = after

    def _from(self, place: Place) -> Iterator[Any]:
        """The rows from a place on: those under way, if they are there, else the stream opened there."""
        if self._iterator is None or self._iterator[0] is not place:
            self.rows.set_epoch(place["lap"])  # a place counts in its own lap only; a new lap starts at the first row
            if place["rows"] is not None:
                self.rows.load_state_dict(place["rows"])
            self._iterator = (place, iter(self.rows))
        return self._iterator[1]

    def _after(self, place: Place, read: int, images: int) -> Place:
        """The place behind `read` rows with that many training images; fewer rows than asked for end a lap."""
        after = place | {"block": place["block"] + 1, "first": place["first"] + images}
        if read < self.block_rows:
            whole = after["first"] - place["lap_first"]
            after |= {"lap": place["lap"] + 1, "row": 0, "lap_first": after["first"], "whole": whole, "rows": None}
            self._iterator = None
        else:
            assert self._iterator is not None
            after |= {"row": place["row"] + read, "rows": self.rows.state_dict()}
            self._iterator = (after, self._iterator[1])
        return after


def stream_images(
    config: DatasetConfig,
    *,
    block_rows: int,
    held_out: int,
    piece_size: int,
    process: int = 0,
    processes: int = 1,
    any_length: bool = True,
    progress: bool = True,
) -> Images:
    """Open a data set as a stream, in the very splits of `split_images`.

    Where the source holds out images itself, each process reads those that are measured on: copies of them among the
    training images are left out, as in memory.

    Args:
        config: the data set.
        block_rows: rows that are read and shuffled at a time, by each process its own.
        held_out: validation images at most, and test images; they are collected from the beginning, on process 0.
            With 0 nothing is read for them.
        piece_size: images that a process takes at a time, in turn with the others.
        process: the number of this process.
        processes: how many there are.
        any_length: accept a source that does not say how many images it has.
        progress: show a bar while validation and test images are collected.

    Returns:
        The images, those to train on as a `Stream`.

    Raises:
        ValueError: what `split_images` refuses, and a source of unknown length unless `any_length`.
    """
    from datasets import concatenate_datasets
    from datasets.distributed import split_dataset_by_node

    sources, notes, counts = load(config, streaming=True)
    own = {"validation", "test"} & {*sources} if "validation" in sources else set()  # what it holds out itself
    trained = {source: rows for source, rows in sources.items() if source not in own}
    if not trained:
        raise ValueError(f"{config.name} has the splits {', '.join(sources)} and none to train on")
    known = [counts[source] for source in trained]
    share = 1.0 if own else SPLITS["train"]
    count = None if None in known else round(share * sum(filter(None, known))) or None
    if count is None and not any_length:
        raise ValueError("its stream does not say how many images it has: say with --max_train_steps how long to train")
    beginning = [*itertools.islice(_chained(trained), LOOKED_AT)]
    refuse_small(beginning, config.resolution)
    rows = concatenate_datasets([*trained.values()])
    digest = _digest(beginning, rows.num_shards, _stated_count(trained, share))
    reader = Reader(config, frozenset(sources))
    unreadable: dict[str, None] = {}
    searched = {source: sources[source] for source in own} or sources
    size = config.resolution
    validation = test = torch.empty(0, 3, size, size, dtype=torch.uint8)
    read: int | None = None
    enlarged, copies = 0, frozenset[bytes]()
    if held_out and process == 0:
        validation, test, read, enlarged, copies = _held_out(searched, reader, held_out, unreadable, progress)
    elif held_out and own:  # for the hashes alone; without splits of the source's own, they decide where a copy goes
        *_, copies = _held_out(searched, reader, held_out, {}, progress)
    part = f" of part {process + 1} of {processes}" if processes > 1 else ""
    own_rows = split_dataset_by_node(rows, process, processes)
    train = Stream(own_rows, reader, block_rows, piece_size, processes, part, count, unreadable, copies)
    return Images(train, validation, test, unreadable, digest, enlarged, read, tuple(notes))


def _digest(rows: list[dict[str, Any]], shards: int, count: int | None) -> str:
    """A hash of the first images of a stream as they are stored, and of what is known of its length."""
    found = hashlib.sha256(f"{shards} {count}".encode())
    for row in rows:
        found.update(hashlib.sha256(content(row)).digest())
    return found.hexdigest()[:16]


def _chained(sources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return itertools.chain.from_iterable(sources.values())


def _stated_count(sources: dict[str, Any], share: float) -> int | None:
    """What the description of the data set says of how many images these splits have for training, if anything.

    It is part of the digest, of which checkpoints hold one, even where their rows have been counted since.
    """
    total = 0
    for source, rows in sources.items():
        stated = (rows.info.splits or {}).get(source)
        if stated is None or not stated.num_examples:
            return None
        total += stated.num_examples
    return round(share * total)


def _held_out(
    sources: dict[str, Any], reader: Reader, limit: int, unreadable: dict[str, None], progress: bool
) -> tuple[Tensor, Tensor, int, int, frozenset[bytes]]:
    """Validation and test images (N, 3, S, S), up to `limit` of each; rows read, images enlarged among them, hashes."""
    from tqdm.auto import tqdm

    members: list[Member] = []
    counts = {"validation": 0, "test": 0}
    read = enlarged = 0
    bar = tqdm(desc="read for validation and test", unit=" images", disable=not progress, leave=False)
    for source, rows in sources.items():
        wanted = {source} if sources.keys() == counts.keys() else {*counts}
        of_source = f" of {source}" if "validation" in reader.sources else ""
        numbers = itertools.count()
        for found in in_threads(reader, ((f"{next(numbers)}{of_source}", source, row) for row in rows)):
            read += 1
            bar.update()
            if isinstance(found, str):
                unreadable[found] = None
                continue
            enlarged += found.short_side < reader.config.resolution
            if found.split in wanted and counts[found.split] < limit:
                counts[found.split] += 1
                members.append(found)
            if all(counts[split] == limit for split in wanted):
                break
    bar.close()
    if not all(counts.values()):
        missing = " and ".join(split for split, count in counts.items() if not count)
        raise ValueError(
            f"{reader.config.name} has {read - len(unreadable)} readable images, and none of them for {missing};"
            " without --streaming each split has at least one"
        )
    members.sort(key=lambda member: member.key)
    validation, test = ([tensor(some.pixels) for some in members if some.split == split] for split in counts)
    hashes = frozenset(member.key for member in members)
    return torch.stack(validation), torch.stack(test), read, enlarged, hashes
