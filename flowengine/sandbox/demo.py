"""`flowengine demo`: one call in the sandbox, told as a story, with the desk page to watch."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowengine.call.events import Event
from flowengine.call.journal import decode, replay
from flowengine.call.story import tell
from flowengine.sandbox.clock import PacedLoop
from flowengine.sandbox.scenario import Scenario
from flowengine.sandbox.verdict import judge
from flowengine.sandbox.world import SPEED_WARM, Options, World, call, running

BEFORE_CALL = 4.0  # seconds to open the page before the phone rings
PAGE_STAYS = 600.0  # seconds the page stays up after the call when somebody sits at the terminal
PAGE_STAYS_UNATTENDED = 20.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Demo:
    flow_file: str
    text: str
    start: datetime
    scenario: Scenario
    options: Options
    headless: bool


def run(demo: Demo, say: Say, finish: Callable[[dict[str, Any], list[str]], None]) -> list[str]:
    """One call; `say` gets the story line by line, `finish` the report when the call is over.

    Returns what of the expectation did not hold.
    """
    with asyncio.Runner(loop_factory=lambda: PacedLoop(SPEED_WARM)) as runner:
        return runner.run(_run(demo, say, finish))


async def _run(demo: Demo, say: Say, finish: Callable[[dict[str, Any], list[str]], None]) -> list[str]:
    async with running(demo.flow_file, demo.text, demo.start, demo.scenario, demo.options) as world:
        say(f"{world.flow.office.name}, {demo.scenario.at}. {demo.scenario.about}")
        await world.warm()
        if not demo.headless:
            say(f"\nThe desk page, live:  {world.engine.access.office_link(world.flow.key, 3600)}")
            say(f"On a second screen:   {world.engine.access.office_link(world.flow.key, 3600)}\n")
            world.loop.set_speed(1.0)
            await asyncio.sleep(BEFORE_CALL)
        world.loop.set_speed(demo.options.speed)
        teller = asyncio.create_task(_tell(world, say))
        made = await call(world, demo.scenario, demo.options)
        await asyncio.sleep(1)
        teller.cancel()
        with suppress(asyncio.CancelledError):
            await teller
        failures = judge(demo.scenario.expect, made)
        finish(made, failures)
        if not demo.headless:
            await _stay(world, say)
        return failures


async def _tell(world: World, say: Say) -> None:
    """Follows the journal of the call and tells what is new."""
    events: deque[Event] = deque()
    steps = replay(world.flow, iter(events.popleft, None))
    told = 0
    while True:
        await asyncio.sleep(0.25)
        for row in await world.engine.store.calls(limit=1):
            for entry in await world.engine.store.journal(row.call_id, told):
                told = entry.sequence
                if entry.kind != "Commands":
                    events.append(decode(entry.kind, entry.body))
                    for line in tell(world.flow, next(steps)):
                        say(line)


async def _stay(world: World, say: Say) -> None:
    attended = sys.stdin.isatty()
    stays = PAGE_STAYS if attended else PAGE_STAYS_UNATTENDED
    say(f"\nThe page stays up for {stays:.0f} s" + ("; Ctrl-C ends it sooner." if attended else "."))
    world.loop.set_speed(1.0)
    with suppress(asyncio.CancelledError):  # Ctrl-C
        await asyncio.sleep(stays)


def summary(report: dict[str, Any], failures: list[str]) -> list[str]:
    """What became of it, for the end of the story."""
    handoff = report["handoffs"][0] if report["handoffs"] else None
    lines = [f"outcome: {report['outcome']}"]
    if handoff and handoff["connected_at"] is not None:
        moments = {"decided": "decided_at", "first ring": "first_ring_at", "connected": "connected_at"}
        lines.append(", ".join(f"{what} {handoff[at]:.1f} s" for what, at in moments.items()))
    return [*lines, *(f"NOT as expected: {f}" for f in failures), *(["as expected"] if not failures else [])]
