"""Checks of phone numbers: nobody rings the office or the caller back, none is listed twice, none is a slip."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from flowengine.flow import read
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Flow, KnownCaller, Path, Rule, ToDepartment
from flowengine.flow.routing import walk

_STAFF = (("people", "*", "phone"), ("departments", "*", "people", "*", "phone"))


def _office_numbers(doc: Document) -> list[tuple[Path, str]]:
    found: Any = [*doc.each("office", "phone_numbers"), *doc.each("office", "phone_numbers", "*")]
    return [(path, number) for path, number in found if isinstance(number, str)]


def rings_itself(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """No staff phone is a number of the office, which would ring us again."""
    office = {number for _, number in _office_numbers(doc)}
    for place in _STAFF:
        for path, number in doc.each(*place, "*"):
            if number in office:
                yield doc.diagnose(
                    path,
                    "rings-itself",
                    f"{number} is a number of the office itself, so the call would come back here",
                    "write the person's own number",
                )


def rings_the_caller(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A rule for known callers does not lead to people whose own phone is one of those callers'."""
    for i, rule in enumerate(flow.rules):
        if not isinstance(rule.condition, KnownCaller):
            continue
        theirs = {number for group in rule.condition.groups for number in flow.known_callers.get(group, ())}
        for person in _rung(flow, rule) if theirs else ():
            own = next((phone for phone in flow.people[person].phones if phone in theirs), None)
            if own is not None:
                name = flow.people[person].name
                said = f"this may ring {name} at {own}, the very phone of a known caller it is meant for"
                help = f"leave the number out of the group, or {name} out of the list"
                yield doc.diagnose(("when_to_transfer", i, "known_caller"), "rings-itself", said, help, key=True)


def _rung(flow: Flow, rule: Rule) -> dict[str, None]:
    """Everybody a rule may ring, in order."""
    walks = [walk(flow, rule.to, rule.if_no_one_answers, enough=flow.most_phones_rung)]
    if isinstance(rule.to_when_closed, ToDepartment):
        walks.append(walk(flow, rule.to_when_closed, enough=flow.most_phones_rung))
    return dict.fromkeys(person for way in walks for _, people in way.stages for person in people)


def number_twice(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """The office's numbers differ, and a person's; two people may share a phone."""
    lists = [_office_numbers(doc)]
    for place in _STAFF:
        lists += [[((*path, i), n) for i, n in enumerate(v)] for path, v in doc.each(*place) if isinstance(v, list)]
    for numbers in lists:
        first: dict[str, int] = {}
        for path, number in numbers:
            if number in first:
                said = f"{number} is listed already, on line {first[number]}"
                yield doc.diagnose(path, "number-twice", said, "correct a digit, or leave it out once")
            elif number is not None:
                first[number] = doc.extent(path).line


def unassigned_phone(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """A number no carrier has given out is probably a slip of the finger."""
    places = (*((*place, "*") for place in _STAFF), ("known_callers", "*", "*"))
    staff = [found for place in places for found in doc.each(*place)]
    for path, number in [*_office_numbers(doc), *staff]:
        if isinstance(number, str) and not read.assigned(number):
            said = f"{number} lies in a range nobody has been given"
            yield doc.diagnose(path, "phone-unassigned", said, "check the digits", severity="warning")
