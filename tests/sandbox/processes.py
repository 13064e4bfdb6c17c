"""Further processes of the engine beside the sandbox's own, in the same paced time: told to stop, or gone."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import aiohttp

from flowengine.app import Engine, build
from flowengine.flow.compiler import compile_flow
from flowengine.flow.hours import moment
from flowengine.runtime.ports import Store
from flowengine.sandbox.carrier import CallRecord, caller
from flowengine.sandbox.carrier.party import Act
from flowengine.sandbox.clock import Timeless
from flowengine.sandbox.scenario import Scenario, changed
from flowengine.sandbox.world import PUBLIC, Options, World, listening, running
from flowengine.server import DrainingServer, configured
from tests.sandbox.play import FLOWS, SPEED, cheaper

OFFICE = "+13125550100"
NOWHERE = "http://127.0.0.1:1"  # nothing answers there


@dataclass(frozen=True, slots=True)
class Process:
    """One that serves as `flowengine serve` does, signals and all."""

    engine: Engine
    server: DrainingServer
    address: str
    over: asyncio.Task[None]

    def told_to_stop(self) -> None:
        """SIGTERM."""
        self.server.handle_exit(signal.SIGTERM, None)

    async def asked(self, path: str) -> int:
        """The status it answers with."""
        async with aiohttp.ClientSession() as web, web.get(self.address + path) as answer:
            return answer.status


@asynccontextmanager
async def town(scene: Scenario, folder: Path, options: Options = Options(speed=SPEED)) -> AsyncIterator[World]:  # noqa: B008  # frozen
    """The sandbox with everybody in it and its one process, ready for calls; nobody has called."""
    file = FLOWS / f"{scene.flow}.yaml"
    text = file.read_text("utf-8")
    start = moment(compile_flow(changed(text, scene.change), str(file)), scene.at)
    async with running(str(file), text, start, scene, cheaper(options, str(folder))) as world:
        await world.warm()
        world.loop.set_speed(options.speed)
        world.wall.begin()
        yield world


@asynccontextmanager
async def process(world: World) -> AsyncIterator[Process]:
    """One more on the same database; the carrier asks it from now on."""
    kept = gc.get_threshold()
    with listening(0) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        engine = build(
            world.settings,
            world.engine.flows,
            world.clock,
            phrases=world.sentences,
            private_webhooks=True,
            kept=lambda store: cast(Store, Timeless(store, world.loop)),
        )
        server = DrainingServer(configured(engine.app, log_level="critical"), engine.calls)
        server.capture_signals = nullcontext  # type: ignore[assignment,method-assign]  # they are for the tests
        over = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  # a server tells nobody
            await asyncio.sleep(0.01)
        reaches(world, address)
        try:
            yield Process(engine, server, address, over)
        finally:
            server.should_exit = True
            await over
            gc.unfreeze()
            gc.set_threshold(*kept)


def ringing(world: World, *acts: Act, n: int = 0) -> asyncio.Task[CallRecord]:
    """Somebody rings the office, and does that."""
    return asyncio.create_task(world.carrier.ring_in(caller(acts), from_=f"+120255501{n:02}", to=OFFICE))


def said(record: CallRecord, what: str) -> str:
    return " ".join(s.text for s in record.heard if s.what == what and s.text)


def address_of(world: World) -> str:
    """Where the sandbox's own process is."""
    return world.settings.desk_url


def reaches(world: World, address: str) -> None:
    """Whoever asks for the public address gets there from now on."""
    world.carrier._exchange.router._routes[PUBLIC] = address
