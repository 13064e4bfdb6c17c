"""Checks of sense: emergencies come first, every weekday is stated, nobody rings the office, no list is a circle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flowengine.flow import read
from flowengine.flow.check_places import GREETING_PLACES, HOURS_PLACES, SPOKEN_PLACES, spoken
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import DateRange, Path


def emergency_first(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Nothing comes before an emergency, and the caller is told to dial 911."""
    ordinary = ""
    for path, rule in doc.each("when_to_transfer", "*"):
        if rule.get("emergency") is not True:
            ordinary = ordinary or str(rule.get("rule"))
            continue
        if ordinary:
            yield doc.diagnose(
                (*path, "emergency"),
                "emergency-not-first",
                f"an emergency stands below the rule {ordinary!r}",
                "move emergencies to the top of the list",
            )
        wordings = [text for _, text in spoken(doc, ((*path, "say"),))]  # type: ignore[arg-type]
        if rule.get("say", "") is not None and not (wordings and all("911" in text for text in wordings)):
            yield doc.diagnose(
                (*path, "say") if "say" in rule else (*path, "emergency"),
                "emergency-without-911",
                "an emergency rule tells the caller to dial 911",
                "say: If this is life-threatening, hang up and dial 911. I'm getting someone for you now.",
            )


def weekdays_stated(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """The office says all seven days, and nowhere do two ranges claim one day."""
    for place in HOURS_PLACES:
        for path, value in doc.each(*place):
            if isinstance(value, dict):
                yield from _weekdays(doc, path, value, all_seven=path == ("hours",))


def _weekdays(doc: Document, path: Path, value: dict[str, Any], *, all_seven: bool) -> Iterator[Diagnostic]:
    claimed: dict[int, str] = {}
    keys = [
        key
        for key in value
        if re.fullmatch(r"[a-z]{3}(-[a-z]{3})?", key) and all(day in read.WEEKDAYS for day in key.split("-"))
    ]
    for key in keys:
        for day in read.weekdays(key):
            if "-" in key and day in claimed:
                said = f"{read.WEEKDAYS[day]} belongs to {claimed[day]!r} and to {key!r}"
                yield doc.diagnose(
                    (*path, key),
                    "weekday-twice",
                    said,
                    "let the ranges not overlap; a single day may be said apart",
                    key=True,
                )
                break
            if "-" in key:
                claimed[day] = key
    stated = {day for key in keys for day in read.weekdays(key)}
    missing = [name for i, name in enumerate(read.WEEKDAYS) if i not in stated]
    if all_seven and missing and len(keys) == len([k for k in value if k != "exceptions"]):
        yield doc.diagnose(
            path, "weekday-missing", f"nothing is said about {', '.join(missing)}", f"{missing[0]}: closed", key=True
        )


def known_timezone(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """The time zone exists."""
    for path, name in doc.each("office", "timezone"):
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield doc.diagnose(
                path,
                "unknown-timezone",
                f"there is no time zone {name[:60]!r}",
                "write it as Region/City: America/Chicago",
            )


def rings_itself(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """No staff phone is a number of the office, which would ring us again."""
    numbers: Any = doc.get("office", "phone_numbers")
    office = set(
        numbers.values() if isinstance(numbers, dict) else numbers if isinstance(numbers, list) else [numbers]
    ) - {None}
    for place in (("people", "*", "phone", "*"), ("departments", "*", "people", "*", "phone", "*")):
        for path, number in doc.each(*place):
            if number in office:
                yield doc.diagnose(
                    path,
                    "rings-itself",
                    f"{number} is a number of the office itself, so the call would come back here",
                    "write the person's own number",
                )


def unassigned_phone(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """A number no carrier has given out is probably a slip of the finger."""
    places = (
        ("office", "phone_numbers"),
        ("office", "phone_numbers", "*"),
        ("people", "*", "phone", "*"),
        ("departments", "*", "people", "*", "phone", "*"),
        ("known_callers", "*", "*"),
    )
    for place in places:
        for path, number in doc.each(*place):
            if isinstance(number, str) and not read.assigned(number):
                yield doc.diagnose(
                    path,
                    "phone-unassigned",
                    f"{number} lies in a range nobody has been given",
                    "check the digits",
                    severity="warning",
                )


def exception_past(doc: Document, today: date | None) -> Iterator[Diagnostic]:
    """A holiday that is over does no harm, but the next one may be missing."""
    for path, dates in doc.each("hours", "exceptions", "*", "date") if today else ():
        if (
            isinstance(dates, DateRange)
            and dates.last.year
            and dates.last.day
            and today
            and date(dates.last.year, dates.last.month, dates.last.day) < today
        ):
            yield doc.diagnose(
                path, "exception-past", "this date is over", "delete it, or write the next one", severity="warning"
            )


def fallback_cycle(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Departments do not hand on to each other in a circle. Only the last entry of a list goes on with its own list."""
    found = doc.each("departments", "*", "if_no_one_answers")
    lists = {str(path[1]): steps for path, steps in found if isinstance(steps, list) and steps}
    circles = list(_circles({name: steps[-1] for name, steps in lists.items() if isinstance(steps[-1], str)}))
    for circle in circles:
        path: Path = ("departments", circle[0], "if_no_one_answers", len(lists[circle[0]]) - 1)
        said = f"these departments hand on in a circle: {' → '.join((*circle[:10], circle[0]))}"
        help = "end one list with take_message, callback, voicemail or receptionist"
        yield doc.diagnose(path, "fallback-cycle", said, help)
    for name, steps in lists.items():
        if name in steps and [name] not in circles:
            path = ("departments", name, "if_no_one_answers", steps.index(name))
            yield doc.diagnose(path, "fallback-cycle", f"{name} hands on to itself", "leave it out")


def _circles(on_to: Mapping[str, str]) -> Iterator[list[str]]:
    """The circles of names that each lead to at most one other name, in one pass."""
    done: set[str] = set()
    for start in on_to:
        walked: dict[str, None] = {}  # in order
        name = start
        while name in on_to and name not in done:
            done.add(name)
            walked[name] = None
            name = on_to[name]
        if name in walked:
            order = list(walked)
            yield order[order.index(name) :]


def swallowed_speech(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """A spoken line that stops at a ` #`: YAML takes the rest for a comment."""
    for path, text in spoken(doc, (*SPOKEN_PLACES, *GREETING_PLACES)):
        extent = doc.extent(path)
        lines = doc.lines.get(extent.file, [])
        line = lines[extent.end_line - 1] if extent.end_line <= len(lines) else ""
        rest = line[extent.end_column - 1 :]
        if (
            extent.line == extent.end_line
            and re.match(r"\s+#", rest)
            and line[extent.column - 1 : extent.column] not in "\"'|>"
            and not re.search(r"[.?!]$", text)
        ):
            yield doc.diagnose(
                path,
                "comment-in-speech",
                f"the caller would hear only {text[-40:]!r}: everything behind the # is a comment",
                "put the whole text in quotes",
                severity="warning",
            )
