"""What an editor has of a flow file: YAML 1.2's plain values, and what the published schema says of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema

from flowengine.flow.document import Document
from flowengine.flow.reading import read_leaves
from flowengine.flow.schema import check, kind, schema

# what a leaf's reader says that the schema's patterns say too; the rest of these codes is a matter of meaning
_PATTERNS = frozenset({"bad-duration", "bad-count", "bad-percent", "bad-hours"})
_MEANING = ("overlap", "midnight", "same time")


@cache
def published() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def plain(value: Any) -> Any:
    """The values as a YAML 1.2 parser gives them."""
    if isinstance(value, dict):
        return {str(key): plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [plain(child) for child in value]
    match kind(value):
        case "null":
            return None
        case "boolean":
            return value.lower() == "true"
        case "number":
            return _number(value.lower())
        case _:
            return str(value)


def _number(text: str) -> float:
    if text.startswith(("0x", "0o")):
        return int(text, 0)
    return int(text) if text.lstrip("+-").isdecimal() else float(text.replace(".inf", "inf").replace(".nan", "nan"))


def editor_flags(doc: Document) -> list[str]:
    """What the published schema finds wrong, as jsonschema words it."""
    return [f"{list(e.absolute_path)} {e.message[:100]}" for e in published().iter_errors(plain(doc.value))]


def engine_flags(doc: Document) -> list[str]:
    """What the engine finds wrong with the shape."""
    wrong, unsound = check(doc)
    unreadable = [] if () in unsound else read_leaves(doc, unsound, "US")[1]
    shape = [d for d in unreadable if d.code in _PATTERNS and not any(word in d.message for word in _MEANING)]
    return [f"{d.line}: {d.message}" for d in [*wrong, *shape]]
