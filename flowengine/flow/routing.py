"""Who is rung at a moment: departments, hours, absences and fallback lists, walked flat (language.md section 5)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from flowengine.flow import hours
from flowengine.flow.model import (
    DateRange,
    Flow,
    Member,
    Opening,
    Person,
    ReceptionistStep,
    Ring,
    Rule,
    Step,
    ToDepartment,
)

MOST_PEOPLE = 1000  # of one plan; far more than any call can ring


class Now:
    """A moment of a flow; each of its opening hours and dates is looked up once, however many departments ask."""

    def __init__(self, flow: Flow, at: datetime) -> None:
        self.flow, self.at = flow, at
        self._open: dict[Opening, bool] = {}
        self._on: dict[DateRange, bool] = {}

    def open(self, opening: Opening) -> bool:
        """Whether these hours hold."""
        if opening not in self._open:
            self._open[opening] = hours.is_open(self.flow, opening, self.at)
        return self._open[opening]

    def on(self, dates: DateRange) -> bool:
        """Whether today is one of these dates."""
        if dates not in self._on:
            self._on[dates] = hours.on_dates(self.flow, dates, self.at)
        return self._on[dates]


@dataclass(frozen=True, slots=True)
class Stage:
    """People of one department (keys of `Flow.people`) who are open now and not rung yet, and how they are rung."""

    department: str
    people: tuple[str, ...]
    ring: Ring


@dataclass(frozen=True, slots=True)
class RingPlan:
    """Stages in order, and the step that follows when nobody took the call. `department` is the first rung, or the
    target when nobody can be rung ("" when the target is no department)."""

    department: str
    stages: tuple[Stage, ...]
    then: Step


@dataclass(frozen=True, slots=True)
class Walk:
    """A fallback list laid flat: each department once with its candidates, and the step at the end."""

    stages: tuple[tuple[str, tuple[str, ...]], ...]
    then: Step


def first_step(flow: Flow, rule: Rule, at: datetime, *, already_rung: Collection[str] = ()) -> Step:
    """Where a rule leads at a moment: `to_when_closed` replaces a target that has nobody to ring, unless the
    replacement has nobody either."""
    if (
        not isinstance(rule.to, ToDepartment)
        or rule.to_when_closed is None
        or _someone(flow, rule.to, at, already_rung)
    ):
        return rule.to
    return rule.to_when_closed if _someone(flow, rule.to_when_closed, at, already_rung) else rule.to


def _someone(flow: Flow, step: Step, at: datetime, already_rung: Collection[str]) -> bool:
    """Whether a step leads anywhere now: a department with somebody to ring, or anything that is no department."""
    return not isinstance(step, ToDepartment) or bool(ringable(flow, step.department, at, already_rung))


def ring_list(
    flow: Flow, target: Step | str, at: datetime, *, already_rung: Collection[str] = (), rule: Rule | None = None
) -> RingPlan:
    """The plan for a step or a department's key. With the rule that fired, its `to_when_closed` and its own
    `if_no_one_answers` count."""
    step = ToDepartment(target) if isinstance(target, str) else target
    own = None
    if rule is not None and step == rule.to:
        step = first_step(flow, rule, at, already_rung=already_rung)
        own = rule.if_no_one_answers if step == rule.to else None
    flat = walk(flow, step, own, lambda department: ringable(flow, department, at, already_rung))
    stages = tuple(Stage(d, people, flow.departments[d].ring) for d, people in flat.stages if people)
    target_key = step.department if isinstance(step, ToDepartment) else ""
    return RingPlan(stages[0].department if stages else target_key, stages, flat.then)


def ring_person(flow: Flow, person: str, at: datetime, *, already_rung: Collection[str] = ()) -> RingPlan:
    """The plan for somebody asked for by name: that person, then the first department they belong to as usual."""
    department = first_department(flow, person)
    if department is None:
        return RingPlan("", (), ReceptionistStep())
    usual = ring_list(flow, department, at, already_rung=already_rung)
    if person not in ringable(flow, department, at, already_rung):
        return usual
    left = (Stage(s.department, tuple(p for p in s.people if p != person), s.ring) for s in usual.stages)
    first = Stage(department, (person,), Ring.IN_ORDER)
    return RingPlan(department, (first, *(stage for stage in left if stage.people)), usual.then)


def first_department(flow: Flow, person: str) -> str | None:
    """The first department of the file that lists this person."""
    return next((d.key for d in flow.departments.values() if any(m.person == person for m in d.people)), None)


def walk(
    flow: Flow,
    step: Step,
    own: tuple[Step, ...] | None = None,
    people: Callable[[str], tuple[str, ...]] | None = None,
    enough: int = MOST_PEOPLE,
) -> Walk:
    """Lay a step's fallback list flat. Inner departments lend their people only, the last one goes on with its own
    list; a list is walked once, so this ends even for lists that run in a circle. `own` replaces the first list;
    after `enough` people, or ten times as many departments, no further list is opened."""
    if not isinstance(step, ToDepartment):
        return Walk((), step)
    lend = people or (lambda department: tuple(dict.fromkeys(m.person for m in flow.departments[department].people)))
    stages: dict[str, tuple[str, ...]] = {}
    walked: set[str] = set()
    at, steps = step.department, (step, *(own if own is not None else ()))
    seen: set[str] = set()
    while True:
        for one in steps:
            if not isinstance(one, ToDepartment):
                return Walk(tuple(stages.items()), one)
            at = one.department
            fresh = tuple(p for p in lend(at) if p not in seen)
            stages.setdefault(at, fresh)
            seen.update(fresh)
        if at in walked or len(seen) >= enough or len(stages) >= 10 * enough:
            return Walk(tuple(stages.items()), ReceptionistStep())
        walked.add(at)
        steps = flow.departments[at].if_no_one_answers


def ringable(flow: Flow, department: str, at: datetime, already_rung: Collection[str] = ()) -> tuple[str, ...]:
    """Keys of the people of a department who can be rung now, in order: both it and they are open, nobody twice."""
    return tuple(key for key in on_duty(department, Now(flow, at)) if key not in already_rung)


def on_duty(department: str, now: Now) -> tuple[str, ...]:
    """The same for a moment that many departments are asked about."""
    if not now.open(now.flow.departments[department].hours):
        return ()
    found = (_answers(member, now) for member in now.flow.departments[department].people)
    return tuple(dict.fromkeys(key for key in found if key))


def _answers(member: Member, now: Now) -> str | None:
    """Who answers for one entry of a list now: the person, the stand-in, or nobody."""
    if member.dates is not None and not now.on(member.dates):
        return None
    person = now.flow.people[member.person]
    opening = member.hours or person.hours
    if opening is not None and not now.open(opening):
        return None
    return _present(person, now, frozenset())


def _present(person: Person, now: Now, asked: frozenset[str]) -> str | None:
    """The person, or while away whoever stands in for them."""
    away = next((a for a in person.away if now.on(a.dates)), None)
    if away is None:
        return person.key
    if away.replaced_by is None or away.replaced_by in asked:
        return None
    stand_in = now.flow.people[away.replaced_by]
    if stand_in.hours is not None and not now.open(stand_in.hours):
        return None
    return _present(stand_in, now, asked | {person.key})
