"""Recording through the adapter: what is ordered, what becomes of it, and that nothing of it stops a call."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flowengine.call.commands import StartRecording, StopRecording
from flowengine.call.events import Event, RecordingEnded, RecordingGoesOn, RecordingStarted
from flowengine.carriers.twilio.client import TwilioCarrier
from flowengine.carriers.twilio.recording import news
from flowengine.sandbox import carrier as phone
from flowengine.settings import Settings

from .conftest import FakeCalls, HandClock
from .test_client import REF, Reply, answer, cut, page, perform, rest, trouble
from .test_on_the_emulator import NUMBER, Office, office
from .test_routes import Twilio, twilio

__all__ = ["twilio"]

RE = "RE" + "1" * 32
URL = f"https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/{RE}"
MADE = answer(201, sid=RE, status="in-progress")


# ---- orders ----------------------------------------------------------------------------------------------------------


async def test_both_sides_are_recorded_and_we_are_told(settings: Settings) -> None:
    async with rest(MADE) as service:
        assert await perform(settings, service.url, StartRecording(REF)) == [RecordingStarted(4.5, RE)]
    ((method, path, form),) = service.seen
    assert (method, path.partition("/Calls/")[2]) == ("POST", f"{REF}/Recordings.json")
    assert form == {
        "RecordingChannels": ["dual"],
        "RecordingTrack": ["both"],
        "Trim": ["do-not-trim"],
        "RecordingStatusCallback": ["https://demo.test/twilio/recording/c1"],
        "RecordingStatusCallbackMethod": ["POST"],
        "RecordingStatusCallbackEvent": ["in-progress", "completed", "absent"],
    }


@pytest.mark.parametrize(
    ("reply", "events", "tries"),
    [
        (trouble(400, 21220), [RecordingEnded(4.5, "", "")], 1),
        (trouble(429, 20429), [RecordingEnded(4.5, "", "")], 4),
        (trouble(500, 20500), [], 1),  # it may have begun: its callback will tell
        (page(200), [], 1),
        (cut, [], 1),
    ],
    ids=["refused", "busy", "in doubt", "unreadable", "cut"],
)
async def test_what_cannot_be_recorded_is_an_event_and_nothing_is_recorded_twice(
    settings: Settings, reply: Reply, events: list[Event], tries: int
) -> None:
    async with rest(reply) as service:
        assert await perform(settings, service.url, StartRecording(REF)) == events
    assert len(service.seen) == tries


@pytest.mark.parametrize(
    ("name", "reply", "events", "tries"),
    [
        (RE, answer(200, sid=RE, status="stopped"), [], 1),
        ("", answer(200, sid=RE, status="stopped"), [], 1),
        (RE, trouble(404, 20404), [], 1),
        (RE, trouble(400, 21220), [], 1),
        (
            "",
            trouble(404, 20404),
            [RecordingGoesOn(4.5, "", "20404 Unable to update record: a sentence with +13125550111 in it")],
            1,
        ),
        (
            RE,
            trouble(500, 20500),
            [RecordingGoesOn(4.5, RE, "20500 Unable to update record: a sentence with +13125550111 in it")],
            4,
        ),
    ],
    ids=["by name", "what runs", "gone", "over", "not begun yet", "not taken"],
)
async def test_a_recording_that_may_go_on_is_told(
    settings: Settings, name: str, reply: Reply, events: list[Event], tries: int
) -> None:
    async with rest(reply) as service:
        assert await perform(settings, service.url, StopRecording(REF, name)) == events
    assert {path.rpartition("/")[2] for _, path, _ in service.seen} == {f"{name or 'Twilio.CURRENT'}.json"}
    assert service.forms() == [{"Status": "stopped"}] * tries


@pytest.mark.parametrize(
    ("url", "reply", "gone", "orders"),
    [
        (URL, answer(204), True, 1),
        (f"{URL}.wav", answer(204), True, 1),
        (RE, answer(204), True, 1),  # by its name
        (URL, trouble(404, 20404), True, 1),
        (URL, trouble(400, 21220), False, 1),
        (URL, trouble(500, 20500), False, 4),
        ("https://elsewhere.example.com/RE1", answer(204), False, 0),
        ("", answer(204), False, 0),
    ],
)
async def test_a_recording_is_deleted_by_its_address(
    settings: Settings, url: str, reply: Reply, gone: bool, orders: int
) -> None:
    async with rest(reply) as service:
        carrier = TwilioCarrier(replace(settings, twilio_api_url=service.url), HandClock())
        assert await carrier.delete_recording(url) is gone
        await carrier.close()
    assert [(method, path.rpartition("/")[2]) for method, path, _ in service.seen] == [
        ("DELETE", f"{RE}.json")
    ] * orders


# ---- callbacks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "event"),
    [
        ({"RecordingStatus": "in-progress", "RecordingSid": RE}, RecordingStarted(2.0, RE)),
        (
            {"RecordingStatus": "completed", "RecordingSid": RE, "RecordingUrl": URL, "RecordingDuration": "42"},
            RecordingEnded(2.0, RE, URL, 42.0),
        ),
        ({"RecordingStatus": "absent", "RecordingSid": RE, "RecordingUrl": URL}, RecordingEnded(2.0, RE, "")),
        ({"RecordingStatus": "in-progress"}, None),
        ({"RecordingStatus": "something new", "RecordingSid": RE}, None),
        ({}, None),
    ],
)
def test_callbacks_are_read(form: dict[str, str], event: Event | None) -> None:
    told = news(form)
    assert (told and told(2.0)) == event


def test_they_reach_the_call_only_when_signed(twilio: Twilio, calls: FakeCalls) -> None:
    form = {"RecordingStatus": "completed", "RecordingSid": RE, "RecordingUrl": URL, "RecordingDuration": "42"}
    twilio.tell("/twilio/recording/c1", form)
    assert calls.events == [RecordingEnded(2.5, RE, URL, 42.0)]
    assert twilio.post("/twilio/recording/c1", form, token="another").status_code == 403  # type: ignore[attr-defined]
    twilio.tell("/twilio/recording/c1", {"RecordingStatus": "strange"})
    assert len(calls.events) == 1


# ---- on the emulator -------------------------------------------------------------------------------------------------


class Recorded(Office):
    """The caller is recorded as soon as the first sentence was heard, and until `stops` seconds later."""

    stops = 0.0

    async def line_heard(self) -> None:
        await self.order(StartRecording(self.ref))
        if self.stops:
            await asyncio.sleep(self.stops)
            await self.order(StopRecording(self.ref, ""))


class Stopped(Recorded):
    stops = 2.0


async def one_call(settings: Settings, opened: type[Recorded]) -> tuple[Office, phone.Carrier, phone.CallRecord]:
    async with office(settings, opened=opened) as (desk, carrier):
        caller = phone.caller([phone.Waits(12.0), phone.HangsUp()])
        record = await carrier.ring_in(caller, from_="+13125550177", to=NUMBER)
        await carrier.settle()
        (url,) = [event.url for event in desk.events if isinstance(event, RecordingEnded)]
        assert await desk.company.client.delete_recording(url)
        assert carrier.deleted
    return desk, carrier, record


@pytest.mark.parametrize("opened", [Recorded, Stopped])
async def test_a_call_is_recorded_from_the_order_until_its_end_or_the_order_to_stop(
    settings: Settings, opened: type[Recorded]
) -> None:
    desk, carrier, record = await one_call(settings, opened)
    kinds = [type(event) for event in desk.events if isinstance(event, RecordingStarted | RecordingEnded)]
    assert kinds == [RecordingStarted, RecordingStarted, RecordingEnded], "by the answer and by callback"
    (ended,) = [event for event in desk.events if isinstance(event, RecordingEnded)]
    assert ended.seconds == pytest.approx(opened.stops or record.duration - 3.0, abs=1.0)
    assert [warning.code for warning in carrier.warnings] == []
