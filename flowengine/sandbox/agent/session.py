"""One session of the emulated Voice Agent: what each message of the protocol does (assemblyai.md 1.2 to 1.9)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from flowengine.sandbox.agent import behaviour as odd
from flowengine.sandbox.agent.behaviour import AgentBehaviour, Misbehaviour, scripted
from flowengine.sandbox.agent.config import Config, Refused, echo, later
from flowengine.sandbox.agent.conversation import Conversation

__all__ = ["Link", "Session", "World", "error_event", "parse"]


class Link(Protocol):
    """The socket of a session."""

    def send(self, event: dict[str, Any]) -> None: ...
    def close(self, code: int, reason: str) -> None: ...
    def cut(self) -> None: ...


@dataclass(frozen=True, slots=True)
class World:
    """What all sessions share."""

    behaviour: AgentBehaviour
    script: tuple[Misbehaviour, ...]
    now: Callable[[], datetime]
    utterances: Iterator[int]
    drops: Iterator[int] = field(default_factory=lambda: itertools.count(1))  # sessions that came up for a drop


def parse(message: str | bytes) -> dict[str, Any]:
    """A client message. Raises Refused when it is not a JSON object with a type."""
    try:
        event = json.loads(message) if isinstance(message, str) else None
    except ValueError:
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Refused("invalid_format", "messages are JSON objects with a type")
    return event


def error_event(refused: Refused, behaviour: AgentBehaviour, session_id: str | None) -> dict[str, Any]:
    """`session.error`, its code in the case the switch says."""
    code = refused.code.upper() if behaviour.code_case == "upper" else refused.code
    ids = {"param": refused.param, "session_id": session_id}
    return {"type": "session.error", "code": code, "message": refused.message, **ids}


class Session:
    """A session, which outlives its socket by the resume window.

    For assertions: `received` and `sent` hold the messages of both sides without audio, `audio_in` and `audio_out` the
    seconds of audio, `conversation` what was heard, said and called, `closed` the close code once it is over.
    """

    def __init__(self, number: int, config: Config, world: World, link: Link) -> None:
        self.id = f"sess_{number:08x}"
        self.resume_token = ""
        self.received: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.audio_in = self.audio_out = 0.0
        self.ready = False
        self.closed: int | None = None
        self._world, self._tokens = world, 0
        self._attached: Link | None = link
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._timers: list[asyncio.TimerHandle] = []
        self._window: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self.conversation = Conversation(config, self.emit, world.behaviour, world.script, world.utterances)

    # --- its life ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The first update was accepted: become ready, updated first unless switched (1.2)."""
        never = scripted(self._world.script, odd.NeverReady)
        if never and self._concerns(never.with_tools_only):
            return
        behaviour = self._world.behaviour
        order = (self._say_ready, self._say_updated) if behaviour.ready_before_updated else (
            self._say_updated, self._say_ready)  # fmt: skip
        self._later(behaviour.ready_after, order[0])
        self._later(behaviour.ready_after + behaviour.ready_gap, order[1])

    def resume(self, link: Link) -> None:
        """A new socket within the window: the same session, a new token (1.9)."""
        if self._attached:
            self._attached.cut()
        if self._window:
            self._window.cancel()
        self._attached = link
        if self._world.behaviour.resume_sends_updated:
            self._later(0.1, self._say_updated)
        self._later(0.1, self._send_ready)

    def detach(self, link: Link) -> None:
        """The socket is gone. Without session.end the session waits for the client to come back."""
        if self._attached is not link:
            return
        self._attached = None
        if self.closed is None:
            self.conversation.interrupt_silently()
            self._window = self._later(self._world.behaviour.resume_window, self._expire_window)

    async def stop(self) -> None:
        """End everything that runs. Idempotent."""
        for timer in self._timers:
            timer.cancel()
        await self.conversation.end()

    def fail(self, code: str, close: int | None = None, message: str = "failed") -> None:
        """On demand: a session.error, fatal with a close code."""
        self._refuse(Refused(code, message, None, close))

    def drop(self) -> None:
        """On demand: the socket is cut without a word."""
        if self._attached:
            self._attached.cut()

    # --- out --------------------------------------------------------------------------------------------------------

    def emit(self, kind: str, **fields: Any) -> None:
        """An event to the client, if there is one; lost otherwise."""
        if self._attached is None or self.closed is not None:
            return
        if self._world.behaviour.extra_events and kind == "reply.started":
            self._put({"type": "reply.telemetry", "stage": {"ms": 12}})
        self._put({"type": kind, **fields})

    def _put(self, event: dict[str, Any]) -> None:
        event["timestamp"] = self._world.now().timestamp()
        if event["type"] == "reply.audio":
            self.audio_out += len(event["data"]) * 0.75 / 8000
        else:
            self.sent.append(event)
        if self._world.behaviour.extra_events:
            event = event | {"trace": None}
        if self._attached:
            self._attached.send(event)

    def _say_updated(self) -> None:
        self.emit("session.updated", config=echo(self.conversation.config, self.id))

    def _say_ready(self) -> None:
        self._send_ready()
        self.ready = True
        self.conversation.begin()
        self._later(self._world.behaviour.session_seconds, self._expire)
        drops, fails = (scripted(self._world.script, kind) for kind in (odd.DropsAfter, odd.FailsAfter))
        concerned = isinstance(drops, odd.DropsAfter) and self._concerns(drops.with_tools_only)
        if isinstance(drops, odd.DropsAfter) and concerned and next(self._world.drops) <= (drops.times or math.inf):
            self._later(drops.seconds, self.drop)
        if isinstance(fails, odd.FailsAfter) and self._concerns(fails.with_tools_only):
            self._later(fails.seconds, self.fail, fails.code, fails.close)

    def _send_ready(self) -> None:
        self._tokens += 1
        self.resume_token = f"resume-{self.id}-{self._tokens}"
        config = echo(self.conversation.config, self.id)
        expires = int(self._world.now().timestamp() + self._world.behaviour.session_seconds)
        fields = {"session_id": self.id, "config": config, "expires_at": expires, "resume_token": self.resume_token}
        self.emit("session.ready", **fields)

    # --- in ---------------------------------------------------------------------------------------------------------

    def receive(self, message: str | bytes) -> None:
        """One client message after the first."""
        try:
            event = parse(message)
            if event["type"] != "input.audio":
                self.received.append(event)
            self._take(event)
        except Refused as refused:
            self._refuse(refused)

    def _take(self, event: dict[str, Any]) -> None:
        match event:
            case {"type": "input.audio", "audio": str(data)}:
                self._hear(data)
            case {"type": "session.update", "session": session}:
                self.conversation.config = later(session, self.conversation.config)
                self._later(0.02, self._say_updated)
            case {"type": "session.end"}:
                self._end()
            case {"type": "tool.result", "call_id": str(call_id), "result": str(result)} if _is_flag(event, "is_error"):
                self.conversation.take_result(call_id, result, bool(event.get("is_error")))
            case {"type": "reply.create"} if isinstance(event.get("instructions") or "", str):
                self.conversation.create_reply(event.get("instructions") or "")
            case {"type": "conversation.message", "role": "user" | "system", "content": str()}:
                pass  # accepted, and never reaches the model (1.9, measured)
            case {"type": "reply.cancel", "reply_id": str(reply_id)}:
                self.conversation.cancel(reply_id)
            case _:
                raise Refused("invalid_format", f"unknown or incomplete message {event['type']!r}")

    def _hear(self, data: str) -> None:
        if not self.ready:
            return  # thrown away, no error (1.2)
        try:
            audio = base64.b64decode(data, validate=True)
            self.conversation.hear(audio)
        except (binascii.Error, ValueError):
            raise Refused("invalid_audio", "audio is not base64 in the input encoding", "audio") from None
        self.audio_in += len(audio) / 8000
        ahead = self.audio_in - (self._loop.time() - self._began)
        if self._world.behaviour.rejects_fast_audio and ahead > 1:
            self.audio_in -= len(audio) / 8000
            raise Refused("audio_rate_violation", "audio arrives faster than real time")

    # --- its end ----------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        seconds = self._loop.time() - self._began
        self.emit("session.ended", session_duration_seconds=seconds, audio_duration_seconds=None)
        self._close(1000, "")

    def _expire(self) -> None:
        """The maximum duration is over; the sources know two ways (1.8)."""
        if self._world.behaviour.expiry == "ended":
            self._end()
        else:
            self._refuse(Refused("session_expired", "maximum session duration reached", None, 1008))

    def _expire_window(self) -> None:
        self._close(1006, "")

    def _refuse(self, refused: Refused) -> None:
        if self._attached and self.closed is None:
            self._put(error_event(refused, self._world.behaviour, self.id))
        if refused.close is not None:
            self._close(refused.close, refused.message)

    def _close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = code
            for timer in self._timers:
                timer.cancel()
            self._ending = asyncio.create_task(self.conversation.end())
            if self._attached:
                self._attached.close(code, reason)

    def _later(self, seconds: float, do: Callable[..., None], *arguments: Any) -> asyncio.TimerHandle:
        timer = self._loop.call_later(seconds, do, *arguments)
        self._timers.append(timer)
        return timer

    def _concerns(self, with_tools_only: bool) -> bool:
        return bool(self.conversation.config.get("tools")) or not with_tools_only


def _is_flag(event: dict[str, Any], key: str) -> bool:
    return isinstance(event.get(key), bool | None)
