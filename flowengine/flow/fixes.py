"""Mends what can be mended in one way only, and leaves every other character of the file as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flowengine.flow.diagnostics import Diagnostic

MOST_ROUNDS = 10  # a mended piece may show the next mistake

Check = Callable[[str], Sequence[Diagnostic]]


@dataclass(frozen=True, slots=True)
class Mended:
    """The new text, what was mended, and what is still found."""

    text: str
    mended: tuple[Diagnostic, ...]
    left: tuple[Diagnostic, ...]


def mend(text: str, file: str, check: Check) -> Mended:
    """Applies the fixes of what `check` finds, again and again until there are none. A round that would leave more
    errors than there were is not done."""
    found = tuple(check(text))
    done: list[Diagnostic] = []
    for _ in range(MOST_ROUNDS):
        fixes = _apart([d for d in found if d.fix is not None and d.file == file])
        new = applied(text, fixes)
        if not fixes or new == text:
            break
        after = tuple(check(new))
        if _errors(after) > _errors(found):
            break
        text, found, done = new, after, [*done, *fixes]
    return Mended(text, tuple(done), found)


def applied(text: str, fixes: Iterable[Diagnostic]) -> str:
    """The text with each marked piece replaced; line ends stay as they are."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for d in sorted(fixes, key=lambda d: (d.line, d.column), reverse=True):
        begin = starts[d.line - 1] + d.column - 1
        end = starts[d.end_line - 1] + d.end_column - 1
        text = text[:begin] + (d.fix or "") + text[end:]
    return text


def _apart(fixes: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those that do not touch each other; of two that do, the first."""
    kept: list[Diagnostic] = []
    for d in sorted(fixes, key=lambda d: (d.line, d.column)):
        if not kept or (d.line, d.column) >= (kept[-1].end_line, kept[-1].end_column):
            kept.append(d)
    return kept


def _errors(found: Iterable[Diagnostic]) -> int:
    return sum(d.severity == "error" for d in found)
