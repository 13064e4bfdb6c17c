"""A process is told to stop while calls run (reliability.md F4 to F7): they end in their time, or go on elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from flowengine.sandbox.carrier import HangsUp, Says, Until, Waits
from flowengine.sandbox.scenario import read_scenario
from flowengine.sandbox.world import PUBLIC, World
from flowengine.server import DRAIN_SECONDS
from tests.sandbox.processes import NOWHERE, OFFICE, Process, address_of, process, reaches, ringing, said, town
from tests.sandbox.wire import REFUND, leg_of

RUNNING = Path(__file__).parents[2] / "docs" / "running.md"
MANY = 50
LASTING = 2 * DRAIN_SECONDS
RESTART_SECONDS = 6.0  # from the end of one process to the next one's first answer
LONG = REFUND.replace('"Front desk, Dana speaking."}', '"Front desk, Dana speaking."}, {waits: 300s}')
PARKED = REFUND.replace(
    "transfer: {ring_for: 10s", "hold: {receptionist_stays: false}\n  transfer: {ring_for: 40s"
).replace("Dana: [accepts, {rings: 2s}", "Dana: [accepts, {rings: 35s}")
REFUND_ASKED = (Until("receptionist"), Says("I need a refund."))


async def test_fifty_calls_end_in_their_own_time_and_then_the_process(tmp_path: Path) -> None:
    """F4. Who rings meanwhile is dialled straight through."""
    async with town(read_scenario("it", REFUND), tmp_path) as world, process(world) as leaving:
        calls = [ringing(world, Until("receptionist", 20), Waits(2 + n / 25), HangsUp(), n=n) for n in range(MANY)]
        await asyncio.sleep(3.0)
        assert len(leaving.engine.calls.sessions) == MANY
        left: list[float] = []
        leaving.over.add_done_callback(lambda _: left.append(world.loop.time()))
        leaving.told_to_stop()
        assert (await leaving.asked("/readyz"), await leaving.asked("/healthz")) == (503, 200)
        late = await ringing(world, Until("Dana speaking", 20), HangsUp(), n=99)
        assert "Dana speaking" in said(late, "staff")
        records = await asyncio.gather(*calls)
        assert all(record.hung_up for record in records)
        assert {said(record, "agent") for record in records} == {"Bright Smile Dental, the automated receptionist."}
        assert not any(segment.clipped for record in records for segment in record.heard)
        await asyncio.wait_for(leaving.over, 60)
        assert 0 < left[0] - max(record.ended_at or 0.0 for record in records) < 10


async def restarted(world: World, leaving: Process) -> None:
    """Nobody answers between the end of one process and the beginning of the next on the same machine."""
    await asyncio.wait_for(leaving.over, LASTING)
    reaches(world, NOWHERE)
    await asyncio.sleep(RESTART_SECONDS)
    reaches(world, address_of(world))


async def test_when_the_time_is_up_who_still_talks_goes_on_with_another_process(tmp_path: Path) -> None:
    """F5, where the public address leads to that process by then. Who talks with a person notices nothing."""
    async with town(read_scenario("it", LONG), tmp_path) as world, process(world) as leaving:
        talks = ringing(world, Until("I'm back", LASTING), Waits(1), HangsUp(), n=1)
        refund = ringing(world, *REFUND_ASKED, Until("Dana speaking"), Waits(DRAIN_SECONDS + 20), HangsUp(), n=2)
        await asyncio.sleep(30.0)
        leaving.told_to_stop()
        reaches(world, address_of(world))
        await asyncio.wait_for(leaving.over, LASTING)
        (back,) = (s for s in (await talks).heard if "I'm back" in s.text)
        assert back.at > 30.0 + DRAIN_SECONDS - 5.0  # not before her time was up
        met = await refund
        assert met.hung_up
        assert "Dana speaking" in said(met, "staff")


@pytest.mark.parametrize("signals", [1, 2])
async def test_a_process_that_is_started_again_goes_on_with_its_calls(
    signals: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F5 and F6 where there is one process only: callers outlive the time between its end and its next beginning."""
    monkeypatch.setattr("flowengine.server.DRAIN_SECONDS", DRAIN_SECONDS if signals == 2 else 6.0)
    async with town(read_scenario("it", LONG), tmp_path) as world, process(world) as leaving:
        talks = ringing(world, Until("I'm back", 60), Waits(1), HangsUp(), n=1)
        refund = ringing(world, *REFUND_ASKED, Until("speaking", 120), HangsUp(), n=2)
        await asyncio.sleep(14.0)  # the second one's phone rings by then
        for _ in range(signals):
            leaving.told_to_stop()
        told = world.loop.time()
        await restarted(world, leaving)
        assert world.loop.time() - told < 6.0 + RESTART_SECONDS + 10
        record = await talks
        assert "I'm back" in said(record, "agent")
        assert record.hung_up
        told_so = next(s.at for s in record.heard if s.what == "notice")
        assert told_so - (told - (record.answered_at or 0.0)) < 6.0 + 3.0
        assert not [s for s in record.heard if s.what == "silence" and s.at > told_so and s.seconds > 3.0]
        assert "speaking" in said(await refund, "staff")


async def test_a_caller_who_waits_in_a_room_outlives_the_time_without_a_process(tmp_path: Path) -> None:
    """F5: she hears music of ours there, and what follows would be asked for when nobody answers."""
    async with town(read_scenario("it", PARKED), tmp_path) as world, process(world) as leaving:
        waits = ringing(world, *REFUND_ASKED, Until("Dana speaking", 150), HangsUp())
        await asyncio.sleep(24.0)
        leaving.told_to_stop()
        leaving.told_to_stop()
        await restarted(world, leaving)
        record = await waits
        assert "Dana speaking" in said(record, "staff")
        assert "One moment, please." in said(record, "notice")


@pytest.mark.parametrize("when", ["as it rings", "as they talk"])
async def test_when_the_whole_machine_is_gone_the_carrier_dials_the_office_itself(when: str, tmp_path: Path) -> None:
    """F7: what docs/running.md says to set up at the carrier."""
    document = RUNNING.read_text("utf-8").partition("```xml\n")[2].partition("```")[0]
    async with town(read_scenario("it", REFUND), tmp_path) as world, kept_by_the_carrier(world, document) as fallback:
        world.carrier.add_number(OFFICE, f"{PUBLIC}/twilio/voice", fallback_url=fallback)
        if when == "as it rings":
            reaches(world, NOWHERE)
        rings = ringing(world, Until("Dana speaking", 60), HangsUp())
        if when == "as they talk":
            await asyncio.sleep(5.0)
            reaches(world, NOWHERE)
            leg_of(world, "inbound").streams[-1]._break()
        assert "Dana speaking" in said(await rings, "staff")


@asynccontextmanager
async def kept_by_the_carrier(world: World, document: str) -> AsyncIterator[str]:
    """The address of a document that is on none of our machines."""

    async def serve(request: web.Request) -> web.Response:
        return web.Response(text=document, content_type="text/xml")

    app = web.Application()
    app.router.add_route("*", "/fallback", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    world.carrier._exchange.router._routes["https://bin.test"] = f"http://{host}:{port}"
    try:
        yield "https://bin.test/fallback"
    finally:
        await runner.cleanup()
