"""How a call begins: what the engine finds out about a caller before it answers, and how long it takes for that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from flowengine.call.documents import ConnectCaller
from flowengine.call.events import AgentFailed, CallerHungUp, CallerReturned
from flowengine.call.journal import decode
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.live import LiveCalls
from flowengine.runtime.ports import HandedOver
from flowengine.runtime.rows import CallRow, Entry
from flowengine.store import SqlStore
from tests.runtime.parties import answering

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
    return LiveCalls(answering(store), flows)


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
    assert asyncio.get_running_loop().time() - began < 30.0  # half a second, and what a busy machine adds to it
    await live.close(0.1)
    await store.close()


async def test_a_call_that_is_announced_twice_at_the_same_moment_is_one(tmp_path: Path) -> None:
    store = await opened(SqlStore, tmp_path)
    live = calls(store, book())
    first, second = await asyncio.gather(arrived(live), arrived(live))
    assert first == second
    assert [row.call_id for row in await store.calls()] == [first]
    assert list(live.sessions) == [first]
    await live.close(0.1)
    await store.close()


class Away(SqlStore):
    """Its database is out of reach."""

    used = 0.5  # of the room beside it

    def backlog(self) -> float:
        return self.used

    async def call_by_ref(self, ref: str) -> CallRow | None:
        raise OSError


class Full(Away):
    used = 1.0


async def arrived(live: LiveCalls) -> str:
    call_id, document = await live.arrive(ref="CA1", caller=CALLER, dialled=OFFICE, arrives_by="phone")
    assert document == ConnectCaller(1)
    return call_id


async def test_an_outage_of_the_store_does_not_stop_a_call(tmp_path: Path) -> None:
    store = await opened(Away, tmp_path)
    live = calls(store, book())
    call_id = await arrived(live)
    assert await arrived(live) == call_id  # the carrier asks again
    assert live.sessions[call_id].call.agent != "failed"
    await live.close(0.1)
    await store.close()


async def test_a_call_of_which_nothing_could_be_kept_goes_without_the_receptionist(tmp_path: Path) -> None:
    store = await opened(Full, tmp_path)
    live = calls(store, book())
    call_id = await arrived(live)
    async with asyncio.timeout(600):
        while live.sessions[call_id].call.agent != "failed":  # noqa: ASYNC110 - a call tells nobody of its state
            await asyncio.sleep(0.1)
    await live.close(0.1)
    await store.close()


class Behind(SqlStore):
    """Lines of every call wait for the database."""

    async def caught_up(self, call_id: str) -> None:
        await asyncio.Event().wait()


async def test_a_call_whose_journal_lacks_lines_is_not_taken_up_as_it_was(tmp_path: Path) -> None:
    store = await opened(Behind, tmp_path)
    await store.open_call(CallRow("c1", "CA1", "dental_office", "v", "", "2026-11-10T16:15:00+00:00", None))
    live = calls(store, book())
    with pytest.raises(TimeoutError):
        await live.ask("c1", lambda at, request: CallerReturned(at, request))
    assert live.sessions == {}
    await live.close(0.1)
    await store.close()


async def test_a_call_that_another_process_has_taken_over_is_let_go(tmp_path: Path) -> None:
    """reliability.md F30: what the first still wants to do would be done twice."""
    store, other = await opened(SqlStore, tmp_path), await opened(SqlStore, tmp_path)
    first, second = calls(store, book()), calls(other, book())
    call_id = await arrived(first)
    session = first.sessions[call_id]
    assert isinstance(await second.ask(call_id, lambda at, request: CallerReturned(at, request, 1)), ConnectCaller)
    begun = await other.journal(call_id)
    first.tell(call_id, lambda at: AgentFailed(at, "gone"))
    await asyncio.wait_for(session.over.wait(), 60)
    await first.ended(60)
    assert call_id not in first.sessions
    assert session.call.agent != "failed"  # not even here
    assert call_id in second.sessions
    assert await other.journal(call_id) == begun
    await second.close(0.1)
    await asyncio.gather(store.close(), other.close())


class Deaf(SqlStore):
    """Takes no line while `away`; the rest of its database answers."""

    away = False

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        if self.away:
            raise OSError
        await super().append(call_id, entries)


async def test_a_process_that_has_lost_a_call_does_not_end_it(tmp_path: Path) -> None:
    """What it could not write before another took the call over, it must not say of the call either."""
    store, other = await opened(Deaf, tmp_path), await opened(SqlStore, tmp_path)
    first, second = calls(store, book()), calls(other, book())
    call_id = await arrived(first)
    assert isinstance(store, Deaf)
    store.away = True
    first.tell(call_id, CallerHungUp)
    await asyncio.wait_for(first.sessions[call_id].over.wait(), 60)
    document = await second.ask(call_id, lambda at, request: CallerReturned(at, request, 1))
    assert isinstance(document, ConnectCaller)
    store.away = False
    await first.ended(60)
    row = await other.call(call_id)
    assert row is not None
    assert row.outcome is None
    assert call_id in second.sessions
    await second.close(0.1)
    await asyncio.gather(store.close(), other.close())


async def test_nobody_is_hung_up_by_a_process_that_has_lost_the_call(tmp_path: Path) -> None:
    """Who asks it is to ask again: by then it has let go, and takes the call up like any other process."""
    store, other = await opened(SqlStore, tmp_path), await opened(SqlStore, tmp_path)
    first, second = calls(store, book()), calls(other, book())
    call_id = await arrived(first)

    def returned(at: float, request: str) -> CallerReturned:
        return CallerReturned(at, request, 1)

    assert isinstance(await second.ask(call_id, returned), ConnectCaller)
    begun = await other.journal(call_id)
    session = first.sessions[call_id]
    with pytest.raises(HandedOver):
        await first.ask(call_id, returned)
    with pytest.raises(HandedOver):  # while it closes, too
        await session.ask(returned)
    assert await other.journal(call_id) == begun
    await first.ended(60)
    assert isinstance(await first.ask(call_id, returned), ConnectCaller)
    await asyncio.gather(first.close(0.1), second.close(0.1))
    await asyncio.gather(store.close(), other.close())
