"""Any interleaving, repetition, delay and loss of what may happen around one call, for one to four phones at a time.

`world` plays the carrier, the people and the clock; `laws` are checked after every single thing that happens. A long
run, which tells its numbers:

    FLOWENGINE_EXAMPLES=20000 pytest -s -o faulthandler_timeout=0 tests/call/test_state_machine.py
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, note, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from flowengine.call import commands as c
from flowengine.call.journal import decode, encode, replay
from tests.call.story import TUESDAY_MORNING, TUESDAY_NIGHT
from tests.call.world import LATEST, Due, World
from tests.call.world_caller import SAID
from tests.call.world_legs import Act
from tests.call.world_offices import OFFICES, office

EXAMPLES = int(os.environ.get("FLOWENGINE_EXAMPLES", "300"))
STEPS = 40
HELPING = 2000

# What the receptionist may ask for, sense or nonsense.
TOOLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("transfer_to_human", {"rule": "billing_dispute", "summary": "A bill."}),
    ("transfer_to_human", {"rule": "there is none", "department": "clinical"}),
    ("note_answer", {"field": "caller_name", "value": "Maria Lopez"}),
    ("note_answer", {"field": "reason", "value": "a bill"}),
    ("note_mood", {"mood": "angry"}),
    ("note_unsolved", {}),
    ("request_appointment", {"patient_name": "Maria Lopez"}),
)


# ---- how far a call is when anything may happen ----------------------------------------------------------------------


def _is_greeted(world: World) -> None:
    world.passes(2.0)
    if world.flow.privacy.recording != "none":
        world.passes(2.0)
        world.caller.says("yes")
        world.passes(1.0)


def _asks_for_somebody(world: World) -> None:
    world.caller.says(SAID[0] if world.call.now == TUESDAY_MORNING else SAID[1])
    for name, arguments in TOOLS[2:4]:
        world.agent_calls(name, **arguments)
    world.passes(3.5)


def _somebody_picks_up(world: World) -> None:
    if ringing := [leg for leg in world.staff.values() if leg.state == "ringing"]:
        ringing[0].picks_up()
        world.passes(1.5)


def _somebody_accepts(world: World) -> None:
    for leg in world.staff.values():
        if leg.state in ("briefing", "talking"):
            leg.presses("1")
    world.passes(0.3)


SELDOM = st.sampled_from((False,) * 5 + (True,))  # what would otherwise be the end of most calls

STARTS = ("beginning", "talk", "first ring", "picked up", "accepted", "met")
BEGINS = (_is_greeted, _asks_for_somebody, _somebody_picks_up, _somebody_accepts, lambda world: world.passes(2.0))

PLAYED: Counter[str] = Counter()
KINDS: Counter[str] = Counter()
LEGS: Counter[int] = Counter()


class Interleavings(RuleBasedStateMachine):
    """One call, from its beginning to its end."""

    world: World

    # ---- where it begins ---------------------------------------------------------------------------------------------

    @initialize(
        number=st.integers(0, len(OFFICES) - 1),
        from_the=st.sampled_from((*STARTS, *STARTS[2:])),
        at_night=st.sampled_from((False, False, False, True)),
        asks_twice=st.booleans(),
        speaks=st.booleans(),
        lets_go=st.booleans(),
        come=st.booleans(),
    )
    def a_call(
        self, number: int, from_the: str, at_night: bool, asks_twice: bool, speaks: bool, lets_go: bool, come: bool
    ) -> None:
        now = TUESDAY_NIGHT if at_night else TUESDAY_MORNING
        self.world = World(
            office(number), now=now, asks_twice=asks_twice, speaks=speaks, lets_go=lets_go, come=come, tell=note
        )
        PLAYED["calls"] += 1
        for begins in BEGINS[: STARTS.index(from_the)]:
            begins(self.world)

    # ---- what happens to what is under way ---------------------------------------------------------------------------

    @rule()
    def goes_on(self) -> None:
        self.world.goes_on()

    @rule(seconds=st.sampled_from((0.5, 1.0, 3.0, 8.0, 25.0)))
    def time_passes(self, seconds: float) -> None:
        self.world.passes(seconds)

    def _pick(self, data: st.DataObject, dues: list[Due]) -> Due:
        return dues[data.draw(st.integers(0, len(dues) - 1))]

    def _soon(self) -> list[Due]:
        return [due for due in self.world.ready() if due.kind != "timer"]

    @precondition(lambda self: self._soon())
    @rule(data=st.data())
    def happens_sooner(self, data: st.DataObject) -> None:
        self.world.happens(self._pick(data, self._soon()))

    def _slow(self) -> list[Due]:
        late = ("news", "question", "order", "result")
        return [due for due in self.world.queue if due.kind in late and due.at < due.since + LATEST]

    @precondition(lambda self: self._slow())
    @rule(data=st.data(), seconds=st.sampled_from((1.0, 4.0, 10.0)))
    def comes_late(self, data: st.DataObject, seconds: float) -> None:
        due = self._pick(data, self._slow())
        note(f"          LATE {due.what}")
        due.at = min(due.since + LATEST, due.at + seconds)

    def _lossy(self) -> list[Due]:
        return [due for due in self.world.queue if due.loses]

    @precondition(lambda self: self._lossy())
    @rule(data=st.data())
    def is_lost(self, data: st.DataObject) -> None:
        due = self._pick(data, self._lossy())
        note(f"          LOST {due.what}")
        self.world.drop(due)

    @precondition(lambda self: self.world.again)
    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        self.world.again[-1 - data.draw(st.integers(0, len(self.world.again) - 1))]()

    def _others(self) -> list[tuple[Due, str, Callable[[], None]]]:
        return [(due, how, does) for due in self.world.ready() for how, does in due.otherwise]

    @precondition(lambda self: self._others())
    @rule(data=st.data())
    def goes_otherwise(self, data: st.DataObject) -> None:
        others = self._others()
        due, how, does = others[data.draw(st.integers(0, len(others) - 1))]
        self.world.drop(due)
        self._act(f"{due.what} {how.upper()}", does)

    # ---- what people do, and what breaks -----------------------------------------------------------------------------

    def _one_of(self, data: st.DataObject, acts: list[Act]) -> None:
        what, act = acts[data.draw(st.integers(0, len(acts) - 1))]
        self._act(what, act)

    def _by_staff(self) -> list[Act]:
        return [act for leg in self.world.staff.values() for act in leg.acts()]

    @precondition(lambda self: self._by_staff())
    @rule(data=st.data())
    def somebody_of_the_staff(self, data: st.DataObject) -> None:
        self._one_of(data, self._by_staff())

    @precondition(lambda self: self._by_staff())
    @rule(data=st.data())
    def somebody_of_the_staff_as_well(self, data: st.DataObject) -> None:
        """Most of what may happen lies there."""
        self._one_of(data, self._by_staff())

    @precondition(lambda self: self.world.caller.acts())
    @rule(data=st.data())
    def the_caller(self, data: st.DataObject) -> None:
        self._one_of(data, self.world.caller.acts())

    @precondition(lambda self: self.world.voice.state == "ready" and self.world.voice.hears)
    @rule(tool=st.sampled_from(TOOLS))
    def the_receptionist_calls(self, tool: tuple[str, dict[str, object]]) -> None:
        name, arguments = tool
        self._act(f"receptionist {name} {arguments}", lambda: self.world.agent_calls(name, **arguments))

    @precondition(lambda self: self.world.breakable())
    @rule(data=st.data(), really=SELDOM)
    def something_breaks(self, data: st.DataObject, really: bool) -> None:
        if really:
            self._one_of(data, self.world.breakable())

    def _act(self, what: str, act: Callable[[], None]) -> None:
        note(f"{self.world.at:8.2f}  {what}")
        act()
        self.world.laws.hold()

    # ---- the end -----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        note("---- nobody interferes any more")
        world.settles()
        world.laws.over()
        events = [event for event, _ in world.steps]
        again = list(replay(world.flow, (decode(*encode(event)) for event in events)))
        assert [s.commands for s in again] == [commands for _, commands in world.steps], "replayed"
        assert again[-1].call == world.call, "replayed"
        PLAYED["ended"] += 1
        PLAYED["events"] += len(events)
        KINDS.update(type(event).__name__ for event in events)
        LEGS[sum(isinstance(x, c.RingStaff) for _, commands in world.steps for x in commands)] += 1


def test_any_interleaving() -> None:
    """In helpings: what has been tried is remembered, and of many thousands that would be gigabytes."""
    try:
        for begun in range(0, EXAMPLES, HELPING):
            run_state_machine_as_test(Interleavings, settings=_settings(min(HELPING, EXAMPLES - begun)))
    finally:
        _tell()
    assert len(KINDS) > 30


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize="FLOWENGINE_EXAMPLES" not in os.environ,  # the suite finds what it found; long runs look for more
        stateful_step_count=STEPS,
        suppress_health_check=list(HealthCheck),
        phases=(Stage.explicit, Stage.reuse, Stage.generate, Stage.shrink),  # without explaining, which takes minutes
        report_multiple_bugs=False,
    )


def _tell() -> None:
    """How much was played."""
    legs = ", ".join(f"{count} with {number}" for number, count in sorted(LEGS.items()))
    print(f"\n{PLAYED['calls']} calls, {PLAYED['events']} events of {len(KINDS)} kinds, phones rung: {legs}")
    print(", ".join(f"{kind} {count}" for kind, count in KINDS.most_common()))


def test_every_office_compiles() -> None:
    assert len({office(number).version for number in range(len(OFFICES))}) == len(OFFICES)
