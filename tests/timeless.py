"""In paced time the work of SQLite's own threads costs no call time: a slow disk makes a test longer, not different."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from aiosqlite import Connection

from flowengine.sandbox.clock import PacedLoop


def a_database_costs_no_call_time() -> None:
    """From now on, in this process."""
    for name in ("_connect", "_execute", "close"):
        setattr(Connection, name, _standing(getattr(Connection, name)))


def _standing(works: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(works)
    async def timeless(*given: Any, **named: Any) -> Any:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, PacedLoop):
            return await works(*given, **named)
        with loop.standing():
            return await works(*given, **named)

    return timeless
