"""What must hold of a call by its journal alone, whatever went wrong around it (reliability.md, end of section 3)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from flowengine.call import events as e
from flowengine.call.journal import decode, encode_commands, replay
from flowengine.call.state import handoffs
from flowengine.flow.model import Flow
from flowengine.runtime.rows import Entry
from flowengine.sandbox.world import World

MOST_ALONE = 60.0  # seconds of one person in a room


class Journals:
    """Every journal of a world as it is written, and how each call's row says that it ended."""

    def __init__(self, world: World) -> None:
        self.flow, store = world.flow, world.engine.store
        self.lines: dict[str, list[Entry]] = {}
        self.outcomes: dict[str, str] = {}
        self._append, self._close = store.append, store.close_call
        store.append, store.close_call = self._appends, self._closes  # type: ignore[method-assign]

    async def _appends(self, call_id: str, entries: Sequence[Entry]) -> None:
        """What was begun is written, also for a call that is lost meanwhile: a process dies before or after."""

        def written(task: asyncio.Future[None]) -> None:
            if not task.cancelled() and task.exception() is None:
                self.lines.setdefault(call_id, []).extend(entries)

        writing = asyncio.ensure_future(self._append(call_id, entries))
        writing.add_done_callback(written)
        await asyncio.shield(writing)

    async def _closes(self, call_id: str, outcome: str) -> None:
        await self._close(call_id, outcome)
        self.outcomes.setdefault(call_id, outcome)

    def broken(self) -> list[str]:
        """What does not hold of any of the calls."""
        if not self.lines:
            return ["no journal was written"]
        calls = self.lines.items()
        return [f"{call}: {law}" for call, lines in calls for law in broken(self.flow, lines, self.outcomes.get(call))]


def broken(flow: Flow, entries: Sequence[Entry], outcome: str | None) -> list[str]:
    """What does not hold of one call that is over; `outcome` is what its row says."""
    events = [decode(entry.kind, entry.body) for entry in entries if entry.kind != "Commands"]
    ordered = [json.loads(entry.body) for entry in entries if entry.kind == "Commands"]
    return [
        *_sequence(entries),
        *_one_end(ordered, outcome),
        *_one_dial_an_attempt(ordered),
        *_card_before_the_ring(ordered),
        *_card_before_the_answer(events),
        *_nobody_alone(events),
        *_each_attempt_ended(flow, events),
        *_the_same_again(flow, events, ordered),
    ]


def _sequence(entries: Sequence[Entry]) -> Iterator[str]:
    numbers = [entry.sequence for entry in entries]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the sequence has gaps: {numbers}"
    kinds = [entry.kind == "Commands" for entry in entries]
    if kinds != [False, True] * (len(kinds) // 2):
        yield "not every event is followed by what it led to"


def _one_end(ordered: Sequence[list[dict[str, Any]]], outcome: str | None) -> Iterator[str]:
    ends = [command["outcome"] for commands in ordered for command in commands if command["command"] == "EndCall"]
    if ends != [outcome]:
        yield f"the call ended as {ends}, and its row says {outcome}"


def _one_dial_an_attempt(ordered: Sequence[list[dict[str, Any]]]) -> Iterator[str]:
    rung = Counter(command["leg"] for commands in ordered for command in commands if command["command"] == "RingStaff")
    yield from (f"{leg} was rung {times} times" for leg, times in rung.items() if times > 1)


def _card_before_the_ring(ordered: Sequence[list[dict[str, Any]]]) -> Iterator[str]:
    shown = False
    for command in (command for commands in ordered for command in commands):
        shown = shown or command["command"] == "ShowCard"
        if command["command"] == "RingStaff" and not shown:
            yield f"{command['leg']} was rung before there was a card"


def _card_before_the_answer(events: Sequence[e.Event]) -> Iterator[str]:
    shown = next((event.at for event in events if isinstance(event, e.CardShown)), None)
    answered = next((event.at for event in events if isinstance(event, e.LegAnswered)), None)
    if answered is not None and (shown is None or shown > answered):
        yield f"somebody picked up at {answered} s, and the card stood there at {shown}"


def _nobody_alone(events: Sequence[e.Event]) -> Iterator[str]:
    """A person of the staff in a room without a caller, as far as the journal knows."""
    inside: dict[str, tuple[str, float]] = {}  # leg → room, and since when without a caller
    for event in events:
        yield from (
            f"{leg} was alone in {room} from {since} to {event.at} s"
            for leg, (room, since) in inside.items()
            if event.at - since > MOST_ALONE
        )
        match event:
            case e.JoinedRoom(at, leg, room) if leg.endswith("-caller"):
                inside = {other: (where, float("inf") if where == room else t) for other, (where, t) in inside.items()}
            case e.JoinedRoom(at, leg, room):
                inside.setdefault(leg, (room, at))
            case e.RoomSeen(_, room, refs) if len(refs) > 1:
                inside = {other: (where, float("inf") if where == room else t) for other, (where, t) in inside.items()}
            case e.LeftRoom(at, leg, room) if leg.endswith("-caller"):
                inside = {other: (where, at if where == room else t) for other, (where, t) in inside.items()}
            case e.CallerHungUp(at) | e.CallerLeftRoom(at):
                inside = {other: (where, min(at, t)) for other, (where, t) in inside.items()}
            case e.LeftRoom(leg=leg) | e.LegEnded(leg=leg) | e.StaffLeftRoom(leg=leg):
                inside.pop(leg, None)


def _each_attempt_ended(flow: Flow, events: Sequence[e.Event]) -> Iterator[str]:
    call = list(replay(flow, events))[-1].call
    for handoff in handoffs(call):
        if handoff.outcome is None:
            yield f"{handoff.id} has no outcome"
        yield from (f"{attempt.leg} has no outcome" for attempt in handoff.attempts if attempt.outcome is None)
        if sum(attempt.outcome == "accepted" for attempt in handoff.attempts) > 1:
            yield f"two people have accepted {handoff.id}"


def _the_same_again(flow: Flow, events: Sequence[e.Event], ordered: Sequence[list[dict[str, Any]]]) -> Iterator[str]:
    for replayed, then in zip(replay(flow, events), ordered, strict=True):
        if json.loads(encode_commands(replayed.commands)) != then:
            yield f"{replayed.event} leads to something else when it is run again"
            return
