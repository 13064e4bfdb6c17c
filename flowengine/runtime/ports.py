"""What the outside world owes us: the ports, on one page. Adapters implement them; the session holds them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from flowengine.call.commands import AgentCommand, CarrierCommand, StartAgent
from flowengine.call.documents import Document
from flowengine.call.events import Event
from flowengine.runtime.rows import (
    Access,
    AccessLine,
    CallRow,
    DeskKey,
    Entry,
    Note,
    Parcel,
    ParcelState,
    Verdict,
    WrapUp,
)

Post = Callable[[Event], None]  # hands an event to the call's session; never blocks
LegAudio = Callable[[Callable[[bytes], None]], Awaitable[None]]  # hands over one leg's audio until its stream is over


class Clock(Protocol):
    """The two clocks: the wall (aware, UTC) and one that never jumps (seconds)."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


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
    """The running calls, as the routes of an adapter or a page see them (implemented by `runtime.live.LiveCalls`)."""

    async def arrive(
        self, *, ref: str, caller: str, dialled: str, arrives_by: Literal["phone", "sip"]
    ) -> tuple[str, Document]:
        """A caller rings: (call id, what the caller gets). The same `ref` again is the same call."""

    async def ask(self, call_id: str, question: Callable[[float, str], Event]) -> Document:
        """Puts a question (an event made from `at` and a request id) to a call and waits for its answer, at most 5 s.

        A call that is not live here is revived from its journal. Raises `NoSuchCall` when there is none; when the call
        is over or does not answer in time the document is `HangUp`. Raises `HandedOver` when it is to be asked again,
        of the next process.
        """

    def tell(self, call_id: str, news: Callable[[float], Event]) -> None:
        """Posts an event to a live call; news for a call that is over or unknown is ignored and counted."""

    async def attach(self, call_id: str, stream: int, line: CallerLine) -> None:
        """Runs the caller's media until the stream is over; returns at once when the call does not want this stream."""

    async def consult(self, call_id: str, leg: str, line: CallerLine) -> None:
        """Runs a staff leg's two-way media until the stream is over; returns at once when the call does not want it."""

    def music(self, call_id: str) -> bytes:
        """The hold music of a call's flow as mu-law 8 kHz; the built-in one for a call that is not live here."""

    async def transcribe(self, call_id: str, leg: str, audio: LegAudio) -> None:
        """Runs the transcript of one leg: `audio(hear)` until the stream is over. A newer stream replaces an older."""


class NoSuchCall(Exception):
    """There is no journal of this call."""


class HandedOver(Exception):
    """The call goes on with whichever process is asked next: this one is about to end, or another has the call."""


class Carrier(Protocol):
    """The phone company. `perform` orders something about the legs of one call and posts what became of it."""

    async def perform(self, call_id: str, command: CarrierCommand, post: Post, now: Callable[[], float]) -> None:
        """`now` gives the call's seconds for the events posted. Never raises for the world's mistakes."""

    async def delete_recording(self, url: str) -> bool:
        """True when what the carrier recorded is gone, also when it was gone before."""

    async def close(self) -> None: ...


class AgentSession(Protocol):
    """One live conversation with the voice agent."""

    def hear(self, audio: bytes) -> None:
        """Caller's audio, mu-law 8 kHz, any length; never blocks; thrown away before the agent is ready."""

    async def perform(self, command: AgentCommand) -> None: ...

    async def close(self) -> None:
        """Ends the session in good order: waits at most 3 s for the farewell. Safe to repeat."""


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
        """Returns at once; `AgentReady` or `AgentFailed` reach the listener as events (not ready within 2 s is a
        failure)."""


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


