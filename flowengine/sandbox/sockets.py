"""WebSockets for the emulators, on the Sans-I/O half of `websockets`: a message costs one call in and one write out.

At 50 messages a second and stream, the tasks and queues of its other half would be most of what a call costs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event, State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

__all__ = ["Server", "Socket", "connect", "serve"]

_MOST_UNSENT = 2**21  # bytes; minutes of speech
_CLOSE_SECONDS = 2.0  # for the peer's part of a farewell
_BROKEN, _NOT_TEXT = 1006, 1007

Message = str | bytes


class Socket(asyncio.Protocol):
    """One connection, from either end. A peer who does not read is cut off."""

    def __init__(self, protocol: ClientProtocol | ServerProtocol, asked: Callable[[Socket, Request], None]) -> None:
        self.request: Request | None = None
        self.closing = False  # by us
        self._protocol, self._asked = protocol, asked
        self._loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[None] = self._loop.create_future()  # or over without an answer
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._early: list[Message] = []
        self._take: Callable[[Message], None] = self._early.append
        self._gone: Callable[[], None] = lambda: None
        self._pieces: list[Frame] = []
        self._farewell: asyncio.TimerHandle | None = None

    @property
    def close_code(self) -> int:
        """What the peer closed with: 1005 without a code, 1006 without a word."""
        return self._protocol.close_code or _BROKEN

    @property
    def closed_well(self) -> bool:
        """With a code that is no complaint, or with none."""
        return self.close_code in (1000, 1001, 1005)

    @property
    def unsent(self) -> int:
        """Bytes the peer has not taken yet."""
        return self._transport.get_write_buffer_size()

    def listen(self, take: Callable[[Message], None], gone: Callable[[], None]) -> None:
        """`take` gets each message until the end or our own `close`, `gone` is called once, when it is over."""
        self._take, self._gone = take, gone
        for message in self._early:
            take(message)
        if self.over.done():
            gone()

    def send(self, message: Message | Mapping[str, Any]) -> None:
        """At once; a mapping as JSON. Nothing when the connection is closing."""
        if self.closing or self._protocol.state is not State.OPEN:
            return
        if isinstance(message, bytes):
            self._protocol.send_binary(message)
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            self._protocol.send_text(text.encode())
        self.flush()
        if self.unsent > _MOST_UNSENT:
            self.cut()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """After all that was sent; a reason has room for 123 bytes (RFC 6455). Safe to repeat; `over` follows."""
        if not self.closing and self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason.encode()[:120].decode(errors="ignore"))
            self.flush()
        if self._farewell is None and not self.over.done():  # one that never finished its upgrade hears no farewell
            self._farewell = self._loop.call_later(_CLOSE_SECONDS, self._transport.abort)
        self.closing = True

    def cut(self) -> None:
        """Without a word."""
        self.closing = True
        self._transport.abort()

    async def finished(self) -> None:
        """Until it is over. A peer that does not answer a close is left after a while."""
        await asyncio.wait({self.over})

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self.flush()
        for event in self._protocol.events_received():
            self._happened(event)

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self.flush()

    def connection_lost(self, lost: Exception | None) -> None:
        self._protocol.receive_eof()
        if self._farewell is not None:
            self._farewell.cancel()
        for future in (self.answered, self.over):
            if not future.done():
                future.set_result(None)
        self._gone()

    # ---- what came

    def _happened(self, event: Event) -> None:
        match event:
            case Request():
                self.request = event
                self._asked(self, event)
            case Response():
                self.answered.set_result(None)
            case Frame() if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT) and not self.closing:
                self._pieces.append(event)
                if event.fin:
                    pieces, self._pieces = self._pieces, []
                    self._heard(b"".join(piece.data for piece in pieces), pieces[0].opcode is Opcode.TEXT)

    def _heard(self, data: bytes, is_text: bool) -> None:
        try:
            message = data.decode() if is_text else data
        except UnicodeDecodeError:
            self._protocol.fail(_NOT_TEXT, "invalid text")
            self.flush()
        else:
            self._take(message)

    def flush(self) -> None:
        """Write what the protocol has to say."""
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._farewell is None and self._protocol.close_expected():
            self._farewell = self._loop.call_later(_CLOSE_SECONDS, self._transport.abort)


class Server:
    """Listens on one port; `sockets` are those that are open."""

    def __init__(self, listening: asyncio.Server, sockets: set[Socket]) -> None:
        self._listening, self._sockets = listening, sockets
        self.port: int = listening.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes everything (1001)."""
        self._listening.close()
        sockets = list(self._sockets)
        for socket in sockets:
            socket.close(1001)
        for socket in sockets:
            await socket.finished()
        await self._listening.wait_closed()


async def serve(
    refuses: Callable[[Request], Response | None], connected: Callable[[Socket], None], host: str, port: int, size: int
) -> Server:
    """Answers upgrades: with what `refuses` gives, else with 101 if the request is a good one; then `connected` gets
    the socket. `size`: of the longest message, in bytes.
    """
    open_sockets: set[Socket] = set()

    def made() -> Socket:
        protocol = ServerProtocol(max_size=size)

        def asked(socket: Socket, request: Request) -> None:
            response = refuses(request) or protocol.accept(request)
            protocol.send_response(response)
            socket.flush()
            if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                connected(socket)

        socket = Socket(protocol, asked)
        open_sockets.add(socket)
        socket.over.add_done_callback(lambda _: open_sockets.discard(socket))
        return socket

    return Server(await asyncio.get_running_loop().create_server(made, host, port), open_sockets)


async def connect(url: str, address: tuple[str, int], headers: Mapping[str, str], *, pongs: bool = True) -> Socket:
    """Asks for the upgrade at `address`, whatever host the `url` names; whoever calls says how long it may take. Raises
    OSError and `InvalidHandshake`.
    """
    protocol = ClientProtocol(parse_uri(url))
    if not pongs:
        send = protocol.send_frame
        protocol.send_frame = lambda frame: None if frame.opcode is Opcode.PONG else send(frame)  # type: ignore[method-assign]
    socket = Socket(protocol, _unasked)
    await asyncio.get_running_loop().create_connection(lambda: socket, *address)
    try:
        socket.request = protocol.connect()
        socket.request.headers.update(headers)
        protocol.send_request(socket.request)
        socket.flush()
        await asyncio.wait({socket.answered})
        if protocol.handshake_exc is not None:
            raise protocol.handshake_exc
    except BaseException:
        socket.cut()
        raise
    return socket


def _unasked(socket: Socket, request: Request) -> None:
    """A client is asked for nothing."""
