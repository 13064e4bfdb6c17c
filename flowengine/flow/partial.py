"""What of a file with errors is sound, so that a mistake in one place keeps nothing else from being checked.

A piece is a rule, a person, a department, a test…, or a whole group of the file. Pieces that hold an error are taken
out, and with them whatever names them; the rest is a smaller office that can be built and looked at. What may be said
of it is listed below: some findings only hold when a group is whole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from flowengine.flow import source
from flowengine.flow.build_rules import STEPS
from flowengine.flow.check_places import STEP_PLACES, Places
from flowengine.flow.codes import small_office
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document, Extent
from flowengine.flow.model import Path
from flowengine.flow.reading import read_leaves
from flowengine.flow.shape import schema

_COLLECTIONS = frozenset({"people", "departments", "known_callers", "when_to_transfer", "tools", "tests"})
_NEEDED = frozenset({"flow", "office", "hours", "people", "receptionist", "departments", "when_to_transfer"})
_SHARED = frozenset({"people", "departments", "known_callers", "hours"})  # what shared files add to

DEPARTMENTS_NAMED: Places = (*STEP_PLACES, ("tools", "*", "sends_to"))
PEOPLE_NAMED: Places = (
    ("departments", "*", "people", "*"),
    ("departments", "*", "people", "*", "person"),
    ("people", "*", "away", "*", "replaced_by"),
)

# What must be whole for a finding of the finished flow to be true. Of groups that are not named here single entries
# may be missing: what is said of the others does not depend on them.
HOLDS_WITH: Mapping[str, frozenset[str]] = {
    code: frozenset(groups.split())
    for code, groups in {
        "briefing-too-long": "office transfer",
        "caller-id-not-shown": "departments office transfer",
        "card-before-release": "handoff_card transfer",
        "emergency-ends-alone": "transfer",
        "end-not-named": "hours office transfer",
        "exception-changes-nothing": "hours departments people",
        "extension-not-dialled": "departments transfer",
        "fallback-adds-nobody": "hours office transfer departments people when_to_transfer",
        "fallback-closed": "hours office transfer departments people when_to_transfer",
        "impossible-test": "transfer",
        "machine-unnoticed": "departments transfer",
        "needs-press-one": "departments transfer",
        "never-open": "hours office",
        "never-reached": "",
        "no-key-reason": "transfer",
        "no-way-out": "hours office transfer",
        "keys-unheard": "hold",
        "private-in-text-message": "handoff_card receptionist take_message",
        "refer-loses-briefing": "transfer departments",
        "refer-needs-sip": "office transfer",
        "ring-range": "transfer",
        "rings-itself": "known_callers",
        "unused-department": "departments people tools transfer when_to_transfer",
        "unused-person": "departments people",
        "wait-too-short": "departments hold transfer when_to_transfer",
    }.items()
}


@dataclass(frozen=True, slots=True)
class SoundPart:
    """A document whose every piece is sound, and the groups that are not whole any more."""

    document: Document
    broken: frozenset[str]

    def holds(self, d: Diagnostic) -> bool:
        """Whether a finding about the finished flow is true of the file it was taken from as well."""
        needs = HOLDS_WITH.get(d.code)
        return needs is not None and not needs & self.broken


def sound_part(doc: Document, errors: Collection[Diagnostic], *, complete: bool = True) -> SoundPart | None:
    """The document without what is broken; None where an error cannot be placed. `complete` is false when a shared file
    could not be read, which may have held anything that is missing."""
    pieces = _Pieces(doc)
    cut = {pieces.at(d) for d in errors}
    if None in cut:
        return None
    cut |= {piece for piece in pieces if _hollow(doc.get(*piece), deep=piece[0] not in _COLLECTIONS or len(piece) > 1)}
    cut |= {(name,) for name in _NEEDED if doc.value.get(name) is None}
    gone = _naming_what_is_not_there(doc, {piece for piece in cut if piece})
    broken = {str(piece[0]) for piece in gone} | (frozenset() if complete else _SHARED)
    if any(name not in schema()["properties"] for name in doc.value):  # one of them may be a group that is not there
        broken |= schema()["properties"].keys() - doc.value.keys()
    return SoundPart(_without(doc, gone), frozenset(broken))


class _Pieces:
    """The pieces of a document, and which of them stands at a place."""

    def __init__(self, doc: Document) -> None:
        self._doc = doc
        self._starts: dict[str, list[tuple[int, int, Path]]] = {}
        for piece in self:
            extent = doc.extent(piece, key=True)
            self._starts.setdefault(extent.file, []).append((extent.line, extent.column, piece))
        for starts in self._starts.values():
            starts.sort(key=lambda start: start[:2])

    def __iter__(self) -> Iterator[Path]:
        for name, value in self._doc.value.items():
            yield (name,)
            if name in _COLLECTIONS and isinstance(value, dict | list):
                yield from ((name, key) for key in (value if isinstance(value, dict) else range(len(value))))

    def at(self, d: Diagnostic) -> Path | None:
        """The piece an error stands in; () for one about the file as a whole, None for one that stands nowhere."""
        starts = self._starts.get(d.file, [])
        i = bisect_right(starts, (d.line, d.column), key=lambda start: start[:2])
        if not i:
            return () if d.code == "missing-key" and d.file == self._doc.file else None
        line, _, piece = starts[i - 1]
        return None if d.column == 1 and line != d.line else piece  # a group that is there twice, and read once


def _hollow(value: Any, *, deep: bool) -> bool:
    """Whether it, or with `deep` something in it, could not be read."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if one is None:
            return True
        if deep:
            waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return False


