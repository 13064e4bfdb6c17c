"""A name that all its uses agree on, and its definition does not: the definition is the slip, and is told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from flowengine.flow.check_places import Places
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.likeness import certain
from flowengine.flow.partial import DEPARTMENTS_NAMED, PEOPLE_NAMED
from flowengine.flow.ranking import lines_of

FEWEST_USES = 2  # one use against one definition: either may be the slip

_DEFINED: Mapping[str, tuple[str, Places]] = {  # code · group of definitions · where else its names stand
    "unknown-department": ("departments", (*DEPARTMENTS_NAMED, ("tests", "*", "expect", "department"))),
    "unknown-person": ("people", PEOPLE_NAMED),
}


def at_definition(doc: Document, found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings, those of one unknown name as one at the definition that nobody uses and that is much like it."""
    found = list(found)
    uses: dict[tuple[str, str, str], list[Diagnostic]] = {}
    for d in found:
        if d.code in _DEFINED and d.file == doc.file:
            uses.setdefault((d.code, d.message, _marked(d)), []).append(d)
    slips = {id(d): slip for (code, _, name), same in uses.items() for d, slip in _slip(doc, code, name, same)}
    return list(dict.fromkeys(slips.get(id(d), d) for d in found))


def _marked(d: Diagnostic) -> str:
    """The name a finding is about, as it is written."""
    return d.excerpt[d.column - 1 : d.end_column - 1].strip("\"'") if d.line == d.end_line else ""


def _slip(doc: Document, code: str, name: str, uses: Sequence[Diagnostic]) -> Iterator[tuple[Diagnostic, Diagnostic]]:
    """For each use, the finding at the definition that takes its place; none when the uses are what is wrong."""
    group, places = _DEFINED[code]
    meant = certain(name, doc.get(group) or {}) if len(uses) >= FEWEST_USES else ""
    if not meant or doc.extent((group, meant), key=True).file != doc.file or meant in _used(doc, places):
        return
    said = f"this is {meant!r}, but everything else says {name!r}: {lines_of(uses)}"
    fix = name if name.isidentifier() else None
    slip = doc.diagnose((group, meant), code, said, f"did you mean {name!r}?", key=True, fix=fix)
    yield from ((use, slip) for use in uses)


def _used(doc: Document, places: Places) -> set[str]:
    return {value for place in places for _, value in doc.each(*place) if isinstance(value, str)}
