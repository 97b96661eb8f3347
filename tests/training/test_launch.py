"""Many processes as their users start them, signals as schedulers and terminals send them, threads."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from accelerate import Accelerator
from paths import ROOT
from test_train import PIXELS, SETTINGS, start

from inpaint_hub.metrics import METRICS
from inpaint_hub.models.networks import Generator
from inpaint_hub.training import checkpoint
from inpaint_hub.training.launch import SIGNALS, STOPPED, StopRequest, launch_error, launch_warning, set_threads

PATIENCE = 600  # seconds for one launch; a quiet machine needs half a minute
pytestmark = [pytest.mark.timeout(3 * PATIENCE), pytest.mark.usefixtures("as_in_a_terminal")]

# Sums in another order differ in their last bits, and the steps of Adam and Muon, whose size does not shrink with the
# gradient, carry that on: after eight of them the weights agree to this.
TOLERANCE = 1e-3
# How many times more a figure may differ than the weights: norms of gradients are squares, features see fills that are
# rounded to 8 bits, and the kernel distance of eight images sums cubes of their products.
MAGNIFIED = {f"grad_norm_{update}": 20 for update in ("reconstruct", "discriminate", "joint")} | {
    "gradient_energy": 20,
    "feature_distance": 20,
    "kernel_distance": 100,
}
ALIKE = [
    *PIXELS,
    *("--discriminator_from", "0.3", "--adversarial_from", "0.5", "--lr_warmup_images", "0", "--max_train_steps", "8"),
    *("--train_batch_size", "8", "--learning_rate", "1e-4", "--discriminator_learning_rate", "1e-6"),
    *("--mixed_precision", "no"),
]


def environment(folder: Path) -> dict[str, str]:
    """That of a launch on a machine without GPUs and without a network."""
    return os.environ | {
        "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"),
    }  # fmt: skip


class Launch:
    """A run of two processes, on one node or on each of two, under torchrun with a rendezvous on loopback."""

    def __init__(self, pictures: Path, folders: list[Path], *more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.logs = [folder.parent / f"{folder.name}.{rank}.log" for rank, folder in enumerate(folders)]
        self.agents = []
        for rank, (folder, log) in enumerate(zip(folders, self.logs, strict=True)):
            command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", str(len(folders))]
            command += ["--node_rank", str(rank), "--nproc_per_node", str(2 // len(folders))]
            command += ["--master_addr", "127.0.0.1", "--master_port", str(port), "train_accelerate.py"]
            command += ["--train_data_dir", str(pictures), "--output_dir", str(folder), *SETTINGS, *ALIKE, *more]
            with log.open("w") as file:
                self.agents.append(
                    subprocess.Popen(command, cwd=ROOT, env=environment(folder.parent), stdout=file, stderr=file)
                )

    def wait(self) -> list[int]:
        """The exit codes."""
        return [agent.wait(timeout=PATIENCE) for agent in self.agents]

    def printed(self) -> str:
        return "".join(log.read_text() for log in self.logs)

    def wait_for_step(self, folder: Path, step: int) -> None:
        """Come back when the checkpoint of `step` is there."""
        deadline = time.monotonic() + PATIENCE
        while not (folder / f"checkpoint-{step}.pt").is_file():
            assert all(agent.poll() is None for agent in self.agents), self.printed()
            assert time.monotonic() < deadline
            time.sleep(0.002)


def assert_equal(one: Path, other: Path, tolerance: float) -> None:
    """Both runs' last checkpoints hold the same weights, statistics and history, to the tolerance."""
    first, second = (checkpoint.load(folder, "latest") for folder in (one, other))
    assert first is not None
    assert second is not None
    assert len(first["history"]) == len(second["history"])
    for row, other_row in zip(first["history"], second["history"], strict=True):
        for name in row.keys() - {"images_per_second"}:
            # Validation's figures are rounded to four digits; the hinge loss of a generator is a mean around zero.
            near = tolerance if name in METRICS or name == "adversarial" else None
            wanted = pytest.approx(row[name], rel=tolerance * MAGNIFIED.get(name, 1), abs=near)
            assert other_row[name] == wanted, name
    for part in ("generator", "average"):
        for name, weight in first[part].items():
            torch.testing.assert_close(second[part][name], weight, rtol=tolerance, atol=tolerance, msg=f"{part} {name}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("nodes", "tolerance", "more"),
    [
        (1, TOLERANCE, []),
        (2, TOLERANCE, []),
        (1, TOLERANCE, ["--gradient_accumulation_steps", "2"]),
        # On features; the gradients of absolute differences jump where these are zero, which magnifies last bits.
        (1, 3 * TOLERANCE, ["--preset", "cifar10"]),
    ],
)
def test_two_processes_end_with_the_weights_of_one_at_the_same_global_batch(
    pictures: Path, tmp_path: Path, nodes: int, tolerance: float, more: list[str]
) -> None:
    process = start(pictures, tmp_path / "one", *ALIKE, *more)
    printed = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, printed
    launch = Launch(pictures, [tmp_path / "two"] * nodes, *more)
    assert launch.wait() == [0] * nodes, launch.printed()
    assert_equal(tmp_path / "one", tmp_path / "two", tolerance)


