"""The emulators' server: whoever is connected when it stops is let go in time, whatever they have said by then."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from flowengine.sandbox.sockets import _CLOSE_SECONDS, serve

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize("said", [b"", UPGRADE[:40], UPGRADE], ids=["nothing", "half of it", "all, and no farewell"])
async def test_a_server_that_stops_waits_for_nobody_for_long(said: bytes) -> None:
    server = await serve(lambda request: None, lambda socket: None, "127.0.0.1", 0, 2**16)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(said)
    if said == UPGRADE:
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    while not server._sockets:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.wait_for(server.stop(), 60)
    assert loop.time() - began == pytest.approx(_CLOSE_SECONDS, abs=1.0)
    with suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 60)  # up to the end
    writer.close()
