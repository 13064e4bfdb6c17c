"""Whole calls in a world that lets us down: a database that is held or full, words that come half a minute late."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CoroutineType

import pytest

import flowengine
from flowengine.sandbox.carrier import Behaviour, HangsUp, Says, Until
from flowengine.sandbox.scenario import read_scenario
from flowengine.sandbox.world import Options, World
from flowengine.store.bridged import BridgedStore
from tests.sandbox.play import SPEED, Played, played
from tests.sandbox.processes import address_of, process, reaches, ringing, said, town
from tests.sandbox.test_breaks import crash
from tests.sandbox.wire import DANA, LUIS, REFUND, Watch, as_soon_as, call, holds, is_rung, leg_of, outcomes, rung

HOUSE = Path(flowengine.__file__).parent


def run(watch: Watch = lambda world: None, behaviour: Behaviour = Behaviour()) -> Played:  # noqa: B008  # frozen
    scene = call(staff={"Dana": "declined"})
    return played("crown", Options(speed=SPEED, behaviour=behaviour), scenario=scene, watch=watch)


def test_a_database_that_another_program_holds_costs_no_call_and_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """reliability.md F27, F29: from the greeting until the second phone is picked up, longer than anybody waits."""
    monkeypatch.setattr("flowengine.store.database.BUSY_SECONDS", 0.3)  # of the wall
    held: list[sqlite3.Connection] = []

    def holds_it(world: World) -> None:
        held.append(sqlite3.connect(world.settings.database_url.removeprefix("sqlite:///"), isolation_level=None))
        held[0].execute("BEGIN IMMEDIATE")

    def watch(world: World) -> None:
        as_soon_as(world, lambda: bool(world.carrier.streams), lambda: holds_it(world))
        as_soon_as(world, lambda: is_rung(world, LUIS, "in-progress"), lambda: held[0].close())

    made = run(watch)
    holds(made)
    assert outcomes(made) == [("Dana", "declined"), ("Luis", "accepted")]
    assert ("caller", "I need a refund.") in [(turn["speaker"], turn["text"]) for turn in made.report["transcript"]]


def test_a_call_of_which_nothing_could_be_kept_is_handed_to_a_person_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """reliability.md F28."""
    monkeypatch.setattr(BridgedStore, "backlog", lambda store: 1.0)
    made = run()
    holds(made)
    assert [h["rule"] for h in made.report["handoffs"]] == ["receptionist_down"]
    assert outcomes(made) == [("Dana", "declined"), ("Luis", "accepted")]
    assert not [t for t in made.report["transcript"] if t["speaker"] == "caller" and "refund" in t["text"]]


@pytest.mark.parametrize("callbacks", ["late", "shuffled"])
def test_words_of_the_carrier_that_come_half_a_minute_late_change_nothing(callbacks: str) -> None:
    """reliability.md F24."""

    def patient(world: World) -> None:
        world.carrier.settle = partial(world.carrier.settle, 60.0)  # type: ignore[method-assign]

    made = run(patient, Behaviour(callbacks=callbacks, late_seconds=30.0))  # type: ignore[arg-type]
    holds(made)
    assert outcomes(made) == [("Dana", "declined"), ("Luis", "accepted")]
    assert rung(made) == [DANA, LUIS]


async def test_of_two_processes_that_think_they_have_a_call_the_later_acts_alone(tmp_path: Path) -> None:
    """reliability.md F30: the first has not heard that its caller was taken up elsewhere while a phone rang."""
    async with town(read_scenario("it", REFUND), tmp_path) as world, process(world) as first:
        acts = (Until("receptionist", 20), Says("I need a refund."), Until("Dana speaking", 120), HangsUp())
        call = ringing(world, *acts)
        while not is_rung(world, DANA):  # noqa: ASYNC110  # nothing of the emulator announces it
            await asyncio.sleep(0.02)
        reaches(world, address_of(world))
        leg_of(world, "inbound").streams[-1]._break()
        assert "Dana speaking" in said(await call, "staff")
        assert [leg.to for leg in world.carrier.calls.values() if leg.direction != "inbound"] == [DANA]
        assert not first.engine.calls.sessions
        await world.engine.calls.ended(120)
        (row,) = await world.engine.store.calls(limit=2)
        assert row.outcome == "connected"
        assert (await world.engine.store.verify(row.call_id)).broken == 0


def ours() -> Counter[str]:
    """What runs in the loop, but for the emulators and this test."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    files = [(c.cr_code.co_filename, c.cr_code.co_qualname) for c in coroutines if isinstance(c, CoroutineType)]
    homes = [(set(Path(file).parents), name) for file, name in files]
    return Counter(name for parents, name in homes if HOUSE in parents and HOUSE / "sandbox" not in parents)


def fails(world: World) -> None:
    for session in world.agent.sessions:
        session.fail("server_error", 1011)


BREAKS: dict[str, Callable[[World], object]] = {
    "nothing": lambda world: None,
    "her stream": lambda world: leg_of(world, "inbound").streams[-1]._break(),
    "the receptionist": fails,
    "the process": crash,
}


@pytest.mark.parametrize("what", BREAKS)
async def test_five_seconds_after_a_call_nothing_of_it_runs_any_more(what: str, tmp_path: Path) -> None:
    """What holds for every row."""
    async with town(read_scenario("it", REFUND), tmp_path) as world:
        before, streams = ours(), len(world.carrier.streams)
        call = ringing(world, Until("receptionist", 20), Says("I need a refund."), Until("speaking", 120), HangsUp())
        await asyncio.sleep(9.0)
        assert ours() - before
        BREAKS[what](world)
        assert "speaking" in said(await call, "staff")
        await world.carrier.settle(60)
        await asyncio.sleep(5.0)
        assert ours() - before == Counter()
        assert not world.engine.calls.sessions
        assert len(world.carrier.streams) > streams
        assert all(session.closed is not None for session in world.agent.sessions)
