"""Timings decide the number of threads and the precision."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from inpaint_hub import hardware
from inpaint_hub.hardware import allowed_threads, available_cores


@pytest.fixture
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({4: 1.0, 2: 0.9, 1: 0.85}, 4),  # not clearly faster
        ({4: 1.0, 2: 0.7, 1: 0.9}, 2),
        ({4: 1.0, 2: 0.7, 1: 0.1}, 1),
        ({4: 1.0, 2: 2.0, 1: 4.0}, 4),
    ],
)
@pytest.mark.usefixtures("four_threads")
def test_choose_threads_takes_fewer_only_if_they_are_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float], chosen: int
) -> None:
    monkeypatch.setattr(hardware, "shortest_seconds", lambda work: seconds[torch.get_num_threads()])
    assert hardware.choose_threads(lambda: None) == chosen
    assert torch.get_num_threads() == chosen


def test_shortest_seconds_runs_four_times_and_leaves_out_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.1, 10.0, 15.0, 20.0, 23.0, 30.0, 34.0])  # the first run is the shortest
    monkeypatch.setattr(hardware.time, "perf_counter", lambda: next(clock))
    runs: list[int] = []
    assert hardware.shortest_seconds(lambda: runs.append(1)) == 3.0
    assert len(runs) == 4


def test_bf16_slowdown_is_a_ratio() -> None:
    assert hardware.bf16_slowdown() > 0
    assert isinstance(hardware.has_bf16(), bool)


def test_available_cores_are_some_of_the_machines() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("told", "expected"), [("1", 1), ("0", None), ("", None), ("many", None), ("100000", None)])
def test_allowed_threads_are_as_many_as_the_environment_says(
    told: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert allowed_threads() == (expected or available_cores())


@pytest.mark.usefixtures("four_threads")
def test_one_torch_thread_restores_the_number_of_threads_even_after_an_error() -> None:
    def fail() -> None:
        with hardware.one_torch_thread():
            assert torch.get_num_threads() == 1
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert torch.get_num_threads() == 4


def test_peak_memory_is_in_bytes_and_grows_with_what_was_held() -> None:
    code = (
        "from inpaint_hub.hardware import peak_memory; before = peak_memory();"
        "held = bytearray(b'1') * 100_000_000; print(before, peak_memory())"
    )
    before, after = map(int, subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert before > 1e6
    assert 9e7 < after - before < 1.2e8
