"""Small pieces of plain English: lists, counts, lengths of time, dates, quotes, and what a step does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, parse

from flowengine.flow import model
from flowengine.flow.model import DateRange, Department, Flow, Spoken, Step, YearlyDate
from flowengine.flow.names import DAYS, DIGITS, MONTHS, NTH

_UNITS = ((365.25 * 86400.0, "year"), (86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))
_HALVES = {30.0: "half a minute", 90.0: "a minute and a half", 1800.0: "half an hour", 5400.0: "an hour and a half"}
_NUMBERS = ("no", *DIGITS[1:], "ten")
_DETERMINERS = frozenset({"our", "the", "a", "an", "my", "one", "your", "somebody", "someone"})
_TIMES = {1: "once", 2: "twice"}
_NTH = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FILLED = {  # in a line, for what only a call knows
    "department": "[the department]",
    "person": "[the person]",
    "next_opening": "[the next opening]",
    "callback_time": "[by when]",
    "closed_because": "[the special day]",
    "waited": "[how long]",
    "not_answered": "[who did not pick up]",
}


def listed(items: Iterable[str], last: str = "and") -> str:
    """ "a, b and c"."""
    every = list(items)
    return f"{', '.join(every[:-1])} {last} {every[-1]}" if len(every) > 1 else "".join(every)


def counted(number: int, what: str, several: str = "") -> str:
    """ "one phone", "12 phones"; `several` where an s is not enough."""
    shown = _NUMBERS[number] if 0 <= number < len(_NUMBERS) else str(number)
    return f"{shown} {what if number == 1 else several or f'{what}s'}"


def times(number: int) -> str:
    """ "once", "twice", "three times"."""
    return _TIMES.get(number) or counted(number, "time")


def nth(number: int) -> str:
    """ "first", "third", "12th"."""
    if number < len(_NTH):
        return _NTH[number]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def duration(seconds: float) -> str:
    """ "20 seconds", "half a minute", "2 minutes and 10 seconds", "6 years"; of long ones the two largest units."""
    if seconds in _HALVES:
        return _HALVES[seconds]
    told: list[str] = []
    left = seconds
    for size, unit in _UNITS:
        number = int(left // size) if unit != "second" else round(left)
        if number and len(told) < 2:
            told.append(f"{number} {unit}{'' if number == 1 else 's'}")
            left -= number * size
    return listed(told) or "less than a second"


def quoted(text: str) -> str:
    """In the quotation marks of print, on one line."""
    return f"“{' '.join(text.split())}”"


def said(flow: Flow, line: Spoken, department: str = "") -> str:
    """A spoken line with its placeholders in words, other languages behind it."""
    known = {**_FILLED, "office": flow.office.name, "receptionist": flow.receptionist.name}
    if department:
        known["department"] = department
    others = (f"in {name} {_line(text, known)}" for name, text in line.by_language.items() if text != line.text)
    return ", ".join((_line(line.text, known), *others))


def _line(text: str, known: Mapping[str, str]) -> str:
    return quoted(_PLACEHOLDER.sub(lambda match: known.get(match[1], f"[{plain(match[1])}]"), text))


def plain(name: str) -> str:
    """A name of the file as words: "caller name"."""
    return name.replace("_", " ")


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends with a sign of its own."""
    return text if text.endswith((".", "!", "?", ".”", "!”", "?”")) else f"{text}."


def phone(address: str) -> str:
    """A number in the groups people read it in; a SIP address without its scheme."""
    if address.startswith("sip:"):
        return address.removeprefix("sip:")
    try:
        return format_number(parse(address), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return address


def called(department: Department) -> str:
    """A department as it stands in a sentence; one that is called by a bare word is named as a department."""
    first = department.say_as.split()[0] if department.say_as.split() else ""
    apart = first.lower() in _DETERMINERS or first[:1].isupper()
    return department.say_as if apart else f"the department {quoted(department.say_as)}"


# ---- dates -----------------------------------------------------------------------------------------------------------


def dates(range: DateRange) -> str:
    """ "25 December", "24 to 26 December", "the fourth Thursday of November", "31 December to 2 January"."""
    first, last = range.first, range.last
    if first == last:
        return _date(first)
    if first.day is not None and last.day is not None and (first.month, first.year) == (last.month, last.year):
        return f"{first.day} to {_date(last)}"
    return f"{_date(first)} to {_date(last)}"


def _date(day: YearlyDate) -> str:
    year = f" {day.year}" if day.year is not None else ""
    month = MONTHS[day.month - 1]
    if day.day is not None:
        return f"{day.day} {month}{year}"
    return f"the {NTH[day.nth or 1]} {DAYS[day.weekday or 0]} of {month}{year}"


# ---- steps -----------------------------------------------------------------------------------------------------------


def step(flow: Flow, to: Step) -> str:
    """What is done: "our front desk is rung", "a message is taken"."""
    match to:
        case model.ToDepartment(department):
            return f"{called(flow.departments[department])} is rung"
        case model.TakeMessageStep():
            return "a message is taken"
        case model.CallbackStep():
            return "a call back is promised"
        case model.VoicemailStep():
            return "the caller is asked to leave a voicemail"
        case model.ReceptionistStep():
            return f"the caller is back with {flow.receptionist.name}, who knows what happened"
        case model.HangUpStep(line):
            return f"the caller hears {said(flow, line)} and the call ends"
        case _:
            assert_never(to)


def steps(flow: Flow, to: Sequence[Step]) -> str:
    """Several, one after another."""
    return ", then ".join(step(flow, one) for one in to)
