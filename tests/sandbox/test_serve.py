"""`flowengine serve` as it runs for real: a process of its own, pointed at emulators by environment alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from flowengine.sandbox.agent import AgentBehaviour, VoiceAgent
from flowengine.sandbox.carrier import Carrier, HangsUp, Until, Waits, caller
from flowengine.sandbox.transcriber import StreamingService
from tests.ports import kept_port

pytestmark = pytest.mark.wall
ROOT = Path(__file__).parents[2]
FLOW = ROOT / "flows" / "dental_office.yaml"
SID, TOKEN, KEY, OFFICE, PUBLIC = (
    "AC" + "5a" * 16,
    "token-of-the-test",
    "key-of-the-test",
    "+13125550100",
    "https://phone.test",
)


@dataclass
class House:
    """The carrier, and processes that share one database. It reaches the one at `address`."""

    carrier: Carrier
    environment: dict[str, str]
    flows: Path = FLOW
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)
    address: str = ""

    async def started(self, *under: str) -> asyncio.subprocess.Process:
        """One more process, ready for calls; `under` is a command that starts it."""
        serve = (sys.executable, "-m", "flowengine", "serve", "--flows", str(self.flows))
        with kept_port() as port:
            process = await asyncio.create_subprocess_exec(
                *under, *serve, "--host", "127.0.0.1", "--port", str(port),
                cwd=ROOT, env=self.environment, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            self.processes.append(process)
            await until(f"http://127.0.0.1:{port}", "/readyz", 200)
        self.reaches(f"http://127.0.0.1:{port}")
        return process

    def reaches(self, address: str) -> None:
        self.address = self.carrier._exchange.router._routes[PUBLIC] = address


@asynccontextmanager
async def serving(folder: Path, *under: str, flows: Path = FLOW) -> AsyncIterator[House]:
    """The emulators, and one process of the server beside them."""

    def now() -> datetime:
        return datetime.now(UTC)

    # Speech comes as fast as it is made, so that a busy machine, which is slower than the wall, leaves no hole in it.
    at_once = AgentBehaviour(delivery="burst")
    agent, transcriber = VoiceAgent(api_key=KEY, now=now, behaviour=at_once), StreamingService(api_key=KEY, now=now)
    carrier = Carrier(account_sid=SID, auth_token=TOKEN, now=now, routes={})
    await asyncio.gather(agent.start(), transcriber.start(), carrier.start())
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "FLOWENGINE_PUBLIC_URL": PUBLIC,
        "FLOWENGINE_SECRET_KEY": KEY,
        "FLOWENGINE_DATABASE_URL": f"sqlite:///{folder}/calls.db",
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "ASSEMBLYAI_API_KEY": KEY,
        "FLOWENGINE_TWILIO_API_URL": carrier.api_url,
        "FLOWENGINE_VOICE_AGENT_URL": agent.url,
        "FLOWENGINE_STREAMING_URL": transcriber.url,
    }
    house = House(carrier, environment, flows)
    try:
        carrier.add_number(OFFICE, f"{PUBLIC}/twilio/voice", status_callback=f"{PUBLIC}/twilio/status")
        await house.started(*under)
        yield house
    finally:
        for process in house.processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        await asyncio.gather(carrier.stop(), agent.stop(), transcriber.stop())


async def until(address: str, path: str, status: int) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as web:
        while True:
            try:
                async with web.get(address + path) as answer:
                    if answer.status == status:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def test_a_call_is_answered_and_outlives_the_order_to_stop(tmp_path: Path) -> None:
    async with serving(tmp_path) as house:
        (process,) = house.processes
        script = caller([Until("automated receptionist", 20.0), Waits(9.0), HangsUp()])
        ringing = asyncio.create_task(house.carrier.ring_in(script, from_="+13125550199", to=OFFICE))
        await asyncio.sleep(2.0)
        process.send_signal(signal.SIGTERM)
        await until(house.address, "/readyz", 503)
        record = await asyncio.wait_for(ringing, 60)
        heard = " ".join(s.text for s in record.heard if s.what == "agent")
        assert heard.startswith("Thank you for calling Bright Smile Dental.")
        assert heard.endswith(("How can I help?", "take a message."))
        await asyncio.wait_for(process.wait(), 60)
        assert process.returncode == 0


async def test_requests_nobody_signed_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as house, aiohttp.ClientSession() as web:
        address = house.address
        for path in ("/twilio/voice", "/twilio/status", "/twilio/calls/c1/recovery", "/twilio/legs/c1-staff-1/key"):
            async with web.post(address + path, data={"CallSid": "CA1"}) as answer:
                assert answer.status == 403
        for path in ("/twilio/media", "/twilio/transcript"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await web.ws_connect(address + path)
        async with web.get(address + "/desk/") as page:
            assert page.status == 403


@pytest.mark.parametrize(
    ("signals", "why"),
    [((signal.SIGKILL,), "killed"), ((signal.SIGTERM, signal.SIGTERM), "told twice to stop, the second time for now")],
)
async def test_a_caller_whose_process_ends_goes_on_with_another(
    tmp_path: Path, signals: tuple[signal.Signals, ...], why: str
) -> None:
    """reliability.md F1, F6: her stream breaks, and the carrier asks the next process what she gets."""
    async with serving(tmp_path) as house:
        (first,), one = house.processes, house.address
        await house.started()
        another = house.address
        house.reaches(one)
        script = caller([Until("back", 40.0), Waits(1.0), HangsUp()])
        ringing = asyncio.create_task(house.carrier.ring_in(script, from_="+13125550199", to=OFFICE))
        await asyncio.sleep(3.0)
        house.reaches(another)
        for each in signals:
            first.send_signal(each)
            await asyncio.sleep(0.2)
        record = await asyncio.wait_for(ringing, 60)
        heard = " ".join(s.text for s in record.heard if s.what == "agent")
        assert "I'm back" in heard, why
        await asyncio.wait_for(first.wait(), 60)
