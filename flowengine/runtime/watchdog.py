"""Notices from outside when the event loop stands still, and writes down where: no call is heard or answered then."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import structlog
from prometheus_client import Counter

from flowengine.runtime.mistakes import places

log = structlog.get_logger("flowengine.watchdog")

LATE_SECONDS = 2.0  # without a turn of the loop, before it is told
LOOK_SECONDS = 0.5
FRAMES = 12

BLOCKED = Counter("flowengine_loop_blocked", "Times the event loop stood still for two seconds or more")


class Standstill:
    """Says once of each standstill that it lasts too long. Times are in seconds of one clock."""

    def __init__(self, late: float, now: float) -> None:
        self._late = late
        self._turned = now  # when the loop last came round
        self._told: float | None = None  # the turn after which it was said

    def turn(self, now: float) -> None:
        """The loop came round."""
        self._turned = now

    def look(self, now: float) -> float | None:
        """Seconds the loop has stood still, if that is too long and not said yet."""
        turned = self._turned  # the loop's thread may turn meanwhile
        if now - turned < self._late or self._told == turned:
            return None
        self._told = turned
        return now - turned


@contextmanager
def watched(
    loop: asyncio.AbstractEventLoop, *, late: float = LATE_SECONDS, look: float = LOOK_SECONDS
) -> Iterator[None]:
    """Watches the loop of this thread from another one as long as the context lasts."""
    over = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(loop, threading.get_ident(), Standstill(late, monotonic()), look, over), daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        over.set()


def _watch(
    loop: asyncio.AbstractEventLoop, thread: int, standstill: Standstill, every: float, over: threading.Event
) -> None:
    while not over.wait(every):
        if (seconds := standstill.look(monotonic())) is not None:
            BLOCKED.inc()
            stack = traceback.extract_stack(sys._current_frames().get(thread))
            log.error("loop_blocked", seconds=round(seconds, 1), at=places(stack, FRAMES))
        try:
            loop.call_soon_threadsafe(lambda: standstill.turn(monotonic()))
        except RuntimeError:  # the loop is closed
            return
