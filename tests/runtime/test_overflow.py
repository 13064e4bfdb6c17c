"""More calls than one process may take, and a process that is about to stop: a person, if one is at work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from flowengine.bus.memory import MemoryBus
from flowengine.call.commands import ConnectCaller, DialNumber, Document, HangUp
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.flowbook import Flowbook, read_flows
from flowengine.runtime.live import LiveCalls
from flowengine.runtime.overflow import MOST_CALLS, TOO_MANY, most_calls
from flowengine.runtime.session import Ports
from flowengine.store import SqlStore

FLOW = str(Path(__file__).parents[2] / "flows" / "dental_office.yaml")
OFFICE, DANA, LUIS = "+13125550100", "+13125550111", "+13125550112"
MORNING, NIGHT = datetime(2026, 11, 10, 16, 15, tzinfo=UTC), datetime(2026, 11, 11, 5, 0, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    kept = SqlStore(f"sqlite:///{tmp_path}/calls.db")
    await kept.start()
    yield kept
    await kept.close()


def calls(store: SqlStore, now: datetime = MORNING) -> LiveCalls:
    """One call at a time."""
    none = cast(Any, None)
    ports = Ports(
        LoopClock(lambda: now), none, none, none, store, MemoryBus(), none, none, lambda flow, music: b"", none
    )
    return LiveCalls(ports, Flowbook(read_flows(FLOW), {}), most=1)


async def rings(live: LiveCalls, ref: str, caller: str = "+13125550199") -> tuple[str, Document]:
    return await live.arrive(ref=ref, caller=caller, dialled=OFFICE, arrives_by="phone")


async def test_a_call_too_many_is_dialled_straight_to_who_is_at_work(store: SqlStore) -> None:
    live = calls(store)
    assert (await rings(live, "CA1"))[1] == ConnectCaller(1)
    call_id, document = await rings(live, "CA2")
    assert isinstance(document, DialNumber)
    assert (document.address, document.caller_id, document.leg) == (DANA, OFFICE, f"{call_id}-staff-1")
    row = await store.call(call_id)
    assert row is not None
    assert row.outcome == "failed"
    assert len(live.sessions) == 1
    await live.close(0.1)


async def test_nobody_is_dialled_who_is_calling(store: SqlStore) -> None:
    live = calls(store)
    live.draining = True
    _, document = await rings(live, "CA1", DANA)
    assert isinstance(document, DialNumber)
    assert document.address == LUIS


async def test_at_night_the_caller_is_told(store: SqlStore) -> None:
    live = calls(store, NIGHT)
    live.draining = True
    assert (await rings(live, "CA1"))[1] == HangUp(TOO_MANY)


@pytest.mark.parametrize(("handles", "most"), [(20_000, MOST_CALLS), (256, 32), (64, 1), (10, 1)])
def test_no_more_calls_than_there_are_file_handles_for(handles: int, most: int) -> None:
    """reliability.md F40."""
    assert most_calls(handles) == most


def test_this_process_may_take_some() -> None:
    assert 1 <= most_calls() <= MOST_CALLS
