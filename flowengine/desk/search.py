"""Search over hand-offs and work: by name, number, reason, department or day. What is searched for stays out of
addresses, logs and trails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flowengine.desk import overview
from flowengine.desk.access import Session
from flowengine.desk.finding import Query, card_text, matches, understood, work_text
from flowengine.desk.frame import LOAD_SECONDS, Frame
from flowengine.desk.overview import Overview
from flowengine.desk.views import Office, View, card_view, work_view

NEWEST = 1_000  # hand-offs, and as many things to do, are looked through
MOST_FOUND = 50
BREATH = 5  # rows looked at before everybody else has a turn (calls are carried on the same loop): 7 ms of long ones

Row = Mapping[str, Any]


def routes(frame: Frame, state: Overview) -> list[BaseRoute]:
    return [Route("/search", SearchPages(frame, state).search, methods=["POST"])]


@dataclass(frozen=True, slots=True)
class SearchPages:
    """`POST /desk/search` with `q`: the list with what was found on it, or for a live page just what was found."""

    frame: Frame
    state: Overview

    async def search(self, request: Request) -> Response:
        session = await self.frame.session(request)
        if session is None or not session.office:
            return self.frame.refuse(request)
        form = await self.frame.form(request, session)
        if form is None:
            return self.frame.plain(403)
        async with asyncio.timeout(2 * LOAD_SECONDS):
            found = await self._find(session, form.get("q", ""))
            await self.frame.note(session, "searched", detail=f"{found['count']} found")
            if "application/json" in request.headers.get("accept", ""):
                return Response(json.dumps(found), media_type="application/json")
            shown = overview.shown(await self.state.now(session.flow, session.departments), session)
        return self.frame.page(session, "list.html", {**shown, "alerts": [], "found": found})

    async def _find(self, session: Session, said: str) -> View:
        store, flow = self.frame.store, session.flow
        office = await self.frame.office(flow)
        query = understood(said, office.now.astimezone(office.where).date())
        if not query:
            return _found([], [], "Type a name, a number, a word or a day.")
        cards = await store.cards(flow, NEWEST, departments=session.departments)
        work = await store.work(flow, NEWEST, departments=session.departments)
        cards = [card for card in cards if _may(session, card.get("department_key"))]
        work = [each for each in work if _may(session, each.get("department"))]
        cards = await _filtered(query, cards, card_text, "decided_at", office)
        work = await _filtered(query, work, partial(work_text, office=office), "at", office)
        running = await overview.running(self.frame, cards[:MOST_FOUND])
        handoffs = [card_view(c, office, call_over=str(c["call_id"]) not in running) for c in cards[:MOST_FOUND]]
        views = [work_view(each, office) for each in work[:MOST_FOUND]]
        return _found(handoffs, views, _count_words(len(cards) + len(work), len(handoffs) + len(views)))


async def _filtered(
    query: Query, rows: Sequence[Row], texts: Callable[[Row], Iterator[str]], at: str, office: Office
) -> list[Row]:
    kept: list[Row] = []
    for number, row in enumerate(rows):
        if number % BREATH == BREATH - 1:
            await asyncio.sleep(0)
        if matches(query, texts(row), row.get(at), office):
            kept.append(row)
    return kept


def _may(session: Session, department: object) -> bool:
    return session.may_see_department(str(department or ""))


def _found(handoffs: list[View], work: list[View], text: str) -> View:
    return {"handoffs": handoffs, "work": work, "count": len(handoffs) + len(work), "text": text}


def _count_words(found: int, shown: int) -> str:
    if not found:
        return "Nothing found. Try fewer words, or part of a number."
    return f"{found} found" if found == shown else f"{found} found; the newest {shown} are shown"
