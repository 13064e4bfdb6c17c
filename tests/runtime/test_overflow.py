"""More calls than one process may take, and a process that is about to stop: a person, if one is at work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowengine.call.documents import ConnectCaller, DialNumber, Document, HangUp
from flowengine.call.events import DialEnded
from flowengine.runtime.flowbook import Flowbook, read_flows
from flowengine.runtime.handles import MOST_CALLS, most_calls
from flowengine.runtime.live import UNKNOWN_NUMBER, LiveCalls
from flowengine.runtime.overflow import TOO_MANY
from flowengine.store import SqlStore
from tests.runtime.parties import answering
from tests.stored import stored

FLOW = str(Path(__file__).parents[2] / "flows" / "dental_office.yaml")
OFFICE, DANA, LUIS = "+13125550100", "+13125550111", "+13125550112"
MORNING, NIGHT = datetime(2026, 11, 10, 16, 15, tzinfo=UTC), datetime(2026, 11, 11, 5, 0, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with stored(tmp_path) as kept:
        yield kept


def calls(store: SqlStore, now: datetime = MORNING) -> LiveCalls:
    """One call at a time."""
    return LiveCalls(answering(store, now), Flowbook(read_flows(FLOW), {}), most=1)


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


@pytest.mark.parametrize(("handles", "most"), [(20_000, MOST_CALLS), (256, 24), (64, 1), (10, 1)])
def test_no_more_calls_than_there_are_file_handles_for(handles: int, most: int) -> None:
    """reliability.md F40."""
    assert most_calls(handles) == most


def test_this_process_may_take_some() -> None:
    assert 1 <= most_calls() <= MOST_CALLS


async def test_a_call_too_many_that_is_asked_about_again_is_not_cut_off(store: SqlStore) -> None:
    """The carrier repeats a question whose answer was late, and asks what follows when nobody picks up."""
    live = calls(store)
    live.draining = True
    first = await rings(live, "CA1")
    assert isinstance(first[1], DialNumber)
    assert await rings(live, "CA1") == first
    for ended, words in (("no_answer", HangUp(TOO_MANY)), ("completed", HangUp())):
        bridged = ended == "completed"
        question = DialEnded(0.0, "", ended, bridged)  # type: ignore[arg-type]
        assert await live.ask(first[0], lambda at, request, asked=question: asked) == words  # type: ignore[misc]


async def test_a_number_of_nobody_is_told_so_each_time(store: SqlStore) -> None:
    live = calls(store)
    told = [await live.arrive(ref="CA1", caller="", dialled="+13125550123", arrives_by="phone") for _ in range(2)]
    assert told[0] == told[1]
    assert told[0][1] == HangUp(UNKNOWN_NUMBER)
