"""The parcels on their way to other systems, phones and mailboxes, in the order of each call and address."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import structlog
from sqlalchemy import Row, exists, func, select, update

from flowengine.runtime.ports import CannotDecrypt
from flowengine.runtime.rows import Parcel, ParcelState
from flowengine.store.statements import Statements
from flowengine.store.tables import parcels
from flowengine.store.texts import clean, moment

log = structlog.get_logger("flowengine.store")
UNREADABLE = "what was to be sent cannot be decrypted with the keys of this installation"


_older = parcels.alias("older")
_IN_FRONT = (
    _older.c.state == "waiting",
    _older.c.call_id == parcels.c.call_id,
    _older.c.address == parcels.c.address,
    _older.c.number < parcels.c.number,
)
_FIRST_WAITING = (parcels.c.state == "waiting", ~exists().where(*_IN_FRONT))  # of its call and address


class Parcels:
    def __init__(self, database: Statements) -> None:
        self._do = database

    async def save(self, parcel: Parcel) -> bool:
        values = {name: getattr(parcel, name) for name in _PLAIN}
        texts = {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}
        statement = self._do.insert(parcels).values(**texts, data=self._do.seal(parcel.data))
        new = statement.on_conflict_do_nothing(index_elements=["id"])
        return await self._do.write(new.execution_options(preserve_rowcount=True)) == 1

    async def update(self, parcel: Parcel) -> None:
        changed = {"due": parcel.due, "tries": parcel.tries, "state": parcel.state, "error": clean(parcel.error)}
        await self._do.write(update(parcels).where(parcels.c.id == clean(parcel.id)).values(**changed))

    async def due(self, now: str, limit: int, not_by: Collection[str], not_to: Collection[str]) -> Sequence[Parcel]:
        """One whose data cannot be decrypted is given up here: it would be due for ever."""
        due = [*_FIRST_WAITING, self._do.instant(parcels.c.due) <= moment(now)]
        due += [parcels.c.channel.not_in(not_by)] if not_by else []
        due += [parcels.c.address.not_in(not_to)] if not_to else []
        oldest_first = (self._do.instant(parcels.c.due), parcels.c.number)
        rows = await self._do.read(select(parcels).where(*due).order_by(*oldest_first).limit(limit))
        return [parcel for row in rows if (parcel := await self._read_or_give_up(row))]

    async def _read_or_give_up(self, row: Row[Any]) -> Parcel | None:
        try:
            return self.read(row)
        except CannotDecrypt:
            log.error("parcel_not_decrypted", parcel=row.id)
            await self._do.write(update(parcels).where(parcels.c.id == row.id).values(state="dead", error=UNREADABLE))
            return None

    async def next_due(self) -> str | None:
        row = await self._do.one(select(func.min(self._do.instant(parcels.c.due))).where(*_FIRST_WAITING))
        return row[0] if row else None

    async def newest(self, flow: str | None, state: ParcelState | None, limit: int) -> Sequence[Parcel]:
        only = [] if state is None else [parcels.c.state == state]
        return await self._do.readable(await self._do.newest(parcels, flow, limit, *only), self.read)

    async def count(self, state: ParcelState) -> int:
        row = await self._do.one(select(func.count()).where(parcels.c.state == state))
        return int(row[0]) if row else 0

    async def get(self, id: str) -> Parcel | None:
        row = await self._do.one(select(parcels).where(parcels.c.id == clean(id)))
        return self.read(row) if row else None

    def read(self, row: Row[Any]) -> Parcel:
        return Parcel(**{name: getattr(row, name) for name in _PLAIN}, data=self._do.unseal(row.data))


_PLAIN = (
    "id", "call_id", "flow", "event", "channel", "address", "handoff", "made", "due", "tries", "state", "error",
)  # fmt: skip
