"""A process that stands still loses its calls to another; when it goes on it orders nothing (reliability.md F30)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from flowengine.bus.memory import MemoryBus
from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.journal import encode
from flowengine.runtime.phrasebook import Phrasebook
from flowengine.runtime.rows import Entry
from flowengine.runtime.session import Ports, Session
from tests.call.story import Story
from tests.runtime.parties import Agents, Carrier, Transcriber
from tests.runtime.test_audio import Speaker

STOPPED = 40.0  # seconds


class Clock:
    """Goes with the loop, and on while the process stands still."""

    later = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 10, 16, 15, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.later


class Journal:
    """A store in memory. Behind the next lines the process stands still, and another may write some of its own."""

    def __init__(self, clock: Clock, others: bool, away: bool) -> None:
        self.entries: list[Entry] = []
        self._clock, self._others, self._away = clock, others, away

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        self.entries += entries
        self._clock.later += STOPPED
        if self._others:
            self.entries.append(Entry(entries[-1].sequence + 1, *encode(e.EngineRestarted(60.0))))

    async def journal(self, call_id: str, after: int = 0, *, limit: int | None = None) -> Sequence[Entry]:
        if self._away:
            raise OSError
        return [entry for entry in self.entries if entry.sequence > after]

    async def save_card(self, *card: object) -> None: ...

    async def close_call(self, call_id: str, outcome: str) -> None: ...


@pytest.mark.parametrize(
    ("others", "away", "ordered"),
    [(True, False, False), (False, False, True), (True, True, True)],
    ids=["it is another's", "it is still ours", "nobody can say"],
)
async def test_what_a_process_that_stood_still_wants_of_the_carrier(others: bool, away: bool, ordered: bool) -> None:
    story, clock, carrier, none = Story().ringing("Can I talk to someone?"), Clock(), Carrier(), cast(Any, None)
    ports = Ports(
        clock=clock,
        carrier=carrier,
        agent=Agents(),
        transcriber=Transcriber(),
        store=cast(Any, Journal(clock, others, away)),
        bus=MemoryBus(),
        outbox=none,
        phrasebook=Phrasebook(Speaker(), None),
        music=lambda flow, music: b"",
        ended=lambda call_id: None,
    )
    session = Session(story.flow, ports, began=clock.monotonic() - story.at, call=story.call)
    running = asyncio.create_task(session.run())
    session.post(e.CallerHungUp(session.seconds()))
    await asyncio.sleep(5.0)
    assert [type(order) for order in carrier.ordered] == [c.CancelLeg] * ordered
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
