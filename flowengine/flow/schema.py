"""A file's values against flow.schema.json: what is wrong with its shape, in the author's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache, partial
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document, Scalar
from flowengine.flow.model import Path
from flowengine.resources import schema_text

# YAML 1.2's core schema, which editors apply; we only use it to tell text from what is no text.
MOST_FINDINGS = 200
MOST_NAMES = 300  # compared to find the nearest
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NUMBER = re.compile(
    r"[-+]?([0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))|\.(nan|NaN|NAN)"
)
_WHOLE = re.compile(r"[0-9]{1,9}")


def kind(value: Any) -> str:
    """`object`, `array`, or what YAML 1.2 takes a leaf for: `string`, `number`, `boolean`, `null`."""
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    if not isinstance(value, Scalar) or not value.plain:
        return "string"
    if value in _NULL:
        return "null"
    if value in _TRUTH:
        return "boolean"
    return "number" if _NUMBER.fullmatch(value) else "string"


def _same(value: Any, allowed: Any) -> bool:
    """Whether a leaf's source text means a value of the schema (`true`, `1`, "press one")."""
    if isinstance(allowed, bool):
        return kind(value) == "boolean" and value.lower() == str(allowed).lower()
    return isinstance(value, str) and value == str(allowed)


def _enum(_v: Validator, allowed: list[Any], value: Any, _s: Any) -> Iterator[ValidationError]:
    if not any(_same(value, one) for one in allowed):
        yield ValidationError("not among the allowed values")


def _const(_v: Validator, allowed: Any, value: Any, _s: Any) -> Iterator[ValidationError]:
    if not _same(value, allowed):
        yield ValidationError("not the allowed value")


def _minimum(_v: Validator, least: float, value: Any, _s: Any) -> Iterator[ValidationError]:
    if kind(value) == "number" and _WHOLE.fullmatch(value) and int(value) < least:
        yield ValidationError("too small")


def _is_kind(name: str, _checker: Any, value: Any) -> bool:
    return kind(value) == name


_CHECKER = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        **{name: partial(_is_kind, name) for name in ("string", "boolean", "null", "object", "array", "number")},
        "integer": lambda _c, value: kind(value) == "number" and bool(_WHOLE.fullmatch(value)),
    }
)
_extend: Any = extend  # untyped in jsonschema
_KEYWORDS: dict[str, Any] = {"enum": _enum, "const": _const, "minimum": _minimum}
_Shape = _extend(Draft202012Validator, validators=_KEYWORDS, type_checker=_CHECKER)


@cache
def schema() -> Any:
    """The whole schema as plain values; treat as read-only."""
    return json.loads(schema_text())


@cache
def _validator(part: str) -> Any:
    """A validator of the whole schema, or of one of its `$defs`."""
    return _Shape(schema() if not part else {"$ref": f"#/$defs/{part}", "$defs": schema()["$defs"]})


def applicable(value: Any, part: Any) -> Iterator[Any]:
    """Every subschema that speaks about this value: itself, what it refers to, and the taken branch of its `if`."""
    yield part
    if "$ref" in part:
        yield from applicable(value, schema()["$defs"][part["$ref"].rsplit("/", 1)[1]])
    if "if" in part:
        taken = part.get("then" if _validator("").evolve(schema=part["if"]).is_valid(value) else "else")
        if taken is not None:
            yield from applicable(value, taken)


def check(doc: Document, part: str = "") -> tuple[list[Diagnostic], set[Path]]:
    """What is wrong with the shape, one finding per root cause, and the paths nothing further can be said about (with
    too many findings, the whole document)."""
    errors = sorted(_validator(part).iter_errors(doc.value), key=_rank)
    told = _Told(doc)
    for error in errors:
        told.take(error)
        if len(told.found) >= MOST_FINDINGS:
            return told.found[:MOST_FINDINGS], {()}
    return told.found, told.unsound


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


def _rank(error: ValidationError) -> int:
    return _ORDER.index(str(error.validator)) if error.validator in _ORDER else len(_ORDER)


