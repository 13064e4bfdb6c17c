"""What is kept of calls, of those who look at them and of what leaves them: the rows, as `ports.Store` takes and gives
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal: its number from 1 without gaps, and the event (or note) as JSON. `blanked` when retention
    has emptied it: the body still decodes, with every word in it gone (texts are "", mappings empty)."""

    sequence: int
    kind: str
    body: str
    blanked: bool = False


@dataclass(frozen=True, slots=True)
class CallRow:
    call_id: str
    ref: str
    flow: str
    flow_version: str
    flow_source: str
    started: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Access:
    """Somebody looked at something, did something with it, or was refused: a line of the trail of accesses.

    `who` is a name of a desk key, "link of <handoff>", "command line", "engine" or "unknown"; `what` says it in words
    of ours, such as "page opened".
    """

    flow: str
    at: str  # ISO wall time
    who: str
    what: str
    call_id: str = ""
    handoff: str = ""
    detail: str = ""  # never a caller's words


@dataclass(frozen=True, slots=True)
class AccessLine:
    """An access as it is kept: its number within its flow, from 1 without gaps."""

    sequence: int
    access: Access


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a chain holds. `broken` is the first sequence number that does not fit, 0 when all do; `blanked` is how
    many lines retention has emptied (their digests still stand in the chain). `sealed` is the line of a trail of
    accesses from which on a key vouches for it; 0: from none, or there is no key to check with."""

    lines: int
    broken: int = 0
    blanked: int = 0
    why: str = ""
    sealed: int = 0


@dataclass(frozen=True, slots=True)
class DeskKey:
    """A sign-in to one office's desk. `departments` empty is all of them; `secret` is a salted hash, never a word."""

    id: str
    flow: str
    name: str
    role: Literal["staff", "manager"]
    departments: tuple[str, ...]
    secret: str
    made: str
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class WrapUp:
    """What staff said of a hand-off afterwards; None is not said."""

    handoff: str
    resolved: bool | None
    needed_person: bool | None
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Note:
    handoff: str
    text: str
    by: str
    at: str


# Taken by its receiver is `sent`. A text is first taken by the carrier; when that says it reached its phone, it has
# `arrived`.
ParcelState = Literal["waiting", "sent", "arrived", "dead"]
Channel = Literal["webhook", "sms", "email", "desk"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something on its way to another system, to somebody's phone or mailbox, or to a department's desk."""

    id: str  # the message id a receiver sees; the same for every try
    call_id: str
    flow: str
    event: str  # handoff.decided …, see call.commands.Deliver
    channel: Channel
    address: str  # of the desk's channel: the department
    data: Mapping[str, object]
    handoff: str = ""
    made: str = ""  # ISO wall time
    due: str = ""  # when it is tried next
    tries: int = 0
    state: ParcelState = "waiting"
    error: str = ""  # of the last try, in our words; never an answer's body
