"""Orders against a REST service that refuses, stalls and breaks: nothing rings twice, nothing raises."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from flowengine.call.commands import (
    Announce,
    Answer,
    CancelLeg,
    CarrierCommand,
    CheckCaller,
    MoveCaller,
    MoveStaff,
    RingStaff,
)
from flowengine.call.documents import HangUp, JoinCaller
from flowengine.call.events import (
    CallerHungUp,
    CallerMoved,
    CallerMoveFailed,
    Event,
    LegCreated,
    LegEnded,
    LegUnknown,
)
from flowengine.carriers.twilio.client import TwilioCarrier
from flowengine.settings import Settings

from .conftest import HandClock

LEG, REF = "c1-staff-1", "CA" + "7" * 32
RING = RingStaff(LEG, "+13125550111", 20.0, "+13125550100", most_seconds=3600.0)
Reply = Callable[[web.Request], web.StreamResponse | None]


def answer(http: int, **body: object) -> Reply:
    return lambda request: web.json_response(body, status=http)


def trouble(status: int, code: int) -> Reply:
    return answer(status, code=code, message="a sentence with +13125550111 in it", more_info="", status=status)


def call(status: str = "queued") -> Reply:
    return answer(201, sid=REF, status=status)


def page(status: int) -> Reply:
    return lambda request: web.Response(status=status, text="<html>not JSON</html>", content_type="text/html")


def silence(request: web.Request) -> None:
    """The order is taken, the answer never comes."""


def cut(request: web.Request) -> None:
    """The order is taken, then the connection breaks."""
    assert request.transport is not None
    request.transport.abort()


@dataclass
class Rest:
    """The REST service: gives its replies in order, then the last one again, and keeps what it was sent."""

    replies: Sequence[Reply]
    seen: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    authorization: str = ""
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        self.authorization = request.headers["Authorization"]
        self.seen.append((request.method, request.path, {name: [str(v) for v in form.getall(name)] for name in form}))
        self.queries.append(dict(request.query))
        reply = self.replies[min(len(self.seen), len(self.replies)) - 1](request)
        if reply is None:
            await asyncio.sleep(30)
            return web.Response()
        return reply

    def forms(self) -> list[dict[str, str]]:
        return [{name: values[0] for name, values in form.items()} for _, _, form in self.seen]


@asynccontextmanager
async def rest(*replies: Reply) -> AsyncIterator[Rest]:
    service = Rest(replies)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()


async def perform(settings: Settings, url: str, *commands: CarrierCommand, token: str = "") -> list[Event]:
    """What becomes of some orders; `token` is that of the caller's own leg."""
    carrier, posted = TwilioCarrier(replace(settings, twilio_api_url=url), HandClock()), list[Event]()
    carrier.caller_tokens.learn("c1", token)
    try:
        for command in commands:
            await carrier.perform("c1", command, posted.append, lambda: 4.5)
    finally:
        await carrier.close()
    return posted


# ---- ringing


async def test_a_phone_is_rung_on_a_leg_of_its_own(settings: Settings) -> None:
    async with rest(call()) as service:
        assert await perform(settings, service.url, RING) == [LegCreated(4.5, LEG, REF)]
    [(method, path, form)] = service.seen
    assert (method, path) == ("POST", f"/2010-04-01/Accounts/{settings.twilio_account_sid}/Calls.json")
    assert form == {
        "To": ["+13125550111"],
        "From": ["+13125550100"],
        "Url": ["https://demo.test/twilio/legs/c1-staff-1/answer"],
        "Method": ["POST"],
        "StatusCallback": ["https://demo.test/twilio/legs/c1-staff-1/status"],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "StatusCallbackMethod": ["POST"],
        "Timeout": ["15"],
        "TimeLimit": ["3600"],
        "MachineDetection": ["Enable"],
        "AsyncAmd": ["true"],
        "AsyncAmdStatusCallback": ["https://demo.test/twilio/legs/c1-staff-1/machine"],
        "AsyncAmdStatusCallbackMethod": ["POST"],
    }
    login = base64.b64decode(service.authorization.removeprefix("Basic ")).decode()
    assert login == f"{settings.twilio_account_sid}:{settings.twilio_auth_token}"


