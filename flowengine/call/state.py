"""What is known of a call: frozen values, folded from its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from flowengine.call.documents import Document
from flowengine.flow.model import Ring, Step


class Phase(StrEnum):
    """Where a call is in its life."""

    ARRIVING = "arriving"  # answered; no audio yet
    TALKING = "talking"  # the receptionist and the caller
    ASKING = "asking"  # a hand-off is decided; missing fields are asked
    ANNOUNCING = "announcing"  # the hand-off line is being spoken
    CONFIRMING = "confirming"  # refer, dial: somebody must have the card first
    RINGING = "ringing"  # staff are rung; the caller holds
    BRIDGING = "bridging"  # somebody accepted; both are on their way into the room
    CONNECTED = "connected"
    AWAY = "away"  # referred or dialled: the carrier will tell how it ended
    RETURNING = "returning"  # the caller is on the way back to us
    MESSAGE = "message"  # the receptionist takes a message
    CLOSING = "closing"  # a last sentence, then the end
    RECORDING = "recording"  # the carrier records a voicemail
    ENDED = "ended"


CallerAt = Literal["arriving", "stream", "moving", "room", "lost", "gone"]
AgentIs = Literal["none", "starting", "ready", "failed", "ended"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One finished utterance and who said it; `at` is when it was known, in call seconds."""

    at: float
    speaker: Literal["caller", "agent", "staff"]
    text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A phone to ring: one number of one person, for one department."""

    person: str
    address: str
    department: str


@dataclass(frozen=True, slots=True)
class Stage:
    """Targets rung together."""

    targets: tuple[Target, ...]
    ring: Ring


@dataclass(frozen=True, slots=True)
class Attempt:
    """One phone rung on a leg of its own. `outcome` is None while it is open; `accepted` is the winner's."""

    leg: str
    target: Target
    started: float
    ref: str = ""
    answered: float | None = None
    ended: float | None = None
    outcome: str | None = None
    evidence: str = ""
    machine: bool = False
    unknown: bool = False  # the order to ring was never answered
    over: bool = False  # the carrier said the leg ended
    asked_again: bool = False  # a key that means nothing was pressed
    consulting: bool = False  # an agent of its own briefs them
    why: str = ""  # what a person who declined said about it
    ended_again: int = 0  # orders to end the leg given once more, for the carrier does not say that it is over


@dataclass(frozen=True, slots=True)
class Handoff:
    """The whole story: decision, announcement, attempts, connection or fallback. Times are call seconds."""

    id: str
    rule: str
    matched: str
    department: str
    method: str
    decided: float
    stages: tuple[Stage, ...]
    then: Step
    emergency: bool = False
    say: str = ""  # the rule's own sentence instead of `say_before`
    attempts: tuple[Attempt, ...] = ()
    summary: str = ""
    next_step: str = ""
    status: str = "deciding"
    card_at: float | None = None
    confirmed: bool = False
    announced: bool = False
    first_ring_at: float | None = None
    accepted_at: float | None = None
    connected_at: float | None = None
    ended_at: float | None = None
    room: str = ""
    winner: str = ""  # leg
    caller_in: bool = False
    staff_in: bool = False
    news: str = ""  # what the caller is to hear about the last attempt, as soon as there is a moment
    updated: float | None = None  # when a caller who waits without the receptionist was last told anything
    recording: str = ""  # address of what the caller recorded when nobody came
    close: tuple[str, ...] = ()  # rules that were nearly the one that fired, and why they were not
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class PendingLine:
    """A fixed sentence on its way to the caller's ear, and what follows it."""

    id: str
    text: str
    then: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """How long nobody has said anything, for `quiet_for`: `counted` seconds and those since call second `since`, which
    is None while it is not the caller who is quiet."""

    reply: str = ""  # the receptionist's latest reply: its end is when counting begins
    since: float | None = None
    counted: float = 0.0
    asked: bool = False  # whether the caller is still there


@dataclass(frozen=True, slots=True)
class Held:
    """What a rule was about to fire on, held until the caller has answered what its `only_if` asks about."""

    field: str
    text: str = ""
    key: str = ""
    proposed: str = ""
    matched: str = ""
    confidence: float | None = None
    arriving: bool = False
    summary: str = ""
    next_step: str = ""


ConsentStage = Literal["", "telling", "cut", "saying", "waiting", "settled"]


@dataclass(frozen=True, slots=True)
class Consent:
    """What the caller was told or asked about being recorded, and answered. Times are call seconds.

    `telling`: the line is part of the greeting; `cut`: the greeting was cut short before it; `saying`: it is spoken by
    itself; `waiting`: it was heard and is to be answered.
    """

    stage: ConsentStage = ""
    reply: str = ""  # the greeting, as the receptionist's service names it
    asked: int = 0  # how often the line was heard to its end
    by_itself: bool = False  # it was said once more, or for the first time, as a sentence of its own
    owed: bool = False  # what the caller said before that is still to be answered
    heard_at: float | None = None
    answer: Literal["", "yes", "no", "none", "told", "not told", "withdrawn"] = ""
    answered_at: float | None = None


TapeIs = Literal["", "ordered", "running", "stopping", "over"]


