"""Calls under documents: what is asked, what is heard, how they end."""

from __future__ import annotations

import pytest
from aiohttp import web

from flowengine.sandbox.carrier import Behaviour, CallRecord, HangsUp, Interrupts, Presses, Says, Waits, caller
from flowengine.sandbox.carrier.records import TERMINAL
from flowengine.sandbox.speech import find_words, murmur
from tests.sandbox.carrier.office import (
    ACCOUNT,
    CALLER,
    CONNECT,
    OFFICE,
    Asked,
    Office,
    Socket,
    said,
    world,
    xml,
)


def texts(record: CallRecord, what: str) -> list[str]:
    return [s.text for s in record.heard if s.what == what]


async def test_a_caller_hears_a_notice_and_is_hung_up() -> None:
    office = Office({"/voice": "<Say>Hello and goodbye.</Say>"})
    async with world(office, status="/status") as here:
        record = await here.ring(caller([]))
        await here.carrier.settle()
    assert texts(record, "notice") == ["Hello and goodbye."]
    assert record.status == "completed"
    (asked,) = office.to("/voice")
    expected = {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "CallSid": record.sid,
        "CallStatus": "ringing",
        "Called": OFFICE,
        "Caller": CALLER,
        "Direction": "inbound",
        "From": CALLER,
        "FromCountry": "US",
        "To": OFFICE,
        "StirVerstat": "TN-Validation-Passed-A",
    }
    assert {name: asked.get(name) for name in expected} == expected
    assert asked["CallToken"]
    (status,) = office.to("/status")
    assert status["CallStatus"] == "completed"
    assert (status["CallbackSource"], status["SequenceNumber"]) == ("call-progress-events", "0")
    assert status["SipResponseCode"] == "200"
    assert int(status["CallDuration"]) == record.duration


async def test_a_stream_carries_both_voices_without_losing_a_byte() -> None:
    greeting = said("Thank you for calling. How can I help?")

    async def talk(socket: Socket) -> None:
        await socket.play(greeting, size=1000)
        await socket.mark("greeted")
        await socket.until(lambda: socket.marks())

    office = Office({"/voice": CONNECT}, {"/media": talk})
    async with world(office) as here:
        record = await here.ring(caller([Says("My crown just fell out."), HangsUp()]))
        await here.carrier.settle()
    (socket,) = office.sockets
    assert greeting in bytes(record.heard_audio)
    assert bytes(record.spoken_audio).endswith(socket.audio())
    assert [w.text for w in find_words(socket.audio())] == ["My", "crown", "just", "fell", "out."]
    assert [(s.what, s.text) for s in record.heard if s.text or s.what == "self"] == [
        ("agent", "Thank you for calling. How can I help?"),
        ("self", ""),
    ]
    assert socket.messages[-1]["event"] == "stop"


async def test_segments_tile_the_leg_from_answer_to_end() -> None:
    async def talk(socket: Socket) -> None:
        await socket.play(said("One moment.") + murmur(3.0, 1))
        await socket.mark("over")
        await socket.until(lambda: socket.marks())
        await socket.ws.close()

    office = Office({"/voice": CONNECT + "<Pause/><Say>Goodbye.</Say>"}, {"/media": talk})
    async with world(office) as here:
        record = await here.ring(caller([Waits(2.0), Says("I am still here.", wait=False)]))
    at = 0.0
    for segment in record.heard:
        assert segment.at == pytest.approx(at)
        at += segment.seconds
    assert record.answered_at is not None
    assert record.ended_at is not None
    assert at == pytest.approx(record.ended_at - record.answered_at, abs=0.05)
    assert {s.what for s in record.heard} == {"silence", "agent", "music", "self", "notice"}


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (web.Response(status=500), 11200),
        (web.Response(text="<Response>", content_type="text/xml"), 12100),
        (xml("<?xml version='1.0'?><Nothing/>"), 12102),
        (web.Response(text="<Response/>", content_type="application/json"), 12300),
        (web.Response(text="", content_type="text/xml"), 11770),
        (xml("<Say>" + "long " * 14000 + "</Say>"), 11750),
    ],
)
async def test_a_bad_document_is_an_apology_or_the_fallback(reply: web.Response, code: int) -> None:
    def voice(_: Asked) -> web.Response:
        return web.Response(
            body=reply.body, status=reply.status, headers={"Content-Type": reply.headers["Content-Type"]}
        )

    async with world(Office({"/voice": voice})) as here:
        record = await here.ring(caller([]))
        assert [w.code for w in here.carrier.warnings] == [code]
    assert "application error" in texts(record, "notice")[0]
    office = Office({"/voice": voice, "/fallback": "<Say>Please call again.</Say>"})
    async with world(office, fallback="/fallback") as here:
        record = await here.ring(caller([]))
    assert texts(record, "notice") == ["Please call again."]
    (asked,) = office.to("/fallback")
    assert (asked["ErrorCode"], asked["ErrorUrl"]) == (str(code), "https://demo.test/voice")


