"""A desk with everything real but the calls: SQLite, the memory bus, the routes; and a clock that stands still."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from starlette.applications import Starlette

from flowengine.bus.memory import MemoryBus
from flowengine.call.events import Event
from flowengine.desk import keys
from flowengine.desk.access import Access, Role
from flowengine.desk.pages import desk_routes
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow
from flowengine.resources import example_flow
from flowengine.runtime.ports import Outbox
from flowengine.runtime.rows import CallRow, DeskKey, Entry
from flowengine.settings import Settings
from flowengine.store import SqlStore, open_store
from tests.migrated import migrated

START = datetime(2026, 11, 10, 16, 15, tzinfo=UTC)  # a Tuesday, 10:15 in Chicago
FLOW = "dental_office"
Visit = Callable[[], Awaitable[aiohttp.ClientSession]]  # a new browser; the fixture `visitor` makes them


class Clock:
    """Implements `ports.Clock`; the wall moves only when told, the other with the loop and `later` seconds ahead."""

    def __init__(self) -> None:
        self.wall, self.later = START, 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.later

    def pass_(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)


@dataclass
class Calls:
    """The part of `ports.Calls` that pages use; remembers what it was told."""

    told: list[tuple[str, Event]] = field(default_factory=list)

    def tell(self, call_id: str, news: Callable[[float], Event]) -> None:
        self.told.append((call_id, news(9.0)))


def card(call: str = "c1", number: int = 1, **changes: Any) -> dict[str, Any]:
    """A card as `flowengine.call.card` makes it."""
    return {
        "version": 1,
        "handoff": f"{call}-h{number}",
        "call_id": call,
        "flow": FLOW,
        "office": "Bright Smile Dental",
        "timezone": "America/Chicago",
        "headline": "Maria Lopez: crown fell out, flying tomorrow morning",
        "summary": "",
        "rule": "clinical_question",
        "matched": "lost crown or filling",
        "department": "our clinical team",
        "department_key": "clinical",
        "method": "conference",
        "fields": [
            {"name": "callback_number", "label": "Callback number", "value": "+13125550199", "private": False},
            {"name": "been_here_before", "label": "Been here before", "value": "not given", "private": False},
            {"name": "rule", "label": "Why you", "value": "clinical question", "private": False},
        ],
        "caller": "+13125550199",
        "status": "announcing",
        "status_text": "About to ring",
        "people": [],
        "decided_at": START.isoformat(),
        "transcript_shown": "live",
        "link_expires": 1800.0,
        **changes,
    }


@dataclass
class House:
    """The desk, its surroundings, and short ways to make things happen in them."""

    store: SqlStore
    bus: MemoryBus
    clock: Clock
    calls: Calls
    access: Access
    app: Starlette
    url: str
    sequences: dict[str, int] = field(default_factory=dict)

    async def call(self, call: str = "c1", *, flow: str = FLOW, caller: str = "+13125550199") -> None:
        started = self.clock.now().isoformat()
        await self.store.open_call(CallRow(call, f"CA-{call}", flow, "v", "", started, None))
        await self.journal(call, "CallArrived", at=0.0, caller=caller)
        news = {"type": "call", "call_id": call, "state": "talking", "caller": caller, "since": started}
        await self.bus.publish(f"office:{flow}", news)

    async def key(self, name: str = "Front desk", *departments: str, manager: bool = False, flow: str = FLOW) -> str:
        """Somebody may sign in; returns the passphrase."""
        phrase, others = keys.passphrase(), await self.store.desk_keys(flow)
        made, secret = self.clock.now().isoformat(), keys.secret(phrase, others)
        role: Role = "manager" if manager else "staff"
        new = DeskKey(f"k{len(others) + 1}-{flow}", flow, name, role, departments, secret, made)
        await self.store.save_desk_key(new)
        return phrase

    async def journal(self, call: str, kind: str, **body: Any) -> int:
        """Journals as the session does: the event, then its commands. Returns the event's number."""
        number = self.sequences.get(call, 0) + 1
        self.sequences[call] = number + 1
        await self.store.append(call, [Entry(number, kind, json.dumps(body)), Entry(number + 1, "Commands", "[]")])
        return number

    async def show(self, card: Mapping[str, Any]) -> None:
        call, flow = str(card["call_id"]), str(card["flow"])
        await self.store.save_card(str(card["handoff"]), call, flow, card, self.clock.now().isoformat())
        for topic in (f"call:{call}", f"office:{flow}"):
            await self.bus.publish(topic, {"type": "card", "card": card, "id": self.sequences.get(call, 0)})

    async def hear(self, speaker: str, text: str, at: float, *, call: str = "c1", turn: str = "t") -> int:
        """A partial of the recogniser: never journalled."""
        line = {"type": "line", "speaker": speaker, "text": text, "final": False, "turn": turn, "at": at, "id": None}
        await self.bus.publish(f"call:{call}", line)
        return 0

    async def say(self, speaker: str, text: str, at: float, *, call: str = "c1", turn: str = "t") -> int:
        kind = {"caller": "CallerSaid", "agent": "AgentSaid", "staff": "StaffSaid"}[speaker]
        number = await self.journal(call, kind, at=at, text=text)
        line = {"type": "line", "speaker": speaker, "text": text, "final": True, "turn": turn, "at": at, "id": number}
        await self.bus.publish(f"call:{call}", line)
        return number

    async def gap(self, leg: str, at: float, open_: bool, *, call: str = "c1") -> None:
        number = await self.journal(call, "TranscriptGap", at=at, leg=leg, open=open_)
        await self.bus.publish(f"call:{call}", {"type": "gap", "leg": leg, "open": open_, "id": number})

    async def end(self, call: str = "c1", outcome: str = "connected", *, flow: str = FLOW) -> None:
        await self.store.close_call(call, outcome)
        await self.bus.publish(f"call:{call}", {"type": "ended", "outcome": outcome, "id": self.sequences.get(call, 0)})
        await self.bus.publish(f"office:{flow}", {"type": "call", "call_id": call, "state": "ended"})

    async def work(self, work: str, kind: str, **fields: str) -> None:
        at = self.clock.now().isoformat()
        await self.store.save_work(work, work[:2], FLOW, kind, "front_desk", fields, at)
        item = {"work": work, "call_id": work[:2], "kind": kind, "department": "front_desk", "fields": fields, "at": at}
        await self.bus.publish(f"office:{FLOW}", {"type": "work", "work": item})