@pytest.fixture(scope="module")
def straight(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two processes that was never stopped."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    launch = Launch(pictures, [folder])
    assert launch.wait() == [0], launch.printed()
    return folder


@pytest.mark.slow
def test_two_killed_processes_go_on_to_the_very_weights_of_two_never_stopped(
    straight: Path, pictures: Path, tmp_path: Path
) -> None:
    launch = Launch(pictures, [tmp_path / "run"])
    launch.wait_for_step(tmp_path / "run", 4)
    agent = psutil.Process(launch.agents[0].pid)
    for process in [*agent.children(recursive=True), agent]:
        process.kill()
    assert launch.wait() == [-signal.SIGKILL]
    again = Launch(pictures, [tmp_path / "run"])
    assert again.wait() == [0], again.printed()
    assert again.printed().count("resumed at") == 1
    assert_equal(straight, tmp_path / "run", 0)


@pytest.mark.slow
def test_ctrl_c_stops_two_processes_together_saves_and_the_same_command_goes_on(
    straight: Path, pictures: Path, tmp_path: Path
) -> None:
    launch = Launch(pictures, [tmp_path / "run"], "--checkpointing_steps", "3")
    launch.wait_for_step(tmp_path / "run", 3)
    launch.agents[0].send_signal(signal.SIGINT)
    assert launch.wait() != [0]
    assert launch.printed().count("SIGINT: finishing this update and saving") <= 1, "one process speaks for all"
    assert launch.printed().count("stopped and saved at") == 1
    again = Launch(pictures, [tmp_path / "run"])
    assert again.wait() == [0], again.printed()
    assert again.printed().count("resumed at") == 1
    assert_equal(straight, tmp_path / "run", 0)


@pytest.mark.slow
def test_machines_that_find_different_checkpoints_say_so(straight: Path, pictures: Path, tmp_path: Path) -> None:
    launch = Launch(pictures, [straight, tmp_path / "elsewhere"])
    assert 0 not in launch.wait()
    assert "they found different checkpoints; --output_dir must be one folder" in launch.printed()
    assert "Traceback (most recent call last)" not in launch.printed().split("they found")[0]


@pytest.mark.slow
def test_a_launch_for_gpus_that_are_not_there_is_one_run_all_the_same(pictures: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command += ["train_accelerate.py", "--train_data_dir", str(pictures), "--output_dir", str(tmp_path / "run")]
    settings = [setting for setting in SETTINGS if setting != "--cpu"]
    done = subprocess.run(
        [*command, *settings, "--dry_run"], cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True,
        timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("nothing was trained") == 1  # not once for each process, each the main one


def test_processes_that_do_not_know_of_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator = Accelerator(cpu=True, mixed_precision="no")
    assert launch_error(accelerator) is None
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "WORLD_SIZE=2, but this process is alone" in str(launch_error(accelerator))


def test_fp16_on_a_cpu_is_refused() -> None:
    asked = SimpleNamespace(device=torch.device("cpu"), mixed_precision="fp16", num_processes=1)
    assert "fp16 needs a GPU" in str(launch_error(asked))


@pytest.mark.slow
def test_a_launch_that_became_one_process_is_said(pictures: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    command += ["train_accelerate.py", "--train_data_dir", str(pictures), "--output_dir", str(tmp_path / "run")]
    done = subprocess.run(
        [*command, *SETTINGS, "--dry_run"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert "this launch started ONE process" in done.stdout


def test_an_ordinary_launch_is_not_warned_of() -> None:
    assert launch_warning(Accelerator(cpu=True, mixed_precision="no")) is None


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
    assert capfd.readouterr().err == f"\n{number.name}: stopping; the same command goes on from what was saved\n"


@pytest.mark.parametrize("number", NUMBERS)
def test_stop_request_deferred_is_acknowledged_at_once_and_waits(
    number: signal.Signals, accelerator: Accelerator, capfd: pytest.CaptureFixture[str]
) -> None:
    with StopRequest() as stop:
        waiting = stop.deferred()
        waiting.__enter__()
        assert not stop.any_process_requested(accelerator)
        signal.raise_signal(number)
        signal.raise_signal(number)  # the same request, delivered twice
        assert stop.any_process_requested(accelerator)
        with pytest.raises(SystemExit) as caught:
            waiting.__exit__(None, None, None)
        assert caught.value.code == STOPPED, "nobody had acted on it"
    assert capfd.readouterr().err == f"\n{number.name}: finishing this update and saving; once more stops at once\n"


def test_stop_request_a_second_one_later_does_what_it_did_before() -> None:
    with StopRequest(tell=False) as stop:
        updating = stop.deferred()
        updating.__enter__()
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
            answers.append(stop.any_process_requested(accelerator))

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
