"""Opening hours against a table of minutes made by brute force, and in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.flow import hours, read
from flowengine.flow.hours import (
    callback_time_words,
    closed_because,
    next_opening,
    next_opening_words,
    office_open,
    week_words,
)
from flowengine.flow.model import Flow, OpenRule, Span, WeeklyHours, YearlyDate
from tests.flow.office import at, dental, small

ZONES = ("America/Chicago", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata")
PATTERNS = (
    "mon-thu: 8am - 12pm and 1pm - 5pm\n  fri: 8am - 1pm\n  sat-sun: closed",
    "mon-sun: 10pm - 6am",
    "mon-fri: all day\n  sat: 12am - 2:30am\n  sun: 1:15am - 1:45am and 2:15am - 3am",
    "mon-sat: closed\n  sun: 5pm - 12am",
)
EXCEPTIONS = """
  exceptions:
    - {date: 26 Nov 2026, hours: closed, name: Thanksgiving}
    - {date: 30 Dec - 2 Jan, hours: 9am - 10am, name: New Year}
    - {date: last Sunday of March, hours: 1am - 4am}"""
_STARTS = (
    "2026-03-05",
    "2026-03-26",
    "2026-10-02",
    "2026-10-23",
    "2026-10-29",
    "2026-11-23",
    "2026-12-28",
    "2027-04-02",
)
WEEKS = tuple(datetime.fromisoformat(day).replace(tzinfo=UTC) for day in _STARTS)


@cache
def office(pattern: str, zone: str, exceptions: str = EXCEPTIONS) -> Flow:
    return small(("  mon-fri: 8am - 5pm\n  sat-sun: closed", f"  {pattern}{exceptions}"), ("America/Chicago", zone))


def table(flow: Flow, first: date, days: int) -> set[datetime]:
    """Every open minute as a wall-clock reading, laid out span by span."""
    minutes: set[datetime] = set()
    for offset in range(-1, days + 1):
        day = first + timedelta(days=offset)
        exception = next((e for e in flow.exceptions if plain_within(e.dates.first, e.dates.last, day)), None)
        spans = exception.spans if exception else flow.hours.days[day.weekday()]
        midnight = datetime(day.year, day.month, day.day)
        for span in spans:
            minutes.update(midnight + timedelta(minutes=m) for m in range(span.start, span.end))
    return minutes


def plain_within(first: YearlyDate, last: YearlyDate, day: date) -> bool:
    """The three kinds of exception used here, by another road than the one under test."""
    if first.nth == -1:
        return (
            day.month == first.month and day.weekday() == first.weekday and (day + timedelta(days=7)).month != day.month
        )
    if first.year:
        return (day.year, day.month, day.day) == (first.year, first.month, first.day)
    return (day.month, day.day) in {(12, 30), (12, 31), (1, 1), (1, 2)}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_open_is_what_the_minute_table_says(pattern: str, zone: str) -> None:
    flow, local = office(pattern, zone), ZoneInfo(zone)
    for start in WEEKS:
        minutes = table(flow, start.date() - timedelta(days=1), 8)
        was_open, opened = None, []
        for minute in range(6 * 24 * 60):
            moment = start + timedelta(minutes=minute)
            now_open = moment.astimezone(local).replace(tzinfo=None, fold=0) in minutes
            if minute % 5 == 0 or now_open != was_open:
                assert office_open(flow, moment) == now_open, moment
            if now_open and was_open is False:
                opened.append(moment)
            was_open = now_open
        asked = start
        for moment in opened:
            opens = next_opening(flow, asked)
            assert opens is not None
            assert opens.astimezone(UTC) == moment  # Python never calls a repeated hour equal across zones
            asked = moment


def test_words_for_the_next_opening() -> None:
    flow = dental()
    assert next_opening_words(flow, at(11, 10, 12, 30)) == "today at 1 pm"
    assert next_opening_words(flow, at(11, 10, 23)) == "tomorrow at 8 am"
    assert next_opening_words(flow, at(11, 13, 13)) == "Monday at 8 am"
    assert next_opening_words(flow, at(11, 25, 18)) == "Friday at 8 am"
    assert next_opening_words(small(("8am - 5pm", "8:30am - 5pm")), at(11, 10, 7)) == "today at 8:30 am"
    assert next_opening_words(small(("mon-fri: 8am - 5pm", "mon-fri: closed")), at(11, 10, 7)) == ""
    rare = small(("sat-sun: closed", "sat-sun: closed\n  exceptions: [{date: 1 Jan - 20 Dec, hours: closed}]"))
    assert next_opening_words(rare, at(11, 10, 7)) == "Monday, December 21 at 8 am"


def test_why_the_office_is_closed() -> None:
    flow = dental()
    assert closed_because(flow, at(11, 26, 10)) == "Thanksgiving"
    assert closed_because(flow, at(12, 25, 10)) == "Christmas"
    assert closed_because(flow, at(11, 10, 23)) == ""
    assert closed_because(flow, at(11, 10, 10)) == ""


def test_departments_follow_the_office_or_oppose_it() -> None:
    flow = dental()
    by_day, by_night = flow.departments["clinical"].hours, flow.departments["on_call_dentist"].hours
    assert hours.is_open(flow, by_day, at(11, 10, 10))
    assert not hours.is_open(flow, by_day, at(11, 26, 10))
    assert hours.is_open(flow, by_night, at(11, 26, 10))  # exceptions open what opens when closed
    assert not hours.is_open(flow, by_night, at(11, 10, 10))
    assert hours.is_open(flow, OpenRule.ALWAYS, at(12, 25, 3))
    assert not hours.is_open(flow, WeeklyHours(flow.hours.days), at(12, 25, 10))


def test_when_a_call_back_is_promised() -> None:
    flow = dental()
    assert callback_time_words(flow, "front_desk", at(11, 10, 10, 15)) == "by 11:15 am"
    assert callback_time_words(flow, "front_desk", at(11, 10, 11, 30)) == "by 1:30 pm"  # open minutes only
    assert callback_time_words(flow, "front_desk", at(11, 10, 16, 30)) == "tomorrow by 8:30 am"
    assert callback_time_words(flow, "front_desk", at(11, 13, 12, 30)) == "Monday by 8:30 am"
    assert callback_time_words(flow, "on_call_dentist", at(11, 10, 23)) == "tomorrow by 12 am"
    assert callback_time_words(flow, "", at(11, 10, 23)) == "tomorrow by 9 am"
    assert callback_time_words(flow, "front_desk", at(11, 10, 10), for_message=True) == "later today"
    assert callback_time_words(flow, "front_desk", at(11, 10, 23), for_message=True) == "tomorrow at 8 am"
    never = small(("mon-fri: 8am - 5pm", "mon-fri: closed"))
    assert callback_time_words(never, "front_desk", at(11, 10, 10)) == "as soon as we can"
    assert callback_time_words(never, "front_desk", at(11, 10, 10), for_message=True) == "as soon as we can"


def test_clock_changes() -> None:
    night = office("mon-sun: 1am - 3am", "America/Chicago", "")
    spring, autumn = datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)
    assert [office_open(night, spring + timedelta(minutes=m)) for m in (0, 59, 60)] == [True, True, False]
    assert [office_open(night, autumn + timedelta(minutes=m)) for m in (0, 60, 120, 179, 180)] == [True] * 4 + [False]
    gap = office("mon-sun: 2:30am - 4am", "America/Chicago", "")
    assert next_opening(gap, spring) == datetime(2026, 3, 8, 3, tzinfo=ZoneInfo("America/Chicago"))
    end = hours.open_minutes_after(night, OpenRule.OFFICE, autumn, 170)
    assert end is not None
    assert end.astimezone(UTC) == autumn + timedelta(minutes=170)


def test_dates_of_the_year() -> None:
    assert hours.falls_on(YearlyDate(11, nth=4, weekday=3), 2026) == date(2026, 11, 26)
    assert hours.falls_on(YearlyDate(5, nth=-1, weekday=0), 2026) == date(2026, 5, 25)
    assert hours.falls_on(YearlyDate(12, nth=-1, weekday=3), 2026) == date(2026, 12, 31)
    assert hours.falls_on(YearlyDate(2, 29), 2026) is None
    assert hours.within(read.dates("20 Feb - 29 Feb"), date(2026, 2, 28))
    assert hours.within(read.dates("29 Feb"), date(2028, 2, 29))
    assert not hours.within(read.dates("29 Feb"), date(2026, 2, 28))
    assert hours.within(read.dates("30 Dec 2026 - 2 Jan 2027"), date(2027, 1, 1))


def test_moments_of_tests() -> None:
    flow = dental()
    assert hours.moment(flow, "Tue 10 Nov 2026 10:15am") == at(11, 10, 10, 15)
    ordinary = hours.moment(flow, "Thu 4:55pm")
    assert (ordinary.weekday(), ordinary.hour, ordinary.minute) == (3, 16, 55)
    assert office_open(flow, ordinary)
    always = small(("sat-sun: closed", "sat-sun: closed\n  exceptions: [{date: 1 Jan - 31 Dec, hours: closed}]"))
    assert hours.moment(always, "Mon 9am").date() == date(2026, 1, 5)


def test_the_first_day_there_is() -> None:
    flow = office(PATTERNS[1], "UTC", "")
    assert not office_open(flow, datetime(1, 1, 1, 3, tzinfo=UTC))


@settings(max_examples=60)
@given(st.sampled_from(PATTERNS), st.sampled_from(ZONES), st.integers(0, 3 * 365 * 24 * 60), st.integers(1, 3000))
def test_open_minutes_are_counted_one_by_one(pattern: str, zone: str, minute: int, count: int) -> None:
    flow = office(pattern, zone)
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    end = hours.open_minutes_after(flow, OpenRule.OFFICE, start, count)
    assert end is not None
    counted, moment = 0, start
    while counted < count:
        counted += office_open(flow, moment)
        moment += timedelta(minutes=1)
    assert end.astimezone(UTC) == moment


def test_a_week_in_words() -> None:
    assert week_words(dental().hours) == (
        "Monday to Thursday 8 am to 12 pm and 1 pm to 5 pm, Friday 8 am to 1 pm, Saturday to Sunday closed"
    )
    nights = WeeklyHours(((Span(22 * 60, 30 * 60),),) + ((Span(0, 1440),),) * 6)
    assert week_words(nights) == "Monday 10 pm to 6 am, Tuesday to Sunday all day"