class _Told:
    """Collects findings; what follows from an earlier one is left out."""

    def __init__(self, doc: Document) -> None:
        self.doc = doc
        self.found: list[Diagnostic] = []
        self.unsound: set[Path] = set()
        self.unknown: dict[Path, list[str]] = {}  # object → the nearest names of its unknown keys ("" for none)

    def take(self, error: ValidationError) -> None:
        path: Path = tuple(error.absolute_path)
        if path in self.unsound:
            return
        match error.validator:
            case "additionalProperties":
                self.unknown_keys(path, error)
            case "required":
                self.missing(path, error)
            case "not":
                self.forbidden(path, error)
            case _:
                self.wrong_value(path, error)

    def say(self, path: Path, code: str, message: str, help: str = "", *, key: bool = False) -> None:
        self.found.append(self.doc.diagnose(path, code, message, help, key=key))

    def unknown_keys(self, path: Path, error: ValidationError) -> None:
        part: Any = error.schema
        known = [*part.get("x-names", part.get("properties", {}))]
        patterns = [re.compile(p) for p in part.get("patternProperties", {})]
        instance: Any = error.instance
        for name in instance:
            if len(self.found) >= MOST_FINDINGS:
                return
            if name in part.get("properties", {}) or any(p.search(name) for p in patterns):
                continue
            near = _nearest(name, [n for n in known if n not in instance] or known)
            self.unknown.setdefault(path, []).append(near)
            self.unsound.add((*path, name))
            said = f"unknown key {name!r}" + (f", did you mean {near!r}?" if near else "")
            self.say((*path, name), "unknown-key", said, f"known here: {', '.join(known)}", key=True)

    def missing(self, path: Path, error: ValidationError) -> None:
        part: Any = error.schema
        name = str(error.message.split("'")[1])  # jsonschema: "'to' is a required property"
        if name in self.unknown.get(path, ()):
            return
        about = part.get("properties", {}).get(name, {}) or schema()["properties"].get(name, {})
        told = about.get("description", "")
        self.say(path, "missing-key", f"{name!r} is missing {_in_what(path)}", told, key=True)

    def forbidden(self, path: Path, error: ValidationError) -> None:
        """A `not: {}`: keys that cannot stand together, or a sentence of the schema's own."""
        part: Any = error.schema
        if "errorMessage" in part:
            wants = part.get("x-wants", ())
            unknown = self.unknown.get(path, ())
            if unknown and (part["x-code"] == "no-condition" or any(near in wants for near in unknown)):
                return
            self.say(path, part["x-code"], part["errorMessage"], _one_of(wants), key=True)
            return
        other = str(list(error.absolute_schema_path)[-4])  # dependentSchemas, OTHER, properties, NAME, not
        pair = sorted((path[-1], other), key=lambda name: self.place((*path[:-1], name)))
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

    def wrong_value(self, path: Path, error: ValidationError) -> None:
        part: Any = error.schema
        value = error.instance
        if "propertyNames" in error.absolute_schema_path:
            self.bad_name(path, str(value), part)
            return
        if part.get("x-reads") in _TELLING_READERS and kind(value) in ("string", "number"):
            return
        group = path[:-1]
        if kind(value) == "null" and group in self.doc.braces and not any(self.doc.get(*group).values()):
            self.unsound.add(group)
            said = f"{_quoted_end(group)} begins with a brace, so it is read as a group, not as words"
            self.say(group, "braces", said, "put the text in quotes")
            return
        self.unsound.add(path)
        code, message, help = self._value_words(path, error, part, value)
        self.say(path, code, message, help)

    def bad_name(self, path: Path, name: str, part: Any) -> None:
        self.unsound.add((*path, name))
        self.say((*path, name), "bad-value", f"{name[:60]!r} cannot be a name", part.get("errorMessage", ""), key=True)

    def _value_words(self, path: Path, error: ValidationError, part: Any, value: Any) -> tuple[str, str, str]:
        name = _quoted_end(path)
        if "errorMessage" in part and kind(value) in ("string", "number"):
            return "bad-value", f"{str(value)[:60]!r} is not possible for {name}", part["errorMessage"]
        if error.validator in ("enum", "const"):
            allowed = [
                _shown(one)
                for one in part.get("enum", [part.get("const")])
                if not isinstance(one, int) or isinstance(one, bool)
            ]
            near = _nearest(str(value), allowed)
            said = f"{str(value)!r} is not possible for {name}" + (f", did you mean {near!r}?" if near else "")
            return "not-allowed", said, f"possible: {part.get('x-expected') or ', '.join(allowed)}"
        if kind(value) == "null":
            return "nothing-there", f"nothing stands after {name}", f"expected: {_expected(part)}; or delete the line"
        if error.validator == "type":
            return self._type_words(path, part, value, name)
        if error.validator == "minimum":
            return "not-allowed", f"{name} must be at least {part['minimum']}", ""
        if error.validator == "maxProperties":
            return "conflict", f"{name} holds more than one of {', '.join(part['properties'])}", "make a list of it"
        return "nothing-there", f"{name} is empty", f"expected: {_expected(part)}"

    def _type_words(self, path: Path, part: Any, value: Any, name: str) -> tuple[str, str, str]:
        if isinstance(value, dict) and path in self.doc.braces and "string" in _types(part) and not any(value.values()):
            return (
                "braces",
                f"{name} begins with a brace, so it is read as a group, not as words",
                "put the text in quotes",
            )
        if kind(value) == "boolean" and "string" in _types(part):
            return "wrong-type", f"{value!s} is a yes/no value, but {name} is text", f'put it in quotes: "{value}"'
        if kind(value) in ("string", "number") and _types(part) == ["boolean"]:
            return (
                "wrong-type",
                f"{name} is either true or false, not {str(value)[:60]!r}",
                "write true or false, without quotes",
            )
        return "wrong-type", f"{name} should be {_expected(part)}, not {_KINDS[kind(value)]}", ""


_KINDS = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
    "object": "a group of keys",
    "array": "a list",
    "integer": "a whole number",
}


def _types(part: Any) -> list[str]:
    types = part.get("type", "object")
    return [types] if isinstance(types, str) else list(types)


def _expected(part: Any) -> str:
    if "x-expected" in part:
        return str(part["x-expected"])
    words = [_KINDS[t] for t in _types(part) if not (t in ("number", "integer") and "string" in _types(part))]
    return " or ".join(words)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_of(names: Sequence[str]) -> str:
    return f"add {' or '.join(repr(n) for n in names)}" if names else ""


def _in_what(path: Path) -> str:
    if not path:
        return "in this file"
    names = [str(step) for step in path if isinstance(step, str)]
    return f"in {' → '.join(names)}"


def _quoted_end(path: Path) -> str:
    """What a value is called: its key; for an entry of a list, the list's key."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "this file")
    return f"an entry of {name!r}" if path and isinstance(path[-1], int) else f"{name!r}" if path else name


def nearest(name: str, known: Sequence[str]) -> str:
    """The known name that was probably meant, or ""."""
    return _nearest(name, known)


def _nearest(name: str, known: Sequence[str]) -> str:
    plain = {re.sub(r"[^a-z0-9]", "", k.lower()): k for k in known[:MOST_NAMES]}
    close = get_close_matches(re.sub(r"[^a-z0-9]", "", name[:80].lower()), list(plain), n=1, cutoff=0.65)
    return plain[close[0]] if close else ""
