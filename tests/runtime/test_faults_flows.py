"""Flow files are replaced by broken ones while calls run (reliability.md F32, F33): what runs goes on."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from flowengine.call.documents import ConnectCaller
from flowengine.call.events import CallerReturned
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.runtime.flowbook import Flowbook, read_flows
from flowengine.runtime.live import LiveCalls
from flowengine.store import SqlStore
from tests.runtime.parties import answering
from tests.stored import stored

EXAMPLES = Path(__file__).parents[2] / "flows" / "examples"
CLINIC = "+14145550140"
FLOW, SHARED = Path("clinic_north.yaml"), Path("shared", "clinic_people.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clinic's file, and the file it shares with another clinic."""
    (tmp_path / SHARED).parent.mkdir()
    for file in (FLOW, SHARED):
        shutil.copy(EXAMPLES / file, tmp_path / file)
    return tmp_path


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[SqlStore]:
    async with stored(folder) as kept:
        yield kept


def flows(folder: Path) -> Flowbook:
    return Flowbook(read_flows(str(folder / FLOW)), {})


def process(store: SqlStore, book: Flowbook) -> LiveCalls:
    return LiveCalls(answering(store), book)


async def begun(live: LiveCalls, ref: str) -> str:
    call_id, document = await live.arrive(ref=ref, caller="+14145550199", dialled=CLINIC, arrives_by="phone")
    assert document == ConnectCaller(1)
    return call_id


async def goes_on(live: LiveCalls, call_id: str) -> None:
    """Its stream broke, and whoever held it is gone."""
    document = await live.ask(call_id, lambda at, request: CallerReturned(at, request, 1))
    assert isinstance(document, ConnectCaller)


async def test_broken_files_change_nothing_for_a_process_that_serves_already(folder: Path, store: SqlStore) -> None:
    book = flows(folder)
    live = process(store, book)
    call_id = await begun(live, "CA1")
    version = live.sessions[call_id].flow.version
    await live.close(0.1)
    for file in (FLOW, SHARED):
        (folder / file).write_text("people: [", "utf-8")
    with pytest.raises(FlowInvalid):
        flows(folder)

    live = process(store, book)
    await goes_on(live, call_id)
    assert live.sessions[call_id].flow.version == version
    assert live.sessions[await begun(live, "CA2")].flow.version == version
    await live.close(0.1)


async def test_a_call_whose_flow_cannot_be_had_any_more_goes_on_by_the_one_that_is_served(
    folder: Path, store: SqlStore
) -> None:
    """The next process has a new file, and the shared one lacks somebody the old file names."""
    live = process(store, flows(folder))
    call_id = await begun(live, "CA1")
    await live.close(0.1)
    for file in (FLOW, SHARED):
        text = (folder / file).read_text("utf-8")
        (folder / file).write_text(text.replace("north_nurses", "nurses_of_the_north"), "utf-8")

    live = process(store, flows(folder))
    with capture_logs() as told:
        await goes_on(live, call_id)
    assert "flow_not_as_begun" in [line["event"] for line in told]
    await live.close(0.1)
