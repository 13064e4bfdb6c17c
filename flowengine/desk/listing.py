"""The list of an office: what is happening now, what is left to do, what was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flowengine.desk import figures, overview, search, stream, tasks, words
from flowengine.desk.access import Session
from flowengine.desk.frame import LOAD_SECONDS, Frame
from flowengine.desk.overview import MOST_OLDER, Overview, State
from flowengine.desk.screens import Screens
from flowengine.desk.views import View, call_view, card_view, work_view

log = structlog.get_logger("flowengine.desk")

ALERT_SECONDS = 2.0  # calls are not kept waiting for figures


def routes(frame: Frame) -> list[BaseRoute]:
    """The list, its search, and what can be done from it."""
    state = Overview(frame)
    pages = ListPages(frame, state)
    listed: list[BaseRoute] = [Route("/", pages.page), Route("/events", pages.events)]
    return [*listed, *search.routes(frame, state), *tasks.routes(frame)]


class ListPages:
    """`/desk/` and its live news, for who holds the session of an office."""

    def __init__(self, frame: Frame, state: Overview) -> None:
        self._frame, self._state, self._screens = frame, state, Screens()

    async def page(self, request: Request) -> Response:
        session = await self._frame.session(request)
        if session is None or not session.office:
            return self._frame.refuse(request)
        older = "older" in request.query_params
        async with asyncio.timeout(LOAD_SECONDS):
            shown = overview.shown(await self._read(session, older), session, older=older)
            alerts = await self._alerts(session)
        if request.method == "GET":
            await self._frame.note(session, "list opened")
        return self._frame.page(session, "list.html", {**shown, "alerts": alerts, "found": None})

    async def events(self, request: Request) -> Response:
        session = await self._frame.session(request)
        if session is None or not session.office:
            return self._frame.refuse(request)
        last = request.headers.get("last-event-id") or request.query_params.get("after", "")
        return self._frame.news(request, session, self._news(session, last))

    async def _read(self, session: Session, older: bool) -> State:
        if older:
            return await overview.read(self._frame, session.flow, session.departments, MOST_OLDER)
        return await self._state.now(session.flow, session.departments)

    async def _alerts(self, session: Session) -> list[str]:
        """The limits of the flow that are passed. Calls are shown whether or not the figures can be had."""
        if not session.manages:
            return []
        try:
            async with asyncio.timeout(ALERT_SECONDS):
                return list(await figures.alerts(self._frame, session.flow))
        except Exception as mistake:  # whatever a store's library raises
            log.warning("alerts_missing", error=type(mistake).__name__)
            return []

    async def _news(self, session: Session, last: str) -> AsyncGenerator[str, None]:
        """All that is so now, or what of it a page that had `last` does not have; then each change, which replaces
        what was shown of the same thing. So nothing is lost, and twice is once."""
        await self._frame.note_view(session)
        async with self._frame.bus.subscribe(f"office:{session.flow}") as news:
            async with asyncio.timeout(LOAD_SECONDS):
                state, alerts = await self._state.now(session.flow, session.departments), await self._alerts(session)
            now = {"alerts": alerts, **_wire(overview.shown(state, session))}
            screen, here_before = self._screens.opened(session.id, last)
            yield screen.since(now) if here_before else screen.now(now)
            live = {str(card["handoff"]): card for card in state.cards if card["call_id"] in state.running}
            mine = _Mine(self._frame, session, live)
            async with aclosing(stream.with_heartbeats(news, self._frame.longest(session))) as items:
                async for item in items:
                    if item is None:
                        yield stream.BEAT
                        continue
                    for view in await mine.changes(item):
                        yield screen.change(view)


def _wire(shown: Mapping[str, Any]) -> View:
    """What of it a page follows live."""
    names = ("clock", "work", "done", "talking")
    return {"handoffs": [*shown["live"], *shown["past"]], **{name: shown[name] for name in names}}


class _Mine:
    """The news of an office as one session may see it. `live` are the cards of the calls that go on, by hand-off."""

    def __init__(self, frame: Frame, session: Session, live: Mapping[str, Mapping[str, Any]]) -> None:
        self._frame, self._session = frame, session
        self._known = {name: card for name, card in live.items() if self._may_see(card)}

    def _may_see(self, card: Mapping[str, Any]) -> bool:
        return self._session.may_see_department(str(card.get("department_key", "")))

    async def changes(self, item: Mapping[str, Any]) -> list[View]:
        match item:
            case {"type": "card", "card": card}:
                return list(self._card(card))
            case {"type": "work", "work": work} if self._session.may_see_department(str(work.get("department", ""))):
                return [{"type": "work", "work": work_view(work, await self._frame.office(self._session.flow))}]
            case {"type": "call", "state": "talking", "call_id": call, "caller": caller, "since": since}:
                office = await self._frame.office(self._session.flow)
                return [{"type": "talking", "call": call_view(call, caller, since, office)}]
            case {"type": "call", "state": "ended", "call_id": call}:
                return [{"type": "ended", "call_id": call}, *self._ended(call)]
            case {"type": "reload"}:
                return [stream.RELOAD]
        return []

    def _card(self, card: Mapping[str, Any]) -> list[View]:
        """A hand-off of ours as it is; of one that is another department's, only that the receptionist has the caller
        back or no more, for callers with the receptionist are shown to everybody."""
        office, handoff = self._frame.office_of(card), str(card["handoff"])
        view = card_view(card, office)
        if self._may_see(card):
            self._known[handoff] = card
            return [{"type": "handoff", "handoff": view}]
        told: list[View] = []
        if handoff in self._known:  # it was ours, and went on to others
            del self._known[handoff]
            told.append({"type": "gone", "handoff": handoff})
        if view["back"]:
            back = call_view(str(card["call_id"]), str(card.get("caller", "")), str(card.get("decided_at", "")), office)
            told.append({"type": "talking", "call": back})
        elif card.get("status") in words.LIVE:
            told.append({"type": "elsewhere", "call_id": card["call_id"]})
        return told

    def _ended(self, call: object) -> list[View]:
        """What became of the hand-offs of a call that is over: their cards told what was going on."""
        over = [name for name, card in self._known.items() if card["call_id"] == call]
        cards = [self._known.pop(name) for name in over]
        views = [card_view(card, self._frame.office_of(card), call_over=True) for card in cards]
        return [{"type": "handoff", "handoff": view} for view in views]
