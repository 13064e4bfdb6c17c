"""What the carrier never says, or nobody gets: words that are lost, orders that are lost, sockets gone silent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from flowengine.sandbox.carrier import LoseCallback
from flowengine.sandbox.carrier.leg import Leg
from flowengine.sandbox.carrier.media import MediaStream, StreamInfo
from flowengine.sandbox.world import Options, World
from tests.sandbox.play import SPEED, Played, played
from tests.sandbox.wire import DANA, Watch, Wire, as_soon_as, call, caller_of, hangs_up, holds, legs_of, staff_of

NO_WORD = (LoseCallback("/twilio/status"), LoseCallback("/conference"))  # of the caller's leg, and of who is in rooms
NOWHERE = "wss://nowhere.example.com/"


def run(watch: Watch = lambda world: None, faults: tuple[LoseCallback, ...] = ()) -> Played:
    return played("crown", Options(speed=SPEED, faults=faults), scenario=call(), watch=watch)


def lone_seconds(made: Played) -> float:
    """How long the person's leg outlived the caller's."""
    caller, person = caller_of(made).ended_at, staff_of(made, DANA).ended_at
    assert caller is not None
    assert person is not None
    return person - caller


def test_a_caller_who_goes_without_a_word_of_the_carrier_leaves_nobody_in_the_room() -> None:
    """Neither the number's callback nor the room's arrives: that we hear nothing more of her is enough to ask."""
    made = run(faults=NO_WORD)
    assert made.report["outcome"] == "connected"
    assert 2.0 < lone_seconds(made) < 8.0
    assert made.times("CallerUnheard")


def test_when_her_voice_is_not_heard_either_she_is_asked_after_every_half_minute() -> None:
    def deaf(world: World) -> None:
        exchange = world.carrier._exchange
        opened = exchange.open_stream

        def open_stream(leg: Leg, info: StreamInfo, callback: tuple[str, str] = ("", "POST")) -> MediaStream:
            return opened(leg, info, callback) if info.two_way else opened(leg, replace(info, url=NOWHERE), callback)

        exchange.open_stream = open_stream  # type: ignore[method-assign]
        world.carrier.settle = partial(world.carrier.settle, 60.0)  # type: ignore[method-assign]

    made = run(deaf, NO_WORD)
    assert made.report["outcome"] == "connected"
    assert made.times("CallerUnheard") == []
    assert 2.0 < lone_seconds(made) < 40.0


def test_an_order_to_end_a_persons_leg_that_the_carrier_fails_to_carry_out_is_given_again() -> None:
    def watch(world: World) -> None:
        wire = Wire(world)
        gone = lambda: any(leg.record.over for leg in legs_of(world, "inbound"))  # noqa: E731
        as_soon_as(world, gone, lambda: wire.refuses(DANA, 500, 20500, times=9))

    made = run(watch)
    assert made.report["outcome"] == "connected"
    assert 4.0 < lone_seconds(made) < 20.0


@pytest.mark.parametrize("when", ["TALKING", "CONNECTED"])
def test_a_stream_that_goes_silent_and_stays_open_is_given_up_and_she_is_asked_after(when: str) -> None:
    """reliability.md F9: no frames, no close."""

    def silence(world: World) -> None:
        for leg in legs_of(world, "inbound"):
            for stream in leg.streams:
                stream.push = lambda inbound, outbound: None  # type: ignore[method-assign]

    def watch(world: World) -> None:
        async def waits() -> None:
            while not any(s.call.phase.name == when and s.call.at > 6.0 for s in world.engine.calls.sessions.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            silence(world)
            if when == "CONNECTED":
                await asyncio.sleep(1.0)
                hangs_up(world)

        world.carrier._exchange.spawn(waits())

    made = run(watch, NO_WORD if when == "CONNECTED" else ())
    assert made.report["outcome"] == "connected"
    if when == "TALKING":
        (broke,) = made.times("MediaEnded")[:1]
        assert made.times("MediaStarted")[1] - broke < 5.0
        holds(made, most_silence=18.0)
    else:
        assert 0.0 < lone_seconds(made) < 20.0
