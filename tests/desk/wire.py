"""A wire between browsers and a desk that a test makes slow, or cuts."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Wire:
    """Passes bytes on from one port to another; `slow` bytes a second at most (0: as they come)."""

    def __init__(self, port: int, to: int) -> None:
        self._port, self._to, self.slow = port, to, 0
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def lay(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)

    async def cut(self) -> None:
        """In the middle of whatever is being said; nobody connects until it is laid again."""
        if self._server is not None:
            self._server.close()
        for end in list(self._open):
            end.transport.abort()
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
            self._open |= {writer, far_writer}
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
            self._open -= {writer, far_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(700 if self.slow else 65_536):
                if self.slow:
                    await asyncio.sleep(len(data) / self.slow)
                writer.write(data)
                await writer.drain()
        finally:
            with suppress(OSError):
                writer.close()
