"""One party's connection: its state, its 20 ms, its callbacks. What it does is its program, a replaceable task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowengine.sandbox.carrier.media import MediaStream
from flowengine.sandbox.carrier.party import Line, Party, Turn
from flowengine.sandbox.carrier.player import Player, Source
from flowengine.sandbox.carrier.records import CallRecord
from flowengine.sandbox.carrier.sids import rfc2822
from flowengine.sandbox.carrier.tones import key_tone
from flowengine.sandbox.speech import FRAME, SILENCE

if TYPE_CHECKING:
    from flowengine.sandbox.carrier.exchange import Exchange
    from flowengine.sandbox.carrier.recorder import Recorder

__all__ = ["Leg", "Orders"]

_STATUS_OF = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}


@dataclass(frozen=True, slots=True)
class Orders:
    """What was ordered together with a leg: where its documents come from and who is told about it."""

    url: str = ""
    method: str = "POST"
    fallback_url: str = ""
    fallback_method: str = "POST"
    status_callback: str = ""
    status_method: str = "POST"
    status_events: tuple[str, ...] = ("completed",)
    time_limit: float = 14400.0
    more: tuple[tuple[str, str], ...] = ()  # parameters of its own on every webhook, such as SIP headers


@dataclass(eq=False)
class Leg:
    exchange: Exchange
    record: CallRecord
    party: Party
    ordinal: int
    orders: Orders = field(default_factory=Orders)
    parent: Leg | None = None
    sip: bool = False
    inbound: bool = False

    def __post_init__(self) -> None:
        self.player = Player()
        self.source: Source = self.player
        self.said = SILENCE
        self.streams: list[MediaStream] = []
        self.children: list[Leg] = []
        self.program: asyncio.Task[None] | None = None
        self.finished = asyncio.Event()
        self.answered = asyncio.Event()
        self.cause = ""  # why the program is being cancelled: "redirect", "hang-up" or "api"
        self.redirect_pending = False  # ordered by REST, not executed yet
        self.keys: asyncio.Queue[str] | None = None  # where a verb waits for keys
        self.recorder: Callable[[bytes], None] | None = None  # of `<Record>`
        self.recorders: list[Recorder] = []  # by REST
        self.sip_code = 200
        self.away = False  # a SIP caller who was referred elsewhere: nobody at this end any more
        self._line: Line | None = None
        self._heard = SILENCE
        self._deaf = False  # a machine that plays its greeting
        self._tone = b""  # what is left of a key's sound
        self._sequence = 0
        self._limit: asyncio.TimerHandle | None = None

    @property
    def sid(self) -> str:
        return self.record.sid

    @property
    def kind(self) -> str:
        """As faults call it."""
        return "caller" if self.inbound else "staff"

    @property
    def live(self) -> bool:
        return self._line is not None and not self.record.over

    # ---- its state

    def enter(self, status: str) -> None:
        """Before the answer: initiated, ringing."""
        if not self.record.over:
            self.record.status = status
            self.record.updated = self.exchange.now()
            if not self.inbound:
                self.tell(status)

    def answer(self) -> None:
        if self._line is not None or self.record.over:
            return
        self.record.status, self.record.answered_at = "in-progress", self.exchange.loop.time()
        self.record.began = self.record.updated = self.exchange.now()
        self._line = self.party.pick_up(
            self.ordinal << 8, lambda audio: self.exchange.faults.tampered(audio, self.kind, "in")
        )
        self._limit = self.exchange.loop.call_later(self.orders.time_limit, self.end, "completed")
        self.answered.set()
        self.exchange.wake()
        if not self.inbound:
            self.tell("answered")

    def end(self, status: str, sip_code: int = 200, cause: str = "hang-up") -> None:
        """Over, once and for all; everything that hangs on this leg goes with it."""
        if self.record.over:
            return
        self.record.status, self.record.ended_at = status, self.exchange.loop.time()
        self.record.ended = self.record.updated = self.exchange.now()
        self.sip_code, self.cause = sip_code, cause
        if self._limit is not None:
            self._limit.cancel()
        for stream in self.streams:
            stream.stop()
        if self.program is not None and self.program is not asyncio.current_task():
            self.program.cancel()
        for child in list(self.children):
            child.end("completed" if child.answered.is_set() else "canceled", 200 if child.answered.is_set() else 487)
        self.tell("completed")
        self.finished.set()

    def set_limit(self, seconds: float) -> None:
        """`TimeLimit`, counted from the answer."""
        began = self.record.answered_at if self.record.answered_at is not None else self.exchange.loop.time()
        if self._limit is not None:
            self._limit.cancel()
        self._limit = self.exchange.loop.call_at(began + seconds, self.end, "completed")

    def run(self, program: Coroutine[Any, Any, None], cause: str = "redirect") -> None:
        """Replace what the leg is doing; the old program has let go of everything before the new one begins."""
        old = self.program
        self.cause = cause if old is not None else ""

        async def replaced() -> None:
            if old is not None:
                old.cancel()
                await asyncio.wait([old])
            self.cause, self.redirect_pending = "", False
            await program

        self.program = self.exchange.spawn(replaced() if old else program)
        self.program.add_done_callback(lambda _: program.close())

    # ---- its 20 ms

    def speak(self) -> Turn:
        """What the party does after what it heard last."""
        assert self._line is not None
        turn = Turn() if self.away else self._line.turn(self._heard, self.source.joined)
        self.said, self._deaf = turn.audio, turn.deaf
        if turn.keys and self.exchange.behaviour.inband_tones:
            self._tone = key_tone(turn.keys[0])
        if self._tone:
            self.said, self._tone = self._tone[:FRAME], self._tone[FRAME:]
        return turn

    def listen(self) -> None:
        """What the carrier plays to the party, and what everybody who copies this leg gets of these 20 ms."""
        self._heard = heard = self.source.frame()
        self.record.heard_audio += heard
        if self._deaf:
            self.record.kept_from = len(self.record.heard_audio)
        self.record.spoken_audio += self.said
        for stream in self.streams:
            stream.push(self.said, heard)
        if self.recorder is not None:
            self.recorder(self.said)
        for recorder in self.recorders:
            recorder.take(self.said, heard)

    def press(self, key: str) -> None:
        if self.exchange.faults.loses_key(key):
            return
        self.record.keys.append((self.exchange.loop.time(), key))
        for stream in self.streams:
            stream.key(key)
        if self.keys is not None:
            self.keys.put_nowait(key)

    @contextmanager
    def hearing(self, source: Source) -> Iterator[None]:
        """Connects the party's ear to `source` for a while."""
        before, self.source = self.source, source
        try:
            yield
        finally:
            if self.source is source:
                self.source = before

    @contextmanager
    def listening_for_keys(self) -> Iterator[asyncio.Queue[str]]:
        before, self.keys = self.keys, asyncio.Queue()
        try:
            yield self.keys
        finally:
            self.keys = before

    # ---- what it tells (twilio.md 1.1, 1.3)

    def parameters(self) -> list[tuple[str, str]]:
        """The standard parameters of every webhook about this leg."""
        record = self.record
        pairs = [
            ("AccountSid", self.exchange.account_sid),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", record.sid),
            ("CallStatus", record.status),
            ("Called", record.to),
            ("Caller", record.from_),
            ("Direction", record.direction),
            ("From", record.from_),
            ("To", record.to),
            *_geography("From", "Caller", record.from_),
            *_geography("To", "Called", record.to),
        ]
        if self.parent is not None:
            pairs.append(("ParentCallSid", self.parent.sid))
        return [*pairs, *self.orders.more]

    def tell(self, event: str) -> None:
        """A progress callback, if it was ordered."""
        sequence, self._sequence = self._sequence, self._sequence + 1
        orders = self.orders
        if not orders.status_callback or event not in orders.status_events:
            return
        status = _STATUS_OF.get(event, self.record.status)
        pairs = [(k, status if k == "CallStatus" else v) for k, v in self.parameters()]
        pairs += [
            ("Timestamp", rfc2822(self.exchange.now()) or ""),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(sequence)),
        ]
        if event == "completed":
            pairs += self._ending()
        self.exchange.callbacks.send(self.sid, orders.status_method, orders.status_callback, pairs, self.sid)

    def _ending(self) -> list[tuple[str, str]]:
        seconds = self.record.duration
        pairs = [("CallDuration", str(seconds)), ("SipResponseCode", str(self.sip_code))]
        if self.record.direction == "outbound-api" or self.inbound:
            pairs.append(("Duration", str(-(-seconds // 60))))
        return pairs


def _geography(one: str, other: str, address: str) -> list[tuple[str, str]]:
    """City, state, post code and country, for numbers that have them."""
    if not address.startswith("+1"):
        return []
    place = {"City": "SPRINGFIELD", "State": "IL", "Zip": "62701", "Country": "US"}
    return [(f"{prefix}{name}", value) for prefix in (one, other) for name, value in place.items()]
