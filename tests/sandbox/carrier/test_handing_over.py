"""What a hand-over needs of the carrier: waiting rooms, announcements, machines, extensions, shown numbers, REFER."""

from __future__ import annotations

import asyncio
import struct
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from flowengine.sandbox.carrier import (
    Act,
    AnswerRefer,
    Behaviour,
    CallRecord,
    HangsUp,
    Presses,
    Says,
    Until,
    Waits,
    caller,
    staff,
)
from flowengine.sandbox.carrier.tones import beep
from flowengine.sandbox.speech import find_words, murmur, speak
from tests.sandbox.carrier.office import CALLER, CONNECT, DANA, LUIS, OFFICE, PUBLIC, Office, Socket, World, said, world
from tests.sandbox.carrier.sdk import async_client

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's use of aiohttp 3.14
CLAIMS = "sip:claims@pbx.example.com"
GREETING = "You have reached the voicemail of Dana. I am not here. Please leave a message after the tone."


def client(here: World) -> AbstractAsyncContextManager[Any]:
    return async_client(here.carrier.api_url)


def heard(record: CallRecord, what: str) -> list[str]:
    return [s.text for s in record.heard if s.what == what]


def room(more: str, wait: str = "") -> str:
    return f'<Dial><Conference beep="false" jitterBufferSize="small" waitUrl="{wait}" {more}>r1</Conference></Dial>'


def wav(audio: bytes) -> web.Response:
    """Mu-law in a container."""
    header = struct.pack("<4sI4s4sIHHIIHHH", b"RIFF", 38 + len(audio), b"WAVE", b"fmt ", 18, 7, 1, 8000, 8000, 1, 8, 0)
    return web.Response(body=header + struct.pack("<4sI", b"data", len(audio)) + audio, content_type="audio/wav")


async def over(here: World, sid: str) -> CallRecord:
    while not here.carrier.calls[sid].over:  # noqa: ASYNC110  # a look from outside, as an application would
        await asyncio.sleep(0.1)
    return here.carrier.calls[sid]


# ---- a caller who waits in the room ----------------------------------------------------------------------------------


async def test_a_parked_caller_hears_words_and_music_in_a_loop_and_nothing_of_it_once_somebody_comes() -> None:
    office = Office({
        "/voice": room('startConferenceOnEnter="false"', "/wait"),
        "/wait": "<Say>Still trying.</Say><Play>/music</Play><Redirect>/wait</Redirect>",
        "/music": lambda _: wav(murmur(3.0, 5)),
        "/staff": room('endConferenceOnExit="true"'),
    })  # fmt: skip
    async with world(office) as here, client(here) as api:
        here.carrier.add_phone(DANA, staff(after=8.0, hello=False, acts=[Says("Dana here."), Waits(6.0), HangsUp()]))
        ringing = asyncio.create_task(here.ring(caller([])))
        await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/staff")
        record = await ringing
        assert here.carrier.warnings == []
    kinds = [s.what for s in record.heard if s.seconds > 0.3]
    talk = kinds.index("staff")
    assert kinds[:4] == ["notice", "music", "notice", "music"]
    assert set(kinds[talk:]) <= {"staff", "silence"}
    assert office.to("/wait")[-1].at < office.to("/staff")[0].at + 1, "the loop ends with it"
    assert office.to("/wait")[0]["CallSid"] == record.sid


async def test_music_reaches_nobody_but_who_waits() -> None:
    stream = f'<Start><Stream url="wss://demo.test/tap" track="inbound_track"/></Start>{room("", "/wait")}'
    office = Office({
        "/voice": stream,
        "/wait": "<Play>/music</Play><Redirect/>",
        "/music": lambda _: wav(murmur(3.0, 5)),
    })  # fmt: skip
    async with world(office) as here:
        record = await here.ring(caller([Waits(3.0), Says("Hello?", wait=False), Waits(1.0), HangsUp()]))
    assert "music" in [s.what for s in record.heard]
    (tap,) = office.sockets
    assert [w.text for w in find_words(tap.audio())] == ["Hello?"]
    assert bytes(record.spoken_audio).endswith(tap.audio()[-1600:])


@pytest.mark.parametrize("each", [False, True])
async def test_an_announcement_is_heard_by_all_and_is_nobodys_speech(each: bool) -> None:
    tap = '<Start><Stream url="wss://demo.test/{}" track="inbound_track"/></Start>'
    office = Office({
        "/voice": tap.format("caller") + room(""),
        "/staff": tap.format("staff") + room('endConferenceOnExit="true"'),
        "/announce": "<Say>You are now connected.</Say>",
    })  # fmt: skip
    async with world(office, behaviour=Behaviour(announcement_per_member=each)) as here, client(here) as api:
        here.carrier.add_phone(DANA, staff(after=0.5, hello=False, acts=[Waits(5.0), HangsUp()]))
        ringing = asyncio.create_task(here.ring(caller([])))
        made = await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/staff")
        await asyncio.sleep(3.0)
        (shown,) = await api.conferences.list_async()
        await api.conferences(shown.sid).update_async(announce_url=f"{PUBLIC}/announce")
        record = await ringing
        dana = here.carrier.calls[made.sid]
    assert heard(record, "notice") == heard(dana, "notice") == ["You are now connected."]
    assert len(office.to("/announce")) == (2 if each else 1)
    assert office.to("/announce")[0]["FriendlyName"] == "r1"
    assert [find_words(socket.audio()) for socket in office.sockets] == [[], []]


