"""One value of a flow as `show` tells it, and the places in which it may have been said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from flowengine.flow import read, spelling
from flowengine.flow.model import (
    Flow,
    Path,
    Spoken,
    Step,
    WeeklyHours,
)

Plain = str | bool | int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """One value; the first of `places` that the file has is where it was said."""

    path: Path
    value: Plain
    places: tuple[Path, ...]


def at(path: Path, value: Plain, *others: Path) -> Value:
    """A value that stands at its own path, or was said at one of the others."""
    return Value(path, value, (path, *others))


def spoken(flow: Flow, path: Path, line: Spoken, *others: Path) -> Iterator[Value]:
    """A spoken line: one value, or one a language."""
    if not line.by_language:
        yield at(path, line.text, *others)
        return
    every = {flow.receptionist.languages[0]: line.text, **line.by_language}
    for language, text in every.items():
        places = (path, *others)
        yield Value((*path, language), text, (*((*place, language) for place in places), *places))


def steps(path: Path, steps: Iterable[Step], *others: Path) -> Value:
    """A list of steps."""
    return at(path, tuple(spelling.step(step) for step in steps), *others)


def hours(flow: Flow, path: Path, weekly: WeeklyHours, place: Path | None = None) -> Iterator[Value]:
    """The week as runs of days that are alike and said in the same place."""
    week = path if place is None else place
    entries = [(p, _days(str(p[-1]))) for p in flow.origins if p[:-1] == week and p[-1] != "exceptions"]
    said = {day: _covering(entries, day) or week for day in range(7)}
    for (spans, where), run in groupby(range(7), key=lambda day: (weekly.days[day], said[day])):
        days = list(run)
        yield Value((*path, spelling.days(days[0], days[-1])), spelling.spans(spans), (where,))


def _covering(entries: Iterable[tuple[Path, tuple[int, ...]]], day: int) -> Path | None:
    """The entry of a week that covers a day; the one for the fewest days counts."""
    covering = [(len(days), path) for path, days in entries if day in days]
    return min(covering, key=lambda each: each[0])[1] if covering else None


def _days(word: str) -> tuple[int, ...]:
    try:
        return tuple(read.weekdays(word))
    except read.Unreadable:
        return ()
