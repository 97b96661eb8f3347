"""What the page's server refuses before Gradio reads it, and how requests end that nobody waits for any more."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

ENDPOINTS = "fill", "compare"
OTHERS = "Two endpoints answer here, /fill and /compare."
BACKSTAGE = (  # Gradio's, for those who develop a page, and for components that this page does not have
    "dev/",
    "vibe",
    "undo-vibe",
    "process_recording",
    "deep_link",
    "component_server",
)
OUTSIDE = "Files come as uploads; this page fetches nothing from other places."
MEGABYTE = 10**6
BODY_BYTES = MEGABYTE  # of all but uploads
IDLE_S = 20  # that a body may pause
BODY_S = 30  # that a body may take; for an upload, so long for each megabyte that is allowed, but
UPLOAD_S = 600  # never longer
TOO_LARGE = "The request has more than {megabytes:g} MB. Send files to /gradio_api/upload, and name them here."
TOO_LARGE_UPLOAD = "The upload has more than {megabytes:g} MB."
TOO_SLOW = "The request stopped coming in. Send it again."
BROKEN_CALL = "The arguments cannot be read ({reason}). /gradio_api/info lists them."
DELETED = "The file was here for too long and was deleted."
TOO_MANY = "You have {share} pictures waiting here already. Wait for one of them."


class _EndedError(Exception):
    """The request was refused while its body came in."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Guard:
    """ASGI middleware in front of Gradio.

    It refuses what Gradio would fetch from other hosts, or run and keep open beside the endpoints; bodies that are
    too large or too slow; and events of an address that has its share of the queue. Requests that break off end
    without a traceback. No browser guesses a file type.

    Args:
        app: The ASGI app behind it.
        max_upload_bytes: Of an upload's body.
        share: Events of one client address that may wait or run, 0 for any number.
        waiting: How many events of the client addresses that it is asked about wait or run.
    """

    def __init__(
        self,
        app: Any,
        *,
        max_upload_bytes: int = 50 * MEGABYTE,
        share: int = 0,
        waiting: Callable[[Callable[[str], bool]], int] = lambda _: 0,
    ) -> None:
        self.app = app
        self.max_upload_bytes = max_upload_bytes + MEGABYTE  # what is around the file
        self.share = share
        self.waiting = waiting

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(receive, scope, self.max_upload_bytes)
        answer = _Answer(send, body)
        denied = denial_reason(scope["path"]) or self._over_share(scope)
        if denied:
            await answer.end(*denied)
            return
        try:
            body.check_announced_length()
            await self.app(scope, body.receive, answer.send)
        except Exception as error:
            ended = body.ended or _expected_end(error, scope["path"])
            if ended is None:
                raise
            await answer.end(ended.status, ended.sentence)

    def _over_share(self, scope: Any) -> tuple[int, str] | None:
        joins = scope["method"] == "POST" and re.search(r"/gradio_api/+(queue/+join|call/)", scope["path"])
        if not (self.share and joins and scope.get("client")):
            return None
        same = same_visitor(scope["client"][0])
        return (429, TOO_MANY.format(share=self.share)) if self.waiting(same) >= self.share else None


class _Answer:
    """What is sent, which ends once; about a body that was refused nothing is said but that."""

    def __init__(self, send: Any, body: _Body) -> None:
        self._send = send
        self._body = body
        self._started = self._ended = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            if self._body.ended:
                raise self._body.ended
            await self._start(message)
            return
        self._ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def _start(self, message: Any) -> None:
        self._started = True
        headers = [*message.get("headers", []), (b"x-content-type-options", b"nosniff")]
        await self._send({**message, "headers": headers})

    async def end(self, status: int, sentence: str) -> None:
        if not self._started:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
            await self._start({"type": "http.response.start", "status": status, "headers": headers})
            await self._send({"type": "http.response.body", "body": sentence.encode()})
        elif not self._ended:
            await self._send({"type": "http.response.body", "body": b""})


