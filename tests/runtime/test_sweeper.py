"""The sweeper: words and recordings go when the flow says so, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet

from flowengine.call.events import CallerSaid, Event, MessageRecorded, RecordingEnded, RecordingStarted
from flowengine.call.journal import encode
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow, Privacy
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.rows import Access, CallRow, Entry
from flowengine.runtime.sweeper import BATCH, Sweeper
from flowengine.store import SqlStore, open_store
from tests.stored import stored

BEGAN = datetime(2026, 11, 10, 16, 15, tzinfo=UTC)
DAY = timedelta(days=1)
OFFICE = compile_flow(Path("flows/dental_office.yaml").read_text("utf-8"), "flows/dental_office.yaml")
KEPT = replace(OFFICE, privacy=Privacy(keep_transcripts=2 * 86400.0, keep_audit_log=10 * 86400.0))
VOICEMAIL = "https://api.example/Recordings/RE1"
RECORDING = "https://api.example/Recordings/RE2"


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with stored(tmp_path) as store:
        yield store


class Carrier:
    """Deletes recordings, unless it has trouble."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.trouble: set[str] = set()

    async def delete(self, url: str) -> bool:
        if "slow" in self.trouble:
            await asyncio.sleep(3600)
        if "broken" in self.trouble:
            raise ConnectionError(url)
        if url in self.trouble:
            return False
        self.deleted.append(url)
        return True


def sweeper(store: SqlStore, after: timedelta, carrier: Carrier | None = None, flow: Flow = KEPT) -> Sweeper:
    clock = LoopClock(lambda: BEGAN + after)
    return Sweeper(store, clock, {flow.key: flow}, carrier.delete if carrier else None)


async def call(store: SqlStore, call_id: str, *more: Event, flow: str = KEPT.key) -> None:
    await store.open_call(CallRow(call_id, call_id, flow, "v", "", BEGAN.isoformat(), None))
    events = [CallerSaid(1.0, "My crown fell out"), *more]
    await store.append(call_id, [Entry(number, *encode(event)) for number, event in enumerate(events, 1)])
    await store.close_call(call_id, "connected")


async def said(store: SqlStore, call_id: str) -> bool:
    return any("crown" in entry.body for entry in await store.journal(call_id))


async def test_words_go_after_their_time_and_the_call_after_its_own(store: SqlStore) -> None:
    await call(store, "c1")
    await store.note_access(Access(KEPT.key, BEGAN.isoformat(), "Dana", "list opened"))
    await sweeper(store, 2 * DAY).sweep()
    assert await said(store, "c1")
    swept = await sweeper(store, 2 * DAY + timedelta(seconds=1)).sweep()
    assert (swept.blanked, swept.forgotten) == (1, 0)
    assert not await said(store, "c1")
    swept = await sweeper(store, 3 * DAY).sweep()
    assert (swept.blanked, swept.forgotten) == (0, 0)  # once is enough
    assert (await store.accesses())[0].access.who == "Dana"
    swept = await sweeper(store, 11 * DAY).sweep()
    assert (swept.blanked, swept.forgotten) == (0, 1)
    assert await store.call("c1") is None
    assert (await store.accesses())[0].access.who == ""


async def test_more_calls_than_a_batch(store: SqlStore) -> None:
    for number in range(BATCH + 5):
        await call(store, f"c{number}")
    assert (await sweeper(store, 3 * DAY).sweep()).blanked == BATCH + 5


async def test_calls_of_no_flow_and_of_one_that_is_served_no_more(store: SqlStore) -> None:
    for flow in ("", "closed_office"):
        await call(store, f"of {flow}", flow=flow)
    assert (await sweeper(store, 29 * DAY).sweep()).blanked == 0
    assert (await sweeper(store, 31 * DAY).sweep()).blanked == 2
    assert (await sweeper(store, 2200 * DAY).sweep()).forgotten == 2


async def test_a_flow_that_keeps_for_ever(store: SqlStore) -> None:
    forever = replace(OFFICE, privacy=Privacy(keep_transcripts=1e12, keep_audit_log=1e12))
    await call(store, "c1")
    swept = await sweeper(store, 3000 * DAY, flow=forever).sweep()
    assert (swept.blanked, swept.forgotten, swept.left) == (0, 0, set())


