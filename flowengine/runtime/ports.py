"""What the outside world owes us: the ports, on one page. Adapters implement them; the session holds them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from flowengine.call.commands import AgentCommand, CarrierCommand, Document, StartAgent
from flowengine.call.events import Event

Post = Callable[[Event], None]  # hands an event to the call's session; never blocks


class Clock(Protocol):
    """The two clocks: the wall (aware, UTC) and one that never jumps (seconds)."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


class MediaSocket(Protocol):
    """The seam between the frame path and a WebSocket library: callbacks in, sends that never wait.

    `send` queues at most 2 s of audio (`droppable`) towards a peer that does not read; beyond that the oldest audio is
    dropped and counted. Control messages are never dropped; a peer that takes nothing for 2 s is closed.
    """

    dropped: int

    def send(self, message: str | bytes, *, droppable: bool = False) -> None: ...

    async def run(self, on_message: Callable[[str | bytes], None]) -> None:
        """Calls `on_message` for each message until the socket is over; never raises for a broken peer."""

    async def close(self, code: int = 1000) -> None: ...


class CallerListener(Protocol):
    """Who listens to the caller's line. Plain calls on the loop; must not block."""

    def caller_audio(self, audio: bytes) -> None: ...

    def caller_key(self, key: str) -> None: ...

    def caller_mark(self, name: str) -> None: ...


class CallerLine(Protocol):
    """The caller's two-way media, in our words: mu-law 8 kHz in and out, marks echoed when what came before has been
    played.

    The carrier plays what it is sent at once and in order; after `clear` it echoes every outstanding mark at once.
    """

    def play(self, audio: bytes) -> None: ...

    def mark(self, name: str) -> None: ...

    def clear(self) -> None: ...

    async def run(self, listener: CallerListener) -> None:
        """Feeds the listener until the stream is over."""

    async def close(self) -> None: ...


class Calls(Protocol):
    """The running calls, as the routes of an adapter or a page see them
    (implemented by `runtime.session.LiveCalls`).
    """

    async def arrive(
        self, *, ref: str, caller: str, dialled: str, arrives_by: Literal["phone", "sip"]
    ) -> tuple[str, Document]:
        """A caller rings: (call id, what the caller gets). The same `ref` again is the same call."""

    async def ask(self, call_id: str, question: Callable[[float, str], Event]) -> Document:
        """Puts a question (an event made from `at` and a request id) to a call and waits for its answer, at most 5 s.

        A call that is not live here is revived from its journal. Raises `NoSuchCall` when there is none; when the call
        is over or does not answer in time the document is `HangUp`.
        """

    def tell(self, call_id: str, news: Callable[[float], Event]) -> None:
        """Posts an event to a live call; news for a call that is over or unknown is ignored and counted."""

    async def attach(self, call_id: str, stream: int, line: CallerLine) -> None:
        """Runs the caller's media until the stream is over; returns at once when the call does not want this stream."""

    async def consult(self, call_id: str, leg: str, line: CallerLine) -> None:
        """Runs a staff leg's two-way media until the stream is over; returns at once when the call does not want it."""

    def music(self, call_id: str) -> bytes:
        """The hold music of a call's flow as mu-law 8 kHz; the built-in one for a call that is not live here."""

    async def transcribe(
        self, call_id: str, leg: str, run: Callable[[Callable[[bytes], None]], Awaitable[None]]
    ) -> None:
        """Runs the transcript of one leg: `run(hear)` feeds audio until the
        stream is over. A newer stream replaces an older.
        """


class NoSuchCall(Exception):
    """There is no journal of this call."""


class Carrier(Protocol):
    """The phone company. `perform` orders something about the legs of one call and posts what became of it."""

    async def perform(self, call_id: str, command: CarrierCommand, post: Post, now: Callable[[], float]) -> None:
        """`now` gives the call's seconds for the events posted. Never raises for the world's mistakes."""

    async def close(self) -> None: ...


class AgentSession(Protocol):
    """One live conversation with the voice agent."""

    def hear(self, audio: bytes) -> None:
        """Caller's audio, mu-law 8 kHz, any length; never blocks; thrown away before the agent is ready."""

    async def perform(self, command: AgentCommand) -> None: ...

    async def close(self) -> None:
        """Ends the session with `session.end`, waits at most 3 s for the farewell. Safe to repeat."""


