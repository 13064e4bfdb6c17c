"""Lets uvicorn answer an upgrade and picows carry the frames: one port, one set of routes, one door.

`picows.picows.WSProtocol` is not documented API. Nothing else knows it, and pyproject.toml holds the versions it was
tried with.
"""

from __future__ import annotations

import asyncio
from typing import Any

from picows import WSAutoPingStrategy
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # not in its stubs
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from flowengine.runtime.fast_sockets import LONGEST_COPIED, READ_BUFFER, FastSocket
from flowengine.runtime.wires import SILENT

EXTENSION = "flowengine.take_over"
_REQUEST = (
    "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n"
)
RESTARTS = 1012


class UpgradeProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own protocol up to the answer: it has read and judged the request, and the app decides. An app that
    takes the connection over gets a `FastSocket`; one that accepts it in the usual way notices nothing.
    """

    _taken: FastSocket | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][EXTENSION] = {"take": self.take}
            self.read_paused = True  # until the app has received; what comes early waits for whoever will read it
            self.transport.pause_reading()

    def take(self) -> FastSocket:
        """Answers 101 through picows, which has the connection from now on. Raises `WebSocketDisconnect`."""
        if self.transport.is_closing():
            raise WebSocketDisconnect(1006)
        self.handshake_complete = True
        self._taken = socket = FastSocket(self.config.ws_max_size, LONGEST_COPIED)
        protocol = _protocol(socket, self.config.ws_max_size)
        protocol.connection_made(self.transport)
        _feed(protocol, _REQUEST.format(self.request.headers["Sec-WebSocket-Key"]).encode())
        self.transport.set_protocol(protocol)
        socket.over.add_done_callback(lambda _: self.connections.discard(self))
        return socket

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.scope["extensions"].pop(EXTENSION, None)  # or each connection would wait for a full collection

    def shutdown(self) -> None:
        """The server stops: as with uvicorn's own sockets, the peer is told so."""
        if self._taken is None:
            super().shutdown()
        else:
            self._taken.end(RESTARTS)


def taken_over(websocket: WebSocket) -> FastSocket | None:
    """None where the server is not ours: then it is to be accepted."""
    extension = websocket.scope.get("extensions", {}).get(EXTENSION)
    return extension["take"]() if extension else None


def _protocol(socket: FastSocket, max_size: int) -> Any:
    """As `picows.ws_create_server` makes one (2.3)."""
    return WSProtocol(
        None,  # host and port
        None,  # path
        False,  # is_client_side
        lambda request: socket,
        SILENT,
        True,  # disconnect_on_exception
        None,  # websocket_handshake_timeout: the request is here
        False,  # enable_auto_ping
        20,  # auto_ping_idle_timeout
        20,  # auto_ping_reply_timeout
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # enable_auto_pong: the socket answers, as long as its answers are read
        max_size,
        None,  # extra_headers
        READ_BUFFER,
    )


def _feed(protocol: Any, data: bytes) -> None:
    protocol.get_buffer(len(data))[: len(data)] = data
    protocol.buffer_updated(len(data))
