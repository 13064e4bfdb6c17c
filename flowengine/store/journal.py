"""The journals: every call's lines in order, chained by their hashes, and checked again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from flowengine.runtime.ports import CannotDecrypt, StaleWriter
from flowengine.runtime.rows import Entry, Verdict
from flowengine.store import register
from flowengine.store.accesses import Accesses
from flowengine.store.chain import SALT_BYTES, Head, Line, Stone, beginning, check_journal, extend, journal_of
from flowengine.store.statements import Statements, in_turns
from flowengine.store.tables import calls, journal
from flowengine.store.texts import clean
from flowengine.store.vault import Vault

MOST_REMEMBERED = 4096  # calls whose last line we know without asking
_SALT_LETTERS = 2 * SALT_BYTES
_number = journal.c.sequence


@dataclass(frozen=True, slots=True)
class Known:
    """Where a journal ends, and whether its call is over (then its row says so too)."""

    head: Head
    closed: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A journal with all that its verification needs. `end` and `outcome` are None while the call runs."""

    lines: Sequence[Line]
    end: Head | None
    stone: Stone | None
    outcome: str | None = None


class Journals:
    def __init__(self, database: Statements) -> None:
        self._do, self._accesses = database, Accesses(database)
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        """All or none. Numbers that follow each other, after the last there is: else `StaleWriter`.

        A hole before the first of them is let be: the lines in it could not be written (the session says so in the
        log), and losing all later ones too would help nobody. `verify` reports it.
        """
        if entries:
            await self._do.whole(self._append(call_id, entries))

    async def _append(self, call_id: str, entries: Sequence[Entry]) -> None:
        first, lock = entries[0].sequence, self._lock(call_id)
        async with lock:
            known = self._known.get(call_id)
            try:
                async with self._do.transaction() as connection:
                    if known is None or known.head.sequence + 1 != first:
                        known = await _last(connection, call_id)
                    known = await self._write(connection, call_id, known, entries)
            except (IntegrityError, StaleWriter):
                self._known.pop(call_id, None)
                raise StaleWriter(call_id) from None
            self._remember(call_id, known)

    async def _write(self, connection: AsyncConnection, call_id: str, known: Known, entries: Sequence[Entry]) -> Known:
        first = entries[0].sequence
        in_order = [entry.sequence for entry in entries] == list(range(first, first + len(entries)))
        if first <= known.head.sequence or not in_order:
            raise StaleWriter(call_id)
        start = Head(first - 1, known.head.hash)
        lines = list(extend(start, ((entry.kind, clean(entry.body)) for entry in entries)))
        await connection.execute(insert(journal), [_stored(self._do.vault, call_id, line) for line in lines])
        end = Head(lines[-1].sequence, lines[-1].hash)
        if known.closed:  # late news of a call that is over: it ends there now
            await connection.execute(_ends(call_id, end))
            await self._enter(connection, call_id, end, late=True)
        return Known(end, known.closed)

    async def close(self, call_id: str, outcome: str) -> None:
        """The outcome, and where the journal ends: from now on a cut tail shows, and a call that is gone."""
        await self._do.whole(self._close(call_id, outcome))

    async def _close(self, call_id: str, outcome: str) -> None:
        lock = self._lock(call_id)
        async with lock:
            async with self._do.transaction() as connection:
                known = await _last(connection, call_id)
                await connection.execute(_ends(call_id, known.head).values(outcome=outcome))
                if not known.closed:
                    await self._enter(connection, call_id, known.head)
            self._remember(call_id, Known(known.head, True))

    async def _enter(self, connection: AsyncConnection, call_id: str, end: Head, *, late: bool = False) -> None:
        """In the register; nothing when the call has no row: it could not be opened."""
        call = (await connection.execute(select(calls).where(calls.c.call_id == call_id))).first()
        if call is None:
            return
        entry = register.went_on_entry if late else partial(register.end_entry, outcome=call.outcome)
        await self._accesses.note_in(connection, entry(call.flow, call_id, call.started, end))

    async def read(self, call_id: str, after: int, limit: int | None = None) -> Sequence[Entry]:
        wanted = select(journal).where(journal.c.call_id == clean(call_id), _number > after)
        rows = await self._do.read(wanted.order_by(_number).limit(limit))
        vault = self._do.vault
        return [Entry(row.sequence, row.kind, opened(vault, row)[1], row.blank) async for row in in_turns(rows)]

    async def kept(self, call_id: str) -> Kept:
        """The chain as it stands; a line that cannot be decrypted says so in `problem`."""
        rows = await self._do.read(select(journal).where(journal.c.call_id == clean(call_id)).order_by(_number))
        call = await self._do.one(select(calls).where(calls.c.call_id == clean(call_id)))
        lines = [_line(self._do.vault, row) async for row in in_turns(rows)]
        end = Head(call.lines, call.head) if call and call.lines is not None else None
        stone = Stone(call.blanked, call.blanked_digest) if call and call.blanked else None
        return Kept(lines, end, stone, (call.outcome or "") if call and end else None)

    async def verify(self, call_id: str) -> Verdict:
        """The chain, and that it goes together with what the register says."""
        kept, entry = await self.kept(call_id), await self._accesses.entered(call_id)
        verdict = check_journal(call_id, kept.lines, [kept.end, *entry.ends] if kept.end else entry.ends, kept.stone)
        if not verdict.broken and (why := register.doubt(entry, kept.outcome, kept.stone)):
            return replace(verdict, broken=1, why=why)
        return verdict

    def _lock(self, call_id: str) -> asyncio.Lock:
        """Appending to a call and closing it take turns: else its end could be noted a line too early."""
        return self._locks.setdefault(call_id, asyncio.Lock())

    def _remember(self, call_id: str, known: Known) -> None:
        self._known[call_id] = known
        self._known.move_to_end(call_id)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, call_id: str) -> None:
        self._known.pop(call_id, None)


