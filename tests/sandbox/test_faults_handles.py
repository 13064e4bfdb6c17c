"""A process without file handles (reliability.md F40), for real: it takes no more than it can, and lives on."""

from __future__ import annotations

import asyncio
import re
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from socket import create_connection
from urllib.parse import urlsplit

import pytest

from flowengine.sandbox.carrier import CallRecord, HangsUp, Says, Until, Waits, caller, staff
from flowengine.sandbox.carrier.party import Act
from tests.sandbox.processes import said
from tests.sandbox.test_serve import FLOW, OFFICE, House, serving, until

pytestmark = [
    pytest.mark.wall,
    pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process is changed"),
]
DANA = "+13125550111"
ONE_CALL = ("sh", "-c", 'ulimit -n 72; exec "$@"', "sh")  # handles enough for one call (runtime/handles.py)


def always_open(folder: Path) -> Path:
    file = folder / FLOW.name
    text = FLOW.read_text("utf-8").partition("\ntests:")[0]
    file.write_text(re.sub(r"(?ms)^hours:\n.*?^people:", "hours:\n  mon-sun: all day\n\npeople:", text), "utf-8")
    return file


async def rings(house: House, n: int, *acts: Act) -> CallRecord:
    async with asyncio.timeout(150):
        return await house.carrier.ring_in(caller(acts, stays=3600), from_=f"+1312555019{n}", to=OFFICE)


@asynccontextmanager
async def talking(house: House) -> AsyncIterator[None]:
    """Somebody is in a call, and stays as long as this lasts."""
    ringing = asyncio.create_task(rings(house, 1))
    async with asyncio.timeout(150):
        while not any(stream.playback.pending for stream in house.carrier.streams.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    (leg,) = (leg for leg in house.carrier._exchange.legs.values() if leg.inbound)
    yield
    assert not leg.record.over
    assert len(leg.streams) == 1  # the one she had from the beginning
    leg.end("completed")
    await ringing


async def test_a_call_that_there_are_no_handles_for_is_dialled_straight_to_a_person(tmp_path: Path) -> None:
    async with serving(tmp_path, *ONE_CALL, flows=always_open(tmp_path)) as house:
        house.carrier.add_phone(DANA, staff(after=0.2, acts=[Says("Dana speaking.")]))
        async with talking(house):
            second = await rings(house, 2, Until("Dana speaking", 120), HangsUp(0.2))
            assert said(second, "staff") == "Dana speaking."
            assert said(second, "agent") == ""


async def test_with_all_handles_taken_a_call_goes_on_and_later_ones_are_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as house:
        (process,) = house.processes
        async with talking(house):
            most = 1 + max(handles(process.pid))
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (most, hard))
            with ExitStack() as held:
                for _ in range(2 * most):
                    held.enter_context(create_connection(where(house)))
                async with asyncio.timeout(150):
                    while len(handles(process.pid)) < most - 1:  # noqa: ASYNC110  # one stays free, to turn others away
                        await asyncio.sleep(0.05)
                await rings(house, 2, Waits(2), HangsUp(0.2))  # whatever becomes of this one
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
            await until(house.address, "/readyz", 200)
            third = await rings(house, 3, Until("automated receptionist", 120), HangsUp(0.2))
            assert "automated receptionist" in said(third, "agent")
        assert process.returncode is None


def handles(pid: int) -> list[int]:
    return [int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()]


def where(house: House) -> tuple[str, int]:
    parts = urlsplit(house.address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
