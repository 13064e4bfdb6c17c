"""Findings that only show between files: a number or a name that two flows claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.model import Flow, Path, Place


def across(flows: Sequence[Flow]) -> Iterator[Diagnostic]:
    """One finding in each of the files that claim the same thing."""
    yield from _claimed(flows, lambda flow: flow.office.phone_numbers, "number-in-two-flows", "the number {}")
    yield from _claimed(flows, lambda flow: [flow.key], "name-in-two-flows", "the name {}")


def _claimed(
    flows: Sequence[Flow], claims: Callable[[Flow], Iterable[str]], code: str, what: str
) -> Iterator[Diagnostic]:
    owners: dict[str, list[Flow]] = {}
    for flow in flows:
        for claim in claims(flow):
            owners.setdefault(claim, []).append(flow)
    for claim, claimed in owners.items():
        for flow in claimed if len(claimed) > 1 else ():
            others = ", ".join(dict.fromkeys(other.file for other in claimed if other is not flow))
            place = _place(flow, claim)
            said = f"{what.format(claim)} belongs to {others} too, so nobody could tell which of them answers"
            yield Diagnostic(
                "error",
                code,
                said,
                flow.file,
                place.line,
                place.column,
                place.line,
                place.column + 1,
                "keep one of them",
            )


def _place(flow: Flow, claim: str) -> Place:
    """Where a flow says it: its number's own line where that is known."""
    numbers: list[Path] = [("office", "phone_numbers", i) for i in range(len(flow.office.phone_numbers))]
    named: list[Path] = [("office", "phone_numbers", name) for name in flow.office.phone_numbers.values() if name]
    spots = dict(zip(flow.office.phone_numbers, named or numbers, strict=False))
    path = spots.get(claim, ("flow",))
    return flow.origins.get(path) or flow.origins.get(path[:-1]) or Place(flow.file, 1, 1)