class AgentListener(Protocol):
    """What a call wants to know of its agent. All are plain calls on the event loop and must not block."""

    def agent_audio(self, reply: str, audio: bytes) -> None: ...

    def agent_reply_done(self, reply: str, interrupted: bool) -> None: ...

    def agent_event(self, event: Event) -> None: ...

    def agent_partial(self, text: str) -> None:
        """The caller's words so far; replaces the previous partial."""

    def call_seconds(self) -> float: ...


class VoiceAgent(Protocol):
    async def open(self, opening: StartAgent, listener: AgentListener) -> AgentSession:
        """Returns at once; `AgentReady` or `AgentFailed` reach the listener as
        events (not ready within 2 s is a failure).
        """


class Speaker(Protocol):
    """Renders a sentence in a voice, word for word, as mu-law 8 kHz without leading silence; raises `SpeakerFailed`."""

    async def render(self, text: str, voice: str) -> bytes: ...


class SpeakerFailed(Exception):
    """A sentence could not be rendered."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of transcript of one leg. A partial is replaced by the next of the same `turn`."""

    turn: int
    text: str
    final: bool
    confidence: float | None = None  # the mean over the words of a final, 0 to 1; None when the service does not say


class TranscriptSession(Protocol):
    def hear(self, audio: bytes) -> None:
        """One leg's audio, mu-law 8 kHz, any length; never blocks."""

    async def close(self) -> None: ...


class Transcriber(Protocol):
    async def open(
        self, heard: Callable[[Heard], None], gap: Callable[[bool], None], *, language: str = "English"
    ) -> TranscriptSession:
        """Opens one leg's transcript. `gap(True)` when it breaks, `gap(False)` when it goes on; never raises later."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal: its number from 1 without gaps, and the event (or note) as JSON."""

    sequence: int
    kind: str
    body: str


@dataclass(frozen=True, slots=True)
class CallRow:
    call_id: str
    ref: str
    flow: str
    flow_version: str
    flow_source: str
    started: str
    outcome: str | None


class Store(Protocol):
    """What must last."""

    async def start(self) -> None:
        """Opens it and brings its shape up to date."""

    async def open_call(self, row: CallRow) -> None: ...

    async def call(self, call_id: str) -> CallRow | None: ...

    async def call_by_ref(self, ref: str) -> CallRow | None: ...

    async def called_before(self, flow: str, caller: str, call_id: str) -> bool:
        """Whether this number has called this flow in another call than `call_id`; a withheld one ("") never has."""

    async def calls(self, flow: str | None = None, limit: int = 100) -> Sequence[CallRow]:
        """Newest first."""

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        """Atomically; a sequence number that exists already is an error (`StaleWriter`)."""

    async def journal(self, call_id: str, after: int = 0) -> Sequence[Entry]: ...

    async def close_call(self, call_id: str, outcome: str) -> None: ...

    async def save_card(self, handoff: str, call_id: str, flow: str, card: Mapping[str, object], at: str) -> None:
        """Inserts or replaces; `at` is the ISO wall time."""

    async def card(self, handoff: str) -> Mapping[str, object] | None: ...

    async def cards(self, flow: str | None = None, limit: int = 100) -> Sequence[Mapping[str, object]]:
        """Newest first; each has `handoff`, `call_id`, `flow`, `at` beside the card's own keys."""

    async def save_work(
        self, work: str, call_id: str, flow: str, kind: str, department: str, fields: Mapping[str, str], at: str
    ) -> None: ...

    async def work(self, flow: str | None = None, limit: int = 100) -> Sequence[Mapping[str, object]]: ...

    async def close(self) -> None: ...


class StaleWriter(Exception):
    """Somebody else has written this call's journal meanwhile."""


class Bus(Protocol):
    """What is live: news for pages, and first-come claims."""

    async def publish(self, topic: str, news: Mapping[str, object]) -> None: ...

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, object]]]:
        """At most 256 unread items a subscriber; on overflow the iterator yields `{"type": "reload"}` and ends."""

    async def claim(self, name: str, seconds: float) -> bool:
        """True for the first who asks within `seconds`."""

    async def close(self) -> None: ...


class Courier(Protocol):
    """Takes cards to other people's systems."""

    async def send_card(self, address: str, flow: str, handoff: str, card: Mapping[str, object]) -> bool:
        """POSTs the card, signed (Standard Webhooks); True when answered 2xx within 5 s."""

    async def close(self) -> None: ...