# ---- machines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("within", "by"), [(None, "machine_end_beep"), (4, "unknown")])
async def test_a_machine_is_told_when_it_has_greeted_and_beeped(within: int | None, by: str) -> None:
    office = Office({"/answer": '<Pause length="20"/>'})
    more = {} if within is None else {"machine_detection_timeout": within}
    async with world(office) as here, client(here) as api:
        here.carrier.add_phone(DANA, staff("voicemail", after=1.0, greeting=GREETING))
        call = await api.calls.create_async(
            to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer", machine_detection="DetectMessageEnd", async_amd="true",
            async_amd_status_callback=f"{PUBLIC}/amd", **more,
        )  # fmt: skip
        record = await over(here, call.sid)
        await here.carrier.settle()
    (told,) = office.to("/amd")
    assert told["AnsweredBy"] == by
    greeted = (len(speak(GREETING, "staff", 0)) + len(beep())) / 8000
    assert record.answered_at is not None
    assert told.at - record.answered_at == pytest.approx(within or greeted, abs=0.2)
    assert 20 > greeted > 5


@pytest.mark.parametrize(("pause", "whole"), [(12, True), (3, False)])
async def test_a_machine_keeps_what_is_said_after_the_beep(pause: int, whole: bool) -> None:
    office = Office({"/answer": f'<Pause length="{pause}"/><Say>Please look at your staff screen.</Say>'})
    async with world(office) as here, client(here) as api:
        here.carrier.add_phone(DANA, staff("voicemail", after=0.1, greeting=GREETING))
        call = await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer")
        record = await over(here, call.sid)
    assert heard(record, "notice") == (["Please look at your staff screen."] if whole else [])
    assert "Please" in [w.text for w in find_words(record.heard_audio)], "the carrier played it all the same"


# ---- extensions ------------------------------------------------------------------------------------------------------


async def test_behind_a_menu_somebody_speaks_once_their_digits_were_heard() -> None:
    asks = "<Pause length='3'/><Gather numDigits='1' action='/taken'><Say>Press one.</Say></Gather>"
    early = asks.replace("length='3'", "length='0'").replace("</Gather>", "</Gather><Pause length='5'/>")
    office = Office({"/answer": asks, "/early": early, "/taken": "<Hangup/>"})
    async with world(office) as here, client(here) as api:
        here.carrier.add_phone(DANA, staff(after=0.1, extension="204"))
        given = {"to": DANA, "from_": OFFICE, "url": f"{PUBLIC}/answer"}
        more = {"machine_detection": "Enable", "async_amd": "true", "async_amd_status_callback": f"{PUBLIC}/amd"}
        right = await over(here, (await api.calls.create_async(**given, **more, send_digits="w204")).sid)
        wrong = await over(here, (await api.calls.create_async(**given, **more, send_digits="w205")).sid)
        soon = await over(
            here, (await api.calls.create_async(**{**given, "url": f"{PUBLIC}/early"}, send_digits="204")).sid
        )
        none = await over(here, (await api.calls.create_async(**given, **more)).sid)
        with pytest.raises(TwilioRestException) as refused:
            await api.calls.create_async(**given, send_digits="2" * 33)
    assert "Hello?" in [w.text for w in find_words(right.spoken_audio)]
    assert [key for _, key in right.keys] == ["1"]
    assert soon.keys == [], "asked before anybody was there"
    for other in (wrong, none):
        assert "Hello?" not in [w.text for w in find_words(other.spoken_audio)]
    assert [a["AnsweredBy"] for a in office.to("/amd")] == ["machine_start"], "digits switch detection off"
    assert refused.value.code == 20422


