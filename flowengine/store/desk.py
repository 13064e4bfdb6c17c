"""Who may look, and who looked: sign-ins of desks, what was revoked, and the chained trail of accesses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flowengine.runtime.ports import Access, AccessLine, DeskKey, Verdict
from flowengine.store.chain import Head, Line, accesses_of, beginning, check, extend
from flowengine.store.statements import Statements
from flowengine.store.tables import accesses, desk_keys, revoked, trails
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
        await self._do.change(lambda connection: self._note(connection, access))

    async def _note(self, connection: AsyncConnection, access: Access) -> None:
        start = beginning(accesses_of(access.flow))
        new = self._do.insert(trails).values(flow=access.flow, lines=0, head=start.hash)
        await connection.execute(new.on_conflict_do_nothing())
        of_flow = trails.c.flow == access.flow  # locked: two processes note one after the other
        row = (await connection.execute(select(trails).where(of_flow).with_for_update())).one()
        (line,) = extend(Head(row.lines, row.head), [(access.what, body_of(access))])
        chained = {"sequence": line.sequence, "salt": line.salt, "digest": line.digest, "hash": line.hash}
        await connection.execute(insert(accesses).values(**asdict(access), **chained))
        await connection.execute(update(trails).where(of_flow).values(lines=line.sequence, head=line.hash))

    async def kept(self, flow: str | None, call_id: str | None, limit: int) -> Sequence[AccessLine]:
        """The latest `limit`, oldest first."""
        only = [] if call_id is None else [accesses.c.call_id == clean(call_id)]
        rows = await self._do.newest(accesses, flow, limit, *only)
        return [AccessLine(row.sequence, _access(row)) for row in reversed(rows)]

    async def verify(self, flow: str) -> Verdict:
        return check(accesses_of(flow), [one.line for one in await self.trail(flow)], await self.end(flow))

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
        return await self._do.write(update(accesses).where(*old).values(**EMPTIED))


EMPTIED = {"who": "", "call_id": "", "handoff": "", "detail": "", "salt": None}  # of an access that is forgotten


def body_of(access: Access) -> str:
    """An access as its digest sees it."""
    return to_json(asdict(access))


def _access(row: Row[Any]) -> Access:
    return Access(row.flow, row.at, row.who, row.what, row.call_id, row.handoff, row.detail)


def _line(row: Row[Any]) -> Line:
    body = None if row.salt is None else body_of(_access(row))
    return Line(row.sequence, row.what, row.digest, row.hash, body, row.salt)


class Doors:
    """Sign-ins, and what counts no more."""

    def __init__(self, database: Statements) -> None:
        self._do = database

    async def revoke(self, name: str, until: str) -> None:
        await self._do.upsert(revoked, "name", {"name": clean(name), "until": until})

    async def is_revoked(self, name: str) -> bool:
        return await self._do.one(select(revoked.c.name).where(revoked.c.name == clean(name))) is not None

    async def forget_revoked(self, now: str) -> None:
        await self._do.write(delete(revoked).where(self._do.instant(revoked.c.until) < moment(now)))

    async def save_key(self, key: DeskKey) -> None:
        values = {**asdict(key), "name": clean(key.name), "departments": to_json(key.departments)}
        await self._do.upsert(desk_keys, "id", values)

    async def keys(self, flow: str | None) -> Sequence[DeskKey]:
        query: Select[Any] = select(desk_keys).order_by(desk_keys.c.number)
        rows = await self._do.read(query if flow is None else query.where(desk_keys.c.flow == flow))
        return [_key(row) for row in rows]

    async def revoke_key(self, id: str) -> bool:
        held = (desk_keys.c.id == clean(id), desk_keys.c.revoked.is_(False))
        return await self._do.write(update(desk_keys).where(*held).values(revoked=True)) == 1


def _key(row: Row[Any]) -> DeskKey:
    departments = tuple(json.loads(row.departments))
    return DeskKey(row.id, row.flow, row.name, row.role, departments, row.secret, row.made, row.revoked)
