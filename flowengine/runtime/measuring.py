"""Reads what calls came to out of the store and measures them, without keeping a live call waiting."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import structlog

from flowengine.call.journal import decode
from flowengine.call.measures import CallMeasures, judged, measure, unmeasured
from flowengine.call.metrics import Value, alerts, begins, figures
from flowengine.flow.compiler import compile_kept
from flowengine.flow.figures import AGAIN_SECONDS, ALERT_DAYS
from flowengine.flow.model import Flow
from flowengine.runtime.ports import Store
from flowengine.runtime.rows import CallRow, Entry

log = structlog.get_logger("flowengine.measuring")

MOST_CALLS = 20_000  # of a period, the newest
MOST_KEPT = 20_000  # measures of ended calls; a call that is over does not change any more
MOST_FLOWS = 64  # compiled versions
WRAPS_AT_ONCE = 500  # hand-offs asked for in one query
MOST_REST = 0.05  # seconds of rest after a journal was read
LOOK_SECONDS = 60.0  # how old an alert may be
PATIENCE = 0.5  # seconds a page waits for a new one


@dataclass(frozen=True, slots=True)
class Alerts:
    """The figures of the last 7 days of the office's calendar, and of each limit whether it is passed."""

    figures: Mapping[str, Value]
    raised: Mapping[str, bool]


@dataclass(slots=True)
class _Look:
    """The last look at one flow's limits, and the one that is going on."""

    found: Alerts = Alerts({}, {})
    at: datetime | None = None
    running: asyncio.Task[None] | None = None


class Measurer:
    """Measures the ended calls of a store. A journal is read once; what staff say of it is asked each time."""

    def __init__(self, store: Store, secret_key: str) -> None:
        self._store, self._key = store, secret_key.encode()
        self._kept: OrderedDict[str, CallMeasures] = OrderedDict()
        self._flows: OrderedDict[tuple[str, str], Flow | None] = OrderedDict()
        self._reading = asyncio.Lock()  # one journal at a time: live calls come first
        self._looks: dict[str, _Look] = {}

    async def calls(self, flow: str, since: datetime, served: Flow | None = None) -> Sequence[CallMeasures]:
        """The ended calls of a flow that began since then, and those of the week before (for first-call resolution).
        `served` is the flow as it is now: needed where its text names shared files, which a journal does not hold."""
        from_ = since - timedelta(seconds=AGAIN_SECONDS)
        rows = await self._store.calls(flow, MOST_CALLS, since=from_.isoformat())
        measured = [await self._measured(row, served) for row in rows if row.outcome is not None]
        return await self._with_wraps(measured)

    # ---- alerts ------------------------------------------------------------------------------------------------------

    async def alerts(self, flow: Flow, now: datetime, *, patience: float | None = PATIENCE) -> Alerts:
        """The limits of a flow that are looked at, and how they stand: at most a minute old. Waits `patience` seconds
        for new ones, then says what was known last, so that a page is never held up by arithmetic."""
        if not flow.alert_when:
            return Alerts({}, {})
        look = self._looks.setdefault(flow.key, _Look())
        if look.running is None and (look.at is None or abs((now - look.at).total_seconds()) >= LOOK_SECONDS):
            look.running = asyncio.create_task(self._look(flow, now, look))
        if look.running is not None:
            await asyncio.wait([look.running], timeout=patience)
        return look.found

    async def _look(self, flow: Flow, now: datetime, look: _Look) -> None:
        try:
            since = begins(now, ALERT_DAYS, ZoneInfo(flow.office.timezone))
            found = figures(await self.calls(flow.key, since, flow), since, now)
            look.found, look.at = Alerts(found, alerts(flow.alert_when, found)), now
        except Exception as mistake:  # whatever a store's library raises: what was known last stands until it works
            log.warning("alerts_not_looked_at", flow=flow.key, error=type(mistake).__name__)
        finally:
            look.running = None

    async def close(self) -> None:
        """Ends what is being looked at."""
        running = [look.running for look in self._looks.values() if look.running is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # ---- reading -----------------------------------------------------------------------------------------------------

    async def one(self, call_id: str, served: Mapping[str, Flow] = MappingProxyType({})) -> CallMeasures | None:
        """One call that is over, as its journal tells it; None while it is not, or is unknown. `served` are the flows
        as they are now, by key."""
        row = await self._store.call(call_id)
        return await self._measured(row, served.get(row.flow)) if row is not None and row.outcome is not None else None

    def _keep(self, call_id: str, measured: CallMeasures) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.popitem(last=False)
        self._kept[call_id] = measured

    async def _measured(self, row: CallRow, served: Flow | None) -> CallMeasures:
        if (known := self._kept.get(row.call_id)) is not None:
            return known
        loop = asyncio.get_running_loop()
        async with self._reading:
            entries, began = await self._store.journal(row.call_id), loop.time()
            measured = await asyncio.to_thread(self._read, row, entries, served)
            await asyncio.sleep(min(MOST_REST, loop.time() - began))  # half of a core at most: callers are talking
        self._keep(row.call_id, measured)
        return measured

    def _read(self, row: CallRow, entries: Sequence[Entry], served: Flow | None) -> CallMeasures:
        flow = served if served is not None and served.version == row.flow_version else self._flow(row)
        whole = bool(entries) and not any(entry.blanked for entry in entries)  # without words no rule fires again
        try:
            if flow is not None and whole:
                events = [decode(entry.kind, entry.body) for entry in entries if entry.kind != "Commands"]
                return measure(flow, events, key=self._key)
        except Exception as mistake:  # a journal that today's core cannot follow must not take the others along
            log.warning("call_not_measured", call=row.call_id, error=type(mistake).__name__)
        return unmeasured(row.call_id, row.flow, row.started, row.outcome or "")

    def _flow(self, row: CallRow) -> Flow | None:
        """The flow the call was begun with; None when today's compiler refuses it."""
        version = (row.flow, row.flow_version)
        if version not in self._flows:
            if len(self._flows) >= MOST_FLOWS:
                self._flows.popitem(last=False)
            self._flows[version] = compile_kept(row.flow_source, row.flow)
        return self._flows[version]

    async def _with_wraps(self, calls: Sequence[CallMeasures]) -> Sequence[CallMeasures]:
        ids = [handover.id for call in calls for handover in call.handovers]
        said: dict[str, tuple[bool | None, bool | None]] = {}
        for start in range(0, len(ids), WRAPS_AT_ONCE):
            found = await self._store.wrap_ups(ids[start : start + WRAPS_AT_ONCE])
            said |= {id_: (wrap.resolved, wrap.needed_person) for id_, wrap in found.items()}
        return [judged(call, said) for call in calls]


_OF_STORE: WeakKeyDictionary[Store, Measurer] = WeakKeyDictionary()


def measurer(store: Store, secret_key: str) -> Measurer:
    """The one of a store: pages and meters share what was read."""
    return _OF_STORE.setdefault(store, Measurer(store, secret_key))