def _naming_what_is_not_there(doc: Document, cut: Collection[Path]) -> set[Path]:
    """Every piece that is cut, that names a person or a department that is cut or was never there, or that names one
    of those."""
    naming: dict[Path, list[Path]] = {}
    for group, places in (("departments", DEPARTMENTS_NAMED), ("people", PEOPLE_NAMED)):
        for path, name in (found for place in places for found in doc.each(*place)):
            if isinstance(name, str) and not (group == "departments" and name in STEPS):
                naming.setdefault((group, name), []).append(_piece_of(path))
    gone = set(cut)
    waiting = [named for named in naming if named in gone or named[:1] in gone or doc.get(*named) is None]
    while waiting:
        for piece in naming.get(waiting.pop(), ()):
            if piece not in gone:
                gone.add(piece)
                waiting.append(piece)
    return gone


def _piece_of(path: Path) -> Path:
    return path[:2] if path[0] in _COLLECTIONS else path[:1]


# ---- taking out ----------------------------------------------------------------------------------------------------


def _without(doc: Document, cut: Collection[Path]) -> Document:
    """The document without these pieces; a group no flow can do without is the small office's, or empty."""
    value = {name: _left_of(name, group, cut) for name, group in doc.value.items() if (name,) not in cut}
    for name in _NEEDED - value.keys():
        value[name] = type(_stand_in()[name])() if name in _COLLECTIONS else _stand_in()[name]
    moved: dict[Path, Path] = {
        (name, old): (name, new) for name in _COLLECTIONS for old, new in _moves(name, doc.value.get(name), cut)
    }
    keys, values = (_moved(places, cut, moved) for places in (doc.keys, doc.values))
    return replace(doc, value=value, keys=keys, values=values, wholes=_moved(doc.wholes, cut, moved))


def _left_of(name: str, group: Any, cut: Collection[Path]) -> Any:
    if name in _COLLECTIONS and isinstance(group, dict):
        return {key: entry for key, entry in group.items() if (name, key) not in cut}
    if name in _COLLECTIONS and isinstance(group, list):
        return [entry for i, entry in enumerate(group) if (name, i) not in cut]
    return group


def _moves(name: str, group: Any, cut: Collection[Path]) -> Iterator[tuple[int, int]]:
    """The entries of a list that move up, from where to where."""
    left = (i for i in range(len(group)) if (name, i) not in cut) if isinstance(group, list) else ()
    return ((old, new) for new, old in enumerate(left) if old != new)


def _moved(places: Mapping[Path, Extent], cut: Collection[Path], moved: Mapping[Path, Path]) -> dict[Path, Extent]:
    return {
        (*moved.get(path[:2], path[:2]), *path[2:]): extent
        for path, extent in places.items()
        if path[:1] not in cut and path[:2] not in cut
    }


@cache
def _stand_in() -> Mapping[str, Any]:
    """The groups of the small office, read."""
    doc, _ = source.parse(small_office(), "small_office.yaml")
    assert doc is not None
    value: Mapping[str, Any] = read_leaves(doc, (), "US")[0].value
    return value
