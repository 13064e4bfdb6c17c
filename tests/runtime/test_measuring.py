"""Calls measured out of a store: what is read, what cannot be, what staff said, and the limits that are passed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from flowengine.call.journal import encode
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow
from flowengine.runtime import measuring
from flowengine.runtime.measuring import LOOK_SECONDS, Measurer, measurer
from flowengine.runtime.rows import CallRow, Entry, WrapUp
from flowengine.store import SqlStore, open_store
from tests.call.story import Story
from tests.flow.office import FLOWS
from tests.stored import stored

NOW = datetime(2026, 11, 10, 18, 0, tzinfo=UTC)
SOURCE = (FLOWS / "dental_office.yaml").read_text("utf-8") + "\nalert_when: {abandoned: 10%}\n"


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with stored(tmp_path) as opened:
        yield opened


def flow() -> Flow:
    return compile_flow(SOURCE, "dental_office.yaml")


async def kept(
    store: SqlStore,
    name: str,
    story: Story,
    *,
    days_ago: float = 0.0,
    source: str = SOURCE,
    version: str = "v1",
    ended: bool = True,
) -> None:
    """A call in the store, as the engine would have left it."""
    started = (NOW - timedelta(days=days_ago, hours=1)).isoformat()
    await store.open_call(CallRow(name, f"REF-{name}", "dental_office", version, source, started, None))
    lines = [pair for event in story.events for pair in (encode(event), ("Commands", "[]"))]
    await store.append(name, [Entry(i, *line) for i, line in enumerate(lines, 1)])
    if ended:
        await store.close_call(name, story.call.outcome or "ended")


def talked(seconds: float = 30.0) -> Story:
    story = Story().connected()
    story.at += seconds
    return story.hangs_up()


async def test_ended_calls_are_measured_with_what_staff_said_of_them(store: SqlStore) -> None:
    await kept(store, "c1", talked())
    await kept(store, "c2", Story().connected(), ended=False)
    measures = Measurer(store, "secret")
    (call,) = await measures.calls("dental_office", NOW - timedelta(days=7))
    assert [h.outcome for h in call.handovers] == ["connected"]
    assert call.resolved is None
    await store.wrap_up(WrapUp("c1-h1", True, False, "Dana", NOW.isoformat()), "c1", "dental_office")
    (call,) = await measures.calls("dental_office", NOW - timedelta(days=7))
    assert (call.resolved, call.handovers[0].needed_person) == (True, False)


async def test_the_week_before_is_read_too_and_nothing_older(store: SqlStore) -> None:
    for name, days_ago in (("c1", 1.0), ("c2", 10.0), ("c3", 15.0)):
        await kept(store, name, talked(), days_ago=days_ago)
    assert len(await Measurer(store, "secret").calls("dental_office", NOW - timedelta(days=7))) == 2


@pytest.mark.parametrize("how", ["emptied", "other events", "other flow", "no lines"])
async def test_what_retention_emptied_or_nobody_can_read_is_known_to_be_unknown(store: SqlStore, how: str) -> None:
    story = talked()
    if how == "no lines":
        story.events.clear()
    await kept(store, "c1", story, source="flow: an older language\n" if how == "other flow" else SOURCE)
    if how == "emptied":
        await store.blank_call("c1", NOW.isoformat())
    if how == "other events":
        await store.append("c1", [Entry(10_000 + len(await store.journal("c1")), "FromTheFuture", "{}")])
    (call,) = await Measurer(store, "secret").calls("dental_office", NOW - timedelta(days=7))
    assert (call.known, call.outcome) == (False, "connected")


async def test_a_flow_that_names_shared_files_is_measured_as_it_is_served(store: SqlStore) -> None:
    await kept(store, "c1", talked(), source="shared: people.yaml\nflow: dental_office\n")
    since, served = NOW - timedelta(days=7), replace(flow(), version="v1")
    assert [c.known for c in await Measurer(store, "secret").calls("dental_office", since)] == [False]
    assert [c.known for c in await Measurer(store, "secret").calls("dental_office", since, served)] == [True]
    other = replace(served, version="v2")
    assert [c.known for c in await Measurer(store, "secret").calls("dental_office", since, other)] == [False]
    one = await Measurer(store, "secret").one("c1", {"dental_office": served})
    assert one is not None
    assert one.known


async def test_one_journal_the_core_cannot_follow_does_not_take_the_others_along(store: SqlStore) -> None:
    await kept(store, "c1", talked())
    await kept(store, "c2", talked(), source=SOURCE.replace("clinical", "doctors"))
    broken = Story().connected().hangs_up()
    arrival: Any = broken.events[0]
    broken.events[0] = replace(arrival, now="no time")
    await kept(store, "c3", broken)
    calls = await Measurer(store, "secret").calls("dental_office", NOW - timedelta(days=7))
    assert sorted((call.call_id, call.known) for call in calls) == [("c1", True), ("c1", True), ("c3", False)]


async def test_what_is_kept_is_bounded(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MOST_KEPT", 2)
    monkeypatch.setattr(measuring, "MOST_FLOWS", 1)
    for i in range(4):
        await kept(store, f"c{i}", talked(), source=SOURCE + f"# {i}\n", version=f"v{i}")
    measures = Measurer(store, "secret")
    assert len(await measures.calls("dental_office", NOW - timedelta(days=7))) == 4
    assert (len(measures._kept), len(measures._flows)) == (2, 1)


async def test_one_call_that_is_over(store: SqlStore) -> None:
    await kept(store, "c1", talked())
    await kept(store, "c2", Story().connected(), ended=False)
    measures = Measurer(store, "secret")
    one = await measures.one("c1")
    assert one is not None
    assert one.handovers[0].handle_time == pytest.approx(30.1)
    assert await measures.one("c2") is None
    assert await measures.one("nobody") is None


async def test_the_same_caller_is_known_again_and_by_nothing_that_can_be_read(store: SqlStore) -> None:
    await kept(store, "c1", talked())
    await kept(store, "c2", Story(caller="+13125550123").picked_up().hangs_up())
    await kept(store, "c3", talked())
    callers = [c.caller for c in await Measurer(store, "secret").calls("dental_office", NOW - timedelta(days=7))]
    assert len(set(callers)) == 2
    assert not any("555" in caller for caller in callers)


async def test_a_limit_is_passed_and_looked_at_again_after_a_minute(store: SqlStore) -> None:
    measures = Measurer(store, "secret")
    assert not (await measures.alerts(flow(), NOW, patience=None)).raised["abandoned"]
    for i in range(10):
        await kept(store, f"c{i}", Story().ringing().hangs_up() if i < 2 else talked())
    assert not (await measures.alerts(flow(), NOW, patience=None)).raised["abandoned"]
    later = await measures.alerts(flow(), NOW + timedelta(seconds=LOOK_SECONDS), patience=None)
    assert later.raised["abandoned"]
    assert later.figures["abandoned"].value == 0.2
    await measures.close()


@pytest.mark.parametrize(("now", "counted"), [("2026-11-16T23:00:00-06:00", 1), ("2026-11-17T00:30:00-06:00", 0)])
async def test_a_limit_speaks_of_the_same_seven_days_as_the_page(store: SqlStore, now: str, counted: int) -> None:
    """The call was on Tuesday the tenth, so that the week of the office's calendar ends on Monday night."""
    await kept(store, "c1", talked())
    looked = await Measurer(store, "secret").alerts(flow(), datetime.fromisoformat(now), patience=None)
    assert looked.figures["abandoned"].of == counted


