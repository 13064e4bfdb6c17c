"""How often somebody may try a passphrase before they have to wait."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from flowengine.runtime.ports import Clock

WINDOW = 15 * 60.0  # seconds a wrong try counts
FROM_ONE_PLACE, FOR_ONE_OFFICE = 5, 30  # wrong tries; one stranger alone cannot lock an office out
MOST_NAMES = 10_000  # the one quiet for longest is forgotten


class Tries:
    """Counts wrong tries by name, in this process: right ones do not count, so a whole office may sign in at nine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, names: dict[str, int]) -> float:
        """Seconds until another try; 0 when it may be now. `names` says how many wrong ones each name has."""
        return max((self._left(name, most) for name, most in names.items()), default=0.0)

    def wrong(self, names: dict[str, int]) -> None:
        """One more wrong try of all these."""
        for name, most in names.items():
            self._wrong[name] = [*self._recent(name), self._clock.monotonic()][-most:]
            self._wrong.move_to_end(name)
        while len(self._wrong) > MOST_NAMES:
            self._wrong.popitem(last=False)

    def _left(self, name: str, most: int) -> float:
        recent = self._recent(name)
        return recent[-most] + WINDOW - self._clock.monotonic() if len(recent) >= most else 0.0

    def _recent(self, name: str) -> list[float]:
        since = self._clock.monotonic() - WINDOW
        return [at for at in self._wrong.get(name, []) if at > since]


def names(address: str, office: str) -> dict[str, int]:
    """Whose tries count together: one address (of IPv6 one network, which is one household), one office."""
    return {f"from {_place(address)}": FROM_ONE_PLACE, f"for {office}": FOR_ONE_OFFICE}


def _place(address: str) -> str:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))
