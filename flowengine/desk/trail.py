"""Who looked, who did, who was refused: written down without holding a page up, and never silently lost."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import replace

import structlog

from flowengine.runtime.ports import Clock, Store
from flowengine.runtime.rows import Access

log = structlog.get_logger("flowengine.desk")

PATIENCE = 0.5  # seconds a page waits for its line; then the line is written behind it
TRY_SECONDS = 5.0  # a try to write may take so long
PAUSES = (0.2, 1.0, 5.0, 15.0)  # between tries; the last is repeated
MOST_WAITING = 5_000  # lines; what does not fit goes to the log, where it is a record too
CLOSE_SECONDS = 3.0
VIEW_SECONDS = 600.0  # a live view that breaks off and comes back within so long is one view
MOST_VIEWS = 2_000
STRANGERS = 60  # refusals of unknown visitors that are written a minute; the rest is counted


class Trail:
    """Writes accesses in the order they came, one at a time; a store that fails is tried until it takes them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._waiting: deque[tuple[Access, asyncio.Future[None] | None]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._minute, self._refused = 0, 0
        self._views: OrderedDict[str, float] = OrderedDict()  # whose view of what → until when it is written already

    async def note(self, access: Access) -> None:
        """Returns when the line is written, or after half a second when the store is slow."""
        written = asyncio.get_running_loop().create_future()
        self._put(access, written)
        await asyncio.wait([written], timeout=PATIENCE)

    async def note_view(self, viewer: str, access: Access) -> None:
        """A live view: browsers reconnect, which is no new look."""
        view, now = f"{viewer} {access.flow} {access.handoff}", self._clock.monotonic()
        if self._views.get(view, now) > now:
            return
        self._views[view] = now + VIEW_SECONDS
        self._views.move_to_end(view)
        while len(self._views) > MOST_VIEWS:
            self._views.popitem(last=False)
        await self.note(access)

    def note_later(self, access: Access) -> None:
        """For callers that cannot wait."""
        self._put(access, None)

    async def note_stranger(self, access: Access) -> None:
        """The same for somebody we do not know, who may knock a thousand times a second: the surplus is one line."""
        minute = int(self._clock.monotonic() // 60)
        if minute != self._minute:
            surplus, self._minute, self._refused = self._refused - STRANGERS, minute, 0
            if surplus > 0:
                self.note_later(replace(access, call_id="", handoff="", detail=f"{surplus} more within a minute"))
        self._refused += 1
        if self._refused <= STRANGERS:
            await self.note(access)

    async def close(self) -> None:
        """Writes what waits, at most 3 s; what could not be written then goes to the log."""
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=CLOSE_SECONDS)
            self._writer.cancel()
        while self._waiting:
            _to_log(self._waiting.popleft()[0])

    def _put(self, access: Access, written: asyncio.Future[None] | None) -> None:
        if len(self._waiting) >= MOST_WAITING:
            _to_log(access)
            return
        self._waiting.append((access, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        tries = 0
        while self._waiting:
            access, written = self._waiting[0]
            try:
                async with asyncio.timeout(TRY_SECONDS):
                    await self._store.note_access(access)
            except Exception as mistake:  # whatever a store's library raises: the line stays first and is tried again
                if tries:  # the first try may come before the store has started
                    log.warning("access_waits", error=type(mistake).__name__, waiting=len(self._waiting))
                await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1
                continue
            tries = 0
            self._waiting.popleft()
            if written is not None and not written.done():
                written.set_result(None)


def _to_log(access: Access) -> None:
    """An access holds no caller's words, so the log may keep it."""
    log.error("access_not_written", flow=access.flow, at=access.at, who=access.who, what=access.what,
              call_id=access.call_id, handoff=access.handoff, detail=access.detail)  # fmt: skip
