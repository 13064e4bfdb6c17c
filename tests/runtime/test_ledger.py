"""The ledger: an outage of the store leaves no hole in a journal, and a line is never written twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from flowengine.runtime import ledger
from flowengine.runtime.ledger import Ledger
from flowengine.runtime.rows import Entry, Verdict
from flowengine.store import SqlStore


class Troubled(SqlStore):
    """Down, or slower than a call waits."""

    down = False
    slow = 0.0

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        if self.down:
            raise OSError
        writing = asyncio.create_task(self._later(call_id, entries, self.slow))
        await asyncio.shield(writing)

    async def _later(self, call_id: str, entries: Sequence[Entry], seconds: float) -> None:
        await asyncio.sleep(seconds)
        await super().append(call_id, entries)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Troubled]:
    store = Troubled(f"sqlite:///{tmp_path}/calls.db")
    await store.start()
    yield store
    await store.close()


def line(number: int) -> tuple[str, str]:
    return "CallerSaid", f'{{"at":{number}.0,"text":"line {number}"}}'


async def kept(store: SqlStore) -> list[int]:
    entries = await store.journal("c1")
    assert [(entry.kind, entry.body) for entry in entries] == [line(entry.sequence) for entry in entries]
    return [entry.sequence for entry in entries]


async def test_lines_are_numbered_and_written_at_once(store: Troubled) -> None:
    writer = Ledger(store)
    await writer.write("c1", [line(1), line(2)])
    await writer.write("c1", [line(3)])
    assert writer.sequence == 3
    assert await kept(store) == [1, 2, 3]
    await Ledger(store, 3).write("c1", [line(4)])  # taken up by another process
    assert await kept(store) == [1, 2, 3, 4]


async def test_an_outage_leaves_no_hole(store: Troubled) -> None:
    writer = Ledger(store)
    await writer.write("c1", [line(1)])
    store.down = True
    await writer.write("c1", [line(2), line(3)])
    await writer.write("c1", [line(4)])
    assert await kept(store) == [1]
    store.down = False
    await writer.write("c1", [line(5)])
    assert await kept(store) == [1, 2, 3, 4, 5]
    assert await store.verify("c1") == Verdict(5)


async def test_a_line_that_arrived_after_all_is_not_written_twice(store: Troubled) -> None:
    """The call stopped waiting for it; the database did not."""
    writer = Ledger(store)
    store.slow = 5.0
    await writer.write("c1", [line(1), line(2)])
    assert await kept(store) == []
    store.slow = 0.0
    await asyncio.sleep(10)
    assert await kept(store) == [1, 2]
    await writer.write("c1", [line(3)])
    assert await kept(store) == [1, 2, 3]
    assert await writer.flush("c1", 1)


async def test_what_waits_at_the_end_is_still_written(store: Troubled) -> None:
    writer = Ledger(store)
    store.down = True
    await writer.write("c1", [line(1)])
    assert not await writer.flush("c1", 3)
    flushing = asyncio.create_task(writer.flush("c1", 60))
    await asyncio.sleep(2)
    store.down = False
    assert await flushing
    assert await kept(store) == [1]


async def test_a_call_that_another_process_has_taken_over_is_left_to_it(store: Troubled) -> None:
    writer = Ledger(store)
    await writer.write("c1", [line(1)])
    other = Entry(2, "EngineRestarted", '{"at":9.0}')
    await store.append("c1", [other])
    await writer.write("c1", [line(2)])
    assert writer.taken_over
    await writer.write("c1", [line(3)])
    assert await store.journal("c1") == [Entry(1, *line(1)), other]
    assert await writer.flush("c1", 1)


async def test_what_waits_has_a_bound(store: Troubled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST_WAITING", 3)
    writer = Ledger(store)
    store.down = True
    for number in range(1, 6):
        await writer.write("c1", [line(number)])
    store.down = False
    assert await writer.flush("c1", 1)
    assert await kept(store) == [3, 4, 5]
    verdict = await store.verify("c1")
    assert "lines 1 to 2 are missing" in verdict.why
