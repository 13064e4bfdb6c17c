"""A bad network between the carrier's media streams and the engine: far, uneven, narrow, in small pieces."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from flowengine.sandbox.world import World

SLICED = 20  # one read in so many comes in small pieces: each piece costs the test as much as a whole one


@dataclass
class Network:
    """What TCP makes of it: nothing is lost, but a lost packet is sent again later and holds up what follows."""

    seconds: float = 0.3  # one way
    jitter: float = 0.1
    loss: float = 0.05
    again: float = 0.25  # seconds until a lost packet is sent again
    bytes_a_second: int = 32_000
    piece: int = 7
    dice: Random = field(default_factory=lambda: Random(37))
    passed: int = 0  # packets
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def lie_between(self, world: World) -> None:
        """Media streams that open a moment later go through it, until the world ends."""
        self._tasks.append(world.loop.create_task(self._lies(world)))

    async def _lies(self, world: World) -> None:
        router = world.carrier._exchange.router
        straight = router.socket

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            address = straight("wss://demo.test/")
            assert address is not None
            far_reader, far_writer = await asyncio.open_connection(*address)
            await asyncio.gather(self._carries(reader, far_writer), self._carries(far_reader, writer))

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            router.socket = lambda url: address  # type: ignore[method-assign]
            await server.serve_forever()

    async def _carries(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads at the pace of the line, and hands over in order what is under way."""
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arrives = asyncio.create_task(self._arrives(under_way, writer))
        with suppress(OSError):
            while data := await reader.read(1400):
                self.passed += 1
                late = self.again if self.dice.random() < self.loss else 0.0
                travels = self.seconds + self.dice.uniform(-self.jitter, self.jitter) + late
                under_way.put_nowait((loop.time() + travels, data))
                await asyncio.sleep(len(data) / self.bytes_a_second)
        under_way.put_nowait((loop.time() + self.seconds, b""))
        await arrives

    async def _arrives(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while (each := await under_way.get())[1]:
                at, data = each
                await asyncio.sleep(max(0.0, at - loop.time()))
                for piece in self._pieces(data):
                    writer.write(piece)
                    await asyncio.sleep(0)
                await writer.drain()
        writer.close()

    def _pieces(self, data: bytes) -> list[bytes]:
        size = self.piece if self.dice.randrange(SLICED) == 0 else len(data)
        return [data[at : at + size] for at in range(0, len(data), size)]
