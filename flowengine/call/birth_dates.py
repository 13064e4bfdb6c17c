"""Where a text tells a date of birth: a date beside words that say so, never the day of an appointment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from flowengine.call.numerals import Number, Word, items
from flowengine.flow.data_lists import pairs

Span = tuple[int, int]

BIRTH = "[date of birth]"  # what stands for one that was taken out

# Not within square brackets: that is `BIRTH`.
_CUE = re.compile(
    r"(?<!\[)\b(?:d\.?o\.?b\b|born\b|birth[ -]?(?:date|day)s?\b|dates? of birth\b|nacid[oa]\b|nac[ií]\b|nacimiento\b"
    r"|b-?day\b|cumplea[nñ]os\b|cumplo\s+a[nñ]os\b)",
    re.IGNORECASE,
)
_AFTER = 60  # characters from the words to the date: "My date of birth? Sure, it is …"
_IS_IT = re.compile(r"[\s,.]*(?:(?:is|was|'s|’s|es|era)\s+(?:\w+['’]?s?\s+){0,3})?", re.IGNORECASE)  # noqa: RUF001
_MOST_BEFORE = 40
_VISIT = re.compile(
    r"\b(?:appointments?|book|come|coming|visit|schedul\w+|reschedul\w+|see|available|works|cita|tomorrow)\b",
    re.IGNORECASE,
)
_WORDS = {word.strip(): kind for kind, words in pairs("date_words") for word in words.split(",")}
_LENGTHS = (1, 2, 4, 6, 8)  # digits of the numbers in a date
_PARTS = (",", ".", "/", "-", "\u2013", "'", "\u2019", "")


def birth_dates(text: str, asked: bool = False) -> Iterator[Span]:
    """Where the dates stand; `asked` when somebody has just asked for one."""
    cues = [match.span() for match in _CUE.finditer(text)]
    if not cues and not asked:
        return
    dates = list(_dates(text))
    starts = ([(0, 0)] if asked else []) + cues
    told = {date for _, end in starts if (date := _next(text, dates, end))}
    told |= {date for start, _ in cues if (date := _just_before(text, dates, start))}
    yield from sorted(told)


def _next(text: str, dates: Sequence[Span], after: int) -> Span | None:
    """The first date after the words, if it is near and nothing between speaks of a visit or was the date."""
    date = next((date for date in dates if date[0] >= after), None)
    if date is None or date[0] - after > _AFTER or BIRTH in text[after : date[0]]:
        return None
    return None if _VISIT.search(text, after, date[0]) else date


def _just_before(text: str, dates: Sequence[Span], cue: int) -> Span | None:
    """`May 3 1984 is my birthday`, `5/3/84 DOB`."""
    date = next((date for date in reversed(dates) if date[1] <= cue), None)
    if date is None or cue - date[1] > _MOST_BEFORE:
        return None
    return date if _IS_IT.fullmatch(text, date[1], cue) else None


def _dates(text: str) -> Iterator[Span]:
    """Runs of day, month and year: with a month's name or of at least two numbers, and never a year alone."""
    piece: list[Number | Word] = []
    for item in items(text):
        kind = _kind(item)
        if piece and not (kind and _close(text, piece[-1], item)):
            yield from _whole(piece)
            piece = []
        if kind and (piece or kind not in ("small", "ending")):
            piece.append(item)
    yield from _whole(piece)


def _kind(item: Number | Word) -> str:
    """number, month, day, ending, small; "" for what is no part of a date."""
    return _WORDS.get(item.text, "") if isinstance(item, Word) else "number"


def _close(text: str, one: Number | Word, other: Number | Word) -> bool:
    """Parted by no more than the punctuation of a date."""
    return text[one.end : other.start].strip() in _PARTS and other.start - one.end <= 3


def _whole(piece: list[Number | Word]) -> Iterator[Span]:
    """The date a piece is, if it is one: up to where a number begins that no date has, such as a telephone's."""
    piece = list(takewhile(lambda item: isinstance(item, Word) or len(item.digits) in _LENGTHS, piece))
    while piece and _kind(piece[-1]) == "small":
        piece.pop()
    numbers = [item for item in piece if isinstance(item, Number)]
    kinds = {_kind(item) for item in piece}
    if ("month" in kinds and (numbers or "day" in kinds)) or _is_date(numbers):
        yield piece[0].start, piece[-1].end


def _is_date(numbers: Sequence[Number]) -> bool:
    """Whether numbers without a month's name are one."""
    digits = sum(len(number.digits) for number in numbers)
    return digits in (6, 8) if len(numbers) == 1 else 4 <= digits <= 8 and not _year_alone(numbers)


def _year_alone(numbers: Sequence[Number]) -> bool:
    """`nineteen eighty four`: a year by itself points to nobody."""
    digits = "".join(number.digits for number in numbers)
    together = all(number.spoken for number in numbers) and all(b.start - a.end <= 1 for a, b in pairwise(numbers))
    return together and len(digits) == 4 and digits[:2] in ("18", "19", "20")
