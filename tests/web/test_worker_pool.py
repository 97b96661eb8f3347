"""Visitors' photos, filled where there is room, and their files, which go again."""

from __future__ import annotations

import os
import time
from pathlib import Path
from queue import LifoQueue

import numpy as np
import pytest
from PIL import Image

from inpaint_hub.web import worker_pool
from inpaint_hub.web.worker_pool import Filler, new_folder


def test_what_was_filled_is_gone_after_a_while_even_if_it_was_never_shown(tmp_path: Path) -> None:
    old, young = tmp_path / "tmpold", tmp_path / "tmpyoung"
    for folder in (old, young):
        folder.mkdir()
        (folder / "cat.png").write_text("pixels")
    (tmp_path / "tmpempty").touch()
    for path in (old, tmp_path / "tmpempty"):
        os.utime(path, (time.time() - 100,) * 2)
    made = new_folder(str(tmp_path), 60)
    assert set(tmp_path.iterdir()) == {young, Path(made)}


def test_where_zero_gpu_lends_a_gpu_networks_work_there_and_refuse_in_the_same_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_pool, "ON_ZERO_GPU", True)
    lent = Filler(LifoQueue(), 10**6, lambda: str(tmp_path))  # no worker: to wait for one would be for ever
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    hole = np.zeros((40, 60), dtype=bool)
    hole[10:20, 20:30] = True
    Image.fromarray(hole).save(tmp_path / "mask.png")
    filled = lent.fill(str(tmp_path / "photo.png"), str(tmp_path / "mask.png"), [], "cifar10", lambda: True)
    assert filled.pixels == hole.sum()
    with pytest.raises(ValueError, match="Nothing is brushed over yet"):
        lent.fill(str(tmp_path / "photo.png"), None, [], "cifar10", lambda: True)
