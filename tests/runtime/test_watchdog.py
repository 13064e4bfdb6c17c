"""A loop that stands still is noticed from outside (reliability.md F39)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from flowengine.runtime.watchdog import watched

LATE = 0.2


@pytest.mark.wall
async def test_a_loop_that_stands_still_is_told_once_with_the_place_and_no_value() -> None:
    with capture_logs() as told, watched(asyncio.get_running_loop(), late=LATE, look=0.02):
        await asyncio.sleep(2 * LATE)
        assert told == []
        time.sleep(3 * LATE)  # noqa: ASYNC251  # a plug-in that forgot where it runs
        await asyncio.sleep(2 * LATE)
    (blocked,) = told
    assert blocked["event"] == "loop_blocked"
    assert LATE <= blocked["seconds"] < 3 * LATE
    assert any(place.startswith(Path(__file__).name) for place in blocked["at"])


@pytest.mark.wall
async def test_each_time_is_told() -> None:
    with capture_logs() as told, watched(asyncio.get_running_loop(), late=LATE, look=0.02):
        for _ in range(2):
            time.sleep(2 * LATE)  # noqa: ASYNC251
            await asyncio.sleep(LATE)
    assert [line["event"] for line in told] == ["loop_blocked"] * 2
