"""The figures of calls that really ran: the journals the engine wrote, over sockets, measured as a report does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowengine.call.measures import CallMeasures
from flowengine.runtime.measuring import Measurer
from flowengine.sandbox.world import Options
from flowengine.store import open_store
from tests.sandbox.play import SPEED, Played, played

FLOW = "dental_office"


def measured(name: str, folder: Path) -> tuple[Played, CallMeasures]:
    """One scenario, and its call as it is read from the store."""
    database = f"sqlite:///{folder}/{name}.db"
    run = played(name, replace(Options(speed=SPEED), database_url=database))
    (call,) = asyncio.run(_calls(database))
    return run, call


async def _calls(database: str) -> Sequence[CallMeasures]:
    store = open_store(database)
    await store.start()
    try:
        return await Measurer(store, "secret").calls(FLOW, datetime(2026, 1, 1, tzinfo=UTC))
    finally:
        await store.close()


def test_the_crown_is_handed_over_and_measured_as_the_report_tells_it(tmp_path: Path) -> None:
    run, call = measured("crown", tmp_path)
    (handover,), (told,) = call.handovers, run.report["handoffs"]
    assert (call.known, call.outcome) == (True, "connected")
    assert (handover.rule, handover.department, handover.outcome) == (told["rule"], told["department"], "connected")
    assert handover.attempts == tuple(attempt["outcome"] for attempt in told["attempts"])
    assert handover.time_to_answer == pytest.approx(told["connected_at"] - told["decided_at"], abs=0.01)
    assert handover.handle_time is not None
    assert handover.context is not None
    greeted = next(line["at"] for line in run.report["transcript"] if line["speaker"] == "staff")
    assert handover.context == pytest.approx(greeted - told["connected_at"], abs=0.01)
    assert (handover.repeated, handover.transcribed) == ((), True)
    assert 0 < handover.context < handover.handle_time


def test_a_caller_who_hangs_up_while_it_rings_has_abandoned(tmp_path: Path) -> None:
    _, call = measured("caller_hangs_up", tmp_path)
    assert [h.outcome for h in call.handovers] == ["abandoned"]


def test_nobody_answers_is_not_abandoned(tmp_path: Path) -> None:
    run, call = measured("nobody_answers", tmp_path)
    assert [h.outcome for h in call.handovers] == [run.report["outcome"]]
    assert len(call.handovers[0].attempts) == len(run.report["handoffs"][0]["attempts"])
