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
    Answer,
    CancelLeg,
    CarrierCommand,
    CheckCaller,
    HangUp,
    JoinCaller,
    MoveCaller,
    MoveStaff,
    RingStaff,
)
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
    authorization: str = ""
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        self.authorization = request.headers["Authorization"]
        self.seen.append((request.method, request.path, {name: [str(v) for v in form.getall(name)] for name in form}))
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


async def perform(settings: Settings, url: str, *commands: CarrierCommand) -> list[Event]:
    """What becomes of some orders."""
    carrier, posted = TwilioCarrier(replace(settings, twilio_api_url=url), HandClock()), list[Event]()
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
