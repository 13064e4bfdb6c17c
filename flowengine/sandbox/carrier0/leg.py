"""One leg: a party, what she hears and says 20 ms at a time, and the state the carrier reports of it (twilio.md 1.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

from flowengine.sandbox.carrier0.heard import Segment, segments
from flowengine.sandbox.carrier0.media import Stream
from flowengine.sandbox.carrier0.party import Party
from flowengine.sandbox.speech import SILENCE

TERMINAL = ("completed", "busy", "failed", "no-answer", "canceled")


@dataclass(slots=True)
class CallRecord:
    """A leg as it can be looked at from outside. Times are loop seconds."""

    sid: str
    parent_sid: str | None
    direction: str
    from_: str
    to: str
    started_at: float
    status: str = "queued"
    answered_at: float | None = None
    ended_at: float | None = None
    role: str = "caller"
    heard_audio: bytearray = field(default_factory=bytearray)
    spoken_audio: bytearray = field(default_factory=bytearray)

    @property
    def heard(self) -> list[Segment]:
        """What this party heard, measured from what was played to her."""
        return segments(bytes(self.heard_audio), bytes(self.spoken_audio), self.role)


class Source:
    """Something a leg can hear: 20 ms at a time until it is over."""

    def next(self) -> bytes | None:
        raise NotImplementedError


class Sound(Source):
    """A finished piece of audio."""

    def __init__(self, audio: bytes) -> None:
        self._audio, self._at = audio, 0
        self.over = asyncio.Event()

    def next(self) -> bytes | None:
        frame = self._audio[self._at : self._at + len(SILENCE)]
        self._at += len(SILENCE)
        if not frame:
            self.over.set()
            return None
        return frame.ljust(len(SILENCE), b"\xff")


class Leg:
    """A live connection. The exchange ticks it; its program (a document being executed) sets what it hears."""

    def __init__(
        self, record: CallRecord, party: Party, *, sip: bool, account_sid: str, date_created: datetime
    ) -> None:
        self.record, self.party, self.sip, self.account_sid = record, party, sip, account_sid
        self.date_created = date_created
        self.program: asyncio.Task[None] | None = None
        self.source: Callable[[], bytes | None] | None = None  # what a verb plays into the ear
        self.two_way: Stream | None = None
        self.forks: dict[str, Stream] = {}
        self.room: object | None = None
        self.digits: asyncio.Queue[str] | None = None  # while a verb gathers keys
        self.status_callback = ""
        self.status_events: Sequence[str] = ("completed",)
        self.status_method = "POST"
        self.sequence = 0
        self.ended = asyncio.Event()
        self.answered = asyncio.Event()
        self.timers: list[asyncio.Task[None]] = []
        self.said = SILENCE
        self.extra: dict[str, str] = {}
        self.update: Callable[[], None] = lambda: None
        self.sip_code = ""

    @property
    def sid(self) -> str:
        return self.record.sid

    @property
    def live(self) -> bool:
        return self.record.status == "in-progress"

    @property
    def over(self) -> bool:
        return self.record.status in TERMINAL

    def speak(self, at: float) -> None:
        self.said = self.party.say(at)

    def ear(self, mixed: bytes | None, at: float) -> bytes:
        """What the party hears in this tick: the room, or what the document plays, or silence."""
        frame = mixed
        if frame is None and self.source is not None:
            frame = self.source()
        frame = frame or SILENCE
        self.party.hear(frame, at)
        self.record.heard_audio += frame
        self.record.spoken_audio += self.said
        return frame


def rfc2822(moment: datetime) -> str:
    return format_datetime(moment)
