"""Everything that can happen to a call, in the past tense; `at` is seconds since the call began.

Events are the journal: a call's state is a fold over them. They hold JSON-native values only. An event with a
`request` is a question from the carrier that must be answered with a document (`commands.Answer`). `leg` is our name of
a connection, grown from the call id and the attempt; `ref` is the carrier's, opaque here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LegOutcome = Literal[
    "busy",
    "no_answer",
    "declined",
    "voicemail",
    "failed",
    "timed_out",
    "caller_gone",
    "cancelled",
    "unknown",
    "completed",
]


# ---- the caller's leg ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallArrived:
    """A caller rings the office. `now` is the wall time (ISO 8601 with offset); later moments are `now` plus `at`."""

    at: float
    request: str
    call_id: str
    ref: str  # the carrier's id of the caller's leg, opaque here
    caller: str  # E.164, or "" when withheld
    dialled: str
    arrives_by: Literal["phone", "sip"]
    now: str
    rehearsed: bool = False  # no model takes part: what it would judge, the engine's matcher decides
    called_before: bool = False  # this number has called this flow earlier; False when that could not be found out


@dataclass(frozen=True, slots=True)
class CallerReturned:
    """The carrier asks what the caller gets now: a stream ended, or a spoken notice is over. `stream` is the one that
    ended, 0 where the carrier does not say.
    """

    at: float
    request: str
    stream: int = 0


@dataclass(frozen=True, slots=True)
class CallerLeftRoom:
    """The caller's stay in the room is over and the carrier asks what comes next."""

    at: float
    request: str
    room: str


@dataclass(frozen=True, slots=True)
class WaitAsked:
    """A caller waits alone in the room and the carrier asks what there is to hear (`documents.Wait`)."""

    at: float
    request: str
    room: str


@dataclass(frozen=True, slots=True)
class AnnouncementAsked:
    """The carrier asks what everybody in the room is to hear once (`documents.SayToRoom`)."""

    at: float
    request: str
    room: str


@dataclass(frozen=True, slots=True)
class MessageRecorded:
    """The carrier recorded the caller's voicemail."""

    at: float
    request: str
    url: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ReferAnswered:
    """How a REFER ended; `accepted` is False when refused or unknown. `evidence` is the carrier's words."""

    at: float
    request: str
    accepted: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class DialEnded:
    """How a cold dial ended; `bridged` when the two really spoke."""

    at: float
    request: str
    outcome: LegOutcome
    bridged: bool
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """The caller's audio reaches us. Streams of one call are numbered from 1."""

    at: float
    stream: int


@dataclass(frozen=True, slots=True)
class MediaEnded:
    """The caller's audio reaches us no longer: the caller was moved or has hung up, or the stream broke."""

    at: float
    stream: int


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    """The caller's leg is over."""

    at: float


@dataclass(frozen=True, slots=True)
class CallerMoved:
    """The carrier took the order to move the caller."""

    at: float


@dataclass(frozen=True, slots=True)
class CallerMoveFailed:
    """The caller could not be moved; `gone` when the leg is over (twilio.md 4.1: 21220, 20404)."""

    at: float
    gone: bool
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller pressed a key."""

    at: float
    key: str  # 0-9, * or #; "" for one that means nothing here and may be a digit of a number (redaction.py)


# ---- what is said --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller begins to speak."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller has stopped speaking; what was said follows as `CallerSaid`, or nothing does."""

    at: float


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """A final of the caller; an empty text is speech nobody could make out."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class SpeechGauged:
    """The transcript service has made out something of the caller, and how sure it is: `confidence` is the mean over
    its words, from 0 to 1. Comes shortly before or after the `CallerSaid` of the same words.
    """

    at: float
    confidence: float


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """What the receptionist said in a reply; of an `interrupted` one, as far as it was spoken."""

    at: float
    text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class CallerUnheard:
    """What the caller says to a person reaches us no longer: they have hung up, or only the line to us broke."""

    at: float


@dataclass(frozen=True, slots=True)
class StaffSaid:
    """A finished utterance of the staff member to the caller."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class TranscriptGap:
    """The transcript of one leg stopped (`open`) or goes on again."""

    at: float
    leg: str
    open: bool


# ---- the voice agent -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentReady:
    """`lasts` is how many seconds the session may live; 0.0 when the service does not say."""

    at: float
    lasts: float = 0.0


@dataclass(frozen=True, slots=True)
class AgentFailed:
    """The agent cannot be reached, failed for good, or dropped and did not resume."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class AgentEnded:
    """The agent's session ended on purpose."""

    at: float


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The agent uses a tool; `tool_call` is the service's id, by which it is answered."""

    at: float
    tool_call: str
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The first audible audio of a reply went to the caller."""

    at: float
    reply: str


@dataclass(frozen=True, slots=True)
class ReplyHeard:
    """The caller has heard a reply to its end (the carrier echoed the mark behind it)."""

    at: float
    reply: str


# ---- fixed sentences -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinePlayed:
    """The caller has heard a fixed sentence to its end."""

    at: float
    line: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class LineFailed:
    """A fixed sentence could not be had in the receptionist's voice."""

    at: float
    line: str


# ---- staff legs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LegCreated:
    """The carrier has taken the order to ring."""

    at: float
    leg: str
    ref: str


@dataclass(frozen=True, slots=True)
class LegUnknown:
    """The order to ring was never answered: the phone may ring or not."""

    at: float
    leg: str


