"""The world in a box: the engine unchanged, beside an emulated carrier,
voice agent and transcript service, on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, cast

import uvicorn

from flowengine.app import Engine, build
from flowengine.call.journal import decode
from flowengine.call.report import report
from flowengine.desk.webhooks import webhook_secret
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.model import Flow
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.ports import Store
from flowengine.sandbox import carrier as phone
from flowengine.sandbox.agent import AgentBehaviour, Misbehaviour, RefusesConnections, VoiceAgent
from flowengine.sandbox.clock import PacedLoop, PinnedClock, Timeless
from flowengine.sandbox.mailbox import Mailbox
from flowengine.sandbox.receiver import Receiver
from flowengine.sandbox.scenario import Scenario, ScenarioError, changed
from flowengine.sandbox.scripts import caller_party, doubts, staff_party
from flowengine.sandbox.speech import find_words
from flowengine.sandbox.transcriber import StreamFault, StreamingBehaviour, StreamingService
from flowengine.sandbox.trouble import Trouble, troubles
from flowengine.server import configured
from flowengine.settings import FRESH, Settings

PUBLIC = "https://demo.test"
SPEED_WARM = 200.0  # while the phrasebook is rendered, nobody listens
CALL_SECONDS = 900.0  # call seconds a scenario may take

SECRET_KEY = f"{FRESH}sandbox-secret-key-of-this-run"  # it seals nothing: the database may be the user's
# Keys of the emulated vendors; they open nothing else.
ACCOUNT_SID, AUTH_TOKEN, ASSEMBLY_KEY = "AC" + "5a" * 16, "sandbox-auth-token", "sandbox-assembly-key"


@dataclass(frozen=True, slots=True)
class Options:
    """How a scenario is run."""

    speed: float = 1.0
    port: int = 0
    database_url: str = ""
    encryption_key: str = ""
    caller_audio: Path | None = None
    behaviour: phone.Behaviour = field(default_factory=phone.Behaviour)
    agent: AgentBehaviour = field(default_factory=AgentBehaviour)
    misbehaviour: tuple[Misbehaviour, ...] = ()
    transcripts: tuple[StreamFault, ...] = ()
    faults: tuple[phone.Fault, ...] = ()
    control: bool = False  # with the scenario's negative control applied
    sentences: Path | None = None  # a folder in which fixed sentences are kept from one run to the next


@dataclass(frozen=True, slots=True)
class World:
    """Everything running, ready for calls."""

    engine: Engine
    carrier: phone.Carrier
    agent: VoiceAgent
    transcriber: StreamingService
    receiver: Receiver
    mailbox: Mailbox
    clock: LoopClock
    wall: PinnedClock
    flow: Flow
    loop: PacedLoop
    settings: Settings
    sentences: Path | None  # where the engine keeps the fixed ones
    kept: Path | None  # where those of other runs are

    async def warm(self) -> None:
        """Renders the fixed sentences before anybody calls."""
        if self.kept is None or self.sentences is None:
            await self.engine.warm(self.clock)
            return
        shutil.copytree(self.kept, self.sentences)
        await self.engine.warm(self.clock)
        shutil.copytree(self.sentences, self.kept, dirs_exist_ok=True)


@asynccontextmanager
async def running(
    flow_file: str, text: str, start: datetime, scenario: Scenario, options: Options
) -> AsyncIterator[World]:
    """The emulators and the engine, on loopback sockets, at the scenario's moment."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PacedLoop), "the sandbox runs on a PacedLoop"
    now = PinnedClock(loop, start, going=False)
    refused: tuple[Misbehaviour, ...] = (RefusesConnections(times=0),) if scenario.receptionist_fails else ()
    harm = _harm(scenario, options)
    script = (*options.misbehaviour, *refused, *harm.agent)
    agent = VoiceAgent(api_key=ASSEMBLY_KEY, now=now, behaviour=options.agent, script=script)
    sure = StreamingBehaviour(doubts=doubts(scenario))
    transcriber = StreamingService(api_key=ASSEMBLY_KEY, now=now, behaviour=sure, script=options.transcripts)
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="flowengine-"))
        server_socket = stack.enter_context(listening(options.port))
        address = f"http://127.0.0.1:{server_socket.getsockname()[1]}"
        carrier = phone.Carrier(
            account_sid=ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            now=now,
            routes={PUBLIC: address},
            behaviour=options.behaviour,
            faults=(*options.faults, *harm.carrier),
            run=secrets.token_hex(8),  # its calls may be kept beside those of other runs
        )
        receiver, mailbox = Receiver(refusing=harm.refuses_card, secrets=(webhook_secret(SECRET_KEY),)), Mailbox()
        emulators = (agent, transcriber, carrier, receiver, mailbox)
        await asyncio.gather(*(each.start() for each in emulators))
        stack.push_async_callback(_stopped, *emulators)
        settings = Settings(
            public_url=PUBLIC,
            desk_url=address,
            database_url=options.database_url or f"sqlite:///{folder}/calls.db",
            encryption_key=options.encryption_key,
            secret_key=SECRET_KEY,
            twilio_account_sid=ACCOUNT_SID,
            twilio_auth_token=AUTH_TOKEN,
            assemblyai_api_key=ASSEMBLY_KEY,
            twilio_api_url=carrier.api_url,
            voice_agent_url=agent.url,
            streaming_url=transcriber.url,
            smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
            mail_from="desk@demo.test",
        )
        clock = LoopClock(now)
        kept = options.sentences if not script and options.agent == AgentBehaviour() else None  # who speaks as always
        sentences = Path(folder, "sentences") if kept is not None else None
        flows = _flows(flow_file, text, scenario, receiver.url)
        engine = build(
            settings,
            flows,
            clock,
            phrases=sentences,
            private_webhooks=True,
            kept=lambda store: cast(Store, Timeless(store, loop)),
        )
        flow = next(iter(flows.flows.values()))
        async with _served(engine, server_socket):
            _connect(carrier, flow, scenario)
            parts = (engine, carrier, agent, transcriber, receiver, mailbox, clock, now, flow, loop, settings)
            yield World(*parts, sentences, kept)


