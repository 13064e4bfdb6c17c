"""A call played to the core in our own words: events go in, commands come out, time passes as told."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.machine import step
from flowengine.call.state import Call, Phase
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow

ROOT = Path(__file__).parents[2]
TUESDAY_MORNING = "2026-11-10T10:15:00-06:00"
TUESDAY_NIGHT = "2026-11-10T23:00:00-06:00"
CALLER = "c1-caller"

Kind = TypeVar("Kind")


@cache
def office(name: str = "dental_office") -> Flow:
    file = ROOT / "flows" / f"{name}.yaml"
    return compile_flow(file.read_text("utf-8"), str(file))


def changed(old: str, new: str, name: str = "dental_office") -> Flow:
    """The office with one piece of its file replaced, and without its tests, which speak of the office as it was."""
    text = (ROOT / "flows" / f"{name}.yaml").read_text("utf-8")
    assert old in text, f"{old!r} is not in {name}.yaml"
    return compile_flow(text.replace(old, new).partition("\ntests:")[0], f"{name}.yaml")


def edited(name: str = "dental_office", **words: str) -> Flow:
    """The office with words of its `transfer` and `hold` set to other values; its tests are left out."""
    text = (ROOT / "flows" / f"{name}.yaml").read_text("utf-8").partition("\ntests:")[0]
    for word, value in words.items():
        text, found = re.subn(rf"(?m)^  {word}: .*$", lambda _, w=word, v=value: f"  {w}: {v}", text)  # type: ignore[misc]
        if not found:
            text = text.replace("\ntransfer:", f"\ntransfer:\n  {word}: {value}", 1)
    return compile_flow(text, f"{name}.yaml")


class Story:
    """One call. Every method is something that happens; `last` are the
    commands it led to, `all` those of the whole call.
    """

    def __init__(
        self, flow: Flow | None = None, *, now: str = TUESDAY_MORNING, caller: str = "+13125550199", by: Any = "phone"
    ) -> None:
        self.flow = flow or office()
        self.call, self.at = Call(), 0.0
        self.last: tuple[c.Command, ...] = ()
        self.all: list[c.Command] = []
        self.events: list[e.Event] = []
        self._requests = 0
        dialled = next(iter(self.flow.office.phone_numbers))
        self.happens(lambda at, request: e.CallArrived(at, request, "c1", "REF-c1", caller, dialled, by, now))

    def happens(self, make: Callable[..., e.Event], after: float = 0.1) -> Story:
        self.at = round(self.at + after, 3)
        asks = make.__code__.co_argcount == 2
        self._requests += asks
        event = make(self.at, f"q{self._requests}") if asks else make(self.at)
        self.events.append(event)
        self.call, self.last = step(self.flow, self.call, event)
        self.all += self.last
        return self

    # ---- what happens ----------------------------------------------------------------------------------------------

    def picked_up(self) -> Story:
        """The caller's audio is there and the receptionist is ready."""
        return self.media().happens(lambda at: e.AgentReady(at))

    def media(self, stream: int = 0) -> Story:
        return self.happens(lambda at: e.MediaStarted(at, stream or self.call.stream))

    def says(self, text: str, after: float = 5.0) -> Story:
        return self.happens(lambda at: e.CallerSaid(at, text), after)

    def agent_calls(self, name: str, **arguments: object) -> Story:
        return self.happens(lambda at: e.ToolCalled(at, f"t{len(self.events)}", name, arguments))

    def notes(self, field: str, value: str) -> Story:
        return self.agent_calls("note_answer", field=field, value=value)

    def line_heard(self) -> Story:
        assert self.call.line is not None, "no line is being spoken"
        line = self.call.line.id
        return self.happens(lambda at: e.LinePlayed(at, line), 4.0)

    def line_fails(self) -> Story:
        assert self.call.line is not None, "no line is being spoken"
        line = self.call.line.id
        return self.happens(lambda at: e.LineFailed(at, line))

    def agrees(self) -> Story:
        """The caller has heard what was taken down, and says yes to it."""
        return self.happens(lambda at: e.ReplyHeard(at, "r1"), 6.0).says("Yes, that's right", 1.0)

    def presses(self, key: str) -> Story:
        return self.happens(lambda at: e.KeyPressed(at, key))

    def timer(self, name: str, after: float = 0.1) -> Story:
        return self.happens(lambda at: e.TimerFired(at, name), after)

    def answers(self, n: int) -> Story:
        leg = staff(n)
        self.happens(lambda at: e.LegCreated(at, leg, f"REF-{n}"))
        return self.happens(lambda at, request: e.LegAnswered(at, leg, f"REF-{n}", request), 4.0)

    def staff_presses(self, n: int, key: str) -> Story:
        return self.happens(lambda at, request: e.StaffPressed(at, staff(n), key, request))

    def leg_ends(self, n: int, outcome: Any, after: float = 0.1) -> Story:
        return self.happens(lambda at: e.LegEnded(at, staff(n), outcome), after)

    def joins(self, leg: str) -> Story:
        assert self.call.handoff is not None
        room = self.call.handoff.room
        return self.happens(lambda at: e.JoinedRoom(at, leg, room))

    def hangs_up(self) -> Story:
        return self.happens(lambda at: e.CallerHungUp(at))

    def ringing(self, says: str = "My crown just fell out") -> Story:
        """Up to the first phone ringing."""
        self.picked_up().says(says)
        if self.call.phase == Phase.ASKING:
            self.notes("caller_name", "Maria Lopez")
        if self.call.phase == Phase.ASKING:
            self.notes("reason", "A question")
        return self.line_heard()

    def connected(self) -> Story:
        self.ringing().answers(1).staff_presses(1, "1")
        return self.joins(staff(1)).joins(CALLER)

    # ---- what came of it -------------------------------------------------------------------------------------------

    def did(self, kind: type[Kind]) -> list[Kind]:
        """Commands of a kind in answer to the last event."""
        return [command for command in self.last if isinstance(command, kind)]

    def ever(self, kind: type[Kind]) -> list[Kind]:
        return [command for command in self.all if isinstance(command, kind)]

    def phase(self) -> Phase:
        return self.call.phase

    def answer(self) -> documents.Document:
        (answer,) = self.did(c.Answer)
        return answer.document

    def outcomes(self) -> list[str | None]:
        handoffs = (*self.call.past, *((self.call.handoff,) if self.call.handoff else ()))
        return [a.outcome for h in handoffs for a in h.attempts]


def staff(n: int) -> str:
    return f"c1-staff-{n}"
