"""The page as a real process, for the tests that call it and those that open it in a browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from paths import ROOT

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PATIENCE_S = 240  # for a busy machine, which draws the page slowly
WATCH = """
import os, sys

def watch(event, args):
    if event in ("socket.getaddrinfo", "socket.connect"):
        host = args[0] if event == "socket.getaddrinfo" else args[1][0]
        with open(os.environ["WATCHED_HOSTS"], "a") as file:
            print(host.decode() if isinstance(host, bytes) else host, file=file)

sys.addaudithook(watch)
"""


class Server(NamedTuple):
    """The page as it is served: its address, where its uploads lie, the hosts that it has asked for, its log."""

    url: str
    uploads: Path
    hosts: Callable[[], set[str]]
    log: Path
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def served(
    folder: Path, settings: dict[str, str], port: int | None = None, under: Sequence[str] = ()
) -> Iterator[Server]:
    """`python app.py` on a free port, with these variables in its environment; its files are in `folder`.

    `under` is a command that runs commands.
    """
    (folder / "uploads").mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(WATCH)
    (folder / "hosts").touch()
    port = port or free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GRADIO_")},
        **settings,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "WATCHED_HOSTS": str(folder / "hosts"),
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*under, sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process, folder / "log")
        hosts = folder / "hosts"
        yield Server(url, folder / "uploads", lambda: set(hosts.read_text().split()), folder / "log", process)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=PATIENCE_S):
                return
        except URLError:
            time.sleep(0.2)
    pytest.fail(f"app.py does not answer at {url}:\n{log.read_text()}")
