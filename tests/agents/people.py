"""Who takes part in the stories of the agent: a listener that remembers, and a service that does as it is told."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from flowengine.agents.assemblyai import AssemblyAgent, Conversation
from flowengine.call.commands import AgentTool, StartAgent
from flowengine.call.events import Event
from flowengine.runtime.clock import LoopClock
from flowengine.sandbox.clock import PinnedClock
from flowengine.settings import Settings

KEY = "key-of-the-tests"
START = datetime(2026, 11, 20, 16, 55, tzinfo=UTC)
NOTE = AgentTool(
    "note_answer",
    "Note something the caller told you.",
    {"type": "object", "properties": {"field": {"enum": ["caller_name"]}, "value": {"type": "string"}}},
)
OPENING = StartAgent("You are Ava, the receptionist.", "Hello, this is Ava.", "anna", (NOTE,), ("Bright Smile",))
SILENT = logging.Logger("service", logging.CRITICAL + 1)  # what is said in a test is no business of its log either

E = TypeVar("E")


def now() -> Callable[[], datetime]:
    return PinnedClock(asyncio.get_running_loop(), START)


def settings(url: str, key: str = KEY) -> Settings:
    return Settings(assemblyai_api_key=key, voice_agent_url=url)


class Listener:
    """Remembers everything; `until` waits for it to have happened."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.partials: list[str] = []
        self.audio: dict[str, bytearray] = {}
        self.done: list[tuple[str, bool]] = []
        self.began = asyncio.get_running_loop().time()
        self._news = asyncio.Event()

    def agent_audio(self, reply: str, audio: bytes) -> None:
        self.audio.setdefault(reply, bytearray()).extend(audio)
        self._news.set()

    def agent_reply_done(self, reply: str, interrupted: bool) -> None:
        self.done.append((reply, interrupted))
        self._news.set()

    def agent_event(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def agent_partial(self, text: str) -> None:
        self.partials.append(text)
        self._news.set()

    def call_seconds(self) -> float:
        return asyncio.get_running_loop().time() - self.began

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, holds: Callable[[], object], seconds: float = 300.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def event(self, kind: type[E], seconds: float = 300.0) -> E:
        """The first event of this kind, waited for."""
        await self.until(lambda: self.all(kind), seconds)
        return self.all(kind)[0]


async def converse(url: str, opening: StartAgent = OPENING, key: str = KEY) -> tuple[Conversation, Listener]:
    listener = Listener()
    return await AssemblyAgent(settings(url, key), LoopClock(now())).open(opening, listener), listener


class Wire:
    """The service's end of one socket."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.headers = connection.request.headers if connection.request else None

    async def say(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def audio(self, reply: str, audio: bytes) -> None:
        await self.say("reply.audio", reply_id=reply, data=base64.b64encode(audio).decode())

    async def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def ready(self, session: str = "s1", **config: Any) -> dict[str, Any]:
        """Takes the first message, answers it, returns it."""
        first = await self.hear()
        await self.say("session.ready", session_id=session, config=config, expires_at=1800000000, resume_token="")
        return first

    def cut(self) -> None:
        """Gone without a word: the other side sees 1006."""
        self.connection.transport.abort()


@asynccontextmanager
async def service(*stories: Callable[[Wire], Awaitable[None]]) -> AsyncIterator[str]:
    """A Voice Agent that tells one story a connection, then stays silent until the other side leaves."""
    coming = iter(stories)
    mistakes: list[BaseException] = []

    async def handle(connection: ServerConnection) -> None:
        story = next(coming, None)
        try:
            if story is not None:
                await story(Wire(connection))
            async for _ in connection:
                pass
        except ConnectionClosed:
            pass
        except AssertionError as mistake:
            mistakes.append(mistake)

    options: dict[str, Any] = {"compression": None, "ping_interval": None, "logger": SILENT}
    async with serve(handle, "127.0.0.1", 0, **options) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1/ws"
    if mistakes:
        raise mistakes[0]