async def test_too_many_requests_is_tried_again(settings: Settings) -> None:
    async with rest(trouble(429, 20429), trouble(429, 20429), call()) as service:
        assert await perform(settings, service.url, RING) == [LegCreated(4.5, LEG, REF)]
    assert len(service.seen) == 3


async def test_too_many_requests_for_too_long_is_a_failure(settings: Settings) -> None:
    async with rest(trouble(429, 20429)) as service:
        [event] = await perform(settings, service.url, RING)
    assert isinstance(event, LegEnded)
    assert (event.outcome, event.evidence[:5]) == ("failed", "20429")
    assert len(service.seen) == 4


async def test_a_refusal_ends_the_leg_with_its_code(settings: Settings) -> None:
    async with rest(trouble(400, 21211)) as service:
        [event] = await perform(settings, service.url, RING)
    assert isinstance(event, LegEnded)
    assert (event.leg, event.outcome, event.evidence[:5]) == (LEG, "failed", "21211")
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    "reply", [trouble(500, 20500), page(502), silence, cut, page(201), answer(201), answer(302), answer(201, sid=None)]
)
async def test_whatever_may_have_rung_a_phone_is_unknown_and_never_repeated(settings: Settings, reply: Reply) -> None:
    async with rest(reply, call()) as service:
        assert await perform(settings, service.url, RING) == [LegUnknown(4.5, LEG)]
    assert [method for method, _, _ in service.seen] == ["POST"]


async def test_a_service_that_cannot_be_reached_has_rung_nobody(settings: Settings) -> None:
    [event] = await perform(settings, f"http://127.0.0.1:{unused_port()}", RING)
    assert isinstance(event, LegEnded)
    assert event.outcome == "failed"


async def test_an_order_takes_five_seconds_at_most(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    async with rest(silence) as service:
        began = loop.time()
        await perform(settings, service.url, RING)
        assert 4.9 < loop.time() - began < 7


# ---- what is shown, and what comes after the answer

SHOWS_CALLER = replace(RING, show_caller="+13125550177")


async def test_staff_see_the_caller_whose_token_we_hold(settings: Settings) -> None:
    async with rest(call()) as service:
        assert await perform(settings, service.url, SHOWS_CALLER, token="a-token") == [LegCreated(4.5, LEG, REF)]
    [form] = service.forms()
    assert (form["From"], form["CallToken"]) == ("+13125550177", "a-token")


async def test_without_a_token_or_a_wish_staff_see_the_office(settings: Settings) -> None:
    async with rest(call()) as service:
        await perform(settings, service.url, SHOWS_CALLER)
        await perform(settings, service.url, RING, token="a-token")
    assert [form["From"] for form in service.forms()] == ["+13125550100"] * 2
    assert all("CallToken" not in form for form in service.forms())


@pytest.mark.parametrize("code", [21210, 21212])
async def test_a_number_that_may_not_be_shown_gives_way_to_the_offices_once(settings: Settings, code: int) -> None:
    async with rest(trouble(400, code), call()) as service:
        assert await perform(settings, service.url, SHOWS_CALLER, token="a-token") == [LegCreated(4.5, LEG, REF)]
    assert [form["From"] for form in service.forms()] == ["+13125550177", "+13125550100"]
    assert "CallToken" not in service.forms()[1]
    async with rest(trouble(400, code)) as service:
        [event] = await perform(settings, service.url, SHOWS_CALLER, token="a-token")
        assert isinstance(event, LegEnded)
        assert len(service.seen) == 2
        await perform(settings, service.url, RING)
        assert len(service.seen) == 3


@pytest.mark.parametrize("reply", [silence, cut, trouble(500, 20500), trouble(400, 21211), trouble(403, 21210)])
async def test_nothing_else_is_rung_again_from_the_office(settings: Settings, reply: Reply) -> None:
    async with rest(reply, call()) as service:
        [event] = await perform(settings, service.url, SHOWS_CALLER, token="a-token")
    assert isinstance(event, LegUnknown | LegEnded)
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    ("extension", "sent"),
    [
        ("204", "ww204"),
        ("w2w04#", "www2w04#"),
        ("1,,204", "ww1WW204"),
        ("2-0 4;x", "ww204"),
        ("1" * 40, "ww" + "1" * 30),
    ],
)
async def test_an_extension_is_dialled_after_the_answer_and_no_machine_looked_for(
    settings: Settings, extension: str, sent: str
) -> None:
    async with rest(call()) as service:
        await perform(settings, service.url, replace(RING, extension=extension, hear_machine_out=True))
    [form] = service.forms()
    assert form["SendDigits"] == sent
    assert not any("Machine" in name or "Amd" in name for name in form)


