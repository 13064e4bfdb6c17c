"""Where a caller ends up: the table for one moment and sentence, and the matrix of every rule at every occasion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from flowengine.call import commands as c
from flowengine.call.expecting import Outcome, is_judged, outcome
from flowengine.call.probes import Probe, probes, says
from flowengine.call.rehearsal import Rehearsal, rehearse_at
from flowengine.call.scene import Heard
from flowengine.call.state import attempt_on
from flowengine.flow.abilities import ASKING_SECONDS
from flowengine.flow.hours import next_opening_words, office_open
from flowengine.flow.model import Flow, FlowTest
from flowengine.flow.occasions import Occasion, at_words, occasions, situation

OTHERWISE = "at any other time"


@dataclass(frozen=True, slots=True)
class Rung:
    """One phone rung: when (call seconds), whose, for which department, for how long at most, and what came of it."""

    at: float
    person: str
    department: str
    seconds: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of one caller."""

    got: Outcome
    asked: tuple[str, ...]
    rung: tuple[Rung, ...]
    caller_hears: tuple[str, ...]
    staff_hear: tuple[Heard, ...]
    judged: bool


def route(flow: Flow, test: FlowTest, at: datetime) -> Route:
    """The route of one call at a moment (aware)."""
    return route_of(flow, rehearse_at(flow, test, at))


def nobody(flow: Flow) -> Mapping[str, str]:
    """Staff outcomes of a day on which nobody answers a phone."""
    return {person.name: "no answer" for person in flow.people.values()}


def accepting(flow: Flow) -> Mapping[str, str]:
    """Staff outcomes of a day on which everybody takes every call."""
    return {person.name: "accepts" for person in flow.people.values()}


def route_of(flow: Flow, rehearsal: Rehearsal) -> Route:
    """What became of a rehearsed caller."""
    rings = [(s.event.at, command) for s in rehearsal.steps for command in s.commands]
    return Route(
        outcome(flow, rehearsal),
        rehearsal.call.asked,
        tuple(_rung(flow, rehearsal, at, command) for at, command in rings if isinstance(command, c.RingStaff))
        or _let_go(flow, rehearsal),
        tuple(dict.fromkeys(heard.text for heard in rehearsal.lines_heard)),
        rehearsal.staff_heard,
        is_judged(flow, rehearsal),
    )


def _rung(flow: Flow, rehearsal: Rehearsal, at: float, command: c.RingStaff) -> Rung:
    attempt = attempt_on(rehearsal.call, command.leg)
    assert attempt is not None
    name = flow.people[attempt.target.person].name
    return Rung(at, name, attempt.target.department, command.ring_seconds, attempt.outcome or "")


def _let_go(flow: Flow, rehearsal: Rehearsal) -> tuple[Rung, ...]:
    """Refer and dial ring nobody by an own leg: the caller is sent to the phone."""
    attempts = [a for h in (*rehearsal.call.past, rehearsal.call.handoff) if h for a in h.attempts]
    return tuple(
        Rung(
            a.started,
            flow.people[a.target.person].name,
            a.target.department,
            flow.departments[a.target.department].transfer.ring_for,
            a.outcome or "",
        )
        for a in attempts
    )


# ---- the chain: everybody who is rung until nobody is left -----------------------------------------------------------


def chain(flow: Flow, found: Route) -> str:
    """Who is rung in what order and what follows: "clinical: Hygiene desk + Dr. Reed 20 s, then front_desk: Dana 20 s,
    Luis 20 s, then take_message"."""
    together = [list(group) for _, group in groupby(found.rung, key=lambda rung: rung.at)]
    told = []
    for department, groups in groupby(together, key=lambda group: group[0].department):
        phones = ", ".join(f"{' + '.join(r.person for r in group)} {group[0].seconds:.0f} s" for group in groups)
        told.append(f"{department}{_way(flow, department)}: {phones}")
    return ", then ".join([*told, found.got.ends_with])


def _way(flow: Flow, department: str) -> str:
    method = str(flow.departments[department].transfer.method)
    return f" ({method})" if method != "conference" else ""


# ---- one moment and sentence -----------------------------------------------------------------------------------------


