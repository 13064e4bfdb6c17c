"""What both kinds of sockets are to the frame path, and what they give their library: a log that says nothing, and one
set of certificates."""

from __future__ import annotations

import functools
import logging
import ssl
from collections.abc import Callable
from typing import Protocol


class ConnectFailed(Exception):
    """No WebSocket could be opened; `status` is the HTTP status of the refusal, None when nobody answered."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class MediaSocket(Protocol):
    """The seam between the frame path and a WebSocket library: callbacks in, sends that never wait.

    `send` queues at most 2 s of audio (`droppable`) towards a peer that does not read; beyond that the oldest audio is
    dropped and counted. Control messages are never dropped; a peer that takes nothing for 2 s is closed.
    """

    @property
    def dropped(self) -> int: ...

    @property
    def close_code(self) -> int | None:
        """The code the peer closed with; None while it has not."""

    def send(self, message: str | bytes, *, droppable: bool = False) -> None: ...

    async def run(self, on_message: Callable[[str | bytes], None]) -> None:
        """Calls `on_message` for each message until the socket is over; never raises for a broken peer."""

    async def close(self, code: int = 1000) -> None: ...


# The libraries log whole frames at level debug, and frames hold what callers say. This logger is outside the tree,
# where no setting makes it speak.
SILENT = logging.Logger("flowengine.sockets", logging.CRITICAL + 1)
SILENT.addHandler(logging.NullHandler())


def tls_of(url: str) -> ssl.SSLContext | None:
    """Who is trusted behind a wss:// address; None for ws://."""
    return _trusted() if url.lower().startswith("wss:") else None


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Reading the system's certificates takes 20 ms, in which no frame moves, and half a megabyte: once is enough."""
    return ssl.create_default_context()
