"""Time of the sandbox passes only while everybody waits: a slow machine makes a run longer, never different."""

from __future__ import annotations

import asyncio
import signal
import time

from flowengine.sandbox.clock import LONGEST_WAIT, PacedLoop

SPEED = 50


def test_a_machine_that_stands_still_costs_hardly_any_call_time() -> None:
    async def held_up() -> float:
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()

        def stand(*_: object) -> None:
            time.sleep(0.5)
            loop.call_soon_threadsafe(woken.set)

        before = signal.signal(signal.SIGALRM, stand)
        try:
            began = loop.time()
            signal.setitimer(signal.ITIMER_REAL, LONGEST_WAIT / 2)
            await asyncio.wait_for(woken.wait(), 1000)
            return loop.time() - began
        finally:
            signal.signal(signal.SIGALRM, before)

    with asyncio.Runner(loop_factory=lambda: PacedLoop(SPEED)) as runner:
        assert runner.run(held_up()) <= 2 * LONGEST_WAIT * SPEED


def test_a_thread_that_works_for_the_loop_costs_no_call_time() -> None:
    async def read() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.to_thread(time.sleep, 0.5)
        return loop.time() - began

    with asyncio.Runner(loop_factory=lambda: PacedLoop(SPEED)) as runner:
        assert runner.run(read()) < 0.5 * SPEED / 2
