"""The moments at which an office differs: every combination of open and closed that its week and its special days know.

Routes and differences are told for these, so that a table has a handful of columns and not ten thousand minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from flowengine.flow.hours import clock_words, falls_on, moment, office_open, spans_words, weekdays_words
from flowengine.flow.model import DateRange, Flow, Span, WeeklyHours
from flowengine.flow.names import WEEKDAYS
from flowengine.flow.read import DAY
from flowengine.flow.routing import ringable

_FROM = date(2026, 1, 5)  # special days are looked at from here on, as ordinary weeks are

Situation = tuple[bool, tuple[tuple[str, ...], ...]]


@dataclass(frozen=True, slots=True)
class Occasion:
    """One such combination: an example moment for each flow that was asked about (aware), and when it is so."""

    moments: tuple[datetime, ...]
    weekly: WeeklyHours
    special: tuple[str, ...]  # "24 Dec - 26 Dec (Christmas)", "31 Dec (New Year's Eve) 9 am to 12 pm"

    @property
    def words(self) -> str:
        """When it is so, as one would say it."""
        if all(day == (Span(0, DAY),) for day in self.weekly.days):
            return "at any time"
        return "; ".join(filter(None, (weekdays_words(self.weekly), *self.special)))


def situation(flow: Flow, at: datetime) -> Situation:
    """What decides about routing at a moment: whether the office is open, and who can be rung in each department."""
    return office_open(flow, at), tuple(ringable(flow, department, at) for department in flow.departments)


def occasions(*flows: Flow) -> tuple[Occasion, ...]:
    """Every combination, in the order in which a week that begins on Monday meets them, then those of special days
    only. With several flows, each combination is one of all of them together."""
    found: dict[tuple[Situation, ...], _Found] = {}
    for weekday in range(7):
        for start, end in _pieces(flows):
            ats = [_ordinary(flow, weekday, (start + end) // 2) for flow in flows]
            _noted(found, flows, ats).spans[weekday].append((start, end))
    for day, name in _special_days(flows):
        for start, end in _pieces(flows):
            ats = [_on(flow, day, (start + end) // 2) for flow in flows]
            _noted(found, flows, ats).special.setdefault(name, []).append((start, end))
    return tuple(each.occasion() for each in found.values())


class _Found:
    """A combination while its pieces are collected."""

    def __init__(self, moments: Sequence[datetime]) -> None:
        self.moments = tuple(moments)
        self.spans: list[list[tuple[int, int]]] = [[] for _ in range(7)]
        self.special: dict[str, list[tuple[int, int]]] = {}

    def occasion(self) -> Occasion:
        special = (_special_words(name, joined(pieces)) for name, pieces in self.special.items())
        return Occasion(self.moments, WeeklyHours(tuple(joined(day) for day in self.spans)), tuple(special))


def _noted(found: dict[tuple[Situation, ...], _Found], flows: Sequence[Flow], ats: Sequence[datetime]) -> _Found:
    key = tuple(situation(flow, at) for flow, at in zip(flows, ats, strict=True))
    return found.setdefault(key, _Found(ats))


def _special_words(name: str, spans: tuple[Span, ...]) -> str:
    return name if spans == (Span(0, DAY),) else f"{name} {spans_words(spans)}"


def joined(pieces: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    """Spans of (start, end) in order, those that touch as one."""
    spans: list[Span] = []
    for start, end in pieces:
        if spans and spans[-1].end == start:
            spans[-1] = Span(spans[-1].start, end)
        else:
            spans.append(Span(start, end))
    return tuple(spans)


# ---- where something may change ------------------------------------------------------------------------------------


def _pieces(flows: Sequence[Flow]) -> list[tuple[int, int]]:
    """The day cut wherever any hours of any flow begin or end."""
    cuts = {0, DAY, *(edge % DAY for flow in flows for span in _all_spans(flow) for edge in (span.start, span.end))}
    return list(pairwise(sorted(cuts)))


def _all_spans(flow: Flow) -> Iterator[Span]:
    weekly = [flow.hours, *(d.hours for d in flow.departments.values()), *(p.hours for p in flow.people.values())]
    weekly += [m.hours for d in flow.departments.values() for m in d.people]
    yield from (span for hours in weekly if isinstance(hours, WeeklyHours) for day in hours.days for span in day)
    yield from (span for exception in flow.exceptions for span in exception.spans)


def _special_days(flows: Sequence[Flow]) -> Iterator[tuple[date, str]]:
    """The first day of everything that holds on dates only, and its name."""
    seen: set[str] = set()
    for flow in flows:
        for dates, name in _dated(flow):
            day = _first_day(dates)
            if day is not None and name not in seen:
                seen.add(name)
                yield day, name


def _dated(flow: Flow) -> Iterator[tuple[DateRange, str]]:
    for exception in flow.exceptions:
        yield exception.dates, exception.name or range_words(exception.dates)
    for person in flow.people.values():
        yield from ((away.dates, f"while {person.name} is away") for away in person.away)
    for department in flow.departments.values():
        for member in department.people:
            if member.dates:
                yield member.dates, f"{range_words(member.dates)} ({flow.people[member.person].name})"


def _first_day(dates: DateRange) -> date | None:
    if dates.first.year is not None:
        return falls_on(dates.first, dates.first.year)
    days = (falls_on(dates.first, year) for year in range(_FROM.year, _FROM.year + 5))
    return next((day for day in days if day and day >= _FROM), None)


def range_words(dates: DateRange) -> str:
    """Dates as one says them: "24 Dec - 26 Dec"."""
    first, last = (_first_day(DateRange(day, day)) for day in (dates.first, dates.last))
    words = [f"{day.day} {day:%b}" for day in (first, last) if day]
    return " - ".join(dict.fromkeys(words))


def _ordinary(flow: Flow, weekday: int, minute: int) -> datetime:
    return moment(flow, f"{WEEKDAYS[weekday]} {minute // 60:02d}:{minute % 60:02d}")


def _on(flow: Flow, day: date, minute: int) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(flow.office.timezone)) + timedelta(minutes=minute)


def at_words(flow: Flow, at: datetime) -> str:
    """A moment in the office's own time: "Friday 13 November 2026, 4:55 pm"."""
    local = at.astimezone(ZoneInfo(flow.office.timezone))
    return f"{local:%A} {local.day} {local:%B %Y}, {clock_words(local)}"
