"""What a peer has not taken yet: audio goes stale and is dropped, control messages wait."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from prometheus_client import Counter

PATIENCE = 2.0  # seconds a peer may take nothing, and audio may wait for it
MOST_WAITING = 2**20  # bytes of audio waiting, whatever its age: a burst of more than a minute
MOST_CONTROL = 1000  # control messages waiting; beyond it the peer is given up

DROPPED = Counter("flowengine_dropped_frames", "Pieces of audio a slow peer did not take in time")


@dataclass(slots=True, eq=False)
class _Waiting:
    message: str | bytes
    droppable: bool
    since: float  # loop time


class Backlog:
    """Audio is dropped by age: what the peer has not taken within 2 s is late. So a burst is never dropped while the
    peer reads, and a source in real time never has more than 2 s waiting.
    """

    __slots__ = ("_bytes", "_control", "_loop", "_waiting", "dropped")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0  # of audio
        self._control = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: str | bytes, droppable: bool) -> bool:
        """False when the peer owes us an answer to too much: it is to be given up."""
        self._waiting.append(_Waiting(message, droppable, self._loop.time()))
        if droppable:
            self._bytes += len(message)
        else:
            self._control += 1
        self._shed()
        return self._control <= MOST_CONTROL

    def take(self) -> str | bytes | None:
        """The oldest message that is not late; None when nothing waits."""
        self._shed()
        if not self._waiting:
            return None
        waiting = self._waiting.popleft()
        if waiting.droppable:
            self._bytes -= len(waiting.message)
        else:
            self._control -= 1
        return waiting.message

    def clear(self) -> None:
        self._waiting.clear()
        self._bytes = self._control = 0

    def _shed(self) -> None:
        """Drops audio that is late or too much, oldest first; control messages stay."""
        late = self._loop.time() - PATIENCE
        while self._bytes:
            oldest = next(each for each in self._waiting if each.droppable)
            if oldest.since > late and self._bytes <= MOST_WAITING:
                return
            self._waiting.remove(oldest)
            self._bytes -= len(oldest.message)
            self.dropped += 1
            DROPPED.inc()
