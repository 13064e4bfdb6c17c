"""What passes between engine and carrier during a call in the sandbox, on three clocks: seen without touching either.

Methods of the emulated carrier and of the engine's session are wrapped while a call is played; each wrapper notes the
moment and goes on. It also sets how fast the sandbox plays: what is measured at speed 1, the rest `FAST`.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from flowengine.call import events as e
from flowengine.call.machine import step
from flowengine.call.state import Call
from flowengine.flow.model import Flow
from flowengine.runtime import session
from flowengine.sandbox.carrier.api_calls import Calls
from flowengine.sandbox.carrier.conference import Room
from flowengine.sandbox.carrier.exchange import Exchange
from flowengine.sandbox.carrier.leg import Leg
from flowengine.sandbox.carrier.webhooks import Webhooks
from flowengine.sandbox.clock import PacedLoop
from flowengine.sandbox.speech import FRAME, Ear

FAST = 50.0  # speed of what is not measured


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on the three clocks, seconds: of the call, of the wall, of this process's processor time."""

    call: float
    wall: float
    processor: float


def now() -> Moment:
    return Moment(asyncio.get_running_loop().time(), time.perf_counter(), time.process_time())


@dataclass(slots=True)
class Seen:
    """The moments of one call, in order, and how fast it is played."""

    moments: list[tuple[str, Moment]] = field(default_factory=list)
    deciding: list[tuple[float, float]] = field(default_factory=list)  # wall time at which a `step()` ended; it took
    posted: dict[int, Moment] = field(default_factory=dict)
    frames: list[Moment] = field(default_factory=list)  # of the caller's ear
    ear: Ear = field(default_factory=Ear)
    words: list[tuple[str, Moment, Moment]] = field(default_factory=list)  # from the receptionist, begin and end

    def note(self, what: str, at: Moment | None = None) -> None:
        self.moments.append((what, at or now()))

    def first(self, what: str, since: Moment | None = None) -> Moment:
        """The first of its kind. Raises `LookupError`."""
        return next(self.all(what, since), None) or _missing(what)

    def all(self, what: str, since: Moment | None = None) -> Iterator[Moment]:
        return (at for name, at in self.moments if name == what and (since is None or at.wall >= since.wall))

    def hears(self, frame: bytes) -> bool:
        """20 ms in the caller's ear. Whether a word of the receptionist was finished."""
        self.frames.append(now())
        found = [word for word in self.ear.feed(frame) if word.speaker == "agent"]
        for word in found:
            begin, end = word.start // FRAME, min(word.end // FRAME, len(self.frames) - 1)
            self.words.append((word.text, self.frames[begin], self.frames[end]))
        return bool(found)

    def spoken(self, since: Moment) -> list[tuple[str, Moment, Moment]]:
        return [word for word in self.words if word[1].wall >= since.wall]


def _missing(what: str) -> Moment:
    raise LookupError(f"it was never seen: {what}")


def speed(to: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PacedLoop)
    loop.set_speed(to)


@contextmanager
def watching(seen: Seen, *, accepts: bool) -> Iterator[None]:
    """Notes what is to be seen. At speed 1: in a call that somebody `accepts` from what decides to the ring, and from
    the answer until they meet; in another from a phone that rang out to the receptionist's next word.
    """
    with ExitStack() as stack:
        watch = functools.partial(_watch, stack)
        watch(session.Session, "post", before=lambda s, event: _posted(seen, event, accepts))
        watch(Leg, "enter", after=lambda _, leg, status: _entered(seen, leg, status))
        watch(Leg, "answer", after=lambda _, leg: _answered(seen, leg))
        watch(Leg, "end", before=lambda leg, status, *_a, **_k: _ended(seen, leg, status))
        watch(Leg, "press", before=lambda leg, key: seen.note("key"))
        watch(Leg, "listen", after=lambda _, leg: _listened(seen, leg, accepts))
        watch(Room, "enter", after=lambda _, room, leg, given: _in_room(seen, room, leg))
        watch(Exchange, "new_leg", after=lambda _, *_a, **given: _ordered(seen, given["direction"]))
        watch(Calls, "_redirect", before=lambda _, leg, form: seen.note(f"moved {leg.kind}"))
        stack.enter_context(patch.object(Webhooks, "_exchanged", _exchanging(seen)))
        stack.enter_context(patch.object(session, "step", _stepping(seen)))
        yield


def _watch(
    stack: ExitStack,
    owner: type,
    name: str,
    before: Callable[..., object] = lambda *a, **k: None,
    after: Callable[..., object] = lambda *a, **k: None,
) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def watched(*given: Any, **named: Any) -> Any:
        before(*given, **named)
        result = original(*given, **named)
        after(result, *given, **named)
        return result

    stack.enter_context(patch.object(owner, name, watched))


def _posted(seen: Seen, event: e.Event, accepts: bool) -> None:
    """What may decide has reached the engine: from here on the wall counts."""
    if accepts and isinstance(event, e.CallerSaid | e.ToolCalled) and not list(seen.all("decided")):
        seen.posted[id(event)] = now()
        speed(1)


def _stepping(seen: Seen) -> Callable[..., Any]:
    original = step

    def stepping(flow: Flow, call: Call, event: e.Event) -> Any:
        began = time.perf_counter()
        after, commands = original(flow, call, event)
        ended = time.perf_counter()
        seen.deciding.append((ended, ended - began))
        if call.handoff is None and after.handoff is not None and not call.past:
            seen.note("decided", seen.posted.get(id(event)))
        elif seen.posted.pop(id(event), None):
            speed(FAST)  # it decided nothing
        return after, commands

    return stepping


def _exchanging(seen: Seen) -> Callable[..., Any]:
    original = Webhooks._exchanged

    async def exchanging(self: Webhooks, method: str, url: str, *rest: Any) -> Any:
        path = urlsplit(url).path.rpartition("/")[2]
        seen.note(f"asked {path}")
        answer = await original(self, method, url, *rest)
        seen.note(f"told {path}")
        return answer

    return exchanging


def _entered(seen: Seen, leg: Leg, status: str) -> None:
    seen.note(status)
    if status == "ringing":
        speed(FAST)


def _answered(seen: Seen, leg: Leg) -> None:
    if not leg.inbound:
        seen.note("picked up")
        speed(1)


def _ended(seen: Seen, leg: Leg, status: str) -> None:
    if not leg.record.over and status == "no-answer":
        seen.note("rang out")
        speed(1)


def _listened(seen: Seen, leg: Leg, accepts: bool) -> None:
    spoke = leg.inbound and seen.hears(leg._heard)
    if spoke and not accepts:
        speed(FAST)


def _in_room(seen: Seen, room: Room, leg: Leg) -> None:
    seen.note(f"in room {leg.kind}")
    if len(room.members) > 1:
        seen.note("connected")
        speed(FAST)


def _ordered(seen: Seen, direction: str) -> None:
    if direction != "inbound":
        seen.note("ordered")
