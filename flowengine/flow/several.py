"""Findings that only show between files: a number or a name that two flows claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Path

Claim = tuple[str, Path]  # what a flow says is its own, and where it says so


def across(docs: Sequence[Document]) -> Iterator[Diagnostic]:
    """One finding in each of the files that claim the same thing."""
    yield from _claimed(docs, _numbers, "number-in-two-flows", "the number {}")
    yield from _claimed(docs, _name, "name-in-two-flows", "the name {}")


def _numbers(doc: Document) -> Iterator[Claim]:
    for place in (("office", "phone_numbers"), ("office", "phone_numbers", "*")):
        yield from ((number, path) for path, number in doc.each(*place) if isinstance(number, str))


def _name(doc: Document) -> Iterator[Claim]:
    return ((name, path) for path, name in doc.each("flow") if isinstance(name, str))


def _claimed(
    docs: Sequence[Document], claims: Callable[[Document], Iterator[Claim]], code: str, what: str
) -> Iterator[Diagnostic]:
    owners: dict[str, list[tuple[Document, Path]]] = {}
    for doc in docs:
        for claim, path in dict(claims(doc)).items():
            owners.setdefault(claim, []).append((doc, path))
    for claim, owned in owners.items():
        for doc, path in owned if len(owned) > 1 else ():
            others = ", ".join(f"{o.file} on line {o.extent(p).line}" for o, p in owned if o is not doc)
            said = f"{what.format(claim)} is claimed by {others} too, so nobody could tell which of them is meant"
            yield doc.diagnose(path, code, said, "keep one of them")
