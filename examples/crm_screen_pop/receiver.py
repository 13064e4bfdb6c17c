"""Takes what a flowengine receptionist posts, verifies it, and shows the newest on a page as it happens.

pip install standardwebhooks starlette uvicorn
WEBHOOK_SECRET=whsec_… python receiver.py
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import uvicorn
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

HERE = Path(__file__).parent
MOST_BODY = 256 * 1024  # bytes
REMEMBERED = 1000  # ids; the same event may come again for a day
BEAT_SECONDS = 15.0
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Screen:
    """The newest event, and whoever waits for the next."""

    def __init__(self) -> None:
        self.newest, self.number = "", 0
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._changed = asyncio.Event()

    def show(self, id: str, event: str) -> None:
        """Once for each id. JSON has no line breaks of its own here, so that it is one line of the stream."""
        if id in self._seen:
            return
        self._seen[id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        self.newest, self.number = event, self.number + 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def events(self) -> AsyncIterator[str]:
        known = 0
        while True:
            changed = self._changed
            if self.number > known:
                known = self.number
                yield f"data: {self.newest}\n\n"
            try:
                await asyncio.wait_for(changed.wait(), BEAT_SECONDS)
            except TimeoutError:
                yield ": still here\n\n"


def verified(secrets: list[str], body: bytes, headers: Mapping[str, str]) -> bool:
    """With two secrets, while one replaces the other, either will do."""
    for secret in secrets:
        try:
            Webhook(secret).verify(body, dict(headers))
            return True
        except (WebhookVerificationError, ValueError):
            continue
    return False


def application(secrets: list[str]) -> Starlette:
    screen = Screen()

    async def take(request: Request) -> Response:
        """Verify, remember, answer: anything slow would have to happen after the answer."""
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BODY:
                    return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        if not verified(secrets, bytes(body), request.headers):
            return Response(status_code=401)
        screen.show(request.headers["webhook-id"], " ".join(body.decode().splitlines()))
        return Response(status_code=204)

    async def events(request: Request) -> Response:
        return StreamingResponse(screen.events(), media_type="text/event-stream", headers=HEADERS)

    def page(name: str) -> Route:
        async def send(request: Request) -> Response:
            return FileResponse(HERE / name, headers=HEADERS)

        return Route("/" if name == "page.html" else f"/{name}", send)

    pages = [page(name) for name in ("page.html", "page.js", "page.css")]
    return Starlette(routes=[*pages, Route("/events", events), Route("/hooks", take, methods=["POST"])])


if __name__ == "__main__":
    if not (secrets := os.environ.get("WEBHOOK_SECRET", "").split()):
        sys.exit("Set WEBHOOK_SECRET to the whsec_… that flowengine signs with (see README.md).")
    uvicorn.run(
        application(secrets),
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8100")),
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
