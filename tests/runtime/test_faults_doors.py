"""Who holds a connection and asks for nothing is let go (reliability.md F40); who is answered, or talks, is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from flowengine.runtime.impatience import ASKS_WITHIN
from flowengine.runtime.sockets import accept, connect
from flowengine.server import configured

HEAD = b"GET /short HTTP/1.1\r\nHost: here\r\n"
LONG = 6 * ASKS_WITHIN


async def short(request: Request) -> Response:
    return PlainTextResponse("here")


async def slow(request: Request) -> Response:
    """A page that is followed for a while."""

    async def news() -> AsyncIterator[str]:
        for _ in range(int(LONG)):
            await asyncio.sleep(1.0)
            yield "."

    return StreamingResponse(news())


async def talk(websocket: WebSocket) -> None:
    socket = await accept(websocket)
    await socket.run(socket.send)


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    routes = [Route("/short", short), Route("/slow", slow), WebSocketRoute("/talk", talk)]
    server = uvicorn.Server(configured(Starlette(routes=routes), log_level="critical"))
    server.config.lifespan = "off"
    server.capture_signals = nullcontext  # type: ignore[assignment,method-assign]
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # a server tells nobody
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def visiting(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def until_let_go(reader: asyncio.StreamReader) -> float:
    """Seconds until the server ends the connection; what it says before is not looked at."""
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(20 * ASKS_WITHIN):
        await reader.read()
    return asyncio.get_running_loop().time() - began


@pytest.mark.parametrize("said", [b"", b"G", HEAD], ids=["nothing", "a letter", "half a request"])
async def test_who_asks_for_nothing_is_let_go(said: bytes) -> None:
    async with served() as port, visiting(port) as (reader, writer):
        writer.write(said)
        assert await until_let_go(reader) == pytest.approx(ASKS_WITHIN, abs=2.0)


async def test_who_asks_for_something_and_then_for_half_of_something_is_let_go_too() -> None:
    async with served() as port, visiting(port) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        assert b"200 OK" in await reader.readline()
        writer.write(HEAD)
        assert ASKS_WITHIN - 2.0 < await until_let_go(reader) < 3 * ASKS_WITHIN


async def test_who_drips_letters_is_let_go_like_anybody() -> None:
    async with served() as port, visiting(port) as (reader, writer):

        async def drips() -> None:
            for letter in HEAD * 100:
                writer.write(bytes([letter]))
                await asyncio.sleep(1.0)

        dripping = asyncio.create_task(drips())
        assert await until_let_go(reader) == pytest.approx(ASKS_WITHIN, abs=2.0)
        dripping.cancel()


async def test_who_is_still_being_answered_is_not() -> None:
    async with served() as port, visiting(port) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(20 * ASKS_WITHIN):
            answer = await reader.read()
        assert answer.count(b"1\r\n.\r\n") == int(LONG)
        assert answer.endswith(b"0\r\n\r\n")


async def test_who_asks_again_and_again_is_not() -> None:
    async with served() as port, visiting(port) as (reader, writer):
        for _ in range(int(LONG / 4)):
            writer.write(HEAD + b"\r\n")
            assert b"200 OK" in await reader.readline()
            await reader.readuntil(b"\r\n\r\nhere")
            await asyncio.sleep(4.0)


async def test_a_socket_that_is_silent_for_long_is_not_a_request_that_does_not_come() -> None:
    async with served() as port:
        socket = await connect(f"ws://127.0.0.1:{port}/talk", {})
        heard = asyncio.Queue[str | bytes]()
        running = asyncio.create_task(socket.run(heard.put_nowait))
        await asyncio.sleep(LONG)
        socket.send("still here")
        async with asyncio.timeout(60):
            assert await heard.get() == "still here"
        await socket.close()
        await running