async def _stopped(*emulators: Stops) -> None:
    await asyncio.gather(*(each.stop() for each in emulators))


class Stops(Protocol):
    async def stop(self) -> None: ...


def _harm(scenario: Scenario, options: Options) -> Trouble:
    try:
        return troubles(scenario.trouble, *([scenario.control] if options.control else []))
    except (KeyError, ValueError) as mistake:
        raise ScenarioError(f"scenario {scenario.name}: {mistake}") from mistake


def _flows(file: str, text: str, scenario: Scenario, receiver: str) -> Flowbook:
    """The flow as the scenario wants it."""
    try:
        return Flowbook({file: changed(text, scenario.change)}, _Receivers(receiver))
    except FlowInvalid as mistake:
        raise ScenarioError(f"scenario {scenario.name} does not fit {file}:\n{mistake}") from mistake


class _Receivers(Mapping[str, str]):
    """Every `${NAME}` of a flow leads to the emulated receiver."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __getitem__(self, name: str) -> str:
        return self._url

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    # With the protocol named: asyncio switches Nagle's delay off for such sockets only, and a document that waits 40 ms
    # for it costs the caller seconds in a fast sandbox.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield listener


@asynccontextmanager
async def _served(engine: Engine, listener: socket.socket) -> AsyncIterator[None]:
    """The engine's app under uvicorn in this loop."""
    server = uvicorn.Server(configured(engine.app, log_level="critical"))
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]  # the sandbox's owner handles signals
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if task.done():
            task.result()
            raise RuntimeError("the engine did not start")
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _connect(carrier: phone.Carrier, flow: Flow, scenario: Scenario) -> None:
    """The office's numbers lead to the engine, each person's phone to that person."""
    for number in flow.office.phone_numbers:
        carrier.add_number(number, f"{PUBLIC}/twilio/voice", status_callback=f"{PUBLIC}/twilio/status")
    for person in flow.people.values():
        for address in person.phones:
            carrier.add_phone(address, staff_party(scenario.script(person.name, address)))


async def call(world: World, scenario: Scenario, options: Options) -> dict[str, Any]:
    """One call from ring to end; the report, with what both sides heard as the carrier measured it."""
    party = caller_party(scenario, options.caller_audio)
    world.wall.begin()
    dialled = scenario.dialled or next(iter(world.flow.office.phone_numbers))
    async with asyncio.timeout(CALL_SECONDS):
        record = await world.carrier.ring_in(
            party, from_=scenario.calls_from, to=dialled, sip=world.flow.office.calls_arrive_by == "sip"
        )
        await world.carrier.settle()
        await world.engine.calls.ended(CALL_SECONDS)
    return await reported(world, record)


async def reported(world: World, record: phone.CallRecord) -> dict[str, Any]:
    row = await world.engine.store.call_by_ref(record.sid)
    assert row is not None, "the engine has no journal of this call"
    entries = await world.engine.store.journal(row.call_id)
    events = [decode(e.kind, e.body) for e in entries if e.kind != "Commands"]
    made: dict[str, Any] = report(world.flow, events)
    began = record.started_at
    staff = [r for r in world.carrier.calls.values() if r.sid != record.sid and r.answered_at is not None]
    made["caller_heard"] = _segments(record, began)
    made["numbers_shown"] = {_name(world.flow, leg.to): leg.from_ for leg in staff}
    made["staff_heard"] = [s for leg in staff for s in _segments(leg, began, person=_name(world.flow, leg.to))]
    if kept := [r for r in world.carrier.recordings.values() if r.call_sid == record.sid and r.spans]:
        made["recorded"] = [_kept(recording, began) for recording in kept]
    return made


def _kept(recording: phone.Recording, began: float) -> dict[str, Any]:
    """A recording of the caller's leg: from when to when, and the words on either side."""
    said, heard = (" ".join(w.text for w in find_words(bytes(audio))) for audio in (recording.audio, recording.heard))
    since, until = recording.spans[0][0] - began, recording.spans[-1][1] - began
    return {"at": round(since, 2), "until": round(until, 2), "said": said, "heard": heard}


def _segments(record: phone.CallRecord, began: float, **more: str) -> list[dict[str, Any]]:
    """`clipped` only where it is so."""
    offset = (record.answered_at or began) - began
    return [
        {"at": round(s.at + offset, 2), "seconds": round(s.seconds, 2), "what": s.what, "text": s.text, **more}
        | ({"clipped": True} if s.clipped else {})
        for s in record.heard
    ]


def _name(flow: Flow, address: str) -> str:
    return next((p.name for p in flow.people.values() if address in p.phones), address)


def play(
    flow_file: str,
    text: str,
    start: datetime,
    scenario: Scenario,
    options: Options,
    watch: Callable[[World], None] = lambda world: None,
) -> dict[str, Any]:
    """One scenario from nothing to its report, on a loop of its own. `watch` gets the world before the call."""

    async def run() -> dict[str, Any]:
        async with running(flow_file, text, start, scenario, options) as world:
            await world.warm()
            watch(world)
            world.loop.set_speed(options.speed)
            return await call(world, scenario, options)

    with asyncio.Runner(loop_factory=lambda: PacedLoop(SPEED_WARM)) as runner:
        return runner.run(run())
