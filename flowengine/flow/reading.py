"""Walks a file's values along the schema and reads each leaf as the keyword `x-reads` says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from flowengine.flow import read
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document, Extent
from flowengine.flow.model import Path
from flowengine.flow.schema import applicable, schema


def read_leaves(
    doc: Document, unsound: Collection[Path], region: str | None, part: str = ""
) -> tuple[Document, list[Diagnostic]]:
    """The document with every leaf read, and what could not be read. A single value where a list may stand becomes a
    list of one; what is unsound or unreadable becomes None."""
    reader = _Reader(doc, unsound, region)
    value = reader.read(doc.value, schema()["$defs"][part] if part else schema(), (), ())
    return replace(doc, value=value, values=reader.values, keys=reader.keys, braces=frozenset()), reader.found


class _Reader:
    def __init__(self, doc: Document, unsound: Collection[Path], region: str | None) -> None:
        self.doc, self.unsound, self.region = doc, unsound, region
        self.values: dict[Path, Extent] = {}
        self.keys: dict[Path, Extent] = {}
        self.found: list[Diagnostic] = []

    def read(self, value: Any, part: Any, path: Path, to: Path) -> Any:
        """The value at `path` of the file, read; its place is known as `to` from now on."""
        self.keep_place(path, to)
        if path in self.unsound:
            return None
        parts = list(applicable(value, part))
        if not isinstance(value, list) and any(p.get("x-list") for p in parts):
            self.keep_place(path, (*to, 0))
            return [self.inner(value, parts, path, (*to, 0))]
        return self.inner(value, parts, path, to)

    def inner(self, value: Any, parts: list[Any], path: Path, to: Path) -> Any:
        if isinstance(value, dict):
            return {
                key: self.read(child, _for_key(parts, key), (*path, key), (*to, key)) for key, child in value.items()
            }
        if isinstance(value, list):
            item: Any = next((p["items"] for p in parts if "items" in p), {})
            return [self.read(child, item, (*path, i), (*to, i)) for i, child in enumerate(value)]
        return self.leaf(value, next((p["x-reads"] for p in parts if "x-reads" in p), "text"), path)

    def leaf(self, text: str, how: str, path: Path) -> Any:
        try:
            return read.phone(text, self.region) if how == "phone" else read.READERS[how](text)
        except read.Unreadable as error:
            self.found.append(self.doc.diagnose(path, error.code, error.message, error.help))
            return None

    def keep_place(self, path: Path, to: Path) -> None:
        self.values[to] = self.doc.values[path]
        if path in self.doc.keys:
            self.keys[to] = self.doc.keys[path]


def _for_key(parts: list[Any], key: str) -> Any:
    """The schema of one key's value; nothing is known of a key that should not be here."""
    for part in parts:
        if key in part.get("properties", {}):
            return part["properties"][key]
        if "patternProperties" in part:
            return next(iter(part["patternProperties"].values()))
        if isinstance(part.get("additionalProperties"), dict):
            return part["additionalProperties"]
    return {}