def opened(vault: Vault, row: Row[Any]) -> tuple[str | None, str]:
    """(salt, body) of a stored line. Raises `CannotDecrypt`."""
    if row.blank or row.salt is not None:
        return row.salt, row.body
    text = vault.open(row.body)
    return text[:_SALT_LETTERS], text[_SALT_LETTERS:]


def _stored(vault: Vault, call_id: str, line: Line) -> dict[str, object]:
    salt, body = line.salt or "", line.body or ""
    row = {"call_id": call_id, "sequence": line.sequence, "kind": line.kind, "digest": line.digest, "hash": line.hash}
    if vault.locked:  # the salt too: with it, whoever reads the database could try out what a short line said
        return {**row, "salt": None, "body": vault.seal(salt + body)}
    return {**row, "salt": salt, "body": body}


def _line(vault: Vault, row: Row[Any]) -> Line:
    if row.blank:
        return Line(row.sequence, row.kind, row.digest, row.hash, rest=row.body)
    try:
        salt, body = opened(vault, row)
    except CannotDecrypt as why:
        return Line(row.sequence, row.kind, row.digest, row.hash, problem=f"line {row.sequence}: {why}")
    return Line(row.sequence, row.kind, row.digest, row.hash, body, salt)


async def _last(connection: AsyncConnection, call_id: str) -> Known:
    last = select(journal.c.sequence, journal.c.hash).where(journal.c.call_id == call_id)
    row = (await connection.execute(last.order_by(_number.desc()).limit(1))).first()
    call = (await connection.execute(select(calls.c.lines).where(calls.c.call_id == call_id))).first()
    head = Head(row.sequence, row.hash) if row else beginning(journal_of(call_id))
    return Known(head, call is not None and call.lines is not None)


def _ends(call_id: str, end: Head) -> Any:
    return update(calls).where(calls.c.call_id == call_id).values(lines=end.sequence, head=end.hash)
