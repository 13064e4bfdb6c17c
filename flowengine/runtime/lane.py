"""A lane: jobs done one after another beside the session, each under a timeout, the queue bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger("flowengine.lane")

Job = Callable[[], Awaitable[None]]
MOST_JOBS = 256
JOB_SECONDS = 30.0
PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between tries of what must not be lost


class Lane:
    """One outbox of one call: a slow REST call here cannot delay a hang-up there."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: asyncio.Queue[Job] = asyncio.Queue(MOST_JOBS)
        self._worker: asyncio.Task[None] | None = None

    def put(self, job: Job) -> None:
        """Never waits; a lane this full has a broken world behind it, and the job is dropped and said so."""
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull:
            log.error("lane_full", lane=self._name)
            return
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while not self._jobs.empty():
            job = self._jobs.get_nowait()
            try:
                async with asyncio.timeout(JOB_SECONDS):
                    await job()
            except Exception as mistake:  # an adapter must not raise; if it does, the call goes on
                log.error("job_failed", lane=self._name, error=type(mistake).__name__)

    async def close(self) -> None:
        """Waits for what is queued, at most the time of one job."""
        if self._worker is not None:
            await asyncio.wait([self._worker], timeout=JOB_SECONDS)
            self._worker.cancel()


async def again_and_again(what: str, keep: Callable[[], Awaitable[object]]) -> None:
    """Tries until it is kept; the last failure is the caller's. What is tried must be harmless when done twice."""
    for pause in PAUSES:
        try:
            await keep()
            return
        except Exception as mistake:
            log.warning("not_kept_yet", what=what, error=type(mistake).__name__)
        await asyncio.sleep(pause)
    await keep()
