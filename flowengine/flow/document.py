"""A parsed file: plain values that keep their source text, and where each stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowengine.flow.diagnostics import Diagnostic, Severity
from flowengine.flow.model import Path


class Scalar(str):
    """The source text of one value; `plain` when it stands without quotes, `block` when after | or >."""

    __slots__ = ("block", "plain")
    plain: bool
    block: bool

    @classmethod
    def of(cls, text: str, style: str | None) -> Scalar:
        scalar = cls(text)
        scalar.plain, scalar.block = not style, style in ("|", ">")
        return scalar


@dataclass(frozen=True, slots=True)
class Extent:
    """Where something stands: from line and column to before `end_column`, all from 1."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: dicts, lists and leaves, where each stands, and the source lines of every file involved."""

    file: str
    value: Any
    keys: Mapping[Path, Extent]
    values: Mapping[Path, Extent]
    lines: Mapping[str, list[str]]
    braces: frozenset[Path] = field(default_factory=frozenset)  # mappings written {like: this}
    wholes: Mapping[Path, Extent] = field(default_factory=dict)  # where [lists] and {groups} stand, brackets included
    broken: frozenset[Path] = field(default_factory=frozenset)  # values a slip has spoilt, which is told already

    def each(self, *pattern: str | int) -> Iterator[tuple[Path, Any]]:
        """Every value whose path matches; `*` stands for any key or position. What is missing is passed over."""
        found: list[tuple[Path, Any]] = [((), self.value)]
        for step in pattern:
            found = [((*path, key), child) for path, value in found for key, child in _children(value, step)]
        return iter(found)

    def get(self, *path: str | int) -> Any:
        """The value at a path, or None."""
        value = self.value
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
                value = value[step]
            else:
                return None
        return value

    def extent(self, path: Path, *, key: bool = False) -> Extent:
        """Where to point: a leaf's own place, the key of a mapping or list; what is missing, at its nearest parent."""
        if path not in self.values and path not in self.keys:
            return self.extent(path[:-1], key=True) if path else Extent(self.file, 1, 1, 1, 1)
        whole = self.values.get(path)
        if key or whole is None or whole.line != whole.end_line:
            return self.keys.get(path) or self.values[path]
        return whole

    def source(self, path: Path) -> str:
        """The text a value is written as, quotes and brackets included; "" when it takes more than one line."""
        whole = self.wholes.get(path) or self.values.get(path)
        if whole is None or whole.line != whole.end_line:
            return ""
        lines = self.lines.get(whole.file, ())
        return lines[whole.line - 1][whole.column - 1 : whole.end_column - 1] if whole.line <= len(lines) else ""

    def diagnose(
        self,
        path: Path,
        code: str,
        message: str,
        help: str = "",
        *,
        key: bool = False,
        severity: Severity = "error",
        fix: str | None = None,
    ) -> Diagnostic:
        """A finding about the value (or, with `key`, the key) at a path; `fix` is what that piece of text becomes."""
        return self.at(self.extent(path, key=key), code, message, help, severity=severity, fix=fix)

    def at(
        self,
        where: Extent,
        code: str,
        message: str,
        help: str = "",
        *,
        severity: Severity = "error",
        fix: str | None = None,
    ) -> Diagnostic:
        lines = self.lines.get(where.file, [])
        excerpt = lines[where.line - 1] if where.line <= len(lines) else ""
        return Diagnostic(
            severity,
            code,
            message,
            where.file,
            where.line,
            where.column,
            where.end_line,
            where.end_column,
            help,
            excerpt,
            fix,
        )


def _children(value: Any, step: str | int) -> list[tuple[str | int, Any]]:
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items()) if step == "*" else [(step, value.get(step))]
    elif isinstance(value, list) and step == "*":
        items = list(enumerate(value))
    elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
        items = [(step, value[step])]
    return [(key, child) for key, child in items if child is not None]
