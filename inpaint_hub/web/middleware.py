"""What the page's addresses refuse before Gradio answers: other hosts, events beside the endpoints. Knows no Gradio."""

from __future__ import annotations

import re
from typing import Any

ENDPOINTS = "fill", "compare"
OTHERS = "Two endpoints answer here, /fill and /compare."
BACKSTAGE = "dev/", "vibe", "undo-vibe", "process_recording", "deep_link"  # Gradio's, for those who develop a page
OUTSIDE = "Files come as uploads; this page fetches nothing from other places."


class Guard:
    """Refuses what Gradio would fetch from other hosts, or run and keep open beside the endpoints.

    No browser guesses a file type.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"x-content-type-options", b"nosniff")]
            await send(message)

        sentence = refused(scope["path"]) if scope["type"] == "http" else None
        if sentence:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": sentence.encode()})
        else:
            await self.app(scope, receive, guarded if scope["type"] == "http" else send)


def refused(path: str) -> str | None:
    """Why nothing answers at this path of an address, if that is so."""
    if re.search(r"/(file|stream|proxy)=/*\w+:/", path):
        return OUTSIDE
    if re.search(rf"/gradio_api/+({'|'.join(BACKSTAGE)})", path):
        return OTHERS
    called = re.search(r"/call/+(?:v2/+)?([^/]*)", path)
    return OTHERS if called and called[1] not in ENDPOINTS else None
