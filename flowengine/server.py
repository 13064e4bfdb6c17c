"""Serving for real: uvicorn that lets running calls end before it stops (reliability.md, finding 1)."""

from __future__ import annotations

import asyncio
import gc
import socket
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from flowengine.runtime.impatience import ImpatientProtocol
from flowengine.runtime.live import LiveCalls
from flowengine.runtime.mistakes import told_by_loop
from flowengine.runtime.sockets import upgrades
from flowengine.runtime.watchdog import watched

DRAIN_SECONDS = 120.0
LARGEST_MESSAGE = 2**17  # bytes of a WebSocket's message; a carrier's stream refuses half of that by itself
RARELY = 200  # collections of the middle generation between two full walks through memory; 10 is usual


def settle_memory() -> None:
    """What has been loaded by now stays, and the collector walks through everything else twenty times more rarely: a
    walk holds audio up for a tenth of a second (benchmarks/bench_viewers.py), and calls leave few cycles behind."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, RARELY)


def configured(app: Starlette, *, log_level: str = "warning", host: str = "127.0.0.1", port: int = 0) -> uvicorn.Config:
    """How the engine is served, in the sandbox as for real: no compression, no pings of ours, no addresses in a log."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level=log_level,
        lifespan="on",
        access_log=False,
        http=ImpatientProtocol,
        ws=upgrades(),
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        timeout_graceful_shutdown=2,  # seconds for pages that are still open
    )


class DrainingServer(uvicorn.Server):
    """The first SIGTERM stops new calls and waits for the running ones; the second stops now. Calls that still run then
    are handed over, as long as somebody answers who asks for them (reliability.md F5, F6); a third waits for nothing.

    Stock uvicorn closes every WebSocket with 1012 at once, which cuts each caller off.
    """

    def __init__(self, config: uvicorn.Config, calls: LiveCalls) -> None:
        super().__init__(config)
        self._calls = calls
        self._drain: asyncio.Task[None] | None = None
        self._now = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._calls.leaving:
            super().handle_exit(sig, frame)
        elif self._calls.draining:
            self._loop.call_soon_threadsafe(self._now.set)
        else:
            self._calls.draining = True
            self._loop.call_soon_threadsafe(self._start_draining)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(told_by_loop)
        with watched(self._loop):
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settle_memory()

    def _start_draining(self) -> None:
        self._drain = self._loop.create_task(self._until_calls_end())

    async def _until_calls_end(self) -> None:
        ended, now = (asyncio.ensure_future(wait) for wait in (self._calls.ended(DRAIN_SECONDS), self._now.wait()))
        await asyncio.wait([ended, now], return_when=asyncio.FIRST_COMPLETED)
        for wait in (ended, now):
            wait.cancel()
        try:
            await self._calls.hand_over()
        finally:
            self.should_exit = True