class Store(Protocol):
    """What must last. Texts that come from callers are encrypted at rest when the installation has a key."""

    async def start(self) -> None:
        """Opens it and brings its shape up to date."""

    def backlog(self) -> float:
        """How much of what waits to be written still fits beside it: 0 when nothing waits, 1 when nothing more can be
        kept, so that new calls go to people."""

    async def caught_up(self, call_id: str) -> None:
        """Returns when nothing of this call waits to be written any more. Until then its journal lacks lines."""

    async def open_call(self, row: CallRow, *, caller: str = "") -> None:
        """`caller` (E.164 or "") is kept as a keyed hash only, for `called_before`."""

    async def call(self, call_id: str) -> CallRow | None: ...

    async def call_by_ref(self, ref: str) -> CallRow | None: ...

    async def called_before(self, flow: str, caller: str, call_id: str) -> bool:
        """Whether this number has called this flow in another call than `call_id`; a withheld one ("") never has."""

    async def calls(self, flow: str | None = None, limit: int = 100, *, since: str = "") -> Sequence[CallRow]:
        """Newest first; with `since` (ISO) only those that started then or later."""

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        """Atomically; a sequence number that exists already is an error (`StaleWriter`). Each line joins the call's
        hash chain."""

    async def journal(self, call_id: str, after: int = 0, *, limit: int | None = None) -> Sequence[Entry]:
        """Lines that retention has emptied keep their kind and what is not words (see `Entry.blanked`)."""

    async def verify(self, call_id: str) -> Verdict:
        """Whether the call's journal is gap-free and unaltered."""

    async def close_call(self, call_id: str, outcome: str) -> None: ...

    async def save_card(self, handoff: str, call_id: str, flow: str, card: Mapping[str, object], at: str) -> None:
        """Inserts or replaces; `at` is the ISO wall time."""

    async def card(self, handoff: str) -> Mapping[str, object] | None: ...

    async def cards(
        self, flow: str | None = None, limit: int = 100, *, since: str = "", departments: Sequence[str] = ()
    ) -> Sequence[Mapping[str, object]]:
        """Newest first; each has `handoff`, `call_id`, `flow`, `at` beside the card's own keys. With `departments`
        those of theirs, and the few of which nobody noted whose they are."""

    # ---- work to do, and what staff say of a hand-off ----

    async def save_work(
        self, work: str, call_id: str, flow: str, kind: str, department: str, fields: Mapping[str, str], at: str
    ) -> None: ...

    async def work(
        self, flow: str | None = None, limit: int = 100, *, open_only: bool = False, departments: Sequence[str] = ()
    ) -> Sequence[Mapping[str, object]]:
        """Newest first, of all departments or of some; each has `work`, `call_id`, `flow`, `kind`, `department`,
        `fields`, `at`, `done_at`, `done_by` (both "" while it is to be done)."""

    async def work_item(self, work: str) -> Mapping[str, object] | None: ...

    async def set_work_done(self, work: str, by: str, at: str) -> bool:
        """Done by somebody, or not done after all (`by` and `at` ""). False when it was so already or is unknown."""

    async def wrap_up(self, wrap: WrapUp, call_id: str, flow: str) -> None:
        """Inserts or replaces; a None leaves what was said before."""

    async def wrap_ups(self, handoffs: Sequence[str]) -> Mapping[str, WrapUp]: ...

    async def add_note(self, note: Note, call_id: str, flow: str) -> None: ...

    async def notes(self, handoff: str) -> Sequence[Note]:
        """Oldest first."""

    # ---- who may look, and who looked ----

    async def note_access(self, access: Access) -> None:
        """Joins the hash chain of the flow's accesses."""

    async def accesses(
        self, flow: str | None = None, call_id: str | None = None, limit: int = 10_000
    ) -> Sequence[AccessLine]:
        """Oldest first."""

    async def verify_accesses(self, flow: str) -> Verdict: ...

    async def revoke(self, name: str, until: str) -> None:
        """A link's or a session's id that counts no more; kept until the ISO time `until`."""

    async def revoked(self, name: str) -> bool: ...

    async def save_desk_key(self, key: DeskKey) -> None: ...

    async def desk_keys(self, flow: str | None = None) -> Sequence[DeskKey]:
        """Revoked ones too."""

    async def revoke_desk_key(self, id: str) -> bool: ...

    # ---- the outbox ----

    async def save_parcel(self, parcel: Parcel) -> bool:
        """Inserts; False when a parcel of this id is there already (it is left as it is)."""

    async def update_parcel(self, parcel: Parcel) -> None:
        """Its `due`, `tries`, `state` and `error`."""

    async def due_parcels(
        self, now: str, limit: int = 100, not_by: Collection[str] = (), not_to: Collection[str] = ()
    ) -> Sequence[Parcel]:
        """Waiting ones due at the ISO time `now`, oldest first; of one call and address only the oldest waiting one,
        so that they arrive in order. Without those of the channels `not_by` and those to the addresses `not_to`."""

    async def next_due(self) -> str | None:
        """When the next waiting parcel is due; None when none waits."""

    async def parcels(
        self, flow: str | None = None, *, state: ParcelState | None = None, limit: int = 100
    ) -> Sequence[Parcel]:
        """Newest first."""

    async def count_parcels(self, state: ParcelState) -> int:
        """How many there are, of all flows; nothing is decrypted for it."""

    async def parcel(self, id: str) -> Parcel | None: ...

    # ---- retention ----

    async def blank_call(self, call_id: str, at: str) -> int:
        """Empties what was said in one call: bodies of its journal, its cards' and work's values, its notes, its
        parcels' data. A tombstone says when. Digests, kinds, times, rules and outcomes stay. Returns the lines
        emptied."""

    async def forget_call(self, call_id: str) -> None:
        """Removes the call and everything about it, its tombstone too."""

    async def calls_to_blank(self, flow: str, before: str, limit: int = 100) -> Sequence[str]:
        """Ended calls that started before `before` and still hold what was said, oldest first. One without an end that
        started a day before that counts as ended: no call lasts so long, a process died."""

    async def calls_to_forget(self, flow: str, before: str, limit: int = 100) -> Sequence[str]: ...

    async def forget_accesses(self, flow: str, before: str) -> int:
        """Empties who did what in accesses older than `before` (their digests stand); how many."""

    async def forget_revoked(self, now: str) -> None:
        """Drops what was revoked only until a time before `now`."""

    async def flows(self) -> Sequence[str]:
        """The keys of all flows that have a call or an access, of those too that are no longer served."""

    async def close(self) -> None: ...