@dataclass(frozen=True, slots=True)
class Tape:
    """Whether the call is recorded at this moment, and where finished recordings lie."""

    state: TapeIs = ""
    ref: str = ""  # the carrier's name of what runs
    addresses: tuple[str, ...] = ()
    seconds: float = 0.0  # of all of them
    orders: int = 0  # to stop


@dataclass(frozen=True, slots=True)
class Call:
    """One caller's whole visit."""

    call_id: str = ""
    ref: str = ""
    caller: str = ""
    dialled: str = ""
    arrives_by: Literal["phone", "sip"] = "phone"
    now: str = ""  # wall time of the beginning, ISO 8601
    rehearsed: bool = False  # what the model would judge, the engine's matcher decides
    called_before: bool = False
    language: str = ""  # the language spoken now, as the flow names it
    greeted: bool = False  # the caller has been told who answers
    at: float = 0.0  # when the last event happened
    phase: Phase = Phase.ARRIVING
    caller_at: CallerAt = "arriving"
    stream: int = 0  # the stream the caller is on, or was told to open
    heard_on: int = 0  # the stream whose audio reached us last
    heading: Document | None = None  # where the caller was last sent
    left: CallerAt = "arriving"  # where the caller was when last sent somewhere
    rooms: int = 0  # rooms made in this call; each has a name of its own
    returns: int = 0  # how often the carrier asked since the caller was last heard
    talking_since: float | None = None
    agent: AgentIs = "none"
    fields: Mapping[str, str] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()
    caller_turns: int = 0
    spent: frozenset[str] = frozenset()  # rules that fire once a call and did
    unclear: int = 0
    unheard: int = 0  # ends of speech of which the words may still come
    mood: str = ""
    mood_turns: int = 0
    unsolved: int = 0
    asked: tuple[str, ...] = ()  # fields asked for, in order
    wondered: tuple[str, ...] = ()  # fields asked for because of an `only_if`
    held: Held | None = None
    quiet: Quiet = Quiet()
    confidence: float | None = None  # of what is being said, until its words are final
    tools_run: tuple[str, ...] = ()
    rung: tuple[str, ...] = ()  # people rung in this call
    phones_rung: int = 0
    handoff: Handoff | None = None
    past: tuple[Handoff, ...] = ()
    line: PendingLine | None = None
    lines_said: int = 0
    works: int = 0
    parcels: int = 0  # what was handed to the outbox
    asking: tuple[str, ...] = ()  # tool calls that wait for an address to answer
    taking: Literal["message", "callback"] = "message"  # what is taken down in `Phase.MESSAGE`
    collecting: tuple[str, ...] = ()  # fields a message still wants
    speaks: str = ""  # who speaks at this moment, "caller" or "agent"; fixed sentences are not counted
    speaks_since: float = 0.0
    moves_failed: int = 0  # orders to move the caller that the carrier did not take, in a row
    read_back: int = 0  # how often what was taken down has been read to the caller
    promised: float | None = None  # when the receptionist told the caller of a transfer that nobody has begun
    late: bool = False  # the present agent session came in late and must be told the story
    refused: int = 0  # what the model asked for and was refused
    after: str = ""  # what goes on when the caller is back
    consent: Consent = Consent()  # to being recorded
    tape: Tape = Tape()
    outcome: str | None = None

    @property
    def caller_leg(self) -> str:
        return f"{self.call_id}-caller"

    def wall(self, at: float | None = None) -> datetime:
        """The wall time (aware) of call second `at`, by default of the last event."""
        return datetime.fromisoformat(self.now) + timedelta(seconds=self.at if at is None else at)


def running(call: Call) -> Handoff:
    """The running hand-off; there must be one."""
    assert call.handoff is not None
    return call.handoff


def with_handoff(call: Call, **changes: object) -> Call:
    """The call with its running hand-off changed."""
    return replace(call, handoff=replace(running(call), **changes))  # type: ignore[arg-type]


def next_parcel(call: Call) -> tuple[Call, str]:
    """The call with one thing more handed to the outbox, and that thing's id."""
    call = replace(call, parcels=call.parcels + 1)
    return call, f"{call.call_id}-d{call.parcels}"


def handoffs(call: Call) -> tuple[Handoff, ...]:
    """All hand-offs of the call, the running one last."""
    return (*call.past, call.handoff) if call.handoff else call.past


def attempt_on(call: Call, leg: str) -> Attempt | None:
    """The attempt made on a leg, in the running hand-off or an earlier one."""
    return next((a for h in reversed(handoffs(call)) for a in h.attempts if a.leg == leg), None)


def with_attempt(call: Call, leg: str, **changes: object) -> Call:
    """The call with the attempt on `leg` changed, wherever it stands."""

    def changed(handoff: Handoff) -> Handoff:
        attempts = tuple(replace(a, **changes) if a.leg == leg else a for a in handoff.attempts)  # type: ignore[arg-type]
        return replace(handoff, attempts=attempts)

    return replace(
        call, handoff=changed(call.handoff) if call.handoff else None, past=tuple(changed(h) for h in call.past)
    )


def open_attempts(call: Call) -> tuple[Attempt, ...]:
    """Legs of the running hand-off that still ring or listen to the briefing."""
    return tuple(a for a in call.handoff.attempts if a.outcome is None) if call.handoff else ()
