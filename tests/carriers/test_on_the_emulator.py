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
from flowengine.call.commands import Announce, CancelLeg, CarrierCommand, CheckCaller, MoveCaller, MoveStaff, RingStaff
from flowengine.call.documents import (
    AskWhy,
    AwaitTone,
    BriefByAgent,
    BriefStaff,
    ConnectCaller,
    Document,
    HangUp,
    JoinCaller,
    JoinStaff,
    ParkCaller,
    SayToRoom,
    Wait,
)
from flowengine.call.events import (
    AnnouncementAsked,
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
    MachineDetected,
    StaffLeftRoom,
    StaffPressed,
    StaffReturned,
    StaffSaidWhy,
    WaitAsked,
)
from flowengine.carriers.twilio import Twilio
from flowengine.carriers.twilio.waiting import SORRY
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.music import built_in_music
from flowengine.runtime.ports import CallerLine, NoSuchCall
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
    ring: RingStaff = RING
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
        return await self.answer(event)

    async def answer(self, event: Event) -> Document:
        match event:
            case LegAnswered():
                return BriefStaff(LEG, "Bright Smile Dental. Maria Lopez. Press one to accept.", 8.0)
            case StaffPressed(key="1"):
                await self.order(MoveCaller(self.ref, JoinCaller(ROOM)))
                return JoinStaff(LEG, ROOM)
            case CallerLeftRoom() | StaffLeftRoom():
                return HangUp("Goodbye.")
            case CallerReturned():
                return HangUp()
            case _:
                return HangUp()

    async def line_heard(self) -> None:
        """The caller has heard that somebody is being rung."""
        await self.order(self.ring)

    async def order(self, *commands: CarrierCommand) -> None:
        for command in commands:
            await self.company.client.perform("c1", command, self.post, self.at)

    def tell(self, call_id: str, news: Callable[[float], Event]) -> None:
        self.post(news(self.at()))

    def post(self, event: Event) -> None:
        self.events.append(event)

    def at(self) -> float:
        return asyncio.get_running_loop().time()

    async def attach(self, call_id: str, stream: int, line: CallerLine) -> None:
        self.line = Line(self.line_heard)
        line.play(speak("I'm connecting you with our front desk.", "agent", 1))
        line.mark("said")
        await line.run(self.line)

    async def transcribe(
        self, call_id: str, leg: str, run: Callable[[Callable[[bytes], None]], Awaitable[None]]
    ) -> None:
        await run(self.heard.setdefault(leg, bytearray()).extend)

    async def consult(self, call_id: str, leg: str, line: CallerLine) -> None:
        await line.close()

    def music(self, call_id: str) -> bytes:
        return built_in_music()

    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.events]


async def _no_report(letter: str, word: object) -> None:
    """No texts are sent here."""


@contextlib.asynccontextmanager
async def office(
    settings: Settings,
    behaviour: phone.Behaviour = phone.Behaviour(),  # noqa: B008  # frozen
    opened: Callable[[Twilio], Office] = Office,
) -> AsyncIterator[tuple[Office, phone.Carrier]]:
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
        desk = opened(company)
        app = Starlette(routes=company.routes(desk, bus, clock, _no_report))
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
    async with office(settings) as (desk, carrier):
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


# ---- a caller who waits in a room


def said(record: phone.CallRecord, what: str) -> list[str]:
    return [segment.text for segment in record.heard if segment.what == what]


def staff_leg(carrier: phone.Carrier) -> phone.CallRecord:
    """The leg that was rung last."""
    return [record for record in carrier.calls.values() if record.direction == "outbound-api"][-1]


def words_of(audio: bytes | bytearray) -> str:
    return " ".join(word.text for word in find_words(audio))


