"""What somebody searches for, as they typed it, against what a hand-off or a thing to do says. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flowengine.desk import words
from flowengine.desk.views import Office
from flowengine.flow.names import DAYS, SHORT_MONTHS

MOST_LETTERS = 200  # of what is searched for

# ---- what is meant ---------------------------------------------------------------------------------------------------

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i", "\u2019": "'"}
)
_NUMBER = re.compile(r"\+?\(?\d[\d\s().\-/]*\d")
_WEEKDAYS = tuple(map(str.lower, DAYS))
_MONTHS = tuple(map(str.lower, SHORT_MONTHS))
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_DATES = (
    re.compile(r"\b(?P<year>\d{4})-(?P<number>\d{1,2})-(?P<day>\d{1,2})\b"),
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month>{_MONTH})(?:\s+(?P<year>\d{{4}}))?(?![\w])"),
    re.compile(rf"\b(?P<month>{_MONTH})\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<year>\d{{4}}))?(?![\w])"),
)
LEAST_DIGITS = 3  # fewer are a word like any other


def fold(text: str) -> str:
    """Without case and accents, digits of all scripts as ours: as one would compare two names by ear."""
    if text.isascii():  # as most are, and a search folds thousands
        return " ".join(text.casefold().split())
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(_plain(letter) for letter in apart if not unicodedata.combining(letter))
    return " ".join(plain.translate(_LETTERS).split())


def _plain(letter: str) -> str:
    digit = unicodedata.digit(letter, None)
    return letter if digit is None else str(digit)


@dataclass(frozen=True, slots=True)
class Query:
    """All of it must hold: the words, the digits of numbers, one of the days."""

    words: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    days: frozenset[date] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.words or self.numbers or self.days)

    def holds(self, text: str, digits: str, day: date | None) -> bool:
        """`text` is folded; `digits` are those of every value, apart."""
        found = all(word in text for word in self.words) and all(number in digits for number in self.numbers)
        return found and (not self.days or day in self.days)


def understood(said: str, today: date) -> Query:
    """What somebody typed: days, then numbers however they are written, then words."""
    left, days = _days(fold(said[:MOST_LETTERS]), today)
    numbers: list[str] = []

    def number(found: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", found.group())
        if len(digits) < LEAST_DIGITS:
            return found.group()
        numbers.append(digits.lstrip("0") or digits)
        return " "

    left = _NUMBER.sub(number, left)
    return Query(tuple(word for word in (w.strip(",;:.()\"'") for w in left.split()) if word), tuple(numbers), days)


def _days(text: str, today: date) -> tuple[str, frozenset[date]]:
    days: set[date] = set()
    for form in _DATES:
        for found in form.finditer(text):
            if day := _date(found.groupdict(), today):
                days.add(day)
                text = text.replace(found.group(), " ")
    kept: list[str] = []
    for word in text.split():
        meant = _day(word.strip(",.;:"), today)
        days |= meant
        kept += [] if meant else [word]
    return " ".join(kept), frozenset(days)


def _day(word: str, today: date) -> frozenset[date]:
    """The days a word means; a weekday is the latest one."""
    if word in ("today", "yesterday"):
        return frozenset({today - timedelta(days=word == "yesterday")})
    if word in _WEEKDAYS:
        return frozenset({today - timedelta(days=(today.weekday() - _WEEKDAYS.index(word)) % 7)})
    return frozenset()


def _date(parts: Mapping[str, str | None], today: date) -> date | None:
    """A date of this year, or of the last when it would lie ahead."""
    number, year = parts.get("number"), int(parts.get("year") or today.year)
    month = int(number) if number else _MONTHS.index(str(parts.get("month"))[:3]) + 1
    try:
        found = date(year, month, int(parts["day"] or 0))
        return found if parts.get("year") or found <= today else found.replace(year=year - 1)
    except ValueError:
        return None


# ---- what there is ---------------------------------------------------------------------------------------------------


def card_text(card: Mapping[str, Any]) -> Iterator[str]:
    for name in ("headline", "summary", "matched", "department", "caller", "status_text"):
        yield str(card.get(name) or "")
    yield str(card.get("rule") or "").replace("_", " ")
    for field in card.get("fields", ()):
        yield str(field.get("value") or "")
    for person in card.get("people", ()):
        yield str(person.get("person") or "")


def work_text(work: Mapping[str, Any], office: Office) -> Iterator[str]:
    yield str(work.get("kind") or "").replace("_", " ")
    yield office.department(str(work.get("department") or ""))
    for name, value in dict(work.get("fields") or {}).items():
        if name != "recording":  # an address: its digits are nobody's number
            yield str(value)
    yield str(work.get("done_by") or "")


def matches(query: Query, texts: Iterator[str], at: object, office: Office) -> bool:
    values = [fold(text) for text in texts if text]
    moment = words.moment(str(at or ""))
    digits = " ".join(re.sub(r"\D", "", value) for value in values)
    return query.holds(" ".join(values), digits, moment.astimezone(office.where).date() if moment else None)
