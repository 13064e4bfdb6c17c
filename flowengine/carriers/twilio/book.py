"""Which leg a carrier's id belongs to, learned from signed requests: conference callbacks name nothing else."""

from __future__ import annotations

from collections import OrderedDict

KEPT = 10_000  # legs; far more than live at once


class LegBook:
    """Bounded; the leg heard of longest ago is forgotten first."""

    def __init__(self, most: int = KEPT) -> None:
        self._legs: OrderedDict[str, str] = OrderedDict()
        self._most = most

    def learn(self, ref: str, leg: str) -> None:
        if not ref:
            return
        self._legs[ref] = leg
        self._legs.move_to_end(ref)
        if len(self._legs) > self._most:
            self._legs.popitem(last=False)

    def leg(self, ref: str) -> str | None:
        return self._legs.get(ref)