# ---- the number shown ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("once", [False, True])
async def test_the_callers_number_is_shown_only_with_the_token_of_her_call(once: bool) -> None:
    office = Office({"/voice": CONNECT})
    async with world(office, behaviour=Behaviour(call_token_once=once)) as here, client(here) as api:
        ringing = asyncio.create_task(here.ring(caller([Waits(6.0), HangsUp()])))
        await asyncio.sleep(1.0)
        token = office.to("/voice")[0]["CallToken"]

        async def order(shown: str, **more: str) -> int:
            try:
                await api.calls.create_async(to=DANA, from_=shown, twiml="<Response/>", **more)
            except TwilioRestException as refusal:
                return int(refusal.code)
            return 0

        tried = [
            await order(CALLER),
            await order(CALLER, call_token="made up"),
            await order(LUIS, call_token=token),
            await order(CALLER, call_token=token),
            await order(CALLER, call_token=token),
        ]
        await ringing
        late = await order(CALLER, call_token=token)
        shown = [r.from_ for r in here.carrier.calls.values() if r.to == DANA]
    assert tried == [21210, 21212, 21212, 0, 21212 if once else 0]
    assert late == 21212
    assert set(shown) == {CALLER}


# ---- a member of staff on a stream of their own ----------------------------------------------------------------------


async def test_a_staff_leg_has_a_stream_of_its_own_beside_the_callers() -> None:
    async def greets(socket: Socket) -> None:
        await socket.play(said(f"This is {socket.path[1:]}.", utterance=len(socket.path)))

    office = Office(
        {"/voice": CONNECT, "/answer": CONNECT.replace("/media", "/consult"), "/next": "<Say>Thank you.</Say>"},
        talks={"/media": greets, "/consult": greets},
    )
    async with world(office) as here, client(here) as api:
        acts: list[Act] = [Until("consult"), Says("Who is it?"), Waits(1.0), Presses("1")]
        here.carrier.add_phone(DANA, staff(after=0.3, before=acts, key=""))
        ringing = asyncio.create_task(here.ring(caller([Says("Hello."), Waits(9.0), HangsUp()])))
        made = await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer")
        await asyncio.sleep(8.0)
        await api.calls(made.sid).update_async(url=f"{PUBLIC}/next")
        record, dana = await ringing, await over(here, made.sid)
        assert here.carrier.warnings == []
    media, consult = sorted(office.sockets, key=lambda s: s.path, reverse=True)
    assert (heard(record, "agent"), heard(dana, "agent")) == (["This is media."], ["This is consult."])
    assert heard(dana, "notice") == ["Thank you."]
    assert [w.text for w in find_words(consult.audio())] == ["Hello?", "Who", "is", "it?"]
    assert [w.text for w in find_words(media.audio())] == ["Hello."]
    assert ([m["dtmf"]["digit"] for m in consult.of("dtmf")], media.of("dtmf")) == (["1"], [])
    assert consult.of("stop")


# ---- REFER, in all rows of the table ---------------------------------------------------------------------------------

REFER = f'<Refer action="/referred"><Sip>{CLAIMS}</Sip></Refer><Say>Unreachable.</Say>'
FIELDS = ("ReferCallStatus", "ReferSipResponseCode", "NotifySipResponseCode")


@pytest.mark.parametrize(
    ("phone", "how", "told"),
    [
        ("accepts", Behaviour(), ("in-progress", "202", "200")),
        ("accepts", Behaviour(refer_notified=False), (None, "202", None)),
        ("busy", Behaviour(refer_busy_fails=True), ("failed", "202", "486")),
        ("accepts", Behaviour(refer_answer=405), ("failed", "405", None)),
        ("accepts", Behaviour(refer_answer=405, refer_refusal_named=False), (None, "405", None)),
    ],
)
async def test_what_is_told_of_a_refer(phone: Any, how: Behaviour, told: tuple[str | None, ...]) -> None:
    office = Office({"/voice": REFER, "/referred": "<Say>We stay.</Say>"})
    async with world(office, behaviour=how) as here:
        here.carrier.add_phone(CLAIMS, staff(phone, after=0.5))
        await here.ring(caller([], stays=20), sip=True)
    (asked,) = office.to("/referred")
    assert tuple(asked.get(field) for field in FIELDS) == told


async def test_a_caller_who_hangs_up_during_a_refer_is_told_as_well() -> None:
    office = Office({"/voice": REFER})
    async with world(office) as here:
        here.carrier.add_phone(CLAIMS, staff(after=20.0))
        await here.ring(caller([Waits(2.0), HangsUp()]), sip=True)
        await here.carrier.settle()
    (asked,) = office.to("/referred")
    assert tuple(asked.get(field) for field in FIELDS) == ("canceled", "202", "180")


async def test_one_refer_may_be_refused_and_the_next_taken() -> None:
    office = Office({"/voice": REFER, "/referred": REFER.replace("/referred", "/again"), "/again": "<Hangup/>"})
    async with world(office, faults=[AnswerRefer(405)]) as here:
        here.carrier.add_phone(CLAIMS, staff(after=0.2))
        await here.ring(caller([]), sip=True)
        assert [r.status for r in here.carrier.referrals] == ["failed", "in-progress"]
    assert (office.to("/referred")[0]["ReferSipResponseCode"], office.to("/again")[0]["NotifySipResponseCode"]) == (
        "405", "200",
    )  # fmt: skip
