"""Slips of the keyboard that YAML reads as something else: a space left out, a curly quote, a tab, a line too far in.

Each is told by what a line looks like. Whether it is an accident at all, the callers know: a parser that has given up
(yaml_errors.py), or a value that came out as text with a slip in it (source.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flowengine.flow.shape import words

LOOKED_AT = 1000  # characters of a line in which an accident is looked for
_OPENING, _CLOSING = "\u201c\u201d\u201e\u00ab\u2018", "\u201c\u201d\u00bb\u2019"
ODD_SPACES = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"

_WORD = r"(?P<lead>[ \t]*(?:- +|-)?[{\[]?)(?P<word>[A-Za-z_]+)"
_GLUED = re.compile(_WORD + r"(?P<colon>:)(?=[^\s/:])")
_WIDE = re.compile(r"(?P<lead>\s*(?:- +)?)(?P<word>[A-Za-z_]\w*)(?P<colon>\s*\uff1a\s*)")
_NO_COLON = re.compile(r"(?P<lead>[ ]*(?:- +)?)(?P<word>[A-Za-z_]\w*)(?P<rest>$| +\S.*)")
_DASH = re.compile(r"(?P<lead>[ ]*)(?P<dash>-)(?=[^\s\-0-9])")
_TAB = re.compile(r"(?P<before>[ ]*(?:- *)?)(?P<tab>\t\s*)(?=\S)")
_ODD_SPACE = re.compile(rf"(?P<before>\s*?)(?P<odd>[{ODD_SPACES}]+\s*)")
_NOT_URLS = frozenset({"sip", "sips", "http", "https", "tel", "mailto"})


@dataclass(frozen=True, slots=True)
class Accident:
    """What happened, and where; columns count from 1. `fix` is what the marked piece becomes."""

    code: str
    message: str
    help: str
    line: int
    column: int
    end_column: int
    fix: str | None = None
    end_line: int = 0  # 0: the same line

    def moved(self, columns: int) -> Accident:
        return replace(self, column=self.column + columns, end_column=self.end_column + columns)


def quoted(text: str) -> str:
    """The text between quotes, whatever it holds."""
    text = text.strip()
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"


def line_at(lines: Sequence[str], number: int) -> str:
    return lines[number - 1][:LOOKED_AT] if 1 <= number <= len(lines) else ""


def indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def glued_colon(line: str, number: int) -> Accident | None:
    """`name:Ava`: without a space behind its colon, a key is no key."""
    match = _GLUED.match(line)
    if not match or match["word"] not in words() or match["word"] in _NOT_URLS:
        return None
    help = f"write {match['word']}: with a space behind the colon"
    return Accident(
        "colon-space",
        f"the space behind {match['word']}: is missing, so this is read as one word",
        help,
        number,
        match.start("colon") + 1,
        match.end("colon") + 1,
        ": ",
    )


def wide_colon(line: str, number: int) -> Accident | None:
    """A full-width colon, as East Asian keyboards write it."""
    match = _WIDE.match(line)
    if not match:
        return None
    said = f"the colon behind {match['word']} is a full-width one, which YAML reads as a letter"
    help = f"write {match['word']}: with an ordinary colon and a space"
    end = match.end("colon") + 1
    return Accident("wide-colon", said, help, number, match.start("colon") + 1, end, ": ")


def glued_dash(line: str, number: int) -> Accident | None:
    """`-dana`: without a space behind its dash, an entry of a list is no entry."""
    match = _DASH.match(line)
    if not match:
        return None
    said = "the space behind the dash is missing, so this is no entry of the list"
    column = match.start("dash") + 1
    return Accident("dash-space", said, "write - and a space", number, column, column + 1, "- ")


def tab(lines: Sequence[str], number: int) -> Accident | None:
    """A tab among the spaces a line begins with, or behind its dash. One finding for all lines that follow suit."""
    match = _TAB.match(line_at(lines, number))
    if not match:
        return None
    if match["before"].strip():
        said, column = "a tab stands behind the dash; YAML wants a space", match.start("tab") + 1
        return Accident("tab", said, "replace the tab by a space", number, column, match.end("tab") + 1, " ")
    last = number
    while (more := _TAB.match(line_at(lines, last + 1))) and not more["before"].strip():
        last += 1
    block = lines[number - 1 : last]
    others = "" if last == number else ", like the one below it" if last == number + 1 else ", like those below it"
    return Accident(
        "tab",
        f"this line begins with a tab{others}; YAML counts only spaces",
        f"replace each tab by {_step(lines)} spaces",
        number,
        1,
        len(block[-1]) + 1,
        "\n".join(_untabbed(lines, number, last)) if max(map(len, block)) <= LOOKED_AT else None,
        last,
    )


def _step(lines: Sequence[str]) -> int:
    """How many spaces one level of this file is."""
    steps = [n for line in lines if line.strip() and not line.startswith("\t") and (n := indent(line))]
    return min(steps, default=2)


def _untabbed(lines: Sequence[str], first: int, last: int) -> list[str]:
    """Lines with spaces for their tabs, the first lined up with its neighbours where these agree."""
    step = _step(lines)
    mended = []
    for line in lines[first - 1 : last]:
        rest = line.lstrip(" \t")
        mended.append(line[: len(line) - len(rest)].replace("\t", " " * step) + rest)
    above, below = line_at(lines, next_line(lines, first, -1)), line_at(lines, next_line(lines, last))
    opened = above.rstrip().endswith(":")
    base = indent(above) + (step if opened else 0)
    agree = opened or not below or indent(below) == base
    off = base - indent(mended[0]) if agree else 0
    return [" " * max(0, indent(line) + off) + line.lstrip(" ") for line in mended]


def odd_space(line: str, number: int) -> Accident | None:
    """A space copied from a web page or a word processor, which YAML takes for a letter."""
    match = _ODD_SPACE.match(line)
    if not match:
        return None
    said = "this line begins with a space copied from a web page or a document, which YAML reads as a letter"
    plain = "".join(" " if c.isspace() else "" for c in match[0])
    return Accident("odd-space", said, "type the spaces anew", number, 1, match.end() + 1, plain)


def curly_quotes(text: str) -> bool:
    """Whether a whole text stands between curly quotes."""
    return len(text) > 1 and text[0] in _OPENING and text[-1] in _CLOSING


def curly(text: str, line: int, column: int) -> Accident:
    said = "these curly quotes are part of the text; only straight ones mean quotes"
    straight = quoted(text[1:-1])
    return Accident("smart-quotes", said, f"write {straight[:80]}", line, column, column + len(text), straight)


def no_colon(lines: Sequence[str], number: int) -> Accident | None:
    """`name Ava`, or `departments` above its own lines: the colon was left out."""
    line = line_at(lines, number)
    match = _NO_COLON.fullmatch(line.rstrip())
    if not match or ": " in line or line.rstrip().endswith(":"):
        return None
    word, rest = match["word"], match["rest"]
    opens = not rest and indent(line_at(lines, next_line(lines, number))) > indent(line)
    if not opens and word not in words():
        return None
    column = match.end("word") + 1
    help = f"write {word}:{rest[:60]}"
    return Accident(
        "no-colon", f"the colon behind {word} is missing", help, number, column - len(word), column, f"{word}:"
    )


def next_line(lines: Sequence[str], number: int, step: int = 1) -> int:
    """The number of the next (or, with -1, the previous) line that says something; 0 when there is none."""
    number += step
    while 1 <= number <= len(lines):
        said = lines[number - 1].strip()
        if said and not said.startswith("#"):
            return number
        number += step
    return 0
