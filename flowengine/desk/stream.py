"""Server-sent events that never hold anything up: heartbeats in silence, a limit on waiting, an end in sight."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from weakref import WeakKeyDictionary

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from flowengine.runtime.handles import most_pages

log = structlog.get_logger("flowengine.desk")

HEARTBEAT_SECONDS = 15.0
SEND_SECONDS = 2.0  # a browser that takes nothing for so long reconnects and is replayed what it missed
LONGEST_SECONDS = 600.0  # then the browser reconnects, which renews its session
RETRY_MILLISECONDS = 1000, 3000  # so that not every screen comes back at the same moment
CHECK_SECONDS = 8.0  # at most, between two looks whether a viewer still may look
MOST_VIEWERS = 800  # of one process, if it has the file handles for them
AT_ONCE = 16  # viewers that are told something before everything else has its turn

BEAT = ": beat\nevent: beat\ndata: 1\n\n"  # the comment keeps proxies awake, the event tells the page that all is well
RELOAD = {"type": "reload"}


def message(data: Mapping[str, object], id: object = None) -> str:
    """One event. JSON in ASCII has no line break, whatever was said; an `id` is a number or a token of ours."""
    number = f"id: {id}\n" if isinstance(id, int | str) else ""
    return f"{number}data: {json.dumps(data, separators=(',', ':'))}\n\n"


class Turns:
    """Lets few at a time through: hundreds of viewers who are all told of a line would keep a frame of audio waiting
    for longer than it lasts, for both are carried on one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._left, self._waiting = loop, AT_ONCE, deque[asyncio.Future[None]]()
        self._next: asyncio.Handle | None = None

    async def take(self) -> None:
        if self._next is None:
            self._next = self._loop.call_soon(self._round)
        if self._left > 0 and not self._waiting:
            self._left -= 1
            return
        mine: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(mine)
        await mine

    def _round(self) -> None:
        """One turn of the loop later: the next few."""
        self._left = AT_ONCE
        while self._waiting and self._left > 0:
            mine = self._waiting.popleft()
            if not mine.done():  # whoever waited may be gone
                mine.set_result(None)
                self._left -= 1
        self._next = self._loop.call_soon(self._round) if self._left < AT_ONCE else None


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """Those of the running loop, which all pages share."""
    loop = asyncio.get_running_loop()
    return _turns.get(loop) or _turns.setdefault(loop, Turns(loop))


class Viewers:
    """Counts who looks, for whoever may look may open a thousand pages; and knows whether the store answered when it
    was last asked whether one of them still may."""

    def __init__(self) -> None:
        self._looking = 0
        self._handles = most_pages()
        self.store_answers = True

    @property
    def full(self) -> bool:
        return self._looking >= min(MOST_VIEWERS, self._handles)

    async def counted(self, events: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """The same events, one viewer more until they end."""
        self.store_answers = self.store_answers or self._looking == 0  # what was so when the last one left is old
        self._looking += 1
        try:
            async with aclosing(events):
                async for piece in events:
                    yield piece
        finally:
            self._looking -= 1


async def with_heartbeats(
    news: AsyncIterator[Mapping[str, object]], seconds: float
) -> AsyncGenerator[Mapping[str, object] | None, None]:
    """The news, and None after each 15 s without any; ends with the news or after `seconds`. Waiting for the next item
    is given up and taken up again, which `ports.Bus` allows."""
    loop, fair = asyncio.get_running_loop(), turns()
    until = loop.time() + seconds
    while (left := until - loop.time()) > 0:
        try:
            async with asyncio.timeout(min(HEARTBEAT_SECONDS, left)):
                item = await anext(news)
        except TimeoutError:
            yield None
        except StopAsyncIteration:
            return
        else:
            await fair.take()
            yield item


async def _always() -> bool:
    return True


class EventStream(StreamingResponse):
    """Sends what `events` yields, each piece within 2 s, for as long as `holds` says that this viewer may look; closes
    `events` however the connection ends."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[str, None], holds: Callable[[], Awaitable[bool]] = _always) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._events, self._holds = events, holds

    async def stream_response(self, send: Send) -> None:
        async def patiently(message: Message) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        async with aclosing(self._events) as events:
            try:
                async with asyncio.timeout(None) as allowed:
                    watch = asyncio.create_task(self._watch(allowed))
                    try:
                        await patiently({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                        await patiently(_body(f"retry: {random.randint(*RETRY_MILLISECONDS)}\n\n"))
                        async for piece in events:
                            await patiently(_body(piece))
                        await patiently(_body("", more=False))
                    finally:
                        watch.cancel()
            except TimeoutError:
                if allowed.expired():
                    await patiently(_body("", more=False))
                else:
                    log.info("viewer_too_slow")

    async def _watch(self, allowed: asyncio.Timeout) -> None:
        """Ends the stream soon after the viewer's leave was taken back."""
        while await self._holds():  # noqa: ASYNC110  # the store is asked; nobody announces it
            await asyncio.sleep(random.uniform(0.5, 1.0) * CHECK_SECONDS)  # not for all viewers at one moment
        allowed.reschedule(asyncio.get_running_loop().time())


def _body(text: str, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}
