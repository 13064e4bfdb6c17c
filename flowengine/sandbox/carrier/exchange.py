"""The switch in the middle: legs and rooms, the 20 ms tick, the order in which calls are placed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowengine.sandbox.carrier.behaviour import Behaviour
from flowengine.sandbox.carrier.callbacks import Callbacks
from flowengine.sandbox.carrier.conference import Room
from flowengine.sandbox.carrier.faults import Faults
from flowengine.sandbox.carrier.leg import Leg, Orders
from flowengine.sandbox.carrier.media import MediaStream, StreamInfo
from flowengine.sandbox.carrier.party import Party
from flowengine.sandbox.carrier.records import CallRecord, Message, Recording, Referral, Warning
from flowengine.sandbox.carrier.sids import Sids, rfc2822
from flowengine.sandbox.carrier.staff import nobody
from flowengine.sandbox.carrier.webhooks import Form, Router, Webhooks, sign

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FRAME_SECONDS", "Exchange", "Number"]

FRAME_SECONDS = 0.02
RINGS_LONGER = 5.0  # seconds the carrier adds to every ring timeout (twilio.md 4.1)


@dataclass(frozen=True, slots=True)
class Number:
    """One of the account's own numbers."""

    number: str
    voice_url: str
    method: str = "POST"
    fallback_url: str = ""
    status_callback: str = ""


