"""Everything that is kept of one call, for an auditor: with the hashes that let it be checked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table, select, union

from flowengine.runtime.rows import CallRow, Note, Parcel, WrapUp
from flowengine.store import register
from flowengine.store.accesses import Accesses, Looked
from flowengine.store.calls import call_row
from flowengine.store.cards import Cards
from flowengine.store.chain import Head
from flowengine.store.journal import Journals, Kept
from flowengine.store.outbox import Parcels
from flowengine.store.statements import Statements
from flowengine.store.tables import accesses, calls, cards, journal, notes, parcels, trails, work, wrap_ups
from flowengine.store.texts import clean, moment
from flowengine.store.work import Afterwards, Work


@dataclass(frozen=True, slots=True)
class Record:
    """One call whole. `call` is None when its row is gone and lines of it are left."""

    call_id: str
    call: CallRow | None
    journal: Kept
    cards: Sequence[Mapping[str, object]] = ()
    work: Sequence[Mapping[str, object]] = ()
    wrap_ups: Sequence[WrapUp] = ()
    notes: Sequence[Note] = ()
    parcels: Sequence[Parcel] = ()
    accesses: Sequence[Looked] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """All accesses of a flow, and where they end."""

    flow: str
    accesses: Sequence[Looked]
    end: Head


class Records:
    def __init__(self, database: Statements, journals: Journals) -> None:
        self._do, self._journals = database, journals
        self._cards, self._work, self._afterwards = Cards(database), Work(database), Afterwards(database)
        self._parcels, self._accesses = Parcels(database), Accesses(database)

    async def flows(self) -> Sequence[str]:
        both = union(select(calls.c.flow), select(trails.c.flow))
        return sorted(row.flow for row in await self._do.read(both))

    async def call_ids(self, flow: str | None, since: str) -> Sequence[str]:
        """Oldest first. Without a flow and a time also calls of which nothing but a journal is left."""
        query = select(calls.c.call_id).order_by(calls.c.number)
        if flow is not None:
            query = query.where(calls.c.flow == flow)
        if since:
            query = query.where(self._do.instant(calls.c.started) >= moment(since))
        found = [row.call_id for row in await self._do.read(query)]
        if flow is not None or since:
            return found
        lost = select(journal.c.call_id).where(journal.c.call_id.not_in(select(calls.c.call_id))).distinct()
        return [*found, *sorted(row.call_id for row in await self._do.read(lost))]

    async def vanished(self, flow: str | None) -> Sequence[str]:
        told = accesses.c.what == register.ENDED, accesses.c.call_id != ""
        query = select(accesses.c.call_id).where(*told, accesses.c.call_id.not_in(select(calls.c.call_id))).distinct()
        query = query.where(accesses.c.call_id.not_in(select(journal.c.call_id)))
        rows = await self._do.read(query if flow is None else query.where(accesses.c.flow == flow))
        return sorted(row.call_id for row in rows)

    async def record(self, call_id: str) -> Record | None:
        """A line that cannot be decrypted says so; other rows that cannot are left out, and counted in the log."""
        row = await self._do.one(select(calls).where(calls.c.call_id == clean(call_id)))
        kept = await self._journals.kept(call_id)
        if row is None and not kept.lines:
            return None
        return Record(
            call_id,
            call_row(row) if row else None,
            kept,
            await self._do.readable(await self._of(cards, call_id), self._cards.shown),
            await self._do.readable(await self._of(work, call_id), self._work.item),
            await self._wrap_ups(call_id),
            await self._do.readable(await self._of(notes, call_id), self._afterwards.note),
            await self._do.readable(await self._of(parcels, call_id), self._parcels.read),
            await self._accesses.of_call(call_id),
        )

    async def trail(self, flow: str) -> Trail:
        return Trail(flow, await self._accesses.trail(flow), await self._accesses.end(flow))

    async def _of(self, table: Table, call_id: str) -> Sequence[Row[Any]]:
        return await self._do.read(select(table).where(table.c.call_id == clean(call_id)).order_by(table.c.number))

    async def _wrap_ups(self, call_id: str) -> Sequence[WrapUp]:
        query = select(wrap_ups.c.handoff).where(wrap_ups.c.call_id == clean(call_id)).order_by(wrap_ups.c.handoff)
        return list((await self._afterwards.wrap_ups([row.handoff for row in await self._do.read(query)])).values())
