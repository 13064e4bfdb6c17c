"""What a run leaves behind for whoever looks at it afterwards: a record for each leg, warnings, recordings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flowengine.sandbox.carrier.heard import Segment, segments
from flowengine.sandbox.speech import FRAME, RATE, SILENCE

__all__ = ["TERMINAL", "CallRecord", "Recording", "Referral", "Warning"]

TERMINAL = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


@dataclass(slots=True)
class CallRecord:
    """One leg. Times are the loop's; `created`, `began` and `ended` are on the wall clock, for the API."""

    sid: str
    parent_sid: str | None
    direction: str  # inbound, outbound-api, outbound-dial
    from_: str
    to: str
    started_at: float
    created: datetime
    status: str = "queued"
    answered_at: float | None = None
    ended_at: float | None = None
    began: datetime | None = None
    ended: datetime | None = None
    updated: datetime | None = None
    answered_by: str | None = None
    hung_up: bool = False  # the party put the phone down, rather than we
    queue_time: int = 0  # ms
    heard_audio: bytearray = field(default_factory=bytearray)  # what the carrier played into this ear since the answer
    spoken_audio: bytearray = field(default_factory=bytearray)  # what this party said meanwhile; as long
    kept_from: int = 0  # bytes of `heard_audio` a machine played its greeting over, so that it kept nothing of them
    keys: list[tuple[float, str]] = field(default_factory=list)  # loop time and key
    _segments: tuple[int, list[Segment]] = (-1, [])

    @property
    def over(self) -> bool:
        return self.status in TERMINAL

    @property
    def heard(self) -> list[Segment]:
        """What this party heard, measured from the audio; the segments tile the leg from its answer to its end. Of a
        machine: what it recorded.
        """
        if self._segments[0] != len(self.heard_audio):
            kept = SILENCE * (self.kept_from // FRAME) + self.heard_audio[self.kept_from :]
            began, over = self.answered_at or 0.0, len(kept) / RATE
            acts = [*(at - began for at, _ in self.keys), *([over] if self.hung_up else [])]
            self._segments = len(kept), segments(kept, self.spoken_audio, acts)
        return self._segments[1]

    @property
    def duration(self) -> int:
        """Whole seconds between answer and end; 0 for a leg that never was answered."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return round(self.ended_at - self.answered_at)


@dataclass(frozen=True, slots=True)
class Warning:
    """What the vendor's debugger would show. `at` is the loop's time."""

    code: int
    call_sid: str
    text: str
    at: float


@dataclass(slots=True)
class Recording:
    """What `<Record>` kept."""

    sid: str
    call_sid: str
    created: datetime
    audio: bytes = b""
    status: str = "in-progress"
    source: str = "RecordVerb"

    @property
    def seconds(self) -> int:
        return round(len(self.audio) / 8000)


@dataclass(frozen=True, slots=True)
class Referral:
    """One REFER and what came of it. `sip` is the answer to the REFER, `notified` the last code of the new leg."""

    call_sid: str
    target: str
    status: str
    sip: int
    notified: int | None
