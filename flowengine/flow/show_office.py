"""The values of the office, its people, its receptionist and her tools."""

from __future__ import annotations

from collections.abc import Iterator

from flowengine.flow import spelling
from flowengine.flow.model import (
    Field,
    Flow,
    Path,
    Person,
    Tool,
)
from flowengine.flow.show_value import Plain, Value, at, hours, spoken


def of_office(flow: Flow) -> Iterator[Value]:
    """Its name, clock, numbers and facts."""
    office = flow.office
    yield at(("office", "name"), office.name)
    yield at(("office", "timezone"), office.timezone)
    numbers: Path = ("office", "phone_numbers")
    if any(office.phone_numbers.values()):
        for number, name in office.phone_numbers.items():
            yield at((*numbers, name), number, numbers)
    else:
        yield at(numbers, tuple(office.phone_numbers))
    yield at(("office", "calls_arrive_by"), office.calls_arrive_by)
    for name, fact in office.facts.items():
        yield at(("office", "facts", name), fact)


def of_exceptions(flow: Flow) -> Iterator[Value]:
    """What holds on particular dates."""
    for i, exception in enumerate(flow.exceptions):
        place: Path = ("hours", "exceptions", i)
        path: Path = ("hours", "exceptions", spelling.dates(exception.dates))
        yield Value((*path, "hours"), spelling.spans(exception.spans), ((*place, "hours"), place))
        if exception.name:
            yield Value((*path, "name"), exception.name, ((*place, "name"), place))


# ---- people ----------------------------------------------------------------------------------------------------------


def of_person(flow: Flow, person: Person) -> Iterator[Value]:
    """Somebody with phones, hours and absences."""
    path: Path = ("people", person.key)
    place = path if path in flow.origins else _listed_at(flow, person.key) or path

    def word(name: str, value: Plain) -> Value:
        return Value((*path, name), value, ((*place, name),))

    yield word("name", person.name)
    phones = tuple(p for p in person.phones if not p.startswith("sip:"))
    addresses = tuple(p for p in person.phones if p.startswith("sip:"))
    yield from (word(name, found) for name, found in (("phone", phones), ("sip", addresses)) if found)
    if person.extension:
        yield word("extension", person.extension)
    if person.languages:
        yield word("languages", person.languages)
    if person.hours is None:
        yield word("hours", "always")
    else:
        yield from hours(flow, (*path, "hours"), person.hours, (*place, "hours"))
    for i, away in enumerate(person.away):
        instead = away.replaced_by or "nobody"
        entry: Path = (*place, "away", i)
        yield Value((*path, "away", spelling.dates(away.dates)), instead, (entry, (*entry, "dates"), (*place, "away")))
    yield word("callers_may_ask_for", person.callers_may_ask_for)


def _listed_at(flow: Flow, person: str) -> Path | None:
    """Where somebody listed only in a department stands."""
    members = ((d.key, i, m) for d in flow.departments.values() for i, m in enumerate(d.people))
    return next((("departments", key, "people", i) for key, i, member in members if member.person == person), None)


# ---- the receptionist ------------------------------------------------------------------------------------------------


def of_receptionist(flow: Flow) -> Iterator[Value]:
    """What she is called, says, may and must not do, and finds out."""
    who, path = flow.receptionist, "receptionist"
    yield at((path, "name"), who.name)
    yield at((path, "voice"), who.voice)
    yield at((path, "languages"), who.languages)
    yield from spoken(flow, (path, "greeting"), who.greeting)
    yield from spoken(flow, (path, "greeting_when_closed"), who.greeting_when_closed)
    for name in ("manner", "may_help_with", "must_not"):
        if value := getattr(who, name):
            yield at((path, name), value)
    for i, field in enumerate(who.find_out):
        yield from _field(field, (path, "find_out", i))


def _field(field: Field, place: Path) -> Iterator[Value]:
    for name in ("type", "required", "private", "choices", "start_from"):
        value = getattr(field, name)
        if value not in ("", ()):
            plain = str(value) if name == "type" else value
            yield Value((*place[:-1], field.name, name), plain, ((*place, name),))


def of_tool(tool: Tool, place: Path) -> Iterator[Value]:
    """Something she may do besides talk."""
    path: Path = ("tools", tool.name)
    yield Value((*path, "does"), tool.does, ((*place, "does"),))
    for argument in tool.asks_for:
        kind: Plain = argument.choices or str(argument.type)
        yield Value((*path, "asks_for", argument.name), kind, ((*place, "asks_for", argument.name),))
    if tool.sends_to:
        yield Value((*path, "sends_to"), tool.sends_to, ((*place, "sends_to"),))
    else:
        yield Value((*path, "calls", "post"), tool.post, ((*place, "calls", "post"),))
        yield Value((*path, "calls", "timeout"), spelling.duration(tool.timeout), ((*place, "calls", "timeout"),))
