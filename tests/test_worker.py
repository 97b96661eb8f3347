"""A process of its own: what it returns, what it raises, and that it can be stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

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


def test_what_the_function_prints_does_not_disturb_its_results(worker: Worker) -> None:
    assert worker(print, "loading") is None
    assert worker(abs, -3) == 3


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
