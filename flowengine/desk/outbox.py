"""Takes parcels to other people's systems, phones and mailboxes: kept first, tried at once, and again for a day."""

from __future__ import annotations

import asyncio
import random
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from prometheus_client import Counter

from flowengine.desk.schedule import MOST_TRIES, after_try, moment
from flowengine.runtime.lane import again_and_again
from flowengine.runtime.ports import Clock, Store
from flowengine.runtime.rows import Parcel
from flowengine.runtime.senders import Arrived, Failed, Sender, Taken

log = structlog.get_logger("flowengine.outbox")

TRIES = Counter(
    "flowengine_parcels", "Tries to deliver something outward, and what came of them", ["channel", "result"]
)

LEASE = 120.0  # seconds a parcel is kept from others while it is tried: longer than any try and its recording
TOGETHER = 16  # parcels tried at once outside …
TOGETHER_TO_ONE = 4  # … and to one host, so that a hanging one does not hold up the others …
TOGETHER_TO_FAILING = 1  # … and to one whose last try failed
LOOK = 32  # parcels read at once …
MOST_LOOKS = 50  # … and how often, each time without those to places where there is no room
OUTSIDE = ("webhook", "sms", "email")
LONGEST_SLEEP = 30.0  # seconds; another process may have left something meanwhile, and wall clocks jump
SHORTEST_SLEEP = 1.0  # seconds, when something is due and may not go yet
STORE_SECONDS = 10.0  # the store may take for one answer
CLOSE_SECONDS = 8.0  # tries under way may take at the end

_WITHOUT_DATA = ("sms", "email")  # letters are made without looking at it

T = TypeVar("T")
Tried = Taken | Failed | None  # None: there was no try
Claim = Callable[[str, float], Awaitable[bool]]