def table(flow: Flow, text: str, at: datetime, staff: Mapping[str, str]) -> Iterator[str]:
    """The table `flowengine route` prints for one sentence at one moment."""
    test = says(flow, text, staff)
    found = route(flow, test, at)
    unanswered = route(flow, replace(test, staff=nobody(flow)), at)
    rows = [*_decision(flow, found, at), *_ringing(flow, found), *_heard(found)]
    if found.rung and found.got.ends_with in ("connected", "referred", "dialled"):
        rows.append(("if nobody answers", chain(flow, unanswered)))
    width = max(len(label) for label, _ in rows)
    yield f"“{text}”"
    yield at_words(flow, at)
    yield ""
    before = ""
    for label, value in rows:
        yield f"{label if label != before else '':<{width}}  {value}"
        before = label


def _decision(flow: Flow, found: Route, at: datetime) -> Iterator[tuple[str, str]]:
    opens = next_opening_words(flow, at)
    yield "office", "open" if office_open(flow, at) else f"closed{f', open again {opens}' if opens else ''}"
    matched = f" ({found.got.matched})" if found.got.matched else ""
    yield "rule", f"{found.got.rule}{matched}" if found.got.rule != "none" else "none: the receptionist answers"
    if found.got.department:
        department = flow.departments[found.got.department]
        yield "department", f"{found.got.department} ({department.say_as})"
    if found.got.method:
        yield "method", found.got.method
    if found.asked:
        yield "asked first", f"{', '.join(found.asked)} ({ASKING_SECONDS:.0f} s at most)"


def _ringing(flow: Flow, found: Route) -> Iterator[tuple[str, str]]:
    begin = found.rung[0].at if found.rung else 0.0
    for rung in found.rung:
        when = f"after {rung.at - begin:.0f} s" if rung.at > begin else "at once"
        came = rung.outcome.replace("_", " ") or "still ringing"
        yield "rings", f"{rung.person} for {rung.seconds:.0f} s, {when}: {came}"


def _heard(found: Route) -> Iterator[tuple[str, str]]:
    for text in found.caller_hears:
        yield "the caller hears", f"“{text}”"
    for heard in found.staff_hear:
        yield "staff hear", f"{heard.who}: “{heard.text}”"
    connected = f", to {found.got.connected_to}" if found.got.connected_to else ""
    yield "ends with", f"{found.got.ends_with}{connected}"


# ---- every rule at every occasion ------------------------------------------------------------------------------------


def matrix(flow: Flow) -> Iterator[str]:
    """Every rule at every occasion, as lines small enough to keep beside the flow. Nobody answers, so that the whole
    list of people and what follows shows."""
    found = occasions(flow)
    yield f"# {flow.office.name}: who is rung when nobody answers ({flow.file.rsplit('/', 1)[-1]})"
    for number, occasion in enumerate(found, 1):
        opened = "office open" if situation(flow, occasion.moments[0])[0] else "office closed"
        yield f"# [{number}] {opened}: {words_of(flow, found, number - 1)}"
    yield ""
    for probe in probes(flow):
        yield from _probed(flow, probe, found)


def _probed(flow: Flow, probe: Probe, found: tuple[Occasion, ...]) -> Iterator[str]:
    yield f"{probe.rule}  {probe.about}"
    test = replace(probe.test, staff=nobody(flow))
    by_chain: dict[str, list[int]] = {}
    for number, occasion in enumerate(found, 1):
        got = route(flow, test, occasion.moments[0])
        other = "" if got.got.rule == probe.rule else f"{_instead(got)}: "
        by_chain.setdefault(f"{other}{chain(flow, got)}", []).append(number)
    yield from (f"  {_numbers(numbers)}  {told}" for told, numbers in by_chain.items())


def _instead(found: Route) -> str:
    return "no rule fires" if found.got.rule == "none" else f"{found.got.rule} fires first"


def _numbers(numbers: Iterable[int]) -> str:
    return f"[{' '.join(map(str, numbers))}]"


def words_of(flow: Flow, found: tuple[Occasion, ...], number: int, which: int = 0) -> str:
    """When one of several occasions is. The one that lasts longest while the office is closed needs no list of hours.
    `which` of an occasion's moments is the flow's."""
    closed = [o for o in found if not situation(flow, o.moments[which])[0]]
    longest = max(closed, key=_minutes) if len(found) > 1 and closed else None
    return OTHERWISE if found[number] is longest else found[number].words


def _minutes(occasion: Occasion) -> int:
    return sum(span.end - span.start for day in occasion.weekly.days for span in day)
