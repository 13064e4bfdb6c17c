"""Time in the sandbox: an event loop in which time passes only while everybody waits, N times faster than the wall.

Engine and emulators share one loop, so `asyncio.sleep`, timeouts and `loop.time()` are *call time* for all of them.
Work costs no call time, that of a disk included (`Timeless`): a slow machine makes a run longer, never different.
"""

from __future__ import annotations

import asyncio
import inspect
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any

__all__ = ["PacedLoop", "PinnedClock", "Timeless"]


SHORTEST_POLL = 0.001  # seconds; epoll cannot wait for less
LONGEST_WAIT = 0.02  # seconds waited in one go: a machine that stands still meanwhile costs no more call time than this
LONGEST_STAND = 5.0  # wall seconds that time stands still at most while somebody works


class _PacedSelector(selectors.DefaultSelector):
    """A selector that reports how much call time each wait took."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self.speed = speed
        self.elapsed = 0.0  # call seconds since the loop was made
        self.working = 0  # how many pieces of work go on elsewhere, while which time stands still

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.working and (ready := super().select(LONGEST_STAND)):
            return ready
        return self._wait(timeout)

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        longest = LONGEST_WAIT * self.speed
        wait = longest if timeout is None else min(timeout, longest)  # call seconds
        began = monotonic()
        if wait / self.speed < SHORTEST_POLL:
            sleep(wait / self.speed)
            ready = super().select(0)
        else:
            ready = super().select(wait / self.speed)
        # Never past the next timer, and exactly to it when the wait ran out: the scheduler's lateness is not call time.
        self.elapsed += min((monotonic() - began) * self.speed, wait) if ready else wait
        return ready


class PacedLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose clock starts at 0 and runs `speed` times as fast
    as the wall, and only while the loop is idle.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._paced = _PacedSelector(speed)
        super().__init__(self._paced)

    def set_speed(self, speed: float) -> None:
        """Call seconds a second from now on."""
        self._paced.speed = speed

    def time(self) -> float:
        return self._paced.elapsed

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Time stands still: somebody outside the loop works, and everybody waits for that."""
        self._paced.working += 1
        try:
            yield
        finally:
            self._paced.working -= 1

    def run_in_executor(  # type: ignore[override]  # the signature of typeshed is generic
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """What a thread works for the loop costs no call time either."""
        working = super().run_in_executor(executor, func, *args)
        self._paced.working += 1
        working.add_done_callback(self._worked)
        return working

    def _worked(self, _: object) -> None:
        self._paced.working -= 1


class Timeless:
    """Stands before a thing whose methods wait for a disk, so that they cost no call time."""

    def __init__(self, thing: object, loop: PacedLoop) -> None:
        self._thing, self._loop = thing, loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._thing, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def timeless(*args: Any, **more: Any) -> Any:
            with self._loop.standing():
                return await method(*args, **more)

        return timeless


class PinnedClock:
    """A wall clock that goes with `loop.time()` from `start` (aware); one not `going` stands there until `begin`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime, *, going: bool = True) -> None:
        self._loop, self._start = loop, start.astimezone(UTC)
        self._origin = loop.time() if going else None

    def begin(self) -> None:
        self._origin = self._loop.time()

    def __call__(self) -> datetime:
        passed = self._loop.time() - self._origin if self._origin is not None else 0.0
        return self._start + timedelta(seconds=passed)
