"""Digits as people say and write them: numerals of any script, and number words in English and Spanish, in their place.

"four one one one", "double five", "oh", "forty-one eleven" and "4111" are read as the digits they stand for, and what
follows closely is one run of numbers: a card, a telephone number, a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from unicodedata import decimal

from flowengine.flow.data_lists import pairs

_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_SAID = {word.strip(): meaning for meaning, words in pairs("number_words") for word in words.split(",")}
MOST_BETWEEN = 3  # such words in a row
FARTHEST = 12  # characters that are neither letters nor digits


@dataclass(frozen=True, slots=True)
class Number:
    """Digits in a text, from `start` to before `end`. `gap` is what parts it from the number before it in its run, in
    lower case; "" for the first."""

    start: int
    end: int
    digits: str
    spoken: bool = False
    gap: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    start: int
    end: int
    text: str  # in lower case


Run = tuple[Number, ...]


def items(text: str) -> list[Number | Word]:
    """The numbers and words of a text, in order."""
    tokens = [(m.start(), m.end(), m.group()) for m in _TOKEN.finditer(text)]
    found: list[Number | Word] = []
    at = 0
    while at < len(tokens):
        made, used = _item(text, tokens[at : at + 3])
        found.append(made)
        at += used
    return found


def _item(text: str, ahead: list[tuple[int, int, str]]) -> tuple[Number | Word, int]:
    """The item that begins here, and how many tokens it takes."""
    start, end, said = ahead[0]
    if said[0].isdecimal():
        return Number(start, end, "".join(str(decimal(digit)) for digit in said)), 1
    match list(_SAID.get(said.casefold(), "")):
        case ["x", times] if len(ahead) > 1 and (unit := _unit(ahead[1][2])):
            return Number(start, ahead[1][1], unit * int(times), spoken=True), 2
        case [tens, "_"]:
            return _tens(text, tens, ahead)
        case [*digits] if digits and all(digit.isdecimal() for digit in digits):
            return Number(start, end, "".join(digits), spoken=True), 1
        case _:
            return Word(start, end, said.casefold()), 1


def _unit(said: str) -> str:
    """The digit that a word or numeral stands for, if it is one."""
    digit = str(decimal(said)) if len(said) == 1 and said.isdecimal() else _SAID.get(said.casefold(), "")
    return digit if len(digit) == 1 else ""


def _tens(text: str, tens: str, ahead: list[tuple[int, int, str]]) -> tuple[Number, int]:
    """`forty`, `forty-one`, `cuarenta y uno`."""
    start, end, _ = ahead[0]
    after = 2 if len(ahead) > 2 and ahead[1][2].casefold() == "y" else 1
    unit = _SAID.get(ahead[after][2].casefold(), "") if len(ahead) > after else ""
    if len(unit) == 1 and unit != "0" and text[end : ahead[1][0]].strip() in ("", "-"):
        return Number(start, ahead[after][1], tens + unit, spoken=True), after + 1
    return Number(start, end, f"{tens}0", spoken=True), 1


def runs(text: str) -> Iterator[Run]:
    """Numbers that follow each other with nothing between but punctuation and the words of reading aloud."""
    run: list[Number] = []
    between = 0
    for item in items(text):
        if isinstance(item, Number):
            gap = text[run[-1].end : item.start].casefold() if run else ""
            if run and (between > MOST_BETWEEN or len(_bare(gap)) > FARTHEST):
                yield _begun(run)
                run, gap = [], ""
            run.append(replace(item, gap=gap))
            between = 0
        elif _SAID.get(item.text) == "between":
            between += 1
        elif run:
            yield _begun(run)
            run, between = [], 0
    if run:
        yield _begun(run)


def _bare(gap: str) -> str:
    return _TOKEN.sub("", gap)


def _begun(run: list[Number]) -> Run:
    """Without the sigh before a number: the "oh" of "Oh, four one one one …"."""
    if len(run) > 1 and run[0].spoken and run[0].digits == "0" and "," in run[1].gap:
        return (replace(run[1], gap=""), *run[2:])
    return tuple(run)
