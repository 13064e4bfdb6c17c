"""Reads leaves: a duration, hours, a date, a phone number, from the text a person wrote to what it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise

import phonenumbers

from flowengine.flow import meant
from flowengine.flow.model import DateRange, Span, YearlyDate
from flowengine.flow.names import DAYS, KEYS, MONTHS, NTH, SHORT_MONTHS, WEEKDAYS

DAY = 24 * 60  # minutes
_DAY_GROUPS = {
    "weekdays": "mon-fri",
    "weekday": "mon-fri",
    "weekends": "sat-sun",
    "weekend": "sat-sun",
    "daily": "mon-sun",
}
_LONG_DAYS, _MONTHS, _LONG_MONTHS = (tuple(map(str.lower, names)) for names in (DAYS, SHORT_MONTHS, MONTHS))
_NTH = {name: place for place, name in NTH.items()}
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
LONGEST_EXTENSION = 30  # keys and pauses; the carrier takes 32 (twilio.md 4.1), and we wait a second first
_SECONDS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "day": 86400,
    "year": 365.25 * 86400,
}
_KEYS = {name: key for key, name in KEYS.items()}

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([a-z]+)")
_COUNT = re.compile(r"([1-9][0-9]{0,8})(?: (?:times?|turns?|tries|try))?")
_PERCENT = re.compile(r"(100|[0-9]{1,2}) ?%")
_CLOCK_12 = re.compile(r"(0?[1-9]|1[0-2])(?::([0-5][0-9]))? ?([ap])m", re.IGNORECASE)
_CLOCK_24 = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_DAY_MONTH = re.compile(r"([0-9]{1,2}) ([a-z]+)(?: ([0-9]{4}))?")
_NTH_DAY = re.compile(r"(first|second|third|fourth|last) ([a-z]+) of ([a-z]+)(?: ([0-9]{4}))?")
_DASH = re.compile(r" *(?:-|\u2013| to ) *")


class Unreadable(Exception):
    """A leaf that does not mean what its place needs; `fix` is the text that was meant, where that is sure."""

    def __init__(self, code: str, message: str, help: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.help, self.fix = code, message, help, fix


def _shown(text: str) -> str:
    return repr(str(text)[:60])


def duration(text: str) -> float:
    """Seconds of `20s`, `2min`, `1h`, `30 days`, `6 years`."""
    match = _DURATION.fullmatch(text)
    unit = match[2] if match else ""
    seconds = _SECONDS.get(unit) or _SECONDS.get(unit.removesuffix("s"), 0) if unit not in ("", "ss", "hs") else 0
    if not match or not seconds:
        said, help = f"{_shown(text)} is not a length of time", "write a number and s, min, h, days or years: 20s, 2min"
        raise Unreadable("bad-duration", said, *meant.help_and_fix(meant.duration(text), help))
    return float(match[1]) * seconds


def count(text: str) -> int:
    """A whole number of at least 1, with or without `times`, `turns`, `tries`."""
    match = _COUNT.fullmatch(text)
    if not match:
        help = "write a whole number from 1: 2 turns, 3 times, 2 tries"
        raise Unreadable("bad-count", f"{_shown(text)} is not a count", *meant.help_and_fix(meant.count(text), help))
    return int(match[1])


def percent(text: str) -> int:
    match = _PERCENT.fullmatch(text)
    if not match:
        said, help = f"{_shown(text)} is not a percentage", "write a number from 0 to 100 and %: 40%"
        raise Unreadable("bad-percent", said, *meant.help_and_fix(meant.percent(text), help))
    return int(match[1])


def whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise Unreadable("wrong-type", f"{_shown(text)} is not a whole number", "write digits only")
    return int(text)


def truth(text: str) -> bool:
    return text.lower() == "true"


def clock(text: str) -> int:
    """Minutes since midnight of `8am`, `8:00am`, `08:00`, `17:00`."""
    if match := _CLOCK_12.fullmatch(text):
        return int(match[1]) % 12 * 60 + int(match[2] or 0) + (12 * 60 if match[3].lower() == "p" else 0)
    if match := _CLOCK_24.fullmatch(text):
        return int(match[1]) * 60 + int(match[2])
    guess = f"{text}am or {text}pm" if re.fullmatch(r"0?[1-9]|1[0-2]", text) else "8am, 8:30am, 08:30 or 17:00"
    raise Unreadable("bad-hours", f"{_shown(text)} is not a time of day", f"write {guess}")


def spans(text: str) -> tuple[Span, ...]:
    """Opening spans of one day: `8am - 12pm and 1pm - 5pm`, `closed`, `all day`; one may pass midnight."""
    if text == "closed":
        return ()
    if text == "all day":
        return (Span(0, DAY),)
    try:
        found = sorted((_span(piece) for piece in text.split(" and ")), key=lambda s: s.start)
    except Unreadable as error:
        raise Unreadable(error.code, error.message, *meant.help_and_fix(_sure_spans(text), error.help)) from None
    for before, after in pairwise(found):
        if after.start < before.end:
            raise Unreadable("bad-hours", f"{_shown(text)} holds two spans that overlap", "join them, or correct one")
    if len(found) > 1 and found[-1].end - DAY > found[0].start:
        raise Unreadable(
            "bad-hours", f"{_shown(text)} runs past midnight into its own beginning", "correct one of the times"
        )
    return tuple(found)


def _sure_spans(text: str) -> str:
    """The opening times that were meant, if they can be read; else ""."""
    mended = meant.hours(text)
    if not mended or mended == text:
        return ""
    try:
        spans(mended)
    except Unreadable:
        return ""
    return mended


def _span(text: str) -> Span:
    ends = _DASH.split(text)
    if len(ends) != 2:
        raise Unreadable(
            "bad-hours",
            f"{_shown(text)} is not an opening time",
            "write 8am - 5pm, closed, or all day; join spans with and",
        )
    start, end = clock(ends[0]), clock(ends[1])
    if start == end:
        raise Unreadable("bad-hours", f"{_shown(text)} begins and ends at the same time", "write all day, or closed")
    return Span(start, end if end > start else end + DAY)


def weekdays(text: str) -> tuple[int, ...]:
    """The days of `mon`, `mon-thu`, `fri-mon` (wraps), Monday is 0."""
    first, _, last = text.partition("-")
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return tuple((start + i) % 7 for i in range((end - start) % 7 + 1))


def day_key(text: str) -> str:
    """What `Monday`, `Mon - Fri` or `tues to thu` are called as a key: `mon`, `mon-fri`, `tue-thu`; "" if no days."""
    plain = text.strip().lower()
    if plain in _DAY_GROUPS:
        return _DAY_GROUPS[plain]
    found = [_day_meant(end.strip()) for end in _DASH.split(plain)]
    return "-".join(found) if all(found) and len(found) <= 2 else ""


def _day_meant(name: str) -> str:
    plain = name.removesuffix(".") if len(name) > 3 else name
    close = (short for short, long in zip(WEEKDAYS, _LONG_DAYS, strict=True) if f"{long}s".startswith(plain))
    return next(close, "") if len(plain) > 2 else ""


def dates(text: str) -> DateRange:
    """`26 Nov 2026`, `25 Dec`, `24 Dec - 26 Dec`, `fourth Thursday of November`."""
    ends = _DASH.split(text)
    if len(ends) > 2:
        raise _not_a_date(text)
    first, last = _date(ends[0]), _date(ends[-1])
    if (first.year is None) != (last.year is None):
        raise Unreadable(
            "bad-date", f"{_shown(text)} names a year on one side only", "give both dates the year, or neither"
        )
    if first.year is not None and last.year is not None and _rough(first) > _rough(last):
        raise Unreadable("bad-date", f"{_shown(text)} ends before it begins", "swap the two dates, or correct a year")
    return DateRange(first, last)


def _rough(day: YearlyDate) -> tuple[int, int, int]:
    """Good enough to compare the ends of a range: an nth weekday counts as the middle of its week."""
    return day.year or 0, day.month, day.day or (28 if day.nth == -1 else 7 * (day.nth or 1) - 3)


def _date(text: str) -> YearlyDate:
    plain = " ".join(text.lower().split())
    if match := _NTH_DAY.fullmatch(plain):
        weekday, month = _weekday(match[2]), _month(match[3])
        if weekday is not None and month:
            return YearlyDate(month, year=_year(match[4]), nth=_NTH[match[1]], weekday=weekday)
    named, _, rest = plain.partition(" ")
    weekday = _weekday(named.rstrip(",."))
    if match := _DAY_MONTH.fullmatch(plain if weekday is None else rest):
        day, month, year = int(match[1]), _month(match[2]), _year(match[3])
        if month and 1 <= day <= _MONTH_DAYS[month - 1]:
            _must_exist(text, year, month, day)
            _must_be(text, weekday, year, month, day)
            return YearlyDate(month, day, year)
    raise _not_a_date(text)


def _must_be(text: str, weekday: int | None, year: int | None, month: int, day: int) -> None:
    """A weekday in front of a date is there to notice a slip; a date of every year has none of its own."""
    if weekday is None:
        return
    if year is None:
        said = f"{_shown(text)} is on another weekday every year"
        raise Unreadable("bad-date", said, "leave the weekday out, or give the year")
    is_ = date(year, month, day).weekday()
    if is_ != weekday:
        name = _LONG_DAYS[is_].capitalize()
        said = f"{_shown(text)}: that day is a {name}"
        raise Unreadable("wrong-weekday", said, f"write {name[:3]}, or correct the date")


def _must_exist(text: str, year: int | None, month: int, day: int) -> None:
    try:
        date(year or 2024, month, day)
    except ValueError:
        raise Unreadable("bad-date", f"there is no {text}", "correct the day or the year") from None


def _year(text: str | None) -> int | None:
    return max(1, int(text)) if text else None


def _not_a_date(text: str) -> Unreadable:
    help = "write 26 Nov 2026, 25 Dec (every year), 24 Dec - 26 Dec, or fourth Thursday of November"
    swapped = re.fullmatch(r"([a-z]+) ([0-9]{1,2})(?:,? ([0-9]{4}))?", text.strip().lower())
    month = _month(swapped[1]) if swapped else 0
    if swapped and month and 1 <= int(swapped[2]) <= _MONTH_DAYS[month - 1]:
        fix = " ".join(p for p in (swapped[2], swapped[1].capitalize(), swapped[3]) if p)
        return Unreadable("bad-date", f"{_shown(text)} is not a date", f"write the day first: {fix}", fix)
    return Unreadable("bad-date", f"{_shown(text)} is not a date", help)


def _month(name: str) -> int:
    name = "sep" if name == "sept" else name
    return next(
        (i for i, (short, long) in enumerate(zip(_MONTHS, _LONG_MONTHS, strict=True), 1) if name in (short, long)), 0
    )


def _weekday(name: str) -> int | None:
    return next(
        (i for i, (short, long) in enumerate(zip(WEEKDAYS, _LONG_DAYS, strict=True)) if name in (short, long)), None
    )


def moment(text: str) -> tuple[int, date | None, int]:
    """Weekday (Monday 0), date if one is given, and minute of the day of `Tue 10 Nov 2026 10:15am` or `Fri 4:55pm`."""
    words = " ".join(text.split()).split(" ")
    help = "write Fri 4:55pm, or Tue 10 Nov 2026 10:15am"
    day = _weekday(words[0].lower())
    if day is None or len(words) not in (2, 5):
        raise Unreadable("bad-moment", f"{_shown(text)} is not a moment", help)
    minute = clock(words[-1])
    if len(words) == 2:
        return day, None, minute
    range_ = dates(" ".join(words[1:4]))
    first = range_.first
    if first.year is None or first.day is None:
        raise Unreadable("bad-moment", f"{_shown(text)} is not a moment", help)
    when = date(first.year, first.month, first.day)
    if when.weekday() != day:
        is_ = _LONG_DAYS[when.weekday()].capitalize()
        raise Unreadable("wrong-weekday", f"{' '.join(words[1:4])} is a {is_}", f"write {is_[:3]}, or correct the date")
    return day, when, minute


def moment_text(text: str) -> str:
    """The text itself, once it is known to be a moment."""
    moment(text)
    return str(text)


def key(text: str) -> str:
    """A telephone key as the carrier names it, from `zero` … `nine`, `star`, `pound`."""
    return _KEYS.get(text, str(text))


def region_of(number: str) -> str | None:
    """The country an international number belongs to, as two letters."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return None


