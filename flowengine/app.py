"""The composition root: settings, flows and adapters become one Starlette app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowengine.agents import AGENTS
from flowengine.agents.speaker import AssemblySpeaker
from flowengine.bus.memory import MemoryBus
from flowengine.call.sentences import fixed_sentences
from flowengine.carriers import CARRIERS
from flowengine.desk.access import Access
from flowengine.desk.outbox import WebhookCourier
from flowengine.desk.pages import desk_routes
from flowengine.flow.model import Office
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.live import LiveCalls
from flowengine.runtime.musicbox import MusicBox
from flowengine.runtime.phrasebook import Phrasebook
from flowengine.runtime.ports import Bus, Clock, Store
from flowengine.runtime.session import Ports
from flowengine.settings import Settings
from flowengine.store import open_store
from flowengine.transcription import TRANSCRIBERS


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that runs in one process, wired."""

    app: Starlette
    calls: LiveCalls
    store: Store
    bus: Bus
    access: Access
    phrasebook: Phrasebook
    flows: Flowbook
    music: MusicBox

    async def warm(self, clock: Clock) -> None:
        """Renders the fixed sentences of every flow ahead of the first call;
        what fails is spoken by the carrier later.
        """
        wanted = [
            (text, flow.receptionist.voice)
            for flow in self.flows.flows.values()
            for text in fixed_sentences(flow, clock.now())
        ]
        await asyncio.gather(self.music.fill(self.flows.flows.values()), self.phrasebook.warm(wanted))


def build(
    settings: Settings,
    flows: Flowbook,
    clock: Clock,
    *,
    phrases: Path | None,
    private_webhooks: bool = False,
    kept: Callable[[Store], Store] = lambda store: store,
) -> Engine:
    """`phrases` is the folder rendered sentences are kept in (None: in memory only); `kept` may stand something before
    the store."""
    store = kept(open_store(settings.database_url))
    bus = MemoryBus()
    carrier = CARRIERS["twilio"](settings, clock)
    phrasebook = Phrasebook(AssemblySpeaker(settings), phrases)
    music = MusicBox(allow_private=private_webhooks)
    access = Access(settings.secret_key, clock, bus, settings.desk_url)
    ports = Ports(
        clock=clock,
        carrier=carrier.client,
        agent=AGENTS["assemblyai"](settings, clock),
        transcriber=TRANSCRIBERS["assemblyai"](settings, clock),
        store=store,
        bus=bus,
        courier=WebhookCourier(settings, allow_private=private_webhooks),
        phrasebook=phrasebook,
        music=music.music,
        card_link=access.handoff_link,
    )
    calls = LiveCalls(ports, flows)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await store.start()
        yield
        await calls.close()
        for port in (phrasebook, ports.courier, carrier.client, bus, store):
            await port.close()

    routes = [
        Route("/healthz", _healthy),
        Route("/readyz", _ready(calls)),
        Route("/metrics", _metrics),
        *carrier.routes(calls, bus, clock),
        *desk_routes(settings, store, bus, calls, clock, access, offices=_offices(flows)),
    ]
    return Engine(Starlette(routes=routes, lifespan=lifespan), calls, store, bus, access, phrasebook, flows, music)


def _offices(flows: Flowbook) -> Callable[[str], Office | None]:
    return lambda key: flows.flows[key].office if key in flows.flows else None


async def _healthy(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _ready(calls: LiveCalls) -> Callable[[Request], Awaitable[Response]]:
    """503 while the process waits for its last calls: send it no new ones."""

    async def ready(request: Request) -> Response:
        return JSONResponse(
            {"status": "draining" if calls.draining else "ready"}, status_code=503 if calls.draining else 200
        )

    return ready


async def _metrics(request: Request) -> Response:
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
