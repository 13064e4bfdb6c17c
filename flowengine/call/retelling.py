"""What two people say of what the card told already: the words shared between a talk and the fields of a call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from flowengine.call.numerals import runs
from flowengine.flow.model import FieldType, Flow
from flowengine.flow.words import STOP_WORDS, TITLES, normalise, stems

LEAST_DIGITS = 4  # in a row; three may be an age or a price
LEAST_STEMS = 2  # of an answer that has more than one
LEAST_LETTERS = 3  # in a row are a word spelled out
LEAST_LENGTH = 4  # letters of a word that carries something, in a language without a list of stop words
NAME, REASON, NUMBER = "caller_name", "reason", "callback_number"
_CLOSED = (FieldType.YES_OR_NO, FieldType.CHOICE)  # "yes" and "new" are said in every talk


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
    heard, name = _heard(value, language), field == NAME or field.endswith("_name")
    digits = max(heard.numbers, key=len, default="")
    if name:
        own = frozenset(w for w in heard.words if w not in TITLES and len(w) > 1 and not w.isdecimal())
        return Known(field, own, 1, digits, name=True)
    return Known(field, heard.stems, min(LEAST_STEMS, len(heard.stems)), digits)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A text as it can be compared: its words, the stems of those that carry something, the digits of its numbers."""

    words: frozenset[str]
    stems: frozenset[str]
    numbers: tuple[str, ...]


def _heard(text: str, language: str) -> _Heard:
    """Numbers long enough to be known again are digits, however they are said, and everything else is words."""
    numbers, rest, at = [], [], 0
    for run in runs(text):
        digits = "".join(number.digits for number in run)
        if len(digits) >= LEAST_DIGITS:
            numbers.append(digits)
            rest.append(text[at : run[0].start])
            at = run[-1].end
    words = tuple(_joined(normalise(" ".join((*rest, text[at:])))))
    return _Heard(frozenset(words), _content(words, language), tuple(numbers))


def _joined(words: Iterable[str]) -> Iterator[str]:
    """Letters said one by one become the word they spell."""
    for is_letter, run in groupby(words, lambda word: len(word) == 1 and word.isalpha()):
        letters = list(run)
        yield from ("".join(letters),) if is_letter and len(letters) >= LEAST_LETTERS else letters


def _content(words: Iterable[str], language: str) -> frozenset[str]:
    least = 1 if language.casefold() == "english" else LEAST_LENGTH
    kept = (w for w in words if w not in STOP_WORDS and not w.isdecimal() and len(w) >= least)
    return frozenset(stems(kept, language))


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
            heard = _Heard(heard.words | said.words, heard.stems | said.stems, (*heard.numbers, *said.numbers))
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


def _tells(known: Known, said: _Heard, before: _Heard) -> bool:
    """Whether words tell an answer that `before` did not."""
    shared = (known.words & said.words) - before.words if known.name else (known.words & said.stems) - before.stems
    return (bool(known.words) and len(shared) >= known.least) or any(
        piece in known.digits and not any(piece in number for number in before.numbers)
        for number in said.numbers
        for piece in _pieces(number)
    )


def _pieces(number: str) -> Iterable[str]:
    return (number[i : i + LEAST_DIGITS] for i in range(len(number) - LEAST_DIGITS + 1))
