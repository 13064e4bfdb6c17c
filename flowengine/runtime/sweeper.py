"""Lets nothing that was said be kept longer than its flow says: empties calls, forgets old ones, deletes recordings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from flowengine.call.events import MessageRecorded, RecordingEnded, RecordingStarted
from flowengine.call.journal import BadJournal, decode
from flowengine.flow.model import Flow, Privacy
from flowengine.runtime.ports import CannotDecrypt, Clock, Store
from flowengine.runtime.rows import Entry

log = structlog.get_logger("flowengine.sweeper")

EVERY_SECONDS = 3600.0
BATCH = 100  # calls asked for at a time
MOST_CALLS = 5000  # of one flow in one sweep; the rest comes an hour later
CALL_SECONDS = 60.0  # one call's share, its recordings included
RECORDING_SECONDS = 20.0
_RECORDED = ("MessageRecorded", "RecordingStarted", "RecordingEnded")

# By its address or its name at the carrier; True when it is gone, also when it was before.
DeleteRecording = Callable[[str], Awaitable[bool]]
Due = Callable[[str, str, int], Awaitable[Sequence[str]]]


@dataclass(slots=True)
class Swept:
    """What one sweep did. `left` are calls that must wait for the next one: a recording could not be deleted."""

    blanked: int = 0
    forgotten: int = 0
    left: set[str] = field(default_factory=set)


class Sweeper:
    """`flows` are those served now, by key; calls of others are kept as long as a flow that says nothing keeps them."""

    def __init__(
        self, store: Store, clock: Clock, flows: Mapping[str, Flow], delete_recording: DeleteRecording | None = None
    ) -> None:
        self._store, self._clock, self._flows = store, clock, flows
        self._delete_recording = delete_recording

    async def run(self, every: float = EVERY_SECONDS) -> None:
        """Until cancelled: once at the start, then every so many seconds."""
        while True:
            await self.sweep()
            await asyncio.sleep(every)

    async def sweep(self) -> Swept:
        """All flows once. Never raises: what failed is tried again by the next sweep."""
        swept = Swept()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                keys = sorted({*self._flows, *await self._store.flows()})
                await self._store.forget_revoked(self._clock.now().isoformat())
        except Exception as mistake:
            log.error("sweep_failed", error=type(mistake).__name__)
            return swept
        for key in keys:
            await self._sweep_flow(key, swept)
        log.info("swept", blanked=swept.blanked, forgotten=swept.forgotten, left=len(swept.left))
        return swept

    async def _sweep_flow(self, key: str, swept: Swept) -> None:
        privacy = self._flows[key].privacy if key in self._flows else Privacy()
        now = self._clock.now()
        try:
            await self._each(
                key, _before(now, privacy.keep_transcripts), self._store.calls_to_blank, self._blank, swept
            )
            outdated = _before(now, privacy.keep_audit_log)
            await self._each(key, outdated, self._store.calls_to_forget, self._forget, swept)
            async with asyncio.timeout(CALL_SECONDS):
                await self._store.forget_accesses(key, outdated)
        except Exception as mistake:
            log.error("sweep_of_flow_failed", flow=key, error=type(mistake).__name__)

    async def _each(
        self, key: str, before: str, due: Due, act: Callable[[str, Swept], Awaitable[None]], swept: Swept
    ) -> None:
        """Calls that are left do not stand in the way of those behind them."""
        done: set[str] = set()
        while len(done) < MOST_CALLS:
            async with asyncio.timeout(CALL_SECONDS):
                calls = await due(key, before, BATCH + len(swept.left))
            fresh = [call for call in calls if call not in swept.left and call not in done]
            if not fresh:
                return
            for call in fresh:
                done.add(call)
                await self._one(call, act, swept)

    async def _one(self, call_id: str, act: Callable[[str, Swept], Awaitable[None]], swept: Swept) -> None:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                if await self._recordings_gone(call_id):
                    await act(call_id, swept)
                else:
                    swept.left.add(call_id)
        except Exception as mistake:
            swept.left.add(call_id)
            log.error("sweep_of_call_failed", call=call_id, error=type(mistake).__name__)

    async def _blank(self, call_id: str, swept: Swept) -> None:
        await self._store.blank_call(call_id, self._clock.now().isoformat())
        swept.blanked += 1

    async def _forget(self, call_id: str, swept: Swept) -> None:
        await self._store.forget_call(call_id)
        swept.forgotten += 1

    # ---- recordings --------------------------------------------------------------------------------------------------

    async def _recordings_gone(self, call_id: str) -> bool:
        """Before the lines that name them are emptied: afterwards nobody knows where they are."""
        if self._delete_recording is None:
            return True
        try:
            addresses = _recordings(await self._store.journal(call_id))
        except CannotDecrypt:
            log.error("recordings_unknown", call=call_id, why="the journal cannot be decrypted")
            return False
        gone = [await self._gone(self._delete_recording, call_id, address) for address in addresses]
        return all(gone)

    async def _gone(self, delete: DeleteRecording, call_id: str, address: str) -> bool:
        try:
            async with asyncio.timeout(RECORDING_SECONDS):
                gone = await delete(address)
        except Exception as mistake:
            log.error("recording_not_deleted", call=call_id, error=type(mistake).__name__)
            return False
        if not gone:
            log.error("recording_not_deleted", call=call_id, error="refused")
        return gone


def _before(now: datetime, keep: float) -> str:
    """The moment before which a call has been kept for `keep` seconds; a flow may keep longer than the calendar goes
    back."""
    try:
        return (now - timedelta(seconds=keep)).isoformat()
    except OverflowError:
        return ""


def _recordings(entries: Sequence[Entry]) -> list[str]:
    """Addresses; the name alone of one that began and of which no more was heard: its callback may have been lost."""
    found, begun = [], dict[str, None]()
    for entry in entries:
        if entry.kind not in _RECORDED:
            continue
        try:
            event = decode(entry.kind, entry.body)
        except BadJournal:
            continue
        match event:
            case RecordingStarted(_, ref):
                begun[ref] = None
            case MessageRecorded(url=url) | RecordingEnded(url=url) if url:
                found.append(url)
        if isinstance(event, RecordingEnded):
            begun.pop(event.ref, None)
    return list(dict.fromkeys([*found, *begun]))
