"""A file's values against flow.schema.json: what is wrong with its shape, in the author's words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flowengine.flow import read
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.likeness import MOST_NAMES as MOST_NAMES
from flowengine.flow.likeness import certain
from flowengine.flow.likeness import nearest as nearest
from flowengine.flow.model import Path
from flowengine.flow.shape import Fault, Raw, ref
from flowengine.flow.shape import kind as kind
from flowengine.flow.shape import schema as schema
from flowengine.flow.shape_words import Words, braces, in_what, name_in_braces, one_of, value_words

MOST_FINDINGS = 200

# leaves whose reader says better than the schema what is wrong with a text
_TELLING_READERS = frozenset({"duration", "count", "percent", "ranges", "dates", "moment", "phone"})
_ORDER = (
    "additionalProperties",
    "propertyNames",
    "type",
    "enum",
    "const",
    "not",
    "pattern",
    "minLength",
    "minimum",
    "required",
)
_BEFORE_A_SLIP = re.compile(r"[^A-Za-z]*([A-Za-z_]+)")


def check(doc: Document, part: str = "") -> tuple[list[Diagnostic], set[Path]]:
    """What is wrong with the shape, one finding per root cause, and the paths nothing further can be said about (with
    too many findings, the whole document)."""
    faults: list[Fault] = []
    ref(part).faults(doc.value, (), faults)
    told = _Told(doc)
    for fault in faults:
        if fault.keyword == "required":
            told.lacking.setdefault(fault.path, []).append(fault.name)
    for fault in sorted(faults, key=_rank):
        told.take(fault)
        if len(told.found) >= MOST_FINDINGS:
            return told.found[:MOST_FINDINGS], {()}
    return told.found, told.unsound


def _rank(fault: Fault) -> int:
    return _ORDER.index(fault.keyword) if fault.keyword in _ORDER else len(_ORDER)


class _Told:
    """Collects findings; what follows from an earlier one is left out."""

    def __init__(self, doc: Document) -> None:
        self.doc = doc
        self.found: list[Diagnostic] = []
        self.unsound: set[Path] = set(doc.broken)
        self.lacking: dict[Path, list[str]] = {}  # group → the keys it lacks
        self.unknown: dict[Path, list[str]] = {}  # object → the nearest names of its unknown keys ("" for none)

    def take(self, fault: Fault) -> None:
        if fault.path in self.unsound:
            return
        match fault.keyword:
            case "additionalProperties":
                self.unknown_keys(fault)
            case "required":
                self.missing(fault)
            case "not":
                self.forbidden(fault)
            case "propertyNames":
                self.bad_name(fault)
            case _:
                self.wrong_value(fault)

    def say(
        self, path: Path, code: str, message: str, help: str = "", *, key: bool = False, fix: str | None = None
    ) -> None:
        self.found.append(self.doc.diagnose(path, code, message, help, key=key, fix=fix))

    def unknown_keys(self, fault: Fault) -> None:
        path, part, instance = fault.path, fault.part, fault.value
        known = [*part.get("x-names", part.get("properties", {}))]
        if path in self.doc.braces and not any(instance.values()) and not instance.keys() & {*known}:
            self.words(path, name_in_braces(self.doc, path))
            return
        for name in _unknown(part, list(instance)):
            if len(self.found) >= MOST_FINDINGS:
                return
            free = [n for n in known if n not in instance] or known
            days = read.day_key(name) if "mon" in known else ""
            near = days or nearest(name, free)
            if (*path, name) in self.doc.broken:  # told already; what was meant by it is not missing
                slip = _BEFORE_A_SLIP.match(name)
                self.unknown.setdefault(path, []).append(slip[1] if slip else "")
                continue
            self.unknown.setdefault(path, []).append(near)
            self.unsound.add((*path, name))
            said = f"unknown key {name[:60]!r}" + (f", did you mean {near!r}?" if near else "")
            fix = days or certain(name, free) or None
            help = f"known here: {', '.join(known)}"
            self.say((*path, name), "unknown-key", said, help, key=True, fix=fix if fix not in instance else None)

    def missing(self, fault: Fault) -> None:
        """All keys that one group lacks, in one finding; a misspelt one is told already."""
        path, part = fault.path, fault.part
        lacking = [name for name in self.lacking[path] if name not in self.unknown.get(path, ())]
        if not lacking or lacking[0] != fault.name:
            return
        about = part.get("properties", {}).get(fault.name, {}) or schema()["properties"].get(fault.name, {})
        told = about.get("description", "") if len(lacking) == 1 else ""
        names = " and ".join(filter(None, [", ".join(map(repr, lacking[:-1])), repr(lacking[-1])]))
        said = f"{names} {'are' if len(lacking) > 1 else 'is'} missing {in_what(path)}"
        self.say(path, "missing-key", said, told, key=True)

    def forbidden(self, fault: Fault) -> None:
        """A `not: {}`: keys that cannot stand together, or a sentence of the schema's own."""
        path, part = fault.path, fault.part
        if "errorMessage" in part:
            wants = part.get("x-wants", ())
            unknown = self.unknown.get(path, ())
            if unknown and (part["x-code"] == "no-condition" or any(near in wants for near in unknown)):
                return
            self.say(path, part["x-code"], part["errorMessage"], one_of(wants), key=True)
            return
        pair = sorted((str(path[-1]), fault.name), key=lambda name: self.place((*path[:-1], name)))
        second: Path = (*path[:-1], pair[1])
        if second in self.unsound:
            return
        self.unsound.add(second)
        code, help = (
            ("two-conditions", "make two rules of it")
            if path[0] == "when_to_transfer"
            else ("conflict", "keep one of the two")
        )
        self.say(second, code, f"{pair[1]!r} cannot stand beside {pair[0]!r}", help, key=True)

    def place(self, path: Path) -> tuple[int, int]:
        extent = self.doc.extent(path, key=True)
        return extent.line, extent.column

    def wrong_value(self, fault: Fault) -> None:
        path, value = fault.path, fault.value
        if fault.part.get("x-reads") in _TELLING_READERS and kind(value) in ("string", "number"):
            return
        group = path[:-1]
        if kind(value) == "null" and group in self.doc.braces and not any(self.doc.get(*group).values()):
            path = group
            words = braces(self.doc, group)
        else:
            words = value_words(self.doc, fault)
        self.words(path, words)

    def words(self, path: Path, words: Words) -> None:
        self.unsound.add(path)
        where = self.doc.wholes[path] if words.whole else self.doc.extent(path)
        self.found.append(self.doc.at(where, words.code, words.message, words.help, fix=words.fix))

    def bad_name(self, fault: Fault) -> None:
        path: Path = (*fault.path, fault.name)
        if path in self.unsound:
            return
        self.unsound.add(path)
        said = f"{fault.name[:60]!r} cannot be a name"
        self.say(path, "bad-value", said, fault.part.get("errorMessage", ""), key=True)


def _unknown(part: Raw, names: Sequence[str]) -> list[str]:
    known = part.get("properties", {})
    patterns = [re.compile(p) for p in part.get("patternProperties", {})]
    return [name for name in names if name not in known and not any(p.search(name) for p in patterns)]
