"""What to say of a value that breaks the schema, and what it becomes where only one thing can be meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowengine.flow.accidents import quoted
from flowengine.flow.document import Document
from flowengine.flow.likeness import certain, nearest
from flowengine.flow.model import Path
from flowengine.flow.shape import Fault, Raw, kind

_YES_NO = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_PLAIN_NAMES = re.compile(r"[\w.' +-]+(?:, *[\w.' +-]+)*")


@dataclass(frozen=True, slots=True)
class Words:
    code: str
    message: str
    help: str = ""
    fix: str | None = None
    whole: bool = False  # it is about all of a group between braces, not about its beginning


def value_words(doc: Document, fault: Fault) -> Words:
    """A value of the wrong kind, or one that is not allowed."""
    part, value, name = fault.part, fault.value, called(fault.path)
    if "errorMessage" in part and kind(value) in ("string", "number"):
        return Words("bad-value", f"{_shown(value)} is not possible for {name}", part["errorMessage"])
    if kind(value) == "null":
        said = f"nothing stands after {name}"
        return Words("nothing-there", said, f"expected: {_expected(part)}; or delete the line")
    match fault.keyword:
        case "enum" | "const":
            return _not_allowed(part, value, name)
        case "type":
            return _type_words(doc, fault, name)
        case "minimum":
            return Words("not-allowed", f"{name} must be at least {part['minimum']}")
        case "maxProperties":
            said = f"{name} holds more than one of {', '.join(part['properties'])}"
            return Words("conflict", said, "make a list of it")
        case _:
            return Words("nothing-there", f"{name} is empty", f"expected: {_expected(part)}")


def _not_allowed(part: Raw, value: Any, name: str) -> Words:
    allowed = [
        str(one).lower() if isinstance(one, bool) else str(one)
        for one in part.get("enum", [part.get("const")])
        if not isinstance(one, int) or isinstance(one, bool)
    ]
    near = nearest(str(value), allowed)
    said = f"{_shown(value)} is not possible for {name}" + (f", did you mean {near!r}?" if near else "")
    help = f"possible: {part.get('x-expected') or ', '.join(allowed)}"
    return Words("not-allowed", said, help, certain(str(value), allowed) or None)


def _type_words(doc: Document, fault: Fault, name: str) -> Words:
    path, part, value = fault.path, fault.part, fault.value
    types, how = _types(part), kind(value)
    if "string" in types and path in doc.braces and not any(value.values()):
        return braces(doc, path)
    if how == "boolean" and "string" in types:
        said = f"{value!s} is a yes/no value, but {name} is text"
        return Words("wrong-type", said, f'put it in quotes: "{value}"', f'"{value}"')
    if how in ("string", "number") and types == ["boolean"]:
        return _truth(value, name)
    if how in ("string", "number") and types == ["array"] and _PLAIN_NAMES.fullmatch(value):
        entries = f"[{', '.join(entry.strip() for entry in value.split(','))}]"
        said = f"{name} should be a list, not text"
        return Words("wrong-type", said, f"write it between brackets: {entries[:120]}", entries)
    return Words("wrong-type", f"{name} should be {_expected(part)}, not {_KINDS[how]}")


def _truth(value: str, name: str) -> Words:
    meant = _YES_NO.get(value.lower())
    said = f"{name} is either true or false, not {_shown(value)}"
    return Words("wrong-type", said, f"write {meant or 'true or false'}, without quotes", meant)


def braces(doc: Document, path: Path) -> Words:
    """Text that begins with a brace, which YAML takes for a group."""
    source = doc.source(path)
    said = f"{called(path)} begins with a brace, so it is read as a group, not as words"
    help = f"put the text in quotes: {quoted(source)[:80]}" if source else "put the text in quotes"
    return Words("braces", said, help, quoted(source) if source else None, whole=bool(source))


def name_in_braces(doc: Document, path: Path) -> Words:
    """A name between braces where a name or a group may stand."""
    source = doc.source(path)
    name = source[1:-1].strip()
    said = f"{called(path)} stands between braces, so it is read as a group, not as a name"
    help = f"write {name[:60]} without braces" if name else "leave the braces out"
    return Words("braces", said, help, name if re.fullmatch(r"\w+", name) else None, whole=bool(source))


def called(path: Path) -> str:
    """What a value is called: its key; for an entry of a list, the list's key."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "this file")
    return f"an entry of {name!r}" if path and isinstance(path[-1], int) else f"{name!r}" if path else name


def in_what(path: Path) -> str:
    if not path:
        return "in this file"
    names = [str(step) for step in path if isinstance(step, str)]
    return f"in {' → '.join(names)}"


def one_of(names: Sequence[str]) -> str:
    return f"add {' or '.join(repr(n) for n in names)}" if names else ""


def _shown(value: Any) -> str:
    return repr(str(value)[:60])


_KINDS = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
    "object": "a group of keys",
    "array": "a list",
    "integer": "a whole number",
}


def _types(part: Raw) -> list[str]:
    types = part.get("type", "object")
    return [types] if isinstance(types, str) else list(types)


def _expected(part: Raw) -> str:
    if "x-expected" in part:
        return str(part["x-expected"])
    words = [_KINDS[t] for t in _types(part) if not (t in ("number", "integer") and "string" in _types(part))]
    return " or ".join(words)
