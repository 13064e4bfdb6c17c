"""What a run leaves behind for whoever looks at it afterwards: a record for each leg, warnings, recordings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flowengine.sandbox.carrier.heard import Segment, segments
from flowengine.sandbox.speech import FRAME, RATE, SILENCE

__all__ = ["TERMINAL", "CallRecord", "Message", "Recording", "Referral", "Warning"]

_ONE_SPAN = 0.5  # seconds: a longer gap is a pause
_GSM7 = frozenset(  # the alphabet a text may have at 7 bits a character (3GPP TS 23.038)
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
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
    """What `<Record>` or a recording of a leg kept: `audio` is what the party said and `heard`, of a recording with
    two channels, what it heard meanwhile. `spans` are the loop times between which sound was kept.
    """

    sid: str
    call_sid: str
    created: datetime
    audio: bytes | bytearray = field(default_factory=bytearray)
    status: str = "in-progress"
    source: str = "RecordVerb"
    channels: int = 1
    heard: bytearray = field(default_factory=bytearray)
    spans: list[tuple[float, float]] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        return round(len(self.audio) / 8000)

    def kept(self, since: float, until: float) -> None:
        """Sound of these moments is in it."""
        began = since
        if self.spans and since - self.spans[-1][1] < _ONE_SPAN:
            began = self.spans.pop()[0]
        self.spans.append((began, until))


@dataclass(frozen=True, slots=True)
class Referral:
    """One REFER and what came of it. `sip` is the answer to the REFER, `notified` the last code of the new leg."""

    call_sid: str
    target: str
    status: str
    sip: int
    notified: int | None


@dataclass(slots=True)
class Message:
    """A text message."""

    sid: str
    from_: str
    to: str
    body: str
    created: datetime
    status: str = "queued"
    sent: datetime | None = None
    updated: datetime | None = None
    error: int | None = None  # why it is `undelivered` or `failed`

    @property
    def segments(self) -> int:
        """How many texts it is billed as: 160 characters, or 70 with any that GSM-7 lacks; 153 or 67 when split."""
        whole, part = (160, 153) if set(self.body) <= _GSM7 else (70, 67)
        return 1 if len(self.body) <= whole else -(-len(self.body) // part)
