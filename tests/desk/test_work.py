"""Work for a desk goes through the outbox: on the list at once, once, in order, and never lost without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from flowengine.bus.memory import MemoryBus
from flowengine.desk.outbox import Outbox
from flowengine.desk.schedule import PAUSES
from flowengine.desk.work import DeskWork
from flowengine.runtime.ports import Store
from flowengine.runtime.rows import Parcel
from tests.stored import stored

from .house import FLOW, START
from .parcels import Shelf, fast, parcel, pinned

FIELDS = {"caller_name": "Maria Lopez", "reason": "crown"}


def work(id: str = "c1-w1", **fields: str) -> Parcel:
    data = {"kind": "message", "fields": fields or FIELDS}
    return parcel(id, event="work.added", channel="desk", address="front_desk", data=data)


class Desk(Shelf):
    """Keeps work too; while `full`, its list cannot be written."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.work: list[str] = []

    async def save_work(self, name: str, *rest: object) -> None:
        if self.full:
            raise OSError("the disk is full")
        self.work.append(name)


@asynccontextmanager
async def handing_in(store: Any, *, started: bool = True) -> AsyncIterator[tuple[Outbox, MemoryBus]]:
    bus = MemoryBus()
    outbox = Outbox(store, pinned(), {"desk": DeskWork(store, bus)}, claim=bus.claim, chance=lambda: 0.0)
    if started:
        await outbox.start()
    try:
        yield outbox, bus
    finally:
        await outbox.close()
        await bus.close()


async def listed(store: Store, many: int) -> list[Mapping[str, object]]:
    async with asyncio.timeout(600):
        while len(await store.work(FLOW)) < many:  # noqa: ASYNC110  # as a page would look
            await asyncio.sleep(0.01)
    return [*await store.work(FLOW)]


async def test_it_is_on_the_list_and_on_every_screen_at_once(tmp_path: Path) -> None:
    async with stored(tmp_path) as store, handing_in(store) as (outbox, bus), bus.subscribe(f"office:{FLOW}") as news:
        began = asyncio.get_running_loop().time()
        await outbox.put(work())
        told = await anext(news)
        assert asyncio.get_running_loop().time() - began < 1.0
        (item,) = await listed(store, 1)
    assert item["fields"] == FIELDS
    assert {"type": "work", "work": {**item, "fields": FIELDS}} == {**told, "work": {**told["work"], "flow": FLOW}}  # type: ignore[dict-item]  # news of work


async def test_handed_in_again_it_is_there_once_and_what_was_done_stays_done(tmp_path: Path) -> None:
    async with stored(tmp_path) as store, handing_in(store) as (outbox, _):
        await outbox.put(work())
        await listed(store, 1)
        await store.set_work_done("c1-w1", "Dana", START.isoformat())
        await outbox.put(work())
        sender = DeskWork(store, MemoryBus())
        await sender.send(work())  # a try that was not recorded
        (item,) = await listed(store, 1)
    assert (item["done_by"], item["fields"]) == ("Dana", FIELDS)


async def test_what_a_lost_process_had_kept_is_handed_in_by_the_next_in_order(tmp_path: Path) -> None:
    async with stored(tmp_path) as store:
        async with handing_in(store, started=False) as (outbox, _):
            for n in range(1, 6):
                await outbox.put(work(f"c1-w{n}"))
        assert await store.work(FLOW) == []
        async with handing_in(store):
            found = await listed(store, 5)
    assert [item["work"] for item in found] == [f"c1-w{n}" for n in range(5, 0, -1)], "the newest first"


async def test_a_list_that_cannot_be_written_is_tried_for_a_day_and_then_seen_as_a_dead_letter() -> None:
    desk = Desk()
    desk.full = True
    async with handing_in(desk) as (outbox, _):
        fast(300_000.0)
        await outbox.put(work())
        await asyncio.sleep(sum(PAUSES) + 600)
        dead = desk.kept["c1-w1"]
        assert (dead.state, dead.error) == ("dead", "given up after 8 tries: the list of work could not be written")
        desk.full = False
        assert await outbox.retry("c1-w1")
        await asyncio.sleep(60)
    assert (desk.kept["c1-w1"].state, desk.work) == ("sent", ["c1-w1"])