def phone(text: str, region: str | None) -> str:
    """E.164. Without a leading + the number is read as one of the office's country."""
    help = "write it with its country code: +1 312-555-0111"
    try:
        parsed = phonenumbers.parse(text[:200], region)
    except phonenumbers.NumberParseException:
        raise Unreadable("bad-phone", f"{_shown(text)} is not a phone number", help) from None
    if parsed.extension:
        raise Unreadable(
            "bad-phone", f"{_shown(text)} holds an extension", "write the digits after the x as  extension:"
        )
    if not phonenumbers.is_possible_number(parsed) or re.search("[A-Za-z]", text):
        raise Unreadable("bad-phone", f"{_shown(text)} cannot be a phone number", help)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def extension(text: str) -> str:
    """The keys dialled behind a number, as written without spaces: digits, * and #; w and , wait."""
    keys = re.sub(r"\s", "", text)
    if not re.fullmatch(r"[0-9*#,wW]+", keys) or not re.search(r"[0-9*#]", keys):
        said = f"{_shown(text)} is no extension"
        help = "write the keys: digits, * and #; w waits half a second, a comma one second: 204, or ww3,204"
        raise Unreadable("bad-extension", said, *meant.help_and_fix(meant.extension(text), help))
    if len(keys) > LONGEST_EXTENSION:
        said = f"an extension has at most {LONGEST_EXTENSION} keys and pauses, this one has {len(keys)}"
        raise Unreadable("bad-extension", said, "leave out pauses, or give the person a number of their own")
    return keys


def assigned(number: str) -> bool:
    """Whether an E.164 number lies in a range that is in use; the 555-01xx numbers of examples count as in use."""
    return bool(re.fullmatch(r"\+1[0-9]{3}55501[0-9]{2}", number)) or phonenumbers.is_valid_number(
        phonenumbers.parse(number, None)
    )


READERS: Mapping[str, Callable[[str], object]] = {
    "duration": duration,
    "count": count,
    "percent": percent,
    "whole": whole,
    "truth": truth,
    "ranges": spans,
    "dates": dates,
    "moment": moment_text,
    "key": key,
    "extension": extension,
    "text": str,
    "spoken": str,
    "opening": str,
}
