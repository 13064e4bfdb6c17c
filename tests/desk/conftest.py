"""A desk on a real socket, and browsers without a window to visit it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

import flowengine.desk
from flowengine.desk import trail
from tests.ports import kept_port

from .house import House, Server, Visit, house


@pytest.fixture(autouse=True)
def a_busy_machine_is_no_failed_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages wait for the store by the wall; what is tested here is what they say, not how busy this machine is."""
    if {"desk", "server"} & set(request.fixturenames):
        monkeypatch.setattr(trail, "PATIENCE", 120.0)
    for found in pkgutil.iter_modules(flowengine.desk.__path__, "flowengine.desk."):
        module = importlib.import_module(found.name)
        if hasattr(module, "LOAD_SECONDS"):
            monkeypatch.setattr(module, "LOAD_SECONDS", 120.0)


@pytest.fixture
def port() -> Iterator[int]:
    with kept_port() as kept:
        yield kept


@pytest_asyncio.fixture
async def desk(tmp_path: Path, port: int) -> AsyncIterator[House]:
    async with house(tmp_path, f"http://127.0.0.1:{port}") as built:
        server = Server(built.app, port)
        await server.start()
        yield built
        await server.stop()


@pytest_asyncio.fixture
async def visitor(desk: House) -> AsyncIterator[Visit]:
    """Makes a new browser: nothing known of it, cookies kept from then on."""
    opened: list[aiohttp.ClientSession] = []

    async def visit() -> aiohttp.ClientSession:
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
        opened.append(aiohttp.ClientSession(desk.url, cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=600)))
        return opened[-1]

    yield visit
    for session in opened:
        await session.close()


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Any]:
    """A real browser; for tests marked with `browsing.IN_CHROMIUM`."""
    from .browsing import started

    async with started() as browser:
        yield browser


@pytest_asyncio.fixture
async def server(tmp_path: Path, port: int) -> AsyncIterator[tuple[House, Server]]:
    """The house on a real socket that a test may stop and start."""
    async with house(tmp_path, f"http://127.0.0.1:{port}") as built:
        running = Server(built.app, port)
        await running.start()
        yield built, running
        await running.stop()
