"""What the emulated carrier may do otherwise: a switch for each thing the reference is unsure of, and faults to inject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Behaviour",
    "CutStream",
    "Fault",
    "LoseCallback",
    "LoseFrame",
    "LoseKey",
    "LoseMark",
    "RestAnswers",
    "RestSilent",
]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Seconds unless said otherwise; defaults are the documented or likelier behaviour (twilio.md)."""

    connect_action_after_redirect: bool = False  # 3.3: is `<Connect action>` requested after a REST update?
    callbacks: Literal["in order", "late", "twice", "shuffled"] = "in order"  # 1.3: no ordering guarantee
    callback_delay: float = 3.0  # how late a late callback is
    chunk_per_track: bool = False  # 3.1: does `chunk` count per track?
    close_processed_before_redirect: bool = False  # 7.4
    callbacks_before_rest_reply: bool = False  # 7.4: a callback may overtake the REST answer
    completed_cancels_ringing: bool = True  # 4.1: is Status=completed enough for a ringing leg?
    calls_per_second: float = 1.0  # 4.4
    webhook_seconds: float = 0.06  # the carrier's own part of a webhook
    rest_seconds: float = 0.1  # 4.6
    redirect_seconds: float = 0.15  # from the REST reply to the new document
    machine_detection_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class LoseFrame:
    """One 20 ms frame in the middle of the first word of the first utterance that contains `saying`.

    `in` is what the party of `leg` says, on its way to everybody else; `out` is what is played to that party.
    """

    leg: Literal["caller", "staff"]
    direction: Literal["in", "out"]
    saying: str


@dataclass(frozen=True, slots=True)
class LoseMark:
    """The `nth` mark echo (from 1) never comes."""

    nth: int


@dataclass(frozen=True, slots=True)
class LoseKey:
    digit: str


@dataclass(frozen=True, slots=True)
class LoseCallback:
    """Webhooks whose path contains `path` are not sent; `nth` from 1, 0 is each. A lost question gets no document."""

    path: str
    nth: int = 0


@dataclass(frozen=True, slots=True)
class RestAnswers:
    """The `nth` REST request (from 1; 0 is each) of `method` whose path contains `path` is answered with an error and not done."""

    path: str
    status: int
    code: int
    nth: int = 1
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class RestSilent:
    """The `nth` such request is done, but its reply never comes."""

    path: str
    nth: int = 1
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class CutStream:
    """The caller's `nth` two-way stream breaks without a farewell, `seconds` after it started."""

    seconds: float
    nth: int = 1


Fault = LoseFrame | LoseMark | LoseKey | LoseCallback | RestAnswers | RestSilent | CutStream
