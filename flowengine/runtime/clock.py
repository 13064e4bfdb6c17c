"""The real clocks. The sandbox pins the wall; the other one is the event loop's in both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime


class LoopClock:
    """Implements `ports.Clock`: the wall as given, and the running loop's own time."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()
