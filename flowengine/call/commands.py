"""Everything a call can ask for, in the imperative, grouped by the port that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from flowengine.call.documents import Document

# ---- the carrier ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a carrier's question (an event with a `request`)."""

    request: str
    document: Document


@dataclass(frozen=True, slots=True)
class RingStaff:
    """Ring one phone on a leg of its own. `address` is E.164 or `sip:…`; `ring_seconds` is how long it really rings."""

    leg: str
    address: str
    ring_seconds: float
    caller_id: str  # the number shown to staff, one of the office's
    most_seconds: float = 4 * 3600.0  # the leg's time limit
    show_caller: str = ""  # the caller's own number, to be shown instead where the carrier allows it
    extension: str = (
        ""  # digits (and `w` for half a second) sent when the phone is picked up; no machine is noticed then
    )
    hear_machine_out: bool = False  # `MachineDetected` comes at the end of a machine's greeting, not at its beginning


@dataclass(frozen=True, slots=True)
class CancelLeg:
    """End a staff leg in whatever state it is; `ref` may be "" when the carrier never named it."""

    leg: str
    ref: str


@dataclass(frozen=True, slots=True)
class MoveCaller:
    """Take the caller out of what goes on and give this document instead."""

    ref: str
    document: Document


@dataclass(frozen=True, slots=True)
class MoveStaff:
    """The same for a staff leg (told something and released)."""

    leg: str
    ref: str
    document: Document


@dataclass(frozen=True, slots=True)
class Announce:
    """Everybody in the room is to hear one sentence: `AnnouncementAsked` follows."""

    room: str


@dataclass(frozen=True, slots=True)
class CheckRoom:
    """Ask the carrier who is in a room; `RoomSeen` follows if it knows the room."""

    room: str


@dataclass(frozen=True, slots=True)
class CheckCaller:
    """Ask the carrier whether the caller's leg lives; `CallerHungUp` follows if it does not."""

    ref: str


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Record what the caller says and hears from now on, each apart: `RecordingStarted` follows, or `RecordingEnded`
    without an address."""

    ref: str


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Record no more; `recording` is the carrier's name of it, or "" for the one that runs. `RecordingEnded` follows,
    or `RecordingGoesOn` where the carrier did not take the order."""

    ref: str
    recording: str = ""


CarrierCommand = (
    Answer
    | RingStaff
    | CancelLeg
    | MoveCaller
    | MoveStaff
    | Announce
    | CheckRoom
    | CheckCaller
    | StartRecording
    | StopRecording
)


# ---- what the caller hears -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlayLine:
    """Speak a fixed sentence to the caller. `keep` is False for sentences that hold a caller's words (never cached)."""

    line: str
    text: str
    keep: bool = True


@dataclass(frozen=True, slots=True)
class PrepareLine:
    """Render a fixed sentence ahead of need."""

    text: str
    keep: bool = True


@dataclass(frozen=True, slots=True)
class PlayMusic:
    """Hold music, until `StopMusic`; it pauses while the caller speaks."""

    music: str  # as the flow names it


@dataclass(frozen=True, slots=True)
class StopMusic:
    """The hold music is over."""


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Forget everything the caller has not heard yet."""


@dataclass(frozen=True, slots=True)
class LetAgentSpeak:
    """Whether the agent's audio reaches the caller."""

    allowed: bool


@dataclass(frozen=True, slots=True)
class LetAgentHear:
    """Whether the caller's audio reaches the agent."""

    allowed: bool


MediaCommand = PlayLine | PrepareLine | PlayMusic | StopMusic | ClearAudio | LetAgentSpeak | LetAgentHear


# ---- the voice agent -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentTool:
    """A tool as the agent is told of it; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class StartAgent:
    """Open the agent's session. An empty `greeting` lets it listen first."""

    prompt: str
    greeting: str
    voice: str
    tools: tuple[AgentTool, ...]
    keyterms: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TellAgent:
    """Replace what the agent is told; it acts on it from its next reply on."""

    prompt: str


@dataclass(frozen=True, slots=True)
class AskAgent:
    """Make the agent speak now, in its own words, as instructed."""

    instructions: str


@dataclass(frozen=True, slots=True)
class AnswerTool:
    """What became of a `ToolCalled`."""

    tool_call: str
    result: str  # JSON text
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class EndAgent:
    """The agent's session ends."""


AgentCommand = StartAgent | TellAgent | AskAgent | AnswerTool | EndAgent

# ---- the agent that briefs a staff member ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartConsult:
    """Open an agent session of its own on a staff leg. The greeting is the briefing, word for word."""

    leg: str
    opening: StartAgent


@dataclass(frozen=True, slots=True)
class AnswerConsultTool:
    """What became of a `ConsultToolCalled`."""

    leg: str
    answer: AnswerTool


@dataclass(frozen=True, slots=True)
class EndConsult:
    """The staff leg's agent session ends; its audio stays open until the carrier closes it (the leg is being moved)."""

    leg: str


ConsultCommand = StartConsult | AnswerConsultTool | EndConsult

# ---- the transcript service ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GaugeSpeech:
    """Whether a transcript of the caller is kept beside the receptionist, only to know how sure it is of the words:
    `SpeechGauged` follows. Costs a session of its own; that it fails is nobody's business.
    """

    wanted: bool


# ---- people's screens, work to do, time -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShowCard:
    """Publish or update the context card of a hand-off (`card` is `card.Card` as plain values)."""

    handoff: str
    card: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class NoteDecision:
    """For the journal alone: the rule that fired, what it matched, and which others came close."""

    handoff: str
    rule: str
    matched: str
    close: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoteConsent:
    """For the journal alone: what was made of the caller's answer to being recorded. `answer` is yes, no, none (no
    answer), told (the caller was told, not asked), not told, or withdrawn; `asked` is the call second at which the
    caller had heard the line, None when that never was."""

    answer: str
    asked: float | None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand something to another system, or to somebody's phone or mailbox; it is tried for a day.

    `event` is handoff.decided, handoff.ringing, handoff.connected, handoff.failed, call.completed, message.taken or
    callback.requested. `data` is JSON-native and holds nothing marked private. `CardConfirmed` follows when a webhook
    has taken a `handoff.decided`. A text or an e-mail never holds `data`, only what happened and a link.
    """

    parcel: str  # id, grown from the call id
    event: str
    channel: Literal["webhook", "sms", "email"]
    address: str
    data: Mapping[str, object]
    handoff: str = ""


@dataclass(frozen=True, slots=True)
class AskAddress:
    """A tool of the flow posts to an address; `ToolAnswered` follows within `seconds`."""

    parcel: str
    tool_call: str
    tool: str
    address: str
    arguments: Mapping[str, object]
    seconds: float


@dataclass(frozen=True, slots=True)
class AddWork:
    """Work for a department's desk: a message, a callback, a tool's request, a voicemail."""

    work: str  # id, grown from the call id
    kind: str
    department: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StartTimer:
    """`TimerFired(timer)` follows after `seconds`; a timer of the same name is replaced."""

    timer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    """The timer does not fire any more."""

    timer: str


@dataclass(frozen=True, slots=True)
class EndCall:
    """The call is over; `outcome` as in the report."""

    outcome: str


DeskCommand = NoteDecision | NoteConsent | ShowCard | Deliver | AskAddress | AddWork
SessionCommand = StartTimer | StopTimer | EndCall

Command = CarrierCommand | MediaCommand | AgentCommand | ConsultCommand | GaugeSpeech | DeskCommand | SessionCommand
