"""One task a call: take an event, journal it, step, hand out the
commands; timers; and the rescue when we are at fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import get_args

import structlog

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.journal import encode, encode_commands
from flowengine.call.machine import rescue, step
from flowengine.call.recorded import awaited
from flowengine.call.redaction import Redactor
from flowengine.call.state import Call, attempt_on
from flowengine.call.wording import FILLER, ours
from flowengine.flow.model import Flow
from flowengine.runtime.audio import CallAudio
from flowengine.runtime.consult import Consults
from flowengine.runtime.ear import AgentEar
from flowengine.runtime.gauge import Gauge
from flowengine.runtime.lane import Lane, again_and_again
from flowengine.runtime.ledger import Ledger
from flowengine.runtime.mistakes import where
from flowengine.runtime.news import PageNews
from flowengine.runtime.outward import Outward
from flowengine.runtime.phrasebook import Phrasebook
from flowengine.runtime.ports import (
    AgentSession,
    Bus,
    CallerLine,
    Carrier,
    Clock,
    HandedOver,
    LegAudio,
    Outbox,
    Store,
    Transcriber,
    VoiceAgent,
)
from flowengine.runtime.transcripts import Transcripts

log = structlog.get_logger("flowengine.session")

MOST_EVENTS = 2048
FLUSH_SECONDS = 30.0  # for what a store that failed has not taken yet
ANSWER_SECONDS = 5.0
LATE_SECONDS = 5.0  # who stands still for less loses no call: the carrier waits 15 for an answer
LINGER_SECONDS = 40.0  # after the end, for staff legs to end too: an order that was lost is given again

_CARRIER = get_args(c.CarrierCommand)
_MEDIA = get_args(c.MediaCommand)
_AGENT = get_args(c.AgentCommand)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything of the outside world a call needs."""

    clock: Clock
    carrier: Carrier
    agent: VoiceAgent
    transcriber: Transcriber
    store: Store
    bus: Bus
    outbox: Outbox
    phrasebook: Phrasebook
    music: Callable[[Flow, str], bytes]
    ended: Callable[[str], None]  # a call is over, and its journal and row say so


