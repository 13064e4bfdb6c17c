"""How the emulated Voice Agent behaves: a switch for what the reference is unsure of, and scripted misbehaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeVar

__all__ = [
    "AgentBehaviour",
    "BreaksArguments",
    "CallsTwice",
    "DropsAfter",
    "FailsAfter",
    "HugeSummary",
    "Misbehaviour",
    "NamesUnknownRule",
    "NeverDone",
    "NeverReady",
    "RefusesConnections",
    "SpeaksOver",
    "scripted",
]


@dataclass(frozen=True, slots=True)
class AgentBehaviour:
    """Durations in seconds. Defaults are what was measured, else the likelier (assemblyai.md 1.2 to 1.9)."""

    # The beginning (1.2)
    ready_after: float = 0.45  # from the first client message to the first of session.updated and session.ready
    ready_gap: float = 0.017
    ready_before_updated: bool = False
    session_seconds: float = 3600  # expires_at, whatever was asked (1.10)
    expiry: Literal["ended", "expired"] = "ended"  # session.ended and 1000, or session_expired and 1008
    code_case: Literal["lower", "upper"] = "lower"
    extra_events: bool = False  # send event types and fields nobody has heard of
    rejects_fast_audio: bool = False  # audio_rate_violation beyond a second of audio a second; measured: never raised
    resume_window: float = 30.0
    resume_sends_updated: bool = False

    # Turns (1.7): from the end of speech to the first audible sound of an ordinary reply, by transcription_mode
    audible_after: dict[str, float] = field(
        default_factory=lambda: {"min_latency": 2.3, "balanced": 3.05, "max_accuracy": 4.3}
    )
    leading_silence: float = 0.3  # each reply starts with this much silent audio
    latest_commit: float = 3.3  # input.speech.stopped at the latest; leading silence fills the rest
    started_after: float = 0.6  # from the start of speech to input.speech.started while nobody else speaks
    interrupted_after: float = 1.3  # the same while the agent speaks, plus interruption_delay
    empty_finals: bool = False  # speech nobody understands ends in an empty transcript.user instead of none
    ghost_replies: bool = False  # a reply overtaken in its leading silence is sent silent and reported as spoken

    # Replies
    delivery: Literal["paced", "burst"] = "paced"
    chunk: int = 300  # bytes of mu-law in one reply.audio
    create_after: float = 0.9  # from reply.create to reply.started
    create_replaces: bool = False  # reply.create ends a running reply; the greeting it always replaces (1.7)

    # Tools (1.6)
    filler_seconds: float = 0.4  # from tool.call to the filler's reply.done; 2.3 before 2026-09-24
    answer_after: float = 1.7  # from tool.result to the next reply.started, so that a tool turn takes 4 s to be heard
    hold_answer_after: float = 0.05
    create_ends_hold: bool = False
    arguments: Literal["object", "empty", "string"] = "object"
    done_status: Literal["sent", "missing"] = "sent"  # older documents have no status in reply.done


@dataclass(frozen=True, slots=True)
class CallsTwice:
    """Each tool call is made a second time under another call_id."""


@dataclass(frozen=True, slots=True)
class NamesUnknownRule:
    """Choices among an enumeration are replaced by a value that is not in it."""

    value: str = "call_the_manager"


@dataclass(frozen=True, slots=True)
class HugeSummary:
    """Free text in tool calls grows to `size` characters."""

    size: int = 100_000


@dataclass(frozen=True, slots=True)
class BreaksArguments:
    """Arguments arrive as a string that is not JSON."""


@dataclass(frozen=True, slots=True)
class NeverDone:
    """The `nth` reply of a session (from 1; 0 is each) never says reply.done."""

    nth: int = 1


@dataclass(frozen=True, slots=True)
class DropsAfter:
    """The socket is cut `seconds` after session.ready, in the first `times` sessions (0 is each)."""

    seconds: float
    times: int = 1
    with_tools_only: bool = True  # a session without tools only speaks a sentence; leave it alone


@dataclass(frozen=True, slots=True)
class FailsAfter:
    """A fatal session.error `seconds` after session.ready, then a close."""

    seconds: float
    code: str = "internal_error"
    close: int = 1011
    with_tools_only: bool = True


@dataclass(frozen=True, slots=True)
class RefusesConnections:
    """The upgrade is refused with `status`, the first `times` times (0 is each)."""

    times: int = 0
    status: int = 503


@dataclass(frozen=True, slots=True)
class NeverReady:
    """session.update is never answered."""

    with_tools_only: bool = False


@dataclass(frozen=True, slots=True)
class SpeaksOver:
    """The agent does not stop when the caller speaks."""


Misbehaviour = (
    CallsTwice
    | NamesUnknownRule
    | HugeSummary
    | BreaksArguments
    | NeverDone
    | DropsAfter
    | FailsAfter
    | RefusesConnections
    | NeverReady
    | SpeaksOver
)

T = TypeVar("T")


def scripted(script: tuple[Misbehaviour, ...], kind: type[T]) -> T | None:
    """The first misbehaviour of this kind, if the script has one."""
    return next((entry for entry in script if isinstance(entry, kind)), None)