async def test_a_machine_is_heard_out_where_a_note_is_to_be_left(settings: Settings) -> None:
    async with rest(call()) as service:
        await perform(settings, service.url, replace(RING, hear_machine_out=True))
    [form] = service.forms()
    assert (form["MachineDetection"], form["AsyncAmd"]) == ("DetectMessageEnd", "true")
    assert "SendDigits" not in form


# ---- announcing

ROOM_REF = "CF" + "4" * 32


def rooms(*refs: str) -> Reply:
    return answer(200, conferences=[{"sid": ref, "friendly_name": "c1-room-1"} for ref in refs])


def announced(status: int = 200) -> Reply:
    return answer(status, sid=ROOM_REF, status="in-progress") if status == 200 else trouble(status, status * 50)


async def test_a_room_is_found_by_its_name_and_told_where_to_ask(settings: Settings) -> None:
    async with rest(rooms(ROOM_REF), announced()) as service:
        assert await perform(settings, service.url, Announce("c1-room-1")) == []
    [(listed, _, _), (updated, path, form)] = service.seen
    assert (listed, updated) == ("GET", "POST")
    assert service.queries[0] == {"FriendlyName": "c1-room-1", "Status": "in-progress", "PageSize": "1"}
    assert path.endswith(f"/Conferences/{ROOM_REF}.json")
    assert form == {
        "AnnounceUrl": ["https://demo.test/twilio/calls/c1/announce/c1-room-1"],
        "AnnounceMethod": ["POST"],
    }


async def test_a_room_that_is_not_listed_yet_is_looked_for_again(settings: Settings) -> None:
    async with rest(rooms(), trouble(500, 20500), rooms(ROOM_REF), announced()) as service:
        assert await perform(settings, service.url, Announce("c1-room-1")) == []
    assert [method for method, _, _ in service.seen] == ["GET", "GET", "GET", "POST"]


