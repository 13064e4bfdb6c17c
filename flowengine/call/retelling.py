"""What two people say of what the card told already: the words shared between a talk and the fields of a call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from flowengine.flow.model import FieldType, Flow
from flowengine.flow.words import STOP_WORDS, TITLES, normalise, stems

LEAST_DIGITS = 4  # in a row; three may be an age or a price
LEAST_STEMS = 2  # of an answer that has more than one
LEAST_LETTERS = 3  # in a row are a word spelled out
NAME, REASON, NUMBER = "caller_name", "reason", "callback_number"
_CLOSED = (FieldType.YES_OR_NO, FieldType.CHOICE)  # "yes" and "new" are said in every talk
_TEENS = {
    word: f"1{unit}"
    for unit, word in enumerate(
        ["eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"], start=1
    )
}
_TENS = {
    word: str(ten)
    for ten, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2)
}
_UNITS = frozenset("123456789")
_OH = re.compile(r"\boh?\b(?=[\s,.-]*(?:[0-9]|zero|oh?\b|one|two|three|four|five|six|seven|eight|nine))", re.I)


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the talk; `at` is when it was complete, in call seconds."""

    at: float
    speaker: Literal["caller", "staff"]
    text: str


@dataclass(frozen=True, slots=True)
class Known:
    """An answer as it can be found again: words of a name, stems of a sentence, digits of a number."""

    field: str
    words: frozenset[str]
    least: int  # words that must be shared
    digits: str
    name: bool = False


def known_of(flow: Flow, fields: Mapping[str, str], language: str) -> tuple[Known, ...]:
    """What of a call's fields can be recognised in speech; yes-or-no answers and choices cannot."""
    closed = {f.name for f in flow.receptionist.find_out if f.type in _CLOSED}
    every = (_known(name, value, language) for name, value in fields.items() if name not in closed)
    return tuple(known for known in every if known.words or known.digits)


def _known(field: str, value: str, language: str) -> Known:
    words, name = _words(value), field == NAME or field.endswith("_name")
    run = max(_runs(words), key=len, default="")
    digits = run if len(run) >= LEAST_DIGITS else ""
    if name:
        own = frozenset(w for w in words if w not in TITLES and len(w) > 1 and not w.isdecimal())
        return Known(field, own, 1, digits, name=True)
    own = _content(words, language)
    return Known(field, own, min(LEAST_STEMS, len(own)), digits)


def _words(text: str) -> tuple[str, ...]:
    """The words of a text; numbers said in pairs ("oh one forty-two") as their digits, and letters said one by one as
    the word they spell."""
    return tuple(_joined(_digits(normalise(_OH.sub("zero", text)))))


def _digits(words: Sequence[str]) -> Iterator[str]:
    for word, after in zip(words, (*words[1:], ""), strict=True):
        if word in _TENS:
            yield from (_TENS[word],) if after in _UNITS else (_TENS[word], "0")
        else:
            yield from _TEENS.get(word) or (word,)


def _joined(words: Iterable[str]) -> Iterator[str]:
    for is_letter, run in groupby(words, lambda word: len(word) == 1 and word.isalpha()):
        letters = list(run)
        yield from ("".join(letters),) if is_letter and len(letters) >= LEAST_LETTERS else letters


def _content(words: Iterable[str], language: str) -> frozenset[str]:
    return frozenset(stems((w for w in words if w not in STOP_WORDS and not w.isdecimal()), language))


def _runs(words: Iterable[str]) -> list[str]:
    """Digits said in a row, as one string each."""
    return ["".join(run) for is_digit, run in groupby(words, str.isdecimal) if is_digit]


# ---- the two questions ---------------------------------------------------------------------------------------------


def retold(known: Sequence[Known], talk: Sequence[Said], language: str) -> tuple[str, ...]:
    """The fields the caller tells the person although they were known. What the person has said before is only
    confirmed."""
    found: dict[str, None] = {}
    heard = _Heard(frozenset(), frozenset(), ())
    for speaker, lines in groupby(talk, key=lambda said: said.speaker):
        said = _heard(" ".join(line.text for line in lines), language)
        if speaker == "caller":
            found |= dict.fromkeys(each.field for each in known if _tells(each, said, heard))
        else:
            heard = _Heard(heard.words | said.words, heard.stems | said.stems, (*heard.runs, *said.runs))
    return tuple(found)


def first_mention(known: Sequence[Known], talk: Sequence[Said], language: str) -> float | None:
    """When either of the two first says the caller's name or the reason, in call seconds."""
    nothing = _Heard(frozenset(), frozenset(), ())
    context = [each for each in known if each.field in (NAME, REASON)]
    for line in talk:
        said = _heard(line.text, language)
        if any(_tells(each, said, nothing) for each in context):
            return line.at
    return None


@dataclass(frozen=True, slots=True)
class _Heard:
    words: frozenset[str]
    stems: frozenset[str]
    runs: tuple[str, ...]


def _heard(text: str, language: str) -> _Heard:
    words = _words(text)
    return _Heard(frozenset(words), _content(words, language), tuple(_runs(words)))


def _tells(known: Known, said: _Heard, before: _Heard) -> bool:
    """Whether words tell an answer that `before` did not."""
    shared = (known.words & said.words) - before.words if known.name else (known.words & said.stems) - before.stems
    return (bool(known.words) and len(shared) >= known.least) or any(
        piece in known.digits and not any(piece in run for run in before.runs)
        for run in said.runs
        for piece in _pieces(run)
    )


def _pieces(run: str) -> Iterable[str]:
    return (run[i : i + LEAST_DIGITS] for i in range(len(run) - LEAST_DIGITS + 1))
