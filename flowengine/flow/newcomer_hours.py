"""Opening hours as somebody says them in one line, and a moment at which such an office is open or closed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowengine.flow import read
from flowengine.flow.model import Span
from flowengine.flow.names import WEEKDAYS
from flowengine.flow.read import DAY, Unreadable

_HELP = "write days and times: mon-thu 8am - 5pm, fri 8am - 12pm, sat-sun closed"
_NAME = r"(mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:r|rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)s?"
_DAYS = re.compile(rf"{_NAME}\.?(?: *(?:-|\u2013| to ) *{_NAME}\.?)?(?: *: *| +(?=\S)|$)")
_SPOKEN_DAYS = {
    "weekdays": "mon-fri",
    "weekends": "sat-sun",
    "every day": "mon-sun",
    "daily": "mon-sun",
    "24/7": "mon-sun all day",
}
_A_CALL = 10  # minutes that a moment must be away from a change
_WEEK = range(7 * DAY)
_TRIED_FIRST = tuple(f"{day} {hour}" for hour in (10, 14, 21, 3, 8, 12, 16, 18) for day in ("tue", "wed", "sat", "sun"))


@dataclass(frozen=True, slots=True)
class Week:
    """Opening hours as they stand in a file (days and spans, in order), and the spans of each weekday, Monday first."""

    lines: tuple[tuple[str, str], ...]
    days: tuple[tuple[Span, ...], ...]

    def moment(self, *, open: bool) -> str:
        """A moment of an ordinary week, such as `Tue 10am`, around which the office is open (or closed) for at least
        ten minutes either way; "" when there is none."""
        minutes = {m % len(_WEEK) for day, spans in enumerate(self.days) for s in spans for m in _minutes(day, s)}
        wanted = minutes if open else set(_WEEK) - minutes
        tried = [*map(_minute_of, _TRIED_FIRST), *range(0, len(_WEEK), _A_CALL)]
        around = range(-_A_CALL, _A_CALL)
        return next((_said(m) for m in tried if all((m + i) % len(_WEEK) in wanted for i in around)), "")


def _minutes(day: int, span: Span) -> range:
    return range(day * DAY + span.start, day * DAY + span.end)


def _minute_of(text: str) -> int:
    day, hour = text.split()
    return WEEKDAYS.index(day) * DAY + int(hour) * 60


def _said(minute: int) -> str:
    day, (hour, rest) = WEEKDAYS[minute // DAY].capitalize(), divmod(minute % DAY, 60)
    return f"{day} {(hour + 11) % 12 + 1}{f':{rest:02d}' if rest else ''}{'am' if hour < 12 else 'pm'}"


def week_of(text: str) -> Week:
    """The hours of `mon-thu 8am - 5pm, fri 8am - 12pm`; times without days are those of Monday to Friday, and a day
    that is not named is closed. Raises Unreadable."""
    lines = [_line(piece) for piece in re.split(r"[,;\n]", _plain(text)) if piece.strip()]
    if not lines:
        raise Unreadable("bad-hours", "no hours are given", _HELP)
    if len(lines) == 1 and not lines[0][0]:
        lines = [("mon-fri", lines[0][1])]
    named = _named(lines)
    lines += [(days, "closed") for days in _runs([day for day in range(7) if day not in named])]
    week = Week(tuple(lines), tuple(read.spans(named.get(day, "closed")) for day in range(7)))
    if not week.moment(open=True):
        raise Unreadable("bad-hours", "the office would never be open", _HELP)
    return week


def _plain(text: str) -> str:
    said = " ".join(text.lower().split())
    for words, days in _SPOKEN_DAYS.items():
        said = said.replace(words, days)
    return said


def _line(piece: str) -> tuple[str, str]:
    """Days ("" when none are named) and spans of one piece; the spans are readable."""
    match = _DAYS.match(piece.strip())
    spans = piece.strip()[match.end() :] if match else piece.strip()
    read.spans(spans)
    return ("-".join(day[:3] for day in match.groups() if day) if match else "", spans)


def _named(lines: Sequence[tuple[str, str]]) -> dict[int, str]:
    """The spans of each weekday that is named; a single day beats a range."""
    named: dict[int, tuple[bool, str]] = {}
    for days, spans in sorted(lines, key=lambda line: "-" not in line[0]):
        if not days:
            raise Unreadable("bad-hours", f"{spans!r} does not say on which days", _HELP)
        single = "-" not in days
        for day in read.weekdays(days):
            if day in named and named[day][0] == single:
                said = f"{WEEKDAYS[day]} is named twice"
                raise Unreadable("bad-hours", said, "join its times with and: mon 8am - 12pm and 1pm - 5pm")
            named[day] = (single, spans)
    return {day: spans for day, (_, spans) in named.items()}


def _runs(days: Sequence[int]) -> Iterator[str]:
    """Days as the file writes them: 5, 6 is sat-sun."""
    start = 0
    for i, day in enumerate(days):
        if i + 1 == len(days) or days[i + 1] != day + 1:
            yield "-".join(dict.fromkeys((WEEKDAYS[days[start]], WEEKDAYS[day])))
            start = i + 1