async def test_a_webhook_has_fifteen_seconds() -> None:
    import asyncio

    async def slow(_: Asked) -> str:
        await asyncio.sleep(16)
        return "<Say>Too late.</Say>"

    async with world(Office({"/voice": slow})) as here:
        record = await here.ring(caller([]))
        assert [w.code for w in here.carrier.warnings] == [11200]
    assert "Too late." not in texts(record, "notice")
    assert record.answered_at == pytest.approx(record.started_at + 15, abs=0.1)


async def test_a_fragment_overrides_the_timing_and_is_not_sent() -> None:
    import asyncio

    calls: list[int] = []

    async def slow_once(_: Asked) -> str:
        calls.append(1)
        await asyncio.sleep(3 if len(calls) == 1 else 0)
        return "<Say>Here.</Say>"

    async with world(
        Office({"/voice": "<Redirect>/next#rt=2000&amp;rp=all&amp;rc=1</Redirect>", "/next": slow_once})
    ) as here:
        record = await here.ring(caller([]))
        assert {r.url for r in here.carrier.requests} == {"https://demo.test/voice", "https://demo.test/next"}
    assert len(calls) == 2
    assert texts(record, "notice") == ["Here."]


async def test_redirects_of_http_are_followed_ten_times() -> None:
    def onwards(asked: Asked) -> web.Response:
        n = int(asked.query or 0)
        return web.Response(status=302, headers={"Location": f"/hop?{n + 1}"})

    office = Office({"/voice": web.Response(status=307, headers={"Location": "/there"}), "/there": "<Say>Found.</Say>"})
    async with world(office) as here:
        record = await here.ring(caller([]))
    assert texts(record, "notice") == ["Found."]
    assert office.to("/there")[0].method == "POST"
    async with world(
        Office({"/voice": onwards, "/hop": lambda a: web.Response(status=303, headers={"Location": "/hop"})})
    ) as here:
        await here.ring(caller([]))
        assert here.carrier.warnings[-1].code == 11215


async def test_what_nobody_knows_is_a_warning_and_ignored() -> None:
    twiml = (
        '<say>no</say><Say volume="11">Yes.</Say><Gather timeout="soon" numDigits="1"/><Pause length="1" lenght="9"/>'
    )
    async with world(Office({"/voice": twiml})) as here:
        record = await here.ring(caller([]))
        warned = [w.text for w in here.carrier.warnings if w.code == 12200]
    assert len(warned) == 4
    assert texts(record, "notice") == ["Yes."]


async def test_keys_end_the_prompt_and_reach_the_action() -> None:
    office = Office(
        {
            "/voice": '<Gather numDigits="2" action="/keys"><Say>Please enter your two digit code now.</Say></Gather>',
            "/keys": lambda asked: f"<Say>You pressed {asked['Digits']}.</Say>",
        }
    )
    async with world(office) as here:
        record = await here.ring(caller([Waits(1.0), Presses("4"), Waits(0.5), Presses("2")]))
    assert texts(record, "notice")[-1] == "You pressed 42."
    assert not texts(record, "notice")[0].endswith("now.")
    assert office.to("/keys")[0]["msg"] == "Gather End"


async def test_no_key_falls_through_and_the_finishing_key_is_not_a_digit() -> None:
    office = Office({"/voice": '<Gather timeout="2" action="/keys"/><Say>Nothing.</Say>', "/keys": "<Hangup/>"})
    async with world(office) as here:
        record = await here.ring(caller([]))
    assert texts(record, "notice") == ["Nothing."]
    assert not office.to("/keys")
    async with world(office) as here:
        await here.ring(caller([Waits(0.5), Presses("1"), Presses("#")]))
    (asked,) = office.to("/keys")
    assert (asked["Digits"], asked["FinishedOnKey"]) == ("1", "#")


