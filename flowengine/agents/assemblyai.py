"""The receptionist's voice and mind: one conversation with AssemblyAI's Voice Agent API, told in our words."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import assert_never

import structlog

from flowengine.agents import protocol as p
from flowengine.agents.link import DROPPED, Link, LinkFailed
from flowengine.call import events as e
from flowengine.call.commands import AgentCommand, AnswerTool, AskAgent, EndAgent, StartAgent, TellAgent
from flowengine.runtime.ports import AgentListener, Clock
from flowengine.settings import Settings

log = structlog.get_logger("flowengine.agents")

MOST_WAITING = 64  # commands that wait for the session
MOST_RESUMES = 3  # of one conversation; each drop gets one try
MOST_REMEMBERED = 256  # replies and tool calls


class AssemblyAgent:
    """Implements `ports.VoiceAgent`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    async def open(self, opening: StartAgent, listener: AgentListener) -> Conversation:
        return Conversation(self._settings, self._clock, opening, listener)


class Conversation:
    """Implements `ports.AgentSession`. A socket that drops is resumed once; everything else that ends it is a failure.

    `counts` says how often something was survived: `late` audio, `void` tool results, `unknown` messages, error codes.
    """

    def __init__(self, settings: Settings, clock: Clock, opening: StartAgent, listener: AgentListener) -> None:
        self._settings, self._clock, self._listener = settings, clock, listener
        self._link = Link(settings, p.begin(opening), self._take)
        self._ready = False
        self._session = p.Ready("")
        self._waiting: deque[AgentCommand] = deque()
        self._told = ""  # the latest prompt, if it ever changed
        self._reply = ""  # the reply being sent
        self._interrupted: dict[str, None] = {}  # replies; a dict remembers their order
        self._calls: dict[str, str] = {}  # tool call -> the reply that made it
        self._goodbye: asyncio.Task[None] | None = None
        self.counts: Counter[str] = Counter()
        self._life = asyncio.create_task(self._live())

    @property
    def expires_at(self) -> float | None:
        """Epoch seconds at which the service ends the session (1.10); None before it is ready."""
        return self._session.expires_at

    # ---- orders ------------------------------------------------------------------------------------------------------

    def hear(self, audio: bytes) -> None:
        if self._ready:
            self._link.send(p.audio_in(audio), droppable=True)

    async def perform(self, command: AgentCommand) -> None:
        if isinstance(command, EndAgent):
            await self.close()
            self._listener.agent_event(e.AgentEnded(self._listener.call_seconds()))
        elif self._ready and not self._link.over.done():
            self._order(command)
        elif not self._life.done() and len(self._waiting) < MOST_WAITING:
            self._waiting.append(command)
        else:
            self.counts["refused"] += 1

    def _order(self, command: AgentCommand) -> None:
        match command:
            case TellAgent(prompt):
                self._told = prompt
                self._link.send(p.tell(prompt))
            case AskAgent(instructions):
                self._link.send(p.ask(instructions))
            case AnswerTool(tool_call, result, is_error):
                self._answer(tool_call, result, is_error)
            case StartAgent() | EndAgent():
                pass  # `AssemblyAgent.open` and `perform` do these
            case _:
                assert_never(command)

    def _answer(self, tool_call: str, result: str, is_error: bool) -> None:
        """At once; but the result of an interrupted reply is nobody's any more (1.6)."""
        reply = self._calls.pop(tool_call, None)
        if reply is None or reply in self._interrupted:
            self.counts["void"] += 1
        else:
            self._link.send(p.answer(tool_call, result, is_error))

    async def close(self) -> None:
        if self._goodbye is None:
            self._goodbye = asyncio.create_task(self._say_goodbye())
        await asyncio.shield(self._goodbye)

    async def _say_goodbye(self) -> None:
        self._ready = False
        await self._link.close()
        self._life.cancel()
        await asyncio.wait({self._life})

    # ---- the life of the session -------------------------------------------------------------------------------------

    async def _live(self) -> None:
        reason = await self._lost()
        self._ready = False
        self._waiting.clear()
        if self._goodbye is None:
            log.warning("agent_failed", reason=reason)
            self._listener.agent_event(e.AgentFailed(self._listener.call_seconds(), reason))

    async def _lost(self) -> str:
        """Talks until the session is lost; returns why."""
        try:
            await self._link.open()
            for _ in range(MOST_RESUMES):
                if (how := await self._link.over) != DROPPED:
                    return how
                await self._resume()
            return await self._link.over
        except LinkFailed as failure:
            return DROPPED if self._session.session else failure.reason

    async def _resume(self) -> None:
        """The same session on a new socket. Raises `LinkFailed`."""
        self._ready = False
        if self._reply:  # what was sent of it is all there will be
            self._reply_done(p.ReplyDone(self._reply, interrupted=False))
        if self._goodbye is not None:
            raise LinkFailed(DROPPED)
        log.info("agent_resumes")
        self._link = Link(self._settings, p.resume(self._session.session), self._take)
        await self._link.open()
        if not self._ready:  # it is ready, but not the session we had
            await self._link.close()
            raise LinkFailed(DROPPED)

    def _lasts(self) -> float:
        """Seconds until the service cuts the session; 0.0 when it does not say, or says a moment that has passed."""
        ends = self._session.expires_at
        return max(0.0, round(ends - self._clock.now().timestamp(), 3)) if ends is not None else 0.0

    def _begin(self, ready: p.Ready) -> None:
        if self._ready or self._goodbye is not None or self._session.session not in ("", ready.session):
            return
        first, self._session, self._ready = not self._session.session, ready, True
        if first:
            self._listener.agent_event(e.AgentReady(self._listener.call_seconds(), self._lasts()))
        elif self._told:
            self._link.send(p.tell(self._told))  # it may have gone down with the old socket
        while self._waiting:
            self._order(self._waiting.popleft())

    # ---- what the service says ---------------------------------------------------------------------------------------

    def _take(self, message: p.Message) -> None:
        if isinstance(message, p.ReplyAudio):
            self._reply_audio(message)
            return
        listener = self._listener
        at = listener.call_seconds()
        match message:
            case p.Ready():
                self._begin(message)
            case p.ReplyBegan(reply):
                self._reply = reply
            case p.ReplyDone():
                self._reply_done(message)
            case p.CallerPartial(text):
                listener.agent_partial(text)
            case p.CallerFinal(text):
                listener.agent_event(e.CallerSaid(at, text))
            case p.AgentFinal(text, interrupted):
                listener.agent_event(e.AgentSaid(at, text, interrupted))
            case p.SpeechBegan():
                listener.agent_event(e.SpeechStarted(at))
            case p.SpeechOver():
                listener.agent_event(e.SpeechEnded(at))
            case p.ToolWanted():
                self._tool_wanted(message, at)
            case p.Complaint(code):
                self.counts[code] += 1
                log.warning("agent_complains", code=code)
            case p.Unknown():
                self.counts["unknown"] += 1
            case p.Updated() | p.Ended():
                pass
            case _:
                assert_never(message)

    def _reply_audio(self, message: p.ReplyAudio) -> None:
        reply = message.reply or self._reply
        if not reply or reply in self._interrupted:
            self.counts["late"] += 1
            return
        self._reply = reply
        self._listener.agent_audio(reply, message.audio)

    def _reply_done(self, message: p.ReplyDone) -> None:
        """The authoritative word on interruption (1.7)."""
        reply = message.reply or self._reply
        if message.interrupted:
            self._interrupted[reply] = None
            _forget_oldest(self._interrupted)
        if reply == self._reply:
            self._reply = ""
        self._listener.agent_reply_done(reply, message.interrupted)

    def _tool_wanted(self, message: p.ToolWanted, at: float) -> None:
        if message.name in self._session.own_tools:
            return  # the service calls it itself; an answer of ours would be wrong (1.6)
        self._calls[message.call_id] = self._reply
        _forget_oldest(self._calls)
        self._listener.agent_event(e.ToolCalled(at, message.call_id, message.name, message.arguments))


def _forget_oldest(memory: dict[str, str] | dict[str, None]) -> None:
    if len(memory) > MOST_REMEMBERED:
        del memory[next(iter(memory))]
