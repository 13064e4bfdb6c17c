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
from flowengine.runtime.rows import CallRow

MOST_CALLS = 100  # looked through for callers who talk with the receptionist
MOST_TALKING = 20
MOST_CARDS = 200
MOST_OLDER = 1_000  # cards, for who asks for older ones
MOST_EARLIER = 20  # hand-offs of earlier days, for who does not
MOST_WORK = 200

Seen = tuple[str, tuple[str, ...]]  # of which office, of which departments


@dataclass(frozen=True, slots=True)
class State:
    """One office as the store has it. `running` are the calls that go on, `talking` those with the receptionist;
    `whole`: there are no older cards."""

    office: Office
    cards: Sequence[Mapping[str, Any]]
    running: frozenset[str]
    talking: Sequence[View]
    work: Sequence[Mapping[str, Any]]
    whole: bool = True


async def read(frame: Frame, flow: str, departments: tuple[str, ...] = (), most: int = MOST_CARDS) -> State:
    """As much of it as those see who see `departments`; () is all."""
    rows, theirs, others, work = await asyncio.gather(
        frame.store.calls(flow, MOST_CALLS),
        frame.store.cards(flow, most, departments=departments),
        _others(frame, flow, departments),
        _work(frame, flow, departments),
    )
    cards = list({str(card["handoff"]): card for card in (*theirs, *others)}.values())
    office = await frame.office(flow, next(iter(cards), None))
    known = await running(frame, cards, rows)
    handed = {str(card["call_id"]) for card in cards if card.get("status") in words.LIVE}
    talking = [row for row in rows if row.call_id in known - handed][:MOST_TALKING]
    views = [await _talking(frame, row, office) for row in talking]
    return State(office, cards, known, views, work, whole=len(theirs) < most)


async def running(frame: Frame, cards: Sequence[Mapping[str, Any]], rows: Sequence[CallRow] = ()) -> frozenset[str]:
    """The calls that go on, of these rows and of the cards. A long one may be older than the newest rows; its card
    still says that it is live."""
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


async def _others(frame: Frame, flow: str, departments: tuple[str, ...]) -> Sequence[Mapping[str, Any]]:
    """The newest of all departments, which tell whose callers the receptionist has no more."""
    return await frame.store.cards(flow, MOST_CARDS) if departments else ()


async def _work(frame: Frame, flow: str, departments: tuple[str, ...]) -> Sequence[Mapping[str, Any]]:
    """The newest, and what is left to do however old it is."""
    newest, waiting = await asyncio.gather(
        frame.store.work(flow, MOST_WORK, departments=departments),
        frame.store.work(flow, MOST_WORK, open_only=True, departments=departments),
    )
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
        "more": len(left) < len(earlier) or (not older and not state.whole),
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
    """One reading at a time for all who see the same of an office, shared by those who asked before it began: after a
    restart every screen of an office comes back in the same second."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._reading: dict[Seen, asyncio.Task[State]] = {}
        self._next: dict[Seen, asyncio.Task[State]] = {}

    async def now(self, flow: str, departments: tuple[str, ...] = ()) -> State:
        """A state read after this was asked; at most twice `LOAD_SECONDS` later."""
        seen = flow, departments
        task = self._next.get(seen)
        if task is None:
            task = self._next[seen] = asyncio.create_task(self._read_after(seen, self._reading.get(seen)))
            task.add_done_callback(_noticed)
        return await asyncio.shield(task)

    async def _read_after(self, seen: Seen, before: asyncio.Task[State] | None) -> State:
        if before is not None:
            await asyncio.wait([before])
        mine = self._reading[seen] = self._next.pop(seen)  # who asks from now on wants a later one
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                return await read(self._frame, *seen)
        finally:
            if self._reading.get(seen) is mine:
                del self._reading[seen]


def _noticed(task: asyncio.Task[State]) -> None:
    """Should nobody wait for it any more, its failure is no surprise later."""
    if not task.cancelled():
        task.exception()
