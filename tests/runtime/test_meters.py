"""What /metrics shows: counted once, in a registry of its own, under names that come from the flow."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from flowengine.call import events as e
from flowengine.call.measures import measure
from flowengine.flow.model import Flow
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.counted import Counted
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.measuring import PATIENCE, Alerts, Measurer
from flowengine.runtime.meters import Meters
from flowengine.store import open_store
from tests.call.story import Story, office


def page(meters: Meters) -> dict[str, float]:
    lines = (
        line for line in meters.page().decode().splitlines() if not line.startswith("#") and "_created" not in line
    )
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def counted(*stories: Story) -> dict[str, float]:
    meters = Meters()
    for story in stories:
        meters.call_over(story.flow, measure(story.flow, story.events))
    return page(meters)


def talked() -> Story:
    return Story().connected().happens(lambda at: e.CallerHungUp(at), 45.0)


def test_calls_hand_overs_and_phones_by_what_came_of_them() -> None:
    got = counted(talked(), talked(), Story().ringing().hangs_up(), Story().picked_up().hangs_up())
    labels = 'department="clinical",flow="dental_office"'
    assert got['flowengine_calls_total{flow="dental_office",outcome="connected"}'] == 2
    assert got['flowengine_calls_total{flow="dental_office",outcome="ended"}'] == 1
    assert got[f'flowengine_handovers_total{{{labels},outcome="connected"}}'] == 2
    assert got[f'flowengine_handovers_total{{{labels},outcome="abandoned"}}'] == 1
    assert got[f'flowengine_attempts_total{{{labels},outcome="caller_gone"}}'] == 2
    assert got[f"flowengine_abandoned_total{{{labels}}}"] == 1
    assert got[f"flowengine_time_to_answer_seconds_count{{{labels}}}"] == 2
    assert got[f'flowengine_handle_time_seconds_bucket{{{labels},le="60.0"}}'] == 2
    assert got[f'flowengine_handle_time_seconds_bucket{{{labels},le="30.0"}}'] == 0


def test_how_things_stand_and_what_is_only_ever_added_to() -> None:
    meters = Meters()
    meters.now(running=3, ignored=2)
    meters.parcels(waiting=5, dead=1)
    meters.now(running=2, ignored=7)
    meters.parcels(waiting=0, dead=1)
    meters.alerts("dental_office", {"abandoned": True, "attempts": False})
    got = page(meters)
    assert got["flowengine_running_calls"] == 2
    assert got['flowengine_outbox_parcels{state="waiting"}'] == 0
    assert got['flowengine_outbox_parcels{state="dead"}'] == 1
    assert got["flowengine_ignored_news_total"] == 7
    assert got['flowengine_alert{figure="abandoned",flow="dental_office"}'] == 1
    assert got['flowengine_alert{figure="attempts",flow="dental_office"}'] == 0


def test_two_meters_know_nothing_of_each_other() -> None:
    one, other = Meters(), Meters()
    one.now(running=3, ignored=1)
    assert page(other)["flowengine_running_calls"] == 0


def test_nothing_of_a_caller_is_shown() -> None:
    meters = Meters()
    story = talked()
    meters.call_over(story.flow, measure(story.flow, story.events, key=b"k"))
    shown = str(list(page(meters)))  # names and labels: a time of day holds any digits
    assert not re.search(r"Maria|Lopez|crown|555|c1", shown)


class Slow(Measurer):
    """One whose every look takes as long as a page is patient."""

    async def alerts(self, flow: Flow, now: datetime, *, patience: float | None = PATIENCE) -> Alerts:
        await asyncio.sleep(PATIENCE)
        return Alerts({}, {"abandoned": True})


async def test_the_limits_of_many_offices_are_looked_at_together(tmp_path: Path) -> None:
    """One after the other they would take longer than whoever reads the meters waits."""
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    await store.start()
    flows, loop = Flowbook({}, {}), asyncio.get_running_loop()
    flows.flows = {f"office_{i}": replace(office(), key=f"office_{i}") for i in range(40)}
    counted = Counted(Meters(), Slow(store, "secret"), flows, store, LoopClock())
    began = loop.time()
    text = (await counted.page(running=0, ignored=0)).decode()
    assert text.count("flowengine_alert{") == 40
    assert loop.time() - began < 40 * PATIENCE / 4
    await counted.close()
    await store.close()
