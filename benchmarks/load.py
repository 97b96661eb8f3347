"""The page under load: many clients at once, each result checked against its own input.

    PYTHONPATH=. python benchmarks/load.py
    PYTHONPATH=. python benchmarks/load.py --clients 32 --requests 500 --queue 12
    INPAINT_QUEUE_SHARE=0 PYTHONPATH=. python benchmarks/load.py --queue 1000 --methods telea telea guided --attack

Starts `app.py` with that queue, and sends photos of mixed sizes and their masks to /fill, methods in turn. A client
that is told that the queue is full waits a second and asks again. Printed are the seconds from the first asking to the
file, p50 and p95, what was lost or mixed up, and the memory of the page with its worker after the first fifth, and at
most and at the end. With `--attack`, strangers send what the page refuses beside it: bodies of 30 MB, arguments that
do not fit, uploads that break off and uploads that stop. Printed are their answers.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

ROOT = Path(__file__).parent.parent
SIZES = ((64, 48), (200, 300), (512, 384), (33, 1000), (1024, 768))
FULL = "Queue is full"
PATIENCE_S = 600


class Answer(NamedTuple):
    """How one request went."""

    seconds: float
    refusals: int
    wrong: str  # nothing if it went well


def ask(client: Client, number: int, folder: Path, method: str) -> Answer:
    """Fill photo `number`, which no other request sends, by a method, and compare what comes back with it."""
    random = np.random.default_rng(number)
    width, height = SIZES[number % len(SIZES)]
    photo = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    hole = np.zeros((height, width), dtype=bool)
    hole[height // 3 : height // 2, width // 4 : width // 3] = True
    names = folder / f"{number}.png", folder / f"{number}-mask.png"
    for pixels, path in zip((photo, hole), names, strict=True):
        Image.fromarray(pixels).save(path, compress_level=1)
    started, refusals = time.perf_counter(), 0
    while True:
        try:
            given = [handle_file(path) for path in names]
            _, filled, _ = client.predict(photo=given[0], mask=given[1], method=method, api_name="/fill")
            break
        except Exception as error:  # whatever the client makes of it
            if FULL not in str(error):
                return Answer(time.perf_counter() - started, refusals, f"{type(error).__name__}: {error}")
            refusals += 1
            time.sleep(1)
    seconds = time.perf_counter() - started
    with Image.open(filled) as picture:
        result = np.asarray(picture)
    Path(filled).unlink()
    same = result.shape == photo.shape and np.array_equal(result[~hole], photo[~hole])
    done = same and Path(filled).name == names[0].name and (result[hole] != photo[hole]).any()
    return Answer(seconds, refusals, "" if done else "the result is not of its photo")


def attack(port: int, stop: threading.Event) -> Counter[str]:
    """Send one thing after another that the page refuses until `stop`; how often each got which answer."""
    half = b"POST /gradio_api/upload HTTP/1.1\r\nHost: page\r\nContent-Length: 900000\r\n"
    half += b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    half += b'Content-Disposition: form-data; name="files"; filename="half.png"\r\n\r\n' + bytes(100_000)
    large = json.dumps({"data": [[]] * 7_500_000}).encode()
    answers: Counter[str] = Counter()
    stalled = []
    while not stop.is_set():
        for what, path, body in (
            ("30 MB of JSON", "call/fill", large),
            ("no arguments", "call/v2/fill", b"{}"),
            ("a wrong name", "call/v2/fill", b'{"picture": 1}'),
        ):
            answers[f"{what}: {post(f'http://127.0.0.1:{port}/gradio_api/{path}', body)}"] += 1
        for kept in (False, True):
            upload = socket.create_connection(("127.0.0.1", port))
            upload.sendall(half)
            if kept:
                stalled.append(upload)
            else:
                upload.close()
            answers["an upload that stops" if kept else "an upload that breaks off"] += 1
        stop.wait(1)
    for upload in stalled:
        upload.close()
    return answers


def post(address: str, body: bytes) -> str:
    """Send a body; the status, or what went wrong."""
    try:
        with urlopen(Request(address, body, {"Content-Type": "application/json"}), timeout=60) as answer:
            return str(answer.status)
    except HTTPError as error:
        return str(error.code)
    except (URLError, OSError) as error:  # the page hangs up before it has read all
        return type(getattr(error, "reason", error)).__name__


def megabytes(root: int) -> float:
    """What a process and its children hold in memory, shared pages counted once for each."""
    children = defaultdict(list)
    for line in stats():
        children[int(line.split()[3])].append(int(line.split()[0]))
    found, waiting = 0.0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children[process]
        found += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
    return found


def stats() -> list[str]:
    """The line of every process: its number, its name without spaces, its state, its parent's number..."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, tail = path.read_text().rsplit(")", 1)
        except OSError:  # it has ended
            continue
        found.append(f"{head.split()[0]} name{tail}")
    return found


def serve(port: int, args: argparse.Namespace, folder: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"GRADIO_TEMP_DIR": str(folder / "page"), "GRADIO_SERVER_PORT": str(port)}
    command = [sys.executable, "app.py", "--queue", str(args.queue), "--keep", str(args.keep)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            urlopen(f"http://127.0.0.1:{port}").close()
            return process
        except URLError:
            time.sleep(0.2)
    sys.exit("app.py does not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--queue", type=int, default=20, help="as the page's own flag")
    parser.add_argument("--keep", type=int, default=60, help="as the page's own flag; so deleting happens in the run")
    parser.add_argument("--methods", nargs="+", default=["telea", "cifar10", "navier-stokes"], help="in turn")
    parser.add_argument("--attack", action="store_true", help="send what the page refuses beside the requests")
    args = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = serve(port, args, folder)
        clients, memory, own = [], [], threading.local()

        def one(number: int) -> Answer:
            if not hasattr(own, "client"):
                own.client = Client(
                    f"http://127.0.0.1:{port}",
                    verbose=False,
                    download_files=folder / "results",
                    httpx_kwargs={"timeout": PATIENCE_S},  # not its own 5 s: what is measured is the page
                )
                clients.append(own.client)
            answer = ask(own.client, number, folder, args.methods[number % len(args.methods)])
            memory.append(megabytes(page.pid))
            return answer

        stop = threading.Event()
        try:
            started = time.perf_counter()
            with ThreadPoolExecutor(args.clients + 1) as pool:
                attacks = pool.submit(attack, port, stop) if args.attack else None
                answers = list(pool.map(one, range(args.requests)))
                stop.set()
            report(answers, memory, time.perf_counter() - started)
            for refused, times in sorted(attacks.result().items()) if attacks else []:
                print(f"{refused}, {times} times")
        finally:
            stop.set()
            for client in clients:
                client.close()
            page.terminate()
            page.wait()


def report(answers: list[Answer], memory: list[Any], seconds: float) -> None:
    times = [answer.seconds for answer in answers if not answer.wrong]
    cuts = statistics.quantiles(times, n=20)
    early = len(memory) // 5
    print(
        f"{len(times)} of {len(answers)} answered right in {seconds:.0f} s; p50 {cuts[9]:.2f} s, p95 {cuts[18]:.2f} s"
    )
    print(f"told {sum(answer.refusals for answer in answers)} times that the queue is full, and answered later")
    print(f"memory after {early}: {memory[early]:.0f} MB, most later {max(memory[early:]):.0f}, end {memory[-1]:.0f}")
    for wrong in {answer.wrong for answer in answers if answer.wrong}:
        print(wrong)


if __name__ == "__main__":
    main()
