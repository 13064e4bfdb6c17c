"""The states an office can be in, one example moment each, so that a check can ask about every hour of the week."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

from flowengine.flow.hours import exception_on, falls_on, weekdays_words, within
from flowengine.flow.model import DateRange, Flow, HoursException, Opening, OpenRule, Span, WeeklyHours
from flowengine.flow.occasions import joined, range_words
from flowengine.flow.read import DAY
from flowengine.flow.routing import Now, on_duty

MOST_QUESTIONS = 20_000  # of is-it-open; beyond that many the week is looked at in a coarser grid
MOST_STATES = 60
LONGEST_LOOK = 14  # days of a date range that are looked at: a fortnight has each weekday twice
_YEAR = date(2026, 1, 5)  # a Monday; dates without a year are looked at from here on
_WEEKS = (0, 13, 26, 39)  # of that year, for whatever changes with the season


@dataclass(slots=True)
class State:
    """What is open and who is there, with one moment at which it is so, and all the times of a week at which it is."""

    now: Now
    spans: list[list[tuple[int, int]]] = field(default_factory=lambda: [[] for _ in range(7)])
    special: dict[str, None] = field(default_factory=dict)  # names of days on which it is so, in order
    _duty: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def people(self, department: str) -> tuple[str, ...]:
        """Who can be rung there."""
        if department not in self._duty:
            self._duty[department] = on_duty(department, self.now)
        return self._duty[department]


@dataclass(frozen=True, slots=True)
class Week:
    """Every state. `complete` is false for an office of so many different hours that some were passed over."""

    states: tuple[State, ...]
    complete: bool


def week_of(flow: Flow) -> Week:
    """Every combination of open and closed that ordinary weeks and special days know. Never more than MOST_STATES."""
    openings, ranges = tuple(_openings(flow)), tuple(dict.fromkeys(_ranges(flow)))
    days = _days(flow, ranges)
    pieces = list(pairwise(sorted(_cuts(flow, openings))))
    fewest = max(1, MOST_QUESTIONS // (len(days) * max(1, len(openings))))
    coarser = -(-len(pieces) // fewest)
    found: dict[tuple[bool, ...], State] = {}
    for day, name in days.items():
        for start, end in pieces[::coarser]:
            now = _now(flow, day, (start + end) // 2)
            key = (*map(now.open, openings), *map(now.on, ranges))
            if key in found or len(found) < MOST_STATES:
                _note(found.setdefault(key, State(now)), day, name, (start, end))
    return Week(tuple(found.values()), coarser == 1 and len(found) < MOST_STATES)


def when_words(states: Iterable[State]) -> str:
    """When these states are, as one would say it: "Saturday all day; Christmas"; "" when there is nothing to name."""
    days: list[set[tuple[int, int]]] = [set() for _ in range(7)]
    special: dict[str, None] = {}
    for state in states:
        special.update(state.special)
        for day, spans in zip(days, state.spans, strict=True):
            day.update(spans)
    weekly = WeeklyHours(tuple(joined(sorted(day)) for day in days))
    if all(day == (Span(0, DAY),) for day in weekly.days):
        return "at any time"
    named = weekdays_words(weekly)
    return "; ".join([named] if named else list(special)[:3])


def _note(state: State, day: date, name: str, piece: tuple[int, int]) -> None:
    if name:
        state.special[name] = None
    elif piece not in state.spans[day.weekday()]:
        state.spans[day.weekday()].append(piece)


def _now(flow: Flow, day: date, minute: int) -> Now:
    return Now(flow, datetime.combine(day, time(), ZoneInfo(flow.office.timezone)) + timedelta(minutes=minute))


# ---- what may differ -----------------------------------------------------------------------------------------------


def _openings(flow: Flow) -> Collection[Opening]:
    """Each of the flow's opening hours once; the office's own among them."""
    each: list[Opening | None] = [OpenRule.OFFICE, *(d.hours for d in flow.departments.values())]
    each += [p.hours for p in flow.people.values()]
    each += [m.hours for d in flow.departments.values() for m in d.people]
    plain = dict.fromkeys(hours for hours in each if hours is not None)
    plain.pop(OpenRule.ALWAYS, None)  # which never change, and change only with the office
    plain.pop(OpenRule.WHEN_CLOSED, None)
    return plain


def _cuts(flow: Flow, openings: Iterable[Opening]) -> set[int]:
    """The minutes of a day at which any hours begin or end."""
    weekly = [flow.hours, *(o for o in openings if isinstance(o, WeeklyHours))]
    spans = [span for hours in weekly for day in hours.days for span in day]
    spans += [span for exception in flow.exceptions for span in exception.spans]
    return {0, DAY, *(edge % DAY for span in spans for edge in (span.start, span.end))}


def _ranges(flow: Flow) -> Iterator[DateRange]:
    for person in flow.people.values():
        yield from (away.dates for away in person.away)
    for department in flow.departments.values():
        yield from (member.dates for member in department.people if member.dates)


def _days(flow: Flow, ranges: Collection[DateRange]) -> Mapping[date, str]:
    """Days no two of which are alike, and the name of those that are special: an exception, or somebody's dates."""
    alike: dict[tuple[object, ...], tuple[date, str]] = {}
    for day in _candidates(flow, ranges):
        today, before = exception_on(flow, day), exception_on(flow, day - timedelta(days=1))
        within_ranges = tuple(within(dates, day) for dates in ranges)
        name = _special_name(today or before, ranges, within_ranges)
        alike.setdefault((day.weekday(), today, before, *within_ranges), (day, name))
    return dict(alike.values())


def _special_name(exception: HoursException | None, ranges: Iterable[DateRange], within_ranges: Iterable[bool]) -> str:
    if exception is not None:
        return exception.name or range_words(exception.dates)
    return next((range_words(dates) for dates, now in zip(ranges, within_ranges, strict=True) if now), "")


def _candidates(flow: Flow, ranges: Iterable[DateRange]) -> Iterator[date]:
    yield from (_YEAR + timedelta(weeks=week, days=day) for week in _WEEKS for day in range(7))
    for dates in (*ranges, *(exception.dates for exception in flow.exceptions)):
        first = _first(dates)
        fortnight = [first + timedelta(days=day) for day in range(LONGEST_LOOK)] if first else []
        yield from takewhile(partial(within, dates), fortnight)


def _first(dates: DateRange) -> date | None:
    if dates.first.year is not None:
        return falls_on(dates.first, dates.first.year)
    days = (falls_on(dates.first, year) for year in range(_YEAR.year, _YEAR.year + 5))
    return next((day for day in days if day and day >= _YEAR), None)
