"""Working stand-ins for what the carrier adapter meets: calls, a bus, a clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from flowengine.call.commands import CarrierCommand
from flowengine.call.documents import ConnectCaller, Document
from flowengine.call.events import Event
from flowengine.carriers.twilio.client import TwilioCarrier
from flowengine.carriers.twilio.links import Links
from flowengine.carriers.twilio.tokens import StreamTokens
from flowengine.runtime.ports import CallerLine, NoSuchCall
from flowengine.settings import Settings

PUBLIC = "https://demo.test"
AUTH_TOKEN = "12345"


@dataclass
class HandClock:
    """A clock that moves when told to."""

    wall: datetime = datetime(2026, 11, 10, 16, 15, tzinfo=UTC)
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.wall + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class OneBus:
    """Claims only: the adapter asks for nothing else."""

    taken: set[str] = field(default_factory=set)

    async def publish(self, topic: str, news: Mapping[str, object]) -> None:
        raise AssertionError("not the adapter's business")

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, object]]]:
        raise AssertionError("not the adapter's business")

    async def claim(self, name: str, seconds: float) -> bool:
        first = name not in self.taken
        self.taken.add(name)
        return first

    async def close(self) -> None:
        pass


class Ear:
    """A caller's listener that keeps what it hears."""

    def __init__(self) -> None:
        self.audio = b""
        self.keys: list[str] = []
        self.marks: list[str] = []

    def caller_audio(self, audio: bytes) -> None:
        self.audio += audio

    def caller_key(self, key: str) -> None:
        self.keys.append(key)

    def caller_mark(self, name: str) -> None:
        self.marks.append(name)


@dataclass
class FakeCalls:
    """One call, `c1`, that answers every question with `document` and keeps what it is told."""

    document: Document = field(default_factory=lambda: ConnectCaller(1))
    events: list[Event] = field(default_factory=list)
    arrivals: list[dict[str, str]] = field(default_factory=list)
    attached: list[int] = field(default_factory=list)
    transcribed: list[str] = field(default_factory=list)
    ear: Ear = field(default_factory=Ear)
    greet: Callable[[CallerLine], None] = lambda line: None
    heard: bytearray = field(default_factory=bytearray)
    consulted: list[str] = field(default_factory=list)
    hold_music: bytes = bytes(n // 80 for n in range(16_000))  # two seconds, no two pieces of it alike
    mistake: Exception | None = None

    async def arrive(
        self, *, ref: str, caller: str, dialled: str, arrives_by: Literal["phone", "sip"]
    ) -> tuple[str, Document]:
        if self.mistake:
            raise self.mistake
        self.arrivals.append({"ref": ref, "caller": caller, "dialled": dialled, "by": arrives_by})
        return "c1", self.document

    async def ask(self, call_id: str, question: Callable[[float, str], Event]) -> Document:
        if self.mistake:
            raise self.mistake
        if call_id != "c1":
            raise NoSuchCall(call_id)
        self.events.append(question(1.5, "r1"))
        return self.document

    def tell(self, call_id: str, news: Callable[[float], Event]) -> None:
        if call_id == "c1":
            self.events.append(news(2.5))

    async def attach(self, call_id: str, stream: int, line: CallerLine) -> None:
        self.attached.append(stream)
        self.greet(line)
        await line.run(self.ear)

    async def transcribe(
        self, call_id: str, leg: str, run: Callable[[Callable[[bytes], None]], Awaitable[None]]
    ) -> None:
        self.transcribed.append(leg)
        await run(self.heard.extend)

    async def consult(self, call_id: str, leg: str, line: CallerLine) -> None:
        self.consulted.append(leg)
        self.greet(line)
        await line.run(self.ear)

    def music(self, call_id: str) -> bytes:
        return self.hold_music


class Orders(TwilioCarrier):
    """Keeps what it is ordered to do, and does none of it."""

    def __init__(self, settings: Settings, clock: HandClock) -> None:
        super().__init__(settings, clock)
        self.given: list[tuple[str, CarrierCommand]] = []

    async def perform(
        self, call_id: str, command: CarrierCommand, post: Callable[[Event], None], now: Callable[[], float]
    ) -> None:
        self.given.append((call_id, command))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def bus() -> OneBus:
    return OneBus()


@pytest.fixture
def calls() -> FakeCalls:
    return FakeCalls()


@pytest.fixture
def settings() -> Settings:
    return Settings(
        public_url=PUBLIC,
        secret_key="a secret of the tests",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=AUTH_TOKEN,
    )


@pytest.fixture
def orders(settings: Settings, clock: HandClock) -> Orders:
    return Orders(settings, clock)


@pytest.fixture
def tokens(settings: Settings, clock: HandClock) -> StreamTokens:
    return StreamTokens(settings.secret_key, clock)


@pytest.fixture
def links(tokens: StreamTokens) -> Links:
    return Links(PUBLIC, "c1", tokens)


def start_frame(**parameters: str) -> dict[str, Any]:
    """The first frame with content of a stream (twilio.md 3.1)."""
    sid = "MZ" + "1" * 32
    return {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": sid,
        "start": {
            "streamSid": sid,
            "accountSid": "AC" + "0" * 32,
            "callSid": "CA" + "2" * 32,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        },
    }
