"""Sockets of both kinds, served and opened, keep one contract; the backlog keeps its bounds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket as sockets_of_the_system
import ssl
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from flowengine.runtime import fast_sockets, plain_sockets, sockets, wires
from flowengine.runtime.fast_sockets import FastSocket
from flowengine.runtime.plain_sockets import PlainSocket, ServerSocket
from flowengine.runtime.sockets import accept
from flowengine.runtime.upgrade import UpgradeProtocol
from flowengine.runtime.wires import ConnectFailed, MediaSocket
from flowengine.server import configured
from tests.certificates import self_signed
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
    """The other end of a connection on loopback."""

    def __init__(self, connection: ServerConnection | ClientConnection) -> None:
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


Opens = Callable[[str, Mapping[str, str], float, int], Awaitable[MediaSocket]]
OPENS: dict[str, Opens] = {"plain": plain_sockets.connect, "fast": fast_sockets.connect}
LARGEST = 2**20


class TestOpenedPlainSocket(MediaSocketContract):
    def open(self) -> AbstractAsyncContextManager[Pair]:
        return client_pair("plain")


class TestOpenedFastSocket(MediaSocketContract):
    def open(self) -> AbstractAsyncContextManager[Pair]:
        return client_pair("fast")


@asynccontextmanager
async def client_pair(kind: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[MediaSocket, SocketPeer]]:
    arrived: asyncio.Future[SocketPeer] = asyncio.get_running_loop().create_future()

    async def meet(connection: ServerConnection) -> None:
        arrived.set_result(SocketPeer(connection))
        await connection.wait_closed()

    async with serve(meet, "127.0.0.1", 0, ssl=tls, ping_interval=None, close_timeout=0.5) as server:
        address = f"{'wss' if tls else 'ws'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        socket = await OPENS[kind](address, {"Authorization": "key"}, 2.0, LARGEST)
        peer = await arrived
        request = peer.connection.request
        assert request is not None
        assert request.headers["Authorization"] == "key"
        assert "Sec-WebSocket-Extensions" not in request.headers
        yield socket, peer
        await socket.close()
        peer.connection.transport.abort()


class TestOpenedPlainSocketWithTls(MediaSocketContract):
    @pytest.fixture(autouse=True)
    def trusted(self, tls: ssl.SSLContext) -> None:
        self.tls = tls

    def open(self) -> AbstractAsyncContextManager[Pair]:
        return client_pair("plain", self.tls)


class TestOpenedFastSocketWithTls(MediaSocketContract):
    @pytest.fixture(autouse=True)
    def trusted(self, tls: ssl.SSLContext) -> None:
        self.tls = tls

    def open(self) -> AbstractAsyncContextManager[Pair]:
        return client_pair("fast", self.tls)


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's certificate that is trusted here as if the system's list held it."""
    context = self_signed(tmp_path / "server.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    wires._trusted.cache_clear()
    yield context
    wires._trusted.cache_clear()


async def test_a_certificate_nobody_trusts_is_no_connection(kind: str, tls: ssl.SSLContext) -> None:
    os.environ["SSL_CERT_FILE"] = os.devnull
    with pytest.raises(ConnectFailed):
        async with client_pair(kind, tls):
            pass


class TestServedPlainSocket(MediaSocketContract):
    def open(self) -> AbstractAsyncContextManager[Pair]:
        return served_pair("plain")


class TestServedFastSocket(MediaSocketContract):
    def open(self) -> AbstractAsyncContextManager[Pair]:
        return served_pair("fast")


@asynccontextmanager
async def served(kind: str, app: Starlette) -> AsyncIterator[tuple[uvicorn.Server, str]]:
    """An app under uvicorn, with the way of upgrading of this kind; the address of its sockets."""
    ways: dict[str, Any] = {"plain": "websockets-sansio", "fast": UpgradeProtocol}
    with sockets_of_the_system.create_server(("127.0.0.1", 0)) as listener:
        config = configured(app, log_level="critical")
        config.ws, config.ws_max_size = ways[kind], LARGEST
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:  # noqa: ASYNC110  # nobody announces it
            await asyncio.sleep(0.01)
        try:
            yield server, f"ws://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def served_pair(kind: str) -> AsyncIterator[tuple[MediaSocket, SocketPeer]]:
    arrived: asyncio.Future[MediaSocket] = asyncio.get_running_loop().create_future()
    enough = asyncio.Event()

    async def endpoint(websocket: WebSocket) -> None:
        socket = await accept(websocket)
        assert isinstance(socket, FastSocket) is (kind == "fast")
        arrived.set_result(socket)
        await enough.wait()

    async with served(kind, Starlette(routes=[WebSocketRoute("/media", endpoint)])) as (_, address):
        connection = await websocket_connect(f"{address}/media", ping_interval=None, close_timeout=0.5)
        socket = await arrived
        yield socket, SocketPeer(connection)
        await socket.close()
        connection.transport.abort()
        enough.set()


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
    return len(socket._backlog)


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
        await asyncio.wait_for(socket.run(lambda message: None), 60)
        assert await peer.closed() == 1011


@pytest.fixture(params=["plain", "fast"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_the_peers_code_is_kept(kind: str) -> None:
    for pair, code in ((client_pair(kind), 3007), (served_pair(kind), 4400)):
        async with pair as (socket, peer):
            running = asyncio.create_task(socket.run(lambda message: None))
            assert socket.close_code is None
            await peer.leave(code)
            await running
            assert socket.close_code == code


async def test_what_a_peer_says_before_it_closes_is_heard_even_by_who_listens_late(kind: str) -> None:
    """A service that does not know our key says so and closes, before we have said a word."""

    async def refuse(connection: ServerConnection) -> None:
        await connection.send("unauthorized")
        await connection.close(1008)

    async with serve(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        socket = await OPENS[kind](f"ws://127.0.0.1:{port}/", {}, 2.0, LARGEST)
        await asyncio.sleep(0.2)
        heard: list[str | bytes] = []
        await asyncio.wait_for(socket.run(heard.append), 60)
        assert (heard, socket.close_code) == (["unauthorized"], 1008)


async def test_a_refused_connection_has_its_status(kind: str) -> None:
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
            await OPENS[kind](f"ws://127.0.0.1:{port}/", {}, 2.0, LARGEST)
        assert refused.value.status == 429
        await over.wait()
    with pytest.raises(ConnectFailed) as nobody:
        await OPENS[kind](f"ws://127.0.0.1:{port}/", {}, 2.0, LARGEST)
    assert nobody.value.status is None


async def test_our_key_is_not_taken_elsewhere(kind: str) -> None:
    """An answer that sends us to another address is a refusal."""
    asked: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(elsewhere, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectFailed) as refused:
            await OPENS[kind](f"ws://127.0.0.1:{port}/", {"Authorization": "key"}, 2.0, LARGEST)
    assert (len(asked), refused.value.status) == (1, 302)


@pytest.mark.parametrize("address", ["127.0.0.1:99999/", "[::1/"])
async def test_what_cannot_be_an_address_is_no_connection(kind: str, address: str) -> None:
    with pytest.raises((ConnectFailed, ValueError)):
        await OPENS[kind](f"ws://{address}", {"Authorization": "key"}, 2.0, LARGEST)


@pytest.mark.parametrize("key", ["k\u20acy", "key\r\nHost: x"])
async def test_what_cannot_be_a_header_is_not_sent(kind: str, key: str) -> None:
    sent = asyncio.get_running_loop().create_future()

    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(sink, "127.0.0.1", 0) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises((ConnectFailed, ValueError)):
            await OPENS[kind](address, {"Authorization": key}, 2.0, LARGEST)
        await asyncio.wait([sent], timeout=0.2)
    assert not sent.done() or sent.result() == b""


async def test_a_server_that_never_answers_costs_two_seconds(kind: str) -> None:
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
            await OPENS[kind](f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, 2.0, LARGEST)
        assert 1.9 < loop.time() - began < 4
        await over.wait()


async def test_a_connection_nobody_waits_for_any_more_is_ended(kind: str) -> None:
    """Whoever asked gave up while the server was still thinking about it."""
    arrived: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def meet(connection: ServerConnection) -> None:
        arrived.set_result(connection)
        await connection.wait_closed()

    async def think(connection: ServerConnection, request: object) -> None:
        await asyncio.sleep(1)

    async with serve(meet, "127.0.0.1", 0, process_request=think) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        asking = asyncio.ensure_future(OPENS[kind](address, {}, 3.0, LARGEST))
        await asyncio.sleep(0.5)
        asking.cancel()
        await asyncio.wait([asking])
        await asyncio.sleep(1)
        assert not arrived.done() or arrived.result().close_code is not None


async def test_nothing_that_is_said_reaches_a_log(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with client_pair(kind) as (socket, peer):
        running = asyncio.create_task(socket.run(lambda message: None))
        socket.send("my crown fell out")
        assert await peer.hear() == "my crown fell out"
        await socket.close()
        await running
    ours = [record for record in caplog.records if record.name.startswith(("websockets.client", "picows"))]
    assert ours == []


# ---- what a peer may send --------------------------------------------------------------------------------------------


async def test_a_message_in_pieces_arrives_whole(kind: str) -> None:
    async with served_pair(kind) as (socket, peer):
        heard: list[str | bytes] = []
        running = asyncio.create_task(socket.run(heard.append))
        await peer.connection.send(["zw\u00f6", "", "lf ", "\U0001f9b7"])
        await peer.connection.send([b"\x00", b"\xff"])
        await peer.connection.ping()
        await peer.say("one")
        await peer.leave()
        await running
        assert heard == ["zw\u00f6lf \U0001f9b7", b"\x00\xff", "one"]


async def test_a_ping_is_answered(kind: str) -> None:
    async with served_pair(kind) as (socket, peer):
        running = asyncio.create_task(socket.run(lambda message: None))
        await asyncio.wait_for(await peer.connection.ping("still there?"), 60)
        await socket.close()
        await running


TEXT, MORE, BINARY, LAST, COMPRESSED, MASKED = 1, 0, 2, 0x80, 0x40, 0x80


def frame(first: int, payload: bytes, masked: bool = True) -> bytes:
    """One short frame as it goes over the wire; the mask is zero."""
    return bytes([first, len(payload) | (MASKED if masked else 0)]) + (bytes(4) if masked else b"") + payload


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(LAST | TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"\xc3") + frame(LAST | MORE, b"("), 1007),
        (frame(LAST | MORE, b"of what?"), 1002),
        (frame(TEXT, b"one") + frame(LAST | TEXT, b"two"), 1002),
        (frame(LAST | COMPRESSED | TEXT, b"\xcaH\xcd\xc9\xc9\x07\x00"), 1002),
        (frame(LAST | BINARY | COMPRESSED, b"\xcaH\xcd\xc9\xc9\x07\x00"), 1002),
        (frame(LAST | 3, b"a kind of frame there is not"), 1002),
        (frame(LAST | TEXT, b"unmasked", masked=False), 1002),
        (bytes([LAST | BINARY, MASKED | 127]) + (2**30).to_bytes(8, "big") + bytes(4), 1009),
        (frame(BINARY, b"x") + b"".join(frame(MORE, b"x" * 125) for _ in range(9000)), 1009),
    ],
)
async def test_what_breaks_the_protocol_ends_the_socket(kind: str, sent: bytes, code: int) -> None:
    async with served_pair(kind) as (socket, peer):
        heard: list[str | bytes] = []
        running = asyncio.create_task(socket.run(heard.append))
        peer.connection.transport.write(sent)
        assert await peer.closed() == code
        await asyncio.wait_for(running, 60)
        assert heard == []


# ---- upgrades --------------------------------------------------------------------------------------------------------


async def test_an_upgrade_that_the_app_turns_away_is_answered_403(kind: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.close(1008)

    async with served(kind, Starlette(routes=[WebSocketRoute("/media", endpoint)])) as (_, address):
        with pytest.raises(InvalidStatus) as refused:
            await websocket_connect(f"{address}/media")
        assert refused.value.response.status_code == 403


async def test_a_mistake_before_the_answer_is_a_500(kind: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        raise KeyError("a mistake of ours")

    async with served(kind, Starlette(routes=[WebSocketRoute("/media", endpoint)])) as (_, address):
        with pytest.raises(InvalidStatus) as refused:
            await websocket_connect(f"{address}/media")
        assert refused.value.response.status_code == 500


async def test_a_request_may_have_come_through_other_hands(kind: str) -> None:
    """A proxy adds headers, and words to the Connection header, which picows itself would not take."""
    over = asyncio.Event()

    async def endpoint(websocket: WebSocket) -> None:
        socket = await accept(websocket)
        socket.send(f"{websocket.headers['x-forwarded-for']} {websocket.url.path}")
        await socket.run(lambda message: None)
        over.set()

    request = (
        "GET /media HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
        "X-Forwarded-For: 192.0.2.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with served(kind, Starlette(routes=[WebSocketRoute("/media", endpoint)])) as (_, address):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(request.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer
        assert b"ICX+Yqv66kxgM0FcWaLWlFLwTAI=" in answer  # of that key (RFC 6455, 4.2.2)
        assert await reader.readexactly(2) == bytes([LAST | TEXT, 16])
        assert await reader.readexactly(16) == b"192.0.2.1 /media"
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(over.wait(), 60)


async def test_an_app_may_accept_in_the_usual_way(kind: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close(4000)

    async with served(kind, Starlette(routes=[WebSocketRoute("/", endpoint)])) as (_, address):
        peer = SocketPeer(await websocket_connect(address))
        await peer.say("hello")
        assert await peer.hear() == "hello"
        assert await peer.closed() == 4000


async def test_a_server_that_stops_tells_its_peers(kind: str) -> None:
    """Calls have ended by then, or have had their time: `DrainingServer` waits for them first."""
    over = asyncio.Event()

    async def endpoint(websocket: WebSocket) -> None:
        await (await accept(websocket)).run(lambda message: None)
        over.set()

    async with served(kind, Starlette(routes=[WebSocketRoute("/", endpoint)])) as (server, address):
        peer = SocketPeer(await websocket_connect(address))
        server.should_exit = True
        assert await peer.closed() == 1012
        await asyncio.wait_for(over.wait(), 60)


def test_the_engine_is_fast_where_picows_is_and_plain_elsewhere() -> None:
    assert (sockets.FAST, sockets.upgrades()) == (True, UpgradeProtocol)
    told = (
        "import sys; sys.modules['picows'] = None\n"
        "from flowengine.runtime import sockets\n"
        "assert (sockets.FAST, sockets.upgrades()) == (False, 'websockets-sansio')"
    )
    subprocess.run([sys.executable, "-c", told], check=True, timeout=60)


# ---- a peer that reads slowly, without a network ---------------------------------------------------------------------


class SlowTransport:
    """What picows gives a socket, with a peer that takes so many bytes when it is told to."""

    def __init__(self, socket: FastSocket) -> None:
        self._socket, self._high, self._paused = socket, 0, False
        self._unsent: deque[bytes] = deque()
        self.taken: list[str] = []
        self.codes: list[int] = []
        self.aborted = self.is_close_frame_sent = False
        self.underlying_transport = self
        socket.on_ws_connected(self)  # type: ignore[arg-type]

    def set_write_buffer_limits(self, high: int) -> None:
        self._high = high

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self._unsent))

    def send(self, kind: object, message: str | bytes) -> None:
        self._unsent.append(message.encode() if isinstance(message, str) else message)
        if self.get_write_buffer_size() > self._high and not self._paused:
            self._paused = True
            self._socket.pause_writing()

    def send_close(self, code: int) -> None:
        self.codes.append(code)
        self.is_close_frame_sent = True

    def disconnect(self, graceful: bool = True) -> None:
        self.aborted = not graceful
        self._socket.on_ws_disconnected(self)  # type: ignore[arg-type]

    def take(self) -> None:
        if self._unsent:
            self.taken.append(self._unsent.popleft().decode())
        if self._paused and self.get_write_buffer_size() <= self._high // 4:
            self._paused = False
            self._socket.resume_writing()


async def test_late_audio_is_dropped_and_control_waits_on_a_fast_socket_too() -> None:
    socket = FastSocket(LARGEST)
    peer = SlowTransport(socket)
    running = asyncio.create_task(socket.run(lambda message: None))
    for count in range(1000):  # 20 s in real time, of which the peer takes less than a half
        socket.send(f"audio {count} {'x' * 250}", droppable=True)
        if count % 50 == 0:
            socket.send(f"control {count}")
        if count % 3 == 0:
            peer.take()
        await asyncio.sleep(0.02)
        assert peer.get_write_buffer_size() <= fast_sockets.MOST_UNSENT + 300
        assert len(socket._backlog) <= 101 + 20
    while peer._unsent:
        peer.take()
    assert [each for each in peer.taken if each.startswith("control")] == [f"control {n}" for n in range(0, 1000, 50)]
    audio = [int(each.split()[1]) for each in peer.taken if each.startswith("audio")]
    assert audio == sorted(audio)
    assert audio[-90:] == list(range(910, 1000))
    assert socket.dropped == 1000 - len(audio) > 300
    await asyncio.wait([asyncio.create_task(socket.close()), running], timeout=60)
    assert peer.codes == [1000]


async def test_a_peer_from_which_nothing_goes_out_for_two_seconds_is_given_up() -> None:
    loop = asyncio.get_running_loop()
    socket = FastSocket(LARGEST)
    peer = SlowTransport(socket)
    running = asyncio.create_task(socket.run(lambda message: None))
    socket.send("x" * 30_000, droppable=True)
    began = loop.time()
    await asyncio.wait_for(running, 60)
    assert 3.9 < loop.time() - began < 4.5  # two until it is given up, two for a farewell that does not go out
    assert peer.codes == [1011]
    assert peer.aborted


async def test_a_socket_that_picows_has_ended_itself_is_over_though_the_peer_takes_nothing() -> None:
    """picows says why it ends when a frame breaks the protocol, and then waits for the peer without a limit."""
    loop = asyncio.get_running_loop()
    socket = FastSocket(LARGEST)
    peer = SlowTransport(socket)
    peer.send_close(1002)
    began = loop.time()
    await asyncio.wait_for(socket.close(), 60)
    assert 1.9 < loop.time() - began < 2.5
    assert (peer.codes, peer.aborted) == ([1002], True)


async def test_more_than_a_thousand_control_messages_nobody_takes_are_too_many() -> None:
    socket = FastSocket(LARGEST)
    peer = SlowTransport(socket)
    socket.send("x" * 30_000)
    for _ in range(1002):
        socket.send("mark")
    assert peer.codes == [1011]
    assert len(socket._backlog) == 0
    await asyncio.wait_for(socket.close(), 60)
