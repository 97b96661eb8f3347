"""How a run sits on its machine: processes, precision, threads, the wish to stop.

It is handed an accelerator, and knows no accelerate.
"""

from __future__ import annotations

import copy
import os
import signal
import time
from typing import Any

import torch

from ..hardware import bf16_slowdown, choose_threads, has_bf16
from ..models.networks import Painter


def precision(flag: str | None, cpu: bool) -> str:
    """The mixed precision: the flag's, else the launcher's, else bf16 where it is much faster than fp32."""
    asked = flag or os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if flag or asked != "no":
        return asked
    if torch.cuda.is_available() and not cpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    return "bf16" if has_bf16() else "no"


def launch_error(accelerator: Any) -> str | None:
    """Why this launch must not go on: processes that do not know of each other would write to one folder."""
    told = int(os.environ.get("WORLD_SIZE", 1))
    if told > 1 and accelerator.num_processes == 1:
        return (
            f"the environment says WORLD_SIZE={told}, but this process is alone: each would train by itself and write"
            " to the same folder; start them with torchrun or accelerate launch, or unset WORLD_SIZE"
        )
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


def threads_for(generator: Painter, resolution: int, accelerator: Any) -> int:
    """The number of CPU threads, now set: OMP_NUM_THREADS, or the fastest in a short timing of the generator."""
    most = torch.get_num_threads()
    if accelerator.device.type != "cpu" or accelerator.num_processes > 1 or "OMP_NUM_THREADS" in os.environ:
        return most
    trial = copy.deepcopy(generator)
    batch = torch.rand(4, 4, resolution, resolution).to(memory_format=torch.channels_last)

    def step() -> None:
        with accelerator.autocast():
            trial(batch).mean().backward()

    chosen = choose_threads(step)
    accelerator.print(f"{chosen} of {most} threads, by a short timing; OMP_NUM_THREADS sets another number")
    return chosen


class StopRequest:
    """True in `requested` after the first Ctrl-C or SIGTERM, so that the update under way can be finished and saved.

    The second one stops at once, if it comes a second later: Slurm and launchers deliver one request twice.
    """

    def __init__(self) -> None:
        self.requested = False
        self.since = 0.0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._request)

    def agreed(self, accelerator: Any) -> bool:
        """Whether any process was asked to stop: all of them answer the same at the same iteration."""
        if accelerator.num_processes == 1:
            return self.requested
        return bool(accelerator.reduce(torch.tensor(float(self.requested), device=accelerator.device)).item())

    def _request(self, number: int, frame: object) -> None:
        if not self.requested:
            self.requested, self.since = True, time.monotonic()
        elif time.monotonic() - self.since > 1:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
