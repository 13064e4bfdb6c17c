"""The values of departments and rules; each word of a transfer is resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from flowengine.flow import spelling
from flowengine.flow.abilities import briefing_for
from flowengine.flow.model import (
    Department,
    Flow,
    Member,
    Method,
    Path,
    Rule,
    Spoken,
    Transfer,
    WeeklyHours,
)
from flowengine.flow.show_conditions import condition_words
from flowengine.flow.show_value import Plain, Value, at, hours, spoken, steps


def of_department(flow: Flow, department: Department) -> Iterator[Value]:
    """Whom it rings, and every word of its transfer."""
    path: Path = ("departments", department.key)
    yield at((*path, "say_as"), department.say_as)
    if isinstance(department.hours, WeeklyHours):
        yield from hours(flow, (*path, "hours"), department.hours)
    else:
        yield at((*path, "hours"), str(department.hours))
    yield at((*path, "people"), tuple(member.person for member in department.people))
    for i, member in enumerate(department.people):
        yield from _member(flow, member, (*path, "people", i))
    yield at((*path, "ring"), str(department.ring))
    yield steps((*path, "if_no_one_answers"), department.if_no_one_answers)
    yield from _transfer(flow, department, path)


def _member(flow: Flow, member: Member, place: Path) -> Iterator[Value]:
    """What an entry of a department's list says beside the person."""
    path: Path = (*place[:-1], member.person)
    if member.hours is not None:
        yield from hours(flow, (*path, "hours"), member.hours, (*place, "hours"))
    if member.dates is not None:
        yield Value((*path, "dates"), spelling.dates(member.dates), ((*place, "dates"), place))


def _transfer(flow: Flow, department: Department, path: Path) -> Iterator[Value]:
    """Every word of a transfer: from the department, from `transfer` (`hold` for the longest wait), or built in."""
    for each in fields(Transfer):
        word, value = each.name, getattr(department.transfer, each.name)
        here: Path = (*path, word)
        if word == "briefing" and (real := briefing_for(department.transfer)) != value:
            yield Value(here, str(real), tuple(_not_briefed_because(department, path)))
            continue
        general: Path = ("hold" if word == "longest_wait" else "transfer", word)
        match value:
            case Spoken():
                yield from spoken(flow, here, value, general)
            case float():
                yield at(here, spelling.duration(value), general)
            case "":
                pass
            case str():
                yield at(here, str(value), general)
            case _:
                yield at(here, spelling.step(value), general)


def _not_briefed_because(department: Department, path: Path) -> Iterator[Path]:
    """Where it is said that nobody is briefed: by the method, or by asking for no key."""
    word = "accept" if department.transfer.method is Method.CONFERENCE else "method"
    yield from ((*path, word), ("transfer", word))


# ---- rules -----------------------------------------------------------------------------------------------------------


def of_rule(flow: Flow, rule: Rule, place: Path) -> Iterator[Value]:
    """When it is true, and where it leads."""
    path: Path = ("when_to_transfer", rule.key)

    def word(name: str, value: Plain) -> Value:
        return Value((*path, name), value, ((*place, name),))

    yield from (word(name, value) for name, value in condition_words(rule.condition))
    for name, wanted in rule.only_if.items():
        yield Value((*path, "only_if", name), wanted, ((*place, "only_if", name), (*place, "only_if")))
    yield word("emergency", rule.emergency)
    may: Path = (*place, "receptionist_may_answer")
    places = ((*place, "emergency"),) if rule.emergency else (may,)  # an emergency implies it
    yield Value((*path, "receptionist_may_answer"), rule.receptionist_may_answer, places)
    if rule.say is not None:
        yield from (
            Value((*path, *v.path[len(place) :]), v.value, v.places) for v in spoken(flow, (*place, "say"), rule.say)
        )
    yield word("to", spelling.step(rule.to))
    if rule.to_when_closed is not None:
        yield word("to_when_closed", spelling.step(rule.to_when_closed))
    if rule.if_no_one_answers is not None:
        yield word("if_no_one_answers", tuple(map(spelling.step, rule.if_no_one_answers)))
