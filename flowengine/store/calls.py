"""The table of calls: who rang which flow when, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, insert, select

from flowengine.runtime.rows import CallRow
from flowengine.store.statements import Statements
from flowengine.store.tables import calls, journal
from flowengine.store.texts import clean, moment


class Calls:
    def __init__(self, database: Statements) -> None:
        self._do = database

    async def open(self, row: CallRow, caller: str) -> None:
        await self._do.write(
            insert(calls).values(
                call_id=row.call_id,
                ref=clean(row.ref),
                flow=row.flow,
                flow_version=row.flow_version,
                flow_source=clean(row.flow_source),
                started=row.started,
                outcome=row.outcome,
                caller=self._do.vault.mark(caller),
            )
        )

    async def get(self, call_id: str) -> CallRow | None:
        row = await self._do.one(select(calls).where(calls.c.call_id == clean(call_id)))
        return call_row(row) if row else None

    async def by_ref(self, ref: str) -> CallRow | None:
        """The newest, should a carrier ever use an id twice."""
        query = select(calls).where(calls.c.ref == clean(ref)).order_by(calls.c.number.desc()).limit(1)
        row = await self._do.one(query)
        return call_row(row) if row else None

    async def newest(self, flow: str | None, limit: int, since: str) -> Sequence[CallRow]:
        late = [self._do.instant(calls.c.started) >= moment(since)] if since else []
        return [call_row(row) for row in await self._do.newest(calls, flow, limit, *late)]

    async def called_before(self, flow: str, caller: str, call_id: str) -> bool:
        if not caller:
            return False
        others = (calls.c.flow == flow, calls.c.call_id != call_id)
        marked = calls.c.caller.in_(self._do.vault.marks(caller))
        if await self._do.read(select(calls.c.number).where(*others, marked).limit(1)):
            return True
        # Calls from before there were marks: their first line, which was not encrypted then, names the caller.
        first = and_(journal.c.call_id == calls.c.call_id, journal.c.sequence == 1)
        named = journal.c.body.contains(f'"caller":{json.dumps(caller)}', autoescape=True)
        unmarked = select(calls.c.number).join(journal, first).where(*others, calls.c.caller.is_(None), named)
        return bool(await self._do.read(unmarked.limit(1)))


def call_row(row: Row[Any]) -> CallRow:
    return CallRow(row.call_id, row.ref, row.flow, row.flow_version, row.flow_source, row.started, row.outcome)
