"""Which rules, departments and fallbacks of a flow its tests reach, and which none does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flowengine.call.closing import outcome_of
from flowengine.call.rehearsal import Rehearsal
from flowengine.call.state import Handoff, handoffs
from flowengine.flow import model
from flowengine.flow.model import Flow, Step, ToDepartment
from flowengine.flow.spelling import step_name


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a flow that a test can reach. `path` is where it stands in the file."""

    kind: str  # rule | department | fallback
    name: str
    path: model.Path


def parts(flow: Flow) -> tuple[Part, ...]:
    """Everything there is to reach, in the order of the file."""
    return (*_departments(flow), *_rules(flow))


def reached(flow: Flow, rehearsals: Iterable[Rehearsal]) -> frozenset[Part]:
    """What these calls reached."""
    happened = [h for rehearsal in rehearsals for h in handoffs(rehearsal.call)]
    return frozenset(part for part in parts(flow) if any(_reaches(flow, part, h) for h in happened))


def _departments(flow: Flow) -> Iterator[Part]:
    for key, department in flow.departments.items():
        place: model.Path = ("departments", key)
        yield Part("department", key, place)
        for i, step in enumerate(department.if_no_one_answers):
            yield Part("fallback", f"{key}, nobody answers: {step_name(step)}", (*place, "if_no_one_answers", i))


def _rules(flow: Flow) -> Iterator[Part]:
    for i, rule in enumerate(flow.rules):
        place: model.Path = ("when_to_transfer", i)
        yield Part("rule", rule.key, place)
        if rule.to_when_closed:
            yield Part("fallback", f"{rule.key}, closed: {step_name(rule.to_when_closed)}", (*place, "to_when_closed"))
        for n, step in enumerate(rule.if_no_one_answers or ()):
            yield Part("fallback", f"{rule.key}, nobody answers: {step_name(step)}", (*place, "if_no_one_answers", n))


def _reaches(flow: Flow, part: Part, handoff: Handoff) -> bool:
    rung = [attempt.target.department for attempt in handoff.attempts]
    match part.path:
        case ("departments", str(key)):
            return key in rung
        case ("departments", str(key), _, int(i)):
            return key in rung and _comes_to(flow.departments[key].if_no_one_answers[i], handoff, rung)
        case ("when_to_transfer", int(i)):
            return flow.rules[i].key == handoff.rule
        case ("when_to_transfer", int(i), "to_when_closed"):
            rule = flow.rules[i]
            return rule.key == handoff.rule and rule.to_when_closed is not None and _leads(rule.to_when_closed, handoff)
        case ("when_to_transfer", int(i), _, int(n)):
            rule = flow.rules[i]
            own = rule.if_no_one_answers or ()
            return rule.key == handoff.rule and _comes_to(own[n], handoff, rung)
    return False


def _comes_to(step: Step, handoff: Handoff, rung: list[str]) -> bool:
    """Whether a hand-off went on to a step after nobody had answered."""
    if isinstance(step, ToDepartment):
        return step.department in rung[1:] and step.department != rung[0]
    return handoff.outcome == outcome_of(step)[0] and handoff.then == step


def _leads(step: Step, handoff: Handoff) -> bool:
    """Whether a hand-off began with a step."""
    if isinstance(step, ToDepartment):
        return handoff.department == step.department
    return not handoff.attempts and handoff.then == step
