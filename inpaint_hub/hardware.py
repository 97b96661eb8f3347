"""What a machine is good at, by short timings: the number of threads, the precision. And what a process takes of it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_THREADS, _DRAWING = threading.Lock(), threading.Lock()
_STARTED_AS = os.getpid()  # of the process that imported this; in one forked from it, another


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def allowed_threads() -> int:
    """Count the threads that this process may compute with: one for each core, or as OMP_NUM_THREADS says."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(available_cores(), int(told)) if told.isdigit() and int(told) else available_cores()


def peak_memory() -> int:
    """Find the most memory that this process has held so far, in bytes."""
    if (status := Path("/proc/self/status")).exists():  # on Linux ru_maxrss would start with that of the parent process
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:  # on Windows
        import psutil  # type: ignore[import-untyped]

        return int(psutil.Process().memory_info().peak_wset)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Within, PyTorch computes in the calling thread alone: in short passes threads wait longer than they compute."""
    import torch

    with _THREADS:  # or one caller would restore what another one has set
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Within, weights may be drawn that are replaced later: PyTorch's random numbers are as before then."""
    import torch

    with _DRAWING, torch.random.fork_rng(devices=[]):  # or one thread would put back what another one has drawn
        yield


def one_thread_after_fork() -> None:
    """Let PyTorch compute in one thread where this process was forked: the others stayed in its parent.

    It would wait for them for ever, as in `datasets`' `map(..., num_proc=8)`.
    """
    import torch

    if os.getpid() != _STARTED_AS and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


def shortest_seconds(work: Callable[[], object]) -> float:
    """Time a function: the shortest of three runs in seconds, after one run to warm up."""
    times = []
    for _ in range(4):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def has_bf16() -> bool:
    """Tell whether the CPU multiplies bfloat16 in hardware, 2.5 (AVX-512) to 5 times (AMX) as fast as float32."""
    import torch

    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def bf16_slowdown() -> float:
    """Measure how many times longer the CPU takes for a matrix product in bfloat16 than in float32."""
    import torch

    small, wide = (torch.ones(256, 256, dtype=dtype) for dtype in (torch.bfloat16, torch.float32))
    return shortest_seconds(lambda: small @ small) / shortest_seconds(lambda: wide @ wide)


def choose_threads(work: Callable[[], object]) -> int:
    """Set the number of CPU threads to the one at which a function is fastest.

    On a crowded machine all cores can be ten times slower than one, because threads wait for each other. Fewer threads
    are chosen only if they are at least a fifth faster, since runs with different numbers of threads give different
    sums.

    Args:
        work: The function to time.

    Returns:
        The number of threads that is now set.
    """
    import torch

    most, times = torch.get_num_threads(), {}
    for threads in sorted({1, most // 2, most} - {0}, reverse=True):
        torch.set_num_threads(threads)
        times[threads] = shortest_seconds(work)
    best = min(times, key=lambda threads: times[threads])
    chosen = best if times[best] < 0.8 * times[most] else most
    torch.set_num_threads(chosen)
    return chosen
