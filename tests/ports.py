"""A port for a server of a test, which nothing else on this machine is given meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """On 127.0.0.1, for a server that lets addresses be used again, as asyncio, uvicorn and Node do. Whoever asks the
    system for any free port gets another one as long as this lasts."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))  # and never listens
        port: int = held.getsockname()[1]
        yield port
