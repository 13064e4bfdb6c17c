"""What signed requests taught us, by key: whose leg a carrier's id is, and the token of a caller's own leg."""

from __future__ import annotations

from collections import OrderedDict

KEPT = 10_000  # entries; far more than calls live at once


class Book:
    """Bounded; what was heard of longest ago is forgotten first."""

    def __init__(self, most: int = KEPT) -> None:
        self._entries: OrderedDict[str, str] = OrderedDict()
        self._most = most

    def learn(self, key: str, value: str) -> None:
        """Nothing is learned from an empty key or value, and what is known stays: a later word cannot turn what we do
        for one leg against another.
        """
        if not key or not value:
            return
        self._entries.setdefault(key, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def forget(self, key: str) -> None:
        self._entries.pop(key, None)

    def find(self, key: str) -> str | None:
        return self._entries.get(key)
