"""Findings in the order of the file, one for each cause: what follows from another finding is not said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flowengine.flow.diagnostics import Diagnostic, in_order

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
            told.append(replace(d, help=_also(d.help, same[1:])) if len(same) > 1 else d)
    return told


def _also(help: str, others: list[Diagnostic]) -> str:
    lines = ", ".join(str(d.line) for d in others[:MOST_LINES])
    more = f" and {len(others) - MOST_LINES} more" if len(others) > MOST_LINES else ""
    also = f"also on line{'s' * (len(others) > 1)} {lines}{more}"
    return f"{help}; {also}" if help else also


def capped(found: list[Diagnostic], most: int = MOST_SHOWN) -> tuple[list[Diagnostic], int]:
    """The findings to show, still sorted by place, and how many are left out; errors are never left out for less."""
    chosen = sorted(found, key=rank)[:most]
    keep = set(map(id, chosen))
    return [d for d in found if id(d) in keep], len(found) - len(chosen)
