"""What a machine is good at."""

from __future__ import annotations

import os

import pytest

from inpaint_hub.hardware import allowed_threads, available_cores


def test_available_cores_are_some_of_the_machines() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("told", "expected"), [("1", 1), ("0", None), ("", None), ("many", None), ("100000", None)])
def test_allowed_threads_are_as_many_as_the_environment_says(
    told: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert allowed_threads() == (expected or available_cores())
