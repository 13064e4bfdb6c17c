"""News and claims inside one process; what several processes share is another bus's work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

News = Mapping[str, object]

MOST_UNREAD = 256
RELOAD: News = {"type": "reload"}


class MemoryBus:
    """Implements `ports.Bus`. Nothing here waits for a reader: who does not keep up is told to reload and dropped."""

    def __init__(self, seconds: Callable[[], float] | None = None) -> None:
        """`seconds` is a clock that never jumps; the running loop's when not given."""
        self._seconds = seconds or (lambda: asyncio.get_running_loop().time())
        self._subscribers: dict[str, set[_Subscriber]] = {}
        self._claims: dict[str, float] = {}  # name → when it expires
        self._sweep_at = 1024
        self._closed = False

    async def publish(self, topic: str, news: News) -> None:
        for subscriber in tuple(self._subscribers.get(topic, ())):
            subscriber.offer(news)

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[News]]:
        """Subscribed from the moment the context is entered; the iterator ends after a `reload` or `close()`."""
        return self._subscribed(topics)

    @asynccontextmanager
    async def _subscribed(self, topics: tuple[str, ...]) -> AsyncIterator[AsyncIterator[News]]:
        subscriber = _Subscriber()
        if self._closed:
            subscriber.end()
        for topic in topics:
            self._subscribers.setdefault(topic, set()).add(subscriber)
        try:
            yield subscriber
        finally:
            for topic in topics:
                self._leave(topic, subscriber)

    def _leave(self, topic: str, subscriber: _Subscriber) -> None:
        readers = self._subscribers.get(topic, set())
        readers.discard(subscriber)
        if not readers:
            self._subscribers.pop(topic, None)

    async def claim(self, name: str, seconds: float) -> bool:
        now = self._seconds()
        if self._claims.get(name, now) > now:
            return False
        self._claims[name] = now + seconds
        if len(self._claims) >= self._sweep_at:
            self._claims = {held: until for held, until in self._claims.items() if until > now}
            self._sweep_at = max(1024, 2 * len(self._claims))
        return True

    async def close(self) -> None:
        """Ends every subscription, so that pages let go of their connections."""
        self._closed = True
        for readers in tuple(self._subscribers.values()):
            for subscriber in tuple(readers):
                subscriber.end()


class _Subscriber(AsyncIterator[News]):
    """One reader's unread news. Waiting for the next item may be cancelled without losing it."""

    def __init__(self) -> None:
        self._unread: asyncio.Queue[News | None] = asyncio.Queue()
        self._over = False

    def offer(self, news: News) -> None:
        if self._over:
            return
        if self._unread.qsize() < MOST_UNREAD:
            self._unread.put_nowait(news)
            return
        while not self._unread.empty():  # what was missed is in the journal
            self._unread.get_nowait()
        self._unread.put_nowait(RELOAD)
        self.end()

    def end(self) -> None:
        if not self._over:
            self._over = True
            self._unread.put_nowait(None)

    async def __anext__(self) -> News:
        news = await self._unread.get()
        if news is None:
            self._unread.put_nowait(None)  # ended stays ended
            raise StopAsyncIteration
        return news
