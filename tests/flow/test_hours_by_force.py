"""Opening hours over three years and five zones against tables laid out by hand, quarter hour by quarter hour."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest

from flowengine.flow import hours
from flowengine.flow.model import Flow, OpenRule
from tests.flow.office import small

FIRST, LAST = date(2026, 1, 1), date(2029, 1, 1)  # three years, the last of them a leap year
QUARTER = timedelta(minutes=15)
DAY = 96  # quarters

Quarters = frozenset[int]  # of a day, counted from midnight; from 96 on they lie behind the next midnight
Rule = Callable[[date], Quarters | None]


def quarters(*ends: float) -> Quarters:
    """The quarters between pairs of hours: 8, 12, 13, 17 is the morning and the afternoon."""
    return frozenset(
        q for start, end in zip(ends[::2], ends[1::2], strict=True) for q in range(int(start * 4), int(end * 4))
    )


@dataclass(frozen=True)
class Case:
    """Hours as the file says them, and said again by hand: Monday to Sunday, and what holds on a particular day."""

    zone: str
    text: str
    week: tuple[Quarters, ...]
    special: Rule = lambda day: None


CLOSED = quarters()
MORNINGS = quarters(8, 12, 13, 17)


def thanksgiving_and_christmas(day: date) -> Quarters | None:
    fourth_thursday = day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28
    return CLOSED if fourth_thursday or (day.month == 12 and 24 <= day.day <= 26) else None


def around_new_year(day: date) -> Quarters | None:
    if (day.month, day.day) in {(12, 30), (12, 31), (1, 1), (1, 2)}:
        return quarters(9, 10)
    last_sunday_of_march = day.month == 3 and day.weekday() == 6 and day.day > 24
    return quarters(1, 4) if last_sunday_of_march else None


def nights_off(day: date) -> Quarters | None:
    if date(2027, 7, 30) <= day <= date(2027, 8, 2):
        return quarters(20, 28)
    return CLOSED if (day.month, day.day) in {(2, 29), (10, 25)} else None


CASES = (
    Case(
        "America/Chicago",
        "mon-thu: 8am - 12pm and 1pm - 5pm\n  fri: 8am - 1pm\n  sat-sun: closed\n  exceptions:\n"
        "    - {date: fourth Thursday of November, hours: closed}\n    - {date: 24 Dec - 26 Dec, hours: closed}",
        (MORNINGS, MORNINGS, MORNINGS, MORNINGS, quarters(8, 13), CLOSED, CLOSED),
        thanksgiving_and_christmas,
    ),
    Case(
        "America/New_York",
        "mon-sun: 10pm - 6am\n  sun: 1:15am - 1:45am and 2:15am - 3am\n  exceptions:\n"
        "    - {date: 30 Jul 2027 - 2 Aug 2027, hours: 8pm - 4am}\n    - {date: 29 Feb, hours: closed}\n"
        "    - {date: 25 Oct, hours: closed}",
        (*(quarters(22, 30),) * 6, quarters(1.25, 1.75, 2.25, 3)),
        nights_off,
    ),
    Case(
        "Europe/Berlin",
        "mon-fri: all day\n  sat: 00:00 - 02:30 and 03:00 - 04:15\n  sun: 02:15 - 02:45 and 23:30 - 00:30\n"
        "  exceptions:\n"
        "    - {date: 30 Dec - 2 Jan, hours: 9am - 10am}\n    - {date: last Sunday of March, hours: 1am - 4am}",
        (*(quarters(0, 24),) * 5, quarters(0, 2.5, 3, 4.25), quarters(2.25, 2.75, 23.5, 24.5)),
        around_new_year,
    ),
    Case(
        "Australia/Lord_Howe",  # whose clocks change by half an hour
        "fri-mon: 2:15am - 3am and 5pm - 1:45am\n  tue-thu: closed\n  wed: 12am - 12:15am",
        (*(quarters(2.25, 3, 17, 25.75),), CLOSED, quarters(0, 0.25), CLOSED, *(quarters(2.25, 3, 17, 25.75),) * 3),
    ),
    Case(
        "Asia/Kolkata",
        "mon-sat: closed\n  sun: 5pm - 12am\n  exceptions:\n    - {date: first Monday of May 2028, hours: all day}\n"
        "    - {date: 28 Feb - 29 Feb, hours: 11pm - 1am}",
        (*(CLOSED,) * 6, quarters(17, 24)),
        lambda day: (
            quarters(0, 24)
            if day == date(2028, 5, 1)
            else quarters(23, 25)
            if (day.month, day.day) in {(2, 28), (2, 29)}
            else None
        ),
    ),
)

ZONES = [case.zone for case in CASES]
# every pattern in three zones, every zone with three patterns
EACH = [replace(case, zone=ZONES[(i + more) % len(ZONES)]) for i, case in enumerate(CASES) for more in (0, 1, 2)]
NAMES = [f"{case.zone}-{i // 3}" for i, case in enumerate(EACH)]


@dataclass(frozen=True)
class Table:
    """Each quarter hour of three years, in UTC: whether the office is open in it."""

    flow: Flow
    zone: ZoneInfo
    moments: tuple[datetime, ...]
    open: tuple[bool, ...]

    def at(self, moment: datetime) -> int:
        return bisect_right(self.moments, moment) - 1


@cache
def table(case: Case) -> Table:
    flow = small(("mon-fri: 8am - 5pm\n  sat-sun: closed", case.text), ("America/Chicago", case.zone))
    walls: dict[date, set[int]] = {}
    day = FIRST - timedelta(days=2)
    while day <= LAST + timedelta(days=1):
        special = case.special(day)
        for quarter in case.week[day.weekday()] if special is None else special:
            walls.setdefault(day + timedelta(days=quarter // DAY), set()).add(quarter % DAY)
        day += timedelta(days=1)
    zone, start = ZoneInfo(case.zone), datetime(FIRST.year, 1, 1, tzinfo=UTC)
    count = (LAST - FIRST).days * DAY
    moments = tuple(start + QUARTER * i for i in range(count))
    none: set[int] = set()
    local = (moment.astimezone(zone) for moment in moments)
    opened = tuple((wall.hour * 60 + wall.minute) // 15 in walls.get(wall.date(), none) for wall in local)
    return Table(flow, zone, moments, opened)


@pytest.mark.parametrize("case", EACH, ids=NAMES)
def test_every_quarter_hour_of_three_years(case: Case) -> None:
    known = table(case)
    for moment, opened in zip(known.moments, known.open, strict=True):
        if hours.office_open(known.flow, moment) != opened:
            pytest.fail(f"{moment.astimezone(known.zone)} should be {'open' if opened else 'closed'}")


@pytest.mark.parametrize("case", EACH, ids=NAMES)
def test_the_next_opening_and_its_words(case: Case) -> None:
    known, chance = table(case), random.Random(case.zone)
    openings = [
        m for m, before, now in zip(known.moments[1:], known.open, known.open[1:], strict=False) if now > before
    ]
    for _ in range(400):
        asked = known.moments[0] + timedelta(minutes=chance.randrange(365 * 2 * 24 * 60))
        expected = openings[bisect_right(openings, asked)].astimezone(known.zone)
        told = hours.next_opening(known.flow, asked)
        assert told is not None
        assert told.astimezone(UTC) == expected.astimezone(UTC), asked
        assert hours.next_opening_words(known.flow, asked) == words(expected, asked.astimezone(known.zone))


def words(opens: datetime, now: datetime) -> str:
    """`Monday at 8:30 am`, by the library's own names."""
    ahead = (opens.date() - now.date()).days
    day = {0: "today", 1: "tomorrow"}.get(ahead) or opens.strftime("%A")
    if ahead >= 7:
        day += f", {opens.strftime('%B')} {opens.day}"
    clock = opens.strftime("%I:%M %p").lstrip("0").replace(":00", "").lower()
    return f"{day} at {clock}"


@pytest.mark.parametrize("case", EACH, ids=NAMES)
def test_open_minutes_of_a_promised_call(case: Case) -> None:
    known, chance = table(case), random.Random(case.zone)
    passed = [0, *accumulate(15 * opened for opened in known.open)]  # open minutes before each quarter
    for _ in range(150):
        asked = known.moments[0] + timedelta(minutes=chance.randrange(365 * 2 * 24 * 60))
        minutes = chance.choice([1, 15, 60, 60, 95, 600, 2000])
        here = known.at(asked)
        since = passed[here] + known.open[here] * (asked - known.moments[here]).seconds // 60
        last = bisect_right(passed, since + minutes - 1) - 1
        expected = known.moments[last] + timedelta(minutes=since + minutes - passed[last])
        told = hours.open_minutes_after(known.flow, OpenRule.OFFICE, asked, minutes)
        assert told is not None
        assert told.astimezone(UTC) == expected, (asked, minutes)
        if minutes == 60:  # what callback.within is unless a file says otherwise
            promised = words(expected.astimezone(known.zone), asked.astimezone(known.zone)).replace(" at ", " by ")
            assert hours.callback_time_words(known.flow, "front_desk", asked) == promised.removeprefix("today ")
