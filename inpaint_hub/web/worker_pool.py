"""Visitors' photos worked on in other processes, which are ended when they take too long, or on a lent GPU."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import LifoQueue
from typing import Any

from PIL import Image

try:
    from spaces import GPU  # on ZeroGPU it lends a GPU for the length of a call; elsewhere it does nothing
except ImportError:
    GPU = None

from ..methods.registry import METHODS
from ..pretrained import shipped
from ..worker import Worker
from . import photo_edit

ON_ZERO_GPU = GPU is not None and os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
GPU_SECONDS = 20  # that a visitor's quota must have left for a fill there

StillWanted = Callable[[], bool]  # whether the visitor is still there


class WorkerPool:
    """Worker processes for fills, and one for what takes moments, so that nobody waits behind a fill to open a photo.

    Every call raises the `ValueError`s of the function of `photo_edit` that it names.

    Args:
        count: Fills at once.
        limit_s: Seconds after which a call is stopped.
        max_pixels: Of a photo.
        cache: The folder in which each call's files get a folder of their own.
        method: What fills unless a visitor chooses another method; the workers load it when they start.
    """

    def __init__(self, count: int, limit_s: float, max_pixels: int, cache: str, method: str) -> None:
        loads = ["telea", *[method] * count]  # Telea's library, OpenCV, selects objects, too
        self._workers = [Worker(limit_s, prepare=partial(photo_edit.load_method, name)) for name in loads]
        self._moments: LifoQueue[Worker] = LifoQueue()
        self._moments.put(self._workers[0])
        self._fills: LifoQueue[Worker] = LifoQueue()
        for worker in self._workers[1:]:
            self._fills.put(worker)
        self._max_pixels = max_pixels
        self._cache = cache

    def open_photo(self, photo: str, wanted: StillWanted, *, preview: bool) -> photo_edit.OpenedPhoto:
        """Check a photo, as `photo_edit.open_photo` does."""
        arguments = (photo, self.new_folder(), self._max_pixels)
        opened: photo_edit.OpenedPhoto = _run(self._moments, wanted, photo_edit.open_photo, *arguments, preview=preview)
        return opened

    def mark(
        self,
        function: Callable[..., photo_edit.Marked],
        photo: str,
        edits: Sequence[photo_edit.Edit],
        mask: str,
        wanted: StillWanted,
    ) -> photo_edit.Marked:
        """Mark a part of the photo by `photo_edit.read_mask` or `photo_edit.select_object`."""
        arguments = (photo, edits, mask, self.new_folder(), self._max_pixels)
        marked: photo_edit.Marked = _run(self._moments, wanted, function, *arguments)
        return marked

    def save_photo(
        self, photo: str, edits: Sequence[photo_edit.Edit], wanted: StillWanted, *, as_png: bool
    ) -> photo_edit.SavedPhoto:
        """Write the photo as it is now, as `photo_edit.save_photo` does."""
        arguments = (photo, edits, self.new_folder(), self._max_pixels)
        saved: photo_edit.SavedPhoto = _run(self._moments, wanted, photo_edit.save_photo, *arguments, as_png=as_png)
        return saved

    def fill_hole(
        self,
        photo: str,
        edits: Sequence[photo_edit.Edit],
        mask: str,
        method: str,
        wanted: StillWanted,
        *,
        grow_px: int,
    ) -> photo_edit.FilledHole:
        """Fill the photo as it is now, as `photo_edit.fill_hole` does."""
        arguments = (photo, edits, mask, self.new_folder(), method, self._max_pixels)
        filled: photo_edit.FilledHole = self._fill(photo_edit.fill_hole, arguments, method, wanted, grow_px=grow_px)
        return filled

    def fill_photo(
        self,
        photo: str,
        mask: str | None,
        layers: Sequence[Image.Image],
        method: str,
        wanted: StillWanted,
        **options: Any,
    ) -> photo_edit.FilledPhoto:
        """Fill a photo in one step, as `photo_edit.fill_photo` does."""
        arguments = (photo, mask, layers, self.new_folder(), method, self._max_pixels)
        filled: photo_edit.FilledPhoto = self._fill(photo_edit.fill_photo, arguments, method, wanted, **options)
        return filled

    def new_folder(self) -> str:
        """Make a folder for one call's files."""
        return tempfile.mkdtemp(dir=self._cache)

    def start(self) -> None:
        """Start the processes, so that no visitor waits until what they need is loaded."""
        for worker in self._workers:
            worker.start()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()

    def _fill(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], method: str, wanted: StillWanted, **options: Any
    ) -> Any:
        if ON_ZERO_GPU and (method not in METHODS or method in shipped()):
            sentence, result = call_with_gpu(function, *arguments, **options)
            if sentence:
                raise ValueError(sentence)
            return result
        return _run(self._fills, wanted, function, *arguments, **options)


def _run(
    workers: LifoQueue[Worker], wanted: StillWanted, function: Callable[..., Any], *arguments: Any, **options: Any
) -> Any:
    worker = workers.get()
    try:
        return worker(function, *arguments, wanted=wanted, **options)
    finally:
        workers.put(worker)


def call_with_gpu(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[str | None, Any]:
    """The sentence that the function raised, or what it returns with a GPU, if there is one."""
    import torch

    try:
        return None, function(*arguments, **options, device="cuda" if torch.cuda.is_available() else "cpu")
    except ValueError as error:
        return str(error), None


if GPU is not None:
    call_with_gpu = GPU(call_with_gpu, duration=GPU_SECONDS)  # ZeroGPU wants to know it before the page is up


def delete_old_files(cache: str, keep_s: float) -> None:
    """Delete results and halves of uploads that lie in the cache for longer than `keep_s` seconds."""
    for path in Path(cache).glob("tmp*"):  # the rest is Gradio's, which has a timer of its own
        with suppress(OSError):  # somebody else was quicker
            if time.time() - path.stat().st_mtime > keep_s:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
