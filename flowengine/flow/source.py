"""YAML text → plain values that keep their source text, and the line and column of each.

Works on the parser's events: what PyYAML would build from them turns `8:00` into 480 and drops repeated keys, and its C
composer dies on deep nesting (reliability.md, findings 4 and 5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml
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

from flowengine.flow.diagnostics import Diagnostic, FlowInvalid
from flowengine.flow.document import Document, Extent, Scalar
from flowengine.flow.model import Path
from flowengine.flow.yaml_errors import explain

MOST_BYTES = 1024 * 1024
MOST_NODES = 50_000
DEEPEST = 32

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def decode(data: bytes, file: str) -> str:
    """The text of a file's bytes. Raises FlowInvalid when it is not UTF-8."""
    text = data.decode("utf-8", errors="surrogateescape")
    refused = _refused_text(text, file)
    if refused and refused.code == "not-utf8":
        raise FlowInvalid([refused])
    return text


def parse(text: str, file: str) -> tuple[Document | None, list[Diagnostic]]:
    """Values and places of one YAML document, or None with what is wrong. Repeated keys do not stop the reading."""
    text = text.removeprefix("\ufeff")
    refused = _refused_text(text, file)
    if refused:
        return None, [refused]
    composer = _Composer(file, text.splitlines())
    try:
        for event in yaml.parse(text, Loader=_Loader):
            composer.take(event)
            if composer.hopeless:
                break
    except yaml.YAMLError as error:
        composer.fatal(explain(error, file, composer.lines))
    return composer.result()


def _refused_text(text: str, file: str) -> Diagnostic | None:
    """What cannot be a flow file at all. Bytes that were no UTF-8 arrive here as lone surrogates (surrogateescape)."""
    if text.startswith(("\udcff\udcfe", "\udcfe\udcff")):
        return _file_wide(file, "not-utf8", "this file is saved as UTF-16", _SAVE)
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        said = f"this file is larger than {MOST_BYTES // 1024} KiB"
        return _file_wide(file, "too-big", said, "a flow describes one office; split it")
    bad = _UNPRINTABLE.search(text)
    if bad is None:
        return None
    before = text[: bad.start()].splitlines(keepends=True) or [""]
    line, column = len(before), len(before[-1]) + 1
    if before[-1].endswith(("\n", "\r")):
        line, column = line + 1, 1
    if "\udc80" <= bad.group() <= "\udcff":
        code, said = "not-utf8", "this file is not UTF-8 text"
    else:
        code, said = "bad-character", f"no text should hold this character (code {ord(bad.group()):#06x})"
    return Diagnostic("error", code, said, file, line, column, line, column + 1, _SAVE)


_SAVE = "save it again with the encoding UTF-8"


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")[:60]


def _file_wide(file: str, code: str, message: str, help: str) -> Diagnostic:
    return Diagnostic("error", code, message, file, 1, 1, 1, 1, help)


@dataclass(slots=True)
class _Open:
    """A mapping or list being filled."""

    path: Path
    value: Any
    extent: Extent
    key: str | None = None  # a mapping's key that waits for its value
    repeated: bool = False  # the waiting key was there before: its value is read but not kept


