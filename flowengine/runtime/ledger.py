"""Writes one call's journal without a hole: what the store could not take goes with what comes next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from flowengine.runtime.ports import StaleWriter, Store
from flowengine.runtime.rows import Entry

log = structlog.get_logger("flowengine.ledger")

WRITE_SECONDS = 2.0  # how long a call waits for its journal
MOST_WAITING = 4096  # lines; more than a long call has in an hour
AGAIN_SECONDS = 1.0


class Ledger:
    """Numbers the lines of one call. Never raises for a store that fails; the call goes on."""

    def __init__(self, store: Store, sequence: int = 0) -> None:
        self._store = store
        self.sequence = sequence  # of the last line, written or not
        self.taken_over = False  # another process writes this call's journal: nothing of ours can be added any more
        self._waiting: list[Entry] = []
        self._sending = asyncio.Lock()  # a flush may meet a write

    async def write(self, call_id: str, lines: Sequence[tuple[str, str]]) -> None:
        """The next lines as (kind, body), behind those that still wait; returns after at most two seconds."""
        self._waiting += [Entry(number, *line) for number, line in enumerate(lines, self.sequence + 1)]
        self.sequence += len(lines)
        if (lost := len(self._waiting) - MOST_WAITING) > 0:
            del self._waiting[:lost]
            log.error("journal_lines_lost", call=call_id, lines=lost)
        await self._try(call_id)

    async def ours(self, call_id: str) -> bool:
        """Asks the store whether another process has written lines of this call. A store that does not answer within
        two seconds does not stop the call."""
        if not self.taken_over:
            try:
                async with asyncio.timeout(WRITE_SECONDS), self._sending:
                    written = await self._store.journal(call_id, self.sequence - len(self._waiting))
                    self.taken_over = tuple(written) != tuple(self._waiting[: len(written)])
            except Exception as mistake:
                log.error("journal_not_looked_at", call=call_id, error=type(mistake).__name__)
        return not self.taken_over

    async def flush(self, call_id: str, seconds: float) -> bool:
        """Tries for so long to write what still waits; whether all of it is written."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        while True:
            if await self._try(call_id) or clock() >= deadline:
                return not self._waiting
            await asyncio.sleep(AGAIN_SECONDS)

    async def _try(self, call_id: str) -> bool:
        if self.taken_over:
            self._waiting.clear()
        if not self._waiting:
            return True
        try:
            async with asyncio.timeout(WRITE_SECONDS), self._sending:
                await self._send(call_id)
        except Exception as mistake:
            log.error("journal_failed", call=call_id, waiting=len(self._waiting), error=type(mistake).__name__)
        return not self._waiting

    async def _send(self, call_id: str) -> None:
        batch = tuple(self._waiting)
        try:
            await append_once(self._store.append, self._store.journal, call_id, batch)
        except StaleWriter:
            log.warning("taken_over", call=call_id)
            self.taken_over = True
        del self._waiting[: len(batch)]


async def append_once(
    append: Callable[[str, Sequence[Entry]], Awaitable[object]],
    journal: Callable[[str, int], Awaitable[Sequence[Entry]]],
    call_id: str,
    lines: Sequence[Entry],
) -> None:
    """Appends lines of which an earlier try may have been given up here and have succeeded there. Raises `StaleWriter`
    when others stand in their place."""
    try:
        await append(call_id, lines)
    except StaleWriter:
        written = await journal(call_id, lines[0].sequence - 1)
        if tuple(written) != tuple(lines[: len(written)]):
            raise
        if len(written) < len(lines):
            await append(call_id, lines[len(written) :])
