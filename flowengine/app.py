"""The composition root: settings, flows and adapters become one Starlette app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowengine.agents import AGENTS
from flowengine.agents.speaker import AssemblySpeaker
from flowengine.bus.memory import MemoryBus
from flowengine.call.events import CardConfirmed
from flowengine.call.sentences import fixed_sentences
from flowengine.carriers import CARRIERS
from flowengine.desk.access import Access
from flowengine.desk.mail import Mail
from flowengine.desk.messages import Letters
from flowengine.desk.outbox import Outbox
from flowengine.desk.pages import desk_routes
from flowengine.desk.webhooks import Webhooks, webhook_secrets
from flowengine.desk.work import DeskWork
from flowengine.flow.model import Office
from flowengine.runtime.counted import Counted
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.live import LiveCalls
from flowengine.runtime.measuring import measurer
from flowengine.runtime.meters import Meters
from flowengine.runtime.mistakes import Caught
from flowengine.runtime.musicbox import MusicBox
from flowengine.runtime.phrasebook import Phrasebook
from flowengine.runtime.ports import Bus, Clock, Store
from flowengine.runtime.rows import Parcel
from flowengine.runtime.senders import Postman, Sender
from flowengine.runtime.session import Ports
from flowengine.runtime.sweeper import Sweeper
from flowengine.settings import Settings
from flowengine.store import open_store, spool_beside
from flowengine.transcription import TRANSCRIBERS

LINK_SECONDS = 3600.0  # a link of a flow that is no longer loaded


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
    private = private_webhooks or settings.private_webhooks == "yes"
    store = kept(
        open_store(
            settings.database_url,
            encryption_key=settings.encryption_key,
            secret_key=settings.lasting_secret,
            spool=Path(settings.spool) if settings.spool else spool_beside(settings.database_url),
        )
    )
    bus = MemoryBus()
    carrier = CARRIERS["twilio"](settings, clock)
    phrasebook = Phrasebook(AssemblySpeaker(settings), phrases)
    music = MusicBox(allow_private=private)
    access = Access(settings.secret_key, clock, bus, settings.desk_url, store)

    def delivered(parcel: Parcel) -> None:
        what = f"{parcel.event} by {parcel.channel}"
        access.trail.note_later(access.access(parcel.flow, "outbox", "delivered", parcel.call_id, parcel.handoff, what))
        if (parcel.event, parcel.channel) == ("handoff.decided", "webhook"):
            calls.tell(parcel.call_id, lambda at: CardConfirmed(at, "webhook", parcel.handoff))

    senders = {**_senders(settings, flows, clock, access, carrier.texts, private), "desk": DeskWork(store, bus)}
    outbox = Outbox(store, clock, senders, claim=bus.claim, delivered=delivered)
    counted = Counted(Meters(), measurer(store, settings.secret_key), flows, store, clock)
    ports = Ports(
        clock=clock,
        carrier=carrier.client,
        agent=AGENTS["assemblyai"](settings, clock),
        transcriber=TRANSCRIBERS["assemblyai"](settings, clock),
        store=store,
        bus=bus,
        outbox=outbox,
        phrasebook=phrasebook,
        music=music.music,
        ended=counted.call_over,
    )
    calls = LiveCalls(ports, flows)
    sweeper = Sweeper(store, clock, flows.flows, carrier.client.delete_recording)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await store.start()
        await outbox.start()
        sweeping = asyncio.create_task(sweeper.run())
        yield
        sweeping.cancel()
        await asyncio.wait([sweeping])
        await calls.close()
        for port in (phrasebook, outbox, carrier.client, counted, access, bus, store):
            await port.close()

    routes = [
        Route("/healthz", _healthy),
        Route("/readyz", _ready(calls)),
        Route("/metrics", _metrics(counted, calls)),
        *carrier.routes(calls, bus, clock, outbox.report),
        *desk_routes(settings, store, bus, calls, clock, access, flows=flows.flows.get, outbox=outbox),
    ]
    return Engine(
        Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(Caught)]),
        calls,
        store,
        bus,
        access,
        phrasebook,
        flows,
        music,
    )


def _senders(
    settings: Settings, flows: Flowbook, clock: Clock, access: Access, texts: Postman, private: bool
) -> dict[str, Sender]:
    """The channels of the outbox."""

    def link(parcel: Parcel) -> str:
        flow = flows.flows.get(parcel.flow)
        seconds = flow.card.link_expires if flow else LINK_SECONDS
        if parcel.handoff:
            return access.handoff_link(parcel.handoff, parcel.flow, seconds)
        return access.sign_in(parcel.flow)

    def office(flow: str) -> Office | None:
        return flows.flows[flow].office if flow in flows.flows else None

    return {
        "webhook": Webhooks(webhook_secrets(settings), link=link, allow_private=private),
        "sms": Letters(texts, office=office, link=link),
        "email": Letters(Mail(settings.smtp_url, settings.mail_from, clock), office=office, link=link),
    }


async def _healthy(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _ready(calls: LiveCalls) -> Callable[[Request], Awaitable[Response]]:
    """503 while the process waits for its last calls: send it no new ones."""

    async def ready(request: Request) -> Response:
        return JSONResponse(
            {"status": "draining" if calls.draining else "ready"}, status_code=503 if calls.draining else 200
        )

    return ready


def _metrics(counted: Counted, calls: LiveCalls) -> Callable[[Request], Awaitable[Response]]:
    async def metrics(request: Request) -> Response:
        page = await counted.page(running=len(calls.sessions), ignored=calls.ignored)
        return Response(generate_latest(REGISTRY) + page, media_type=CONTENT_TYPE_LATEST)

    return metrics
