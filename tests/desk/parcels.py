"""Parcels, a shelf in memory that keeps them as the store does, and receivers that can be told what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from flowengine.bus.memory import MemoryBus
from flowengine.desk.outbox import Outbox
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.ports import Clock
from flowengine.runtime.rows import Parcel, ParcelState
from flowengine.runtime.senders import Failed, Sender, Taken
from flowengine.sandbox.clock import PacedLoop, PinnedClock
from flowengine.sandbox.receiver import Receiver

from .house import FLOW, START

CRM = "https://crm.example.com/hooks"
DOWN = Failed("answered 503")


def parcel(id: str = "c1-d1", **changes: Any) -> Parcel:
    base = Parcel(id, id.partition("-")[0], FLOW, "handoff.decided", "webhook", CRM, {"headline": "crown fell out"})
    return replace(base, **changes)


class Shelf:
    """The parcels' part of `ports.Store`, in memory. While `broken`, it cannot be asked."""

    def __init__(self) -> None:
        self.kept: dict[str, Parcel] = {}
        self.broken = False
        self.asked = 0

    async def save_parcel(self, parcel: Parcel) -> bool:
        self._ask()
        return self.kept.setdefault(parcel.id, parcel) is parcel

    async def update_parcel(self, parcel: Parcel) -> None:
        self._ask()
        kept = self.kept[parcel.id]
        self.kept[parcel.id] = replace(kept, due=parcel.due, tries=parcel.tries, state=parcel.state, error=parcel.error)

    async def due_parcels(
        self, now: str, limit: int = 100, not_by: Collection[str] = (), not_to: Collection[str] = ()
    ) -> Sequence[Parcel]:
        self._ask()
        wanted = (p for p in self._heads() if p.channel not in not_by and p.address not in not_to)
        return sorted((p for p in wanted if p.due <= now), key=lambda p: p.due)[:limit]

    async def next_due(self) -> str | None:
        self._ask()
        return min((p.due for p in self._heads()), default=None)

    async def parcels(
        self, flow: str | None = None, *, state: ParcelState | None = None, limit: int = 100
    ) -> Sequence[Parcel]:
        self._ask()
        return [p for p in reversed(self.kept.values()) if state in (None, p.state)][:limit]

    async def parcel(self, id: str) -> Parcel | None:
        self._ask()
        return self.kept.get(id)

    def _heads(self) -> list[Parcel]:
        """The oldest waiting one of each call and address."""
        heads: dict[tuple[str, str], Parcel] = {}
        for each in self.kept.values():
            if each.state == "waiting":
                heads.setdefault((each.call_id, each.address), each)
        return list(heads.values())

    def _ask(self) -> None:
        self.asked += 1
        if self.broken:
            raise OSError("the disk is full")


@dataclass
class Hand:
    """A `senders.Sender` that does what it is told: `answers(parcel, nth)` for the nth try of a parcel, from 1."""

    answers: Callable[[Parcel, int], Taken | Failed] = lambda parcel, nth: Taken()
    seconds: Callable[[Parcel], float] = lambda parcel: 0.1
    tries: list[tuple[float, str]] = field(default_factory=list)  # loop time, parcel id
    at_once: dict[str, int] = field(default_factory=dict)  # by address: the most tries that ran together
    closed: bool = False
    _running: dict[str, int] = field(default_factory=dict)

    async def send(self, parcel: Parcel) -> Taken | Failed:
        self.tries.append((asyncio.get_running_loop().time(), parcel.id))
        running = self._running[parcel.address] = self._running.get(parcel.address, 0) + 1
        self.at_once[parcel.address] = max(running, self.at_once.get(parcel.address, 0))
        try:
            await asyncio.sleep(self.seconds(parcel))
            return self.answers(parcel, self.times(parcel.id))
        finally:
            self._running[parcel.address] -= 1

    def times(self, id: str) -> int:
        return sum(tried == id for _, tried in self.tries)

    async def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def receiving(**given: Any) -> AsyncIterator[Receiver]:
    """Somebody's system on a real socket."""
    receiver = Receiver(**given)
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()


@dataclass
class Post:
    """An outbox with what is around it."""

    outbox: Outbox
    store: Any
    hand: Hand
    clock: Clock
    delivered: list[Parcel]

    async def until(self, met: Callable[[], Any], seconds: float = 60.0) -> None:
        """Looks now and then until it is so."""
        async with asyncio.timeout(seconds):
            while not met():  # noqa: ASYNC110  # a look from outside, as the desk would
                await asyncio.sleep(seconds / 1000)

    def state(self, id: str = "c1-d1") -> str:
        return str(self.store.kept[id].state)


def fast(speed: float) -> None:
    """Virtual time: nothing here waits for anything but timers."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PacedLoop)
    loop.set_speed(speed)


def pinned() -> Clock:
    return LoopClock(PinnedClock(asyncio.get_running_loop(), START))


@asynccontextmanager
async def posting(
    hand: Hand | None = None,
    store: Any = None,
    *,
    bus: MemoryBus | None = None,
    chance: float = 0.0,
    started: bool = True,
    channels: Sequence[str] = ("webhook",),
    told: Callable[[Parcel], None] = lambda parcel: None,
) -> AsyncIterator[Post]:
    """`chance` is how much of the jitter there is: 0 none, 1 all. `told` hears of deliveries beside `delivered`."""
    hand, store, clock, delivered = hand or Hand(), store or Shelf(), pinned(), list[Parcel]()

    def tell(parcel: Parcel) -> None:
        delivered.append(parcel)
        told(parcel)

    senders: dict[str, Sender] = dict.fromkeys(channels, hand)
    claim = (bus or MemoryBus()).claim
    outbox = Outbox(store, clock, senders, claim=claim, delivered=tell, chance=lambda: chance)
    if started:
        await outbox.start()
    try:
        yield Post(outbox, store, hand, clock, delivered)
    finally:
        await outbox.close()
