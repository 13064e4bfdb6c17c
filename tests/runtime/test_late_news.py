"""What is told of a call that is over: a recording that is ready late lands in its journal and on its card."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from flowengine.call import events as e
from flowengine.call.journal import decode, encode
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.live import LiveCalls
from flowengine.runtime.rows import CallRow, Entry
from flowengine.store import SqlStore
from tests.call.story import ROOT
from tests.call.test_recording import asking, heard
from tests.runtime.parties import answering

FILE = str(ROOT / "flows" / "dental_office.yaml")
ENDED = e.RecordingEnded(0.0, "RE1", "https://api.example.com/RE1", 42.0)


TEXT = Path(FILE).read_text("utf-8").partition("\ntests:")[0]
RECORDS = TEXT.replace("recording: none  ", "consent_line: May we?\n  recording: with consent  ")


async def over(folder: Path) -> tuple[LiveCalls, SqlStore]:
    """A process that knows a call only from its journal, in which the caller agreed, was handed over and hung up."""
    store = SqlStore(f"sqlite:///{folder}/calls.db")
    await store.start()
    flows = Flowbook({FILE: RECORDS}, {})
    (flow,) = flows.flows.values()
    story = heard(asking()).says("Yes, and my crown fell out").happens(lambda at: e.RecordingStarted(at, "RE1"))
    story.hangs_up()
    began = datetime(2026, 11, 10, 16, 15, tzinfo=UTC)
    await store.open_call(CallRow("c1", "CA1", flow.key, flow.version, RECORDS, began.isoformat(), None))
    await store.append("c1", [Entry(n, *encode(event)) for n, event in enumerate(story.events, 1)])
    await store.close_call("c1", "abandoned")
    return LiveCalls(answering(store), flows), store


async def settled(live: LiveCalls) -> None:
    async with asyncio.timeout(600):
        while live._reviving:  # noqa: ASYNC110  # a look from outside
            await asyncio.sleep(0.05)


async def test_a_recording_that_is_ready_late_lands_on_the_card_once(tmp_path: Path) -> None:
    live, store = await over(tmp_path)
    for _ in range(2):
        live.tell("c1", lambda at: ENDED)
        await settled(live)
    found = [decode(x.kind, x.body) for x in await store.journal("c1") if x.kind == "RecordingEnded"]
    assert {event.url for event in found if isinstance(event, e.RecordingEnded)} == {ENDED.url}
    card = await store.card("c1-h1")
    assert card is not None
    assert (card["recording"], card["consent"]) == (ENDED.url, "Recorded: the caller agreed")
    row = await store.call("c1")
    assert row is not None
    assert row.outcome == "abandoned"
    await live.close(0.1)
    await store.close()


async def test_other_late_news_is_ignored_and_counted(tmp_path: Path) -> None:
    live, store = await over(tmp_path)
    before = len(await store.journal("c1"))
    live.tell("c1", lambda at: e.RecordingStarted(at, "RE2"))
    live.tell("c2", lambda at: ENDED)
    await settled(live)
    assert live.ignored == 2
    assert len(await store.journal("c1")) == before
    await live.close(0.1)
    await store.close()


async def test_two_recordings_that_are_ready_at_the_same_moment_are_both_known(tmp_path: Path) -> None:
    live, store = await over(tmp_path)
    for name in ("RE1", "RE2"):
        address = f"https://api.example.com/{name}"
        live.tell("c1", lambda at, name=name, url=address: e.RecordingEnded(at, name, url, 42.0))  # type: ignore[misc]
    await settled(live)
    found = [decode(x.kind, x.body) for x in await store.journal("c1") if x.kind == "RecordingEnded"]
    assert sorted(event.ref for event in found if isinstance(event, e.RecordingEnded)) == ["RE1", "RE2"]
    assert not (await store.verify("c1")).broken
    await live.close(0.1)
    await store.close()
