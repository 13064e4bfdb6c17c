"""How long a hand-off takes: decision to first ring, pick-up to connected, failure to the receptionist's next word.

    python benchmarks/bench_handoffs.py [--runs 20] [--json] [--hear-briefing]

Each run plays two calls of the dental office on the sandbox: engine and emulators over loopback sockets, with the
delays of the vendors as the emulators have them. In the first, Dana picks up and presses one at once (with
`--hear-briefing`: when she is asked to); in the second, Dana is busy and Luis does not answer. Printed are medians.

What is measured, and why so:

- *Call time* is what the people on the phone experience. The sandbox's clock goes only while everybody waits, so
  whatever is computed costs no call time; and while it goes faster than the wall, waiting for the disk counts for more
  than it is. So the three stretches are played at speed 1, and each moment is taken on the wall clock as well.
- *Engine* is the wall time of the steps in which everybody waits for us: from a request's arrival at the engine to its
  answer, from the event that decides to the order at the carrier's door, from the carrier's news to the first word in
  the caller's ear. It holds what the engine computes, its writing of the journal, its sockets, the voice it waits for,
  and whatever the emulators computed in the same process meanwhile: it errs against us.
- *Carrier and people* are the other steps: dialling, the network's share of a webhook, the answer to an order by REST
  and the redirect after it, words spoken to their end, and a hand on its way to a key.
  So are the flow's own words before phones ring (`say_before`): they are spoken whole first, by design, and a shorter
  sentence is a shorter way to the first ring. Nothing is asked before them here, for no field is required.
- *Processor* is the processor time of the whole process, emulators included, during the engine's steps: an upper bound
  for the engine's own. *Deciding* is `step()` alone, the pure core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from handoff_watch import FAST, Moment, Seen, watching

from flowengine.flow.compiler import compile_flow
from flowengine.flow.hours import moment
from flowengine.sandbox.scenario import Scenario, changed, read_scenario
from flowengine.sandbox.world import Options, World, play

FLOW = Path(__file__).resolve().parent.parent / "flows" / "dental_office.yaml"
ENGINE, OTHERS = "engine", "carrier and people"
AIMS = {"decision to first ring": 0.5, "pick-up to connected": 1.5, "failure to the next word": 1.0}  # of the engine

TALK = """
about: A hand-off to the front desk, decided at the caller's first words.
flow: dental_office
at: Tue 10 Nov 2026 10:15am
change:
  receptionist: {find_out: [{field: caller_name}, {field: callback_number}, {field: been_here_before}, {field: reason}]}
  transfer: {ring_for: 10s}
caller:
  - says: I need a refund for my last visit.
"""
ACCEPTS = "  - {hears: Dana speaking}\n  - {waits: 1s}\n  - {hangs_up: true}\nstaff:\n  Dana: [accepts, {rings: 2s}, "
AT_ONCE = ACCEPTS + '{waits: 0s}, {presses: "1"}, {joined: true}, {says: Dana speaking.}]\n'
HEARS_OUT = ACCEPTS + "{says: Dana speaking.}]\n"
NOBODY = "  - {hears: No one is free}\n  - {waits: 1s}\n  - {hangs_up: true}\nstaff: {Dana: busy, Luis: no answer}\n"


# ---- what it amounts to ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Phase:
    """A step on the way, and who is waited for in it. Seconds of call, wall, processor, `step()`."""

    name: str
    owner: str
    call: float
    wall: float
    processor: float
    deciding: float


Figure = list[Phase]


def phases(seen: Seen, *stops: tuple[str, str, Moment]) -> Figure:
    """The way from the first stop on: each stop names the step that leads to it, and who is waited for in it."""
    made = []
    for (_, _, begin), (name, owner, end) in pairwise(stops):
        deciding = sum(took for at, took in seen.deciding if begin.wall < at <= end.wall)
        made.append(
            Phase(name, owner, end.call - begin.call, end.wall - begin.wall, end.processor - begin.processor, deciding)
        )
    return made


def decision_to_ring(seen: Seen) -> Figure:
    decided = seen.first("decided")
    ordered = seen.first("ordered", decided)
    line = [word for word in seen.spoken(decided) if word[2].wall <= ordered.wall]
    return phases(
        seen,
        ("", "", decided),
        ("until the hand-off line is heard to begin", ENGINE, line[0][1]),
        ("the hand-off line is spoken", OTHERS, line[-1][2]),
        ("until the order to ring is at the carrier", ENGINE, ordered),
        ("the carrier dials", OTHERS, seen.first("ringing", ordered)),
    )


def pick_up_to_connected(seen: Seen) -> Figure:
    """Along the way of whoever comes into the room last: the caller by REST, or the person by the answer to the key."""
    up = seen.first("picked up")
    asked, key = seen.first("asked answer", up), seen.first("key", up)
    told, pressed = seen.first("told answer", asked), seen.first("asked key", key)
    stops = [
        ("", "", up),
        ("the carrier asks what this phone hears (network)", OTHERS, asked),
        ("the briefing as a document", ENGINE, told),
        ("hello and as much of the briefing as is heard, until the key", OTHERS, key),
        ("the carrier tells of the key (network)", OTHERS, pressed),
    ]
    staff, caller = seen.first("in room staff", up), seen.first("in room caller", up)
    if staff.wall > caller.wall:
        ordered, way, last = seen.first("told key", pressed), "into the room (document's gap)", staff
    else:
        ordered, way, last = seen.first("moved caller", pressed), "the caller moved (REST, redirect, gap)", caller
    return phases(seen, *stops, ("until both are sent into the room", ENGINE, ordered), (way, OTHERS, last))


def failure_to_word(seen: Seen) -> Figure:
    over = seen.first("rang out")
    told = seen.first("asked status", over)
    return phases(
        seen,
        ("", "", over),
        ("the carrier tells that the phone rang out (network)", OTHERS, told),
        ("until the receptionist is heard to speak", ENGINE, seen.spoken(told)[0][1]),
    )


# ---- the runs --------------------------------------------------------------------------------------------------------


def played(script: str, *, accepts: bool) -> Seen:
    scenario: Scenario = read_scenario("benchmark", TALK + script)
    seen, text = Seen(), FLOW.read_text("utf-8")
    flow = compile_flow(changed(text, scenario.change), str(FLOW))

    with ExitStack() as stack:

        def watch(world: World) -> None:
            stack.enter_context(watching(seen, accepts=accepts))

        play(str(FLOW), text, moment(flow, scenario.at), scenario, Options(speed=FAST), watch)
    return seen


def run(script: str) -> dict[str, Figure]:
    accepted, failed = played(script, accepts=True), played(NOBODY, accepts=False)
    found = (decision_to_ring(accepted), pick_up_to_connected(accepted), failure_to_word(failed))
    return dict(zip(AIMS, found, strict=True))


@dataclass(frozen=True, slots=True)
class Result:
    """Medians of all runs, seconds; `worst` is the engine's longest."""

    name: str
    aim: float
    call: float
    carrier_and_people: float
    engine: float
    worst: float
    processor: float
    deciding: float
    phases: tuple[Phase, ...]


