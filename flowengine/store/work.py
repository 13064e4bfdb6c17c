"""Work for a desk, and what staff say of a hand-off afterwards: wrap-ups and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update

from flowengine.runtime.rows import Note, WrapUp
from flowengine.store.statements import Statements
from flowengine.store.tables import notes, work, wrap_ups
from flowengine.store.texts import clean

_PLAIN = ("work", "call_id", "flow", "kind", "department", "at", "done_at", "done_by")


class Work:
    def __init__(self, database: Statements) -> None:
        self._do = database

    async def save(
        self, name: str, call_id: str, flow: str, kind: str, department: str, fields: Mapping[str, str], at: str
    ) -> None:
        """Inserts or replaces; what was done stays done and it is as old as it was: the outbox hands in again what it
        could not record."""
        values = {"work": name, "call_id": call_id, "flow": flow, "kind": kind, "department": department, "at": at}
        await self._do.upsert(work, "work", {**values, "fields": self._do.seal(fields)}, keeping=["at"])

    async def newest(
        self, flow: str | None, limit: int, open_only: bool, departments: Sequence[str]
    ) -> Sequence[Mapping[str, object]]:
        only = [work.c.done_at == ""] if open_only else []
        if departments:
            only.append(work.c.department.in_(list(map(clean, departments))))
        return await self._do.readable(await self._do.newest(work, flow, limit, *only), self.item)

    async def get(self, name: str) -> Mapping[str, object] | None:
        row = await self._do.one(select(work).where(work.c.work == clean(name)))
        return self.item(row) if row else None

    async def set_done(self, name: str, by: str, at: str) -> bool:
        otherwise = work.c.done_at == "" if at else work.c.done_at != ""
        done = update(work).where(work.c.work == clean(name), otherwise).values(done_at=at, done_by=clean(by))
        return await self._do.write(done) == 1

    def item(self, row: Row[Any]) -> Mapping[str, object]:
        return {**{name: getattr(row, name) for name in _PLAIN}, "fields": self._do.unseal(row.fields)}


class Afterwards:
    """Wrap-ups and notes."""

    def __init__(self, database: Statements) -> None:
        self._do = database

    async def wrap_up(self, wrap: WrapUp, call_id: str, flow: str) -> None:
        said = {"resolved": wrap.resolved, "needed_person": wrap.needed_person}
        who = {"call_id": call_id, "flow": flow, "by": clean(wrap.by), "at": wrap.at}
        changed = {**who, **{name: value for name, value in said.items() if value is not None}}
        statement = self._do.insert(wrap_ups).values(handoff=wrap.handoff, **who, **said)
        await self._do.write(statement.on_conflict_do_update(index_elements=["handoff"], set_=changed))

    async def wrap_ups(self, handoffs: Sequence[str]) -> Mapping[str, WrapUp]:
        rows = await self._do.read(select(wrap_ups).where(wrap_ups.c.handoff.in_(list(map(clean, handoffs)))))
        return {row.handoff: WrapUp(row.handoff, row.resolved, row.needed_person, row.by, row.at) for row in rows}

    async def add_note(self, note: Note, call_id: str, flow: str) -> None:
        values = {"handoff": note.handoff, "call_id": call_id, "flow": flow, "by": clean(note.by), "at": note.at}
        await self._do.write(insert(notes).values(**values, text=self._do.seal({"text": note.text})))

    async def notes(self, handoff: str) -> Sequence[Note]:
        rows = await self._do.read(select(notes).where(notes.c.handoff == clean(handoff)).order_by(notes.c.number))
        return await self._do.readable(rows, self.note)

    def note(self, row: Row[Any]) -> Note:
        return Note(row.handoff, str(self._do.unseal(row.text)["text"]), row.by, row.at)
