"""A flow author's mistakes: what is wrong, where, and what would be right; and how they print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "info"]

WIDEST_EXCERPT = 160  # characters of a source line that are shown


class Mark(NamedTuple):
    """A piece of a file's text; `end_column` is the column behind its last character."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. Lines and columns count from 1; `end_column` is the column behind the last character."""

    severity: Severity
    code: str
    message: str
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    help: str = ""
    excerpt: str = ""  # the source line it stands on
    fix: str | None = None  # what the marked piece becomes, where only one thing can be meant
    also: tuple[Mark, ...] = ()  # further places of the same cause, which the same fix mends


def mark(d: Diagnostic) -> Mark:
    """The piece of text a finding is about."""
    return Mark(d.line, d.column, d.end_line, d.end_column)


class FlowInvalid(Exception):
    """A flow file that cannot be used; `diagnostics` holds every finding, sorted by place."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(render_concise(d) for d in self.diagnostics if d.severity == "error"))


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, each once."""
    return sorted(set(diagnostics), key=lambda d: (d.file, d.line, d.column, d.severity, d.code, d.message))


def render_concise(d: Diagnostic) -> str:
    """One line: `file:line:col: message [code]`; a finding that is no error says so before its message."""
    mark = "" if d.severity == "error" else f"{d.severity}: "
    return f"{d.file}:{d.line}:{d.column}: {mark}{d.message} [{d.code}]"


def render_full(d: Diagnostic, source_lines: Sequence[str] = ()) -> str:
    """The finding with its source line, a caret line under it, and what would be right."""
    excerpt = excerpt_of(d, source_lines)
    lines = [render_concise(d)]
    if excerpt.strip():
        lines += _pointed(excerpt, d)
    if d.help:
        lines.append(f"  help: {d.help}")
    return "\n".join(lines)


def _pointed(excerpt: str, d: Diagnostic) -> list[str]:
    """The source line and carets below the piece that is meant; a long line is shown from near that piece."""
    cut = max(0, d.column - WIDEST_EXCERPT // 2) if len(excerpt) > WIDEST_EXCERPT else 0
    shown = excerpt[cut : cut + WIDEST_EXCERPT].replace("\t", " ").rstrip()
    start = min(d.column - 1 - cut, len(shown))
    end = d.end_column - 1 - cut if d.end_line == d.line else len(shown)
    carets = max(1, min(end, len(shown)) - start)
    gutter = f"{d.line:>5} | "
    return [gutter + shown, " " * (len(gutter) - 2) + "| " + " " * start + "^" * carets]


def excerpt_of(d: Diagnostic, lines: Sequence[str] = ()) -> str:
    """The source line a finding stands on, as it carries it or from the file's lines."""
    return d.excerpt or (lines[d.line - 1] if d.line <= len(lines) else "")
