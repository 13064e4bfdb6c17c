"""Several calls at once and something going wrong every few seconds, by the dice: what holds of a call holds of each.

A long run, which tells its seeds:

    FLOWENGINE_EXAMPLES=50 pytest -s -o faulthandler_timeout=0 tests/sandbox/test_mix.py
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

import pytest

from flowengine.flow.compiler import compile_flow
from flowengine.flow.hours import moment
from flowengine.sandbox.carrier import LoseCallback, RestAnswers, RestSilent
from flowengine.sandbox.carrier.leg import Leg
from flowengine.sandbox.carrier.party import Outcome
from flowengine.sandbox.clock import PacedLoop
from flowengine.sandbox.scenario import Scenario, StaffScript, read_scenario
from flowengine.sandbox.scripts import caller_party
from flowengine.sandbox.world import Options, World, running
from tests.sandbox.invariants import MOST_ALONE, Journals
from tests.sandbox.play import FLOWS, SPEED
from tests.sandbox.wire import REFUND

SEEDS = range(1, 1 + int(os.environ.get("FLOWENGINE_EXAMPLES", "2")))
CALLS = 4
EVERY = 3.0  # seconds between two faults
MOST_SECONDS = 900.0  # of call time, for all of them to be over
SAYS = (
    "I need a refund.",
    "My crown just fell out.",
    "Can I talk to someone?",
    "You charged me twice, I want a refund.",
)
PICKS_UP: tuple[Outcome, ...] = ("accepts", "accepts", "accepts", "declined", "no answer", "busy", "voicemail")
HOURS = 2


@dataclass
class Dice:
    """One run: the world, its dice, and everything that was done to it."""

    world: World
    dice: Random
    done: list[str] = field(default_factory=list)

    def one_of(self, legs: Iterator[Leg]) -> Leg | None:
        found = list(legs)
        return self.dice.choice(found) if found else None

    @property
    def legs(self) -> list[Leg]:
        return [leg for leg in self.world.carrier._exchange.legs.values() if not leg.record.over]

    # ---- what goes wrong ---------------------------------------------------------------------------------------------

    def a_caller_hangs_up(self) -> str:
        return self._hangs_up(leg for leg in self.legs if leg.inbound)

    def a_person_hangs_up(self) -> str:
        return self._hangs_up(leg for leg in self.legs if not leg.inbound and leg.answered.is_set())

    def _hangs_up(self, legs: Iterator[Leg]) -> str:
        if leg := self.one_of(legs):
            leg.record.hung_up = True
            leg.end("completed")
        return leg.record.to if leg else ""

    def a_stream_breaks(self) -> str:
        if leg := self.one_of(leg for leg in self.legs if leg.streams):
            leg.streams[-1]._break()
        return leg.record.to if leg else ""

    def a_stream_goes_silent(self) -> str:
        if leg := self.one_of(leg for leg in self.legs if leg.streams):
            leg.streams[-1].push = lambda inbound, outbound: None  # type: ignore[method-assign]
        return leg.record.to if leg else ""

    def words_are_lost(self) -> str:
        path = self.dice.choice(("/twilio/status", "/conference", "/machine"))
        return self._fault(LoseCallback(path, 1))

    def an_order_fails(self) -> str:
        status, code = self.dice.choice(((500, 20500), (429, 20429), (503, 20503)))
        return self._fault(RestAnswers("/Calls", status, code))

    def an_order_is_not_answered(self) -> str:
        return self._fault(RestSilent("/Calls"))

    def _fault(self, fault: LoseCallback | RestAnswers | RestSilent) -> str:
        faults = self.world.carrier._exchange.faults
        faults._seen.pop(fault, None)
        faults._faults = (*(f for f in faults._faults if f != fault), fault)
        return str(fault)

    def the_receptionist_drops(self) -> str:
        live = [s for s in self.world.agent.sessions if s.closed is None]
        if live:
            self.dice.choice(live).drop()
        return str(len(live))

    def the_process_loses_a_call(self) -> str:
        running = list(self.world.engine.calls._tasks.items())
        if running:
            call, task = self.dice.choice(running)
            task.cancel()
            return call
        return ""

    def the_wall_clock_jumps(self) -> str:
        hours = self.dice.choice((-HOURS, HOURS))
        self.world.wall._start += timedelta(hours=hours)
        return f"{hours} h"

    async def go_on(self) -> None:
        faults: Mapping[Callable[[], str], int] = {  # and how often: a caller who goes ends the story
            self.a_caller_hangs_up: 1,
            self.a_person_hangs_up: 2,
            self.a_stream_breaks: 2,
            self.a_stream_goes_silent: 2,
            self.words_are_lost: 4,
            self.an_order_fails: 3,
            self.an_order_is_not_answered: 3,
            self.the_receptionist_drops: 2,
            self.the_process_loses_a_call: 2,
            self.the_wall_clock_jumps: 1,
        }
        while True:
            await asyncio.sleep(EVERY)
            (fault,) = self.dice.choices(list(faults), list(faults.values()))
            self.done.append(f"{self.world.loop.time():8.1f}  {fault.__name__} {fault()}")


def scene(dice: Random) -> Scenario:
    script = read_scenario("mix", REFUND)
    people = ("Dana", "Luis", "Hygiene desk", "Dr. Reed")
    staff = {who: replace(script.staff.get(who, StaffScript()), outcome=dice.choice(PICKS_UP)) for who in people}
    return replace(script, staff=staff)


async def mixed(seed: int, tell: Callable[[str], None]) -> None:
    dice = Random(seed)
    script = scene(dice)
    file = FLOWS / "dental_office.yaml"
    text = file.read_text("utf-8")
    start = moment(compile_flow(text, str(file)), script.at)
    async with running(str(file), text, start, script, Options(speed=SPEED)) as world:
        await world.engine.warm(world.clock)
        world.loop.set_speed(SPEED)
        world.wall.begin()
        journals, trouble = Journals(world), Dice(world, dice)
        goes_wrong = asyncio.create_task(trouble.go_on())
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await asyncio.gather(*(one(world, script, dice, n) for n in range(CALLS)))
                assert goes_wrong.cancel(), goes_wrong.exception()
                await world.carrier.settle(2 * MOST_ALONE)
                await world.engine.calls.ended(2 * MOST_ALONE)
        finally:
            goes_wrong.cancel()
            tell("\n".join(trouble.done))
        holds(world, journals)


async def one(world: World, script: Scenario, dice: Random, n: int) -> None:
    says, later = dice.choice(SAYS), dice.uniform(0.0, 8.0)
    await asyncio.sleep(later)
    party = caller_party(replace(script, caller=({"says": says}, *script.caller[1:])))
    to = next(iter(world.flow.office.phone_numbers))
    await world.carrier.ring_in(party, from_=f"+1202555014{n}", to=to)


def holds(world: World, journals: Journals) -> None:
    legs = list(world.carrier._exchange.legs.values())
    assert len(journals.lines) == CALLS
    assert journals.broken() == []
    assert not world.engine.calls.sessions
    gone = max(leg.record.ended_at or 0.0 for leg in legs if leg.inbound)
    assert all(leg.record.over for leg in legs)
    assert max((leg.record.ended_at or 0.0 for leg in legs), default=0.0) <= gone + MOST_ALONE


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_every_call_keeps_the_rules(seed: int) -> None:
    told: list[str] = []
    with asyncio.Runner(loop_factory=lambda: PacedLoop(SPEED)) as runner:
        try:
            runner.run(mixed(seed, told.append))
        finally:
            print(f"\nseed {seed}\n" + "\n".join(told))
