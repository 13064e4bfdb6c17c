"""Encrypts what is kept with the key of today: after it an older key, or none, need not be known any more.

In small batches beside running calls, and as often as wanted: what has the key already is passed over.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Row, Table, and_, or_, select, update

from flowengine.runtime.ports import CannotDecrypt
from flowengine.store.journal import opened
from flowengine.store.statements import Statements
from flowengine.store.tables import calls, cards, journal, notes, parcels, work

BATCH = 100  # rows read at a time
_SEALED: tuple[tuple[Table, Column[Any]], ...] = (
    (cards, cards.c.card),
    (work, work.c.fields),
    (notes, notes.c.text),
    (parcels, parcels.c.data),
)


@dataclass(slots=True)
class Rotated:
    """Texts that were encrypted anew, and those that no key of ours opens."""

    anew: int = 0
    unreadable: int = 0


class Rotation:
    def __init__(self, database: Statements) -> None:
        self._do = database

    async def run(self) -> Rotated:
        """Raises `ValueError` where there is no key to encrypt with."""
        if not self._do.vault.locked:
            raise ValueError("there is no key to encrypt with: set FLOWENGINE_ENCRYPTION_KEY")
        rotated = Rotated()
        await self._journals(rotated)
        for table, column in _SEALED:
            await self._column(table, column, rotated)
        return rotated

    async def readable(self) -> bool:
        """Whether the latest line that is kept can be read: else the keys are not those of this database."""
        newest = select(journal).join(calls, calls.c.call_id == journal.c.call_id).where(journal.c.blank.is_(False))
        row = await self._do.one(newest.order_by(calls.c.number.desc(), journal.c.sequence.desc()).limit(1))
        try:
            return row is None or bool(opened(self._do.vault, row))
        except CannotDecrypt:
            return False

    async def _journals(self, rotated: Rotated) -> None:
        call_id, sequence = "", 0
        while True:
            later = or_(journal.c.call_id > call_id, and_(journal.c.call_id == call_id, journal.c.sequence > sequence))
            query = select(journal).where(later, journal.c.blank.is_(False))
            rows = await self._do.read(query.order_by(journal.c.call_id, journal.c.sequence).limit(BATCH))
            if not rows:
                return
            for row in rows:
                await self._line(row, rotated)
            call_id, sequence = rows[-1].call_id, rows[-1].sequence
            await asyncio.sleep(0)

    async def _line(self, row: Row[Any], rotated: Rotated) -> None:
        vault = self._do.vault
        if row.salt is None and vault.is_fresh(row.body):
            return
        try:
            salt, body = opened(vault, row)
        except CannotDecrypt:
            rotated.unreadable += 1
            return
        same = and_(journal.c.call_id == row.call_id, journal.c.sequence == row.sequence, journal.c.body == row.body)
        changed = update(journal).where(same).values(body=vault.seal(f"{salt or ''}{body}"), salt=None)
        rotated.anew += await self._do.write(changed)
        if row.kind == "CallArrived":
            await self._mark(row.call_id, body)

    async def _mark(self, call_id: str, arrival: str) -> None:
        """The caller is known again by the key of today, unless the mark was emptied."""
        caller = json.loads(arrival).get("caller", "")
        marked = and_(calls.c.call_id == call_id, calls.c.caller.is_not(None), calls.c.caller != "")
        await self._do.write(update(calls).where(marked).values(caller=self._do.vault.mark(caller)))

    async def _column(self, table: Table, column: Column[Any], rotated: Rotated) -> None:
        number = 0
        while True:
            query = select(table.c.number, column.label("stored")).where(table.c.number > number)
            rows = await self._do.read(query.order_by(table.c.number).limit(BATCH))
            if not rows:
                return
            for row in rows:
                if not self._do.vault.is_fresh(row.stored):
                    await self._text(table, column, row, rotated)
            number = rows[-1].number
            await asyncio.sleep(0)

    async def _text(self, table: Table, column: Column[Any], row: Row[Any], rotated: Rotated) -> None:
        """Unless it was changed or emptied since it was read."""
        try:
            sealed = self._do.vault.seal(self._do.vault.open(row.stored))
        except CannotDecrypt:
            rotated.unreadable += 1
            return
        same = and_(table.c.number == row.number, column == row.stored)
        rotated.anew += await self._do.write(update(table).where(same).values({column.name: sealed}))
