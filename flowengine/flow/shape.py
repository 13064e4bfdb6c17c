"""flow.schema.json made ready to be asked fast: which of its keywords a file's value breaks, and how a leaf is read.

Values keep their source text, so a leaf has the kinds YAML 1.2 lets it have: `12` without quotes is a number, and where
text is expected it is text all the same. The schema uses few keywords, all of them listed here; the tests hold this
reading of them against jsonschema's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from flowengine.flow.document import Scalar
from flowengine.flow.model import Path
from flowengine.resources import schema_text

Raw = Mapping[str, Any]

# YAML 1.2's core schema, which editors apply; we only use it to tell text from what is no text.
NULL = frozenset({"", "~", "null", "Null", "NULL"})
TRUTH = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NUMBER = re.compile(
    r"[-+]?([0-9]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))|0o[0-7]+|0x[0-9a-fA-F]+|\.(nan|NaN|NAN)"
)
_NUMBERS_BEGIN = frozenset("+-.0123456789")
_WHOLE = re.compile(r"[0-9]{1,9}")


def kind(value: Any) -> str:
    """`object`, `array`, or what YAML 1.2 takes a leaf for: `string`, `number`, `boolean`, `null`."""
    if isinstance(value, str):
        if not isinstance(value, Scalar) or not value.plain:
            return "string"
        if value[:1] in _NUMBERS_BEGIN:
            return "number" if value and _NUMBER.fullmatch(value) else "null" if not value else "string"
        return "null" if value in NULL else "boolean" if value in TRUTH else "string"
    return "object" if isinstance(value, dict) else "array"


def same(value: Any, allowed: Any) -> bool:
    """Whether a leaf's source text means a value of the schema (`true`, `1`, "press one")."""
    if isinstance(allowed, bool):
        return kind(value) == "boolean" and value.lower() == str(allowed).lower()
    return isinstance(value, str) and value == str(allowed)


@dataclass(frozen=True, slots=True)
class Fault:
    """One keyword of the schema that a value breaks."""

    path: Path
    keyword: str
    part: Raw  # the piece of schema that holds the keyword
    value: Any
    name: str = ""  # required: the key that is missing; not: the key that forbids this one; propertyNames: the bad name


_Check = Callable[[Any, Path, list[Fault]], None]


class Part:
    """A piece of the schema: what it refers to is found once, patterns are compiled once."""

    __slots__ = ("_branch", "_leaves", "checks", "extra", "items", "known", "patterns", "raw", "refers")

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.refers: Part | None = ref(raw["$ref"].rsplit("/", 1)[1]) if "$ref" in raw else None
        self._branch = _branch(raw)
        self.known = {name: part_of(child) for name, child in raw.get("properties", {}).items()}
        self.patterns = [(re.compile(p), part_of(child)) for p, child in raw.get("patternProperties", {}).items()]
        extra = raw.get("additionalProperties")
        self.extra = part_of(extra) if isinstance(extra, dict) else None
        self.items = part_of(raw["items"]) if "items" in raw else None
        self.checks = [make(self) for make in dict.fromkeys(make for word, make in _KEYWORDS.items() if word in raw)]
        self._leaves: dict[str, tuple[Part, ...]] = {}  # by a leaf's kind, on which alone a leaf's branches depend

    def applied(self, value: Any) -> tuple[Part, ...]:
        """Every part that speaks about this value: itself, what it refers to, and the taken branch of its `if`."""
        if isinstance(value, str):
            how = kind(value)
            if how not in self._leaves:
                self._leaves[how] = tuple(self._applied(value))
            return self._leaves[how]
        return tuple(self._applied(value))

    def _applied(self, value: Any) -> Iterator[Part]:
        yield self
        if self.refers is not None:
            yield from self.refers.applied(value)
        if self._branch is not None:
            test, then, otherwise = self._branch
            taken = then if test.holds(value) else otherwise
            if taken is not None:
                yield from taken.applied(value)

    def faults(self, value: Any, path: Path, found: list[Fault]) -> None:
        """Adds what the value breaks; of a value of the wrong kind nothing further is said."""
        for part in self.applied(value):
            before = len(found)
            for check in part.checks:
                check(value, path, found)
                if len(found) > before and found[before].keyword == "type":
                    return

    def holds(self, value: Any) -> bool:
        found: list[Fault] = []
        self.faults(value, (), found)
        return not found

    def below(self, key: str) -> Part | None:
        """The part about one key's value."""
        if key in self.known:
            return self.known[key]
        return next((part for pattern, part in self.patterns if pattern.search(key)), self.extra)


def _branch(raw: Raw) -> tuple[Part, Part | None, Part | None] | None:
    if "if" not in raw:
        return None
    then, otherwise = raw.get("then"), raw.get("else")
    return part_of(raw["if"]), part_of(then) if then else None, part_of(otherwise) if otherwise else None


@cache
def schema() -> Any:
    """The whole schema as plain values; treat as read-only."""
    return json.loads(schema_text())


_PARTS: dict[int, Part] = {}  # by the identity of the raw piece, which schema() keeps alive


def part_of(raw: Raw) -> Part:
    part = _PARTS.get(id(raw))
    if part is None:
        part = _PARTS[id(raw)] = Part(raw)
    return part


