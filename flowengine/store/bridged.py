"""The store across an outage of its database: what a call must keep goes to the local disk meanwhile, and into the
database in the same order when it is back, also when this process died in between (reliability.md F27).

What staff do on a page is not bridged: they see that it did not work, and do it again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import msgspec
import structlog
from sqlalchemy import exc

from flowengine.runtime.ledger import append_once
from flowengine.runtime.ports import CannotDecrypt
from flowengine.runtime.rows import Access, CallRow, Entry, Parcel
from flowengine.store.spool import MOST_BYTES, Spool, SpoolFull
from flowengine.store.sql import SqlStore
from flowengine.store.vault import Vault

log = structlog.get_logger("flowengine.store")

TRY_SECONDS = 1.0  # a call waits so long for the database, once; then for the disk
REPLAY_SECONDS = 60.0  # nobody waits for what is written from the disk
PAUSES = (0.5, 1.0, 2.0, 5.0)  # seconds between tries; the last is repeated
BATCH_BYTES = 256 * 1024
_OUTAGE = (OSError, TimeoutError, exc.TimeoutError, exc.OperationalError, exc.InterfaceError, exc.InternalError)

Job = tuple[str, list[Any]]  # what is to be done, and with what
Does = Callable[..., Awaitable[object]]
_ARGUMENTS: Mapping[str, Any] = {
    "open_call": tuple[CallRow, str],
    "append": tuple[str, list[Entry]],
    "close_call": tuple[str, str],
    "save_card": tuple[str, str, str, dict[str, Any], str],
    "save_parcel": tuple[Parcel],
    "note_access": tuple[Access],
}


class BridgedStore(SqlStore):
    """`SqlStore` whose writes for calls do not fail while the spool has room."""

    def __init__(self, url: str, vault: Vault, folder: Path, most: int = MOST_BYTES) -> None:
        super().__init__(url, vault)
        self._folder, self._most = folder, most
        self._spool: Spool | None = None  # there is one during an outage only
        self._full = False
        self._behind: set[str] = set()  # calls of which lines are in the spool
        self._turns = asyncio.Lock()  # at the spool
        self._draining: asyncio.Task[None] | None = None
        self._do: Mapping[str, Does] = {
            "open_call": lambda row, caller: SqlStore.open_call(self, row, caller=caller),
            "append": super().append,
            "close_call": super().close_call,
            "save_card": super().save_card,
            "save_parcel": super().save_parcel,
            "note_access": super().note_access,
        }

    # ---- the writes that are bridged ---------------------------------------------------------------------------------

    async def open_call(self, row: CallRow, *, caller: str = "") -> None:
        await self._keep("open_call", row, caller)

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        await self._keep("append", call_id, entries)

    async def close_call(self, call_id: str, outcome: str) -> None:
        await self._keep("close_call", call_id, outcome)

    async def save_card(self, handoff: str, call_id: str, flow: str, card: Mapping[str, object], at: str) -> None:
        await self._keep("save_card", handoff, call_id, flow, card, at)

    async def save_parcel(self, parcel: Parcel) -> bool:
        return await self._keep("save_parcel", parcel) is not False

    async def note_access(self, access: Access) -> None:
        await self._keep("note_access", access)

    def backlog(self) -> float:
        return 1.0 if self._full else min(1.0, self._spool.size / self._most) if self._spool else 0.0

    async def caught_up(self, call_id: str) -> None:
        if self._draining is not None and call_id in self._behind:
            await asyncio.wait([self._draining])

    # ---- the database first, then the disk ---------------------------------------------------------------------------

    async def _keep(self, what: str, *values: object) -> object:
        """The database's answer; None when it is on the disk. Raises `SpoolFull`, and what is not an outage."""
        if self._draining is None:
            try:
                async with asyncio.timeout(TRY_SECONDS):
                    return await self._do[what](*values)
            except _OUTAGE as mistake:
                log.error("store_out_of_reach", error=type(mistake).__name__)
        line = self._database.vault.seal(json.dumps([what, msgspec.to_builtins(values)], separators=(",", ":")))
        if what in ("append", "close_call"):
            self._behind.add(str(values[0]))
        await self._database.whole(self._to_disk(line))
        return None

    async def _to_disk(self, line: str) -> None:
        async with self._turns:
            if self._draining is None:
                self._draining = asyncio.create_task(self._drain())
            try:
                if self._spool is None:
                    self._spool = await asyncio.to_thread(Spool.new, self._folder, self._most)
                await asyncio.to_thread(self._spool.put, line)
            except SpoolFull as why:
                if not self._full:
                    log.error("spool_full", why=str(why))
                self._full = True
                raise

    # ---- back into the database --------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Until nothing is left on the disk; from then on the database is asked first again."""
        while True:
            await self._answers()
            try:
                if self._spool is not None:
                    await self._replay(self._spool, PAUSES)
            except Exception as mistake:  # the disk: without this task nothing would ever leave the spool
                log.error("spool_not_replayed", error=type(mistake).__name__)
                continue
            async with self._turns:
                if self._spool is None or self._spool.over:
                    if self._spool is not None:
                        await asyncio.to_thread(self._spool.remove)
                    self._spool, self._full, self._draining = None, False, None
                    self._behind.clear()
                    log.warning("store_is_back")
                    return

    async def _answers(self) -> None:
        """When the database takes something again: a full disk can still be read."""
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            await asyncio.sleep(pause)
            try:
                async with asyncio.timeout(REPLAY_SECONDS):
                    return await self.revoke("the store tries itself", "")
            except Exception as mistake:
                log.warning("store_still_out_of_reach", error=type(mistake).__name__)

    async def _replay(self, spool: Spool, pauses: Sequence[float]) -> None:
        """Everything in it. Without pauses to make, an outage is the caller's."""
        while True:
            lines, until = await asyncio.to_thread(spool.front, BATCH_BYTES)
            if not lines:
                return
            for what, values in _together([self._job(line) for line in lines]):
                await self._again(what, values, pauses)
            spool.done(until)

    async def _again(self, what: str, values: Sequence[Any], pauses: Sequence[float]) -> None:
        tries = 0
        while True:
            try:
                async with asyncio.timeout(REPLAY_SECONDS):
                    await self._do_again(what, values)
            except _OUTAGE:
                if not pauses:
                    raise
                await asyncio.sleep(pauses[min(tries, len(pauses) - 1)])
                tries += 1
                continue
            except Exception as mistake:  # it is there already, or another process has taken the call over
                log.warning("not_taken_from_spool", what=what, error=type(mistake).__name__)
            return

    async def _do_again(self, what: str, values: Sequence[Any]) -> None:
        if what == "append":
            await append_once(self._do["append"], self.journal, *values)
        else:
            await self._do[what](*values)

    def _job(self, line: str) -> Job:
        what, values = json.loads(self._database.vault.open(line))
        return what, list(msgspec.convert(values, _ARGUMENTS[what]))

    # ---- from start to end -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Before anything is read: what a process that died in an outage has left."""
        await super().start()
        for left in await asyncio.to_thread(lambda: list(Spool.left(self._folder))):
            try:
                await self._replay(left, ())
            except (CannotDecrypt, ValueError, LookupError) as mistake:
                log.error("spool_not_read", file=left.path.name, error=type(mistake).__name__)
                left.leave()
            else:
                await asyncio.to_thread(left.remove)

    async def close(self) -> None:
        """What the database has not taken by now is left to the next process."""
        if self._draining is not None:
            await asyncio.wait([self._draining], timeout=TRY_SECONDS)
            self._draining.cancel()
        await super().close()
        if self._spool is not None:
            self._spool.leave()


def _together(jobs: Sequence[Job]) -> list[Job]:
    """Lines of one call in one go, though other calls' stand between them: an insert may take seconds. Only the end of
    a call parts its lines from later ones."""
    merged: list[Job] = []
    lines: dict[str, list[Entry]] = {}  # of calls that more lines may join
    for what, values in jobs:
        if what == "append" and values[0] in lines:
            lines[values[0]] += values[1]
            continue
        if what == "append":
            lines[values[0]] = values[1]
        elif what == "close_call":
            lines.pop(values[0], None)
        merged.append((what, values))
    return merged