class Session:
    """A live call. `post` takes events; `ask` takes questions; everything else follows from the core's commands."""

    def __init__(self, flow: Flow, ports: Ports, *, began: float, call: Call | None = None, sequence: int = 0) -> None:
        self.flow, self.call, self._ports, self._began = flow, call or Call(), ports, began
        self._sequence = sequence
        self._taken = 0.0  # when the latest event was taken, in the call's seconds
        self._ledger = Ledger(ports.store, sequence)
        self._events: asyncio.Queue[e.Event] = asyncio.Queue(MOST_EVENTS)
        self._questions: dict[str, asyncio.Future[documents.Document]] = {}
        self._asked = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._lanes: dict[str, Lane] = {}
        self._agent: AgentSession | None = None
        self._ear: AgentEar | None = None  # what the present agent says goes through; an earlier one is not heard
        self._agents = 0
        self._redactor = Redactor.of_flow(flow)
        self._news = PageNews(self._publish, self.seconds)
        self._loop = asyncio.get_running_loop()
        self.over = asyncio.Event()
        self.audio = CallAudio(
            voice=flow.receptionist.voice,
            phrasebook=ports.phrasebook,
            music=partial(ports.music, flow),
            post=self.post,
            seconds=self.seconds,
            filler=ours(FILLER, self.call.language or flow.receptionist.languages[0]),
        )
        self._gauge = Gauge(ports.transcriber, self.audio, self._gauged)
        self._transcripts = Transcripts(ports.transcriber, self._partial, self.post, self.seconds)
        self._outward = Outward(flow.key, ports.outbox, ports.clock, self._lane, self.post, self.seconds)
        self._consults = Consults(ports.agent, self._lane, self.post, self.seconds)

    # ---- the loop --------------------------------------------------------------------------------------------------

    def seconds(self) -> float:
        """Seconds since the call began."""
        return round(self._ports.clock.monotonic() - self._began, 3)

    def post(self, event: e.Event) -> None:
        """Never waits. What a full queue cannot take is lost, and said so in the log."""
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            log.error("events_overflow", call=self.call.call_id)

    async def run(self) -> None:
        """Until the call is over and its legs are, or the time for that has passed."""
        try:
            while not self.over.is_set():
                await self._take(await self._events.get())
            await self._linger()
        finally:
            await self._close()

    async def finish(self, outcome: str) -> None:
        """Closes a call that ended without its process: what it left is done, then its row says how it ended."""
        self._lane("desk").put(partial(self._end, outcome))
        await self._close()

    async def late_news(self, event: e.Event) -> None:
        """Something about a call that is over: journalled, and shown where it belongs."""
        await self._take(event)
        await self._close()

    async def _linger(self) -> None:
        """Late news of staff legs and of a recording is still journalled and answered."""
        deadline = self._loop.time() + LINGER_SECONDS
        while not self._ledger.taken_over and (self._legs_open() or not self._events.empty()):
            try:
                async with asyncio.timeout_at(deadline):
                    await self._take(await self._events.get())
            except TimeoutError:
                return

    def _legs_open(self) -> bool:
        return awaited(self.call) or any(not a.over and not a.unknown for h in self.call.past for a in h.attempts)

    async def _take(self, event: e.Event) -> None:
        """Journal, then act. What the flow does not want kept is taken out first: nobody behind this line sees it."""
        self._taken = self.seconds()
        event = self._redactor.event(event, self.call)
        try:
            call, commands = step(self.flow, self.call, event)
        except Exception as mistake:  # the one place where a programmer's mistake is caught
            log.error("step_failed", call=self.call.call_id, event_kind=type(event).__name__, **where(mistake))
            event = e.EngineFailed(self.seconds(), type(mistake).__name__)
            call, commands = rescue(self.call)
        await self._journal(event, commands)
        if self._ledger.taken_over:  # what is to be done is another process's to do, and would be done twice
            self.over.set()
            return
        if call.language != self.call.language:
            self.audio.filler = ours(FILLER, call.language)
        self.call = call
        for command in commands:
            self._do(command)
        self._news.tell(event, self._sequence - 1)

    async def _journal(self, event: e.Event, commands: tuple[c.Command, ...]) -> None:
        """The event, and what it leads to, before any of it is done. A store that fails does not stop the call."""
        kind, body = encode(event)
        call_id = self.call.call_id or getattr(event, "call_id", "")
        await self._ledger.write(call_id, [(kind, body), ("Commands", encode_commands(commands))])
        self._sequence = self._ledger.sequence

    async def _close(self) -> None:
        self.over.set()  # also when it was cancelled: no further stream is wanted
        for timer in self._timers.values():
            timer.cancel()
        for question in self._questions.values():
            question.cancel()
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))
        if self._agent is not None:
            await self._agent.close()
        await self._gauge.want(False)
        await self.audio.close()
        await self._consults.close()
        self._transcripts.close()
        await self._ledger.flush(self.call.call_id, FLUSH_SECONDS)

    # ---- questions -------------------------------------------------------------------------------------------------

    async def ask(self, question: Callable[[float, str], e.Event]) -> documents.Document:
        """Puts a question to the call; `HangUp` when it cannot answer in time. Raises `HandedOver` when another process
        has taken the call over: there it goes on, and whoever is asked next knows that."""
        if self._ledger.taken_over:
            raise HandedOver
        self._asked += 1
        request = f"q{self._asked}"
        answer: asyncio.Future[documents.Document] = self._loop.create_future()
        self._questions[request] = answer
        self.post(question(self.seconds(), request))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except TimeoutError:
            log.error("question_unanswered", call=self.call.call_id)
            return documents.HangUp()
        except asyncio.CancelledError:
            if not answer.cancelled():
                raise
            if self._ledger.taken_over:
                raise HandedOver from None
            return documents.HangUp()  # the session closed under the question
        finally:
            self._questions.pop(request, None)

    # ---- commands --------------------------------------------------------------------------------------------------

    def _do(self, command: c.Command) -> None:
        match command:
            case c.Answer(request, document):
                if (question := self._questions.get(request)) and not question.done():
                    question.set_result(document)
            case c.StartTimer(timer, seconds):
                self._start_timer(timer, seconds)
            case c.StopTimer(timer):
                if handle := self._timers.pop(timer, None):
                    handle.cancel()
            case c.EndCall(outcome):
                self._lane("desk").put(partial(self._end, outcome))
                self.over.set()
            case c.Deliver() | c.AddWork() | c.AskAddress():
                self._outward.perform(self.call.call_id, command)
            case c.ShowCard(handoff, card):
                self._lane("desk").put(partial(self._show, handoff, card))
            case c.GaugeSpeech(wanted):
                self._lane("gauge").put(partial(self._gauge.want, wanted))
            case c.StartConsult() | c.AnswerConsultTool() | c.EndConsult():
                self._consults.perform(command)
            case c.StartAgent():
                self._lane("agent").put(partial(self._open_agent, command))
            case _ if isinstance(command, _MEDIA):
                self.audio.perform(command)
            case _ if isinstance(command, _AGENT):
                self._lane("agent").put(partial(self._order_agent, command))
            case c.CheckCaller() | c.CheckRoom():  # beside the orders: a question that gets no answer holds none up
                self._lane("carrier:check").put(partial(self._order_carrier, command, self._taken))
            case _ if isinstance(command, _CARRIER):
                leg = getattr(command, "leg", "caller")
                self._lane(f"carrier:{leg}").put(partial(self._order_carrier, command, self._taken))

    def _lane(self, name: str) -> Lane:
        return self._lanes.setdefault(name, Lane(name))

    def _start_timer(self, timer: str, seconds: float) -> None:
        if handle := self._timers.pop(timer, None):
            handle.cancel()
        self._timers[timer] = self._loop.call_later(seconds, self._fire, timer)

    def _fire(self, timer: str) -> None:
        self._timers.pop(timer, None)
        self.post(e.TimerFired(self.seconds(), timer))

    async def _order_carrier(self, command: c.CarrierCommand, since: float) -> None:
        """`since` is when its reason came. A process that stood still meanwhile may have lost the call, and what it
        still wants to order has been ordered (reliability.md F30)."""
        late = self.seconds() - since > LATE_SECONDS
        if late and not await self._ledger.ours(self.call.call_id):
            log.warning("order_left_out", call=self.call.call_id, order=type(command).__name__)
            return
        await self._ports.carrier.perform(self.call.call_id, command, self.post, self.seconds)

    async def _open_agent(self, opening: c.StartAgent) -> None:
        """A new session; one that ran before is not heard from now on, and says its goodbyes by itself."""
        if self._agent is not None:
            self._lane("goodbye").put(self._agent.close)
        if self._ear is not None:
            self._ear.heard = False
        self._agents += 1
        self._ear = AgentEar(self, self._agents)
        self._agent = await self._ports.agent.open(opening, self._ear)
        self.audio.use_agent(self._agent)

    async def _order_agent(self, command: c.AgentCommand) -> None:
        if self._agent is None:
            return
        if isinstance(command, c.EndAgent):
            agent, self._agent = self._agent, None
            self.audio.use_agent(None)
            await agent.close()
            self.post(e.AgentEnded(self.seconds()))
        else:
            await self._agent.perform(command)

    def redo(self, commands: Iterable[c.Command]) -> None:
        """What a lost process may have left undone, and what may be done twice: work and deliveries are kept once."""
        for command in commands:
            if isinstance(command, c.AddWork | c.Deliver):
                self._do(command)

    async def _show(self, handoff: str, card: Mapping[str, object]) -> None:
        store, bus, flow, call = self._ports.store, self._ports.bus, self.flow.key, self.call.call_id
        await store.save_card(handoff, call, flow, card, self._ports.clock.now().isoformat())
        for topic in (f"call:{call}", f"office:{flow}"):
            await bus.publish(topic, {"type": "card", "card": card, "id": self._sequence})
        self.post(e.CardShown(self.seconds(), handoff))

    async def _end(self, outcome: str) -> None:
        call = self.call.call_id
        await self._ledger.flush(call, FLUSH_SECONDS)
        if self._ledger.taken_over:  # it goes on elsewhere
            return
        await again_and_again("outcome", lambda: self._ports.store.close_call(call, outcome))
        await self._ports.bus.publish(f"call:{call}", {"type": "ended", "outcome": outcome, "id": self._sequence})
        await self._ports.bus.publish(f"office:{self.flow.key}", {"type": "call", "call_id": call, "state": "ended"})
        self._ports.ended(call)

    # ---- the caller's media and the agent's ------------------------------------------------------------------------

    async def attach(self, stream: int, line: CallerLine) -> None:
        """The caller's audio until the stream ends; a stream the call does not expect is closed at once."""
        if stream != self.call.stream or self.over.is_set():
            await line.close()
            return
        self._transcripts.end(self.call.caller_leg)  # of a room the caller has left: its stream would outlive the room
        self.post(e.MediaStarted(self.seconds(), stream))
        try:
            await self.audio.run(line)
        finally:
            self.post(e.MediaEnded(self.seconds(), stream))

    def agent_audio(self, reply: str, audio: bytes) -> None:
        self.audio.agent_audio(reply, audio)

    def agent_reply_done(self, reply: str, interrupted: bool) -> None:
        self.audio.agent_reply_done(reply, interrupted)

    def agent_event(self, event: e.Event) -> None:
        if isinstance(event, e.AgentFailed):
            self.audio.use_agent(None)
        self.post(event)

    def agent_partial(self, text: str) -> None:
        self._partial("caller", text)

    def call_seconds(self) -> float:
        return self.seconds()

    # ---- briefings in conversation ---------------------------------------------------------------------------------

    async def consult(self, leg: str, line: CallerLine) -> None:
        """A staff leg's audio until its stream ends; one the call does not want is closed at once."""
        if not self._consults_on(leg):
            await line.close()
            return
        await self._consults.run(leg, line)

    def _consults_on(self, leg: str) -> bool:
        attempt = attempt_on(self.call, leg)
        open_ = attempt is not None and attempt.outcome is None and attempt.consulting
        return open_ and not self.over.is_set()

    # ---- what is said ----------------------------------------------------------------------------------------------

    async def transcribe(self, leg: str, audio: LegAudio) -> None:
        """One leg's transcript until its stream ends; a newer stream of the leg replaces an older one."""
        await self._transcripts.run(leg, "caller" if leg == self.call.caller_leg else "staff", audio)

    def _gauged(self, confidence: float) -> None:
        self.post(e.SpeechGauged(self.seconds(), confidence))

    def _partial(self, speaker: str, text: str) -> None:
        self._news.partial(speaker, self._redactor.partial(self.call, speaker, text), self._sequence)

    def _publish(self, news: Mapping[str, object]) -> None:
        self._lane("news").put(partial(self._ports.bus.publish, f"call:{self.call.call_id}", news))
