"""`# flowengine: ignore[code] reason` on a line: a warning its author has thought about is not said again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flowengine.flow.codes import all_codes
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document, Extent
from flowengine.flow.likeness import nearest

_COMMENT = re.compile(r"(?:^|\s)#\s*flowengine:\s*ignore\b(?P<codes>\[[^\]]*\])?(?P<reason>.*)$")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One such comment."""

    extent: Extent
    codes: tuple[str, ...]
    reason: str


def heeded(doc: Document, found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings without those that are ignored on their line, and what is wrong with the comments themselves."""
    comments = {ignore.extent.line: ignore for ignore in ignores(doc)}
    if not comments:
        return list(found)
    kept: list[Diagnostic] = []
    used: set[tuple[int, str]] = set()
    for d in found:
        ignore = comments.get(d.line) if d.file == doc.file else None
        if ignore and d.code in ignore.codes and ignore.reason:
            used.add((d.line, d.code))
            if d.severity != "error":
                continue
        kept.append(d)
    return kept + [d for ignore in comments.values() for d in _wrong(doc, ignore, used)]


def ignores(doc: Document) -> Iterator[Ignore]:
    """Every such comment of a file that is a comment, not a piece of text."""
    for number, line in enumerate(doc.lines.get(doc.file, ()), 1):
        match = _COMMENT.search(line) if "flowengine:" in line else None
        if match and not _in_text(doc, number, match.start()):
            codes = tuple(code.strip() for code in (match["codes"] or "")[1:-1].split(",") if code.strip())
            start = match.start() + line[match.start() :].index("#") + 1
            yield Ignore(Extent(doc.file, number, start, number, len(line) + 1), codes, match["reason"].strip())


def _in_text(doc: Document, line: int, before: int) -> bool:
    """Whether a value covers this place of the file."""
    return any(
        extent.file == doc.file
        and (extent.line, extent.column) <= (line, before + 1)
        and (line, before + 1) < (extent.end_line, extent.end_column)
        for path, extent in doc.values.items()
        if not isinstance(_value(doc, path), dict | list)
    )


def _value(doc: Document, path: tuple[str | int, ...]) -> object:
    return doc.get(*path)


def _wrong(doc: Document, ignore: Ignore, used: set[tuple[int, str]]) -> Iterator[Diagnostic]:
    known = all_codes()
    if not ignore.codes:
        said = "this does not say which finding is ignored"
        yield doc.at(ignore.extent, "ignore", said, "write  # flowengine: ignore[code] and the reason")
        return
    if not ignore.reason:
        yield doc.at(ignore.extent, "ignore", "this does not say why", "write the reason behind the bracket")
        return
    for code in ignore.codes:
        if code not in known:
            near = nearest(code, list(known))
            yield doc.at(ignore.extent, "ignore", f"no code {code!r}", f"did you mean {near!r}?" if near else "")
        elif known[code].severity == "error":
            said = f"{code} is an error, and errors cannot be ignored"
            yield doc.at(ignore.extent, "ignore", said, "put the line right instead")
        elif (ignore.extent.line, code) not in used:
            said = f"nothing on this line is found as {code}"
            yield doc.at(ignore.extent, "unused-ignore", said, "take the comment away", severity="warning")
