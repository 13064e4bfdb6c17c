"""The plain side of the media seam: uvicorn's own WebSockets and the websockets client, behind one outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as WebSocketConnect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from flowengine.runtime.backlog import PATIENCE, Backlog
from flowengine.runtime.wires import SILENT, ConnectFailed, tls_of

NORMAL, FAILED = 1000, 1011

# How the libraries say that the peer is gone.
_BROKEN = (OSError, TimeoutError, RuntimeError, WebSocketDisconnect, WebSocketException)


class _Wire(Protocol):
    """What a library must offer: three coroutines, raising one of `_BROKEN` when the peer is gone."""

    @property
    def close_code(self) -> int | None: ...

    async def receive(self) -> str | bytes | None:
        """The next message; None when the socket is over."""

    async def send(self, message: str | bytes) -> None: ...

    async def close(self, code: int) -> None: ...


class PlainSocket:
    """`wires.MediaSocket` over a wire: a reader, a writer, and a backlog between `send` and the writer."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._backlog = Backlog()
        self._wake = asyncio.Event()
        self._hanging_up = asyncio.Lock()
        self._finished = False
        self._closing: int | None = None
        self._writer: asyncio.Task[None] | None = None

    @property
    def dropped(self) -> int:
        return self._backlog.dropped

    @property
    def close_code(self) -> int | None:
        return self._wire.close_code

    def send(self, message: str | bytes, *, droppable: bool = False) -> None:
        if self._closing is not None or self._finished:
            return
        if not self._backlog.add(message, droppable):
            self._give_up()
        self._wake.set()

    async def run(self, on_message: Callable[[str | bytes], None]) -> None:
        if self._closing is not None:  # closed before it ran
            await self.close()
            return
        reader = asyncio.create_task(self._read(on_message))
        self._writer = writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            writer.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            await self._hang_up()
        for task in (reader, writer):
            if not task.cancelled() and (mistake := task.exception()):
                raise mistake

    async def close(self, code: int = NORMAL) -> None:
        """Sends what waits, at most 2 s long, then closes. Safe to repeat."""
        if self._closing is None:
            self._closing = code
        self._wake.set()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await asyncio.wait({self._writer}, timeout=PATIENCE)
        self._writer.cancel()
        await self._hang_up()

    async def _read(self, on_message: Callable[[str | bytes], None]) -> None:
        while True:
            try:
                message = await self._wire.receive()
            except _BROKEN:
                return
            if message is None:
                return
            on_message(message)

    async def _write(self) -> None:
        while (message := await self._next()) is not None:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._wire.send(message)
            except _BROKEN:
                self._give_up()
                return

    async def _next(self) -> str | bytes | None:
        """Waits for a message; None when there is none and none will come."""
        while (message := self._backlog.take()) is None and self._closing is None:
            self._wake.clear()
            await self._wake.wait()
        return message

    def _give_up(self) -> None:
        self._backlog.clear()
        if self._closing is None:
            self._closing = FAILED

    async def _hang_up(self) -> None:
        async with self._hanging_up:
            if self._finished:
                return
            self._finished = True
            with suppress(*_BROKEN):  # it may be gone already
                async with asyncio.timeout(PATIENCE):
                    await self._wire.close(NORMAL if self._closing is None else self._closing)


# ---- the two libraries -----------------------------------------------------------------------------------------------


class _ServerWire:
    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.close_code: int | None = None

    async def receive(self) -> str | bytes | None:
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            self.close_code = message.get("code", 1005)
            return None
        text: str | None = message.get("text")
        return text if text is not None else message.get("bytes", b"")

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._websocket.send_text(message)
        else:
            await self._websocket.send_bytes(message)

    async def close(self, code: int) -> None:
        if self.close_code is None:
            await self._websocket.close(code)


class _ClientWire:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @property
    def close_code(self) -> int | None:
        return self._connection.close_code

    async def receive(self) -> str | bytes | None:
        try:
            return await self._connection.recv()
        except ConnectionClosed:
            return None

    async def send(self, message: str | bytes) -> None:
        await self._connection.send(message)

    async def close(self, code: int) -> None:
        await self._connection.close(code)


class ServerSocket(PlainSocket):
    """A socket somebody opened to us: an accepted Starlette WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__(_ServerWire(websocket))


class ClientSocket(PlainSocket):
    """A socket we opened to somebody."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__(_ClientWire(connection))


class _Straight(WebSocketConnect):
    """Goes where it is told and nowhere else: what is in the headers is for nobody else."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


async def connect(url: str, headers: Mapping[str, str], open_timeout: float, max_size: int) -> ClientSocket:
    try:
        connection = await _Straight(
            url,
            additional_headers=headers,
            proxy=None,  # the library would read proxies from the environment
            compression=None,  # audio does not compress, and it costs memory and time a frame
            max_size=max_size,
            open_timeout=open_timeout,
            close_timeout=PATIENCE,
            ping_interval=None,  # silence is found out by the watchers of the call, in call time
            ssl=tls_of(url),
            logger=SILENT,
        )
    except InvalidStatus as refusal:
        raise ConnectFailed("refused", refusal.response.status_code) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise ConnectFailed(type(error).__name__) from None
    return ClientSocket(connection)
