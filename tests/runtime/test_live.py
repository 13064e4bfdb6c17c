"""How a call begins: what the engine finds out about a caller before it answers, and how long it takes for that."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from flowengine.bus.memory import MemoryBus
from flowengine.call.commands import ConnectCaller
from flowengine.call.journal import decode
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.live import LiveCalls
from flowengine.runtime.session import Ports
from flowengine.store import SqlStore

FLOWS = Path(__file__).parents[2] / "flows"
RULE = "  - {rule: called_again, known_caller: called before, to: front_desk}\n"
CALLER, OFFICE = "+13125550199", "+13125550100"


class Asked(SqlStore):
    """A store that counts how often it is asked for earlier calls."""

    times = 0

    async def called_before(self, flow: str, caller: str, call_id: str) -> bool:
        self.times += 1
        return await super().called_before(flow, caller, call_id)


class Slow(SqlStore):
    async def called_before(self, flow: str, caller: str, call_id: str) -> bool:
        await asyncio.sleep(60)
        return True


class Broken(SqlStore):
    async def called_before(self, flow: str, caller: str, call_id: str) -> bool:
        raise OSError("disk")


def book(rule: str = "") -> Flowbook:
    text = (FLOWS / "dental_office.yaml").read_text("utf-8").partition("\ntests:")[0]
    changed = text.replace("  - rule: billing_dispute\n", f"{rule}  - rule: billing_dispute\n", 1)
    return Flowbook({str(FLOWS / "dental_office.yaml"): changed}, {})


def calls(store: SqlStore, flows: Flowbook) -> LiveCalls:
    """Answers calls; nothing of the rest of the world is needed for that."""
    none = cast(Any, None)
    clock = LoopClock(lambda: datetime(2026, 11, 10, 16, 15, tzinfo=UTC))
    ports = Ports(clock, none, none, none, store, MemoryBus(), none, none, lambda flow, music: b"", none)
    return LiveCalls(ports, flows)


async def known(live: LiveCalls, store: SqlStore, ref: str, caller: str = CALLER) -> bool:
    """Whether the call that begins is one of a number that called before."""
    call_id, document = await live.arrive(ref=ref, caller=caller, dialled=OFFICE, arrives_by="phone")
    assert document == ConnectCaller(1)
    (arrival, *_) = await store.journal(call_id)
    return bool(decode(arrival.kind, arrival.body).called_before)  # type: ignore[union-attr]


async def opened(kind: type[SqlStore], folder: Path) -> SqlStore:
    store = kind(f"sqlite:///{folder}/calls.db")
    await store.start()
    return store


async def test_the_second_call_of_a_number_is_one_that_called_before(tmp_path: Path) -> None:
    store = await opened(Asked, tmp_path)
    live = calls(store, book(RULE))
    assert [await known(live, store, ref) for ref in ("CA1", "CA2")] == [False, True]
    assert not await known(live, store, "CA3", "+13125550188")
    assert not await known(live, store, "CA4", "")
    assert not await known(live, store, "CA5", "")
    await live.close(0.1)
    await store.close()


@pytest.mark.parametrize("kind", [Slow, Broken])
async def test_a_store_that_does_not_answer_keeps_no_caller_waiting(kind: type[SqlStore], tmp_path: Path) -> None:
    store = await opened(kind, tmp_path)
    live = calls(store, book(RULE))
    began = asyncio.get_running_loop().time()
    assert not await known(live, store, "CA1")
    assert asyncio.get_running_loop().time() - began < 2.0
    await live.close(0.1)
    await store.close()
