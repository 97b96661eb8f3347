"""The page's endpoints and events, called as programs and browsers call them."""

from __future__ import annotations

import io
import json
import socket
import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_server import PATIENCE_S, Server
from PIL import Image

pytest.importorskip("gradio", reason="the page needs gradio")
import httpx

SESSIONS = count()


def opened(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


def answer_to(server: Server, endpoint: str, data: list[Any]) -> str:
    """How the call of an endpoint with any JSON ends, as it is sent."""
    call = f"{server.url}/gradio_api/call/{endpoint}"
    sent = httpx.post(call, content=json.dumps({"data": data}), headers={"content-type": "application/json"})
    assert sent.status_code == 200, sent.text
    return httpx.get(f"{call}/{sent.json()['event_id']}", timeout=PATIENCE_S).text


def messages_of(server: Server, number: int, data: list[Any]) -> list[dict[str, Any]]:
    """All that an event by its number says, as the page itself calls it."""
    session = f"session{next(SESSIONS)}"
    event = {"fn_index": number, "data": data, "session_hash": session}
    sent = httpx.post(f"{server.url}/gradio_api/queue/join", json=event)
    assert sent.status_code == 200, sent.text
    stream = httpx.get(f"{server.url}/gradio_api/queue/data?session_hash={session}", timeout=PATIENCE_S).text
    return [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]


def number_of(server: Server, endpoint: str) -> int:
    """The endpoint's number among the page's events."""
    events = httpx.get(f"{server.url}/config").json()["dependencies"]
    return next(event["id"] for event in events if event["api_name"] == endpoint)


def uploaded(server: Server, path: Path) -> dict[str, Any]:
    """A file as a browser sends it before an event names it."""
    (there,) = httpx.post(f"{server.url}/gradio_api/upload", files={"files": (path.name, path.read_bytes())}).json()
    return {"path": there, "meta": {"_type": "gradio.FileData"}}


def page_request(server: Server, folder: Path, **more: Any) -> dict[str, Any]:
    """What the page sends for the files of the fixture `files`."""
    photo, mask = (uploaded(server, folder / name) for name in ("photo.png", "mask.png"))
    return {"photo": photo, "mask": mask, "method": "telea", "language": "en", **more}


def output_of(server: Server, event: str, request: Any) -> dict[str, Any]:
    """What an event of the page gives or says."""
    (done,) = [
        message
        for message in messages_of(server, number_of(server, event), [request])
        if message["msg"] == "process_completed"
    ]
    return done["output"]


def fetched(server: Server, path: str) -> np.ndarray:
    answer = httpx.get(f"{server.url}/gradio_api/file={path}")
    assert answer.status_code == 200
    return opened(io.BytesIO(answer.content))


def begin_upload(server: Server, sent: bytes) -> socket.socket:
    """An upload that announces more than it sends."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)))
    head = (
        "POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    )
    connection.sendall(head.encode() + sent)
    return connection


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
