"""Visitors' photos, worked on where there is room, and their files, which go again."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpaint_hub.web import worker_pool
from inpaint_hub.web.worker_pool import WorkerPool, delete_old_files


def test_delete_old_files_takes_results_and_halves_of_uploads(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in ("tmpold", "tmpyoung", "picture"))
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "cat.png").write_text("pixels")
    (tmp_path / "tmphalf").touch()
    for path in (old, other, tmp_path / "tmphalf"):
        os.utime(path, (time.time() - 100,) * 2)
    delete_old_files(str(tmp_path), 60)
    assert set(tmp_path.iterdir()) == {young, other}


def test_open_photo_does_not_wait_behind_a_fill(tmp_path: Path) -> None:
    pool = WorkerPool(1, 240, 10**7, str(tmp_path), "telea")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)).save(tmp_path / "p.png")
    mask = Image.new("1", (1500, 1500))
    mask.paste(1, (9, 9, 1491, 1491))
    mask.save(tmp_path / "mask.png")
    photo, wanted = str(tmp_path / "p.png"), threading.Event()
    wanted.set()

    def fill() -> None:
        with pytest.raises(ValueError, match="disconnected"):
            pool.fill_hole(photo, [], str(tmp_path / "mask.png"), "biharmonic", wanted.is_set, grow_px=0)

    filling = threading.Thread(target=fill)
    filling.start()
    assert pool.open_photo(photo, lambda: True, preview=False).width == 1500
    assert filling.is_alive()
    wanted.clear()
    filling.join()
    pool.close()


def test_start_loads_the_method_before_the_first_fill(tmp_path: Path) -> None:
    pytest.importorskip("patchmatch", reason="its library needs Python 3.11")
    pool = WorkerPool(1, 240, 10**6, str(tmp_path), "guided")
    pool.start()
    worker = pool._fills.get()
    loaded = "__import__('inpaint_hub.methods.registry').methods.registry._shipped_generator.cache_info().currsize"
    while worker(eval, loaded) != 1:  # the network that guides
        time.sleep(0.2)
    pool.close()


def test_where_zero_gpu_lends_a_gpu_networks_work_there_and_refuse_in_the_same_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_pool, "ON_ZERO_GPU", True)
    lent = WorkerPool(0, 10, 10**6, str(tmp_path), "telea")  # no worker for fills: to wait for one would be for ever
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    hole = np.zeros((40, 60), dtype=bool)
    hole[10:20, 20:30] = True
    Image.fromarray(hole).save(tmp_path / "mask.png")
    filled = lent.fill_photo(str(tmp_path / "photo.png"), str(tmp_path / "mask.png"), [], "cifar10", lambda: True)
    assert filled.pixels == hole.sum()
    with pytest.raises(ValueError, match="Nothing is marked"):
        lent.fill_photo(str(tmp_path / "photo.png"), None, [], "cifar10", lambda: True)
