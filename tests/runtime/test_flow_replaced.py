"""The flow file is replaced while a call runs: the call goes on by the file it began with (reliability.md F33)."""

from __future__ import annotations

from pathlib import Path

from flowengine.call.documents import ConnectCaller
from flowengine.call.events import CallerReturned
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.live import LiveCalls
from flowengine.store import SqlStore
from tests.runtime.parties import answering

FILE = Path(__file__).parents[2] / "flows" / "dental_office.yaml"
BEFORE = FILE.read_text("utf-8").partition("\ntests:")[0]
AFTER = BEFORE.replace("ring_for: 20s", "ring_for: 25s")


def process(store: SqlStore, text: str) -> LiveCalls:
    return LiveCalls(answering(store), Flowbook({str(FILE): text}, {}))


async def test_a_call_keeps_its_flow_when_the_next_process_has_another(tmp_path: Path) -> None:
    assert AFTER != BEFORE
    store = SqlStore(f"sqlite:///{tmp_path}/calls.db")
    await store.start()
    before = process(store, BEFORE)
    call_id, _ = await before.arrive(ref="CA1", caller="+13125550199", dialled="+13125550100", arrives_by="phone")
    version = before.sessions[call_id].flow.version
    await before.close(0.1)

    after = process(store, AFTER)
    document = await after.ask(call_id, lambda at, request: CallerReturned(at, request, 1))
    assert isinstance(document, ConnectCaller)
    assert after.sessions[call_id].flow.version == version
    other, _ = await after.arrive(ref="CA2", caller="+13125550188", dialled="+13125550100", arrives_by="phone")
    assert after.sessions[other].flow.version != version
    await after.close(0.1)
    await store.close()
