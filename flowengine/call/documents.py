"""What a leg of the call is to do next: the documents a carrier is given, as an answer or to move somebody."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectCaller:
    """The caller's audio comes to us and ours to the caller; `say` is spoken by the carrier first, if not empty."""

    stream: int
    say: str = ""
    language: str = ""  # of `say`, as flows name languages; "" is English


@dataclass(frozen=True, slots=True)
class JoinCaller:
    """The caller enters the room with the staff member."""

    room: str


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The caller who waits in the room hears some words, and then `CallerLeftRoom` asks what she gets: of another
    process, this one is about to end."""

    room: str


@dataclass(frozen=True, slots=True)
class ParkCaller:
    """The caller waits alone in the room: `WaitAsked` follows at once and whenever what there was to hear is over.
    What the caller says meanwhile is transcribed.
    """

    room: str


@dataclass(frozen=True, slots=True)
class Wait:
    """What a waiting caller hears: `say`, if not empty, then `music` (as the flow names it) for about `seconds`."""

    say: str
    music: str
    seconds: float
    language: str = "English"  # of `say`, as flows name languages


@dataclass(frozen=True, slots=True)
class SayToRoom:
    """What everybody in a room hears once (the answer to `AnnouncementAsked`)."""

    say: str
    language: str = "English"


@dataclass(frozen=True, slots=True)
class BriefStaff:
    """A staff member hears the briefing and is asked for a key within `accept_within` seconds after it."""

    leg: str
    briefing: str
    accept_within: float
    language: str = "English"  # of the briefing, as flows name languages


@dataclass(frozen=True, slots=True)
class AskWhy:
    """A staff member who declined may say why by one key within `seconds` after the question; `StaffSaidWhy` follows,
    unless they hang up.
    """

    leg: str
    say: str
    seconds: float
    language: str = "English"


@dataclass(frozen=True, slots=True)
class AwaitTone:
    """The leg hears nothing for `seconds`, then it ends: a machine's greeting may be going on (`MachineDetected`)."""

    leg: str
    seconds: float


@dataclass(frozen=True, slots=True)
class BriefByAgent:
    """The staff leg's audio comes to us and ours goes to it (`StaffMediaStarted`): an agent briefs them."""

    leg: str


@dataclass(frozen=True, slots=True)
class JoinStaff:
    """The staff member enters the room; leaving it ends it."""

    leg: str
    room: str


@dataclass(frozen=True, slots=True)
class RecordCaller:
    """The carrier says `say` and records a message of at most `seconds`."""

    say: str
    seconds: float = 120.0
    language: str = ""


@dataclass(frozen=True, slots=True)
class ReferCaller:
    """A SIP caller is sent to `address` by REFER; `card` names the card, for a header."""

    address: str
    card: str


@dataclass(frozen=True, slots=True)
class DialNumber:
    """A cold dial: the caller is connected to `address`, which rings for `ring_seconds`. `caller_id` is the number that
    is shown; `leg` is who is dialled, so that what they say is transcribed as theirs.
    """

    address: str
    ring_seconds: float
    caller_id: str
    leg: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The leg ends; `say` is spoken first, if not empty."""

    say: str = ""
    language: str = ""


Document = (
    ConnectCaller
    | AskAgain
    | JoinCaller
    | ParkCaller
    | Wait
    | SayToRoom
    | BriefStaff
    | AskWhy
    | AwaitTone
    | BriefByAgent
    | JoinStaff
    | RecordCaller
    | ReferCaller
    | DialNumber
    | HangUp
)
