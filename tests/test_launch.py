"""Signals as schedulers and terminals send them, and the number of threads."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest
import torch
from accelerate import Accelerator

from inpaint_hub.launch import SIGNALS, STOPPED, StopRequest, set_threads
from inpaint_hub.networks import Generator

NUMBERS = [getattr(signal, name) for name in SIGNALS]


@pytest.fixture
def accelerator() -> Accelerator:
    return Accelerator(cpu=True, mixed_precision="no")


@pytest.mark.parametrize("number", NUMBERS)
def test_stop_request_outside_of_training_ends_the_process_with_its_status(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    with StopRequest(), pytest.raises(SystemExit) as caught:
        signal.raise_signal(number)
    assert caught.value.code == STOPPED == 75
    assert capfd.readouterr().err == f"\n{number.name}: stopping\n"


@pytest.mark.parametrize("number", NUMBERS)
def test_stop_request_deferred_is_acknowledged_at_once_and_waits(
    number: signal.Signals, accelerator: Accelerator, capfd: pytest.CaptureFixture[str]
) -> None:
    with StopRequest() as stop:
        waiting = stop.deferred()
        waiting.__enter__()
        assert not stop.agreed(accelerator)
        signal.raise_signal(number)
        signal.raise_signal(number)  # the same request, delivered twice
        assert stop.agreed(accelerator)
        with pytest.raises(SystemExit) as caught:
            waiting.__exit__(None, None, None)
        assert caught.value.code == STOPPED, "nobody had acted on it"
    assert capfd.readouterr().err == f"\n{number.name}: finishing this update and saving; once more stops at once\n"


def test_stop_request_a_second_one_later_does_what_it_did_before() -> None:
    with StopRequest(tell=False) as stop:
        stop.deferred().__enter__()
        signal.raise_signal(signal.SIGINT)
        time.sleep(1.05)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_stop_request_puts_the_handlers_back() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    with StopRequest():
        assert all(signal.getsignal(number) != handler for number, handler in zip(NUMBERS, before, strict=True))
    assert [signal.getsignal(number) for number in NUMBERS] == before


@pytest.fixture
def ignored() -> Iterator[None]:
    """As nohup starts a process."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def test_stop_request_leaves_what_nohup_ignores(ignored: None) -> None:
    with StopRequest() as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop.requested


def test_stop_request_in_a_thread_changes_nothing(accelerator: Accelerator) -> None:
    answers: list[bool] = []

    def work() -> None:
        with StopRequest() as stop, stop.deferred():
            answers.append(stop.agreed(accelerator))

    before = [signal.getsignal(number) for number in NUMBERS]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False]
    assert [signal.getsignal(number) for number in NUMBERS] == before


def test_set_threads_takes_a_number_all_of_them_or_the_fastest(accelerator: Accelerator) -> None:
    most, generator = torch.get_num_threads(), Generator()
    try:
        assert set_threads("all", generator, 16, accelerator) == torch.get_num_threads() == most
        assert set_threads("auto", generator, 16, accelerator) == torch.get_num_threads() <= most
        assert set_threads("3", generator, 16, accelerator) == torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(most)
