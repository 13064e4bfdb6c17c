"""The emulated Messages resource against the vendor's own client: strict where the vendor is."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from flowengine.sandbox.carrier import LoseText
from tests.sandbox.carrier.office import ACCOUNT, DANA, LUIS, OFFICE, PUBLIC, TOKEN, Office, World, world
from tests.sandbox.carrier.sdk import async_client

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's use of aiohttp 3.14


def client(here: World) -> AbstractAsyncContextManager[Any]:
    return async_client(here.carrier.api_url)


async def test_a_text_is_queued_then_delivered_and_its_callbacks_are_signed() -> None:
    office = Office()
    async with world(office) as here, client(here) as api:
        made = await api.messages.create_async(to=DANA, from_=OFFICE, body="Hello", status_callback=f"{PUBLIC}/text")
        assert (made.status, made.direction, made.num_segments) == ("queued", "outbound-api", "1")
        assert (made.account_sid, made.sid[:2], len(made.sid), made.date_sent) == (ACCOUNT, "SM", 34, None)
        await here.carrier.settle()
        fetched = await api.messages(made.sid).fetch_async()
        assert (fetched.status, fetched.body, fetched.to, fetched.from_) == ("delivered", "Hello", DANA, OFFICE)
        assert fetched.date_sent >= made.date_created
        with pytest.raises(TwilioRestException) as unknown:
            await api.messages("SM" + "0" * 32).fetch_async()
        assert (unknown.value.status, unknown.value.code) == (404, 20404)
    told = office.to("/text")
    assert [(asked["MessageStatus"], asked["MessageSid"]) for asked in told] == [
        ("sent", made.sid), ("delivered", made.sid),
    ]  # fmt: skip
    for asked in told:
        assert RequestValidator(TOKEN).validate(f"{PUBLIC}/text", dict(asked.form), asked.signature)


@pytest.mark.parametrize(
    ("lost", "steps", "sent"),
    [(LoseText(DANA), ["sent", "undelivered"], True), (LoseText(DANA, 30034, "failed"), ["failed"], False)],
)
async def test_a_text_that_was_taken_and_did_not_arrive(lost: LoseText, steps: list[str], sent: bool) -> None:
    office = Office()
    async with world(office, faults=(lost,)) as here, client(here) as api:
        made = await api.messages.create_async(to=DANA, from_=OFFICE, body="Hello", status_callback=f"{PUBLIC}/text")
        other = await api.messages.create_async(to=DANA, from_=OFFICE, body="Again")
        await here.carrier.settle()
        fetched = await api.messages(made.sid).fetch_async()
        assert (fetched.status, fetched.error_code, fetched.date_sent is not None) == (lost.status, lost.code, sent)
        assert (await api.messages(other.sid).fetch_async()).status == "delivered"
        assert here.carrier.faults_done == [lost]
    told = [(asked["MessageStatus"], asked.get("ErrorCode") or "") for asked in office.to("/text")]
    assert told == [(step, "" if step == "sent" else str(lost.code)) for step in steps]


async def test_the_list_is_newest_first_and_filtered() -> None:
    async with world() as here, client(here) as api:
        for to, body in ((DANA, "one"), (LUIS, "two"), (DANA, "three")):
            await api.messages.create_async(to=to, from_=OFFICE, body=body)
        assert [m.body for m in await api.messages.list_async(to=DANA, from_=OFFICE)] == ["three", "one"]
        assert [m.body for m in await api.messages.list_async(limit=1)] == ["three"]
    assert [m.body for m in here.carrier.messages] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"to": "", "from_": OFFICE, "body": "x"}, 21604),
        ({"to": DANA, "body": "x"}, 21603),
        ({"to": DANA, "from_": OFFICE}, 21602),
        ({"to": DANA, "from_": OFFICE, "body": "x" * 1601}, 21658),
        ({"to": "312-555-0111", "from_": OFFICE, "body": "x"}, 21211),
        ({"to": "sip:dana@example.com", "from_": OFFICE, "body": "x"}, 21211),
        ({"to": DANA, "from_": LUIS, "body": "x"}, 21659),
        ({"to": OFFICE, "from_": OFFICE, "body": "x"}, 21266),
        ({"to": DANA, "from_": OFFICE, "body": "x", "status_callback": "demo.test/text"}, 21609),
    ],
)
async def test_what_the_vendor_refuses(given: dict[str, str], code: int) -> None:
    async with world() as here, client(here) as api:
        with pytest.raises(TwilioRestException) as refused:
            await api.messages.create_async(**given)
        assert (refused.value.status, refused.value.code) == (400, code)
    assert here.carrier.messages == []


@pytest.mark.parametrize(
    ("body", "segments"),
    [("x" * 160, 1), ("x" * 161, 2), ("x" * 306, 2), ("x" * 307, 3), ("ü" * 160, 1), ("„" * 70, 1), ("„" * 71, 2)],
)
async def test_segments(body: str, segments: int) -> None:
    async with world() as here, client(here) as api:
        made = await api.messages.create_async(to=DANA, from_=OFFICE, body=body)
    assert made.num_segments == str(segments)
