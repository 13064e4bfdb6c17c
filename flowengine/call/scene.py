"""Where a rehearsed call plays: virtual time, what will happen next, the core, and what the parties hear."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Literal

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.journal import Replayed
from flowengine.call.machine import step
from flowengine.call.state import Call
from flowengine.flow.model import Flow, FlowTest

WORDS_PER_SECOND = 2.6
THINKING = 1.0  # seconds of quiet before a party speaks or presses a key
MOST_SECONDS = 3 * 3600.0
MOST_EVENTS = 5000  # far more than any real call has; a rehearsal that gets here runs in a circle

What = Literal["agent", "own words", "music", "notice"]


class Circle(Exception):
    """A rehearsal that does not come to an end: a defect of the core, never of a flow."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something a party hears: `at` and `seconds` in call seconds, `text` as spoken (for `own words`, what the
    receptionist was asked to say). `who` is "" for the caller and the person's name for staff."""

    at: float
    seconds: float
    what: What
    text: str
    who: str = ""


@dataclass(order=True, slots=True)
class Due:
    """Something that will happen; of two at the same moment, the one planned first."""

    at: float
    number: int
    happen: Callable[[], None] = field(compare=False)
    keeps_alive: bool = field(compare=False, default=True)  # False for timers that only count how long somebody talks
    dropped: bool = field(compare=False, default=False)


class Scene:
    """One call under way. `perform` is who does what the core asks for."""

    def __init__(self, flow: Flow, test: FlowTest, now: datetime, perform: Callable[[c.Command], None]) -> None:
        self.flow, self.test, self.now = flow, test, now
        self.at, self.call, self.over = 0.0, Call(), False
        self.steps: list[Replayed] = []
        self.heard: list[Heard] = []
        self.asking: dict[str, str] = {}  # request -> leg, "" for the caller
        self._perform = perform
        self._queue: list[Due] = []
        self._numbers = count(1)

    def send(self, event: e.Event) -> None:
        """Something happened: the core takes it, and what it asks for is done."""
        self.call, commands = step(self.flow, self.call, event)
        self.steps.append(Replayed(event, self.call, commands))
        for command in commands:
            self._perform(command)

    def asks(self, leg: str) -> str:
        """A question of the carrier about a leg ("" for the caller's); its answer comes back with this name."""
        request = f"q{next(self._numbers)}"
        self.asking[request] = leg
        return request

    def later(self, seconds: float, happen: Callable[[], None], *, keeps_alive: bool = True) -> Due:
        """`happen` in so many call seconds."""
        due = Due(round(self.at + seconds, 3), next(self._numbers), happen, keeps_alive)
        heapq.heappush(self._queue, due)
        return due

    def hears(self, at: float, seconds: float, what: What, text: str, who: str = "") -> None:
        """A party hears something from `at` on."""
        self.heard.append(Heard(round(at, 3), round(seconds, 3), what, text, who))

    def idle(self) -> bool:
        """Whether nothing is to come but timers that count how long somebody talks."""
        return not any(due.keeps_alive and not due.dropped for due in self._queue)

    def next(self) -> bool:
        """The next thing happens; False when there is none. Raises `Circle` when the call does not end."""
        if not self._queue or self.over:
            return False
        due = heapq.heappop(self._queue)
        if not due.dropped:
            self.at = max(self.at, due.at)
            if self.at > MOST_SECONDS or len(self.steps) > MOST_EVENTS:
                raise Circle(f"{self.flow.key}: the call of test {self.test.name!r} does not end")
            due.happen()
        return True


def drop(due: Due | None) -> None:
    """What was planned does not happen."""
    if due is not None:
        due.dropped = True


def spoken_seconds(text: str) -> float:
    """About how long a sentence takes to say."""
    return round(max(0.8, len(text.split()) / WORDS_PER_SECOND), 3)
