"""Mistakes of ours that nobody caught, told without a value: the text of an exception may hold a caller's words."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger("flowengine.mistakes")

FRAMES = 6

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def where(mistake: BaseException) -> dict[str, object]:
    """What failed and where, without a value."""
    return {"error": type(mistake).__name__, "at": places(traceback.extract_tb(mistake.__traceback__), FRAMES)}


def places(stack: traceback.StackSummary, most: int) -> list[str]:
    """Files and lines, innermost last; no value of anything."""
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in stack[-most:]]


def told_by_loop(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """For `loop.set_exception_handler`: the loop's own would print the exception with its text, and tasks with their
    arguments."""
    mistake = context.get("exception")
    log.error(
        "loop_complains", what=str(context.get("message", "")).partition(" (")[0], **where(mistake or Exception())
    )


class Caught:
    """Around an ASGI app: a route that fails answers 500 and leaves a line without a value or a path (a path may be a
    secret link). The server behind it would print the whole exception."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":  # who starts the server is to see why it does not start
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] in ("http.response.start", "websocket.accept")
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as mistake:
            log.error("route_failed", **where(mistake))
            await self._sorry(scope["type"], begun, send)

    async def _sorry(self, kind: str, begun: bool, send: Send) -> None:
        if kind == "websocket":
            await send({"type": "websocket.close", "code": 1011})
        elif kind == "http" and not begun:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": b"Something went wrong here. Please try again."})
        elif kind == "http":
            raise ConnectionError("broken off") from None  # the server closes the connection: half a page is none
