"""Checks of time: every weekday is stated, once; the time zone exists; no date is over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from flowengine.flow import read
from flowengine.flow.check_places import HOURS_PLACES
from flowengine.flow.data_lists import pairs
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.hours import falls_on
from flowengine.flow.likeness import nearest
from flowengine.flow.model import DateRange, Flow, Path, WeeklyHours
from flowengine.flow.names import DAYS, WEEKDAYS

_DATED = (
    ("hours", "exceptions", "*", "date"),
    ("people", "*", "away", "*", "dates"),
    ("departments", "*", "people", "*", "dates"),
)


def weekdays_stated(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """The office says all seven days, and nowhere do two ranges claim one day."""
    for place in HOURS_PLACES:
        for path, value in doc.each(*place):
            if isinstance(value, dict):
                yield from _weekdays(doc, path, value, all_seven=path == ("hours",))


def _weekdays(doc: Document, path: Path, value: dict[str, Any], *, all_seven: bool) -> Iterator[Diagnostic]:
    keys = [key for key in value if _names_days(key)]
    claimed: dict[int, str] = {}
    for key in (key for key in keys if "-" in key):
        days = read.weekdays(key)
        twice = next((day for day in days if day in claimed), None)
        if twice is not None:
            said = f"{WEEKDAYS[twice]} belongs to {claimed[twice]!r} and to {key!r}"
            help = "let the ranges not overlap; a single day may be said apart"
            yield doc.diagnose((*path, key), "weekday-twice", said, help, key=True)
        claimed |= {day: key for day in days if day not in claimed}
    stated = {day for key in keys for day in read.weekdays(key)}
    missing = [name for i, name in enumerate(WEEKDAYS) if i not in stated]
    if all_seven and missing and len(keys) == len([k for k in value if k != "exceptions"]):
        said = f"nothing is said about {', '.join(missing)}"
        yield doc.diagnose(path, "weekday-missing", said, f"{missing[0]}: closed", key=True)


def _names_days(key: str) -> bool:
    days = key.split("-")
    return len(days) <= 2 and all(day in WEEKDAYS for day in days)


# ---- the time zone -------------------------------------------------------------------------------------------------


def known_timezone(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """The time zone exists, and is one of a place: a bare abbreviation does not know summer time."""
    for path, name in doc.each("office", "timezone"):
        meant = _usual_names().get(" ".join(name.lower().split()), "")
        if _exists(name) and not meant:
            continue
        near = meant or _of_city(name) or _near(name)
        said = f"there is no time zone {name[:60]!r}" if not _exists(name) else f"{name} does not know summer time"
        help = f"did you mean {near}?" if near else "write it as Region/City: America/Chicago"
        only_one = not _exists(name) and (meant or _plain(near) == _plain(name)) and doc.source(path)
        yield doc.diagnose(path, "unknown-timezone", said, help, fix=near if only_one else None)


def _exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@cache
def _zones() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))


@cache
def _usual_names() -> dict[str, str]:
    """What people call a time zone: `Eastern`, `CST`."""
    return {name.lower(): zone for name, zone in pairs("timezone_names")}


def _of_city(name: str) -> str:
    """`Chicago` is America/Chicago."""
    found = [zone for zone in _zones() if _plain(zone.rpartition("/")[2]) == _plain(name.rpartition("/")[2])]
    return found[0] if len(found) == 1 else ""


def _near(name: str) -> str:
    """The nearest name among those of the same region, else among those that begin alike."""
    region, city = _plain(name.partition("/")[0]), _plain(name.rpartition("/")[2])
    same = [zone for zone in sorted(_zones()) if _plain(zone.partition("/")[0]) == region]
    alike = [zone for zone in sorted(_zones()) if _plain(zone.rpartition("/")[2])[:1] == city[:1]]
    return nearest(name, same) or nearest(name, alike)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name[:60].lower())


# ---- dates ---------------------------------------------------------------------------------------------------------


def date_past(doc: Document, today: date | None) -> Iterator[Diagnostic]:
    """A date that is over does no harm, but the next one may be missing."""
    for place in _DATED if today else ():
        for path, dates in doc.each(*place):
            last = _last_day(dates) if isinstance(dates, DateRange) else None
            if last and today and last < today:
                said, help = "this date is over", "delete it, or write the next one"
                yield doc.diagnose(path, "exception-past", said, help, severity="warning")


def exception_changes_nothing(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A date of one year on which hours are as on that weekday anyway: perhaps another date is meant."""
    maps = [flow.hours, *(d.hours for d in flow.departments.values()), *(p.hours for p in flow.people.values())]
    maps += [m.hours for d in flow.departments.values() for m in d.people]
    weekly = dict.fromkeys(hours for hours in maps if isinstance(hours, WeeklyHours))
    for i, exception in enumerate(flow.exceptions):
        day = _only_day(exception.dates)
        if day and all(hours.days[day.weekday()] == exception.spans for hours in weekly):
            name = DAYS[day.weekday()]
            said = f"this date is a {name}, when the hours are the same anyway"
            yield doc.diagnose(
                ("hours", "exceptions", i, "date"),
                "exception-changes-nothing",
                said,
                "check the day, or delete the exception",
                severity="info",
            )


def _only_day(dates: DateRange) -> date | None:
    """The day of dates that are one day of one year."""
    return falls_on(dates.first, dates.first.year) if dates.first == dates.last and dates.first.year else None


def _last_day(dates: DateRange) -> date | None:
    """The last day of dates that name their year."""
    return falls_on(dates.last, dates.last.year) if dates.last.year else None