class _Body:
    """What comes in, as long as it is small and quick enough; then the client is gone for all behind this."""

    def __init__(self, receive: Any, scope: Any, max_upload_bytes: int) -> None:
        self._receive = receive
        upload = re.search(r"/gradio_api/+upload/*$", scope["path"]) is not None
        self._most = max_upload_bytes if upload else BODY_BYTES
        self._sentence = TOO_LARGE_UPLOAD if upload else TOO_LARGE
        self._deadline = time.monotonic() + (min(UPLOAD_S, BODY_S * self._most / MEGABYTE) if upload else BODY_S)
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        self._announced = int(lengths[0]) if lengths and lengths[0].isdigit() else 0
        self._came = 0
        chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
        self._complete = not (self._announced or chunked)  # then nothing comes in but that the client leaves
        self.ended: _EndedError | None = None

    def check_announced_length(self) -> None:
        if self._announced > self._most:
            raise self._end(413, self._sentence.format(megabytes=self._most / MEGABYTE))

    async def receive(self) -> Any:
        if self._complete:
            return await self._receive()
        if self.ended:
            return {"type": "http.disconnect"}
        left = min(IDLE_S, self._deadline - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(0.001, left))
        except (TimeoutError, asyncio.TimeoutError):
            self._end(408, TOO_SLOW)
            return {"type": "http.disconnect"}
        self._came += len(message.get("body", b""))
        if self._came > self._most:
            self._end(413, self._sentence.format(megabytes=self._most / MEGABYTE))
            return {"type": "http.disconnect"}
        self._complete = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    def _end(self, status: int, sentence: str) -> _EndedError:
        self.ended = _EndedError(status, sentence)
        return self.ended


def denial_reason(path: str) -> tuple[int, str] | None:
    """Say why nothing answers at a path, if that is so: a status and a sentence."""
    if re.search(r"/(file|stream|proxy)=/*\w+:/", path):
        return 403, OUTSIDE
    if re.search(rf"/gradio_api/+({'|'.join(BACKSTAGE)})", path):
        return 403, OTHERS
    called = re.search(r"/call/+(?:v2/+)?([^/]*)", path)
    return (404, OTHERS) if called and called[1] not in ENDPOINTS else None


def same_visitor(address: str) -> Callable[[str], bool]:
    """Say which addresses are the same visitor's: the same one, in IPv6 the same network, as providers give them."""
    try:
        client = ip_address(address)
    except ValueError:
        return lambda other: other == address
    if client.version == 4:
        return lambda other: other == address
    network = ip_network((address, 64), strict=False)

    def same(other: str) -> bool:
        try:
            return ip_address(other) in network
        except ValueError:
            return False

    return same


def _expected_end(error: BaseException, path: str) -> _EndedError | None:
    """How a request ends whose client left, or whose arguments Gradio cannot read; None for any other error."""
    inner = getattr(error, "exceptions", None)  # of a group
    if inner:
        return _expected_end(inner[0], path)
    if isinstance(error, _EndedError):
        return error
    if isinstance(error, RuntimeError) and isinstance(error.__context__, FileNotFoundError):
        return _EndedError(404, DELETED)  # between Gradio's look for the file and Starlette's
    if isinstance(error, RuntimeError) and error.__cause__:  # so does Starlette wrap what comes after the first bytes
        return _expected_end(error.__cause__, path)
    kind = type(error).__name__
    if kind == "ClientDisconnect":
        return _EndedError(400, TOO_SLOW)
    if kind == "HTTPException":  # raised within a stream, where nothing can answer it any more
        return _EndedError(404, OTHERS)
    if "/call/v2/" in path and isinstance(error, KeyError | TypeError | ValueError | AttributeError):
        return _EndedError(422, BROKEN_CALL.format(reason=str(error).strip("'\"") or kind))
    return None
