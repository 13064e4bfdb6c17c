"""Who may look: sign-ins of desks, and what was revoked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Select, delete, select, update

from flowengine.runtime.rows import DeskKey
from flowengine.store.statements import Statements
from flowengine.store.tables import desk_keys, revoked
from flowengine.store.texts import clean, moment, to_json


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
