"""Values of the model in the words of a flow file: `20s`, `mon-thu`, `8am - 12pm`, `fourth Thursday of November`."""

from __future__ import annotations

from typing import assert_never

from flowengine.flow import model
from flowengine.flow.figures import FIGURES
from flowengine.flow.model import DateRange, Delivery, Span, Step, YearlyDate
from flowengine.flow.names import DAYS, KEYS, MONTHS, NTH, SHORT_MONTHS, WEEKDAYS
from flowengine.flow.read import DAY

_UNITS = ((365.25 * 86400.0, " year"), (86400.0, " day"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def duration(seconds: float) -> str:
    """`20s`, `2min`, `90s`, `30 days`: the largest unit of which it is a whole number."""
    size, unit = next((each for each in _UNITS if seconds >= each[0] and seconds % each[0] == 0), (1.0, "s"))
    number = seconds / size
    plural = "s" if unit.startswith(" ") and number != 1 else ""
    return f"{number:.6f}".rstrip("0").rstrip(".") + unit + plural


def limit(figure: str, amount: float) -> str:
    """`5%`, `60s`, `3`: a limit of `alert_when` in the unit of its figure."""
    match FIGURES[figure].kind:
        case "percent":
            return f"{amount:.0f}%"
        case "duration":
            return duration(amount)
        case "count":
            return f"{amount:.0f}"


def spans(day: tuple[Span, ...]) -> str:
    """`8am - 12pm and 1pm - 5pm`, `all day`, `closed`."""
    if day == (Span(0, DAY),):
        return "all day"
    return " and ".join(f"{_clock(span.start)} - {_clock(span.end)}" for span in day) or "closed"


def _clock(minute: int) -> str:
    hour, minute = divmod(minute % DAY, 60)
    return f"{hour % 12 or 12}{f':{minute:02d}' if minute else ''}{'am' if hour < 12 else 'pm'}"


def days(first: int, last: int) -> str:
    """`mon-thu`, `sat`."""
    return WEEKDAYS[first] if first == last else f"{WEEKDAYS[first]}-{WEEKDAYS[last]}"


def dates(span: DateRange) -> str:
    """`25 Dec`, `24 Dec - 26 Dec`, `fourth Thursday of November`."""
    return _date(span.first) if span.first == span.last else f"{_date(span.first)} - {_date(span.last)}"


def _date(day: YearlyDate) -> str:
    year = f" {day.year}" if day.year is not None else ""
    if day.day is not None:
        return f"{day.day} {SHORT_MONTHS[day.month - 1]}{year}"
    return f"{NTH[day.nth or 1]} {DAYS[day.weekday or 0]} of {MONTHS[day.month - 1]}{year}"


def key(pressed: str) -> str:
    """`zero`, `star`."""
    return KEYS[pressed]


def step(to: Step) -> str:
    """`front_desk`, `take_message`, `hang_up: Goodbye.`."""
    return f"{step_name(to)}: {to.say.text}" if isinstance(to, model.HangUpStep) else step_name(to)


def step_name(to: Step) -> str:
    """A department's key or the name of a step, without what it says."""
    match to:
        case model.ToDepartment(department):
            return department
        case model.TakeMessageStep():
            return "take_message"
        case model.CallbackStep():
            return "callback"
        case model.VoicemailStep():
            return "voicemail"
        case model.ReceptionistStep():
            return "receptionist"
        case model.HangUpStep():
            return "hang_up"
        case _:
            assert_never(to)


def delivery(to: Delivery) -> str:
    """`staff screen`, `sms: +1…`."""
    return f"{to.kind}: {to.address}" if to.address else to.kind
