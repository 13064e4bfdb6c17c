"""Turns a YAML parser's events into values and their places, one at a time and without recursion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from flowengine.flow import slips
from flowengine.flow.accidents import Accident
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document, Extent, Scalar
from flowengine.flow.marks import Marks
from flowengine.flow.model import Path

MOST_NODES = 50_000
DEEPEST = 32
# findings after which the values are still worth looking at
HARMLESS = frozenset({"duplicate-key", *slips.CODES}) - {"odd-space"}


@dataclass(slots=True)
class _Open:
    """A mapping or list being filled."""

    path: Path
    value: Any
    whole: Extent | None = None  # of a list or group between brackets: where it begins
    key: str | None = None  # a mapping's key that waits for its value
    repeated: bool = False  # the waiting key was there before: its value is read but not kept


class Composer:
    """Give it each event with `take` until `hopeless`; `result` is the document or what is wrong."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file, self.lines = file, lines
        self.root: Any = None
        self.stack: list[_Open] = []
        self.skipping = 0  # depth below a complex key
        self.nodes = self.documents = 0
        self.keys: dict[Path, Extent] = {}
        self.values: dict[Path, Extent] = {}
        self.braces: set[Path] = set()
        self.wholes: dict[Path, Extent] = {}
        self.broken: set[Path] = set()
        self.found: list[Diagnostic] = []
        self.marks = Marks(lines)
        self.hopeless = False  # nothing further is read
        self.failed = False  # the parser gave up

    def result(self) -> tuple[Document | None, list[Diagnostic]]:
        document = self.document()
        found = [*self.found, *(document.at(*mark[:4], fix=mark[4]) for mark in self.marks.told())]
        marked = {d.line for d in found[len(self.found) :]}
        found = [d for d in found if d.code not in _FOLLOW_A_MARK or d.line not in marked]
        if self.failed or any(d.code not in HARMLESS for d in found):
            return None, found
        if self.root is None:
            said = "this file says nothing"
            return None, [
                document.at(Extent(self.file, 1, 1, 1, 1), "empty-file", said, "begin with  flow: and a name")
            ]
        return document, found

    def document(self) -> Document:
        """What has been read so far."""
        braces, broken, lines = frozenset(self.braces), frozenset(self.broken), {self.file: self.lines}
        return Document(self.file, self.root, self.keys, self.values, lines, braces, self.wholes, broken)

    def fatal(self, diagnostic: Diagnostic) -> None:
        """The parser's last word; not said where a slip just above it has been told already."""
        self.failed = self.hopeless = True
        if not any(d.code in slips.CODES and diagnostic.line - 1 <= d.line <= diagnostic.line for d in self.found):
            self.found.append(diagnostic)

    def refuse(self, extent: Extent, code: str, message: str, help: str, fix: str | None = None) -> None:
        self.found.append(self.document().at(extent, code, message, help, fix=fix))

    def give_up(self, event: Event, code: str, message: str, help: str) -> None:
        self.refuse(self.extent(event), code, message, help)
        self.hopeless = True

    def extent(self, event: Event) -> Extent:
        start, end = event.start_mark, event.end_mark
        assert start is not None  # a parser's events are marked
        assert end is not None
        return Extent(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def take(self, event: Event) -> None:
        if isinstance(event, NodeEvent):
            self.node(event)
        elif isinstance(event, CollectionEndEvent):
            self.close(event)
        elif isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                said = "a second document begins here"
                self.give_up(event, "second-document", said, "a flow is one document; delete the line ---")

    def node(self, event: NodeEvent) -> None:
        if self.nodes >= MOST_NODES:
            said = f"this file holds more than {MOST_NODES} values"
            self.give_up(event, "too-big", said, "a flow describes one office; split it")
            return
        is_key = bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None
        self.nodes += bool(self.skipping) or not is_key
        extent = self.extent(event)
        if event.anchor is not None or getattr(event, "tag", None) is not None:
            self.marks.take(event, extent)
        if self.skipping:
            self.skipping += not isinstance(event, ScalarEvent | AliasEvent)
            self.failed = self.hopeless = self.skipping > DEEPEST
        elif is_key:
            self.take_key(event, extent)
        elif isinstance(event, ScalarEvent):
            self.leaf(event, extent)
        elif isinstance(event, AliasEvent):
            self.put(Scalar.of("", "'"), extent)
        else:
            self.open(event, extent)

    def leaf(self, event: ScalarEvent, extent: Extent) -> None:
        path = self.put(Scalar.of(event.value, event.style), extent)
        slip = None if event.style else slips.in_text(event.value, extent, self.lines)
        if slip is not None:
            self.slip(slip, path)

    def slip(self, slip: Accident, path: Path) -> None:
        self.broken.add(path)
        where = Extent(self.file, slip.line, slip.column, slip.end_line or slip.line, slip.end_column)
        self.refuse(where, slip.code, slip.message, slip.help, slip.fix)

    def take_key(self, event: NodeEvent, extent: Extent) -> None:
        top = self.stack[-1]
        if not isinstance(event, ScalarEvent):
            top.key, top.repeated = "", True
            if not isinstance(event, AliasEvent):  # an alias is refused already
                self.skipping = 1
                said = "a name is expected before the colon, not a list or a group"
                self.refuse(extent, "bad-key", said, "if this is text with braces or brackets, put it in quotes")
            return
        key = event.value
        if key == "<<" and not event.style:
            self.marks.merged(extent)
        top.key, top.repeated = key, key in top.value
        path: Path = (*top.path, key)
        if top.repeated and key == "<<":
            return
        if top.repeated:
            said = f"{key!r} is said twice here; the first time on line {self.keys[path].line}"
            self.refuse(extent, "duplicate-key", said, "keep one of the two")
            return
        self.keys[path] = extent
        slip = None if event.style else slips.in_key(key, extent, self.lines)
        if slip is not None:
            self.slip(slip, path)

    def open(self, event: NodeEvent, extent: Extent) -> None:
        if len(self.stack) >= DEEPEST:
            said = f"this is nested more than {DEEPEST} levels deep"
            self.give_up(event, "too-deep", said, "put text with brackets or braces in quotes")
            return
        assert isinstance(event, MappingStartEvent | SequenceStartEvent)
        value: Any = {} if isinstance(event, MappingStartEvent) else []
        path = self.put(value, extent)
        if event.flow_style and isinstance(event, MappingStartEvent):
            self.braces.add(path)
        self.stack.append(_Open(path, value, extent if event.flow_style else None))

    def close(self, event: Event) -> None:
        if self.skipping:
            self.skipping -= 1
            return
        closed = self.stack.pop()
        if closed.whole is not None:
            end = self.extent(event)
            self.wholes[closed.path] = replace(closed.whole, end_line=end.end_line, end_column=end.end_column)

    def put(self, value: Any, extent: Extent) -> Path:
        """Store a value where it belongs and return its path; the value of a repeated key is stored nowhere."""
        path: Path
        if not self.stack:
            self.root, path = value, ()
        else:
            top = self.stack[-1]
            if isinstance(top.value, list):
                path = (*top.path, len(top.value))
                top.value.append(value)
            else:
                path = (*top.path, top.key or "")
                repeated, top.key, top.repeated = top.repeated, None, False
                if repeated:
                    return (*path, "(repeated)")
                top.value[path[-1]] = value
        self.values[path] = extent
        return path


# what a parser says of a line on which an * or & has surprised it
_FOLLOW_A_MARK = frozenset({"not-lined-up", "yaml-syntax"})
