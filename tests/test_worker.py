"""A process of its own: what it returns, what it raises, and that it can be stopped."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from inpaint_hub.worker import Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(limit_s=30)
    yield made
    made.close()


def test_it_returns_what_the_function_returns_from_another_process(worker: Worker) -> None:
    assert worker(os.getpid) not in (os.getpid(), None)
    assert worker(os.getpid) == worker(os.getpid)
    assert worker(int, "ff", base=16) == 255


def test_an_unexpected_error_is_told_and_does_not_end_the_process(worker: Worker) -> None:
    process = worker(os.getpid)
    with pytest.raises(ValueError, match=r"something went wrong that should not \(TypeError\); please report it"):
        worker(abs, "no number")
    assert worker(os.getpid) == process


def test_what_the_function_prints_does_not_disturb_its_results(worker: Worker) -> None:
    assert worker(print, "loading") is None
    assert worker(abs, -3) == 3


def test_a_process_prepares_itself_when_it_starts_and_after_it_was_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    worker = Worker(30, prepare=partial(ready.touch))
    worker.start()
    wait_for(ready)
    with pytest.raises(ValueError, match="the process was killed"):
        worker(os._exit, 9)
    wait_for(ready)  # without a call
    worker.close()


def wait_for(file: Path) -> None:
    """Wait until there is a file, and take it away."""
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    file.unlink()


def test_a_call_does_not_wait_for_a_preparation_that_it_does_not_need() -> None:
    worker = Worker(30, prepare=partial(time.sleep, 300))
    assert worker(abs, -3) == 3
    worker.close()


def test_a_preparation_that_fails_costs_nothing_but_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    worker = Worker(30, prepare=partial(os.chdir, tmp_path / "missing"))
    assert worker(abs, -3) == 3
    worker.close()
    assert capfd.readouterr().err == ""


def test_close_ends_the_process_for_good_while_a_call_runs(worker: Worker) -> None:
    assert worker(abs, -3) == 3

    def call() -> None:
        with pytest.raises(ValueError, match="the process was killed"):
            worker(time.sleep, 25)

    calling = threading.Thread(target=call)
    calling.start()
    while not worker._turn.locked():
        time.sleep(0.01)
    time.sleep(0.2)
    worker.close()
    calling.join()
    assert worker._process is None


def test_an_error_of_the_function_comes_back_as_its_sentence(worker: Worker) -> None:
    with pytest.raises(ValueError, match="invalid literal for int"):
        worker(int, "x")
    assert worker(int, "7") == 7


def test_a_call_that_takes_too_long_is_stopped_with_a_sentence_and_the_next_one_works() -> None:
    worker = Worker(limit_s=1)
    started = time.monotonic()
    with pytest.raises(ValueError, match="longer than 1 s and was stopped"):
        worker(time.sleep, 60)
    assert time.monotonic() - started < 30
    worker._limit_s = 30
    assert worker(abs, -3) == 3
    worker.close()


def test_a_call_that_nobody_wants_any_more_is_stopped_and_the_next_one_works(worker: Worker) -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="the client disconnected"):
        worker(time.sleep, 25, wanted=lambda: time.monotonic() < started + 1)
    assert time.monotonic() - started < 20
    with pytest.raises(ValueError, match="the client disconnected"):
        worker(abs, -3, wanted=lambda: False)
    assert worker(abs, -3, wanted=lambda: True) == 3


def test_a_process_that_is_killed_is_a_sentence_and_the_next_call_works(worker: Worker) -> None:
    with pytest.raises(ValueError, match="the process was killed"):
        worker(os._exit, 9)
    assert worker(abs, -3) == 3