@pytest.mark.parametrize(
    ("replies", "requests"),
    [
        ([rooms()], 4),
        ([trouble(401, 20003)], 1),
        ([trouble(429, 20429)], 4),
        ([page(200)], 4),
        ([rooms(ROOM_REF), announced(404)], 2),
        ([rooms(ROOM_REF), trouble(500, 20500), announced()], 2),
        ([rooms(ROOM_REF), cut, announced()], 2),
    ],
)
async def test_what_cannot_be_announced_is_not_and_never_twice(
    settings: Settings, replies: list[Reply], requests: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with rest(*replies) as service:
        assert await perform(settings, service.url, Announce("c1-room-1")) == []
    assert len(service.seen) == requests
    assert "announce" in "".join(capsys.readouterr())


# ---- cancelling


@pytest.mark.parametrize(
    ("replies", "orders"),
    [
        ([call("canceled")], ["canceled"]),
        ([call("in-progress"), call("completed")], ["canceled", "completed"]),
        ([trouble(400, 21220), call("completed")], ["canceled", "completed"]),
        ([trouble(400, 21220), trouble(400, 21220)], ["canceled", "completed"]),
        ([trouble(404, 20404)], ["canceled"]),
        ([trouble(500, 20500), trouble(429, 20429), call("canceled")], ["canceled"] * 3),
    ],
)
async def test_a_leg_is_ended_in_whatever_state(settings: Settings, replies: list[Reply], orders: list[str]) -> None:
    async with rest(*replies) as service:
        assert await perform(settings, service.url, CancelLeg(LEG, REF)) == []
    assert [form["Status"] for form in service.forms()] == orders
    assert {path.rpartition("/")[2] for _, path, _ in service.seen} == {f"{REF}.json"}


async def test_a_leg_without_a_name_and_an_answer_need_no_order(settings: Settings) -> None:
    async with rest(call()) as service:
        assert await perform(settings, service.url, CancelLeg(LEG, ""), Answer("r1", HangUp())) == []
    assert service.seen == []


# ---- moving


async def test_the_caller_is_moved_by_inline_twiml(settings: Settings) -> None:
    async with rest(call("in-progress")) as service:
        assert await perform(settings, service.url, MoveCaller(REF, JoinCaller("c1-room-1"))) == [CallerMoved(4.5)]
    [form] = service.forms()
    assert list(form) == ["Twiml"]
    assert len(form["Twiml"]) < 4000
    room = ElementTree.fromstring(form["Twiml"]).find("Dial/Conference")
    assert room is not None
    assert room.text == "c1-room-1"


async def test_each_try_has_a_token_of_its_own(settings: Settings) -> None:
    """The first try may have been carried out, its answer lost."""
    async with rest(trouble(500, 20500), call("in-progress")) as service:
        assert await perform(settings, service.url, MoveCaller(REF, JoinCaller("c1-room-1"))) == [CallerMoved(4.5)]
    first, second = (form["Twiml"] for form in service.forms())
    assert first != second


async def test_what_is_too_long_for_inline_is_fetched(settings: Settings) -> None:
    long = HangUp("&" * 2900)
    async with rest(call("in-progress")) as service:
        await perform(settings, service.url, MoveCaller(REF, long), MoveStaff(LEG, REF, long))
    assert [form["Url"] for form in service.forms()] == [
        "https://demo.test/twilio/calls/c1/recovery",
        "https://demo.test/twilio/legs/c1-staff-1/room",
    ]


@pytest.mark.parametrize(
    ("reply", "gone", "tries"),
    [
        (trouble(400, 21220), True, 1),
        (trouble(404, 20404), True, 1),
        (page(404), True, 1),
        (trouble(400, 12100), False, 1),
        (trouble(401, 20003), False, 1),
        (trouble(500, 20500), False, 4),
        (trouble(429, 20429), False, 4),
        (cut, False, 4),
        (silence, False, 2),
    ],
)
async def test_a_caller_who_cannot_be_moved_is_gone_or_not(
    settings: Settings, reply: Reply, gone: bool, tries: int
) -> None:
    async with rest(reply) as service:
        [event] = await perform(settings, service.url, MoveCaller(REF, JoinCaller("c1-room-1")))
    assert isinstance(event, CallerMoveFailed)
    assert event.gone is gone
    assert len(service.seen) == tries


async def test_a_staff_leg_that_cannot_be_moved_is_no_news(settings: Settings) -> None:
    async with rest(trouble(400, 21220)) as service:
        assert await perform(settings, service.url, MoveStaff(LEG, REF, HangUp("Thank you."))) == []
    assert "Thank you." in service.forms()[0]["Twiml"]


# ---- checking


@pytest.mark.parametrize(
    ("reply", "news"),
    [
        (call("in-progress"), []),
        (call("completed"), [CallerHungUp(4.5)]),
        (call("no-answer"), [CallerHungUp(4.5)]),
        (trouble(404, 20404), [CallerHungUp(4.5)]),
        (trouble(500, 20500), []),
        (page(200), []),
    ],
)
async def test_a_caller_is_looked_after(settings: Settings, reply: Reply, news: list[Event]) -> None:
    async with rest(reply) as service:
        assert await perform(settings, service.url, CheckCaller(REF)) == news
    assert {method for method, _, _ in service.seen} == {"GET"}


async def test_the_environments_region_does_not_rewrite_the_address(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    async with rest(call()) as service:
        assert await perform(settings, service.url, RING) == [LegCreated(4.5, LEG, REF)]


async def test_no_number_reaches_a_log(
    settings: Settings, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with rest(trouble(400, 21211)) as service:
        await perform(settings, service.url, RING, MoveCaller(REF, HangUp("my crown fell out")))
    told = "".join(capsys.readouterr()) + caplog.text
    assert "21211" in told
    assert "3125550111" not in told
    assert "crown" not in told


async def test_closing_twice_or_before_use_is_fine(settings: Settings) -> None:
    carrier = TwilioCarrier(settings, HandClock())
    await carrier.close()
    await carrier.close()
