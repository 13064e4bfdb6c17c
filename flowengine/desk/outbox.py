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
from flowengine.runtime.ports import Clock, Parcel, Store
from flowengine.runtime.senders import Failed, Sender, Taken

log = structlog.get_logger("flowengine.outbox")

TRIES = Counter(
    "flowengine_parcels", "Tries to deliver something outward, and what came of them", ["channel", "result"]
)

LEASE = 120.0  # seconds a parcel is kept from others while it is tried: longer than any try and its recording
TOGETHER = 16  # parcels tried at once …
TOGETHER_TO_ONE = 4  # … and to one host, so that a hanging one does not hold up the others
LOOKS = (100, 400, 1600)  # parcels looked at for one that may go; more only while all in front are held up
LONGEST_SLEEP = 30.0  # seconds; another process may have left something meanwhile, and wall clocks jump
SHORTEST_SLEEP = 1.0  # seconds, when something is due and may not go yet
STORE_SECONDS = 10.0  # the store may take for one answer
CLOSE_SECONDS = 8.0  # tries under way may take at the end

T = TypeVar("T")
Tried = Taken | Failed | None  # None: there was no try
Claim = Callable[[str, float], Awaitable[bool]]


class Outbox:
    """Implements `ports.Outbox` over the store's parcels.

    The promise is *at least once, with the same id*. Before a try its parcel's `due` is moved to the end of a lease;
    a process that dies in the middle leaves a parcel that becomes due again. `claim` (of the bus) decides between
    processes that wake for the same parcel. A parcel of a call waits until an earlier one to the same address is sent
    or dead; a question (`ask`) does not wait for others, because a caller waits for its answer.
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
        if parcel is None or parcel.state != "dead" or (parcel.channel == "webhook" and not parcel.data):
            return False
        due = self._now().isoformat()
        await self._ask_store(self._store.update_parcel(replace(parcel, state="waiting", tries=0, due=due, error="")))
        self._wake.set()
        return True

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
        """Begins what may go; the seconds until there is something to do again."""
        now = self._now()
        for many in LOOKS:
            due = await self._ask_store(self._store.due_parcels(now.isoformat(), many))
            going = [parcel for parcel in due if self._begin_if_room(parcel)]
            if going or len(due) < many:
                break
        return self._sleep(now, await self._ask_store(self._store.next_due()))

    def _begin_if_room(self, parcel: Parcel) -> bool:
        room = len(self._trying) < TOGETHER and self._hosts[_host(parcel)] < TOGETHER_TO_ONE
        if room and parcel.id not in self._trying:
            self._begin(parcel, self._lease_and_try(parcel))
            return True
        return False

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
        if isinstance(result, Taken):
            self._tell(parcel)
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
            which = {"parcel": parcel.id, "flow": parcel.flow, "kind": parcel.event, "channel": parcel.channel}
            log.warning("parcel_failed", **which, tries=after.tries, state=after.state, why=after.error)
        await again_and_again("parcel", lambda: self._ask_store(self._store.update_parcel(after)))
        return result

    # ---- helpers -----------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._clock.now().astimezone(UTC)

    async def _ask_store(self, question: Awaitable[T]) -> T:
        async with asyncio.timeout(STORE_SECONDS):
            return await question


def _host(parcel: Parcel) -> str:
    """Who is asked to take it: the host of a webhook; all texts share one carrier, all e-mails one server."""
    if parcel.channel != "webhook":
        return parcel.channel
    try:
        return urlsplit(parcel.address).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _after(now: datetime, seconds: float) -> str:
    return (now + timedelta(seconds=seconds)).isoformat()
