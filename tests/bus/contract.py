"""What every bus must do, told once and run against each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from flowengine.runtime.ports import Bus


async def rest(news: AsyncIterator[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Everything until the iterator ends."""
    async with asyncio.timeout(60):
        return [item async for item in news]


class BusContract:
    """Subclass with a fixture `bus`."""

    async def test_news_reaches_who_subscribed_and_nobody_else(self, bus: Bus) -> None:
        async with bus.subscribe("call:c1") as one, bus.subscribe("call:c1", "office:dental") as both:
            await bus.publish("call:c1", {"type": "line", "text": "hello"})
            await bus.publish("call:c2", {"type": "line", "text": "not for us"})
            await bus.publish("office:dental", {"type": "work"})
            assert await anext(one) == {"type": "line", "text": "hello"}
            assert await anext(both) == {"type": "line", "text": "hello"}
            assert await anext(both) == {"type": "work"}

    async def test_subscribed_from_the_moment_of_entering(self, bus: Bus) -> None:
        async with bus.subscribe("t") as news:
            for number in range(3):
                await bus.publish("t", {"n": number})
            assert [(await anext(news))["n"] for _ in range(3)] == [0, 1, 2]

    async def test_a_reader_that_does_not_keep_up_is_told_to_reload(self, bus: Bus) -> None:
        async with bus.subscribe("t") as slow, bus.subscribe("t") as quick:
            for number in range(257):
                await bus.publish("t", {"n": number})
                assert (await anext(quick))["n"] == number
            assert (await rest(slow))[-1] == {"type": "reload"}

    async def test_256_unread_items_are_kept(self, bus: Bus) -> None:
        async with bus.subscribe("t") as news:
            for number in range(256):
                await bus.publish("t", {"n": number})
            assert [(await anext(news))["n"] for _ in range(256)] == list(range(256))

    async def test_waiting_may_be_cancelled_without_losing_news(self, bus: Bus) -> None:
        async with bus.subscribe("t") as news:
            waiting = asyncio.ensure_future(anext(news))
            await asyncio.wait([waiting], timeout=0.5)
            await bus.publish("t", {"n": 1})
            assert await waiting == {"n": 1}

    async def test_the_first_claim_wins_until_it_expires(self, bus: Bus) -> None:
        assert await bus.claim("link", 10)
        assert not await bus.claim("link", 10)
        assert await bus.claim("other", 10)
        await asyncio.sleep(10.5)
        assert await bus.claim("link", 10)

    async def test_of_many_who_claim_at_once_one_wins(self, bus: Bus) -> None:
        assert sum(await asyncio.gather(*(bus.claim("link", 60) for _ in range(50)))) == 1

    async def test_closing_ends_every_reader(self, bus: Bus) -> None:
        async with bus.subscribe("t") as news:
            await bus.publish("t", {"n": 1})
            await bus.close()
            assert await rest(news) == [{"n": 1}]
            assert await rest(news) == []
        async with bus.subscribe("t") as late:
            assert await rest(late) == []
