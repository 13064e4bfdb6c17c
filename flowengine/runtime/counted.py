"""Keeps the meters: each call once it is over, and how things stand whenever somebody reads them."""

from __future__ import annotations

import asyncio

import structlog

from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.measuring import Measurer
from flowengine.runtime.meters import Meters
from flowengine.runtime.ports import Clock, Store

log = structlog.get_logger("flowengine.meters")

MOST_WAITING = 1000  # calls that are over and not measured yet
STORE_SECONDS = 5.0


class Counted:
    """What `/metrics` says of this process. Measuring happens behind the calls, one after another."""

    def __init__(self, meters: Meters, measurer: Measurer, flows: Flowbook, store: Store, clock: Clock) -> None:
        self._meters, self._measurer, self._flows, self._store, self._clock = meters, measurer, flows, store, clock
        self._over: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._worker: asyncio.Task[None] | None = None

    def call_over(self, call_id: str) -> None:
        """Never waits; what a full queue cannot take is missing in the counters and said so."""
        try:
            self._over.put_nowait(call_id)
        except asyncio.QueueFull:
            log.warning("call_not_counted", call=call_id)
            return
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while not self._over.empty():
            call_id = self._over.get_nowait()
            try:
                call = await self._measurer.one(call_id, self._flows.flows)
            except Exception as mistake:
                log.warning("call_not_counted", call=call_id, error=type(mistake).__name__)
                continue
            if call is not None and (flow := self._flows.flows.get(call.flow)) is not None:
                self._meters.call_over(flow, call)

    async def page(self, *, running: int, ignored: int) -> bytes:
        """The text of the meters. A store that does not answer leaves the outbox's gauges as they were."""
        try:
            async with asyncio.timeout(STORE_SECONDS):
                waiting, dead = [await self._store.count_parcels(state) for state in ("waiting", "dead")]
            self._meters.parcels(waiting=waiting, dead=dead)
        except Exception as mistake:
            log.warning("parcels_not_counted", error=type(mistake).__name__)
        self._meters.backlog(self._store.backlog())
        self._meters.now(running=running, ignored=ignored)
        flows = list(self._flows.flows.values())
        looks = await asyncio.gather(*(self._measurer.alerts(flow, self._clock.now()) for flow in flows))
        for flow, look in zip(flows, looks, strict=True):
            self._meters.alerts(flow.key, look.raised)
        return self._meters.page()

    async def close(self) -> None:
        if self._worker is not None:
            await asyncio.wait([self._worker], timeout=STORE_SECONDS)
            self._worker.cancel()
        await self._measurer.close()
