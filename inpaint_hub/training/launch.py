"""How a run sits on its machine: processes, precision, threads, the wish to stop.

It is handed an accelerator, and knows no accelerate.
"""

from __future__ import annotations

import copy
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..hardware import bf16_slowdown, choose_threads, has_bf16
from ..models.networks import InpaintingNetwork

STOPPED = 75  # exit status of a run that was asked to stop: EX_TEMPFAIL of sysexits.h, "try again"
AT_ONCE = "stopping; the same command goes on from what was saved"
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")


def precision(flag: str | None, cpu: bool) -> str:
    """The mixed precision: the flag's, else the launcher's, else bf16 where it is much faster than fp32."""
    asked = flag or os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if flag or asked != "no":
        return asked
    if torch.cuda.is_available() and not cpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    return "bf16" if has_bf16() else "no"


def launch_error(accelerator: Any) -> str | None:
    """Why this launch must not go on: processes that do not know of each other, a precision that is not to be had."""
    told = int(os.environ.get("WORLD_SIZE", 1))
    if told > 1 and accelerator.num_processes == 1:
        return (
            f"the environment says WORLD_SIZE={told}, but this process is alone: each would train by itself and write"
            " to the same folder; start them with torchrun or accelerate launch, or unset WORLD_SIZE"
        )
    if accelerator.device.type == "cpu" and accelerator.mixed_precision == "fp16":
        return "fp16 needs a GPU: on a CPU accelerate would train in fp32; use --mixed_precision bf16, or no"
    return None


def launch_warning(accelerator: Any) -> str | None:
    """What to know of this launch before hours go into it: processes that are not there, a precision that crawls."""
    if accelerator.num_processes == 1 and "MASTER_ADDR" in os.environ and "WORLD_SIZE" not in os.environ:
        return (
            "this launch started ONE process (accelerate does so on CPUs, whatever --num_processes says); for more:"
            " torchrun --nproc_per_node 2 train_accelerate.py ..."
        )
    if accelerator.device.type == "cpu" and accelerator.mixed_precision == "bf16":
        slower = bf16_slowdown()
        if slower > 1.5:
            return f"bf16 is {slower:.0f} times slower than fp32 on this processor; use --mixed_precision no"
    return None


def set_threads(wanted: str, generator: InpaintingNetwork, resolution: int, accelerator: Any) -> int:
    """Set the number of CPU threads of this process.

    Sums in another order are other sums, so two runs end with the same weights only at the same number.

    Args:
        wanted: a number; "all", torch's own choice, which follows OMP_NUM_THREADS; "auto", the fastest in a short
            timing of the generator, which on a busy machine may be one.
        generator: what is timed.
        resolution: side of the images, px.
        accelerator: accelerate's.

    Returns:
        The number.
    """
    most = torch.get_num_threads()
    if wanted.isdecimal():
        torch.set_num_threads(int(wanted))
        return int(wanted)
    if wanted == "all" or accelerator.device.type != "cpu" or accelerator.num_processes > 1:
        return most
    trial = copy.deepcopy(generator)
    batch = torch.rand(4, 4, resolution, resolution).to(memory_format=torch.channels_last)

    def step() -> None:
        with accelerator.autocast():
            trial(batch).mean().backward()

    return choose_threads(step)


class StopRequest:
    """Turns signals into an orderly stop while it is entered; the handlers from before are put back after.

    SIGINT (Ctrl-C), SIGTERM, SIGHUP (unless nohup has it ignored) and SIGUSR1 are the same request. The first one is
    acknowledged at once. While `deferred` it only sets `requested`, so that the update under way can be finished and
    saved; else there is nothing to save, and it ends the process with the status STOPPED. A second request ends the
    process at once, if it comes a second later: Slurm and launchers deliver one request twice. In a thread, where
    Python takes no handlers, signals do what they did before.
    """

    def __init__(self, tell: bool = True) -> None:
        self.requested = False
        self._deferred = False
        self._tell = tell  # one process speaks for all
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
                if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Within, a request waits for `requested` to be read; one that nobody has read ends the process afterwards."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.requested:
            sys.exit(STOPPED)

    def any_process_requested(self, accelerator: Any) -> bool:
        """Whether any process was asked to stop: all of them answer the same at the same iteration."""
        if accelerator.num_processes == 1:
            return self.requested
        return bool(accelerator.reduce(torch.tensor(float(self.requested), device=accelerator.device)).item())

    def _request(self, number: int, frame: object) -> None:
        if self.requested:
            if time.monotonic() - self._since > 1:
                signal.signal(number, self._before[number])
                signal.raise_signal(number)
            return
        self.requested, self._since = True, time.monotonic()
        if self._tell:  # print may be what was interrupted
            after = (
                "finishing this update and saving; once more stops at once"
                if self._deferred
                else "stopping; the same command goes on from what was saved"
            )
            os.write(2, f"\n{signal.Signals(number).name}: {after}\n".encode())
        if not self._deferred:
            sys.exit(STOPPED)