class Exchange:
    """All state of the emulated carrier. Runs on the loop it was opened in."""

    def __init__(
        self,
        *,
        account_sid: str,
        token: str,
        now: Callable[[], datetime],
        routes: Mapping[str, str],
        behaviour: Behaviour,
        faults: Faults,
        seed: int,
        run: str,
    ) -> None:
        self.account_sid, self.token, self.now = account_sid, token, now
        self.behaviour, self.faults = behaviour, faults
        self.sids = Sids(seed, run)
        self.router = Router(routes)
        self.webhooks = Webhooks(token, self.router, faults, behaviour.webhook_seconds)
        self.callbacks = Callbacks(self.webhooks, behaviour, self.warn, self.spawn, seed)
        self.api_url = ""
        self.numbers: dict[str, Number] = {}
        self.phones: dict[str, Party] = {}
        self.legs: dict[str, Leg] = {}
        self.rooms: list[Room] = []  # all there ever were; a name may come again
        self.streams: dict[str, MediaStream] = {}
        self.recordings: dict[str, Recording] = {}
        self.deleted: list[str] = []  # recordings that were
        self.messages: dict[str, Message] = {}  # texts sent, in their order
        self.referrals: list[Referral] = []
        self.warnings: list[Warning] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._crashes: list[BaseException] = []
        self._busy = asyncio.Event()
        self._next_slot = 0.0
        self._utterances = 0
        self._spent: set[str] = set()  # call tokens that will not be taken again

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    # ---- tasks

    async def open(self) -> None:
        await self.webhooks.open()
        self._ticker = asyncio.create_task(self._tick_for_ever())

    async def close(self) -> None:
        for leg in self.legs.values():
            leg.orders = Orders()  # nobody is told any more
            leg.end("completed")
        await asyncio.sleep(0)
        for task in [*self._tasks, self._ticker]:
            task.cancel()
        await asyncio.gather(*self._tasks, self._ticker, return_exceptions=True)
        await self.webhooks.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of the carrier's own; if it crashes, `check` says so."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (crash := task.exception()) is not None:
            self._crashes.append(crash)

    def check(self) -> None:
        """Raises what one of the carrier's own tasks died of: a mistake of this emulator, not of the application."""
        if self._crashes:
            raise self._crashes.pop(0)

    async def settle(self) -> None:
        """Until no leg is alive and nothing is on its way."""
        while any(not leg.record.over for leg in self.legs.values()) or self._tasks:
            self.check()
            await asyncio.sleep(FRAME_SECONDS)
        self.check()

    def warn(self, code: int, call_sid: str, text: str) -> None:
        self.warnings.append(Warning(code, call_sid, text, self.loop.time()))

    def utterance(self) -> int:
        """A number for the next thing the carrier's voice says."""
        self._utterances += 1
        return self._utterances

    # ---- the tick

    def wake(self) -> None:
        self._busy.set()

    async def _tick_for_ever(self) -> None:
        """50 times a second against absolute deadlines, while anybody is on the phone."""
        while True:
            await self._busy.wait()
            deadline = self.loop.time()
            while self._busy.is_set():
                deadline += FRAME_SECONDS
                await asyncio.sleep(max(0.0, deadline - self.loop.time()))
                try:
                    self._tick()
                except Exception as crash:  # a mistake of this emulator: nobody is left waiting for the next tick
                    self._crashes.append(crash)
                    for leg in self.legs.values():
                        leg.end("failed", 500)

    def _tick(self) -> None:
        """Everybody speaks, the rooms mix, everybody listens; then keys and hang-ups take effect."""
        live = [leg for leg in self.legs.values() if leg.live]
        turns = [(leg, leg.speak()) for leg in live]
        for room in self.rooms:
            if room.members:
                room.advance()
        for leg in live:
            leg.listen()
        for leg, turn in turns:
            for key in turn.keys:
                leg.press(key)
            if turn.hangs_up:
                leg.record.hung_up = not leg.record.over
                leg.end("completed")
        if not live:
            self._busy.clear()

    # ---- legs

    def new_leg(
        self,
        *,
        direction: str,
        from_: str,
        to: str,
        party: Party | None = None,
        orders: Orders | None = None,
        parent: Leg | None = None,
        sip: bool = False,
    ) -> Leg:
        record = CallRecord(
            sid=self.sids.new("CA"),
            parent_sid=parent.sid if parent else None,
            direction=direction,
            from_=from_,
            to=to,
            started_at=self.loop.time(),
            created=self.now(),
            updated=self.now(),
        )
        leg = Leg(
            self,
            record,
            party or self.phones.get(to) or nobody(),
            len(self.legs) + 1,
            orders or Orders(),
            parent,
            sip,
            direction == "inbound",
        )
        self.legs[leg.sid] = leg
        if parent is not None:
            parent.children.append(leg)
        return leg

    def reserve(self) -> float:
        """Seconds until the next call ordered by REST may be placed (twilio.md 4.4)."""
        now = self.loop.time()
        slot = max(now, self._next_slot)
        self._next_slot = slot + 1.0 / self.behaviour.calls_per_second
        return slot - now

    async def ring(self, leg: Leg, seconds: float, queued: float = 0.0) -> bool:
        """Dial and let it ring for `seconds` and the five the carrier adds. Whether somebody picked up."""
        await asyncio.sleep(queued)
        pickup = leg.party.pickup
        leg.enter("initiated")
        await asyncio.sleep(self.behaviour.dial_seconds)
        if pickup.outcome == "busy":
            leg.end("busy", 486)
        elif pickup.outcome == "fails":
            leg.end("failed", 404)
        if leg.record.over:
            return False
        leg.enter("ringing")
        rings = seconds + RINGS_LONGER
        answered = pickup.outcome == "answers" and pickup.after < rings
        await asyncio.sleep(pickup.after if answered else rings)
        if answered:
            leg.answer()
        else:
            leg.end("no-answer", 487)
        return answered and not leg.record.over

    def takes_token(self, token: str, shown: str) -> bool:
        """Whether `token` came with a call from `shown` that is still there."""
        legs = (leg for leg in self.legs.values() if ("CallToken", token) in leg.orders.more)
        leg = next(legs, None)
        good = leg is not None and not leg.record.over and leg.record.from_ == shown and token not in self._spent
        if good and self.behaviour.call_token_once:
            self._spent.add(token)
        return good

    # ---- rooms and streams

    def room(self, name: str) -> Room:
        """The conference of this name, or a new one if there is none that has not ended."""
        for room in self.rooms:
            if room.name == name and room.status != "completed":
                return room
        room = Room(
            self.sids.new("CF"), name, self.account_sid, self.now(), self._tell_of_room, self.now,
            self.behaviour.wait_music_resumes,
        )  # fmt: skip
        self.rooms.append(room)
        return room

    def _tell_of_room(self, room: Room, pairs: list[tuple[str, str]]) -> None:
        call_sid = dict(pairs).get("CallSid", "")
        stamped = [*pairs, ("Timestamp", rfc2822(self.now()) or "")]
        self.callbacks.send(room.sid, room.callback_method, room.callback, stamped, call_sid)

    def open_stream(self, leg: Leg, info: StreamInfo, callback: tuple[str, str] = ("", "POST")) -> MediaStream:
        """Begin to open a stream; it lives until it is stopped, our server closes it, or the leg is over."""
        stream = MediaStream(
            info,
            {"X-Twilio-Signature": sign(self.token, info.url)},
            self.router.socket(info.url),
            self.behaviour,
            self.faults,
            lambda code, text: self.warn(code, leg.sid, text),
            leg.kind,
        )
        leg.streams.append(stream)
        self.streams[info.sid] = stream
        stream.task = self.spawn(stream.run())
        if callback[0]:
            self.spawn(self._tell_of_stream(stream, *callback))
        return stream

    async def _tell_of_stream(self, stream: MediaStream, url: str, method: str) -> None:
        """`stream-started`, then `stream-stopped` or `stream-error`."""
        waits = [asyncio.ensure_future(event.wait()) for event in (stream.started, stream.over)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if stream.started.is_set():
            self._stream_event(stream, url, method, "stream-started")
        await waits[1]
        waits[0].cancel()
        self._stream_event(stream, url, method, "stream-error" if stream.error else "stream-stopped")

    def _stream_event(self, stream: MediaStream, url: str, method: str, event: str) -> None:
        info = stream.info
        pairs: list[tuple[str, str]] = [
            ("AccountSid", info.account_sid),
            ("CallSid", info.call_sid),
            ("StreamSid", info.sid),
            ("StreamName", info.name or info.sid),
            ("StreamEvent", event),
            ("Timestamp", self.now().isoformat().replace("+00:00", "Z")),
        ]
        error: Form = [("StreamError", stream.error)] if event == "stream-error" else []
        self.callbacks.send(info.sid, method, url, [*pairs, *error], info.call_sid)
