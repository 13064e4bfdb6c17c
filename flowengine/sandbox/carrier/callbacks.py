"""Status callbacks: told and forgotten, in order, late, twice or shuffled, as the run's behaviour has it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from flowengine.sandbox.carrier.behaviour import Behaviour
from flowengine.sandbox.carrier.webhooks import Form, Unreachable, Webhooks

__all__ = ["Callbacks"]

Warn = Callable[[int, str, str], None]  # code, call sid, text
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Callbacks:
    """Delivers callbacks. Those of one `key` (a leg, a conference) wait for each other only when they are in order."""

    def __init__(self, webhooks: Webhooks, behaviour: Behaviour, warn: Warn, spawn: Spawn, seed: int) -> None:
        self._webhooks, self._behaviour, self._warn, self._spawn = webhooks, behaviour, warn, spawn
        self._random = random.Random(f"callbacks {seed}")
        self._last: dict[str, asyncio.Task[None]] = {}

    def send(self, key: str, method: str, url: str, pairs: Form, call_sid: str) -> None:
        before = self._last.get(key)
        match self._behaviour.callbacks:
            case "in order":
                self._last[key] = self._spawn(self._deliver(method, url, pairs, call_sid, 0.0, before))
            case "late":
                late = self._behaviour.late_seconds
                self._last[key] = self._spawn(self._deliver(method, url, pairs, call_sid, late, before))
            case "twice":
                for delay in (0.0, 0.5):
                    self._spawn(self._deliver(method, url, pairs, call_sid, delay, None))
            case "shuffled":
                delay = self._random.uniform(0.0, self._behaviour.late_seconds)
                self._spawn(self._deliver(method, url, pairs, call_sid, delay, None))

    async def _deliver(
        self, method: str, url: str, pairs: Form, call_sid: str, delay: float, before: asyncio.Task[None] | None
    ) -> None:
        """Nothing happens to the call when this fails (twilio.md 1.5)."""
        await asyncio.sleep(delay)
        if before is not None and not before.done():
            await asyncio.wait([before])
        try:
            await self._webhooks.request(method, url, pairs)
        except Unreachable as trouble:
            self._warn(15003, call_sid, f"status callback: {trouble}")
