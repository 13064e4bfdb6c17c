"""What every implementation of a port must do, told once. An implementation's test subclasses it and brings a pair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from flowengine.runtime.wires import MediaSocket


class Peer(Protocol):
    """The other end of a media socket, as a test drives it."""

    async def say(self, message: str | bytes) -> None: ...

    async def hear(self) -> str | bytes:
        """The next message; waits for it."""

    async def closed(self) -> int:
        """Waits until the socket was closed from the tested side; the code."""

    def stall(self) -> None:
        """Reads nothing any more."""

    def resume(self) -> None: ...

    async def leave(self, code: int = 1000) -> None:
        """Closes from the peer's side."""

    async def vanish(self) -> None:
        """Breaks the connection without a word."""


Pair = tuple[MediaSocket, Peer]
AUDIO = b"\xff" * 160  # 20 ms


class MediaSocketContract:
    """`wires.MediaSocket`: callbacks in, sends that never wait, at most 2 s of audio towards a stuck peer."""

    def open(self) -> AbstractAsyncContextManager[Pair]:
        raise NotImplementedError

    @pytest.fixture
    async def pair(self) -> AsyncIterator[Pair]:
        async with self.open() as pair:
            yield pair

    async def test_messages_arrive_in_order_and_whole(self, pair: Pair) -> None:
        socket, peer = pair
        heard: list[str | bytes] = []
        running = asyncio.create_task(socket.run(heard.append))
        said: list[str | bytes] = ["one", b"two", "zwölf 🦷", b"", "x" * 60_000]
        for message in said:
            await peer.say(message)
        await peer.leave()
        await asyncio.wait_for(running, 60)
        assert heard == said

    async def test_what_is_sent_arrives_in_order_even_if_sent_before_it_runs(self, pair: Pair) -> None:
        socket, peer = pair
        socket.send("first")
        running = asyncio.create_task(socket.run(lambda message: None))
        socket.send(b"second", droppable=True)
        socket.send("third")
        assert [await peer.hear() for _ in range(3)] == ["first", b"second", "third"]
        await socket.close()
        await running

    async def test_long_messages_arrive_whole_though_the_peer_reads_late(self, pair: Pair) -> None:
        """Also one that waits when the next is sent: neither may touch the other's bytes."""
        socket, peer = pair
        running = asyncio.create_task(socket.run(lambda message: None))
        peer.stall()
        said: list[str | bytes] = []
        for count in range(20):  # more than the system's own buffers take
            said += [f"{count}: zwölf 🦷 " * 16_000, f"mark {count}", bytes([count]) * 8_192, bytes([count]) * 300_000]
        for message in said:
            socket.send(message)
        peer.resume()
        assert [await peer.hear() for _ in said] == said
        await socket.close()
        await running

    async def test_a_burst_of_audio_is_never_dropped_while_the_peer_reads(self, pair: Pair) -> None:
        socket, peer = pair
        running = asyncio.create_task(socket.run(lambda message: None))
        for count in range(1000):  # 20 s at once
            socket.send(count.to_bytes(2, "big") + AUDIO, droppable=True)
        for count in range(1000):
            message = await peer.hear()
            assert isinstance(message, bytes)
            assert int.from_bytes(message[:2], "big") == count
        assert socket.dropped == 0
        await socket.close()
        await running

    async def test_what_waits_is_sent_before_closing(self, pair: Pair) -> None:
        socket, peer = pair
        running = asyncio.create_task(socket.run(lambda message: None))
        socket.send('{"type":"Terminate"}')
        await socket.close(1000)
        await asyncio.wait_for(running, 60)
        assert await peer.hear() == '{"type":"Terminate"}'
        assert await peer.closed() == 1000

    async def test_closing_says_why_and_may_be_repeated(self, pair: Pair) -> None:
        socket, peer = pair
        running = asyncio.create_task(socket.run(lambda message: None))
        await asyncio.sleep(0.05)
        await socket.close(1008)
        await socket.close(1000)
        await asyncio.wait_for(running, 60)
        assert await peer.closed() == 1008
        socket.send("after the end")  # nobody to hear it, nothing to raise

    async def test_closing_before_it_runs(self, pair: Pair) -> None:
        socket, peer = pair
        await socket.close(1008)
        assert await peer.closed() == 1008
        await asyncio.wait_for(socket.run(lambda message: None), 60)

    async def test_a_peer_that_vanishes_is_the_end_and_no_error(self, pair: Pair) -> None:
        socket, peer = pair
        running = asyncio.create_task(socket.run(lambda message: None))
        await peer.say("hello")
        await peer.vanish()
        await asyncio.wait_for(running, 60)
        socket.send("anybody there?", droppable=True)
        await socket.close()

    async def test_a_peer_that_takes_nothing_is_closed_and_old_audio_is_dropped(self, pair: Pair) -> None:
        socket, peer = pair
        running = asyncio.create_task(socket.run(lambda message: None))
        peer.stall()
        async with asyncio.timeout(600):
            while not running.done():
                socket.send(AUDIO * 400, droppable=True)
                await asyncio.sleep(0.02)
        await running

    async def test_a_mistake_of_ours_is_not_hidden(self, pair: Pair) -> None:
        socket, peer = pair

        def stumble(message: str | bytes) -> None:
            raise KeyError(message)

        await peer.say("boom")
        with pytest.raises(KeyError):
            await asyncio.wait_for(socket.run(stumble), 60)

    async def test_a_cancelled_run_closes_the_socket(self, pair: Pair) -> None:
        socket, peer = pair
        running = asyncio.create_task(socket.run(lambda message: None))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await peer.closed() == 1000
