"""A photo or a folder of photos, filled in files: what there is to do, and doing it on every core."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

PHONE = {".heic", ".heif", ".hif"}  # photos, too, whether or not the library that reads them is installed
NO_PICTURES = {"BUFR", "GRIB", "HDF5", "MPEG"}  # formats that Pillow knows by name, and cannot read
AHEAD = 4  # photos a process that are handed out before the first is done
GRACE_S = 2  # for a process that is ended to remove its temporary file
STALE_S = 24 * 3600  # a temporary file as old as this belongs to a run that was killed
KILLED = (
    "a process was killed, probably because memory ran out; the same command goes on from here, with fewer"
    " --jobs in less memory"
)

Walk = Iterator[tuple[Path, list[str], list[str]]]  # a folder, the names of its folders, those of its files


class Job(NamedTuple):
    """A photo to fill."""

    photo: Path
    mask: Path
    output: Path
    problem: str = ""  # why it cannot be filled, known before it is read


class Plan(NamedTuple):
    """What a folder holds."""

    jobs: list[Job]
    skipped: int  # files that are no pictures
    folders: int  # that were not looked into
    unread: list[str]  # why folders could not be


class Options(NamedTuple):
    """How each photo is filled."""

    method: str
    seed: int = 0
    dilate_px: int = 0
    feather_px: int = 0
    invert_mask: bool | None = None
    format: str | None = None  # to write, by Pillow's name; None: each photo's own
    overwrite: bool = False


class Outcome(NamedTuple):
    """What became of a photo: filled, already there, or failed with a sentence."""

    job: Job
    state: str
    error: str = ""
    pixels: int = 0
    notes: tuple[str, ...] = ()


def plan_folder(folder: Path, mask: Path, output: Path, *, recursive: bool = False, as_png: bool = False) -> Plan:
    """List the photos of a folder, the masks of each and the file to write, in an order that only names decide.

    Args:
        folder: The photos.
        mask: One mask for all, or a folder of masks that have the photos' names, with any ending.
        output: The folder to write to.
        recursive: Look into subfolders too, links to folders included; masks and results lie in the same ones.
        as_png: Write every photo as PNG.

    Raises:
        ValueError: There is no photo, no mask, or two would be written as the same file.
        OSError: A folder cannot be read.
    """
    if not mask.exists():
        raise ValueError(f"{mask} is not there; give a mask for all photos, or a folder of masks that have their names")
    own = {os.path.realpath(path) for path in (output, mask)} - {os.path.realpath(folder)}
    endings = _endings()
    unread: list[str] = []
    found, skipped, folders = _pictures(_walk(folder, unread), endings, own, recursive)
    if not found:
        raise ValueError(f"{folder} holds no photos; give a folder that does" + ", or --recursive" * bool(folders))
    masks = _by_name(mask, _walk(mask, unread), endings) if mask.is_dir() else None
    jobs = []
    for photo in found:
        place = photo.relative_to(folder)
        written = output / (place.with_suffix(".png") if as_png else place)
        named = [mask] if masks is None else _masks_of(place, masks)
        if len(named) == 1:
            jobs.append(Job(photo, named[0], written))
        else:
            what = f"{len(named)} masks of its name" if named else "no mask of its name"
            jobs.append(Job(photo, mask, written, f"{what} in {mask}; exactly one is needed"))
    twice = [path.name for path, times in Counter(job.output for job in jobs).items() if times > 1]
    if twice:
        raise ValueError(f"several photos would be written as {', '.join(twice)}; rename them, or leave out --png")
    return Plan(jobs, skipped, folders, unread)


def _pictures(walk: Walk, endings: set[str], own: set[str], recursive: bool) -> tuple[list[Path], int, int]:
    """A folder's pictures by name, how many other files it has, and how many folders were not looked into."""
    found, skipped, folders = [], 0, 0
    for place, inside, names in walk:
        inside[:] = [name for name in inside if not name.startswith(".") and os.path.realpath(place / name) not in own]
        if not recursive:
            folders = len(inside)
            inside.clear()
        for name in sorted(names):
            path = place / name
            if name.startswith(".") or os.path.realpath(path) in own:
                continue
            if _is_picture(path, endings):
                found.append(path)
            else:
                skipped += 1
    return sorted(found), skipped, folders


def _walk(folder: Path, unread: list[str]) -> Walk:
    """Walk as `os.walk` does, through links to folders, too, but for those that lead back to where they lie.

    A subfolder that cannot be read adds a sentence to `unread`. Raises `OSError` where the folder itself cannot.
    """

    def note(error: OSError) -> None:
        if error.filename == str(folder):
            raise error
        unread.append(f"{error.filename}: left out, as it cannot be read ({error.strerror})")

    for place, inside, names in os.walk(folder, followlinks=True, onerror=note):
        here = Path(place)
        inside[:] = sorted(name for name in inside if not _leads_back(here / name))
        yield here, inside, names


def _leads_back(path: Path) -> bool:
    """Whether a folder is a link to one that it lies in, so that following it would never end."""
    return path.is_symlink() and os.path.realpath(path) in map(os.path.realpath, path.absolute().parents)


def _endings() -> set[str]:
    """The endings of pictures."""
    from PIL import Image

    Image.init()
    readable = {*Image.OPEN} - NO_PICTURES
    return {ending for ending, format in Image.registered_extensions().items() if format in readable} | PHONE


