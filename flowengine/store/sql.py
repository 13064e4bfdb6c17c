"""What must last, in SQLite by default and in PostgreSQL by address: one implementation of `ports.Store`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from sqlalchemy import Executable, Row, Table, and_, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from flowengine.runtime.ports import CallRow, Entry, StaleWriter
from flowengine.store.database import BUSY_SECONDS, make_folder, migrate, open_engine
from flowengine.store.tables import calls, cards, journal, work

T = TypeVar("T")


class SqlStore:
    """Implements `ports.Store`. Every write is one statement, so it happens whole or not at all."""

    def __init__(self, url: str) -> None:
        """`sqlite:///path` or `postgresql://…`; raises `ValueError` for anything else. Nothing is opened yet."""
        self._engine = open_engine(url)
        self._running: set[asyncio.Task[Any]] = set()
        # SQLite has one writer; waiting here is fairer and quicker than its own polling.
        self._turn = asyncio.Lock() if self._engine.dialect.name == "sqlite" else nullcontext()

    async def start(self) -> None:
        """Makes the folder and brings the tables up to date; safe in several processes at once."""
        make_folder(self._engine)
        await migrate(self._engine)

    async def open_call(self, row: CallRow) -> None:
        await self._write(
            insert(calls).values(
                call_id=row.call_id,
                ref=_clean(row.ref),
                flow=row.flow,
                flow_version=row.flow_version,
                flow_source=_clean(row.flow_source),
                started=row.started,
                outcome=row.outcome,
            )
        )

    async def call(self, call_id: str) -> CallRow | None:
        found = await self._read(select(calls).where(calls.c.call_id == _clean(call_id)))
        return _call_row(found[0]) if found else None

    async def call_by_ref(self, ref: str) -> CallRow | None:
        """The newest, should a carrier ever use an id twice."""
        query = select(calls).where(calls.c.ref == _clean(ref)).order_by(calls.c.number.desc()).limit(1)
        found = await self._read(query)
        return _call_row(found[0]) if found else None

    async def called_before(self, flow: str, caller: str, call_id: str) -> bool:
        """Looks where a call's first line names the caller; the latest calls first."""
        if not caller:
            return False
        first = and_(journal.c.call_id == calls.c.call_id, journal.c.sequence == 1)
        named = journal.c.body.contains(f'"caller":{json.dumps(caller)}', autoescape=True)
        others = (calls.c.flow == flow, calls.c.call_id != call_id, named)
        return bool(await self._read(select(calls.c.number).join(journal, first).where(*others).limit(1)))

    async def calls(self, flow: str | None = None, limit: int = 100) -> Sequence[CallRow]:
        return [_call_row(row) for row in await self._newest(calls, flow, limit)]

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        """All or none. Raises `StaleWriter` when one of the numbers is taken."""
        if not entries:
            return
        rows = [{"call_id": call_id, "sequence": e.sequence, "kind": e.kind, "body": _clean(e.body)} for e in entries]
        try:
            await self._write(insert(journal).values(rows))
        except IntegrityError:
            raise StaleWriter(call_id) from None

    async def journal(self, call_id: str, after: int = 0) -> Sequence[Entry]:
        wanted = select(journal).where(journal.c.call_id == _clean(call_id), journal.c.sequence > after)
        rows = await self._read(wanted.order_by(journal.c.sequence))
        return [Entry(row.sequence, row.kind, row.body) for row in rows]

    async def close_call(self, call_id: str, outcome: str) -> None:
        await self._write(update(calls).where(calls.c.call_id == call_id).values(outcome=outcome))

    async def save_card(self, handoff: str, call_id: str, flow: str, card: Mapping[str, object], at: str) -> None:
        values = {"handoff": handoff, "call_id": call_id, "flow": flow, "card": _json(card), "at": at}
        await self._upsert(cards, "handoff", values)

    async def card(self, handoff: str) -> Mapping[str, object] | None:
        found = await self._read(select(cards).where(cards.c.handoff == _clean(handoff)))
        return _card(found[0]) if found else None

    async def cards(self, flow: str | None = None, limit: int = 100) -> Sequence[Mapping[str, object]]:
        """Newest decision first, however often a card was improved since."""
        return [_card(row) for row in await self._newest(cards, flow, limit)]

    async def save_work(
        self, work: str, call_id: str, flow: str, kind: str, department: str, fields: Mapping[str, str], at: str
    ) -> None:
        """Inserts or replaces."""
        values = {"work": work, "call_id": call_id, "flow": flow, "kind": kind, "department": department, "at": at}
        await self._upsert(_WORK, "work", {**values, "fields": _json(fields)})

    async def work(self, flow: str | None = None, limit: int = 100) -> Sequence[Mapping[str, object]]:
        """Newest first; each has `work`, `call_id`, `flow`, `kind`, `department`, `fields`, `at`."""
        return [_work(row) for row in await self._newest(_WORK, flow, limit)]

    async def close(self) -> None:
        """Waits for what is still being written, at most 5 s."""
        if self._running:
            await asyncio.wait(self._running, timeout=BUSY_SECONDS)
        await self._engine.dispose()

    # ---- one statement at a time -------------------------------------------------------------------------------------

    async def _newest(self, table: Table, flow: str | None, limit: int) -> Sequence[Row[Any]]:
        query = select(table).order_by(table.c.number.desc()).limit(limit)
        return await self._read(query if flow is None else query.where(table.c.flow == flow))

    async def _read(self, query: Executable) -> Sequence[Row[Any]]:
        async def reading() -> Sequence[Row[Any]]:
            async with self._engine.connect() as connection:
                return (await connection.execute(query)).all()

        return await self._whole(reading())

    async def _write(self, statement: Executable) -> None:
        async def writing() -> None:
            async with self._turn, self._engine.begin() as connection:
                await connection.execute(statement)

        await self._whole(writing())

    async def _whole(self, operation: Coroutine[Any, Any, T]) -> T:
        """To its end, whoever gives up waiting: a connection cancelled inside a statement may never answer again."""
        task = asyncio.create_task(operation)
        self._running.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, should nobody wait for it any more

    async def _upsert(self, table: Table, key: str, values: Mapping[str, str]) -> None:
        dialect = sqlite if self._engine.dialect.name == "sqlite" else postgresql
        changed = {name: value for name, value in values.items() if name != key}
        statement = dialect.insert(table).values(**values)
        await self._write(statement.on_conflict_do_update(index_elements=[key], set_=changed))


_WORK = work  # the method of that name hides the table inside the class


def _call_row(row: Row[Any]) -> CallRow:
    return CallRow(row.call_id, row.ref, row.flow, row.flow_version, row.flow_source, row.started, row.outcome)


def _card(row: Row[Any]) -> dict[str, object]:
    return {**json.loads(row.card), "handoff": row.handoff, "call_id": row.call_id, "flow": row.flow, "at": row.at}


def _work(row: Row[Any]) -> dict[str, object]:
    kept = {name: getattr(row, name) for name in ("work", "call_id", "flow", "kind", "department", "at")}
    return {**kept, "fields": json.loads(row.fields)}


def _json(value: Mapping[str, object]) -> str:
    return _clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _clean(text: str) -> str:
    """Text every database takes: no NUL, no lone surrogate (both can come out of a peer's JSON)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