async def test_recordings_are_deleted_before_nobody_knows_them_any_more(store: SqlStore) -> None:
    carrier = Carrier()
    ended = RecordingEnded(3.0, "RE2", RECORDING, 60.0)
    await call(store, "c1", MessageRecorded(2.0, "q1", VOICEMAIL, 9.0), ended, replace(ended, ref="RE3", url=""))
    await sweeper(store, 3 * DAY, carrier).sweep()
    assert carrier.deleted == [VOICEMAIL, RECORDING]
    await sweeper(store, 11 * DAY, carrier).sweep()
    assert carrier.deleted == [VOICEMAIL, RECORDING]


async def test_a_recording_whose_end_was_never_told_is_deleted_by_its_name(store: SqlStore) -> None:
    carrier = Carrier()
    begun = [RecordingStarted(2.0, name) for name in ("RE1", "RE2", "RE3")]
    await call(store, "c1", *begun, RecordingEnded(3.0, "RE2", RECORDING, 60.0), RecordingEnded(3.0, "RE3", ""))
    await sweeper(store, 3 * DAY, carrier).sweep()
    assert carrier.deleted == [RECORDING, "RE1"]


@pytest.mark.parametrize("trouble", ["slow", "broken", RECORDING])
async def test_a_recording_that_cannot_be_deleted_is_tried_again(store: SqlStore, trouble: str) -> None:
    carrier = Carrier()
    carrier.trouble.add(trouble)
    await call(store, "c1", RecordingEnded(3.0, "RE2", RECORDING, 60.0))
    await call(store, "c2")
    swept = await sweeper(store, 3 * DAY, carrier).sweep()
    assert (swept.blanked, swept.left) == (1, {"c1"})
    assert not await said(store, "c2")
    assert await said(store, "c1")
    carrier.trouble.clear()
    assert (await sweeper(store, 3 * DAY, carrier).sweep()).blanked == 1
    assert carrier.deleted == [RECORDING]


async def test_many_stuck_calls_do_not_stand_in_the_way(store: SqlStore) -> None:
    carrier = Carrier()
    carrier.trouble.add(RECORDING)
    for number in range(BATCH + 3):
        await call(store, f"stuck{number}", RecordingEnded(3.0, "RE2", RECORDING, 60.0))
    await call(store, "behind")
    swept = await sweeper(store, 3 * DAY, carrier).sweep()
    assert (swept.blanked, len(swept.left)) == (1, BATCH + 3)
    assert not await said(store, "behind")


async def test_recordings_of_a_journal_nobody_can_read_are_not_lost(store: SqlStore, tmp_path: Path) -> None:
    """A key that was set wrongly for a day must not cost the addresses of recordings."""
    sealed = open_store(f"sqlite:///{tmp_path}/calls.db", encryption_key=Fernet.generate_key().decode())
    await call(sealed, "c1", RecordingEnded(3.0, "RE2", RECORDING, 60.0))
    carrier = Carrier()
    assert (await sweeper(store, 3 * DAY, carrier).sweep()).left == {"c1"}
    await sweeper(sealed, 3 * DAY, carrier).sweep()
    assert carrier.deleted == [RECORDING]
    await sealed.close()


class Failing(SqlStore):
    """Has trouble with one call, or with everything."""

    everything = False

    async def blank_call(self, call_id: str, at: str) -> int:
        if call_id == "bad":
            raise OSError(call_id)
        return await super().blank_call(call_id, at)

    async def flows(self) -> list[str]:
        if self.everything:
            raise OSError
        return list(await super().flows())


async def test_a_store_in_trouble_stops_no_sweep(tmp_path: Path) -> None:
    store = Failing(f"sqlite:///{tmp_path}/calls.db")
    await store.start()
    for call_id in ("bad", "good"):
        await call(store, call_id)
    swept = await sweeper(store, 3 * DAY).sweep()
    assert (swept.blanked, swept.left) == (1, {"bad"})
    store.everything = True
    assert (await sweeper(store, 3 * DAY).sweep()).blanked == 0
    await store.close()


async def test_it_sweeps_at_the_start_and_then_every_hour(store: SqlStore) -> None:
    days, swept = 3, asyncio.Event()

    class Watched(Sweeper):
        async def sweep(self) -> object:  # type: ignore[override]
            done = await super().sweep()
            swept.set()
            return done

    await call(store, "c1")
    running = asyncio.create_task(
        Watched(store, LoopClock(lambda: BEGAN + days * DAY), {KEPT.key: KEPT}).run(every=5.0)
    )
    async with asyncio.timeout(600):
        await swept.wait()
        assert not await said(store, "c1")
        days = 11
        swept.clear()
        await swept.wait()
    assert await store.call("c1") is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
