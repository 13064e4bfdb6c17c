"""No connection is held by who asks for nothing: each takes a file handle that a call may need (reliability.md F40)."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

ASKS_WITHIN = 10.0  # seconds at least from a connection, or from an answer, to the end of the next request's head


class ImpatientProtocol(H11Protocol):
    """uvicorn closes a connection on which nothing follows an answer, but waits for ever for the first request, and for
    one that has begun.
    """

    _seen: RequestResponseCycle | None = None  # the request that was answered when we last looked

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._look_later()

    def _look_later(self) -> None:
        self.loop.call_later(ASKS_WITHIN, self._look)

    def _look(self) -> None:
        """Until it is over, or a WebSocket: that has another protocol."""
        if self not in self.connections:
            return
        if self.cycle is None or self.cycle is self._seen:
            self.transport.close()
        else:
            self._seen = self.cycle if self.cycle.response_complete else None
            self._look_later()
