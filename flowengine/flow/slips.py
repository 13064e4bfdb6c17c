"""Slips that still parse: a value or a key that came out as text with a dash, a colon or a curly quote in it."""

from __future__ import annotations

from collections.abc import Sequence

from flowengine.flow import accidents
from flowengine.flow.accidents import Accident, line_at
from flowengine.flow.document import Extent

CODES = frozenset({"colon-space", "wide-colon", "dash-space", "smart-quotes", "odd-space"})


def in_text(text: str, extent: Extent, lines: Sequence[str]) -> Accident | None:
    """The slip in a value without quotes, if there is one."""
    if accidents.curly_quotes(text) and extent.line == extent.end_line:
        return accidents.curly(text, extent.line, extent.column)
    if extent.line == extent.end_line and not (":" in text or "\uff1a" in text or text[:1] == "-"):
        return None  # as nearly all are
    begins = line_at(lines, extent.line)[: extent.column - 1]
    own_line = not begins.strip(" ")
    if own_line or extent.line != extent.end_line:
        first = extent.line if own_line else extent.line + 1
        found = (_in_line(line_at(lines, number), number) for number in range(first, extent.end_line + 1))
        return next((accident for accident in found if accident is not None), None)
    return _glued(text, extent)


def in_key(key: str, extent: Extent, lines: Sequence[str]) -> Accident | None:
    """The slip in a key: `-rule`, `name:Ava` between braces, a space that is none."""
    if key.isidentifier() and key.isascii():
        return None
    line = line_at(lines, extent.line)
    if not line[: extent.column - 1].strip(" "):
        return accidents.odd_space(line, extent.line) or accidents.glued_dash(line, extent.line) or _glued(key, extent)
    return _glued(key, extent)


def _in_line(line: str, number: int) -> Accident | None:
    return (
        accidents.glued_dash(line, number) or accidents.glued_colon(line, number) or accidents.wide_colon(line, number)
    )


def _glued(text: str, extent: Extent) -> Accident | None:
    """A colon without its space at the beginning of a text that stands behind something else."""
    accident = accidents.glued_colon(text, extent.line) or accidents.wide_colon(text, extent.line)
    return accident.moved(extent.column - 1) if accident else None