class _Composer:
    """Turns events into values, one at a time, without recursion."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file, self.lines = file, lines
        self.root: Any = None
        self.stack: list[_Open] = []
        self.skipping = 0  # depth below a complex key
        self.nodes = self.documents = 0
        self.keys: dict[Path, Extent] = {}
        self.values: dict[Path, Extent] = {}
        self.braces: set[Path] = set()
        self.found: list[Diagnostic] = []
        self.hopeless = False

    def result(self) -> tuple[Document | None, list[Diagnostic]]:
        document = Document(
            self.file, self.root, self.keys, self.values, {self.file: self.lines}, frozenset(self.braces)
        )
        if any(d.code != "duplicate-key" for d in self.found):
            return None, self.found
        if self.root is None:
            return None, [
                document.at(
                    Extent(self.file, 1, 1, 1, 1),
                    "empty-file",
                    "this file says nothing",
                    "begin with  flow: and a name",
                )
            ]
        return document, self.found

    def fatal(self, diagnostic: Diagnostic) -> None:
        self.found.append(diagnostic)
        self.hopeless = True

    def refuse(self, event: Event, code: str, message: str, help: str) -> None:
        extent = self.extent(event)
        self.found.append(Document(self.file, None, {}, {}, {self.file: self.lines}).at(extent, code, message, help))

    def extent(self, event: Event) -> Extent:
        start, end = event.start_mark, event.end_mark
        assert start is not None  # a parser's events are marked
        assert end is not None
        return Extent(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.refuse(
                    event,
                    "second-document",
                    "a second document begins here",
                    "a flow is one document; delete the line ---",
                )
                self.hopeless = True
        elif isinstance(event, NodeEvent):
            self.node(event)
        elif isinstance(event, CollectionEndEvent):
            self.close()

    def node(self, event: NodeEvent) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            self.refuse(
                event,
                "too-big",
                f"this file holds more than {MOST_NODES} values",
                "a flow describes one office; split it",
            )
            self.hopeless = True
        self.check_marks(event)
        if self.skipping:
            self.skipping += not isinstance(event, ScalarEvent | AliasEvent)
        elif self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            self.take_key(event)
        elif isinstance(event, ScalarEvent | AliasEvent):
            text = event.value if isinstance(event, ScalarEvent) else ""
            self.put(Scalar.of(text, event.style if isinstance(event, ScalarEvent) else "'"), self.extent(event))
        else:
            self.open(event)

    def check_marks(self, event: NodeEvent) -> None:
        if isinstance(event, AliasEvent):
            self.refuse(
                event,
                "yaml-alias",
                f"*{event.anchor} refers to another place; a flow says what it means where it means it",
                "write the value out, or put the word in quotes if the * belongs to it",
            )
            return
        if event.anchor is not None:
            self.refuse(
                event,
                "yaml-anchor",
                f"&{event.anchor} names this value for use elsewhere; a flow does without such names",
                "delete it, or put the text in quotes if the & belongs to it",
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.refuse(
                event,
                "yaml-tag",
                f"{_short(tag)} is a YAML tag; a flow has no use for tags",
                "delete it, or put the text in quotes if the ! belongs to it",
            )

    def take_key(self, event: NodeEvent) -> None:
        top = self.stack[-1]
        if not isinstance(event, ScalarEvent):
            top.key, top.repeated = "", True
            if not isinstance(event, AliasEvent):  # an alias is refused already
                self.skipping = 1
                said = "a name is expected before the colon, not a list or a group"
                self.refuse(event, "bad-key", said, "if this is text with braces or brackets, put it in quotes")
            return
        key, extent = event.value, self.extent(event)
        if key == "<<" and not event.style:
            self.refuse(
                event,
                "yaml-merge",
                "<< copies another place in here; a flow says what it means where it means it",
                "write the lines out",
            )
        top.key, top.repeated = key, key in top.value
        if top.repeated:
            first = self.keys[(*top.path, key)]
            self.refuse(
                event,
                "duplicate-key",
                f"{key!r} is said twice here; the first time on line {first.line}",
                "keep one of the two",
            )
        else:
            self.keys[(*top.path, key)] = extent

    def open(self, event: NodeEvent) -> None:
        if len(self.stack) >= DEEPEST:
            self.refuse(
                event,
                "too-deep",
                f"this is nested more than {DEEPEST} levels deep",
                "put text with brackets or braces in quotes",
            )
            self.hopeless = True
            return
        assert isinstance(event, MappingStartEvent | SequenceStartEvent)
        value: Any = {} if isinstance(event, MappingStartEvent) else []
        extent = self.extent(event)
        path = self.put(value, extent)
        if isinstance(event, MappingStartEvent) and event.flow_style:
            self.braces.add(path)
        self.stack.append(_Open(path, value, extent))

    def close(self) -> None:
        if self.skipping:
            self.skipping -= 1
        else:
            self.stack.pop()

    def put(self, value: Any, extent: Extent) -> Path:
        """Store a value where it belongs and return its path; the value of a repeated key is stored nowhere."""
        if not self.stack:
            self.root = value
            path: Path = ()
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
