"""A process of its own that calls functions, and that is ended where one takes too long. No thread can be ended so."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

TOO_LONG = (
    "this took longer than {limit_s:g} s and was stopped; mark less, take a smaller photo, or choose another method"
)
ENDED = "the work was ended from outside, probably for want of memory; mark less, or take a smaller photo"


class Worker:
    """`worker(function, ...)` is what `function(...)` returns in another process, or its `ValueError`.

    One call at a time; others wait. The function and what it takes and returns must pickle. A call of more than
    `limit_s` seconds, or one that loses its process, is a `ValueError`, and the next call gets a fresh process.
    The process ends with this one.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        with self._turn:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            process, late = self._process, threading.Event()
            assert process.stdin is not None
            assert process.stdout is not None

            def stop() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(self._limit_s, stop)
            timer.start()
            try:
                pickle.dump((function, arguments, options), process.stdin)
                process.stdin.flush()
                error, result = pickle.load(process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError) as lost:
                self.close()
                raise ValueError(TOO_LONG.format(limit_s=self._limit_s) if late.is_set() else ENDED) from lost
            finally:
                timer.cancel()
        if error:
            raise ValueError(error)
        return result

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def main() -> None:
    """Call what comes in at stdin until that ends; results go out at stdout, which nothing else may write to."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            function, arguments, options = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer: tuple[str | None, Any]
        try:
            answer = (None, function(*arguments, **options))
        except (ValueError, OSError, RuntimeError, ImportError, MemoryError) as error:
            answer = (str(error) or type(error).__name__, None)
        pickle.dump(answer, results)
        results.flush()


if __name__ == "__main__":
    main()
