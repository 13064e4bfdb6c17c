"""The page of one hand-off: the card, what was and is being said, and what staff may do about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flowengine.call.events import CardConfirmed
from flowengine.desk import handoff_acts, stream, words
from flowengine.desk.access import Session
from flowengine.desk.frame import LOAD_SECONDS, Frame
from flowengine.desk.handoff_live import Live, Seen, afterwards
from flowengine.desk.handoff_view import REASONS, handoff_view
from flowengine.desk.views import Transcript, last_id
from flowengine.runtime.rows import Entry


def routes(frame: Frame) -> list[BaseRoute]:
    """`/handoffs/{handoff}`, its live news, and what can be done on it."""
    pages = HandoffPages(frame)
    return [
        Route("/handoffs/{handoff}", pages.page, methods=["GET"]),
        Route("/handoffs/{handoff}/events", pages.events, methods=["GET"]),
        *handoff_acts.routes(frame, pages.seen),
    ]


@dataclass(frozen=True, slots=True)
class HandoffPages:
    """What a session may not see does not exist."""

    frame: Frame

    async def page(self, request: Request) -> Response:
        session = await self.frame.session(request)
        if session is None:
            return await self._refused(request)
        async with asyncio.timeout(LOAD_SECONDS):
            seen = await self.seen(session, request.path_params["handoff"])
            entries = await self.frame.store.journal(seen.call_id) if seen else []
        if seen is None:
            return self.frame.plain(404)
        if request.method == "GET" and "sec-purpose" not in request.headers:  # a prefetch is nobody's look
            await self.frame.note(session, "page opened", seen.call_id, seen.handoff)
            self._opened(seen)
        return self.frame.page(session, "handoff.html", _values(seen, entries, session))

    async def _refused(self, request: Request) -> Response:
        await self.frame.note_stranger("", "refused", detail="a hand-off's page, without a session")
        return self.frame.refuse(request)

    def _opened(self, seen: Seen) -> None:
        """Somebody has the card. The page of an older hand-off says nothing about the one that goes on."""
        if not seen.over and seen.card.get("status") in words.LIVE:
            self.frame.calls.tell(seen.call_id, lambda at: CardConfirmed(at, "page", seen.handoff))

    async def seen(self, session: Session, handoff: str) -> Seen | None:
        """The hand-off, if this session may see it; a try at another is noted."""
        store, card = self.frame.store, await self.frame.store.card(handoff)
        if card is None:
            await self.frame.note(session, "refused", detail="no such hand-off")
            return None
        if not _may_see(session, card):
            await self.frame.note(session, "refused", str(card["call_id"]), handoff, "not theirs")
            return None
        wrap, notes = (await store.wrap_ups([handoff])).get(handoff), await store.notes(handoff)
        return Seen(card, await store.call(str(card["call_id"])), self.frame.office_of(card), wrap, notes)

    async def events(self, request: Request) -> Response:
        session = await self.frame.session(request)
        if session is None:
            return await self._refused(request)
        async with asyncio.timeout(LOAD_SECONDS):
            seen = await self.seen(session, request.path_params["handoff"])
        if seen is None:
            return self.frame.plain(404)
        if request.method == "GET":
            await self.frame.note_view(session, seen.call_id, seen.handoff)
        return self.frame.news(request, session, self._news(session, seen, _after(request)))

    async def _news(self, session: Session, known: Seen, after: int) -> AsyncGenerator[str, None]:
        """The card as it is, the lines after `after`, then what comes; nothing is lost between, no final is doubled."""
        async with self.frame.bus.subscribe(f"call:{known.call_id}") as news:
            async with asyncio.timeout(LOAD_SECONDS):  # again: things may have happened before we subscribed
                seen = await self.seen(session, known.handoff)
                entries = await self.frame.store.journal(known.call_id, after)
            if seen is None:
                return
            live = Live(seen, max(after, last_id(entries)))
            for piece in live.so_far(entries):
                yield piece
            async with aclosing(stream.with_heartbeats(news, self.frame.longest(session))) as items:
                async for item in items:
                    async for piece in self._pieces(session, seen.handoff, live, item):
                        yield piece
                    if live.over:
                        return

    async def _pieces(
        self, session: Session, handoff: str, live: Live, item: Mapping[str, Any] | None
    ) -> AsyncGenerator[str, None]:
        match item:
            case {"type": "card", "card": card} if card["handoff"] == handoff and not _may_see(session, card):
                live.over = True  # it went to a department that is not theirs
            case {"type": "wrap-up" | "note", "handoff": about} if about == handoff:
                async with asyncio.timeout(LOAD_SECONDS):
                    seen = await self.seen(session, handoff)
                if seen is not None:
                    yield stream.message(afterwards(seen))
            case _:
                for piece in live.pieces(item):
                    yield piece


def _may_see(session: Session, card: Mapping[str, Any]) -> bool:
    return session.may_see(str(card["handoff"]), str(card["flow"]), str(card.get("department_key", "")))


def _values(seen: Seen, entries: Sequence[Entry], session: Session) -> dict[str, Any]:
    transcript = Transcript.of(seen.card, seen.row, seen.office)
    return {
        "title": "Hand-off",
        "office": seen.office,
        "card": handoff_view(seen.card, seen.office, call_over=seen.over),
        "afterwards": seen.afterwards,
        "reasons": REASONS,
        "lines": list(transcript.of_journal(entries)),
        "began": transcript.began_words if seen.row else "",
        "transcript": seen.card.get("transcript_shown", "live"),
        "over": seen.over,
        "after": last_id(entries),
        "may_list": session.office,
    }


def _after(request: Request) -> int:
    """The last line a browser has: its own word on a reconnect, else what the page was made with."""
    given = request.headers.get("last-event-id") or request.query_params.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
