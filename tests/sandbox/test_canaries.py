"""What a caller tells, planted in a call and looked for where it must not be: the log at any level, what the process
prints, the figures, the addresses asked of us and by us, and what is said when something of ours breaks.

Each test has its control: the same search finds a leak that is made on purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import re
import sqlite3
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
import uvicorn
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from flowengine.call import events as e
from flowengine.call.journal import encode
from flowengine.call.machine import step
from flowengine.call.state import Call
from flowengine.cli.common import log_to_stderr
from flowengine.flow.compiler import compile_flow
from flowengine.flow.hours import moment
from flowengine.flow.model import Flow
from flowengine.runtime.mistakes import Caught, told_by_loop
from flowengine.sandbox.clock import PacedLoop
from flowengine.sandbox.scenario import changed, read_scenario
from flowengine.sandbox.world import SPEED_WARM, Options, World, call, running
from flowengine.server import configured
from flowengine.store.database import open_engine
from tests.sandbox.play import FLOWS, SPEED

NAME, HEALTH, MEMBER = "Maria Lopez", "quibblewort", "ZQX883204771"
CARD, SOCIAL, BIRTH, PHONE = "4111 1111 1111 1111", "123-45-6789", "May 3 1984", "+13125550147"
CANARIES = (NAME, "Maria", "Lopez", HEALTH, MEMBER, CARD, SOCIAL, BIRTH, "3125550147", "312-555-0147")
REDACTED = (CARD, SOCIAL, BIRTH)
LONG_ENOUGH = 8  # letters and digits that chance does not put together

SCENE = f"""
about: A caller tells a lot, is handed over, and leaves a message after it.
flow: dental_office
at: Tue 10 Nov 2026 10:15am
calls_from: "{PHONE}"
change:
  receptionist:
    greeting: Bright Smile Dental, the automated receptionist.
    find_out:
      - {{field: caller_name, required: true}}
      - {{field: callback_number}}
      - {{field: been_here_before}}
      - {{field: reason, private: true}}
  transfer: {{say_before: I'm connecting you., ring_for: 10s, after_staff_hang_up: take_message}}
  handoff_card: {{crm_webhook: "${{CRM}}", show_on: [staff screen, {{sms: +1 312-555-0190}}]}}
  take_message: {{send_to: [staff screen, {{webhook: "${{CRM}}"}}, {{sms: +1 312-555-0190}}]}}
  privacy: {{redact: [card numbers, social security numbers, dates of birth]}}
caller:
  - says: You charged me twice for my {HEALTH}, I have a billing dispute, my member id is {MEMBER}.
    answers: {{caller_name: {NAME}, reason: "charged twice for the {HEALTH}"}}
  - says: My name is {NAME}. My card is {CARD}, my social is {SOCIAL} and I was born on {BIRTH}.
    answers: {{caller_name: {NAME}, reason: "charged twice for the {HEALTH}"}}
  - hears: Dana here
  - says: It is about the {HEALTH}, my card is {CARD}.
  - hears: Goodbye
staff:
  Dana:
    - accepts
    - says: Hello {NAME}, Dana here. Is it the {HEALTH} again?
    - says: So your social is {SOCIAL}. Goodbye.
    - hangs_up: true
"""


@dataclass
class Leaks:
    """Where canaries were looked for, and what was there."""

    places: dict[str, str] = field(default_factory=dict)

    def found(self, canaries: tuple[str, ...] = CANARIES) -> list[str]:
        """`place: canary`, for each way to write one: plain, as an address has it, in capitals, without spaces."""
        spellings = {
            spelling.casefold(): canary
            for canary in canaries
            for spelling in (
                canary,
                urllib.parse.quote(canary),
                urllib.parse.quote_plus(canary),
                re.sub(r"\s", "", canary),
            )
        }
        return [
            f"{place}: {canary}"
            for place, there in self.places.items()
            for spelling, canary in spellings.items()
            if _stands(spelling, there.casefold())
        ]


def _stands(spelling: str, there: str) -> bool:
    """Whether it was written there. What is short counts as a word of its own: inside sealed lines and tokens any few
    letters come up by chance."""
    if len(spelling) >= LONG_ENOUGH or not spelling.isalnum():
        return spelling in there
    return re.search(rf"(?:(?<![a-z0-9])|(?<=\\[nrt])){spelling}(?![a-z0-9])", there) is not None


@contextlib.contextmanager
def addresses(asked: list[str]) -> Iterator[None]:
    """Every address that is asked by HTTP, by the engine and by the emulated carrier."""
    request = aiohttp.ClientSession._request

    async def noted(self: aiohttp.ClientSession, method: str, url: Any, **more: Any) -> Any:
        asked.append(f"{method} {url} {more.get('params') or ''}")
        return await request(self, method, url, **more)

    aiohttp.ClientSession._request = noted  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        aiohttp.ClientSession._request = request  # type: ignore[method-assign]


@dataclass(frozen=True)
class Ran:
    """What is left of a call: its report, its world, and where to look for leaks."""

    report: dict[str, Any]
    leaks: Leaks
    world: World
    kept: bytes  # the database's files as they were on the disk
    posted: str  # what other systems were sent
    texted: str  # what phones were sent


Look = Callable[..., Ran]


@pytest.fixture
def look(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path) -> Iterator[Look]:
    """Runs the call with the product's own logging at a level, libraries' loggers wide open, the loop in debug mode at
    `debug`, and gathers everything anybody could read."""

    def run(level: str = "debug", *, watch: Callable[[World], None] = lambda world: None, **options: Any) -> Ran:
        log_to_stderr(level)
        caplog.set_level(getattr(logging, level.upper()))
        asked: list[str] = []
        file = tmp_path / f"{level}.db"

        async def whole() -> tuple[dict[str, Any], World, str, bytes]:
            scene = read_scenario("canaries", SCENE)
            source = (FLOWS / "dental_office.yaml").read_text("utf-8")
            flow_file = str(FLOWS / "dental_office.yaml")
            start = moment(compile_flow(changed(source, scene.change), flow_file), scene.at)
            settings = Options(speed=SPEED, database_url=f"sqlite:///{file}", **options)
            asyncio.get_running_loop().set_exception_handler(told_by_loop)
            async with running(flow_file, source, start, scene, settings) as world:
                await world.warm()
                watch(world)
                world.loop.set_speed(SPEED)
                report = await call(world, scene, settings)
                figures = await _figures(world)
                files = [each for each in sorted(file.parent.glob(f"{file.name}*")) if each.is_file()]
                kept = b"".join(each.read_bytes() for each in files)
                return report, world, figures, kept

        with (
            addresses(asked),
            asyncio.Runner(loop_factory=lambda: PacedLoop(SPEED_WARM), debug=level == "debug") as runner,
        ):
            report, world, figures, kept = runner.run(whole())
        gc.collect()  # a task that failed unseen complains when it goes
        out, err = capfd.readouterr()
        carried = "\n".join(request.url for request in world.carrier.requests)
        posts = "\n".join(post.path for post in world.receiver.posts)
        leaks = Leaks(
            {
                "stdout": out,
                "stderr": err,
                "log": caplog.text,
                "figures": figures,
                "addresses": "\n".join([*asked, carried, posts]),
                "texts": "\n".join(message.body for message in world.carrier.messages),
            }
        )
        bodies = "\n".join(post.body for post in world.receiver.posts)
        return Ran(report, leaks, world, kept, bodies, leaks.places["texts"])

    yield run
    structlog.reset_defaults()
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.NOTSET)


async def _figures(world: World) -> str:
    link = urllib.parse.urlsplit(world.engine.access.sign_in(world.flow.key))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{link.scheme}://{link.netloc}/metrics") as answer,
    ):
        assert answer.status == 200
        return await answer.text()


# ---- a call that goes well -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_a_call_leaves_nothing_of_the_caller_anywhere(look: Look, level: str) -> None:
    ran = look(level, encryption_key=Fernet.generate_key().decode())
    assert ran.report["handoffs"][0]["outcome"] == "connected"
    assert NAME in str(ran.report["transcript"])
    assert "message.taken" in ran.posted
    assert HEALTH not in ran.texted
    assert ran.texted
    asked = ran.leaks.places["addresses"]
    assert all(part in asked for part in ("/2010-04-01/Accounts/", "/twilio/voice", "/hooks")), asked[:2000]
    ran.leaks.places["database"] = ran.kept.decode("latin-1")  # there is a key
    assert len(ran.kept) > 10_000
    assert ran.leaks.found() == []


def test_what_is_redacted_is_not_kept_and_not_sent_either(look: Look) -> None:
    ran = look("info")
    assert "[card number]" in str(ran.report["transcript"])
    assert "message.taken" in ran.posted
    assert Leaks({"database": ran.kept.decode("latin-1"), "webhooks": ran.posted}).found(REDACTED) == []
    assert Leaks({"database": ran.kept.decode("latin-1")}).found((HEALTH,)) == [
        f"database: {HEALTH}"
    ]  # there is no key


def test_a_leak_made_on_purpose_is_found(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(event: e.Event) -> tuple[str, str]:
        structlog.get_logger("flowengine.session").info("journalled", body=encode(event)[1])
        return encode(event)

    monkeypatch.setattr("flowengine.runtime.session.encode", leaky)
    assert {f"stderr: {NAME}", f"stderr: {HEALTH}", "stderr: 3125550147"} <= set(look("info").leaks.found())


# ---- when something of ours breaks ---------------------------------------------------------------------------------


def test_a_core_that_fails_says_where_and_nothing_else(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(flow: Flow, call: Call, event: e.Event) -> Any:
        if isinstance(event, e.CallerSaid):
            raise ValueError(f"no idea what to do with {event}")
        return step(flow, call, event)

    monkeypatch.setattr("flowengine.runtime.session.step", broken)
    ran = look("debug")
    assert "step_failed" in ran.leaks.places["stderr"]
    assert ran.leaks.found() == []


def test_a_database_that_fails_says_so_and_nothing_else(look: Look, tmp_path: Path) -> None:
    def breaks(world: World) -> None:
        async def soon() -> None:
            await asyncio.sleep(20)  # call seconds: the caller is speaking
            with contextlib.closing(sqlite3.connect(tmp_path / "debug.db", timeout=5)) as database:
                for table in ("cards", "work", "parcels"):
                    database.execute(f"ALTER TABLE {table} RENAME TO gone_{table}")
                database.commit()

        breaking.append(asyncio.get_running_loop().create_task(soon()))

    breaking: list[asyncio.Task[None]] = []
    ran = look("debug", watch=breaks, encryption_key=Fernet.generate_key().decode())
    assert breaking[0].done()
    assert "store_out_of_reach" in ran.leaks.places["stderr"]
    (spool,) = (tmp_path / "debug.db.spool").iterdir()  # what the database did not take
    ran.leaks.places["spool"] = spool.read_text("utf-8")
    assert ran.leaks.places["spool"].count("\n") > 3
    assert ran.leaks.found() == []


async def test_an_exception_of_the_database_does_not_hold_the_values(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/x.db")
    async with engine.connect() as connection:
        with pytest.raises(OperationalError) as failed:
            await connection.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": NAME})
    await engine.dispose()
    assert Leaks({"exception": f"{failed.value} {failed.value!r}"}).found() == []


async def _fails(request: Request) -> Response:
    raise ValueError(f"what is {request.query_params['q']}?")


async def _breaks_off(request: Request) -> Response:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError(f"what is {request.query_params['q']}?")

    return StreamingResponse(half())


async def _drops(websocket: WebSocket) -> None:
    await websocket.accept()
    raise ValueError(f"what is {websocket.query_params['q']}?")


async def _goes_well(request: Request) -> Response:
    return PlainTextResponse("well")


ROUTES = [
    Route("/fails", _fails),
    Route("/breaks-off", _breaks_off),
    Route("/goes-well", _goes_well),
    WebSocketRoute("/drops", _drops),
]


@contextlib.asynccontextmanager
async def served(app: Starlette, port: int = 0) -> AsyncIterator[str]:
    """As `flowengine serve` does it."""
    server = uvicorn.Server(configured(app, port=port))
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]  # the test handles signals
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  # uvicorn tells nobody otherwise
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def _asked(app: Starlette) -> list[object]:
    """What became of the four addresses."""
    became: list[object] = []
    query = {"q": NAME}
    async with served(app) as address, aiohttp.ClientSession() as session:
        for path in ("/fails", "/breaks-off", "/goes-well"):
            try:
                async with session.get(address + path, params=query) as answer:
                    became += [(answer.status, await answer.text())]
            except aiohttp.ClientPayloadError:
                became.append("broken off")
        async with session.ws_connect(address + "/drops", params=query) as socket:
            became.append((await socket.receive()).data)
    return became


@pytest.mark.wall
async def test_a_route_that_fails_says_where_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("debug")
    became = await _asked(Starlette(routes=ROUTES, middleware=[Middleware(Caught)]))
    structlog.reset_defaults()
    told = capfd.readouterr()
    assert became == [(500, "Something went wrong here. Please try again."), "broken off", (200, "well"), 1011]
    assert told.err.count('"route_failed"') == 3
    assert "test_canaries.py:" in told.err
    assert Leaks({"stderr": told.err, "stdout": told.out}).found() == []


@pytest.mark.wall
async def test_without_that_the_server_would_tell(capfd: pytest.CaptureFixture[str]) -> None:
    await _asked(Starlette(routes=ROUTES))
    assert f"stderr: {NAME}" in Leaks({"stderr": capfd.readouterr().err}).found()


async def _left_alone() -> None:
    """A task that fails with a caller's words, and is looked at by nobody."""

    async def fails() -> None:
        raise ValueError(f"what is {NAME}?")

    task = asyncio.create_task(fails())
    await asyncio.sleep(0.1)
    del task
    gc.collect()
    await asyncio.sleep(0.1)


async def test_a_task_nobody_waits_for_fails_without_its_words(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    log_to_stderr("debug")
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(told_by_loop)
    await _left_alone()
    loop.set_exception_handler(None)
    structlog.reset_defaults()
    err = capfd.readouterr().err
    assert '"loop_complains"' in err
    assert "Task exception was never retrieved" in err
    assert Leaks({"stderr": err, "log": caplog.text}).found() == []


async def test_without_that_the_loop_would_tell(caplog: pytest.LogCaptureFixture) -> None:
    await _left_alone()
    assert f"log: {NAME}" in Leaks({"log": caplog.text}).found()
