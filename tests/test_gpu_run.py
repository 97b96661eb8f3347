"""`benchmarks/gpu_run.sh` on a CPU: what it leaves when its machine is taken away."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from paths import ROOT

SMALL = (
    "--resolution 16 --resolution_schedule= --hole_min 4 --hole_max 8 --train_batch_size 4 --checkpointing_steps 4"
    " --max_train_steps 4000 --validation_steps 0 --logging_steps 4 --cpu --lr_warmup_images 0"
)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_machine_that_is_taken_away_leaves_a_checkpoint_that_goes_on(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    variables = {"PYTHON": sys.executable, "TRAIN_ARGS": SMALL, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}
    started = subprocess.Popen(
        ["bash", "benchmarks/gpu_run.sh", pictures, out, "10"],
        cwd=ROOT, env=os.environ | variables,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not (out / "metrics.jsonl").is_file():  # the last thing that is left of a checkpoint
        assert started.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    for process in [*psutil.Process(started.pid).children(recursive=True), started]:
        process.kill()
    started.wait()
    parts = sorted(out.glob("checkpoint.pt.*"))
    (tmp_path / "joined.pt").write_bytes(b"".join(part.read_bytes() for part in parts))
    step = torch.load(tmp_path / "joined.pt", weights_only=True)["step"]
    assert step >= 4
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "joined.pt").rename(run / f"checkpoint-{step}.pt")
    command = [sys.executable, "train_accelerate.py", "--preset", "photos", "--train_data_dir", str(pictures)]
    more = SMALL.replace("--max_train_steps 4000", f"--max_train_steps {step + 4}").split()
    printed = subprocess.run(
        [*command, "--output_dir", str(run), *more], cwd=ROOT, capture_output=True, text=True, timeout=280, check=True,
        env=os.environ | variables | {"HF_HUB_OFFLINE": "1"},
    ).stdout  # fmt: skip
    assert f"resumed at {4 * step} of {4 * step + 16} images" in printed
    assert (run / "model.safetensors").is_file()