def ref(name: str) -> Part:
    """One of the schema's `$defs`; without a name, the whole schema."""
    return part_of(schema()["$defs"][name] if name else schema())


# ---- keywords ------------------------------------------------------------------------------------------------------


def _type(part: Part) -> _Check:
    raw, types = part.raw, part.raw["type"]
    allowed = frozenset([types] if isinstance(types, str) else types)

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        how = kind(value)
        if how not in allowed and not (how == "number" and "integer" in allowed and _WHOLE.fullmatch(value)):
            found.append(Fault(path, "type", raw, value))

    return check


def _enum(part: Part) -> _Check:
    raw = part.raw
    word = "enum" if "enum" in raw else "const"
    allowed = raw.get("enum", [raw.get("const")])

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        if not any(same(value, one) for one in allowed):
            found.append(Fault(path, word, raw, value))

    return check


def _pattern(part: Part) -> _Check:
    raw, pattern = part.raw, re.compile(part.raw["pattern"])

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        if kind(value) == "string" and not pattern.search(value):
            found.append(Fault(path, "pattern", raw, value))

    return check


def _minimum(part: Part) -> _Check:
    raw, least = part.raw, part.raw["minimum"]

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        if kind(value) == "number" and _WHOLE.fullmatch(value) and int(value) < least:
            found.append(Fault(path, "minimum", raw, value))

    return check


def _size(word: str, of: str, fits: Callable[[int, int], bool]) -> Callable[[Part], _Check]:
    def make(part: Part) -> _Check:
        raw, limit = part.raw, part.raw[word]

        def check(value: Any, path: Path, found: list[Fault]) -> None:
            if kind(value) == of and not fits(len(value), limit):
                found.append(Fault(path, word, raw, value))

        return check

    return make


def _required(part: Part) -> _Check:
    raw, names = part.raw, part.raw["required"]

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        if isinstance(value, dict):
            found.extend(Fault(path, "required", raw, value, name) for name in names if name not in value)

    return check


def _not(part: Part) -> _Check:
    raw, inner = part.raw, part_of(part.raw["not"])

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        if inner.holds(value):
            found.append(Fault(path, "not", raw, value))

    return check


def _any_of(part: Part) -> _Check:
    raw, inner = part.raw, [part_of(one) for one in part.raw["anyOf"]]

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        if not any(one.holds(value) for one in inner):
            found.append(Fault(path, "anyOf", raw, value))

    return check


def _names(part: Part) -> _Check:
    inner = part_of(part.raw["propertyNames"])

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        for name in value if isinstance(value, dict) else ():
            if not inner.holds(name):
                said = next((p.raw for p in inner.applied(name) if "errorMessage" in p.raw), inner.raw)
                found.append(Fault(path, "propertyNames", said, value, name))

    return check


def _forbidden_beside(part: Part) -> _Check:
    """`dependentSchemas`, which here only ever forbid keys beside another."""
    inner = {name: part_of(child) for name, child in part.raw["dependentSchemas"].items()}

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        for name in [key for key in value if key in inner] if isinstance(value, dict) else ():
            own: list[Fault] = []
            inner[name].faults(value, path, own)
            found.extend(Fault(f.path, f.keyword, f.part, f.value, name) for f in own)

    return check


def _children(part: Part) -> _Check:
    """`properties`, `patternProperties`, `additionalProperties`: every key's value, and keys nobody knows."""
    raw, closed = part.raw, part.raw.get("additionalProperties") is False

    def check(value: Any, path: Path, found: list[Fault]) -> None:
        unknown = False
        for key, child in value.items() if isinstance(value, dict) else ():
            below = part.below(key)
            if below is not None:
                below.faults(child, (*path, key), found)
            else:
                unknown = unknown or closed
        if unknown:
            found.append(Fault(path, "additionalProperties", raw, value))

    return check


def _items(part: Part) -> _Check:
    def check(value: Any, path: Path, found: list[Fault]) -> None:
        if isinstance(value, list) and part.items is not None:
            for i, child in enumerate(value):
                part.items.faults(child, (*path, i), found)

    return check


_KEYWORDS: Mapping[str, Callable[[Part], _Check]] = {
    "type": _type,
    "enum": _enum,
    "const": _enum,
    "pattern": _pattern,
    "minimum": _minimum,
    "minLength": _size("minLength", "string", lambda size, limit: size >= limit),
    "minItems": _size("minItems", "array", lambda size, limit: size >= limit),
    "minProperties": _size("minProperties", "object", lambda size, limit: size >= limit),
    "maxProperties": _size("maxProperties", "object", lambda size, limit: size <= limit),
    "required": _required,
    "not": _not,
    "anyOf": _any_of,
    "propertyNames": _names,
    "dependentSchemas": _forbidden_beside,
    "properties": _children,
    "patternProperties": _children,
    "additionalProperties": _children,
    "items": _items,
}
KEYWORDS = frozenset(_KEYWORDS) | {"$ref", "if", "then", "else"}


@cache
def words() -> frozenset[str]:
    """Every key the language knows, wherever it stands."""
    found: set[str] = set()
    waiting: list[Any] = [schema()]
    while waiting:
        raw = waiting.pop()
        if isinstance(raw, dict):
            properties = raw.get("properties")
            found.update(properties if isinstance(properties, dict) else ())
            waiting += raw.values()
    return frozenset(found)