@cache
def office() -> Flow:
    """The example office, as it is served."""
    return compile_flow(example_flow(FLOW).read_text("utf-8"), f"{FLOW}.yaml", load=lambda name: "")


@asynccontextmanager
async def house(
    folder: Path, url: str = "http://127.0.0.1:8000", *, outbox: Outbox | None = None, spool: Path | None = None
) -> AsyncIterator[House]:
    database = folder / "desk.db"
    if not database.exists():
        migrated(database)
    store, bus, clock, calls = open_store(f"sqlite:///{database}", spool=spool), MemoryBus(), Clock(), Calls()
    await store.start()
    access = Access("a secret of the test", clock, bus, url, store)
    flows = {FLOW: office()}.get
    routes = desk_routes(Settings(), store, bus, calls, clock, access, flows=flows, outbox=outbox)  # type: ignore[arg-type]  # only `tell` is used
    yield House(store, bus, clock, calls, access, Starlette(routes=routes), url)
    await bus.close()
    await access.close()
    await store.close()


async def enter(browser: aiohttp.ClientSession, link: str) -> str:
    """Opens a link as a person does, with the tap on its button, and returns the page behind it."""
    async with browser.get(link) as answer:
        page = await answer.text()
        assert answer.status == 200, answer.status
    if 'name="csrf"' not in page or "This link works once" not in page:
        return page  # led on at once: this browser may see it already
    async with browser.post(link, data={"csrf": csrf(page)}, headers=SAME) as answer:
        assert answer.status == 200, answer.status
        return await answer.text()


SAME = {"Sec-Fetch-Site": "same-origin"}  # what a browser says of a form on a page of ours


def csrf(page: str) -> str:
    """The proof that a form of this page carries."""
    return page.partition('name="csrf" value="')[2].partition('"')[0]


async def visit(page: Any, link: str) -> None:
    """The same in a real browser."""
    await page.goto(link)
    if await page.locator("main.door form button").count():
        await page.locator("main.door form button").click()


async def eventually(holds: Callable[[], object]) -> None:
    """Waits until something holds that nobody announces."""
    async with asyncio.timeout(120):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Server:
    """The house on a real socket; may be stopped and started again on the same port."""

    def __init__(self, app: Starlette, port: int) -> None:
        self._app, self._port = app, port

    async def start(self) -> None:
        config = uvicorn.Config(
            self._app, "127.0.0.1", self._port, log_config=None, lifespan="off", timeout_graceful_shutdown=1, ws="none"
        )
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the test keeps its signals
        self._task = asyncio.create_task(self._server._serve())
        await eventually(lambda: self._server.started)

    async def stop(self) -> None:
        """At once, as a machine that goes away."""
        self._server.should_exit = True
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        await asyncio.wait_for(self._task, 120)
