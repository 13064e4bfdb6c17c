"""Walks a file's values along the schema and reads each leaf as the keyword `x-reads` says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from flowengine.flow import read
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document, Extent
from flowengine.flow.model import Path
from flowengine.flow.shape import Part, ref


def read_leaves(
    doc: Document, unsound: Collection[Path], region: str | None, part: str = ""
) -> tuple[Document, list[Diagnostic]]:
    """The document with every leaf read, and what could not be read. A single value where a list may stand becomes a
    list of one; what is unsound or unreadable becomes None."""
    reader = _Reader(doc, unsound, region)
    value = reader.read(doc.value, ref(part), (), ())
    return replace(doc, value=value, values=reader.values, keys=reader.keys, braces=frozenset()), reader.found


class _Reader:
    def __init__(self, doc: Document, unsound: Collection[Path], region: str | None) -> None:
        self.doc, self.unsound, self.region = doc, unsound, region
        self.values: dict[Path, Extent] = {}
        self.keys: dict[Path, Extent] = {}
        self.found: list[Diagnostic] = []

    def read(self, value: Any, part: Part | None, path: Path, to: Path) -> Any:
        """The value at `path` of the file, read; its place is known as `to` from now on."""
        self.keep_place(path, to)
        if path in self.unsound:
            return None
        parts = part.applied(value) if part is not None else ()
        if not isinstance(value, list) and any("x-list" in p.raw for p in parts):
            self.keep_place(path, (*to, 0))
            return [self.inner(value, parts, path, (*to, 0))]
        return self.inner(value, parts, path, to)

    def inner(self, value: Any, parts: tuple[Part, ...], path: Path, to: Path) -> Any:
        if isinstance(value, dict):
            return {
                key: self.read(child, _for_key(parts, key), (*path, key), (*to, key)) for key, child in value.items()
            }
        if isinstance(value, list):
            item = next((p.items for p in parts if p.items is not None), None)
            return [self.read(child, item, (*path, i), (*to, i)) for i, child in enumerate(value)]
        return self.leaf(value, next((p.raw["x-reads"] for p in parts if "x-reads" in p.raw), "text"), path)

    def leaf(self, text: str, how: str, path: Path) -> Any:
        try:
            return read.phone(text, self.region) if how == "phone" else read.READERS[how](text)
        except read.Unreadable as error:
            self.found.append(self.doc.diagnose(path, error.code, error.message, error.help, fix=error.fix))
            return None

    def keep_place(self, path: Path, to: Path) -> None:
        self.values[to] = self.doc.values[path]
        if path in self.doc.keys:
            self.keys[to] = self.doc.keys[path]


def _for_key(parts: tuple[Part, ...], key: str) -> Part | None:
    """What the schema says of one key's value; nothing is known of a key that should not be here."""
    return next((below for part in parts if (below := part.below(key)) is not None), None)
