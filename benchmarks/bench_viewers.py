"""Many people watch one call: how soon a line is on their screens, what a viewer costs, and whether calls notice.

    python benchmarks/bench_viewers.py [--viewers 500] [--lines 40] [--browser] [--json]

One process serves the desk as the engine does (the same server, routes, store and bus); another opens the viewers, each
with a session and a socket of its own, on the page of one hand-off. A line is journalled and published twice a second.

What is measured, and why so:

- *Line to screen* is from the moment the line is published until a viewer's socket has read it, over all lines and
  viewers; both processes read the same monotonic clock. The viewers share one processor core here, so their own
  reading is in it. With `--browser`, one of them is Chromium besides, and its figure ends when the words are in the
  page.
- *Memory* is what the serving process holds more with its viewers than before they came, divided by them.
- *Frames* stand for the media path: callbacks 20 ms apart on the serving process's loop, as audio frames come; measured
  is how late each runs. A frame that waits behind a page is late by just that. Once without viewers, once with them,
  while the same lines are journalled and published. `--burst` says lines as fast as the store takes them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response

from flowengine.bus.memory import MemoryBus
from flowengine.desk.access import Access
from flowengine.desk.pages import desk_routes
from flowengine.flow.compiler import compile_flow
from flowengine.resources import example_flow
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.ports import Calls
from flowengine.runtime.rows import CallRow, DeskKey, Entry
from flowengine.server import configured, settle_memory
from flowengine.settings import Settings
from flowengine.store import SqlStore, open_store

FLOW, CALL, HANDOFF = "dental_office", "c1", "c1-h1"
FRAME_SECONDS = 0.02
LINE_EVERY = 0.5
SETTLE_SECONDS = 2.0
OPEN_SECONDS = 60.0
AT_ONCE = 50  # viewers that open their page together
PATH = f"/desk/handoffs/{HANDOFF}/events"


# ---- figures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds."""

    median: float
    p99: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        ordered = sorted(seconds)
        at = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 for share in (0.5, 0.99, 1.0)]
        return cls(*(round(each, 2) for each in at))

    def __str__(self) -> str:
        return f"median {self.median:8.2f} ms   p99 {self.p99:8.2f} ms   most {self.most:8.2f} ms"


class Frames:
    """Callbacks 20 ms apart; remembers how late each was."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self.late: list[float] = []
        self._next()

    def _next(self) -> None:
        """By the system's clock: a loop's own stands still while it works."""
        self._due = time.monotonic() + FRAME_SECONDS
        self._handle = self._loop.call_later(FRAME_SECONDS, self._frame)

    def _frame(self) -> None:
        self.late.append(time.monotonic() - self._due)
        self._next()

    def stop(self) -> Spread:
        self._handle.cancel()
        return Spread.of(self.late)


def _memory() -> int:
    """Bytes this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# ---- the viewers, in a process of their own --------------------------------------------------------------------------


class Viewer(asyncio.Protocol):
    """A browser as the server sees it: asks for the news of a page and reads."""

    def __init__(self, cookie: str, took: list[float], opened: list[int]) -> None:
        self._request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode()
        self._took, self._opened, self._rest, self._greeted = took, opened, b"", False
        self._began = time.monotonic()  # lines said earlier are told again on opening, and not measured

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            if not self._greeted and b'"card"' in event:
                self._greeted = True
                self._opened.append(1)
            _, _, said = event.partition(b"said at ")
            if said and self._greeted and float(said.split()[0]) > self._began:
                self._took.append(now - float(said.split()[0]))


async def _view(port: int, cookies: Sequence[str], pipe: Connection) -> None:
    loop, took, opened = asyncio.get_running_loop(), list[float](), list[int]()
    transports = []
    for number in range(0, len(cookies), AT_ONCE):
        several = cookies[number : number + AT_ONCE]
        connecting = (loop.create_connection(partial(Viewer, c, took, opened), "127.0.0.1", port) for c in several)
        transports += [transport for transport, _ in await asyncio.gather(*connecting)]
        async with asyncio.timeout(OPEN_SECONDS):
            while len(opened) < len(transports):  # noqa: ASYNC110  # nobody announces it
                await asyncio.sleep(0.01)
    pipe.send(len(opened))
    await loop.run_in_executor(None, pipe.recv)
    for transport in transports:
        transport.close()
    pipe.send(took)


