"""Mends what can be mended in one way only, and leaves every other character of the file as it was."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from flowengine.flow.diagnostics import Diagnostic, Mark, mark

MOST_ROUNDS = 20  # a mended piece may show the next mistake
MOST_TRIED = 40  # fixes of one round that are tried one by one when all of them together do harm

Check = Callable[[str], Sequence[Diagnostic]]


@dataclass(frozen=True, slots=True)
class Mended:
    """The new text, what was mended, and what is still found."""

    text: str
    mended: tuple[Diagnostic, ...]
    left: tuple[Diagnostic, ...]


def mend(text: str, file: str, check: Check) -> Mended:
    """Applies the fixes of what `check` finds, again and again until there are none. What would leave more errors than
    there were is not done; mending the result once more changes nothing."""
    now = Mended(text, (), tuple(check(text)))
    seen = {text}
    for _ in range(MOST_ROUNDS):
        fixes = [d for d in now.left if d.fix is not None and d.file == file]
        better = _round(now, fixes, check)
        if better is None or better.text in seen:
            break
        seen.add(better.text)
        now = better
    return now


def _round(now: Mended, fixes: Sequence[Diagnostic], check: Check) -> Mended | None:
    """All fixes together; where that does harm, one after the other as far as each does none."""
    together = _tried(now, fixes, check)
    if together is not None or len(fixes) < 2:
        return together
    return next((better for d in fixes[:MOST_TRIED] if (better := _tried(now, [d], check)) is not None), None)


def _tried(now: Mended, fixes: Sequence[Diagnostic], check: Check) -> Mended | None:
    """What comes of it; None when nothing does, or more errors than before."""
    done = _apart(fixes)
    new = applied(now.text, done)
    if new == now.text:
        return None
    left = tuple(check(new))
    return Mended(new, (*now.mended, *done), left) if _errors(left) <= _errors(now.left) else None


def applied(text: str, fixes: Iterable[Diagnostic]) -> str:
    """The text with each marked piece replaced, in all places of a fix; none may touch. Line ends stay."""
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix("\ufeff")
    lines = body.splitlines(keepends=True)
    starts = [*accumulate(map(len, lines), initial=0)]
    for piece, new in sorted(((piece, d.fix or "") for d in fixes for piece in _pieces(d)), reverse=True):
        begin, end = starts[piece.line - 1] + piece.column - 1, starts[piece.end_line - 1] + piece.end_column - 1
        ending = "\r\n" if lines[piece.line - 1].endswith("\r\n") else "\n"
        body = body[:begin] + new.replace("\n", ending) + body[end:]
    return bom + body


def _apart(fixes: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Fixes that do not touch each other. Of two that do, the first; the other waits for the next round, with all of
    its places."""
    taken: list[Mark] = []  # in order
    kept = []
    for d in sorted(fixes, key=mark):
        if all(_free(taken, piece) for piece in _pieces(d)):
            for piece in _pieces(d):
                insort(taken, piece)
            kept.append(d)
    return kept


def _pieces(d: Diagnostic) -> tuple[Mark, ...]:
    return (mark(d), *d.also)


def _free(taken: Sequence[Mark], piece: Mark) -> bool:
    i = bisect(taken, piece)
    return not any(_touch(piece, other) for other in taken[max(0, i - 1) : i + 1])


def _touch(a: Mark, b: Mark) -> bool:
    return (a.line, a.column) < (b.end_line, b.end_column) and (b.line, b.column) < (a.end_line, a.end_column)


def _errors(found: Iterable[Diagnostic]) -> int:
    return sum(d.severity == "error" for d in found)