async def test_a_store_that_fails_leaves_what_was_known_and_is_asked_again(store: SqlStore) -> None:
    measures = Measurer(store, "secret")
    assert (await measures.alerts(flow(), NOW, patience=None)).raised == {"abandoned": False}
    await kept(store, "c1", talked())
    broken, store._calls = store._calls, None  # type: ignore[assignment]  # as when the database is away
    later = NOW + timedelta(seconds=LOOK_SECONDS)
    assert (await measures.alerts(flow(), later, patience=None)).figures["abandoned"].of == 0
    store._calls = broken
    assert (await measures.alerts(flow(), later, patience=None)).figures["abandoned"].of == 1


async def test_a_flow_without_limits_is_not_looked_at(store: SqlStore) -> None:
    store._calls = None  # type: ignore[assignment]  # it would fail
    plain = compile_flow((FLOWS / "dental_office.yaml").read_text("utf-8"), "dental_office.yaml")
    assert (await Measurer(store, "secret").alerts(plain, NOW)).raised == {}


async def test_there_is_one_of_each_store(store: SqlStore, tmp_path: Path) -> None:
    assert measurer(store, "secret") is measurer(store, "secret")
    assert measurer(open_store(f"sqlite:///{tmp_path}/other.db"), "secret") is not measurer(store, "secret")
