"""What a YAML parser's complaint means to somebody who wrote a sentence, not YAML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from flowengine.flow.diagnostics import Diagnostic

LOOKED_AT = 1000  # characters of a line in which an accident is looked for

_LEAD = r"^(?P<lead>\s*(?:- )?[\w ]+: +)"
_COLON_IN_TEXT = re.compile(_LEAD + r"(?P<text>[^\"'|>{\[#\s][^:]*(?::\S[^:]*)*: .*)$")
_BRACE_FIRST = re.compile(r"^(?P<lead>\s*(?:- )?(?:[\w ]+: +)?)(?P<text>\{\w+\} ?[^\s,}\]#:].*)$")
_BEHIND_QUOTE = re.compile(_LEAD + r"(?P<text>(?:\"[^\"]*\"|'[^']*') *[^\s#,}\]].*)$")
_NOT_LINED_UP = (
    "mapping values",
    "could not find expected ':'",
    "did not find expected key",
    "did not find expected '-'",
    "did not find expected ','",
    "did not find expected <document",
    "did not find expected node",
    "but found",
)


@dataclass(frozen=True, slots=True)
class _Accident:
    code: str
    message: str
    help: str
    column: int  # from 1


def explain(error: yaml.YAMLError, file: str, lines: list[str]) -> Diagnostic:
    """One finding for one parser error, with the likely reason where a line shows it."""
    problem = str(getattr(error, "problem", None) or error)
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    line, column = _inside(mark or context, lines)
    if context and "quoted scalar" in str(getattr(error, "context", "")) and "end of stream" in problem:
        said = "this quote is opened and never closed"
        return _found(file, lines, context.line + 1, _Accident("quotes", said, "close it", context.column + 1))
    for candidate in dict.fromkeys((line, max(1, line - 1))):
        accident = _accident(_line(lines, candidate), problem)
        if accident:
            return _found(file, lines, candidate, accident)
    return _found(file, lines, line, _unexplained(_line(lines, line), column, problem), to_end=False)


def _line(lines: list[str], number: int) -> str:
    return lines[number - 1][:LOOKED_AT] if number <= len(lines) else ""


def _found(file: str, lines: list[str], line: int, what: _Accident, *, to_end: bool = True) -> Diagnostic:
    text = _line(lines, line)
    end = max(what.column + 1, len(text) + 1) if to_end else what.column + 1
    return Diagnostic("error", what.code, what.message, file, line, what.column, line, end, what.help, text)


def _inside(mark: Any, lines: list[str]) -> tuple[int, int]:
    """Line and column of a mark; behind the end of the file, the end of the last written line."""
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    while line > 1 and not _line(lines, line).strip():
        line -= 1
        column = len(_line(lines, line)) + 1
    return line, column


def _accident(text: str, problem: str) -> _Accident | None:
    """An accident that this line shows, if the complaint fits it."""
    if "\t" in text[: len(text) - len(text.lstrip())]:
        said = "this line begins with a tab; YAML counts only spaces"
        return _Accident("tab", said, "replace the tab by spaces", text.index("\t") + 1)
    lost = any(sign in problem for sign in _NOT_LINED_UP)
    if lost and (brace := _BRACE_FIRST.match(text)):
        said = "text that begins with { is read as a group, not as words"
        return _Accident("braces", said, f"put it in quotes: {_quoted(brace['text'])}", brace.start("text") + 1)
    if "mapping values" in problem and (colon := _COLON_IN_TEXT.match(text)):
        said = "a colon and a space inside the text look like another key"
        return _Accident(
            "colon-in-text", said, f"put the text in quotes: {_quoted(colon['text'])}", colon.start("text") + 1
        )
    if lost and (quoted := _BEHIND_QUOTE.match(text)):
        help = "put the whole text between one pair of quotes, or leave the quotes out"
        return _Accident("quotes", "the text goes on behind its closing quote", help, quoted.start("text") + 1)
    return None


def _unexplained(text: str, column: int, problem: str) -> _Accident:
    if "cannot start any token" in problem:
        sign = text[column - 1 : column] or "this sign"
        return _Accident("odd-start", f"text cannot begin with {sign}", "put the text in quotes", column)
    if any(sign in problem for sign in _NOT_LINED_UP):
        help = "lines of one group begin in the same column; text with special characters belongs in quotes"
        return _Accident("not-lined-up", "this does not line up with the lines above it", help, column)
    if "escape" in problem:
        return _Accident(
            "quotes", "a backslash between double quotes means something else", "use single quotes", column
        )
    return _Accident(
        "yaml-syntax", f"this cannot be read as YAML: {problem}", "put text with special characters in quotes", column
    )


def _quoted(text: str) -> str:
    text = text.strip()
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"
