"""What an emulated service has to send to one client: in order, bounded, never waiting for one that does not read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

__all__ = ["Outbox"]

_MOST = 5000  # messages not yet taken; a burst of minutes of speech
_TIMEOUT = 2.0  # seconds for one message


class Outbox:
    """Sends JSON from a queue. Once `closing`, nothing more is taken."""

    def __init__(self, socket: ServerConnection) -> None:
        self.closing = False
        self._socket = socket
        self._queue: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue(_MOST)
        self._task = asyncio.create_task(self._run())

    def send(self, event: dict[str, Any]) -> None:
        """Queue a message. A client that has not read the last thousands is cut off."""
        self._put(json.dumps(event))

    def close(self, code: int, reason: str) -> None:
        """Close after all that is queued; a reason has room for 123 bytes (RFC 6455)."""
        self._put((code, reason.encode()[:120].decode(errors="ignore")))
        self.closing = True

    def cut(self) -> None:
        """Cut the connection without a closing handshake."""
        self.closing = True
        self._task.cancel()
        self._socket.transport.abort()

    async def finish(self) -> None:
        """Wait until what is queued before a close is out; otherwise stop."""
        if not self.closing:
            self._task.cancel()
        await asyncio.wait({self._task}, timeout=2 * _TIMEOUT)
        self._task.cancel()

    def _put(self, item: str | tuple[int, str]) -> None:
        if self.closing:
            return
        if self._queue.full():
            self.cut()
        else:
            self._queue.put_nowait(item)

    async def _run(self) -> None:
        try:
            while isinstance(item := await self._queue.get(), str):
                async with asyncio.timeout(_TIMEOUT):
                    await self._socket.send(item)
            await self._socket.close(*item)
        except (ConnectionClosed, TimeoutError):
            self._socket.transport.abort()