class Outbox:
    """Implements `ports.Outbox` over the store's parcels.

    The promise is *at least once, with the same id*. Before a try its parcel's `due` is moved to the end of a lease;
    a process that dies in the middle leaves a parcel that becomes due again. `claim` (of the bus) decides between
    processes that wake for the same parcel. A parcel of a call waits until an earlier one to the same address is sent
    or dead; a question (`ask`) does not wait for others, because a caller waits for its answer. What goes to a desk of
    this house is on its way like the rest, and waits for nothing outside.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        senders: Mapping[str, Sender],
        *,
        claim: Claim,
        delivered: Callable[[Parcel], None] = lambda parcel: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`senders` by channel. `delivered` is told of each success, at once. `chance` gives 0 to 1."""
        self._store, self._clock, self._senders = store, clock, senders
        self._claim, self._delivered, self._chance = claim, delivered, chance
        self._wake = asyncio.Event()
        self._trying: dict[str, asyncio.Task[Tried]] = {}
        self._hosts: Tally[str] = Tally()
        self._failing: set[str] = set()  # hosts whose last try failed
        self._worker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to deliver: what is put from now on, and what an earlier process left."""
        self._worker = asyncio.create_task(self._work())

    async def put(self, parcel: Parcel) -> None:
        now = self._now().isoformat()
        await self._ask_store(self._store.save_parcel(replace(parcel, made=parcel.made or now, due=parcel.due or now)))
        self._wake.set()

    async def ask(self, parcel: Parcel, seconds: float) -> str | None:
        """A try that outlasts `seconds` goes on without us: to break it off would mean to ask the same again."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        now = self._now()
        mine = replace(parcel, made=parcel.made or now.isoformat(), due=_after(now, LEASE), tries=1)
        if not await self._ask_store(self._store.save_parcel(mine)):
            return None  # it is on its way already
        task = self._begin(mine, self._try(mine))
        await asyncio.wait({task}, timeout=until - loop.time())
        result = task.result() if task.done() and not task.cancelled() else None
        return result.answer if isinstance(result, Taken) else None

    async def retry(self, parcel_id: str) -> bool:
        """A dead parcel is tried again, by hand. False when it is unknown, not dead, or retention has emptied it."""
        parcel = await self._ask_store(self._store.parcel(parcel_id))
        if parcel is None or parcel.state != "dead" or not (parcel.data or parcel.channel in _WITHOUT_DATA):
            return False
        due = self._now().isoformat()
        await self._ask_store(self._store.update_parcel(replace(parcel, state="waiting", tries=0, due=due, error="")))
        self._wake.set()
        return True

    async def report(self, parcel_id: str, word: Arrived | Failed) -> None:
        """Later word of a letter that was taken: it comes late, twice or in any order. What has arrived stays so, and a
        failure is of one that was thought to be on its way. A try that is not recorded yet is waited for.
        """
        if (task := self._trying.get(parcel_id)) is not None:
            await asyncio.wait({task}, timeout=STORE_SECONDS)
        parcel = await self._ask_store(self._store.parcel(parcel_id))
        if parcel is None:
            return
        match word:
            case Arrived() if parcel.state != "arrived":
                after = replace(parcel, state="arrived", error="")
            case Failed(why) if parcel.state == "sent":
                after = replace(parcel, state="dead", error=why)
                self._note_failure(after)
            case _:
                return
        TRIES.labels(parcel.channel, after.state).inc()
        await self._ask_store(self._store.update_parcel(after))

    async def close(self) -> None:
        """Waits a moment for what is under way; the rest is picked up by the next process."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        tasks = set(self._trying.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for sender in self._senders.values():
            await sender.close()

    # ---- which parcels go now ----------------------------------------------------------------------------------------

    async def _work(self) -> None:
        trouble = 0
        while True:
            self._wake.clear()
            try:
                pause = await self._round()
                trouble = 0
            except Exception as mistake:  # a store that fails for a while must not end deliveries for good
                log.error("outbox_waits_for_store", error=type(mistake).__name__)
                pause, trouble = min(SHORTEST_SLEEP * 2**trouble, LONGEST_SLEEP), min(trouble + 1, 10)
                await asyncio.sleep(pause)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _round(self) -> float:
        """Begins what may go; the seconds until there is something to do again. Ten thousand parcels that wait for one
        address are not read to find the one behind them.
        """
        now = self._now()
        not_by, not_to = set(() if self._is_room_outside() else OUTSIDE), set[str]()
        for _ in range(MOST_LOOKS):
            due = await self._ask_store(self._store.due_parcels(now.isoformat(), LOOK, not_by, not_to))
            for parcel in due:
                if not self._begin_if_room(parcel):
                    not_to.add(parcel.address) if parcel.channel == "webhook" else not_by.add(parcel.channel)
            if len(due) < LOOK:
                break
        return self._sleep(now, await self._ask_store(self._store.next_due()))

    def _begin_if_room(self, parcel: Parcel) -> bool:
        host = _host(parcel)
        room = self._hosts[host] < (TOGETHER_TO_FAILING if host in self._failing else TOGETHER_TO_ONE)
        if room and (self._is_room_outside() or parcel.channel not in OUTSIDE) and parcel.id not in self._trying:
            self._begin(parcel, self._lease_and_try(parcel))
            return True
        return False

    def _is_room_outside(self) -> bool:
        return len(self._trying) < TOGETHER

    def _begin(self, parcel: Parcel, work: Coroutine[Any, Any, Tried]) -> asyncio.Task[Tried]:
        host = _host(parcel)
        self._hosts[host] += 1
        task = asyncio.create_task(work)
        self._trying[parcel.id] = task

        def over(done: asyncio.Task[Tried]) -> None:
            self._trying.pop(parcel.id, None)
            self._hosts.subtract([host])
            if not self._hosts[host]:
                del self._hosts[host]
            if not done.cancelled() and (mistake := done.exception()):
                log.error("parcel_not_recorded", parcel=parcel.id, error=type(mistake).__name__)
            self._wake.set()

        task.add_done_callback(over)
        return task

    @staticmethod
    def _sleep(now: datetime, due: str | None) -> float:
        if due is None:
            return LONGEST_SLEEP
        seconds = (moment(due, now) - now).total_seconds()
        return min(max(seconds, SHORTEST_SLEEP if seconds <= 0 else 0.0), LONGEST_SLEEP)

    # ---- one try -----------------------------------------------------------------------------------------------------

    async def _lease_and_try(self, parcel: Parcel) -> Taken | Failed | None:
        """Without a lease that is kept there is no try: it could be repeated without end and nobody would know."""
        if parcel.tries >= MOST_TRIES:  # the process ended in the middle of the last one
            return await self._record(parcel, Failed("the last try was interrupted"))
        leased = replace(parcel, tries=parcel.tries + 1, due=_after(self._now(), LEASE))
        try:
            mine = await self._claim(f"parcel:{parcel.id}:{parcel.due}", LEASE)
            if mine:
                await self._ask_store(self._store.update_parcel(leased))
        except Exception as mistake:
            log.error("parcel_not_leased", parcel=parcel.id, error=type(mistake).__name__)
            mine = False
        if not mine:
            await asyncio.sleep(SHORTEST_SLEEP)  # holding its place: store and bus are not asked again at once
            return None
        return await self._try(leased)

    async def _try(self, parcel: Parcel) -> Taken | Failed:
        result = await self._send(parcel)
        match result:
            case Taken():
                self._failing.discard(_host(parcel))
                self._tell(parcel)
            case Failed(final=False):
                self._failing.add(_host(parcel))
        return await self._record(parcel, result)

    async def _send(self, parcel: Parcel) -> Taken | Failed:
        sender = self._senders.get(parcel.channel)
        if sender is None:
            return Failed(f"this installation has no channel for {parcel.channel}", final=True)
        try:
            async with asyncio.timeout(LEASE / 2):
                return await sender.send(parcel)
        except Exception as mistake:  # a sender must not raise; if it does, the other parcels still go
            log.error("sender_failed", parcel=parcel.id, channel=parcel.channel, error=type(mistake).__name__)
            return Failed(f"could not be sent ({type(mistake).__name__})")

    def _tell(self, parcel: Parcel) -> None:
        try:
            self._delivered(parcel)
        except Exception as mistake:
            log.error("delivery_not_told", parcel=parcel.id, error=type(mistake).__name__)

    async def _record(self, parcel: Parcel, result: Taken | Failed) -> Taken | Failed:
        """Tried for a quarter of a minute; then the lease ends some day and the receiver sees the same id again."""
        after = after_try(parcel, result, self._now(), self._chance())
        TRIES.labels(parcel.channel, "again" if after.state == "waiting" else after.state).inc()
        if isinstance(result, Failed):
            self._note_failure(after)
        await again_and_again("parcel", lambda: self._ask_store(self._store.update_parcel(after)))
        return result

    @staticmethod
    def _note_failure(after: Parcel) -> None:
        which = {"parcel": after.id, "flow": after.flow, "kind": after.event, "channel": after.channel}
        log.warning("parcel_failed", **which, tries=after.tries, state=after.state, why=after.error)

    # ---- helpers -----------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._clock.now().astimezone(UTC)

    async def _ask_store(self, question: Awaitable[T]) -> T:
        async with asyncio.timeout(STORE_SECONDS):
            return await question


def _host(parcel: Parcel) -> str:
    """Who is asked to take it: the host of a webhook; all texts share one carrier, all e-mails one server, all work one
    desk."""
    if parcel.channel != "webhook":
        return parcel.channel
    try:
        return urlsplit(parcel.address).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _after(now: datetime, seconds: float) -> str:
    return (now + timedelta(seconds=seconds)).isoformat()