class Parking(Office):
    """The caller waits alone; whoever accepts walks in, and both are told who the other is."""

    async def line_heard(self) -> None:
        await self.order(MoveCaller(self.ref, ParkCaller(ROOM)), self.ring)

    async def answer(self, event: Event) -> Document:
        match event:
            case WaitAsked():
                asked = self.kinds().count(WaitAsked)
                return Wait("I'm still trying to reach Dana." if asked == 2 else "", "built-in", 6.0)
            case StaffPressed(key="1"):
                return JoinStaff(LEG, ROOM)
            case AnnouncementAsked():
                return SayToRoom("Dana, this is Maria Lopez.")
            case _:
                return await super().answer(event)

    def post(self, event: Event) -> None:
        super().post(event)
        if isinstance(event, JoinedRoom) and event.leg == LEG:
            self.announcing = asyncio.ensure_future(self.order(Announce(ROOM)))


@pytest.mark.parametrize("per_member", [False, True])
async def test_a_parked_caller_hears_music_and_news_then_the_person_who_walks_in(
    settings: Settings, per_member: bool
) -> None:
    behaviour = phone.Behaviour(announcement_per_member=per_member)
    async with office(settings, behaviour, Parking) as (desk, carrier):
        hello: list[phone.Act] = [phone.Waits(4.0), phone.Says("How can I help you?"), phone.Waits(3.0)]
        carrier.add_phone(DANA, phone.staff(after=14.0, acts=hello))
        record = await carrier.ring_in(phone.caller(ONE_CALL), from_="+13125550177", to=NUMBER)
        await carrier.settle()
        assert [warning.code for warning in carrier.warnings] == []
        assert desk.kinds().count(WaitAsked) >= 3
        assert {event.leg for event in desk.events if isinstance(event, JoinedRoom)} == {"c1-caller", LEG}
        notices = " ".join(said(record, "notice"))
        assert "still trying to reach Dana" in notices
        assert "this is Maria Lopez" in notices
        assert "How can I help you?" in said(record, "staff")
        assert max(segment.seconds for segment in record.heard if segment.what == "music") > 5.0
        assert "this is Maria Lopez" in " ".join(said(staff_leg(carrier), "notice"))
        assert "thank" in words_of(desk.heard["c1-caller"]).lower()
        for leg in desk.heard.values():
            assert "Lopez" not in words_of(leg)


async def test_one_lost_answer_costs_a_waiting_caller_nothing_but_news(settings: Settings) -> None:
    class Forgetful(Parking):
        async def answer(self, event: Event) -> Document:
            forgets = isinstance(event, WaitAsked) and self.kinds().count(WaitAsked) in (1, 3)
            return HangUp() if forgets else await super().answer(event)

    async with office(settings, opened=Forgetful) as (desk, carrier):
        carrier.add_phone(DANA, phone.staff("no answer"))
        record = await carrier.ring_in(phone.caller([*ONE_CALL, phone.HangsUp()]), from_="+13125550177", to=NUMBER)
        await carrier.settle()
        assert [warning.code for warning in carrier.warnings] == []
        assert record.hung_up
        assert desk.kinds().count(WaitAsked) >= 4
        assert "still trying" in " ".join(said(record, "notice"))


async def test_a_caller_whose_call_is_lost_is_told_so_and_the_line_ends(settings: Settings) -> None:
    class Lost(Parking):
        async def answer(self, event: Event) -> Document:
            if isinstance(event, WaitAsked):
                raise NoSuchCall("c1")
            return await super().answer(event)

    async with office(settings, opened=Lost) as (_, carrier):
        carrier.add_phone(DANA, phone.staff("no answer"))
        record = await carrier.ring_in(phone.caller([phone.Waits(60.0)]), from_="+13125550177", to=NUMBER)
        assert [warning.code for warning in carrier.warnings] == []
        assert said(record, "notice") == [SORRY]
        assert not record.hung_up


# ---- a person who is briefed


