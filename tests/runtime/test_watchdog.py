"""A loop that stands still is noticed from outside (reliability.md F39)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from flowengine.runtime.watchdog import Standstill, watched

LATE = 2.0


def test_a_standstill_is_said_once_and_the_next_one_again() -> None:
    standstill = Standstill(LATE, now=100)
    assert standstill.look(101.9) is None
    assert standstill.look(102.0) == LATE
    assert standstill.look(110) is None
    standstill.turn(111)
    assert standstill.look(112.9) is None
    assert standstill.look(113.5) == 2.5
    assert standstill.look(120) is None


def test_a_loop_that_comes_round_is_never_said() -> None:
    standstill = Standstill(LATE, now=0)
    for tenths in range(100):
        standstill.turn(tenths / 10)
        assert standstill.look(tenths / 10 + 1.9) is None


@pytest.mark.wall
async def test_the_place_where_the_loop_stands_is_told_without_a_value() -> None:
    """How often and how long is the machine's business here: beside a busy neighbour any loop may stand still."""
    with capture_logs() as told, watched(asyncio.get_running_loop(), late=0.2, look=0.02):
        for _ in range(3000):  # a plug-in that forgot where it runs
            if not told:
                time.sleep(0.02)  # noqa: ASYNC251
    blocked = told[0]
    assert blocked["event"] == "loop_blocked"
    assert blocked["seconds"] >= 0.2
    assert any(place.startswith(Path(__file__).name) for place in blocked["at"])


@pytest.mark.wall
async def test_nothing_is_told_of_a_loop_that_is_not_late() -> None:
    with capture_logs() as told, watched(asyncio.get_running_loop(), late=600, look=0.02):
        await asyncio.sleep(0.1)
    assert told == []
