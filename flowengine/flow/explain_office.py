"""The office and its receptionist in sentences: when it is open, how callers are greeted, what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator

from flowengine.flow.abilities import ASKING_SECONDS
from flowengine.flow.hours import spans_words, week_words, weekdays_words
from flowengine.flow.model import (
    Argument,
    Department,
    Field,
    FieldType,
    Flow,
    HoursException,
    OpenRule,
    Person,
    Span,
    Tool,
    WeeklyHours,
)
from flowengine.flow.phrasing import called, capital, counted, dates, duration, listed, phone, plain, said, sentence
from flowengine.flow.read import DAY

_KINDS = {FieldType.PHONE: "a phone number", FieldType.DATE: "a date", FieldType.YES_OR_NO: "yes or no"}


def office(flow: Flow) -> Iterator[str]:
    """Numbers, hours, special days."""
    numbers = (f"{phone(n)} ({name})" if name else phone(n) for n, name in flow.office.phone_numbers.items())
    by_sip = " They come through the office's own phone system." if flow.office.calls_arrive_by == "sip" else ""
    yield f"Calls to {listed(numbers)} are calls to {flow.office.name}.{by_sip}"
    yield f"Open: {week_words(flow.hours)} (time of {flow.office.timezone})."
    if flow.exceptions:
        first = " The first that names a day counts." if len(flow.exceptions) > 1 else ""
        yield f"Special days: {'; '.join(map(_special, flow.exceptions))}.{first}"
    if flow.known_callers:
        groups = (f"{plain(group)} ({counted(len(known), 'number')})" for group, known in flow.known_callers.items())
        yield f"Known callers: {listed(groups)}."


def _special(exception: HoursException) -> str:
    when, hours = dates(exception.dates), spans_words(exception.spans)
    return f"{exception.name} ({when}) {hours}" if exception.name else f"{when} {hours}"


# ---- the receptionist ------------------------------------------------------------------------------------------------


def receptionist(flow: Flow) -> Iterator[str]:
    """Who answers, with which words, and what she may and must not do."""
    who = flow.receptionist
    name, languages = who.name, who.languages
    more = f", and goes on in {listed(languages[1:], 'or')} when the caller speaks it" if len(languages) > 1 else ""
    yield f"{name}, the automated receptionist, answers in {languages[0]}{more}. The voice is called {who.voice}."
    if who.manner:
        yield f"Manner: {sentence(who.manner)}"
    yield sentence(f"When the office is open, {name} begins: {said(flow, who.greeting)}")
    yield sentence(f"When it is closed: {said(flow, who.greeting_when_closed)}")
    if who.may_help_with:
        yield f"{name} may help with {listed(who.may_help_with)}; for anything else {name} offers to take a message."
    if who.must_not:
        yield f"{name} must not {listed(who.must_not, 'or')}."
    yield from _facts(flow)
    yield from (_tool(flow, tool) for tool in flow.tools)
    yield from _questions(flow)


def _facts(flow: Flow) -> Iterator[str]:
    if not flow.office.facts:
        yield f"Beside the hours {flow.receptionist.name} has no facts to tell."
        return
    yield f"Beside the hours, these are the only facts {flow.receptionist.name} may tell:"
    yield from (f"- {capital(plain(name))}: {sentence(fact)}" for name, fact in flow.office.facts.items())


def _tool(flow: Flow, tool: Tool) -> str:
    name = flow.receptionist.name
    asked = f" {name} asks for {listed(map(_argument, tool.asks_for))}." if tool.asks_for else ""
    if tool.sends_to:
        to = f"What comes of it goes to {called(flow.departments[tool.sends_to])}."
    else:
        to = f"It is passed to another system, which has {duration(tool.timeout)} to answer."
    return f"{name} can also do this: {sentence(tool.does)}{asked} {to}"


def _argument(argument: Argument) -> str:
    kind = listed(argument.choices, "or") or _KINDS.get(argument.type, "")
    return plain(argument.name) + (f" ({kind})" if kind else "")


def _questions(flow: Flow) -> Iterator[str]:
    name, fields = flow.receptionist.name, flow.receptionist.find_out
    if not fields:
        yield f"{name} asks nothing before a person takes over."
        return
    yield f"{name} finds out, in this order:"
    yield from (f"- {_field(field)}." for field in fields)
    if any(field.required for field in fields):
        most = duration(ASKING_SECONDS)
        yield f"What must be known and is missing is asked for once, for {most} at most; then phones ring anyway."


def _field(field: Field) -> str:
    kind = listed(field.choices, "or") or _KINDS.get(field.type, "")
    known = f"begins with {field.start_from}" if field.start_from else ""
    must = "must be known before phones ring" if field.required else ""
    notes = filter(None, (kind, known, must, "private" if field.private else ""))
    told = "; ".join(notes)
    return f"{capital(plain(field.name))} ({told})" if told else capital(plain(field.name))


# ---- closed ----------------------------------------------------------------------------------------------------------


def closed(flow: Flow) -> Iterator[str]:
    """What differs while the office is closed: who can still be rung, and which rules lead elsewhere."""
    if not flow.exceptions and all(day == (Span(0, DAY),) for day in flow.hours.days):
        yield "The office is never closed."
        return
    office = [called(d) for d in flow.departments.values() if d.hours == OpenRule.OFFICE]
    if office:
        yield f"{capital(listed(office))} cannot be rung while the office is closed."
    for hours, words in ((OpenRule.WHEN_CLOSED, "are rung only then"), (OpenRule.ALWAYS, "can be rung at any time")):
        names = [called(d) for d in flow.departments.values() if d.hours == hours]
        if names:
            yield f"{capital(listed(names))} {_agreeing(words, len(names))}."
    yield from (_own_hours(d) for d in flow.departments.values() if isinstance(d.hours, WeeklyHours))
    elsewhere = [rule.key for rule in flow.rules if rule.to_when_closed]
    if elsewhere:
        rules = "The rule" if len(elsewhere) == 1 else "The rules"
        yield f"{rules} {listed(elsewhere)} {'leads' if len(elsewhere) == 1 else 'lead'} elsewhere then, as told above."
    yield "Whoever cannot be rung at an hour is passed over, and the caller goes on to what comes next."
    if flow.exceptions:
        yield "On special days the hours of the day stand in place of everybody's usual hours."


def _agreeing(words: str, number: int) -> str:
    return words if number > 1 else words.replace("are ", "is ", 1)


def _own_hours(department: Department) -> str:
    assert isinstance(department.hours, WeeklyHours)
    hours = weekdays_words(department.hours) or "at no time"
    return f"{capital(called(department))} can be rung {hours}, whatever the office does."


# ---- people ----------------------------------------------------------------------------------------------------------


def people(flow: Flow) -> Iterator[str]:
    """Everybody with their numbers, hours and absences."""
    yield from (f"- {sentence('. '.join(_person(flow, person)))}" for person in flow.people.values())


def _person(flow: Flow, person: Person) -> Iterator[str]:
    extension = f", extension {person.extension}" if person.extension else ""
    yield f"{person.name}: {', then '.join(map(phone, person.phones))}{extension}"
    if person.hours is not None:
        yield f"There {weekdays_words(person.hours) or 'at no time'}"
    if person.languages:
        yield f"Speaks {listed(person.languages)}"
    for away in person.away:
        instead = f"; {flow.people[away.replaced_by].name} is rung instead" if away.replaced_by else ""
        yield f"Away {dates(away.dates)}{instead}"
    if not person.callers_may_ask_for:
        yield "Callers cannot ask for this name"