@dataclass(frozen=True, slots=True)
class LegRinging:
    """The phone rings."""

    at: float
    leg: str
    ref: str


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """Somebody or something picked up and the carrier asks what they hear."""

    at: float
    leg: str
    ref: str
    request: str


@dataclass(frozen=True, slots=True)
class StaffPressed:
    """A staff member answered the briefing with a key; "" is no key in time. `request` is "" when the key came while
    an agent briefs them: nothing asks for a document then.
    """

    at: float
    leg: str
    key: str
    request: str


@dataclass(frozen=True, slots=True)
class StaffSaidWhy:
    """A staff member who declined was asked why; "" is no key in time."""

    at: float
    leg: str
    key: str
    request: str


@dataclass(frozen=True, slots=True)
class MachineDetected:
    """A machine has picked up; `finished` when its greeting is over and it records from now on."""

    at: float
    leg: str
    finished: bool = False


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A staff leg is over, for whatever reason; `evidence` is the carrier's words."""

    at: float
    leg: str
    outcome: LegOutcome
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class JoinedRoom:
    """A leg has entered a room."""

    at: float
    leg: str
    room: str


@dataclass(frozen=True, slots=True)
class LeftRoom:
    """A leg has left a room."""

    at: float
    leg: str
    room: str


@dataclass(frozen=True, slots=True)
class RoomSeen:
    """Who is in a room at this moment; `refs` are the carrier's ids of their legs."""

    at: float
    room: str
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StaffLeftRoom:
    """A staff leg's stay in the room is over and the carrier asks what comes next."""

    at: float
    leg: str
    request: str


# ---- the agent that briefs a staff member ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StaffMediaStarted:
    """A staff leg's audio reaches us, to be briefed by an agent."""

    at: float
    leg: str


@dataclass(frozen=True, slots=True)
class StaffReturned:
    """A staff leg's audio to us is over and the carrier asks what the leg gets next."""

    at: float
    leg: str
    request: str


@dataclass(frozen=True, slots=True)
class ConsultReady:
    """The agent of a briefing can speak."""

    at: float
    leg: str


@dataclass(frozen=True, slots=True)
class ConsultFailed:
    """The agent of a briefing cannot be reached, failed for good, or dropped."""

    at: float
    leg: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConsultSaid:
    """A finished utterance of a briefing."""

    at: float
    leg: str
    speaker: Literal["agent", "staff"]
    text: str


@dataclass(frozen=True, slots=True)
class ConsultToolCalled:
    """The agent of a briefing uses a tool (the staff member's yes or no)."""

    at: float
    leg: str
    tool_call: str
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)


# ---- the rest ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardShown:
    """The card of a hand-off stands where staff can see it."""

    at: float
    handoff: str


@dataclass(frozen=True, slots=True)
class CardConfirmed:
    """Somebody has the card: its page was opened, or a webhook answered 2xx. A webhook may do so hours later, so news
    of another `handoff` than the one that goes on says nothing ("": a journal that is older than this field)."""

    at: float
    how: Literal["page", "webhook"]
    handoff: str = ""


@dataclass(frozen=True, slots=True)
class StaffDecided:
    """A staff member took or declined the call on the page. `person` is the name the card shows; `why` in their words
    or "" and `by` who was signed in."""

    at: float
    handoff: str
    person: str
    accepts: bool
    why: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """What an address said to a tool's request, cut to 2,000 characters; `ok` is False when it said nothing in time."""

    at: float
    tool_call: str
    ok: bool
    answer: str = ""


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """The carrier records the call; `ref` is its name there."""

    at: float
    ref: str


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """A recording of the call is ready (`url`) or could not be made (`url` "")."""

    at: float
    ref: str
    url: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RecordingGoesOn:
    """The order to stop recording was not taken; `evidence` is the carrier's words."""

    at: float
    ref: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer of `StartTimer` has run out."""

    at: float
    timer: str


@dataclass(frozen=True, slots=True)
class EngineRestarted:
    """The call was taken up again from its journal: agent session and timers are lost, legs live on at the carrier."""

    at: float


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """A mistake of ours was caught; the session is about to rescue the caller."""

    at: float
    error: str


Event = (
    CallArrived
    | CallerReturned
    | CallerLeftRoom
    | WaitAsked
    | AnnouncementAsked
    | MessageRecorded
    | ReferAnswered
    | DialEnded
    | MediaStarted
    | MediaEnded
    | CallerHungUp
    | CallerMoved
    | CallerMoveFailed
    | KeyPressed
    | SpeechStarted
    | SpeechEnded
    | CallerSaid
    | SpeechGauged
    | AgentSaid
    | CallerUnheard
    | StaffSaid
    | TranscriptGap
    | AgentReady
    | AgentFailed
    | AgentEnded
    | ToolCalled
    | ReplyStarted
    | ReplyHeard
    | LinePlayed
    | LineFailed
    | LegCreated
    | LegUnknown
    | LegRinging
    | LegAnswered
    | StaffPressed
    | StaffSaidWhy
    | MachineDetected
    | LegEnded
    | JoinedRoom
    | LeftRoom
    | RoomSeen
    | StaffLeftRoom
    | StaffMediaStarted
    | StaffReturned
    | ConsultReady
    | ConsultFailed
    | ConsultSaid
    | ConsultToolCalled
    | CardShown
    | CardConfirmed
    | StaffDecided
    | ToolAnswered
    | RecordingStarted
    | RecordingEnded
    | RecordingGoesOn
    | TimerFired
    | EngineRestarted
    | EngineFailed
)
