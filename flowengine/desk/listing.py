"""The list of an office: what is happening now, what is left to do, what was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from flowengine.desk import stream, words
from flowengine.desk.access import Session
from flowengine.desk.frame import LOAD_SECONDS, Frame
from flowengine.desk.views import Office, View, call_view, card_view, work_view
from flowengine.runtime.ports import CallRow

MOST_CALLS = 100  # looked through for callers who talk with the receptionist
MOST_SHOWN = 50
MOST_TALKING = 20


@dataclass(frozen=True, slots=True)
class ListPages:
    """`/desk/` and its live news, for who holds the session of an office."""

    frame: Frame

    async def page(self, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            return self.frame.refuse(request)
        async with asyncio.timeout(LOAD_SECONDS):
            shown = await self._shown(session.flow)
        return self.frame.page(session, "list.html", {**shown, "title": "Calls"})

    async def events(self, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            return self.frame.refuse(request)
        return self.frame.news(request, session, self._news(session))

    def _session(self, request: Request) -> Session | None:
        session = self.frame.access.session(request.cookies)
        return session if session and session.office else None

    async def _news(self, session: Session) -> AsyncGenerator[str, None]:
        """What is so now, then each change. Each replaces what a page shows of the same thing, so twice is once."""
        async with self.frame.bus.subscribe(f"office:{session.flow}") as news:
            async with asyncio.timeout(LOAD_SECONDS):
                shown = await self._shown(session.flow)
            yield stream.message({"type": "now", **{name: shown[name] for name in ("handoffs", "work", "talking")}})
            async with aclosing(stream.with_heartbeats(news, self.frame.longest(session))) as items:
                async for item in items:
                    if item is None:
                        yield stream.BEAT
                    elif view := await self._change(item, session.flow):
                        yield stream.message(view)

    async def _change(self, item: Mapping[str, Any], flow: str) -> View | None:
        match item:
            case {"type": "card", "card": card}:
                return {"type": "handoff", "handoff": card_view(card, self.frame.office_of(card))}
            case {"type": "work", "work": work}:
                return {"type": "work", "work": work_view(work, await self.frame.office(flow))}
            case {"type": "call", "state": "talking", "call_id": call, "caller": caller, "since": since}:
                return {"type": "talking", "call": call_view(call, caller, since, await self.frame.office(flow))}
            case {"type": "call", "state": "ended", "call_id": call}:
                return {"type": "ended", "call_id": call}
            case {"type": "reload"}:
                return stream.RELOAD
        return None

    async def _shown(self, flow: str) -> dict[str, Any]:
        """Everything the list shows, newest first."""
        store = self.frame.store
        rows, cards = await store.calls(flow, MOST_CALLS), await store.cards(flow, MOST_SHOWN)
        office = await self.frame.office(flow, next(iter(cards), None))
        running = await self._running(rows, cards)
        handoffs = [card_view(card, office, call_over=card["call_id"] not in running) for card in cards]
        handed = {view["call_id"] for view in handoffs if view["live"]}
        talking = [row for row in rows if row.call_id in running - handed][:MOST_TALKING]
        return {
            "office": office,
            "handoffs": handoffs,
            "work": [work_view(work, office) for work in await store.work(flow, MOST_SHOWN)],
            "talking": [await self._talking(row, office) for row in talking],
        }

    async def _running(self, rows: Sequence[CallRow], cards: Sequence[Mapping[str, Any]]) -> set[str]:
        """The calls that go on. A long one may be older than the newest rows; its card still says that it is live."""
        known = {row.call_id: row.outcome is None for row in rows}
        for call_id in {str(card["call_id"]) for card in cards if card.get("status") in words.LIVE} - known.keys():
            row = await self.frame.store.call(call_id)
            known[call_id] = row is not None and row.outcome is None
        return {call_id for call_id, goes_on in known.items() if goes_on}

    async def _talking(self, row: CallRow, office: Office) -> View:
        first = next(iter(await self.frame.store.journal(row.call_id)), None)
        caller = json.loads(first.body).get("caller", "") if first and first.kind == "CallArrived" else ""
        return call_view(row.call_id, caller, row.started, office)
