"""Visitors' photos filled in files: in another process, that is ended when it takes too long, or on a lent GPU."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import LifoQueue
from typing import Any, NamedTuple

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


class Filler(NamedTuple):
    """What fills photos with the workers that are free; whoever comes when none is, waits."""

    workers: LifoQueue[Worker]
    max_pixels: int
    folder: Callable[[], str]  # a new one, that is deleted after a while

    def fill(
        self,
        photo: str,
        mask: str | None,
        layers: Sequence[Image.Image],
        method: str,
        wanted: Callable[[], bool],
        **options: Any,
    ) -> photo_edit.Filled:
        """The photo, filled as `photo_edit.fill` does, while that is `wanted`; raises its `ValueError`s."""
        arguments = (photo, mask, layers, self.folder(), method, self.max_pixels)
        if ON_ZERO_GPU and (method not in METHODS or method in shipped()):
            sentence, result = with_gpu(photo_edit.fill, *arguments, **options)
            if sentence:
                raise ValueError(sentence)
        else:
            result = self.work(wanted, photo_edit.fill, *arguments, **options)
        filled: photo_edit.Filled = result
        return filled

    def editing_copy(self, photo: str, wanted: Callable[[], bool]) -> Image.Image:
        """The copy to brush on that `photo_edit.editing_copy` makes of the photo; raises its `ValueError`s."""
        copy: Image.Image = self.work(wanted, photo_edit.editing_copy, photo, self.max_pixels)
        return copy

    def work(self, wanted: Callable[[], bool], function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What the function returns in another process, or its `ValueError`."""
        worker = self.workers.get()
        try:
            return worker(function, *arguments, wanted=wanted, **options)
        finally:
            self.workers.put(worker)


def with_gpu(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[str | None, Any]:
    """The sentence that the function raised, or what it returns with a GPU, if there is one."""
    import torch

    try:
        return None, function(*arguments, **options, device="cuda" if torch.cuda.is_available() else "cpu")
    except ValueError as error:
        return str(error), None


if GPU is not None:
    with_gpu = GPU(with_gpu, duration=GPU_SECONDS)  # ZeroGPU wants to know it before the page is up


def new_folder(cache: str, keep_s: int) -> str:
    """A folder for one photo's files. Those older than `keep_s` go: Gradio deletes only what it has shown."""
    for path in Path(cache).glob("tmp*"):
        with suppress(OSError):  # another visitor's was quicker
            if time.time() - path.stat().st_mtime > keep_s:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    return tempfile.mkdtemp(dir=cache)
