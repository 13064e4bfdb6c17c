"""The bus contract inside one process, and that nothing piles up."""

from __future__ import annotations

import pytest

from flowengine.bus.memory import MemoryBus

from .contract import BusContract


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


class TestMemoryBus(BusContract):
    pass


async def test_expired_claims_do_not_pile_up() -> None:
    now = 0.0
    bus = MemoryBus(lambda: now)
    for number in range(5000):
        now = float(number)
        assert await bus.claim(f"link-{number}", 10)
    assert len(bus._claims) < 1100


async def test_nothing_is_kept_of_readers_who_left() -> None:
    bus = MemoryBus()
    for _ in range(3):
        async with bus.subscribe("a", "b"):
            await bus.publish("a", {"n": 1})
    assert bus._subscribers == {}
