"""Empties what was said when its time is over, and forgets whole calls later; the chains stand all the while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, and_, bindparam, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flowengine.runtime.ports import CannotDecrypt
from flowengine.store import register
from flowengine.store.accesses import EMPTIED, Accesses
from flowengine.store.blanking import card_that_stays, fields_that_stay, what_stays
from flowengine.store.chain import digest_of_rest
from flowengine.store.journal import Journals, opened
from flowengine.store.statements import Statements, in_turns
from flowengine.store.tables import accesses, calls, cards, journal, notes, parcels, work, wrap_ups
from flowengine.store.texts import clean, moment

LONGEST_CALL = timedelta(days=1)  # one without an end that is older than this never got one: a process died
EMPTIED_PARCEL = "emptied by retention before it was delivered"
_OF_A_CALL = (journal, cards, work, notes, wrap_ups, parcels, calls)


class Retention:
    def __init__(self, database: Statements, journals: Journals) -> None:
        self._do, self._journals, self._accesses = database, journals, Accesses(database)

    async def to_blank(self, flow: str, before: str, limit: int) -> Sequence[str]:
        left = or_(calls.c.blanked.is_(None), calls.c.blanked_lines < calls.c.lines)
        return await self._over(flow, before, limit, left)

    async def to_forget(self, flow: str, before: str, limit: int) -> Sequence[str]:
        return await self._over(flow, before, limit)

    async def _over(self, flow: str, before: str, limit: int, *only: Any) -> Sequence[str]:
        started = self._do.instant(calls.c.started)
        never_ended = started < _earlier(moment(before))
        ended = or_(calls.c.outcome.is_not(None), never_ended)
        query = select(calls.c.call_id).where(calls.c.flow == flow, started < moment(before), ended, *only)
        return [row.call_id for row in await self._do.read(query.order_by(started, calls.c.number).limit(limit))]

    async def blank(self, call_id: str, at: str) -> int:
        return await self._do.change(lambda connection: self._blank(connection, clean(call_id), at))

    async def _blank(self, connection: AsyncConnection, call_id: str, at: str) -> int:
        lines = select(journal).where(journal.c.call_id == call_id).order_by(journal.c.sequence)
        rows = (await connection.execute(lines)).all()
        rest = [(row.sequence, row.kind, self._rest(row)) async for row in in_turns(rows)]
        fresh = {row.sequence for row in rows if not row.blank}
        if fresh:
            await connection.execute(_EMPTY_LINE, [_new_line(call_id, n, body) for n, _, body in rest if n in fresh])
        await self._blank_beside(connection, call_id)
        digest, of_call = digest_of_rest(rest), calls.c.call_id == call_id
        call = (await connection.execute(select(calls).where(of_call))).first()
        stone = {"blanked": at, "blanked_lines": len(rows), "blanked_digest": digest, "caller": ""}
        await connection.execute(update(calls).where(of_call).values(**stone))
        if call is not None and call.blanked_digest != digest:
            entry = register.emptied_entry(call.flow, call_id, call.started, digest)
            await self._accesses.note_in(connection, entry)
        return len(fresh)

    def _rest(self, row: Row[Any]) -> str:
        """A line that cannot be decrypted keeps nothing: its words go all the same."""
        if row.blank:
            return str(row.body)
        try:
            return what_stays(opened(self._do.vault, row)[1])
        except CannotDecrypt:
            return "{}"

    async def _blank_beside(self, connection: AsyncConnection, call_id: str) -> None:
        """Cards, work, notes and parcels of a call."""
        for row in await _rows(connection, cards, call_id):
            await _set(connection, cards, row.number, card=self._do.seal(card_that_stays(self._opened(row.card))))
        for row in await _rows(connection, work, call_id):
            await _set(connection, work, row.number, fields=self._do.seal(fields_that_stay(self._opened(row.fields))))
        for row in await _rows(connection, notes, call_id):
            await _set(connection, notes, row.number, text=self._do.seal({"text": ""}))
        nothing = self._do.seal({})
        await connection.execute(update(parcels).where(parcels.c.call_id == call_id).values(data=nothing))
        waiting = and_(parcels.c.call_id == call_id, parcels.c.state == "waiting")
        await connection.execute(update(parcels).where(waiting).values(state="dead", error=EMPTIED_PARCEL))

    def _opened(self, stored: str) -> dict[str, object]:
        try:
            return self._do.unseal(stored)
        except CannotDecrypt:
            return {}

    async def forget(self, call_id: str) -> None:
        """The call and everything about it. Accesses of it keep only what happened: their chain is the flow's."""
        self._journals.forget(call_id)
        await self._do.change(lambda connection: self._forget(connection, clean(call_id)))

    async def _forget(self, connection: AsyncConnection, call_id: str) -> None:
        call = (await connection.execute(select(calls).where(calls.c.call_id == call_id))).first()
        await connection.execute(update(accesses).where(accesses.c.call_id == call_id).values(**EMPTIED))
        for table in _OF_A_CALL:
            await connection.execute(delete(table).where(table.c.call_id == call_id))
        if call is not None:
            await self._accesses.note_in(connection, register.forgotten_entry(call.flow, call.started))


_EMPTY_LINE = (
    update(journal)
    .where(journal.c.call_id == bindparam("call"), journal.c.sequence == bindparam("line"))
    .values(body=bindparam("rest"), salt=None, blank=True)
)


def _new_line(call_id: str, sequence: int, rest: str) -> dict[str, object]:
    return {"call": call_id, "line": sequence, "rest": rest}


async def _rows(connection: AsyncConnection, table: Table, call_id: str) -> Sequence[Row[Any]]:
    return (await connection.execute(select(table).where(table.c.call_id == call_id))).all()


async def _set(connection: AsyncConnection, table: Table, number: int, **values: str) -> None:
    await connection.execute(update(table).where(table.c.number == number).values(**values))


def _earlier(before: str) -> str:
    """A day earlier; nothing is before a time that cannot be read."""
    try:
        return (datetime.fromisoformat(before) - LONGEST_CALL).isoformat()
    except (ValueError, OverflowError):
        return ""
