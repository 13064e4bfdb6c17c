"""Opening hours: is it open at this instant, when does it open next, and how that is said.

All moments are aware; a wall-clock reading in the office's time zone decides, so both readings of a repeated hour are
open when that hour is, and the missing hour of spring never comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from zoneinfo import ZoneInfo

from flowengine.flow import read
from flowengine.flow.model import DateRange, Flow, HoursException, Opening, OpenRule, Span, WeeklyHours, YearlyDate
from flowengine.flow.names import DAYS, MONTHS

HORIZON = 370  # days looked ahead for the next opening: a year with its holidays
_MINUTE = timedelta(minutes=1)
_ORDINARY = date(2026, 1, 5)  # a Monday; tests that name only a weekday take place in an ordinary week from here on
SOON = "as soon as we can"


# ---- dates ---------------------------------------------------------------------------------------------------------


def falls_on(day: YearlyDate, year: int) -> date | None:
    """The date a yearly date has in a year, or None (29 February)."""
    try:
        if day.day is not None:
            return date(year, day.month, day.day)
        return _nth_weekday(year, day.month, day.nth or 1, day.weekday or 0)
    except ValueError:
        return None


def _nth_weekday(year: int, month: int, nth: int, weekday: int) -> date:
    if nth == -1:
        following = date(year + month // 12, month % 12 + 1, 1)
        return following - timedelta(days=(following.weekday() - weekday - 1) % 7 + 1)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


@lru_cache(maxsize=4096)
def within(dates: DateRange, day: date) -> bool:
    """Whether a day lies in a range; one without years may run across New Year, and 29 February is 28 elsewhere."""
    first, last = dates.first, dates.last
    if first.year is not None:
        start, end = _day_in(first, first.year), _day_in(last, last.year or first.year)
        return start <= day <= end
    start, end = _day_in(first, day.year), _day_in(last, day.year)
    if first == last:
        return falls_on(first, day.year) == day
    return start <= day <= end if start <= end else day >= start or day <= end


def _day_in(day: YearlyDate, year: int) -> date:
    return falls_on(day, year) or date(year, 2, 28)


def on_dates(flow: Flow, dates: DateRange, at: datetime) -> bool:
    return within(dates, _local(flow, at).date())


def exception_on(flow: Flow, day: date) -> HoursException | None:
    """The first exception that names this day."""
    return next((e for e in flow.exceptions if within(e.dates, day)), None)


# ---- open or closed ------------------------------------------------------------------------------------------------


def _local(flow: Flow, at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(flow.office.timezone))


def _spans(flow: Flow, weekly: WeeklyHours, day: date) -> tuple[Span, ...]:
    """What holds on a day: an exception overrides every map."""
    exception = exception_on(flow, day)
    return weekly.days[day.weekday()] if exception is None else exception.spans


def is_open(flow: Flow, opening: Opening, at: datetime) -> bool:
    """Whether these hours hold at an instant."""
    match opening:
        case WeeklyHours():
            return _reads_open(flow, opening, _local(flow, at))
        case OpenRule.ALWAYS:
            return True
        case OpenRule.OFFICE:
            return office_open(flow, at)
        case _:
            return not office_open(flow, at)


def _reads_open(flow: Flow, weekly: WeeklyHours, local: datetime) -> bool:
    """By the clock on the wall; a span past midnight belongs to the day it starts."""
    day, minute = local.date(), local.hour * 60 + local.minute
    if any(s.start <= minute < s.end for s in _spans(flow, weekly, day)):
        return True
    if day == date.min:
        return False
    return any(minute + read.DAY < s.end for s in _spans(flow, weekly, day - timedelta(days=1)))


def office_open(flow: Flow, at: datetime) -> bool:
    return _reads_open(flow, flow.hours, _local(flow, at))


def closed_because(flow: Flow, at: datetime) -> str:
    """The name of the exception that keeps the office closed now, or ""."""
    exception = exception_on(flow, _local(flow, at).date())
    return exception.name if exception and not office_open(flow, at) else ""


# ---- when it changes -----------------------------------------------------------------------------------------------


def changes(flow: Flow, opening: Opening, at: datetime) -> Iterator[datetime]:
    """Instants after `at` (UTC, ascending) between which open or closed cannot change, for a year."""
    zone = ZoneInfo(flow.office.timezone)
    weekly = opening if isinstance(opening, WeeklyHours) else flow.hours
    start = _local(flow, at).date()
    last = at.astimezone(UTC)
    for offset in range(HORIZON + 1):
        for instant in _changes_of_day(flow, weekly, start + timedelta(days=offset), zone):
            if instant > last:
                yield instant
                last = instant


def _changes_of_day(flow: Flow, weekly: WeeklyHours, day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    return _edges(_spans(flow, weekly, day), _spans(flow, weekly, day - timedelta(days=1)), day, zone)


@lru_cache(maxsize=1024)
def _edges(spans: tuple[Span, ...], yesterday: tuple[Span, ...], day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Starts and ends of spans by the clock of this day, in both readings of a repeated hour, and clock changes."""
    midnight = datetime.combine(day, datetime.min.time())
    minutes = {0} | {m for s in spans for m in (s.start, s.end)} | {s.end - read.DAY for s in yesterday}
    walls = [midnight + timedelta(minutes=m) for m in minutes if 0 <= m < read.DAY]
    found = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for wall in walls for fold in (0, 1)}
    return tuple(sorted(found | _clock_changes(midnight, zone)))


