"""Serving for real: uvicorn that lets running calls end before it stops (reliability.md, finding 1)."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType

import uvicorn

from flowengine.runtime.live import LiveCalls

DRAIN_SECONDS = 120.0


class DrainingServer(uvicorn.Server):
    """The first SIGTERM stops new calls and waits for the running ones; the second stops now.

    Stock uvicorn closes every WebSocket with 1012 at once, which cuts each caller off.
    """

    def __init__(self, config: uvicorn.Config, calls: LiveCalls) -> None:
        super().__init__(config)
        self._calls = calls
        self._drain: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._calls.draining or (sig == signal.SIGINT and not self._calls.sessions):
            super().handle_exit(sig, frame)
            return
        self._calls.draining = True
        asyncio.get_running_loop().call_soon_threadsafe(self._start_draining, sig)

    def _start_draining(self, sig: int) -> None:
        self._drain = asyncio.get_running_loop().create_task(self._until_calls_end(sig))

    async def _until_calls_end(self, sig: int) -> None:
        await self._calls.ended(DRAIN_SECONDS)
        super().handle_exit(sig, None)
