"""A process of its own that calls functions, and that is ended where one takes too long. No thread can be ended so."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

ASK_S = 0.5  # between two questions whether the work is still wanted
TOO_LONG = (
    "this took longer than {limit_s:g} s and was stopped; mark less, take a smaller photo, or choose another method"
)
UNWANTED = "cancelled: the client disconnected"
ENDED = "the process was killed, probably because memory ran out; mark less, or take a smaller photo"


class Worker:
    """`worker(function, ...)` is what `function(...)` returns in another process, or its `ValueError`.

    One call at a time; others wait. The function and what it takes and returns must pickle. A call of more than
    `limit_s` seconds, one that loses its process, or one that nobody wants any more is a `ValueError`, and the next
    call gets a fresh process. Whether it is `wanted` is asked before and every `ASK_S` seconds.
    The process ends with this one.

    Args:
        limit_s: Seconds that a call may take.
        prepare: What every fresh process calls beside its first calls, to load what they will need; it must pickle.
    """

    def __init__(self, limit_s: float, prepare: Callable[[], object] = bool) -> None:
        self._limit_s = limit_s
        self._prepare = prepare
        self._turn = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(
        self, function: Callable[..., Any], *arguments: Any, wanted: Callable[[], bool] = lambda: True, **options: Any
    ) -> Any:
        with self._turn:
            if not wanted():
                raise ValueError(UNWANTED)
            process, done, stopped = self._running_process(), threading.Event(), []
            assert process.stdin is not None
            assert process.stdout is not None

            def watch() -> None:
                end = time.monotonic() + self._limit_s
                while not done.wait(max(0, min(ASK_S, end - time.monotonic()))):
                    if time.monotonic() >= end:
                        stopped.append(TOO_LONG.format(limit_s=self._limit_s))
                    elif not wanted():
                        stopped.append(UNWANTED)
                    if stopped:
                        process.kill()
                        return

            watcher = threading.Thread(target=watch, daemon=True)
            watcher.start()
            try:
                pickle.dump((function, arguments, options), process.stdin)
                process.stdin.flush()
                error, result = pickle.load(process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError) as lost:
                stopped.append(ENDED)
                raise ValueError(stopped[0]) from lost
            finally:
                done.set()
                watcher.join()
                if stopped:  # even if the result came while it was being ended
                    self._end_process()
                    if not self._closed:
                        self._running_process()  # it prepares itself until the next call comes
        if error:
            raise ValueError(error)
        return result

    def start(self) -> None:
        """Start the process, which prepares itself. Otherwise the first call starts it."""
        with self._turn:
            self._running_process()

    def _running_process(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", __name__]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self._process.stdin is not None
            pickle.dump(self._prepare, self._process.stdin)
            self._process.stdin.flush()
        return self._process

    def close(self) -> None:
        """End the process, for good unless there is another call."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()  # so a call that runs ends, too, and then it is nobody's turn
        with self._turn:
            self._end_process()

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _try(prepare: Callable[[], object]) -> None:
    with suppress(Exception):  # what fails here fails again, with its sentence, in the call that needs it
        prepare()


def main() -> None:
    """Call what comes in at stdin until that ends; results go out at stdout, which nothing else may write to."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    prepare = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_try, args=(prepare,), daemon=True).start()  # a call that needs none of it does not wait
    while True:
        try:
            function, arguments, options = pickle.load(sys.stdin.buffer)
        except EOFError:
            os._exit(0)  # whatever is still being prepared
        answer: tuple[str | None, Any]
        try:
            answer = (None, function(*arguments, **options))
        except (ValueError, OSError, RuntimeError, ImportError, MemoryError) as error:
            answer = (str(error) or type(error).__name__, None)
        except Exception as error:  # a fault of this program: the log tells where
            traceback.print_exc()
            answer = (f"something went wrong that should not ({type(error).__name__}); please report it", None)
        pickle.dump(answer, results)
        results.flush()


if __name__ == "__main__":
    main()
