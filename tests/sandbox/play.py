"""Plays a scenario on the whole world: engine and emulators over sockets, in paced time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flowengine.flow.compiler import compile_flow
from flowengine.flow.hours import moment
from flowengine.sandbox.scenario import Scenario, changed, scenarios
from flowengine.sandbox.verdict import judge
from flowengine.sandbox.world import Options, World, play
from tests.migrated import migrated
from tests.sandbox.invariants import Journals

FLOWS = Path(__file__).parents[2] / "flows"
SPEED = 50.0
_SENTENCES = TemporaryDirectory(prefix="flowengine-sentences-")  # rendered once for all calls of this process


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it: the report, what of the expectation did not hold, the world as it was left, and its journals."""

    report: dict[str, Any]
    failures: list[str]
    world: World
    journals: Journals

    def heard(self, what: str, side: str = "caller_heard") -> list[str]:
        """The sentences of one kind that a side heard."""
        return [s["text"] for s in self.report[side] if s["what"] == what and s["text"]]

    def times(self, kind: str) -> list[float]:
        return [event["at"] for event in self.report["events"] if event["type"] == kind]


@cache
def known() -> dict[str, Scenario]:
    return scenarios()


def played(
    name: str,
    options: Options = Options(speed=SPEED),  # noqa: B008  # frozen
    *,
    change: Callable[[str], str] = lambda text: text,
    scenario: Callable[[Scenario], Scenario] = lambda s: s,
    watch: Callable[[World], None] = lambda world: None,
    folder: Path = FLOWS,
) -> Played:
    """One scenario; `change` edits the flow's text, `scenario` the script; the flow stands in `folder`."""
    script = scenario(known()[name])
    file = folder / f"{script.flow}.yaml"
    text = change((FLOWS / file.name).read_text("utf-8"))
    flow = compile_flow(changed(text, script.change), str(file))
    seen_of: list[tuple[World, Journals]] = []

    def seen(world: World) -> None:
        seen_of.append((world, Journals(world)))
        watch(world)

    with TemporaryDirectory(prefix="flowengine-") as place:
        report = play(str(file), text, moment(flow, script.at), script, cheaper(options, place), watch=seen)
    return Played(report, judge(script.expect, report), *seen_of[0])


@cache
def as_it_stands(name: str) -> Played:
    """A scenario nothing of which is changed, played once for all tests of a process; they only look at it."""
    return played(name)


def cheaper(options: Options, place: str) -> Options:
    """With a database whose tables are there, and the fixed sentences of earlier calls."""
    database = options.database_url or f"sqlite:///{migrated(Path(place, 'calls.db'))}"
    return replace(options, database_url=database, sentences=Path(_SENTENCES.name))
