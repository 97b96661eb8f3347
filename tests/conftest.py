"""What the tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

from inpaint_hub import Generator, Inpainter
from inpaint_hub.training.launch import SIGNALS

settings.register_profile("project", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("project")

if "PYTEST_XDIST_WORKER" in os.environ:  # there is a process for each core
    torch.set_num_threads(1)


@pytest.fixture
def as_in_a_terminal() -> Iterator[None]:
    """Signals as a terminal's processes have them; nohup and a script's background start theirs with some ignored."""
    usual = dict.fromkeys(SIGNALS, signal.SIG_DFL) | {"SIGINT": signal.default_int_handler}
    numbers = {getattr(signal, name): handler for name, handler in usual.items() if hasattr(signal, name)}
    before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def inpainter() -> Inpainter:
    """An inpainter with random weights, whose batch norm has seen something."""
    torch.manual_seed(0)
    generator = Generator(fill_color=(0.47, 0.45, 0.41), largest_hole=16)
    generator.train()
    with torch.no_grad():
        for _ in range(3):
            generator(torch.rand(4, 4, 32, 32))
    return Inpainter(generator)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 240 small pictures in ten colours, as a user's image folder might be."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number in range(240):
        smooth = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        size = [(40, 40), (48, 36), (36, 52)][number % 3]
        Image.fromarray(smooth).resize(size, Image.Resampling.BICUBIC).save(folder / f"{number:03d}.png")
    return folder