async def test_an_empty_finish_key_lets_every_key_count() -> None:
    office = Office({"/voice": '<Gather finishOnKey="" numDigits="1" action="/keys"/>', "/keys": "<Hangup/>"})
    async with world(office) as here:
        await here.ring(caller([Waits(0.5), Presses("#")]))
    assert office.to("/keys")[0]["Digits"] == "#"


async def test_a_message_is_recorded_trimmed_and_told() -> None:
    office = Office({"/voice": '<Record action="/done" timeout="3"/><Say>never</Say>', "/done": "<Say>Thanks.</Say>"})
    async with world(office) as here:
        record = await here.ring(caller([Waits(1.5), Says("Please call me back.", wait=False)]))
        (asked,) = office.to("/done")
        recording = here.carrier.recordings[asked["RecordingSid"]]
    assert [w.text for w in find_words(recording.audio)] == ["Please", "call", "me", "back."]
    assert asked["RecordingUrl"].endswith(asked["RecordingSid"])
    assert int(asked["RecordingDuration"]) == recording.seconds == 2
    assert texts(record, "notice") == ["Thanks."]


async def test_hanging_up_ends_a_recording_and_the_action_is_still_told() -> None:
    office = Office({"/voice": '<Record action="/done"/>', "/done": "<Hangup/>"})
    async with world(office) as here:
        await here.ring(caller([Waits(1.0), Says("Call me.", wait=False), HangsUp()]))
        await here.carrier.settle()
    (asked,) = office.to("/done")
    assert (asked["Digits"], asked["CallStatus"]) == ("hangup", "completed")


@pytest.mark.parametrize(("goes_on", "heard"), [(False, "Action."), (True, "Next.")])
async def test_a_recording_of_nothing_goes_either_way(goes_on: bool, heard: str) -> None:
    office = Office({"/voice": '<Record action="/done" timeout="2"/><Say>Next.</Say>', "/done": "<Say>Action.</Say>"})
    async with world(office, behaviour=Behaviour(silent_record_goes_on=goes_on)) as here:
        record = await here.ring(caller([]))
    assert texts(record, "notice") == [heard]


@pytest.mark.parametrize(("reason", "status", "sip"), [("rejected", "no-answer", "603"), ("busy", "busy", "486")])
async def test_a_rejected_call_is_never_answered(reason: str, status: str, sip: str) -> None:
    office = Office({"/voice": f'<Reject reason="{reason}"/>'})
    async with world(office, status="/status") as here:
        record = await here.ring(caller([]))
        await here.carrier.settle()
    assert record.answered_at is None
    assert record.status == status
    assert office.to("/status")[0]["SipResponseCode"] == sip


@pytest.mark.parametrize(("rings", "answered"), [(True, 3.1), (False, 0.1)])
async def test_a_pause_before_anything_else_rings_or_not(rings: bool, answered: float) -> None:
    async with world(
        Office({"/voice": '<Pause length="3"/><Say>Now.</Say>'}), behaviour=Behaviour(pause_first_rings=rings)
    ) as here:
        record = await here.ring(caller([]))
    assert record.answered_at == pytest.approx(record.started_at + answered, abs=0.1)


async def test_a_sound_file_is_played_and_plain_text_is_read_out() -> None:
    sound = murmur(2.0, 5)
    office = Office(
        {
            "/voice": "<Play>/hold.ulaw</Play><Redirect>/text</Redirect>",
            "/hold.ulaw": lambda _: web.Response(body=sound, content_type="audio/basic"),
            "/text": lambda _: web.Response(text="Plain words.", content_type="text/plain"),
        }
    )
    async with world(office) as here:
        record = await here.ring(caller([]))
    assert sound in bytes(record.heard_audio)
    assert texts(record, "notice") == ["Plain words."]
    assert not office.to("/hold.ulaw")[0].form, "standard parameters are not sent to a media file"


async def test_the_caller_hanging_up_ends_everything() -> None:
    office = Office({"/voice": '<Say loop="0">Still here.</Say>'})
    async with world(office) as here:
        record = await here.ring(caller([Interrupts("Stop.", after=0.3), HangsUp(after=0.2)]))
        await here.carrier.settle()
    assert record.status in TERMINAL
    assert len(texts(record, "notice")) < 5
