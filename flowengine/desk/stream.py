"""Server-sent events that never hold anything up: heartbeats in silence, a limit on waiting, an end in sight."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

log = structlog.get_logger("flowengine.desk")

HEARTBEAT_SECONDS = 15.0
SEND_SECONDS = 2.0  # a browser that takes nothing for so long reconnects and is replayed what it missed
LONGEST_SECONDS = 600.0  # then the browser reconnects, which renews its session
RETRY_MILLISECONDS = 1000

BEAT = ": beat\nevent: beat\ndata: 1\n\n"  # the comment keeps proxies awake, the event tells the page that all is well
RELOAD = {"type": "reload"}


def message(data: Mapping[str, object], id: object = None) -> str:
    """One event. JSON in ASCII has no line break, whatever was said."""
    number = f"id: {id}\n" if isinstance(id, int) else ""
    return f"{number}data: {json.dumps(data, separators=(',', ':'))}\n\n"


async def with_heartbeats(
    news: AsyncIterator[Mapping[str, object]], seconds: float
) -> AsyncGenerator[Mapping[str, object] | None, None]:
    """The news, and None after each 15 s without any; ends with the news or after `seconds`."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    waiting = asyncio.ensure_future(anext(news, None))
    try:
        while (left := until - loop.time()) > 0:
            await asyncio.wait([waiting], timeout=min(HEARTBEAT_SECONDS, left))
            if not waiting.done():
                yield None
                continue
            item = waiting.result()
            if item is None:
                return
            waiting = asyncio.ensure_future(anext(news, None))
            yield item
    finally:
        waiting.cancel()


class EventStream(StreamingResponse):
    """Sends what `events` yields, each piece within 2 s; closes `events` however the connection ends."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[str, None]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._events = events

    async def stream_response(self, send: Send) -> None:
        async def patiently(message: Message) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        async with aclosing(self._events) as events:
            try:
                await patiently({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await patiently(_body(f"retry: {RETRY_MILLISECONDS}\n\n"))
                async for piece in events:
                    await patiently(_body(piece))
                await patiently(_body("", more=False))
            except TimeoutError:
                log.info("viewer_too_slow")


def _body(text: str, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}