class StaleWriter(Exception):
    """Somebody else has written this call's journal meanwhile."""


class CannotDecrypt(Exception):
    """A stored text cannot be read with the keys of this installation. Lists leave such rows out; `card`, `work_item`,
    `parcel` and `journal` raise this. The message holds nothing of the text."""


class Bus(Protocol):
    """What is live: news for pages, and first-come claims."""

    async def publish(self, topic: str, news: Mapping[str, object]) -> None: ...

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, object]]]:
        """At most 256 unread items a subscriber; on overflow the iterator yields `{"type": "reload"}` and ends. Waiting
        for the next item may be cancelled without losing it."""

    async def claim(self, name: str, seconds: float) -> bool:
        """True for the first who asks within `seconds`."""

    async def close(self) -> None: ...


class Outbox(Protocol):
    """Takes things to other people's systems, phones and mailboxes, and to our desks, however long it takes."""

    async def put(self, parcel: Parcel) -> None:
        """Kept first, then tried at once and again with growing pauses for 24 hours. Returns when it is kept."""

    async def ask(self, parcel: Parcel, seconds: float) -> str | None:
        """Like `put`, and the receiver's answer as text when it came 2xx within `seconds`; None otherwise (the parcel
        is then tried again like any other)."""

    async def retry(self, parcel: str) -> bool:
        """A dead parcel is tried again from the beginning; False when there is none of this id, or it is not dead."""

    async def close(self) -> None: ...
