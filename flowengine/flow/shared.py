"""Files named by `shared:`: people, departments, known callers and exceptions that several flows use."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from flowengine.flow import foreign, schema, source
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid
from flowengine.flow.document import Document
from flowengine.flow.model import Path
from flowengine.flow.reading import read_leaves

_ADDED = ("people", "departments", "known_callers")


def merge_shared(
    doc: Document, region: str | None, load: Callable[[str], str] | None
) -> tuple[Document, list[Diagnostic], bool]:
    """The document with what its shared files add, what is wrong with them, and whether all of them could be read. A
    name that is there already is reported and not overridden."""
    found: list[Diagnostic] = []
    complete = True
    for path, name in list(doc.each("shared", "*")):
        other, problems = _read(doc, path, name, region, load)
        found += problems
        complete = complete and other is not None
        if other is not None:
            doc, twice = _add(doc, other)
            found += twice
    return doc, found, complete


def _read(
    doc: Document, path: Path, name: str, region: str | None, load: Callable[[str], str] | None
) -> tuple[Document | None, list[Diagnostic]]:
    if load is None:
        return None, [
            doc.diagnose(
                path,
                "shared-file",
                f"the shared file {name!r} cannot be read here",
                "name the flow by its file, not through a pipe",
            )
        ]
    try:
        text = load(name)
    except FlowInvalid as error:
        return None, list(error.diagnostics)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        return None, [
            doc.diagnose(
                path,
                "shared-file",
                f"the shared file {name!r} cannot be read: {why[:1].lower() + why[1:]}",
                "shared files are named relative to this one",
            )
        ]
    parsed, found = source.parse(text, name)
    if parsed is None:
        return None, found
    if called := foreign.looks_like(parsed.value):
        said = f"the shared file {name!r} is none of ours; it looks like {called}"
        return None, [doc.diagnose(path, "shared-file", said, "shared files are named relative to this one")]
    wrong, unsound = schema.check(parsed, "shared_file")
    if () in unsound:
        return None, found + wrong
    leaves, unreadable = read_leaves(parsed, unsound, region, "shared_file")
    return (leaves if isinstance(leaves.value, dict) else None), found + wrong + unreadable


def _add(doc: Document, other: Document) -> tuple[Document, list[Diagnostic]]:
    value, keys, values = copy.copy(doc.value), dict(doc.keys), dict(doc.values)
    found: list[Diagnostic] = []
    moved: list[tuple[Path, Path]] = []
    for group in _ADDED:
        mine = dict(value.get(group) or {})
        for name, theirs in (other.value.get(group) or {}).items():
            if name in mine:
                first = doc.extent((group, name), key=True)
                found.append(
                    other.diagnose(
                        (group, name),
                        "defined-twice",
                        f"{name!r} is defined in {first.file} already, on line {first.line}",
                        "rename one of the two",
                        key=True,
                    )
                )
            else:
                mine[name] = theirs
                moved.append(((group, name), (group, name)))
        value[group] = mine
    moved += _add_exceptions(value, other)
    for old, new in moved:
        for places, theirs_at in ((keys, other.keys), (values, other.values)):
            places.update(
                {(*new, *path[len(old) :]): extent for path, extent in theirs_at.items() if path[: len(old)] == old}
            )
    return replace(doc, value=value, keys=keys, values=values, lines={**other.lines, **doc.lines}), found


def _add_exceptions(value: dict[str, Any], other: Document) -> Iterator[tuple[Path, Path]]:
    """Exceptions stand behind the office's own; yields where each came from and where it is now."""
    theirs = other.value.get("exceptions") or []
    hours = value.get("hours")
    if not theirs or not isinstance(hours, dict):
        return
    mine = list(hours.get("exceptions") or [])
    value["hours"] = {**hours, "exceptions": mine + theirs}
    for i in range(len(theirs)):
        yield ("exceptions", i), ("hours", "exceptions", len(mine) + i)
