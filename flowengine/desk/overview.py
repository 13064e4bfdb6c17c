"""What the list of an office shows, read from the store once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowengine.desk import words
from flowengine.desk.access import Session
from flowengine.desk.frame import LOAD_SECONDS, Frame
from flowengine.desk.views import Office, View, call_view, card_view, work_view
from flowengine.runtime.ports import CallRow

MOST_CALLS = 100  # looked through for callers who talk with the receptionist
MOST_TALKING = 20
MOST_CARDS = 200
MOST_OLDER = 1_000  # cards, for who asks for older ones
MOST_EARLIER = 20  # hand-offs of earlier days, for who does not
MOST_WORK = 200


@dataclass(frozen=True, slots=True)
class State:
    """One office as the store has it. `running` are the calls that go on, `talking` those with the receptionist."""

    office: Office
    cards: Sequence[Mapping[str, Any]]
    running: frozenset[str]
    talking: Sequence[View]
    work: Sequence[Mapping[str, Any]]


async def read(frame: Frame, flow: str, most: int = MOST_CARDS) -> State:
    store = frame.store
    rows, cards, work = await asyncio.gather(store.calls(flow, MOST_CALLS), store.cards(flow, most), _work(frame, flow))
    office = await frame.office(flow, next(iter(cards), None))
    running = await _running(frame, rows, cards)
    handed = {str(card["call_id"]) for card in cards if card.get("status") in words.LIVE}
    talking = [row for row in rows if row.call_id in running - handed][:MOST_TALKING]
    return State(office, cards, running, [await _talking(frame, row, office) for row in talking], work)


async def _running(frame: Frame, rows: Sequence[CallRow], cards: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The calls that go on. A long one may be older than the newest rows; its card still says that it is live."""
    known = {row.call_id: row.outcome is None for row in rows}
    for call_id in {str(card["call_id"]) for card in cards if card.get("status") in words.LIVE} - known.keys():
        row = await frame.store.call(call_id)
        known[call_id] = row is not None and row.outcome is None
    return frozenset(call_id for call_id, goes_on in known.items() if goes_on)


async def _talking(frame: Frame, row: CallRow, office: Office) -> View:
    """Who calls stands in the call's first line."""
    first = next(iter(await frame.store.journal(row.call_id, limit=1)), None)
    caller = json.loads(first.body).get("caller", "") if first and first.kind == "CallArrived" else ""
    return call_view(row.call_id, caller, row.started, office)


async def _work(frame: Frame, flow: str) -> Sequence[Mapping[str, Any]]:
    """The newest, and what is left to do however old it is."""
    store = frame.store
    newest, waiting = await asyncio.gather(store.work(flow, MOST_WORK), store.work(flow, MOST_WORK, open_only=True))
    return list({str(work["work"]): work for work in (*waiting, *newest)}.values())


def shown(state: State, session: Session, *, older: bool = False) -> dict[str, Any]:
    """What this session sees of it, in the order of the page."""
    office = state.office
    cards = [card for card in state.cards if session.may_see_department(str(card.get("department_key", "")))]
    handoffs = [card_view(card, office, call_over=card["call_id"] not in state.running) for card in cards]
    earlier = [view for view in handoffs if not view["live"] and not view["today"]]
    today = [view for view in handoffs if not view["live"] and view["today"]]
    left = earlier if older else earlier[:MOST_EARLIER]
    work = [each for each in state.work if session.may_see_department(str(each.get("department", "")))]
    views = [work_view(each, office) for each in work if _still_shown(each, office)]
    return {
        "office": office,
        "clock": office.now.timestamp(),
        "live": _ordered(view for view in handoffs if view["live"]),
        "past": [*today, *left],
        "more": len(left) < len(earlier) or (not older and len(state.cards) >= MOST_CARDS),
        "older": older,
        "talking": list(state.talking),
        "work": _ordered(view for view in views if not view["done"]),
        "done": _ordered(view for view in views if view["done"]),
    }


def _ordered(views: Iterable[View]) -> list[View]:
    return sorted(views, key=lambda view: -float(view["order"]))


def _still_shown(work: Mapping[str, Any], office: Office) -> bool:
    """What is to be done, and what was done today."""
    done = str(work.get("done_at") or "")
    return not done or words.same_day(words.moment(done), office.now, office.where)


class Overview:
    """One reading at a time for each office, shared by all who asked before it began: after a restart every screen of
    an office comes back in the same second."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._reading: dict[str, asyncio.Task[State]] = {}
        self._next: dict[str, asyncio.Task[State]] = {}

    async def now(self, flow: str) -> State:
        """A state read after this was asked; at most twice `LOAD_SECONDS` later."""
        task = self._next.get(flow)
        if task is None:
            task = self._next[flow] = asyncio.create_task(self._read_after(flow, self._reading.get(flow)))
            task.add_done_callback(_seen)
        return await asyncio.shield(task)

    async def _read_after(self, flow: str, before: asyncio.Task[State] | None) -> State:
        if before is not None:
            await asyncio.wait([before])
        mine = self._reading[flow] = self._next.pop(flow)  # who asks from now on wants a later one
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                return await read(self._frame, flow)
        finally:
            if self._reading.get(flow) is mine:
                del self._reading[flow]


def _seen(task: asyncio.Task[State]) -> None:
    """Should nobody wait for it any more, its failure is no surprise later."""
    if not task.cancelled():
        task.exception()