class Consulting(Office):
    """An agent tells Dana who it is; she presses one."""

    staff_ref = ""
    pressed: tuple[str, ...] = ()

    async def answer(self, event: Event) -> Document:
        match event:
            case LegAnswered(_, leg, ref):
                self.staff_ref = ref
                return BriefByAgent(leg)
            case StaffReturned():
                return BriefStaff(LEG, "Maria Lopez. Press one to accept.", 8.0)
            case _:
                return await super().answer(event)

    async def consult(self, call_id: str, leg: str, line: CallerLine) -> None:
        dana = Dana(self.dana_pressed)
        line.play(speak("Maria Lopez is on the line, her crown fell out. Shall I connect you?", "agent", 2))
        line.mark("told")
        await line.run(dana)
        self.heard[f"{leg} briefed"] = bytearray(dana.audio)

    async def dana_pressed(self, key: str) -> None:
        self.pressed = (*self.pressed, key)
        moved = MoveStaff(LEG, self.staff_ref, JoinStaff(LEG, ROOM)), MoveCaller(self.ref, JoinCaller(ROOM))
        await self.order(*moved)


class Dana(Ear):
    """The staff member's line: tells when a key is pressed."""

    def __init__(self, pressed: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._pressed = pressed
        self.tasks: list[asyncio.Task[None]] = []

    def caller_key(self, key: str) -> None:
        super().caller_key(key)
        self.tasks.append(asyncio.ensure_future(self._pressed(key)))


DANA_ASKS: list[phone.Act] = [phone.Waits(6.0), phone.Says("Is she in pain?"), phone.Waits(2.0), phone.Presses("1")]


async def test_a_person_is_briefed_over_a_line_of_their_own_and_moved_to_the_caller(settings: Settings) -> None:
    async with office(settings, opened=Consulting) as (desk, carrier):
        hello: list[phone.Act] = [phone.Says("Hi Maria, this is Dana."), phone.Waits(3.0)]
        carrier.add_phone(DANA, phone.staff(after=2.0, key="", before=DANA_ASKS, acts=hello))
        record = await carrier.ring_in(phone.caller(ONE_CALL), from_="+13125550177", to=NUMBER)
        await carrier.settle()
        assert [warning.code for warning in carrier.warnings] == []
        assert isinstance(desk, Consulting)
        assert desk.pressed == ("1",)
        assert "her crown fell out" in " ".join(said(staff_leg(carrier), "agent"))
        assert "pain" in words_of(desk.heard[f"{LEG} briefed"])
        assert "pain" not in words_of((desk.line or Ear()).audio)
        assert said(record, "staff") == ["Hi Maria, this is Dana."]
        assert {event.leg for event in desk.events if isinstance(event, JoinedRoom)} == {"c1-caller", LEG}


async def test_a_person_whose_line_to_us_ends_is_asked_about(settings: Settings) -> None:
    class Unwilling(Consulting):
        async def consult(self, call_id: str, leg: str, line: CallerLine) -> None:
            """Returns at once, so that the stream is closed."""

    async with office(settings, opened=Unwilling) as (desk, carrier):
        carrier.add_phone(DANA, phone.staff(after=2.0, acts=[phone.Waits(3.0)]))
        await carrier.ring_in(phone.caller(ONE_CALL), from_="+13125550177", to=NUMBER)
        await carrier.settle()
        assert [warning.code for warning in carrier.warnings] == []
        kinds = [kind for kind in desk.kinds() if kind in (LegAnswered, StaffReturned, StaffPressed)]
        assert kinds == [LegAnswered, StaffReturned, StaffPressed]


async def test_who_declines_says_why_with_a_second_key(settings: Settings) -> None:
    class Curious(Office):
        async def answer(self, event: Event) -> Document:
            match event:
                case StaffPressed(key="2"):
                    return AskWhy(LEG, "Press one if you are with a patient.", 4.0)
                case StaffSaidWhy():
                    return HangUp("Thank you.")
                case _:
                    return await super().answer(event)

    async with office(settings, opened=Curious) as (desk, carrier):
        declines: list[phone.Act] = [phone.PressesAsked("2"), phone.PressesAsked("1")]
        carrier.add_phone(DANA, phone.staff("declined", after=2.0, key="", before=declines))
        caller = phone.caller([phone.Waits(25.0), phone.HangsUp()])
        await carrier.ring_in(caller, from_="+13125550177", to=NUMBER)
        await carrier.settle()
        assert [warning.code for warning in carrier.warnings] == []
        assert [event.key for event in desk.events if isinstance(event, StaffPressed | StaffSaidWhy)] == ["2", "1"]
        assert "Thank you." in said(staff_leg(carrier), "notice")


# ---- a machine, a menu, a number


async def rings(
    settings: Settings, ring: RingStaff, party: phone.Party, opened: Callable[[Twilio], Office] = Office
) -> tuple[Office, phone.CallRecord]:
    """Dana's phone is rung so while the caller waits; what happened, and her leg."""
    async with office(settings, opened=opened) as (desk, carrier):
        desk.ring = ring
        carrier.add_phone(DANA, party)
        caller = phone.caller([phone.Waits(45.0), phone.HangsUp()])
        await carrier.ring_in(caller, from_="+13125550177", to=NUMBER)
        await carrier.settle()
        assert [warning.code for warning in carrier.warnings] == []
        return desk, staff_leg(carrier)


class Leaving(Office):
    """A machine is heard out; then it gets a note."""

    staff_ref = ""

    async def answer(self, event: Event) -> Document:
        match event:
            case LegAnswered(_, leg, ref):
                self.staff_ref = ref
                return AwaitTone(leg, 30.0)
            case _:
                return await super().answer(event)

    def tell(self, call_id: str, news: Callable[[float], Event]) -> None:
        super().tell(call_id, news)
        if isinstance(self.events[-1], MachineDetected):
            note = MoveStaff(LEG, self.staff_ref, HangUp("Bright Smile Dental. Please look at your screen."))
            self.leaving = asyncio.ensure_future(self.order(note))


async def test_a_note_is_left_after_the_tone_and_kept_whole(settings: Settings) -> None:
    greeting = "This is Dana. I am not at my desk at the moment. Please leave a message after the tone. " * 2
    machine = phone.staff("voicemail", after=2.0, greeting=greeting)
    desk, leg = await rings(settings, replace(RING, hear_machine_out=True), machine, Leaving)
    assert [event.finished for event in desk.events if isinstance(event, MachineDetected)] == [True]
    assert said(leg, "notice") == ["Bright Smile Dental. Please look at your screen."]


async def test_a_menu_hears_the_extension_and_nobody_takes_it_for_a_machine(settings: Settings) -> None:
    menu = phone.staff(after=2.0, extension="204", acts=[phone.HangsUp()])
    desk, _ = await rings(settings, replace(RING, extension="204"), menu)
    assert MachineDetected not in desk.kinds()
    assert [event.key for event in desk.events if isinstance(event, StaffPressed)] == ["1"]


async def test_staff_see_the_callers_number_by_the_token_of_the_callers_own_leg(settings: Settings) -> None:
    shows = replace(RING, show_caller="+13125550177")
    _, leg = await rings(settings, shows, phone.staff("busy"))
    assert leg.from_ == "+13125550177"


async def test_staff_see_the_office_after_a_restart_or_when_the_number_is_not_the_callers(settings: Settings) -> None:
    class Restarted(Office):
        async def line_heard(self) -> None:
            self.company.client.caller_tokens.forget("c1")
            await super().line_heard()

    shows = replace(RING, show_caller="+13125550177")
    other = replace(RING, show_caller="+13125550178")
    for opened, ring in ((Restarted, shows), (Office, other)):
        _, leg = await rings(settings, ring, phone.staff("busy"), opened)
        assert leg.from_ == NUMBER
