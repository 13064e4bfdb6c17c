"""Staff members' own conversations with an agent: a leg's audio and one agent session each, apart from the caller's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import assert_never

import structlog

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.runtime.audio import CUSHION
from flowengine.runtime.lane import Lane
from flowengine.runtime.mulaw import RATE
from flowengine.runtime.ports import AgentSession, CallerLine, VoiceAgent

log = structlog.get_logger("flowengine.consult")

ORDER_SECONDS = 2.0  # to open a session, or to hand it an order: whoever picked up is listening meanwhile
MOST_REPLIES = 64  # interrupted ones remembered


class Consult:
    """Listens to one leg's line and to its agent. Nothing of it reaches the caller, nothing of the caller reaches it.

    It is used once: after `end`, or when its stream is over, it stays silent for good.
    """

    def __init__(self, leg: str, post: Callable[[e.Event], None], seconds: Callable[[], float]) -> None:
        self.leg, self._post, self._seconds = leg, post, seconds
        self._line: CallerLine | None = None
        self._agent: AgentSession | None = None
        self._busy_until = 0.0  # loop time at which the carrier's buffer runs dry, as far as we know
        self._reply = ""  # the reply whose audio the carrier may still hold
        self._interrupted: deque[str] = deque(maxlen=MOST_REPLIES)
        self._over = False

    def is_over(self) -> bool:
        """Whether this conversation has ended: a later stream of the leg begins another."""
        return self._over

    # ---- what the call asks for --------------------------------------------------------------------------------------

    async def start(self, agents: VoiceAgent, opening: c.StartAgent) -> None:
        """Opens the session, unless nobody is there to be talked to or they have one; a failure is `ConsultFailed`."""
        if self.is_over() or self._line is None or self._agent is not None:
            return
        try:
            async with asyncio.timeout(ORDER_SECONDS):
                agent = await agents.open(opening, self)
        except Exception as mistake:  # an adapter must not raise; if it does, the person is briefed by key
            log.error("consult_not_opened", error=type(mistake).__name__)
            self.agent_event(e.AgentFailed(self._seconds(), "not opened"))
            return
        self._agent = agent
        if self.is_over():  # they left while it opened
            await self.end()

    async def answer(self, tool: c.AnswerTool) -> None:
        if self._agent is not None:
            async with asyncio.timeout(ORDER_SECONDS):
                await self._agent.perform(tool)

    def hush(self) -> None:
        """At once: what the agent has still to say is not heard, so that nobody is talked over in the next room."""
        self._over = True
        self._clear()

    async def end(self) -> None:
        """The agent leaves. The line stays as it is: the carrier ends it when it moves the leg. Safe to repeat."""
        self.hush()
        agent, self._agent = self._agent, None
        if agent is not None:
            await agent.close()

    async def close(self) -> None:
        """The call is over: nobody will move this leg any more, so its stream ends too."""
        await self.end()
        if self._line is not None:
            await self._line.close()

    # ---- the leg -----------------------------------------------------------------------------------------------------

    async def run(self, line: CallerLine) -> None:
        """Until the stream is over. A newer stream takes the place of an older, and the conversation goes on there;
        it ends with the last one.
        """
        older, self._line = self._line, line
        self._busy_until, self._reply = 0.0, ""
        closing = asyncio.create_task(older.close()) if older is not None else None
        try:
            await line.run(_Ear(self, line))
        finally:
            if self._line is line:
                self._line, self._over = None, True
            if closing is not None:
                await asyncio.wait([closing])

    def heard(self, line: CallerLine, audio: bytes) -> None:
        if self._agent is not None and line is self._line:
            self._agent.hear(audio)

    def pressed(self, line: CallerLine, key: str) -> None:
        if line is self._line:
            self._post(e.StaffPressed(self._seconds(), self.leg, key, ""))

    # ---- the agent ---------------------------------------------------------------------------------------------------

    def agent_audio(self, reply: str, audio: bytes) -> None:
        if self._over or self._line is None or reply in self._interrupted:
            return
        now = asyncio.get_running_loop().time()
        dry = now >= self._busy_until
        for piece in (CUSHION, audio) if dry else (audio,):
            self._line.play(piece)
            self._busy_until = max(now, self._busy_until) + len(piece) / RATE
        self._reply = reply

    def agent_reply_done(self, reply: str, interrupted: bool) -> None:
        if not interrupted:
            return
        self._interrupted.append(reply)
        if reply == self._reply:
            self._clear()

    def _clear(self) -> None:
        self._busy_until, self._reply = 0.0, ""
        if self._line is not None:
            self._line.clear()

    def agent_event(self, event: e.Event) -> None:
        """The agent's news in the words of a briefing: what its microphone hears is the staff member."""
        at, leg = self._seconds(), self.leg
        if self._over:
            return
        match event:
            case e.AgentReady():
                self._post(e.ConsultReady(at, leg))
            case e.AgentFailed(_, reason):
                self._post(e.ConsultFailed(at, leg, reason))
            case e.CallerSaid(_, text) if text.strip():
                self._post(e.ConsultSaid(at, leg, "staff", text))
            case e.AgentSaid(_, text) if text.strip():
                self._post(e.ConsultSaid(at, leg, "agent", text))
            case e.ToolCalled(_, tool_call, name, arguments):
                self._post(e.ConsultToolCalled(at, leg, tool_call, name, arguments))

    def agent_partial(self, text: str) -> None:
        """Words that still change are no news of a briefing."""

    def call_seconds(self) -> float:
        return self._seconds()


class _Ear:
    """Who listens to one stream of the leg: what comes late on an older one is not theirs to hear twice."""

    def __init__(self, consult: Consult, line: CallerLine) -> None:
        self._consult, self._line = consult, line

    def caller_audio(self, audio: bytes) -> None:
        self._consult.heard(self._line, audio)

    def caller_key(self, key: str) -> None:
        self._consult.pressed(self._line, key)

    def caller_mark(self, name: str) -> None:
        """Nothing waits for the end of a reply here: no mark is ever sent."""


class Consults:
    """The conversations of one call, one a leg. Each leg's orders wait for each other, and for nobody else's."""

    def __init__(
        self,
        agents: VoiceAgent,
        lane: Callable[[str], Lane],
        post: Callable[[e.Event], None],
        seconds: Callable[[], float],
    ) -> None:
        self._agents, self._lane, self._post, self._seconds = agents, lane, post, seconds
        self._by_leg: dict[str, Consult] = {}

    def perform(self, command: c.ConsultCommand) -> None:
        """For a leg whose audio never came or is gone there is nothing to do."""
        consult = self._by_leg.get(command.leg)
        if consult is None:
            return
        lane = self._lane(f"consult:{command.leg}")
        match command:
            case c.StartConsult(_, opening):
                lane.put(partial(consult.start, self._agents, opening))
            case c.AnswerConsultTool(_, answer):
                lane.put(partial(consult.answer, answer))
            case c.EndConsult():
                consult.hush()  # not behind what the lane still does: the leg is being moved already
                lane.put(consult.end)
            case _:
                assert_never(command)

    async def run(self, leg: str, line: CallerLine) -> None:
        """A leg's audio until its stream ends."""
        consult = self._by_leg.get(leg)
        if consult is None or consult.is_over():
            consult = self._by_leg[leg] = Consult(leg, self._post, self._seconds)
        self._post(e.StaffMediaStarted(self._seconds(), leg))
        try:
            await consult.run(line)
        finally:
            if consult.is_over():
                await consult.end()

    async def close(self) -> None:
        await asyncio.gather(*(consult.close() for consult in self._by_leg.values()), return_exceptions=True)
