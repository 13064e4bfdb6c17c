"""The page of one hand-off: the card, and what was and is being said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from flowengine.call.events import CardConfirmed
from flowengine.desk import stream, words
from flowengine.desk.access import Session
from flowengine.desk.frame import LOAD_SECONDS, Frame
from flowengine.desk.views import Office, Transcript, View, card_view, last_id
from flowengine.runtime.ports import CallRow, Entry


@dataclass(frozen=True, slots=True)
class Seen:
    """A hand-off that a session may see."""

    card: Mapping[str, Any]
    row: CallRow | None
    office: Office

    @property
    def call_id(self) -> str:
        return str(self.card["call_id"])

    @property
    def over(self) -> bool:
        return self.row is not None and self.row.outcome is not None


@dataclass(frozen=True, slots=True)
class HandoffPages:
    """`/desk/handoffs/{handoff}` and its live news. What a session may not see does not exist."""

    frame: Frame

    async def page(self, request: Request) -> Response:
        session = self.frame.access.session(request.cookies)
        if session is None:
            return self.frame.refuse(request)
        async with asyncio.timeout(LOAD_SECONDS):
            seen = await self._seen(session, request.path_params["handoff"])
            entries = await self.frame.store.journal(seen.call_id) if seen else []
        if seen is None:
            return self.frame.plain(404)
        if request.method == "GET":
            self._opened(seen)
        return self.frame.page(session, "handoff.html", _values(seen, entries, session))

    def _opened(self, seen: Seen) -> None:
        """Somebody has the card. The page of an older hand-off says nothing about the one that goes on."""
        if not seen.over and seen.card.get("status") in words.LIVE:
            self.frame.calls.tell(seen.call_id, lambda at: CardConfirmed(at, "page"))

    async def _seen(self, session: Session, handoff: str) -> Seen | None:
        card = await self.frame.store.card(handoff)
        if card is None or not session.may_see(handoff, str(card["flow"])):
            return None
        return Seen(card, await self.frame.store.call(str(card["call_id"])), self.frame.office_of(card))

    async def events(self, request: Request) -> Response:
        session = self.frame.access.session(request.cookies)
        if session is None:
            return self.frame.refuse(request)
        async with asyncio.timeout(LOAD_SECONDS):
            seen = await self._seen(session, request.path_params["handoff"])
        if seen is None:
            return self.frame.plain(404)
        return self.frame.news(request, session, self._news(session, seen, _after(request)))

    async def _news(self, session: Session, known: Seen, after: int) -> AsyncGenerator[str, None]:
        """The card as it is, the lines after `after`, then what comes; nothing is lost between, no final is doubled."""
        async with self.frame.bus.subscribe(f"call:{known.call_id}") as news:
            async with asyncio.timeout(LOAD_SECONDS):  # again: things may have happened before we subscribed
                seen = await self._seen(session, str(known.card["handoff"])) or known
                entries = await self.frame.store.journal(seen.call_id, after)
            live = _Live(seen, max(after, last_id(entries)))
            for piece in live.so_far(entries):
                yield piece
            async with aclosing(stream.with_heartbeats(news, self.frame.longest(session))) as items:
                async for item in items:
                    for piece in live.pieces(item):
                        yield piece
                    if live.over:
                        return


class _Live:
    """Turns a call's news into the events of one hand-off's page. `over`: nothing more will come."""

    def __init__(self, seen: Seen, last: int) -> None:
        self.over = False
        self._seen, self._last, self._ended = seen, last, seen.over
        self._transcript = Transcript.of(seen.card, seen.row, seen.office)

    def so_far(self, entries: Sequence[Entry]) -> Iterator[str]:
        yield stream.message(self._card())
        for line in self._transcript.of_journal(entries):
            yield stream.message(line, line["id"])
        if self._ended:
            yield stream.message({"type": "ended"})

    def pieces(self, item: Mapping[str, Any] | None) -> Iterator[str]:
        """`item` is news, or None for a stretch of silence."""
        if item is None:
            self.over = self._ended  # the last lines of an ended call have come by now
            yield stream.message({"type": "over"}) if self.over else stream.BEAT
        elif item["type"] == "ended":
            self._ended = True
            yield stream.message(self._card())
            yield stream.message({"type": "ended"})
        elif view := self._view(item):
            yield stream.message(view, view.get("id"))

    def _card(self) -> View:
        card = card_view(self._transcript.card, self._seen.office, call_over=self._ended)
        return {"type": "card", "card": card}

    def _view(self, item: Mapping[str, Any]) -> View | None:
        match item:
            case {"type": "card", "card": card} if card["handoff"] == self._seen.card["handoff"]:
                self._transcript = replace(self._transcript, card=card)
                return self._card()
            case {"type": "line", "final": False}:
                return self._line(item, None) if self._transcript.live else None
            case {"type": "line", "id": int(number)} if self._is_new(number) and self._transcript.shows(item["at"]):
                return self._line(item, number)
            case {"type": "gap", "id": int(number)} if self._is_new(number) and self._transcript.live:
                return self._transcript.gap(item["open"], item["leg"], number)
            case {"type": "reload"}:
                return stream.RELOAD
        return None

    def _line(self, item: Mapping[str, Any], number: int | None) -> View:
        said = (item["speaker"], item["text"], item["at"])
        return self._transcript.line(*said, id=number, turn=item["turn"], final=number is not None)

    def _is_new(self, number: int) -> bool:
        """False for what the replay has shown already."""
        new, self._last = number > self._last, max(self._last, number)
        return new


def _values(seen: Seen, entries: Sequence[Entry], session: Session) -> dict[str, Any]:
    transcript = Transcript.of(seen.card, seen.row, seen.office)
    return {
        "title": "Hand-off",
        "office": seen.office,
        "card": card_view(seen.card, seen.office, call_over=seen.over),
        "lines": list(transcript.of_journal(entries)),
        "began": transcript.began_words if seen.row else "",
        "transcript": seen.card.get("transcript", "live"),
        "over": seen.over,
        "after": last_id(entries),
        "may_list": session.office,
    }


def _after(request: Request) -> int:
    """The last line a browser has: its own word on a reconnect, else what the page was made with."""
    given = request.headers.get("last-event-id") or request.query_params.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
