"""A flow author's mistakes: what is wrong, where, and what would be right; and how they print."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]

JSON_FORMAT_VERSION = 1
WIDEST_EXCERPT = 160  # characters of a source line that are shown


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
    excerpt = _excerpt(d, source_lines)
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


def to_json(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str] | None = None) -> str:
    """The object of `validate --format json` (design.md section 5); `texts` are the sources by file name."""
    count = Counter(d.severity for d in diagnostics)
    lines = {file: text.splitlines() for file, text in (texts or {}).items()}
    findings = {
        "format_version": JSON_FORMAT_VERSION,
        "valid": not count["error"],
        "error_count": count["error"],
        "warning_count": count["warning"],
        "diagnostics": [_as_json(d, lines.get(d.file, ())) for d in diagnostics],
    }
    return json.dumps(findings, indent=2, ensure_ascii=False)


def _excerpt(d: Diagnostic, lines: Sequence[str]) -> str:
    return d.excerpt or (lines[d.line - 1] if d.line <= len(lines) else "")


def _as_json(d: Diagnostic, lines: Sequence[str]) -> dict[str, object]:
    return {
        "severity": d.severity,
        "code": d.code,
        "message": d.message,
        "file": d.file,
        "range": {
            "start": {"line": d.line, "column": d.column},
            "end": {"line": d.end_line, "column": d.end_column},
        },
        "excerpt": _excerpt(d, lines),
        "help": d.help,
    }
