"""The outbox over the real store and the real network: what is kept outlives a process and a day."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from flowengine.bus.memory import MemoryBus
from flowengine.desk.outbox import Outbox
from flowengine.desk.schedule import PAUSES
from flowengine.desk.webhooks import Webhooks, webhook_secret
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.rows import Parcel
from flowengine.sandbox.receiver import HANGS, Reply
from flowengine.store.sql import SqlStore
from tests.stored import stored

from .house import START
from .parcels import parcel, receiving

SECRET = webhook_secret("a secret of the test")
HOUSE = Path(__file__).resolve().parent.parent.parent
SECONDS = 300.0


class Wall:
    """A wall clock moved by hand."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@asynccontextmanager
async def outbox_of(store: SqlStore, now: Callable[[], datetime]) -> AsyncIterator[Outbox]:
    clock = LoopClock(now)
    webhooks = Webhooks([SECRET], link=lambda parcel: "https://desk.example.com/", allow_private=True, now=now)
    outbox = Outbox(store, clock, {"webhook": webhooks}, claim=MemoryBus().claim, chance=lambda: 0.0)
    await outbox.start()
    try:
        yield outbox
    finally:
        await outbox.close()


def _is_due(at: str, kept: Parcel) -> bool:
    return kept.due == at


async def until(store: SqlStore, met: Callable[[Parcel], bool], id: str = "c1-d1") -> Parcel:
    async with asyncio.timeout(SECONDS):
        while (kept := await store.parcel(id)) is None or not met(kept):  # noqa: ASYNC110  # as the desk would look
            await asyncio.sleep(0.2)
    return kept


async def test_a_day_of_failures_over_a_clock_that_jumps(tmp_path: Path) -> None:
    """The wall moves by hand only, hours at once: the outbox looks again in time, and what waited behind goes then."""
    wall = Wall()
    refusing = receiving(secrets=(SECRET,), now=wall.now, refusing=True)
    async with stored(tmp_path) as store, refusing as receiver, outbox_of(store, wall.now) as outbox:
        await outbox.put(parcel(address=receiver.url))
        await outbox.put(parcel("c1-d2", address=receiver.url))
        for pause in PAUSES:
            next_ = (wall.at + timedelta(seconds=pause)).isoformat()
            await until(store, partial(_is_due, next_))
            wall.at += timedelta(seconds=pause)
        dead = await until(store, lambda kept: kept.state == "dead")
        await until(store, lambda kept: kept.error != "", "c1-d2")
        receiver.refusing = False
        wall.at += timedelta(seconds=PAUSES[0])
        await until(store, lambda kept: kept.state == "sent", "c1-d2")
        assert await outbox.retry("c1-d1")
        await until(store, lambda kept: kept.state == "sent")
    assert dead.error == "given up after 8 tries: answered 500"
    assert [post.id for post in receiver.posts[:8]] == ["c1-d1"] * 8
    assert {post.trouble for post in receiver.posts} == {""}, "each try is signed with its own time"


async def test_what_was_put_is_there_after_a_restart_in_order(tmp_path: Path) -> None:
    def now() -> datetime:
        return datetime.now(UTC)

    async with receiving(secrets=(SECRET,), now=now) as receiver:
        async with stored(tmp_path) as store:
            webhooks = Webhooks([SECRET], link=lambda parcel: "", allow_private=True)
            not_started = Outbox(store, LoopClock(now), {"webhook": webhooks}, claim=MemoryBus().claim)
            for n in range(1, 6):
                await not_started.put(parcel(f"c1-d{n}", address=receiver.url))
            await not_started.close()
        async with stored(tmp_path) as store, outbox_of(store, now):
            await until(store, lambda kept: kept.state == "sent", "c1-d5")
    assert [post.id for post in receiver.posts] == [f"c1-d{n}" for n in range(1, 6)]


@pytest.mark.wall
async def test_a_process_killed_between_send_and_record(tmp_path: Path) -> None:
    """The receiver has it and nobody knows: the next process sends it again, with the same id."""
    later = timedelta()

    def now() -> datetime:
        return datetime.now(UTC) + later

    async with receiving(secrets=(SECRET,), now=now) as receiver:
        receiver.replies.append(HANGS)
        command = [
            sys.executable,
            "-m",
            "tests.desk.one_outbox",
            f"sqlite:///{tmp_path}/calls.db",
            receiver.url,
            SECRET,
        ]
        process = await asyncio.create_subprocess_exec(*command, cwd=HOUSE)
        try:
            await receiver.until(lambda posts: posts, SECONDS)
        finally:
            process.kill()
            await process.wait()
        async with stored(tmp_path) as store:
            left = await until(store, lambda kept: True)
            assert (left.state, left.tries) == ("waiting", 1)
            async with outbox_of(store, now):
                await asyncio.sleep(0.5)
                assert len(receiver.posts) == 1, "it might still be under way somewhere"
            later = timedelta(minutes=3)
            async with outbox_of(store, now):
                kept = await until(store, lambda kept: kept.state == "sent")
    assert [post.id for post in receiver.posts] == ["c1-d1", "c1-d1"]
    assert kept.tries == 2


async def test_an_answer_comes_back_through_all_of_it(tmp_path: Path) -> None:
    def now() -> datetime:
        return datetime.now(UTC)

    async with (
        stored(tmp_path) as store,
        receiving(secrets=(SECRET,), now=now) as receiver,
        outbox_of(store, now) as outbox,
    ):
        receiver.replies += [Reply(200, '{"free": ["9:00"]}'), Reply(500), Reply(200, "late", "text/plain", after=4.0)]
        tool = {"event": "tool.called", "address": receiver.url}
        assert await outbox.ask(parcel("c1-d1", **tool), 3.0) == '{"free": ["9:00"]}'
        assert await outbox.ask(parcel("c2-d1", **tool), 3.0) is None
        assert await outbox.ask(parcel("c3-d1", **tool), 3.0) is None
        await until(store, lambda kept: kept.state == "sent", "c3-d1")
        await until(store, lambda kept: kept.state == "sent", "c2-d1")
    assert [post.id for post in receiver.posts].count("c3-d1") == 1