def viewers(port: int, cookies: Sequence[str], pipe: Connection) -> None:
    asyncio.run(_view(port, cookies, pipe))


# ---- the desk --------------------------------------------------------------------------------------------------------


class NoCalls:
    """The part of `ports.Calls` that the page uses."""

    def tell(self, call_id: str, news: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Desk:
    store: SqlStore
    bus: MemoryBus
    access: Access
    server: uvicorn.Server
    port: int

    async def say(self, number: int) -> None:
        """A line, journalled and then published, as a session does it."""
        text = f"Line {number}, said at {time.monotonic():.6f} by the caller"
        entry = Entry(2 * number, "CallerSaid", json.dumps({"at": float(number), "text": text}))
        await self.store.append(CALL, [entry, Entry(2 * number + 1, "Commands", "[]")])
        line = {"type": "line", "speaker": "caller", "text": text, "final": True, "turn": f"t{number}"}
        await self.bus.publish(f"call:{CALL}", {**line, "at": float(number), "id": 2 * number})

    def cookies(self, count: int) -> Iterator[str]:
        """A session for each viewer."""
        key = DeskKey("k1", FLOW, "Front desk", "staff", (), "", "")
        for _ in range(count):
            self.access.grant(response := Response(), self.access.admit(key))
            yield response.headers["set-cookie"].partition(";")[0]


async def opened(folder: Path) -> Desk:
    """The desk with one live hand-off, on a socket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    store, bus, clock = open_store(f"sqlite:///{folder}/desk.db"), MemoryBus(), LoopClock()
    await store.start()
    access = Access("a secret of the benchmark", clock, bus, f"http://127.0.0.1:{port}", store)
    flow = compile_flow(example_flow(FLOW).read_text("utf-8"), f"{FLOW}.yaml", load=lambda name: "")
    routes = desk_routes(Settings(), store, bus, cast(Calls, NoCalls()), clock, access, flows={FLOW: flow}.get)
    now = datetime.now(UTC).isoformat()
    await store.save_desk_key(DeskKey("k1", FLOW, "Front desk", "staff", (), "", now))
    await store.open_call(CallRow(CALL, "CA1", FLOW, "v", "", now, None))
    await store.append(CALL, [Entry(1, "CallArrived", json.dumps({"caller": ""}))])
    card = {"handoff": HANDOFF, "call_id": CALL, "flow": FLOW, "office": "Bright Smile Dental", "status": "connected"}
    shown = {"headline": "A caller needs a person", "timezone": "America/Chicago", "decided_at": now, "fields": []}
    await store.save_card(HANDOFF, CALL, FLOW, {**card, **shown, "transcript_shown": "live", "people": []}, now)
    server = uvicorn.Server(configured(Starlette(routes=routes), port=port))
    asyncio.get_running_loop().create_task(server.serve()).add_done_callback(lambda _: None)
    while not server.started:  # noqa: ASYNC110  # nobody announces it
        await asyncio.sleep(0.01)
    settle_memory()  # as the engine's own server does
    return Desk(store, bus, access, server, port)


@dataclass
class Lines:
    """Says lines and watches frames meanwhile."""

    desk: Desk
    count: int
    every: float
    said: int = 0

    async def measured(self) -> Spread:
        frames = Frames()
        for _ in range(self.count):
            self.said += 1
            await self.desk.say(self.said)
            await asyncio.sleep(self.every)
        return frames.stop()


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    desk, loop = await opened(folder), asyncio.get_running_loop()
    lines = Lines(desk, options.lines, 0.0 if options.burst else LINE_EVERY)
    await asyncio.sleep(SETTLE_SECONDS)
    alone, before = await lines.measured(), _memory()
    here, there = multiprocessing.get_context("spawn").Pipe()
    cookies = list(desk.cookies(options.viewers))
    process = multiprocessing.get_context("spawn").Process(target=viewers, args=(desk.port, cookies, there))
    process.start()
    began = loop.time()
    watching = await loop.run_in_executor(None, here.recv)
    opening, after = loop.time() - began, _memory()
    browser = await _browser(desk) if options.browser else None
    await asyncio.sleep(SETTLE_SECONDS)
    used = time.process_time()
    beside = await lines.measured()
    used = time.process_time() - used
    await asyncio.sleep(SETTLE_SECONDS)
    here.send("enough")
    took = await loop.run_in_executor(None, here.recv)
    process.join()
    found = {
        "viewers": watching,
        "lines": options.lines,
        "arrived": len(took),
        "expected": watching * options.lines,
        "line_to_socket_ms": Spread.of(took),
        "line_to_browser_ms": await browser.figures(options.lines) if browser else None,
        "opening_seconds": round(opening, 2),
        "memory_per_viewer_kb": round((after - before) / 1024 / watching, 1),
        "processor_ms_per_line": round(used / options.lines * 1000, 1),
        "frames_late_alone_ms": alone,
        "frames_late_beside_ms": beside,
    }
    desk.server.should_exit = True
    await desk.bus.close()
    await asyncio.sleep(0.5)
    await desk.access.close()
    await desk.store.close()
    return found


# ---- one real browser ------------------------------------------------------------------------------------------------

_WATCH = """() => {
  window.took = [];
  new MutationObserver((changes) => {
    for (const change of changes) for (const item of change.addedNodes) {
      const said = /said at ([\\d.]+)/.exec(item.textContent ?? "");
      if (said) window.took.push([Number(said[1]), Date.now() / 1000]);
    }
  }).observe(document.getElementById("lines"), { childList: true });
}"""


@dataclass
class Browser:
    driver: Any
    browser: Any
    page: Any

    async def figures(self, lines: int) -> Spread:
        """The page's clock is the wall's: both are read once to compare them."""
        wall = time.time() - time.monotonic()
        seen = (await self.page.evaluate("window.took"))[-lines:]
        await self.browser.close()
        await self.driver.stop()
        return Spread.of([at - wall - said for said, at in seen])


async def _browser(desk: Desk) -> Browser:
    from playwright.async_api import async_playwright

    driver = await async_playwright().start()
    browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    context = await browser.new_context()
    name, _, value = next(desk.cookies(1)).partition("=")
    await context.add_cookies([{"name": name, "value": value, "url": desk.access.desk_url}])
    page = await context.new_page()
    await page.goto(f"{desk.access.desk_url}/desk/handoffs/{HANDOFF}")
    await page.wait_for_selector('#connection[data-state="live"]')
    await page.evaluate(_WATCH)
    return Browser(driver, browser, page)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--burst", action="store_true", help="lines as fast as the store takes them")
    parser.add_argument("--browser", action="store_true", help="one viewer more, in Chromium")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    run: Any = asyncio.run
    with suppress(ImportError):
        import uvloop

        run = uvloop.run
    with tempfile.TemporaryDirectory() as folder:
        found = run(measure(options, Path(folder)))
    if options.json:
        print(json.dumps(found, default=lambda spread: {name: getattr(spread, name) for name in spread.__slots__}))
        return
    print(f"{found['viewers']} viewers of one call, {options.lines} lines")
    print(f"{found['arrived']} of {found['expected']} arrived")
    print(f"line to a viewer's socket      {found['line_to_socket_ms']}")
    if found["line_to_browser_ms"]:
        print(f"line to the page in Chromium   {found['line_to_browser_ms']}")
    print(f"frames late, no viewers        {found['frames_late_alone_ms']}")
    print(f"frames late, beside viewers    {found['frames_late_beside_ms']}")
    print(f"processor per line {found['processor_ms_per_line']} ms")
    print(f"memory per viewer {found['memory_per_viewer_kb']} KB")
    print(f"all pages opened within {found['opening_seconds']} s")


if __name__ == "__main__":
    main()
