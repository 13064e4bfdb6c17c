"""Who takes part in the stories of the runtime: a line, an agent and a carrier that only take notes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from flowengine.bus.memory import MemoryBus
from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.ports import AgentListener, CallerListener, Heard, Post, Store
from flowengine.runtime.session import Ports


@dataclass
class Line:
    """A carrier's line: notes what it is told, plays nothing."""

    told: list[str | bytes] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    listener: CallerListener | None = None
    closed: bool = False

    def play(self, audio: bytes) -> None:
        self.told.append(audio)

    def mark(self, name: str) -> None:
        self.told.append(f"mark {name}")

    def clear(self) -> None:
        self.told.append("clear")

    async def run(self, listener: CallerListener) -> None:
        self.listener = listener
        await self.over.wait()

    async def close(self) -> None:
        self.closed = True
        self.over.set()

    def marks(self) -> list[str]:
        return [told.removeprefix("mark ") for told in self.told if isinstance(told, str) and told.startswith("mark")]

    def hears(self, audio: bytes) -> None:
        """Whoever is on this line says something."""
        assert self.listener is not None
        self.listener.caller_audio(audio)

    def presses(self, key: str) -> None:
        assert self.listener is not None
        self.listener.caller_key(key)


@dataclass
class Agent:
    """One session: notes what it hears and is told."""

    heard: list[bytes] = field(default_factory=list)
    told: list[c.AgentCommand] = field(default_factory=list)
    closed: bool = False
    opening: c.StartAgent | None = None
    listener: AgentListener | None = None

    def hear(self, audio: bytes) -> None:
        self.heard.append(audio)

    async def perform(self, command: c.AgentCommand) -> None:
        self.told.append(command)

    async def close(self) -> None:
        self.closed = True

    def says(self, event: Callable[[float], e.Event]) -> None:
        """News of this session."""
        assert self.listener is not None
        self.listener.agent_event(event(self.listener.call_seconds()))


@dataclass
class Agents:
    """Opens sessions; `broken` ones cannot be opened, slow ones take their time."""

    opened: list[Agent] = field(default_factory=list)
    broken: bool = False
    slow: float = 0.0

    async def open(self, opening: c.StartAgent, listener: AgentListener) -> Agent:
        await asyncio.sleep(self.slow)
        if self.broken:
            raise OSError("no way")
        self.opened.append(Agent(opening=opening, listener=listener))
        return self.opened[-1]


@dataclass
class Carrier:
    """Does nothing about any leg, and remembers what it should have done."""

    ordered: list[c.CarrierCommand] = field(default_factory=list)

    async def perform(self, call_id: str, command: c.CarrierCommand, post: Post, now: Callable[[], float]) -> None:
        self.ordered.append(command)

    async def delete_recording(self, url: str) -> bool:
        return False

    async def close(self) -> None: ...


@dataclass
class Transcript:
    closed: bool = False

    def hear(self, audio: bytes) -> None: ...

    async def close(self) -> None:
        self.closed = True


@dataclass
class Transcriber:
    opened: list[Transcript] = field(default_factory=list)

    async def open(
        self, heard: Callable[[Heard], None], gap: Callable[[bool], None], *, language: str = "English"
    ) -> Transcript:
        self.opened.append(Transcript())
        return self.opened[-1]


def answering(store: Store, now: datetime = datetime(2026, 11, 10, 16, 15, tzinfo=UTC)) -> Ports:
    """What a process needs that only answers calls; the rest of the world is not there."""
    none = cast(Any, None)
    clock = LoopClock(lambda: now)
    return Ports(clock, none, none, none, store, MemoryBus(), none, none, lambda flow, music: b"", none)
