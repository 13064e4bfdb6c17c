"""What one call can be measured by, folded from its journal; the figures over many calls are in `metrics.py`.

A measure holds no word and no number of a caller: times, outcomes, and keys of the flow.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flowengine.call import events as e
from flowengine.call.journal import replay
from flowengine.call.retelling import NUMBER, Said, first_mention, known_of, retold
from flowengine.call.state import Call, Handoff, handoffs
from flowengine.flow.figures import SHORT_SECONDS
from flowengine.flow.model import Flow, Method

Leaver = Literal["", "caller", "staff"]


@dataclass(frozen=True, slots=True)
class HandOver:
    """One hand-over for which somebody could be rung. Moments are call seconds, durations seconds; None is not reached
    or not known."""

    id: str
    rule: str
    department: str
    method: str
    outcome: str  # connected, referred, dialled, abandoned, or what followed: message, callback, …, cancelled, failed
    decided: float
    attempts: tuple[str, ...] = ()  # the outcome of each phone rung
    connected: float | None = None
    over: float | None = None
    over_by: Leaver = ""
    context: float | None = None  # from the connection to the first mention of name or reason
    transcribed: bool = False  # both were written down, without a gap
    repeated: tuple[str, ...] | None = None  # fields told again; None where that cannot be said
    resolved: bool | None = None  # what staff said of it afterwards
    needed_person: bool | None = None

    @property
    def time_to_answer(self) -> float | None:
        return None if self.connected is None else self.connected - self.decided

    @property
    def handle_time(self) -> float | None:
        return None if self.connected is None or self.over is None else max(0.0, self.over - self.connected)

    @property
    def short(self) -> bool:
        """Over within seconds: it cannot have helped."""
        return self.handle_time is not None and self.handle_time < SHORT_SECONDS

    @property
    def cut_off(self) -> bool:
        """Over within seconds, and not because the person hung up."""
        return self.short and self.over_by == "caller"


@dataclass(frozen=True, slots=True)
class CallMeasures:
    """One call. `known` is False where its journal cannot be read: then only `started` and `outcome` count."""

    call_id: str
    flow: str
    started: str  # ISO wall time
    outcome: str
    caller: str = ""  # a keyed digest, "" when withheld or not known
    handovers: tuple[HandOver, ...] = ()
    known: bool = True

    @property
    def resolved(self) -> bool | None:
        """What staff said last of it; None is nothing."""
        return next((h.resolved for h in reversed(self.handovers) if h.resolved is not None), None)


def measure(flow: Flow, events: Iterable[e.Event], *, key: bytes = b"") -> CallMeasures:
    """The measures of one call; `key` makes its caller comparable with those measured with the same key."""
    call, met, happened = Call(), dict[tuple[str, float | None], Call](), list[e.Event]()
    for step in replay(flow, events):
        call = step.call
        happened.append(step.event)
        for handoff in handoffs(call)[-1:]:
            met.setdefault((handoff.id, handoff.connected_at), call)
    every = tuple(
        _handover(flow, call, handoff, met[handoff.id, handoff.connected_at], happened)
        for handoff in handoffs(call)
        if handoff.attempts or handoff.stages
    )
    return CallMeasures(
        call.call_id, flow.key, call.now, call.outcome or "", _digest(key, flow.key, call.caller), every
    )


def unmeasured(call_id: str, flow: str, started: str, outcome: str) -> CallMeasures:
    """A call whose journal retention has emptied, or another version wrote."""
    return CallMeasures(call_id, flow, started, outcome, known=False)


def judged(call: CallMeasures, wraps: Mapping[str, tuple[bool | None, bool | None]]) -> CallMeasures:
    """The call with what staff said afterwards: (resolved, needed a person) by hand-off."""

    def with_wrap(handover: HandOver) -> HandOver:
        resolved, needed = wraps.get(handover.id, (None, None))
        return replace(handover, resolved=resolved, needed_person=needed)

    return replace(call, handovers=tuple(with_wrap(h) for h in call.handovers))


def _digest(key: bytes, flow: str, caller: str) -> str:
    return hmac.new(key, f"{flow} {caller}".encode(), hashlib.sha256).hexdigest()[:24] if caller else ""


# ---- one hand-over ---------------------------------------------------------------------------------------------------


def _handover(flow: Flow, call: Call, handoff: Handoff, then: Call, happened: Sequence[e.Event]) -> HandOver:
    ours = handoff.connected_at is not None and handoff.method == Method.CONFERENCE
    measured = HandOver(
        id=handoff.id,
        rule=handoff.rule,
        department=handoff.department,
        method=handoff.method,
        outcome=_outcome(handoff),
        decided=handoff.decided,
        attempts=tuple(a.outcome or "unknown" for a in handoff.attempts),
    )
    return _talked(flow, call, measured, handoff, then, happened) if ours else measured


def _outcome(handoff: Handoff) -> str:
    if handoff.status == "abandoned":
        return "abandoned"
    return "connected" if handoff.connected_at is not None and not handoff.outcome else handoff.outcome or "running"


def _talked(
    flow: Flow, call: Call, measured: HandOver, handoff: Handoff, then: Call, happened: Sequence[e.Event]
) -> HandOver:
    """What is known of a talk we stayed with; `then` is the call as it was when the two met."""
    connected = handoff.connected_at or 0.0
    after = [event for event in happened if event.at >= connected]
    over, by = _left(after, handoff, call.caller_leg)
    until = over if over is not None else call.at
    talk = [said for event in after if event.at <= until for said in _said(event)]
    gap = any(isinstance(event, e.TranscriptGap) and event.open and event.at <= until for event in after)
    measured = replace(measured, outcome="connected", connected=connected, over=over, over_by=by)
    if gap or {said.speaker for said in talk} != {"caller", "staff"}:
        return measured
    language = then.language or flow.receptionist.languages[0]
    fields = {**({NUMBER: call.caller} if call.caller else {}), **{n: v for n, v in then.fields.items() if v}}
    known = known_of(flow, fields, language)
    mention = first_mention(known, talk, language)
    return replace(
        measured,
        transcribed=True,
        context=None if mention is None else mention - connected,
        repeated=retold(known, talk, language) if known else None,
    )


def _said(event: e.Event) -> tuple[Said, ...]:
    match event:
        case e.CallerSaid(at, text) if text.strip():
            return (Said(at, "caller", text),)
        case e.StaffSaid(at, text) if text.strip():
            return (Said(at, "staff", text),)
    return ()


def _left(after: Iterable[e.Event], handoff: Handoff, caller: str) -> tuple[float | None, Leaver]:
    """When the talk was over and who left it. The room ends with the person, and the carrier may tell of the caller
    first: only a hang-up is the caller's own."""
    out: float | None = None
    for event in after:
        match event:
            case e.LeftRoom(at, leg, room) if room == handoff.room and leg == caller:
                out = at if out is None else out
            case e.CallerHungUp(at) | e.CallerMoveFailed(at, True):
                return (at if out is None else out), "caller"
            case e.LeftRoom(at, leg) | e.LegEnded(at, leg) | e.StaffLeftRoom(at, leg) if leg == handoff.winner:
                return (at if out is None else out), "staff"
            case e.CallerLeftRoom(at, _, room) if room == handoff.room:
                return (at if out is None else out), "staff"
    return out, "caller" if out is not None else ""
