"""Requests that are refused before Gradio reads them, and how others end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from inpaint_hub.web import middleware
from inpaint_hub.web.middleware import Guard, denial_reason, same_visitor

App = Callable[[Any, Any, Any], Awaitable[None]]


async def read_all(scope: Any, receive: Any, send: Any) -> None:
    """An app that reads the body and says how long it is."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client left")
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def ask(
    app: App, path: str, body: Sequence[bytes] = (), *, announced: int | None = None, pause_s: float = 0, **options: Any
) -> tuple[int, str]:
    """The status and the text of an answer to a request whose body comes in parts, with a pause before the last."""
    length = sum(map(len, body)) if announced is None else announced
    headers = [(b"content-length", str(length).encode())] if length else [(b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "client": ("10.0.0.1", 1)}
    parts, sent = list(body), []

    async def receive() -> Any:
        if len(parts) <= 1 and pause_s:
            await asyncio.sleep(pause_s)
        return {"type": "http.request", "body": parts.pop(0) if parts else b"", "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(app, **options)(scope, receive, send))
    assert sent[0]["type"] == "http.response.start"
    assert (b"x-content-type-options", b"nosniff") in sent[0]["headers"]
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/call/fill", "/anything"])
def test_guard_lets_bodies_up_to_a_megabyte_through(path: str) -> None:
    assert ask(read_all, path, [bytes(500_000)] * 2) == (200, "1000000")


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/call/fill", "/anything"])
def test_guard_refuses_larger_bodies_however_they_come(path: str) -> None:
    for announced in (None, 0):
        status, sentence = ask(read_all, path, [bytes(500_000)] * 3, announced=announced)
        assert status == 413
        assert "more than 1 MB" in sentence


def test_guard_refuses_a_large_body_though_the_app_answers_otherwise() -> None:
    async def answer_anyway(scope: Any, receive: Any, send: Any) -> None:
        try:
            await read_all(scope, receive, send)
        except ConnectionError:
            await send({"type": "http.response.start", "status": 400, "headers": []})

    assert ask(answer_anyway, "/anything", [bytes(500_000)] * 3, announced=0)[0] == 413


def test_guard_lets_uploads_be_as_large_as_the_page_says() -> None:
    parts, limit = [bytes(900_000)] * 3, 2_000_000  # and a megabyte for what is around the file
    assert ask(read_all, "/gradio_api/upload", parts, max_upload_bytes=limit) == (200, "2700000")
    status, sentence = ask(read_all, "/gradio_api/upload", parts * 2, max_upload_bytes=limit)
    assert status == 413
    assert "more than 3 MB" in sentence


@pytest.mark.parametrize("path", ["/gradio_api/upload", "/gradio_api/queue/join"])
def test_guard_ends_bodies_that_stop_coming(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "IDLE_S", 0.05)
    assert ask(read_all, path, [bytes(10), bytes(10)], pause_s=60) == (408, middleware.TOO_SLOW)


def test_guard_ends_bodies_that_trickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_S", -1)
    assert ask(read_all, "/gradio_api/queue/join", [bytes(10)] * 9, pause_s=0.01)[0] == 408


def test_guard_passes_errors_of_its_own_app_on() -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("a fault of ours")

    with pytest.raises(KeyError):
        ask(fail, "/anything")
    status, sentence = ask(fail, "/gradio_api/call/v2/fill")
    assert status == 422
    assert "a fault of ours" in sentence


def test_guard_says_that_a_file_was_deleted_before_it_was_sent() -> None:
    async def send_deleted(scope: Any, receive: Any, send: Any) -> None:
        try:
            raise FileNotFoundError
        except FileNotFoundError:
            raise RuntimeError("File at path /cache/photo.png does not exist.")  # noqa: B904  as Starlette does

    assert ask(send_deleted, "/gradio_api/file=/cache/photo.png") == (404, middleware.DELETED)


def test_guard_ends_a_stream_that_fails_after_its_first_bytes() -> None:
    class HTTPException(Exception):  # noqa: N818  as Starlette calls it
        pass

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        raise RuntimeError("response already started") from HTTPException()

    assert ask(stream, "/gradio_api/queue/data") == (200, "first")


def test_guard_gives_an_address_its_share() -> None:
    def waiting(same: Callable[[str], bool]) -> int:
        return sum(map(same, ["10.0.0.1", "10.0.0.1", "10.0.0.2"]))

    for path in (
        "/gradio_api/queue/join",
        "/gradio_api//queue/join",
        "/gradio_api/call/fill",
        "/gradio_api/call/v2/fill",
    ):
        assert ask(read_all, path, [b"x"], share=3, waiting=waiting)[0] == 200
        assert ask(read_all, path, [b"x"], share=2, waiting=waiting) == (429, middleware.TOO_MANY.format(share=2))
        assert ask(read_all, path, [b"x"], share=0, waiting=waiting)[0] == 200
    assert ask(read_all, "/gradio_api/upload", [b"x"], share=2, waiting=waiting)[0] == 200


def test_same_visitor_takes_a_network_of_ipv6_for_one() -> None:
    assert same_visitor("10.0.0.1")("10.0.0.1")
    assert not same_visitor("10.0.0.1")("10.0.0.2")
    assert same_visitor("2001:db8::1")("2001:db8::ffff")
    assert not same_visitor("2001:db8::1")("2001:db8:1::1")
    assert not same_visitor("2001:db8::1")("testclient")
    assert same_visitor("testclient")("testclient")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/gradio_api/call/fill", None),
        ("/gradio_api/call/v2/compare", None),
        ("/gradio_api/call/fill_hole", 404),
        ("/gradio_api/call//open_photo", 404),
        ("/gradio_api/call/v2/nothing", 404),
        ("/gradio_api/component_server", 403),
        ("/gradio_api//dev/reload", 403),
        ("/gradio_api/file=http://x/y", 403),
        ("/gradio_api/file=/tmp/x.png", None),
        ("/", None),
    ],
)
def test_denial_reason_names_what_does_not_answer(path: str, status: int | None) -> None:
    denied = denial_reason(path)
    assert (denied[0] if denied else None) == status
