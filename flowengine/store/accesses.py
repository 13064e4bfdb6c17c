"""Who looked, and what became of calls: the chained trail of each flow, its end sealed with a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flowengine.runtime.rows import Access, AccessLine, Verdict
from flowengine.store import register
from flowengine.store.chain import Head, Line, accesses_of, beginning, check, extend
from flowengine.store.seal import Seal
from flowengine.store.statements import Statements
from flowengine.store.tables import accesses, trails
from flowengine.store.texts import clean, moment, to_json


@dataclass(frozen=True, slots=True)
class Looked:
    """An access as a line of its flow's chain, with the hash of the line before: so it can be checked alone."""

    access: Access
    line: Line
    before: str


class Accesses:
    def __init__(self, database: Statements) -> None:
        self._do = database

    async def note(self, access: Access) -> None:
        access = Access(**{name: clean(value) for name, value in asdict(access).items()})
        await self._do.change(lambda connection: self.note_in(connection, access))

    async def note_in(self, connection: AsyncConnection, access: Access) -> None:
        """Within a transaction of somebody else's."""
        start = beginning(accesses_of(access.flow))
        new = self._do.insert(trails).values(flow=access.flow, lines=0, head=start.hash)
        await connection.execute(new.on_conflict_do_nothing())
        of_flow = trails.c.flow == access.flow  # locked: two processes note one after the other
        row = (await connection.execute(select(trails).where(of_flow).with_for_update())).one()
        (line,) = extend(Head(row.lines, row.head), [(access.what, body_of(access))])
        chained = {"sequence": line.sequence, "salt": line.salt, "digest": line.digest, "hash": line.hash}
        await connection.execute(insert(accesses).values(**asdict(access), **chained))
        seal = await self._seal_on(connection, access.flow, row, Head(line.sequence, line.hash))
        await connection.execute(update(trails).where(of_flow).values(lines=line.sequence, head=line.hash, seal=seal))

    async def _seal_on(self, connection: AsyncConnection, flow: str, row: Row[Any], end: Head) -> str:
        """The seal with one more line. One that does not fit any more stays: it must show, not be made good."""
        vault, old = self._do.vault, Seal.read(row.seal)
        if not vault.signs:
            return str(row.seal)
        if not row.seal:
            return Seal.over(vault, flow, end.sequence, end).text
        if old is None or not old.fits(vault, flow) or not await _stands(connection, flow, old.end):
            return str(row.seal)
        return Seal.over(vault, flow, old.first, end).text

    async def seal_anew(self, flow: str) -> bool:
        """From the next line on, with the key of today; False when there is no such trail."""
        return await self._do.write(update(trails).where(trails.c.flow == flow).values(seal="")) == 1

    async def kept(self, flow: str | None, call_id: str | None, limit: int) -> Sequence[AccessLine]:
        """The latest `limit`, oldest first."""
        only: list[ColumnElement[bool]] = [accesses.c.what.not_in(register.KINDS)]
        if call_id is not None:
            only.append(accesses.c.call_id == clean(call_id))
        rows = await self._do.newest(accesses, flow, limit, *only)
        return [AccessLine(row.sequence, _access(row)) for row in reversed(rows)]

    async def verify(self, flow: str) -> Verdict:
        """The chain, its seal where there is a key to check it with, and that nobody but retention forgot calls."""
        row = await self._do.one(select(trails).where(trails.c.flow == flow))
        ends = [Head(row.lines, row.head)] if row else []
        seal = Seal.read(row.seal) if row else None
        lines = [one.line for one in await self.trail(flow)]
        verdict = check(accesses_of(flow), lines, [*ends, seal.end] if seal else ends)
        if verdict.broken:
            return verdict
        if why := register.forgotten_by_hand(lines):
            return replace(verdict, broken=1, why=why)
        if row is None or not row.seal or not self._do.vault.signs:
            return verdict
        if seal is None or not seal.fits(self._do.vault, flow):
            return replace(verdict, broken=verdict.lines, why="its end was sealed with another key, or altered")
        return replace(verdict, sealed=seal.first)

    async def entered(self, call_id: str) -> register.Entered:
        """What the register says of a call."""
        of_call = (accesses.c.call_id == clean(call_id), accesses.c.what.in_(register.KINDS))
        rows = await self._do.read(select(accesses).where(*of_call).order_by(accesses.c.sequence))
        return register.entered(map(_access, rows))

    async def trail(self, flow: str) -> list[Looked]:
        """Every access of a flow."""
        return await self._looked(accesses.c.flow == flow)

    async def of_call(self, call_id: str) -> list[Looked]:
        return await self._looked(accesses.c.call_id == clean(call_id))

    async def _looked(self, which: ColumnElement[bool]) -> list[Looked]:
        before = accesses.alias("before")
        follows = and_(before.c.flow == accesses.c.flow, before.c.sequence == accesses.c.sequence - 1)
        query = select(accesses, before.c.hash.label("before")).outerjoin(before, follows).where(which)
        rows = await self._do.read(query.order_by(accesses.c.flow, accesses.c.sequence))
        return [Looked(_access(row), _line(row), row.before or beginning(accesses_of(row.flow)).hash) for row in rows]

    async def end(self, flow: str) -> Head:
        row = await self._do.one(select(trails).where(trails.c.flow == flow))
        return Head(row.lines, row.head) if row else beginning(accesses_of(flow))

    async def forget(self, flow: str, before: str) -> int:
        """Empties who did what in lines older than `before`; the chain stands."""
        old = (accesses.c.flow == flow, accesses.c.salt.is_not(None), self._do.instant(accesses.c.at) < moment(before))
        seen = accesses.c.what.not_in(register.KINDS)  # what became of a call is forgotten with it, by `Retention`
        return await self._do.write(update(accesses).where(*old, seen).values(**EMPTIED))


EMPTIED = {"who": "", "call_id": "", "handoff": "", "detail": "", "salt": None}  # of an access that is forgotten


async def _stands(connection: AsyncConnection, flow: str, end: Head) -> bool:
    """Whether the trail has this line."""
    of_line = (accesses.c.flow == flow, accesses.c.sequence == end.sequence, accesses.c.hash == end.hash)
    return (await connection.execute(select(accesses.c.number).where(*of_line))).first() is not None


def body_of(access: Access) -> str:
    """An access as its digest sees it."""
    return to_json(asdict(access))


def _access(row: Row[Any]) -> Access:
    return Access(row.flow, row.at, row.who, row.what, row.call_id, row.handoff, row.detail)


def _line(row: Row[Any]) -> Line:
    body = None if row.salt is None else body_of(_access(row))
    return Line(row.sequence, row.what, row.digest, row.hash, body, row.salt)
