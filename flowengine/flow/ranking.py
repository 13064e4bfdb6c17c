"""Findings in the order of the file, one for each cause: what follows from another finding is not said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from flowengine.flow.diagnostics import Diagnostic, in_order, mark

MOST_SHOWN = 50  # findings of one file that are shown; the rest is counted
MOST_LINES = 5  # further places named in one finding

_SYNTAX = frozenset(
    {
        "braces", "brackets", "colon-in-text", "colon-space", "dash-space", "duplicate-key", "no-colon", "not-lined-up",
        "odd-space", "odd-start", "quotes", "second-document", "smart-quotes", "tab", "too-deep", "wide-colon",
        "yaml-alias", "yaml-anchor", "yaml-merge", "yaml-syntax", "yaml-tag",
    }
)  # fmt: skip
_SHAPE = frozenset(
    {"unknown-key", "missing-key", "nothing-there", "no-condition", "two-conditions", "conflict", "needs-key"}
)
_TYPE = frozenset(["wrong-type", "bad-value", "not-allowed"])
_SERIOUS = {"error": 0, "warning": 1, "info": 2}


def rank(d: Diagnostic) -> tuple[int, int]:
    """How much a finding explains, the most first: syntax, unknown words, types, meaning."""
    kind = 0 if d.code in _SYNTAX else 1 if d.code in _SHAPE else 2 if d.code in _TYPE or d.code[:4] == "bad-" else 3
    return _SERIOUS[d.severity], kind


def ranked(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, each once, the same name missing in several places as one finding, and of several errors at one
    place the one that explains the others."""
    best: dict[tuple[str, int, int], tuple[int, int]] = {}
    every = in_order(found)
    for d in every:
        place = (d.file, d.line, d.column)
        best[place] = min(best.get(place, rank(d)), rank(d))
    kept = [d for d in every if d.severity != "error" or rank(d) == best[d.file, d.line, d.column]]
    return _told_once(kept)


def _told_once(found: list[Diagnostic]) -> list[Diagnostic]:
    """One name that is not there is one cause, however often it is used."""
    uses: dict[tuple[str, str, str], list[Diagnostic]] = {}
    for d in found:
        if d.code.startswith("unknown-"):
            uses.setdefault((d.file, d.code, d.message), []).append(d)
    told = []
    for d in found:
        same = uses.get((d.file, d.code, d.message), [d])
        if d is same[0]:
            told.append(_with_others(d, same[1:]) if len(same) > 1 else d)
    return told


def _with_others(d: Diagnostic, others: list[Diagnostic]) -> Diagnostic:
    also = f"also on {lines_of(others)}"
    help = f"{d.help}; {also}" if d.help else also
    return replace(d, help=help, also=(*d.also, *map(mark, others)))


def lines_of(found: Iterable[Diagnostic]) -> str:
    """ "line 12", "lines 12, 15", "lines 12, 15, 20, 21, 30 and 4 more"."""
    lines = list(dict.fromkeys(d.line for d in found))
    more = f" and {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
    return f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:MOST_LINES]))}{more}"


@dataclass(frozen=True, slots=True)
class Shown:
    """The findings to show, still in order, and how many of each file are left out."""

    found: list[Diagnostic]
    left_out: Mapping[str, int]


def capped(found: Sequence[Diagnostic], most: int = MOST_SHOWN) -> Shown:
    """At most `most` findings of each file; errors are never left out for something less."""
    by_file: dict[str, list[Diagnostic]] = {}
    for d in found:
        by_file.setdefault(d.file, []).append(d)
    keep = {id(d) for of_file in by_file.values() for d in sorted(of_file, key=rank)[:most]}
    left_out = {file: len(of_file) - most for file, of_file in by_file.items() if len(of_file) > most}
    return Shown([d for d in found if id(d) in keep], left_out)