def _clock_changes(midnight: datetime, zone: ZoneInfo) -> set[datetime]:
    """The instant of this day at which the clocks are changed, if they are."""
    low = midnight.replace(tzinfo=zone).astimezone(UTC)
    high = (midnight + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)
    before = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == before:
        return set()
    while high - low > _MINUTE:
        middle = low + timedelta(minutes=(high - low) // _MINUTE // 2)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return {high}


def next_opening(flow: Flow, at: datetime) -> datetime | None:
    """The first instant after `at`, in office time, at which the office opens; None if it stays shut for a year."""
    return opens_next(flow, OpenRule.OFFICE, at)


def opens_next(flow: Flow, opening: Opening, at: datetime) -> datetime | None:
    """The first instant after `at`, in office time, at which these hours begin to hold."""
    held = is_open(flow, opening, at)
    for instant in changes(flow, opening, at):
        holds = is_open(flow, opening, instant)
        if holds and not held:
            return _local(flow, instant)
        held = holds
    return None


def open_minutes_after(flow: Flow, opening: Opening, at: datetime, minutes: float) -> datetime | None:
    """The instant, in office time, when this many minutes of these hours have passed; None if not within a year."""
    left, since, held = timedelta(minutes=minutes), at.astimezone(UTC), is_open(flow, opening, at)
    for instant in changes(flow, opening, at):
        if held and instant - since >= left:
            return _local(flow, since + left)
        left -= instant - since if held else timedelta()
        since, held = instant, is_open(flow, opening, instant)
    return None


# ---- in words ------------------------------------------------------------------------------------------------------


def clock_words(at: datetime) -> str:
    """A time of day as one says it: "8 am", "1:30 pm"."""
    minute = f":{at.minute:02d}" if at.minute else ""
    return f"{at.hour % 12 or 12}{minute} {'am' if at.hour < 12 else 'pm'}"


def _day_words(day: date, today: date) -> str:
    """ "today", "tomorrow", "Monday", and from a week on "Monday, January 4"."""
    ahead = (day - today).days
    if ahead < 2:
        return "tomorrow" if ahead else "today"
    name = DAYS[day.weekday()]
    return name if ahead < 7 else f"{name}, {MONTHS[day.month - 1]} {day.day}"


def week_words(weekly: WeeklyHours) -> str:
    """A week as one would say it: "Monday to Thursday 8 am to 12 pm and 1 pm to 5 pm, Friday 8 am to 1 pm, …"."""
    return ", ".join(f"{names} {spans_words(spans)}" for names, spans in _runs(weekly))


def weekdays_words(weekly: WeeklyHours) -> str:
    """The same without the days that have no hours; "" when none has."""
    return ", ".join(f"{names} {spans_words(spans)}" for names, spans in _runs(weekly) if spans)


def _runs(weekly: WeeklyHours) -> Iterator[tuple[str, tuple[Span, ...]]]:
    """Neighbouring days with equal hours: "Monday to Thursday" and their spans."""
    for spans, run in groupby(range(7), key=lambda day: weekly.days[day]):
        days = list(run)
        yield DAYS[days[0]] + (f" to {DAYS[days[-1]]}" if len(days) > 1 else ""), spans


def spans_words(spans: tuple[Span, ...]) -> str:
    """The hours of one day: "8 am to 12 pm and 1 pm to 5 pm", "all day", "closed"."""
    if spans == (Span(0, read.DAY),):
        return "all day"
    return " and ".join(f"{_minute_words(s.start)} to {_minute_words(s.end)}" for s in spans) or "closed"


def _minute_words(minute: int) -> str:
    return clock_words(datetime.min + timedelta(minutes=minute % read.DAY))


def next_opening_words(flow: Flow, at: datetime) -> str:
    """ "today at 1 pm", "tomorrow at 8 am", "Monday at 8 am"; "" when the office does not open within a year."""
    opens = next_opening(flow, at)
    return f"{_day_words(opens.date(), _local(flow, at).date())} at {clock_words(opens)}" if opens else ""


def callback_time(flow: Flow, department_key: str, at: datetime) -> datetime | None:
    """When `within` has passed in open minutes of the department that failed, or of the office; None when never."""
    department = flow.departments.get(department_key)
    return open_minutes_after(flow, department.hours if department else OpenRule.OFFICE, at, flow.callback.within / 60)


def callback_time_words(flow: Flow, department_key: str, at: datetime, *, for_message: bool = False) -> str:
    """For a callback "by 11:15 am" (`within`, in open minutes of the department that failed, or of the office); for a
    message "later today" while the office is open, else its next opening."""
    if for_message:
        return "later today" if office_open(flow, at) else next_opening_words(flow, at) or SOON
    by = callback_time(flow, department_key, at)
    if by is None:
        return SOON
    day = _day_words(by.date(), _local(flow, at).date())
    return f"by {clock_words(by)}" if day == "today" else f"{day} by {clock_words(by)}"


def moment(flow: Flow, text: str) -> datetime:
    """The instant a test names: `Tue 10 Nov 2026 10:15am`, or `Fri 4:55pm` of an ordinary week. Office time.

    Raises `read.Unreadable`.
    """
    weekday, day, minute = read.moment(text)
    zone = ZoneInfo(flow.office.timezone)
    day = day or _ordinary(flow, weekday, zone)
    return datetime.combine(day, datetime.min.time(), zone) + timedelta(minutes=minute)


def _ordinary(flow: Flow, weekday: int, zone: ZoneInfo) -> date:
    """A day without exception or clock change, and with ordinary days around it."""
    candidates = [_ORDINARY + timedelta(days=weekday + 7 * week) for week in range(53)]
    return next(
        (day for day in candidates if all(_is_ordinary(flow, day + timedelta(days=d), zone) for d in (-1, 0, 1))),
        candidates[0],
    )


def _is_ordinary(flow: Flow, day: date, zone: ZoneInfo) -> bool:
    return exception_on(flow, day) is None and not _clock_changes(datetime.combine(day, datetime.min.time()), zone)
