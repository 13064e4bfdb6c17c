"""The adapter on the emulated carrier: sockets, signatures and documents as in life, and nothing it objects to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

import pytest
import uvicorn
from starlette.applications import Starlette

from flowengine.bus.memory import MemoryBus
from flowengine.call.commands import (
    BriefStaff,
    CancelLeg,
    CheckCaller,
    ConnectCaller,
    Document,
    HangUp,
    JoinCaller,
    JoinStaff,
    MoveCaller,
    RingStaff,
)
from flowengine.call.events import (
    CallerHungUp,
    CallerLeftRoom,
    CallerReturned,
    Event,
    JoinedRoom,
    LeftRoom,
    LegAnswered,
    LegCreated,
    LegEnded,
    LegRinging,
    StaffLeftRoom,
    StaffPressed,
)
from flowengine.carriers.twilio import Twilio
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.ports import CallerLine
from flowengine.sandbox import carrier as phone
from flowengine.sandbox.clock import PinnedClock
from flowengine.sandbox.speech import find_words, speak
from flowengine.settings import Settings

from .conftest import Ear

NUMBER, DANA = "+13125550100", "+13125550111"
LEG, ROOM = "c1-staff-1", "c1-room-1"
RING = RingStaff(LEG, DANA, 20.0, NUMBER)


class Line(Ear):
    """The caller's line: says one sentence, and tells when it has been heard."""

    def __init__(self, heard: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._heard = heard
        self.tasks: list[asyncio.Task[None]] = []

    def caller_mark(self, name: str) -> None:
        super().caller_mark(name)
        self.tasks.append(asyncio.ensure_future(self._heard()))


@dataclass
class Office:
    """One call that is always handed to Dana: what the core does, told as briefly as possible."""

    company: Twilio
    events: list[Event] = field(default_factory=list)
    heard: dict[str, bytearray] = field(default_factory=dict)
    line: Line | None = None
    ref: str = ""

    async def arrive(
        self, *, ref: str, caller: str, dialled: str, arrives_by: Literal["phone", "sip"]
    ) -> tuple[str, Document]:
        self.ref = ref
        return "c1", ConnectCaller(1)

    async def ask(self, call_id: str, question: Callable[[float, str], Event]) -> Document:
        self.events.append(event := question(self.at(), "r1"))
        match event:
            case LegAnswered():
                return BriefStaff(LEG, "Bright Smile Dental. Maria Lopez. Press one to take the call.", 8.0)
            case StaffPressed(key="1"):
                await self.company.client.perform("c1", MoveCaller(self.ref, JoinCaller(ROOM)), self.post, self.at)
                return JoinStaff(LEG, ROOM)
            case CallerLeftRoom() | StaffLeftRoom():
                return HangUp("Goodbye.")
            case CallerReturned():
                return HangUp()
            case _:
                return HangUp()

    def tell(self, call_id: str, news: Callable[[float], Event]) -> None:
        self.post(news(self.at()))

    def post(self, event: Event) -> None:
        self.events.append(event)

    def at(self) -> float:
        return asyncio.get_running_loop().time()

    async def attach(self, call_id: str, stream: int, line: CallerLine) -> None:
        async def ring() -> None:
            await self.company.client.perform("c1", RING, self.post, self.at)

        self.line = Line(ring)
        line.play(speak("I'm connecting you with our front desk.", "agent", 1))
        line.mark("said")
        await line.run(self.line)

    async def transcribe(
        self, call_id: str, leg: str, run: Callable[[Callable[[bytes], None]], Awaitable[None]]
    ) -> None:
        await run(self.heard.setdefault(leg, bytearray()).extend)

    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.events]


@contextlib.asynccontextmanager
async def office(settings: Settings, behaviour: phone.Behaviour) -> AsyncIterator[tuple[Office, phone.Carrier]]:
    now = PinnedClock(asyncio.get_running_loop(), datetime(2026, 11, 10, 16, 15, tzinfo=UTC))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        inside = f"http://127.0.0.1:{listener.getsockname()[1]}"
        carrier = phone.Carrier(
            account_sid=settings.twilio_account_sid,
            auth_token=settings.twilio_auth_token,
            now=now,
            routes={settings.public_url: inside},
            behaviour=behaviour,
        )
        await carrier.start()
        clock, bus = LoopClock(now), MemoryBus()
        company = Twilio(replace(settings, twilio_api_url=carrier.api_url), clock)
        desk = Office(company)
        app = Starlette(routes=company.routes(desk, bus, clock))
        config = uvicorn.Config(
            app, log_level="critical", lifespan="off", ws="websockets-sansio", ws_ping_interval=None
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        carrier.add_number(
            NUMBER, f"{settings.public_url}/twilio/voice", status_callback=f"{settings.public_url}/twilio/status"
        )
        try:
            yield desk, carrier
        finally:
            await carrier.stop()
            await company.client.close()
            await bus.close()
            server.should_exit = True
            await serving


ONE_CALL: list[phone.Act] = [
    phone.Says("My crown just fell out."),
    phone.Waits(20.0),
    phone.Says("Thank you so much."),
    phone.Waits(4.0),
]


@pytest.mark.parametrize("callbacks", ["in order", "twice", "shuffled"])
async def test_a_call_is_handed_to_a_person_and_both_are_transcribed(
    settings: Settings, callbacks: Literal["in order", "twice", "shuffled"]
) -> None:
    async with office(settings, phone.Behaviour(callbacks=callbacks)) as (desk, carrier):
        carrier.add_phone(DANA, phone.staff(after=2.0, acts=[phone.Says("Hi Maria, this is Dana."), phone.Waits(3.0)]))
        record = await carrier.ring_in(phone.caller(ONE_CALL), from_="+13125550177", to=NUMBER)
        await carrier.settle()
        assert [warning.code for warning in carrier.warnings] == []
        assert set(desk.kinds()) >= {LegCreated, LegRinging, LegAnswered, StaffPressed, JoinedRoom, LeftRoom, LegEnded}
        joined = {event.leg for event in desk.events if isinstance(event, JoinedRoom)}
        assert joined == {"c1-caller", LEG}
        assert "crown" in " ".join(word.text for word in find_words((desk.line or Ear()).audio))
        assert "Dana" in " ".join(word.text for word in find_words(desk.heard[LEG]))
        assert "thank" in " ".join(word.text for word in find_words(desk.heard["c1-caller"])).lower()
        said = [segment.text for segment in record.heard if segment.what == "agent"]
        assert said == ["I'm connecting you with our front desk."]


async def test_a_cancelled_phone_stops_ringing_and_a_gone_caller_is_noticed(settings: Settings) -> None:
    async with office(settings, phone.Behaviour()) as (desk, carrier):
        carrier.add_phone(DANA, phone.staff("no answer"))
        caller = phone.caller([phone.Waits(9.0), phone.HangsUp()])
        await carrier.ring_in(caller, from_="+13125550177", to=NUMBER)
        [ref] = {event.ref for event in desk.events if isinstance(event, LegCreated)}
        client = desk.company.client
        await client.perform("c1", CancelLeg(LEG, ref), desk.post, desk.at)
        await carrier.settle()
        assert [event.outcome for event in desk.events if isinstance(event, LegEnded)] == ["cancelled"]
        desk.events.clear()
        await client.perform("c1", CheckCaller(desk.ref), desk.post, desk.at)
        assert desk.kinds() == [CallerHungUp]
