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


@contextmanager
def watched(
    loop: asyncio.AbstractEventLoop, *, late: float = LATE_SECONDS, look: float = LOOK_SECONDS
) -> Iterator[None]:
    """Watches the loop of this thread from another one as long as the context lasts."""
    dog = _Watchdog(loop, threading.get_ident(), late, look)
    thread = threading.Thread(target=dog.run, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        dog.over.set()


class _Watchdog:
    def __init__(self, loop: asyncio.AbstractEventLoop, thread: int, late: float, look: float) -> None:
        self._loop, self._thread, self._late, self._look = loop, thread, late, look
        self._turned = monotonic()  # when the loop last came round
        self.over = threading.Event()

    def run(self) -> None:
        told = 0.0  # the turn after which it was told
        while not self.over.wait(self._look):
            turned, stood = self._turned, monotonic() - self._turned
            if stood >= self._late and told != turned:
                told = turned
                BLOCKED.inc()
                stack = traceback.extract_stack(sys._current_frames().get(self._thread))
                log.error("loop_blocked", seconds=round(stood, 1), at=places(stack, FRAMES))
            try:
                self._loop.call_soon_threadsafe(self._turn)
            except RuntimeError:  # the loop is closed
                return

    def _turn(self) -> None:
        self._turned = monotonic()