def _is_picture(path: Path, endings: set[str]) -> bool:
    """Whether a file is a picture: by its ending, or by its first bytes where it has none."""
    from PIL import Image

    if path.suffix:
        return path.suffix.lower() in endings
    try:
        with Image.open(path) as image:
            return image.format not in NO_PICTURES
    except Exception:  # Pillow raises what the content happens to cause
        return False


def _plain(name: str) -> str:
    """A name as others write it, too: macOS takes its letters apart from their accents."""
    return unicodedata.normalize("NFC", name)


def _by_name(folder: Path, walk: Walk, endings: set[str]) -> dict[tuple[str, str], list[Path]]:
    """The pictures of a folder of masks and of its subfolders, by subfolder and name without ending."""
    masks: dict[tuple[str, str], list[Path]] = {}
    for place, _, names in walk:
        for name in sorted(names):
            path = place / name
            if not name.startswith(".") and _is_picture(path, endings):
                key = (_plain(str(path.parent.relative_to(folder))), _plain(path.stem))
                masks.setdefault(key, []).append(path)
    return masks


def _masks_of(place: Path, masks: dict[tuple[str, str], list[Path]]) -> list[Path]:
    """The masks of the photo at `place` in its folder: of its very name, or else of its name with another ending."""
    named = masks.get((_plain(str(place.parent)), _plain(place.stem)), [])
    return [path for path in named if _plain(path.name) == _plain(place.name)] or named


def shard_of(jobs: Sequence[Job], number: int, count: int) -> list[Job]:
    """Choose every `count`-th job, beginning with the `number`-th, from 1."""
    return list(jobs[number - 1 :: count])


def run(jobs: Sequence[Job], options: Options, processes: int) -> Iterator[Outcome]:
    """Fill photos, each process with one thread, and yield what became of them in their order.

    The results do not depend on the number of processes. With one, or one photo, the work is done in this process.

    Raises:
        ImportError, ValueError, OSError, RuntimeError: The method cannot be loaded; no photo would fare better. A
            method from a library finds out with the first photo that it fills.
        MemoryError: A process was killed.
    """
    for folder in {job.output.parent for job in jobs}:
        _remove_stale(folder)
    waiting = [job for job in jobs if options.overwrite or not job.output.exists()]
    processes = min(processes, len(waiting))
    use_one_thread()
    _load(options)
    if processes <= 1:
        yield from map(_fill, jobs)
    else:
        yield from _run_side_by_side(jobs, options, processes)


def _run_side_by_side(jobs: Sequence[Job], options: Options, processes: int) -> Iterator[Outcome]:
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_start, initargs=(options,))
    handed_out: deque[Future[Outcome]] = deque()
    try:
        for job in jobs:
            handed_out.append(pool.submit(_fill, job))
            if len(handed_out) >= AHEAD * processes:
                yield handed_out.popleft().result()
        while handed_out:
            yield handed_out.popleft().result()
        pool.shutdown()
    except BrokenProcessPool as error:
        raise MemoryError(KILLED) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        children = multiprocessing.active_children()  # none, if all is done
        for child in children:
            child.terminate()
        for child in children:
            child.join(GRACE_S)
            child.kill()


def use_one_thread() -> None:
    """Make numerical libraries that are loaded from now on compute with one thread, here and in child processes."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


_FILLED_BY: Callable[..., Any] | None = None
_OPTIONS: Options | None = None


def _start(options: Options) -> None:
    """Prepare a child process. Ctrl-C is the parent's affair, which then ends this one, or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end_with_parent() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    _load(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # from now on there may be a temporary file, to be removed


def _load(options: Options) -> None:
    """Load the method once for all photos of this process."""
    global _FILLED_BY, _OPTIONS  # a process of its own has nothing else to keep it in
    from .methods.registry import get_method

    _FILLED_BY, _OPTIONS = get_method(options.method), options
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _fill(job: Job) -> Outcome:
    """Fill a photo in the process that `_load` prepared."""
    from .methods.registry import fill_file

    assert _FILLED_BY is not None
    assert _OPTIONS is not None
    if job.output.exists() and not _OPTIONS.overwrite:
        return Outcome(job, "already there")
    try:
        if job.problem:
            raise ValueError(job.problem)
        pixels, notes = fill_file(
            job.photo,
            job.mask,
            job.output,
            method=_FILLED_BY,
            seed=_OPTIONS.seed,
            dilate_px=_OPTIONS.dilate_px,
            feather_px=_OPTIONS.feather_px,
            invert_mask=_OPTIONS.invert_mask,
            format=_OPTIONS.format,
        )
    except ImportError:  # of the method's library, which the next photo needs, too
        raise
    except (ValueError, OSError, RuntimeError) as error:
        return Outcome(job, "failed", str(error))
    except MemoryError:
        return Outcome(job, "failed", "there is not enough memory for it; try fewer --jobs")
    except Exception as error:  # a fault of this program: the other photos are filled all the same
        return Outcome(job, "failed", f"unexpected {type(error).__name__} ({error}); please report it")
    return Outcome(job, "filled", "", pixels, tuple(notes))


def _remove_stale(folder: Path) -> None:
    """Remove temporary files of runs that were killed long ago."""
    with suppress(OSError):
        for path in folder.glob(".inpaint-*.part"):
            if time.time() - path.stat().st_mtime > STALE_S:
                path.unlink()
