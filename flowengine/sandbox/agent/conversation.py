"""One conversation of the emulated Voice Agent: turns heard, replies spoken, tools called (assemblyai.md 1.6, 1.7)."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

from flowengine.sandbox.agent import behaviour as odd
from flowengine.sandbox.agent.behaviour import AgentBehaviour, Misbehaviour, scripted
from flowengine.sandbox.agent.config import Config
from flowengine.sandbox.agent.mind import Action, Mind, Say, UseTool
from flowengine.sandbox.agent.reading import Brief, brief
from flowengine.sandbox.agent.reply import PendingCall, Reply, Request, Timing, option
from flowengine.sandbox.agent.wire import from_wire, is_backchannel, to_wire
from flowengine.sandbox.hearing import Hearing
from flowengine.sandbox.speech import RATE, SILENCE, find_words, speak

__all__ = ["Conversation"]

_TOO_LATE = "I'm sorry, that is taking longer than it should. Is there something else I can do?"
_LOUD_ENOUGH = 1.0  # seconds of voice without a word that still interrupt
_QUEUE = 100
_GREETING = 1 << 15  # the utterances of greetings: by their words, so that one kept from another run is like no other


class Conversation:
    """The agent's side of one session. Everything it says goes through `emit(type, **fields)`.

    `heard`, `said` and `calls` record finished turns, replies and tool calls for assertions.
    """

    def __init__(
        self,
        config: Config,
        emit: Callable[..., None],
        behaviour: AgentBehaviour,
        script: tuple[Misbehaviour, ...],
        utterances: Iterator[int],
    ) -> None:
        self.config = config
        self.heard: list[str] = []
        self.said: list[str] = []
        self.calls: list[tuple[str, Any]] = []
        self._emit, self._behaviour, self._script, self._utterances = emit, behaviour, script, utterances
        self._mind, self._hearing = Mind(), Hearing()
        self._announced = False  # input.speech.started was sent for the turn being heard
        self._told_text = ""
        self._over_reply = False  # the turn being heard began while the agent spoke
        self._ids = itertools.count(1)
        self._current: Reply | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._pending: dict[str, PendingCall] = {}
        self._requests: asyncio.Queue[Request] = asyncio.Queue(_QUEUE)
        self._loop = asyncio.get_running_loop()
        self._worker: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The session is ready: greet, if there is a greeting, and listen."""
        self._worker = asyncio.create_task(self._reply_in_turn())
        self._worker.add_done_callback(self._crashed)
        if greeting := self.config.get("greeting"):
            self._ask(0.05, lambda: Say(greeting), greeting=True)

    async def end(self) -> None:
        """Stop at once. Idempotent."""
        for call in self._pending.values():
            call.expiry.cancel()
        self._pending.clear()
        tasks = [task for task in (self._worker, self._speaking) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _crashed(self, worker: asyncio.Task[None]) -> None:
        """A mistake in the emulator itself: what the vendor would call an internal error, and a traceback for us."""
        if not worker.cancelled() and (error := worker.exception()):
            self._emit("session.error", code="internal_error", message="worker failed", param=None, session_id=None)
            self._loop.call_exception_handler({"message": "the emulated agent crashed", "exception": error})

    def interrupt_silently(self) -> None:
        """Nobody is connected: what was being said is lost (1.9, uncertain)."""
        self._hearing.forget()
        self._announced = False
        if self._speaking:
            self._speaking.cancel()

    # --- what the client sends --------------------------------------------------------------------------------------

    def hear(self, audio: bytes) -> None:
        """Some input audio in the configured encoding. Raises ValueError when it cannot be decoded."""
        self._hearing.feed(from_wire(audio, self._encoding("input")))
        self._notice()

    def create_reply(self, instructions: str) -> None:
        """`reply.create`."""
        running = self._current
        if running and (running.greeting or self._behaviour.create_replaces):
            self._cut(running)
        if self._behaviour.create_ends_hold:
            for call in self._pending.values():
                call.hold = False
        self._ask(self._behaviour.create_after, lambda: self._mind.instruct(self._brief(), instructions))

    def take_result(self, call_id: str, result: str, failed: bool) -> None:
        """`tool.result`. One for a call nobody waits for (unknown, timed out, of an interrupted reply) is dropped."""
        call = self._pending.pop(call_id, None)
        if call is None:
            return
        call.expiry.cancel()
        call.reply.answered.set()
        if any(other.reply is call.reply for other in self._pending.values()):
            return  # the model waits for all results of a reply
        after = self._behaviour.hold_answer_after if call.hold else self._behaviour.answer_after
        self._ask(after, lambda: self._mind.result(self._brief(), call.name, result, failed))

    def cancel(self, reply_id: str) -> None:
        """`reply.cancel`, in no public document (1.3)."""
        if self._current and self._current.ids["reply_id"] == reply_id:
            self._cut(self._current)

    # --- listening --------------------------------------------------------------------------------------------------

    def _notice(self) -> None:
        hearing = self._hearing
        if hearing.began is None:
            self._over_reply = False
        elif any(call.hold for call in self._pending.values()):
            if not self._announced:
                hearing.forget()  # speech that begins during a hold is lost (1.6, measured)
        elif self._announced or self._attend():
            self._follow()

    def _attend(self) -> bool:
        """Whether the service takes notice of what is being said; tells the client when it does."""
        hearing, running = self._hearing, self._current
        speaking = running is not None and not running.ghost
        self._over_reply = self._over_reply or speaking
        over = hearing.quiet_for >= self._timing.commit
        trivial = is_backchannel(hearing.words) or (not hearing.words and hearing.voiced < _LOUD_ENOUGH)
        if self._over_reply and trivial:
            if over:
                hearing.forget()
            return False
        if hearing.speaking_for < (self._timing.interruption if speaking else self._behaviour.started_after):
            return False
        if speaking and not self._may_be_interrupted():
            return False  # heard when the reply is over
        self._announced = True
        self._emit("input.speech.started")
        if running and speaking:
            self._cut(running)
        return True

    def _may_be_interrupted(self) -> bool:
        return option(self.config, "input", "turn_detection", "interrupt_response") is not False

    def _talks_over(self, reply: Reply) -> bool:
        """Whether the caller went on speaking after a reply began in the middle of the turn."""
        long_enough = self._hearing.last_voiced - reply.heard_at >= self._timing.interruption
        return long_enough and not reply.ghost and self._may_be_interrupted()

    def _follow(self) -> None:
        hearing, running = self._hearing, self._current
        if running and self._talks_over(running):
            self._cut(running)
        if hearing.words and hearing.text != self._told_text:
            self._told_text = hearing.text
            self._emit("transcript.user.delta", item_id=self._item(), text=hearing.text)
        if hearing.quiet_for >= self._timing.commit:
            self._finish_turn()

    def _finish_turn(self) -> None:
        text = self._hearing.text
        self._hearing.forget()
        self._announced = self._over_reply = False
        self._told_text = ""
        self._emit("input.speech.stopped")
        if text or self._behaviour.empty_finals:
            self._emit("transcript.user", item_id=self._item(), text=text)
        if text:
            self.heard.append(text)
            self._ask(0.01, lambda: self._mind.hear(self._brief(), text))

    # --- speaking ---------------------------------------------------------------------------------------------------

    def _ask(self, after: float, compose: Callable[[], Action], greeting: bool = False) -> None:
        if not self._requests.full():
            self._requests.put_nowait(Request(self._loop.time() + after, compose, greeting))

    async def _reply_in_turn(self) -> None:
        while True:
            request = await self._requests.get()
            await asyncio.sleep(max(0.0, request.due - self._loop.time()))
            self._speaking = asyncio.create_task(self._reply(request))
            await asyncio.wait({self._speaking})
            if not self._speaking.cancelled():
                self._speaking.result()
            self._speaking = self._current = None

    async def _reply(self, request: Request) -> None:
        reply = self._current = Reply(next(self._ids), self._hearing.clock, request.greeting)
        self._emit("reply.started", **reply.ids)
        match request.compose():
            case Say(text):
                await self._say(reply, text)
            case UseTool(name, arguments):
                await self._call(reply, name, dict(arguments))
        if not reply.over:
            self._done(reply, "completed")

    async def _say(self, reply: Reply, text: str) -> None:
        speech = speak(text, "agent", _GREETING | crc32(text.encode()) if reply.greeting else next(self._utterances))
        reply.words = find_words(speech)
        silence = SILENCE * round(self._timing.lead / 0.02) if speech else b""
        reply.lead = len(silence)
        await self._send_audio(reply, silence + speech)
        if not reply.over:
            self.said.append(text)
            self._transcript(reply, text, interrupted=False)

    async def _send_audio(self, reply: Reply, audio: bytes) -> None:
        """All of it, in chunks, at the pace of the clock or as fast as it goes (1.7, uncertain)."""
        due = self._loop.time()
        for at in range(0, len(audio), self._behaviour.chunk):
            if at <= reply.lead < at + self._behaviour.chunk and self._behaviour.ghost_replies:
                reply.ghost = self._hearing.began is not None
            self._send_chunk(reply, audio[at : at + self._behaviour.chunk])
            if at == 0:
                self._send_deltas(reply)
            due += self._behaviour.chunk / RATE
            await asyncio.sleep(max(0.0, due - self._loop.time()) if self._behaviour.delivery == "paced" else 0)

    def _send_chunk(self, reply: Reply, chunk: bytes) -> None:
        muted = reply.ghost or option(self.config, "output", "volume") == 0
        reply.sent += len(chunk)
        data = to_wire(b"\xff" * len(chunk) if muted else chunk, self._encoding("output"))
        self._emit("reply.audio", reply_id=reply.ids["reply_id"], data=base64.b64encode(data).decode())

    def _send_deltas(self, reply: Reply) -> None:
        """The words in a burst, long before they are heard (1.4)."""
        for word in reply.words:
            start, end = ((at + reply.lead) * 1000 // RATE for at in (word.start, word.end))
            self._emit("transcript.agent.delta", **reply.ids, delta=f"{word.text} ", start_ms=start, end_ms=end)

    def _cut(self, reply: Reply) -> None:
        """End a reply before its end; everything within a moment (1.7, measured)."""
        if reply.over:
            return
        if reply.words:
            spoken = reply.spoken()
            self.said.append(spoken)
            self._transcript(reply, spoken, interrupted=True)
        self._done(reply, "interrupted")
        for call in [call for call in self._pending.values() if call.reply is reply]:
            call.expiry.cancel()
            del self._pending[call.call_id]  # results of an interrupted reply are dropped (1.6)
        if self._speaking and not scripted(self._script, odd.SpeaksOver):
            self._speaking.cancel()

    def _transcript(self, reply: Reply, text: str, *, interrupted: bool) -> None:
        self._emit("transcript.agent", **reply.ids, text=text, interrupted=interrupted)

    def _done(self, reply: Reply, status: str) -> None:
        reply.over = True
        never = scripted(self._script, odd.NeverDone)
        if never and never.nth in (0, reply.number):
            return
        extra = {} if self._behaviour.done_status == "missing" else {"status": status}
        self._emit("reply.done", reply_id=reply.ids["reply_id"], **extra)

    # --- tools ------------------------------------------------------------------------------------------------------

    async def _call(self, reply: Reply, name: str, arguments: dict[str, Any]) -> None:
        """The call, inside a reply that is silent and stays open a little (1.6)."""
        self._send_chunk(reply, SILENCE)
        await asyncio.sleep(0.02)
        for _ in range(2 if scripted(self._script, odd.CallsTwice) else 1):
            self._place_call(reply, name, self._spoilt(arguments))
        silent = asyncio.create_task(self._send_audio(reply, SILENCE * round(self._behaviour.filler_seconds / 0.02)))
        answered = asyncio.create_task(reply.answered.wait())
        try:
            await asyncio.wait({silent, answered}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            silent.cancel()
            answered.cancel()

    def _place_call(self, reply: Reply, name: str, arguments: Any) -> None:
        declared: dict[str, Any] = next((tool for tool in self.config.get("tools") or () if tool["name"] == name), {})
        call_id = f"call_{reply.number}_{len(self.calls) + 1}"
        expiry = self._loop.call_later(declared.get("timeout_seconds") or 120, self._expire, call_id)
        hold = declared.get("execution_mode") == "hold"
        self._pending[call_id] = PendingCall(call_id, name, reply, hold, expiry)
        self.calls.append((name, arguments))
        self._emit("tool.call", call_id=call_id, name=name, arguments=arguments)

    def _expire(self, call_id: str) -> None:
        if self._pending.pop(call_id, None):
            self._ask(0.0, lambda: Say(_TOO_LATE))

    def _spoilt(self, arguments: dict[str, Any]) -> Any:
        """The arguments as this service, or this script, would send them."""
        if unknown := scripted(self._script, odd.NamesUnknownRule):
            arguments = {key: unknown.value if key == "rule" else value for key, value in arguments.items()}
        if (huge := scripted(self._script, odd.HugeSummary)) and "summary" in arguments:
            text = str(arguments["summary"]) + " "
            arguments = arguments | {"summary": (text * (huge.size // len(text) + 1))[: huge.size]}
        if scripted(self._script, odd.BreaksArguments):
            return json.dumps(arguments)[:-2]
        match self._behaviour.arguments:
            case "empty":
                return {}
            case "string":
                return json.dumps(arguments)
            case _:
                return arguments

    # --- small things -----------------------------------------------------------------------------------------------

    @property
    def _timing(self) -> Timing:
        return Timing(self._behaviour, self.config)

    def _brief(self) -> Brief:
        return brief(self.config)

    def _encoding(self, side: str) -> str:
        return str(option(self.config, side, "format", "encoding") or "audio/pcm")

    def _item(self) -> str:
        return f"item_u{len(self.heard) + 1:07x}"
