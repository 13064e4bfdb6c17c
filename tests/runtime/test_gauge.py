"""The transcript that only says how sure it is: opened and closed once each, and nothing else of it gets out."""

from __future__ import annotations

from collections.abc import Callable

from flowengine.runtime.gauge import Gauge
from flowengine.runtime.ports import Heard, TranscriptSession


class Session:
    def __init__(self, heard: Callable[[Heard], None]) -> None:
        self.heard, self.audio, self.closed = heard, b"", 0

    def hear(self, audio: bytes) -> None:
        self.audio += audio

    async def close(self) -> None:
        self.closed += 1


class Service:
    def __init__(self) -> None:
        self.sessions: list[Session] = []

    async def open(
        self, heard: Callable[[Heard], None], gap: Callable[[bool], None], *, language: str = "English"
    ) -> TranscriptSession:
        self.sessions.append(Session(heard))
        return self.sessions[-1]


class Audio:
    tap: Callable[[bytes], None] | None = None

    def tapped(self) -> bool:
        return self.tap is not None


async def test_it_listens_from_when_it_is_wanted_until_it_is_not() -> None:
    service, audio = Service(), Audio()
    gauge = Gauge(service, audio, lambda confidence: None)
    for wanted in (False, True, True):
        await gauge.want(wanted)
    assert len(service.sessions) == 1
    assert audio.tap is not None
    audio.tap(b"abc")
    for wanted in (False, False):
        await gauge.want(wanted)
    assert (audio.tapped(), service.sessions[0].audio, service.sessions[0].closed) == (False, b"abc", 1)
    await gauge.want(True)
    assert len(service.sessions) == 2


async def test_only_what_is_known_of_a_final_is_told() -> None:
    service, told = Service(), list[float]()
    gauge = Gauge(service, Audio(), told.append)
    await gauge.want(True)
    for heard in (Heard(0, "My", False, 0.1), Heard(0, "My crown", True, 0.4), Heard(1, "Yes", True)):
        service.sessions[0].heard(heard)
    assert told == [0.4]