def result(name: str, figures: list[Figure]) -> Result:
    def total(owner: str, clock: str) -> list[float]:
        return [sum(getattr(p, clock) for p in figure if p.owner == owner) for figure in figures]

    steps = zip(*figures, strict=True)
    clocks = ("call", "wall", "processor", "deciding")
    return Result(
        name,
        AIMS[name],
        _middle(sum(p.call for p in figure) for figure in figures),
        _middle(total(OTHERS, "call")),
        _middle(total(ENGINE, "wall")),
        round(max(total(ENGINE, "wall")), 4),
        _middle(total(ENGINE, "processor")),
        _middle(total(ENGINE, "deciding")),
        tuple(Phase(s[0].name, s[0].owner, *(_middle(getattr(p, c) for p in s) for c in clocks)) for s in steps),
    )


def _middle(seconds: Iterable[float]) -> float:
    return round(median(seconds), 4)


def machine() -> dict[str, object]:
    model = [line for line in _cpuinfo().splitlines() if line.startswith("model name")]
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": model[0].partition(":")[2].strip() if model else platform.processor() or "unknown",
        "cores": os.cpu_count(),
    }


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return ""


def show(made: Result) -> None:
    verdict = "held" if made.engine <= made.aim else "MISSED"
    print(
        f"\n{made.name}: {made.call:.2f} s of call time, of which carrier and people {made.carrier_and_people:.2f} s\n"
        f"  engine on top {made.engine:.3f} s (worst {made.worst:.3f} s), aim under {made.aim} s: {verdict}\n"
        f"  in it: processor at most {made.processor * 1e3:.0f} ms, deciding {made.deciding * 1e3:.1f} ms"
    )
    for phase in made.phases:
        seconds = phase.wall if phase.owner == ENGINE else phase.call
        print(f"    {seconds:>7.3f} s  {phase.owner:<18}  {phase.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description="How long a hand-off takes, in the sandbox.")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="one object on stdout instead of a table")
    parser.add_argument("--hear-briefing", action="store_true", help="the key is pressed when the briefing asks for it")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs needs at least one")
    runs = []
    for n in range(given.runs):
        print(f"\rrun {n + 1} of {given.runs}", end="", file=sys.stderr, flush=True)
        runs.append(run(HEARS_OUT if given.hear_briefing else AT_ONCE))
    print(file=sys.stderr)
    results = [result(name, [figures[name] for figures in runs]) for name in AIMS]
    if given.json:
        made = {"machine": machine(), "runs": given.runs, "figures": [asdict(r) for r in results]}
        print(json.dumps(made, indent=2))
        return
    print(f"Medians of {given.runs} runs on: {', '.join(f'{k} {v}' for k, v in machine().items())}")
    for each in results:
        show(each)


if __name__ == "__main__":
    main()
