"""What a YAML parser's complaint means to somebody who wrote a sentence, not YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from flowengine.flow import accidents
from flowengine.flow.accidents import Accident, indent, line_at, next_line, quoted
from flowengine.flow.diagnostics import Diagnostic

_KEY = r"(?:\w+|\"[^\"]*\"|'[^']*')"
_LEAD = rf"^(?P<lead>\s*(?:- +)*(?:{_KEY}: +)?)"
_COLON_IN_TEXT = re.compile(rf"^(?P<lead>\s*(?:- +)*{_KEY}: +)(?P<text>[^\"'|>{{\[#\s][^:]*(?::\S[^:]*)*:(?: .*|$))")
_BRACE_FIRST = re.compile(_LEAD + r"(?P<text>\{\w+\}[ ,]?[^\s,}\]#].*)$")
_BRACKET_FIRST = re.compile(_LEAD + r"(?P<text>\[[^\[\]:]*\][^\s,}\]#].*|\[[^\[\]:]*\] +[^\s,}\]#].*)$")
_BEHIND_QUOTE = re.compile(_LEAD + r"(?P<text>(?:\"[^\"]*\"|'[^']*') *[^\s#,:}\]].*)$")
_LINE_START = re.compile(rf"\s*(?:- +)*{_KEY}:(?:\s|$)|\s*- |\s*#|\s*$")
_OPENS_QUOTE = re.compile(r"(?:^|[:\-\[{,] +|[\[{])(?P<quote>[\"'])")
_NOT_LINED_UP = (
    "mapping values",
    "sequence entries",
    "could not find expected ':'",
    "did not find expected key",
    "did not find expected '-'",
    "did not find expected ','",
    "did not find expected <document",
    "did not find expected node",
    "but found",
    "but got",
)


def explain(error: yaml.YAMLError, file: str, lines: list[str]) -> Diagnostic:
    """One finding for one parser error, with the likely reason where a line shows it."""
    complaint = _Complaint(error, lines)
    accident = next(complaint.accidents(), None) or complaint.unexplained()
    column = max(1, accident.column)
    end_line = accident.end_line or accident.line
    end = accident.end_column if end_line != accident.line else max(column + 1, accident.end_column)
    text = line_at(lines, accident.line)
    fix = accident.fix if len(text) < accidents.LOOKED_AT else None  # the rest of the line was not looked at
    return Diagnostic(
        "error", accident.code, accident.message, file, accident.line, column, end_line, end,
        accident.help, text, fix,
    )  # fmt: skip


class _Complaint:
    """A parser error and the lines it may be about."""

    def __init__(self, error: yaml.YAMLError, lines: list[str]) -> None:
        self.lines = lines
        self.problem = str(getattr(error, "problem", None) or error)
        self.context = str(getattr(error, "context", None) or "")
        mark, begun = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
        self.line, self.column = _inside(mark or begun, lines)
        self.begun = (begun.line + 1, begun.column + 1) if begun else (self.line, self.column)
        self.lost = any(sign in self.problem for sign in _NOT_LINED_UP)

    def accidents(self) -> Iterator[Accident]:
        """Every accident that would explain the complaint, the likeliest first."""
        if "tab" in self.problem or "cannot start any token" in self.problem:
            yield from _found(accidents.tab(self.lines, self.line))
        if self.context.endswith(_MARKS):
            self.line, self.column = self.begun
            yield self.odd_start(line_at(self.lines, self.line))
        yield from self.open_quote()
        near = self.near()
        for number in near:
            yield from self.slips(number)
        if self.lost:
            for number in near:
                yield from _found(accidents.no_colon(self.lines, number))
            yield from self.open_bracket()
            yield from self.too_many_brackets()
            yield from self.list_among_keys()
            yield from self.indentation()

    def near(self) -> list[int]:
        """The line of the complaint, the one before it, and where the piece began that could not be finished."""
        before = next_line(self.lines, self.line, -1)
        began = self.begun[0] if "simple key" in self.context else 0
        return [number for number in dict.fromkeys((began, self.line, before)) if number]

    def slips(self, number: int) -> Iterator[Accident]:
        text = line_at(self.lines, number)
        yield from _found(accidents.odd_space(text, number))
        if not self.lost:
            return
        yield from _found(accidents.wide_colon(text, number))
        yield from _found(accidents.glued_colon(text, number))
        yield from _found(accidents.glued_dash(text, number))
        yield from self.text_as_yaml(text, number)

    def text_as_yaml(self, text: str, number: int) -> Iterator[Accident]:
        """Words that YAML reads as signs: a brace first, a colon inside, more behind a closing quote."""
        if match := _BRACE_FIRST.match(text):
            said = "text that begins with { is read as a group, not as words"
            yield _quote(match, number, "braces", said)
        if match := _BRACKET_FIRST.match(text):
            said = "text that begins with [ is read as a list, not as words"
            yield _quote(match, number, "braces", said)
        if "mapping values" in self.problem and (match := _COLON_IN_TEXT.match(text)):
            if accidents.curly_quotes(match["text"].strip()):
                yield accidents.curly(match["text"].strip(), number, match.start("text") + 1)
            yield _quote(match, number, "colon-in-text", "a colon and a space inside the text look like another key")
        if match := _BEHIND_QUOTE.match(text):
            help = "put the whole text between one pair of quotes, or leave the quotes out"
            column = match.start("text") + 1
            yield Accident(
                "quotes", "the text goes on behind its closing quote", help, number, column, len(text.rstrip()) + 1
            )

    def open_quote(self) -> Iterator[Accident]:
        """A quote that no line closes, or only one that was meant to open another text."""
        ends = "quoted scalar" in self.context and "end of stream" in self.problem
        if not ends and not self.lost:
            return
        for number in range(self.begun[0] if ends else 1, self.line + 1):
            if match := _unclosed(line_at(self.lines, number)):
                following = line_at(self.lines, next_line(self.lines, number))
                text = line_at(self.lines, number).rstrip()
                column = match.start("quote") + 1
                alone = ends or _LINE_START.match(following)
                if not alone:
                    continue
                rest = text[column - 1 :]
                sure = _LINE_START.match(following) and " #" not in rest and not set("]}") & set(rest)
                fix = rest + match["quote"] if sure else None
                said = "this quote is opened and never closed"
                yield Accident("quotes", said, "close it", number, column, len(text) + 1, fix)
        if ends:
            line, column = self.begun
            yield Accident("quotes", "this quote is opened and never closed", "close it", line, column, column + 1)

    def open_bracket(self) -> Iterator[Accident]:
        """`[dana, luis` or `{name: Dana` without its end."""
        if "flow sequence" not in self.context and "flow mapping" not in self.context:
            return
        line, column = self.begun
        sign, end = ("[", "]") if "sequence" in self.context else ("{", "}")
        text = line_at(self.lines, line).rstrip()
        if text.count(sign) <= text.count(end):
            return
        following = line_at(self.lines, next_line(self.lines, line))
        sure = text.count(sign) == text.count(end) + 1 and _LINE_START.match(following) and "#" not in text
        fix = text[column - 1 :].rstrip(",") + end if sure and not {'"', "'"} & set(text) else None
        said = f"this {sign} is opened and never closed"
        yield Accident("brackets", said, f"close it with {end}", line, column, len(text) + 1, fix)

    def too_many_brackets(self) -> Iterator[Accident]:
        text = line_at(self.lines, self.line)
        sign = text[self.column - 1 : self.column]
        if sign in ("]", "}"):
            opening = "[" if sign == "]" else "{"
            sure = text.count(sign) == text.count(opening) + 1 and not {'"', "'"} & set(text)
            said = f"this {sign} closes nothing"
            column = self.column
            yield Accident("brackets", said, "delete it", self.line, column, column + 1, "" if sure else None)

    def list_among_keys(self) -> Iterator[Accident]:
        """A dash too many, or one too few."""
        text = line_at(self.lines, self.line)
        here, above = indent(text), indent(line_at(self.lines, next_line(self.lines, self.line, -1)))
        if _is_entry(text) and "expected key" in self.problem and here >= above:
            yield self.not_lined_up("an entry of a list stands among keys", here + 1)
        if "expected '-'" in self.problem and not _is_entry(text) and here <= above:
            said = "this line stands among the entries of a list, but does not begin with a dash"
            yield self.not_lined_up(said, here + 1, "begin it with - , or move it in or out")

    def indentation(self) -> Iterator[Accident]:
        """A line that begins in another column than the lines of its group."""
        text = line_at(self.lines, self.line)
        before = line_at(self.lines, next_line(self.lines, self.line, -1))
        after = line_at(self.lines, next_line(self.lines, self.line))
        here, above, below = indent(text), indent(before), indent(after)
        if not text.strip() or not before.strip() or here == above:
            return
        opened = before.rstrip().endswith(":")
        where = "further in than" if here > above else "further out than"
        sure = after and above == below and not opened and _is_entry(before) == _is_entry(text)
        said = f"this line begins {where} the line above it, so it belongs to no group"
        help = f"let it begin in column {above + 1}, as the lines around it do" if sure else _LINE_UP
        yield Accident("not-lined-up", said, help, self.line, 1, here + 1, " " * above if sure else None)

    def not_lined_up(self, said: str, column: int, help: str = "") -> Accident:
        return Accident("not-lined-up", said, help or _LINE_UP, self.line, column, column + 1)

    def unexplained(self) -> Accident:
        text, column = line_at(self.lines, self.line), self.column
        if "cannot start any token" in self.problem:
            return self.odd_start(text)
        if "block scalar" in self.context:
            said, help = "text behind | or > begins on the next line", "put the text in quotes, or on the lines below"
            return Accident("odd-start", said, help, self.line, column, column + 1)
        if "escape" in self.problem:
            said = "a backslash between double quotes means something else"
            return Accident("quotes", said, "use single quotes", self.line, column, column + 1)
        if "sequence entries" in self.problem:
            said, help = (
                "a list does not begin on the line of its key",
                "put the - on the next line, or write [one, two]",
            )
            return self.not_lined_up(said, column, help)
        if self.lost or "mapping keys" in self.problem:
            return self.not_lined_up("this does not line up with the lines above it", column)
        said = f"this cannot be read as YAML: {self.problem}"
        help = "put text with special characters in quotes"
        return Accident("yaml-syntax", said, help, self.line, column, column + 1)

    def odd_start(self, text: str) -> Accident:
        rest = text[self.column - 1 :].rstrip()
        sure = " #" not in rest and not set("}],") & set(rest)
        help = f"put the text in quotes: {quoted(rest)[:80]}" if sure else "put the text in quotes"
        end = self.column + (len(rest) if sure else 1)
        said = f"text cannot begin with {rest[:1] or 'this sign'}"
        return Accident("odd-start", said, help, self.line, self.column, end, quoted(rest) if sure and rest else None)


_MARKS = ("an alias", "an anchor", "a tag", "an alias node", "an anchor node")  # what * & and ! begin
_LINE_UP = "lines of one group begin in the same column; text with special characters belongs in quotes"


def _found(accident: Accident | None) -> Iterator[Accident]:
    if accident is not None:
        yield accident


def _is_entry(line: str) -> bool:
    return line.lstrip().startswith("- ")


def _quote(match: re.Match[str], number: int, code: str, said: str) -> Accident:
    """Text that belongs in quotes; a comment behind it leaves open how much of it is text."""
    text = match["text"].rstrip()
    column = match.start("text") + 1
    help = f"put the text in quotes: {quoted(text)[:160]}"
    fix = quoted(text) if " #" not in text else None
    return Accident(code, said, help, number, column, column + len(text), fix)


def _unclosed(text: str) -> re.Match[str] | None:
    """The quote that begins a text on this line and has no partner on it."""
    for match in _OPENS_QUOTE.finditer(text):
        if not text[match.end("quote") :].replace("''", "").count(match["quote"]):
            return match
    return None


def _inside(mark: Any, lines: Sequence[str]) -> tuple[int, int]:
    """Line and column of a mark; behind the end of the file, the end of the last written line."""
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    while line > 1 and not line_at(lines, line).strip():
        line -= 1
        column = len(line_at(lines, line)) + 1
    return line, column
