"""The two plain sockets keep the contract, and the outbox keeps its bounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from flowengine.runtime.sockets import ClientSocket, ConnectFailed, PlainSocket, ServerSocket, connect
from tests.contract import MediaSocketContract, Pair


class AsgiPeer:
    """The other end of a Starlette WebSocket, without a network."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[Message] = asyncio.Queue()
        self.from_server: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = False
        self.to_server.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> Message:
        return await self.to_server.get()

    async def send(self, message: Message) -> None:
        if self.gone:
            raise OSError("gone")
        if message["type"] == "websocket.close":
            self.code.set_result(message["code"])
            return
        await self.reads.wait()
        if message["type"] == "websocket.send":
            text: str | None = message.get("text")
            self.from_server.put_nowait(text if text is not None else message["bytes"])

    async def say(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        self.to_server.put_nowait({"type": "websocket.receive", kind: message})

    async def hear(self) -> str | bytes:
        return await self.from_server.get()

    async def closed(self) -> int:
        return await self.code

    def stall(self) -> None:
        self.reads.clear()

    def resume(self) -> None:
        self.reads.set()

    async def leave(self, code: int = 1000) -> None:
        self.to_server.put_nowait({"type": "websocket.disconnect", "code": code})

    async def vanish(self) -> None:
        self.gone = True
        await self.leave(1006)


class TestServerSocket(MediaSocketContract):
    def open(self) -> AbstractAsyncContextManager[Pair]:
        return server_pair()


@asynccontextmanager
async def server_pair(peer: AsgiPeer | None = None) -> AsyncIterator[tuple[ServerSocket, AsgiPeer]]:
    peer = peer or AsgiPeer()
    websocket = WebSocket({"type": "websocket", "headers": [], "path": "/"}, peer.receive, peer.send)
    await websocket.accept()
    yield ServerSocket(websocket), peer


class SocketPeer:
    """The other end of a client's connection: a server on loopback."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection

    async def say(self, message: str | bytes) -> None:
        await self.connection.send(message)

    async def hear(self) -> str | bytes:
        return await self.connection.recv()

    async def closed(self) -> int:
        with suppress(ConnectionClosed):
            while True:
                await self.connection.recv()
        assert self.connection.close_code is not None
        return self.connection.close_code

    def stall(self) -> None:
        self.connection.transport.pause_reading()

    def resume(self) -> None:
        self.connection.transport.resume_reading()

    async def leave(self, code: int = 1000) -> None:
        await self.connection.close(code)

    async def vanish(self) -> None:
        self.connection.transport.abort()


class TestClientSocket(MediaSocketContract):
    def open(self) -> AbstractAsyncContextManager[Pair]:
        return client_pair()


@asynccontextmanager
async def client_pair() -> AsyncIterator[tuple[ClientSocket, SocketPeer]]:
    arrived: asyncio.Future[SocketPeer] = asyncio.get_running_loop().create_future()

    async def meet(connection: ServerConnection) -> None:
        arrived.set_result(SocketPeer(connection))
        await connection.wait_closed()

    async with serve(meet, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.5) as server:
        port = server.sockets[0].getsockname()[1]
        socket = await connect(f"ws://127.0.0.1:{port}/v1", {"Authorization": "key"})
        peer = await arrived
        request = peer.connection.request
        assert request is not None
        assert request.headers["Authorization"] == "key"
        assert "Sec-WebSocket-Extensions" not in request.headers
        yield socket, peer
        await socket.close()
        peer.connection.transport.abort()


class SlowPeer(AsgiPeer):
    """Takes one message each time it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = asyncio.Semaphore(1)  # the handshake

    async def send(self, message: Message) -> None:
        await self.takes.acquire()
        await super().send(message)


async def test_late_audio_is_dropped_and_counted_while_control_waits() -> None:
    """A peer that is slow, not dead, hears everything in the end that is not older than two seconds."""
    async with server_pair(peer := SlowPeer()) as (socket, _):
        running = asyncio.create_task(socket.run(lambda message: None))
        for count in range(250):  # 5 s in real time; the peer takes one message a second
            socket.send(f"audio {count}", droppable=True)
            if count % 50 == 0:
                socket.send(f"control {count}")
                peer.takes.release()
            await asyncio.sleep(0.02)
        assert waiting(socket) <= 101 + 5
        for _ in range(500):
            peer.takes.release()
        await asyncio.sleep(0.5)
        heard = [str(peer.from_server.get_nowait()) for _ in range(peer.from_server.qsize())]
        assert [each for each in heard if each.startswith("control")] == [f"control {n}" for n in range(0, 250, 50)]
        audio = [int(each.split()[1]) for each in heard if each.startswith("audio")]
        assert audio == sorted(audio)
        assert audio[-90:] == list(range(160, 250))
        assert socket.dropped == 250 - len(audio) > 100
        await socket.close()
        await running


def waiting(socket: PlainSocket) -> int:
    return len(socket._queue)


async def test_a_dead_peer_holds_a_bounded_amount_of_memory() -> None:
    async with server_pair() as (socket, peer):
        peer.stall()
        for _ in range(100):
            socket.send(b"\xff" * 65_536, droppable=True)
        assert waiting(socket) * 65_536 <= 2**20
        assert socket.dropped == 100 - waiting(socket)
        for _ in range(2000):
            socket.send("mark")
        assert waiting(socket) <= 1000
        await asyncio.wait_for(socket.run(lambda message: None), 5)
        assert await peer.closed() == 1011


async def test_the_peers_code_is_kept() -> None:
    async with client_pair() as (socket, peer):
        running = asyncio.create_task(socket.run(lambda message: None))
        await peer.leave(3007)
        await running
        assert socket.close_code == 3007
    async with server_pair() as (server, asgi):
        await asgi.leave(4400)
        await server.run(lambda message: None)
        assert server.close_code == 4400


async def test_a_refused_connection_has_its_status() -> None:
    over = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectFailed) as refused:
            await connect(f"ws://127.0.0.1:{port}/")
        assert refused.value.status == 429
        await over.wait()
    with pytest.raises(ConnectFailed) as nobody:
        await connect(f"ws://127.0.0.1:{port}/")
    assert nobody.value.status is None


async def test_a_server_that_never_answers_costs_two_seconds() -> None:
    over = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        over.set()

    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        began = loop.time()
        with pytest.raises(ConnectFailed):
            await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        assert 1.9 < loop.time() - began < 4
        await over.wait()


async def test_nothing_that_is_said_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with client_pair() as (socket, peer):
        running = asyncio.create_task(socket.run(lambda message: None))
        socket.send("my crown fell out")
        assert await peer.hear() == "my crown fell out"
        await socket.close()
        await running
    ours = [record for record in caplog.records if record.name == "websockets.client"]
    assert ours == []
