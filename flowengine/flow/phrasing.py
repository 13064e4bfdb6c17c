"""Small pieces of plain English: lists, counts, durations, quotes, and where a step leads."""

from __future__ import annotations

from collections.abc import Iterable

from flowengine.flow import model
from flowengine.flow.model import Flow, Step

_UNITS = ((365.25 * 86400.0, "year"), (86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def listed(items: Iterable[str], last: str = "and") -> str:
    """ "a, b and c"."""
    every = list(items)
    return f"{', '.join(every[:-1])} {last} {every[-1]}" if len(every) > 1 else "".join(every)


def counted(number: int, what: str) -> str:
    """ "one phone", "12 phones"."""
    shown = _NUMBERS[number] if 0 <= number < len(_NUMBERS) else str(number)
    return f"{shown} {what}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """ "20 seconds", "2 minutes", "1 minute and 30 seconds", "6 years"."""
    told: list[str] = []
    left = seconds
    for size, unit in _UNITS:
        number = int(left // size) if unit != "second" else round(left)
        if number and len(told) < 2:
            told.append(f"{number} {unit}{'' if number == 1 else 's'}")
            left -= number * size
    return listed(told) or "no time"


def quoted(text: str) -> str:
    """In the quotation marks of print."""
    return f"“{text}”"


def step(flow: Flow, to: Step) -> str:
    """What is done: "our front desk is rung", "a message is taken"."""
    match to:
        case model.ToDepartment(department):
            return f"{flow.departments[department].say_as} ({department}) is rung"
        case model.TakeMessageStep():
            return "a message is taken"
        case model.CallbackStep():
            return "a call back is promised"
        case model.VoicemailStep():
            return "the caller can leave a voicemail"
        case model.ReceptionistStep():
            return f"{flow.receptionist.name} goes on with the caller"
        case model.HangUpStep(say):
            return f"the caller hears {quoted(say.text)} and the call ends"


def steps(flow: Flow, to: Iterable[Step]) -> str:
    """Several, one after another."""
    return ", then ".join(step(flow, one) for one in to) or f"{flow.receptionist.name} goes on with the caller"
