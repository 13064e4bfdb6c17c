"""The plain side of the media seam: one outbox over two WebSocket libraries, until the fast sockets come."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import Counter
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

PATIENCE = 2.0  # seconds a peer may take nothing, and audio may wait for it
MOST_WAITING = 2**20  # bytes of audio waiting, whatever its age: a burst of more than a minute
MOST_CONTROL = 1000  # control messages waiting; beyond it the peer is given up
NORMAL, FAILED = 1000, 1011

DROPPED = Counter("flowengine_dropped_frames", "Pieces of audio a slow peer did not take in time")

# How the libraries say that the peer is gone.
_BROKEN = (OSError, TimeoutError, RuntimeError, WebSocketDisconnect, WebSocketException)

# websockets logs whole frames at level debug, and frames hold what callers say. This logger is outside the tree, where
# no setting makes it speak.
_SILENT = logging.Logger("flowengine.sockets", logging.CRITICAL + 1)
_SILENT.addHandler(logging.NullHandler())


class ConnectFailed(Exception):
    """No WebSocket could be opened; `status` is the HTTP status of the refusal, None when nobody answered."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class _Wire(Protocol):
    """What a library must offer: three coroutines, raising one of `_BROKEN` when the peer is gone."""

    @property
    def close_code(self) -> int | None: ...

    @property
    def close_reason(self) -> str: ...

    async def receive(self) -> str | bytes | None:
        """The next message; None when the socket is over."""

    async def send(self, message: str | bytes) -> None: ...

    async def close(self, code: int) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiting:
    message: str | bytes
    droppable: bool
    since: float  # loop time


class PlainSocket:
    """`ports.MediaSocket` over a wire: a reader, a writer, and an outbox between `send` and the writer.

    Audio is dropped by age: what the peer has not taken within 2 s is late. So a burst is never dropped while the peer
    reads, and a source in real time never has more than 2 s waiting.
    """

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._hanging_up = asyncio.Lock()
        self._finished = False
        self._closing: int | None = None
        self._writer: asyncio.Task[None] | None = None
        self.dropped = 0

    @property
    def close_code(self) -> int | None:
        """The code the peer closed with; None while it has not."""
        return self._wire.close_code

    @property
    def close_reason(self) -> str:
        return self._wire.close_reason

    def send(self, message: str | bytes, *, droppable: bool = False) -> None:
        if self._closing is not None or self._finished:
            return
        self._queue.append(_Waiting(message, droppable, asyncio.get_running_loop().time()))
        self._bytes += len(message) if droppable else 0
        self._shed()
        if len(self._queue) > MOST_CONTROL and sum(not each.droppable for each in self._queue) > MOST_CONTROL:
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
        while await self._something_waits():
            waiting = self._queue.popleft()
            self._bytes -= len(waiting.message) if waiting.droppable else 0
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._wire.send(waiting.message)
            except _BROKEN:
                self._give_up()
                return

    async def _something_waits(self) -> bool:
        """Waits for a message; False when there is none and none will come."""
        while True:
            self._shed()
            if self._queue or self._closing is not None:
                return bool(self._queue)
            self._wake.clear()
            await self._wake.wait()

    def _shed(self) -> None:
        """Drops audio that is late or too much, oldest first; control messages stay."""
        late = asyncio.get_running_loop().time() - PATIENCE
        while self._queue:
            oldest = next((each for each in self._queue if each.droppable), None)
            if oldest is None or (oldest.since > late and self._bytes <= MOST_WAITING):
                return
            self._queue.remove(oldest)
            self._bytes -= len(oldest.message)
            self.dropped += 1
            DROPPED.inc()

    def _give_up(self) -> None:
        self._queue.clear()
        self._bytes = 0
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
        self.close_reason = ""

    async def receive(self) -> str | bytes | None:
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            self.close_code, self.close_reason = message.get("code", 1005), message.get("reason") or ""
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

    @property
    def close_reason(self) -> str:
        return self._connection.close_reason or ""

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


async def connect(
    url: str, headers: Mapping[str, str] | None = None, *, open_timeout: float = PATIENCE, max_size: int = 2**20
) -> ClientSocket:
    """Opens a ws:// or wss:// address; raises `ConnectFailed`. `max_size` is the largest message in bytes."""
    try:
        connection = await websocket_connect(
            url,
            additional_headers=dict(headers or {}),
            proxy=None,  # the library would read proxies from the environment
            compression=None,  # audio does not compress, and it costs memory and time a frame
            max_size=max_size,
            open_timeout=open_timeout,
            close_timeout=PATIENCE,
            ping_interval=None,  # silence is found out by the watchers of the call, in call time
            logger=_SILENT,
        )
    except InvalidStatus as refusal:
        raise ConnectFailed("refused", refusal.response.status_code) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise ConnectFailed(type(error).__name__) from None
    return ClientSocket(connection)
