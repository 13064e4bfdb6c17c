"""The context cards, one for each hand-off, kept as they were shown last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, or_, select

from flowengine.store.statements import Statements
from flowengine.store.tables import cards
from flowengine.store.texts import clean, moment


class Cards:
    def __init__(self, database: Statements) -> None:
        self._do = database

    async def save(self, handoff: str, call_id: str, flow: str, card: Mapping[str, object], at: str) -> None:
        department = clean(str(card.get("department_key", "")))
        values = {"handoff": handoff, "call_id": call_id, "flow": flow, "card": self._do.seal(card), "at": at}
        values["department"] = department
        await self._do.upsert(cards, "handoff", values)

    async def get(self, handoff: str) -> Mapping[str, object] | None:
        row = await self._do.one(select(cards).where(cards.c.handoff == clean(handoff)))
        return self.shown(row) if row else None

    async def newest(
        self, flow: str | None, limit: int, since: str, departments: Sequence[str]
    ) -> Sequence[Mapping[str, object]]:
        """Newest decision first, however often a card was improved since."""
        only = [self._do.instant(cards.c.at) >= moment(since)] if since else []
        if departments:
            unknown = cards.c.department.is_(None)
            only.append(or_(cards.c.department.in_(list(map(clean, departments))), unknown))
        return await self._do.readable(await self._do.newest(cards, flow, limit, *only), self.shown)

    def shown(self, row: Row[Any]) -> Mapping[str, object]:
        beside = {"handoff": row.handoff, "call_id": row.call_id, "flow": row.flow, "at": row.at}
        return {**self._do.unseal(row.card), **beside}
