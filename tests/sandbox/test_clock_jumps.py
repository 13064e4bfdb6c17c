"""The wall clock jumps during a call (reliability.md F31): waits, timers and the order of things do not know of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from flowengine.sandbox.world import Options, World
from tests.sandbox.play import SPEED, Played, played
from tests.sandbox.wire import DANA, as_soon_as, call, holds, is_rung, legs_of, outcomes

MOMENTS: dict[str, Callable[[World], bool]] = {
    "between the document and the stream": lambda world: bool(legs_of(world, "inbound")),
    "while a phone rings": lambda world: is_rung(world, DANA),
    "while they talk": lambda world: any(s.call.phase == "connected" for s in world.engine.calls.sessions.values()),
}


@pytest.mark.parametrize("hours", [-1.5, 1.5])  # the office is open then too
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_clock_that_jumps_costs_the_caller_nothing(hours: float, moment: str) -> None:
    def watch(world: World) -> None:
        def jumps() -> None:
            world.wall._start += timedelta(hours=hours)

        as_soon_as(world, lambda: MOMENTS[moment](world), jumps)

    made: Played = played("crown", Options(speed=SPEED), scenario=call(), watch=watch)
    assert made.report["outcome"] == "connected"
    assert outcomes(made) == [("Dana", "accepted")]
    assert all(0.0 <= event["at"] < 120.0 for event in made.report["events"])
    holds(made)
