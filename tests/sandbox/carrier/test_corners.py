"""Things a flow uses rarely: sound files, digits that are played, one phone after the other, hold documents."""

from __future__ import annotations

import asyncio
import struct

import pytest
from aiohttp import web

from flowengine.sandbox.carrier import CallRecord, HangsUp, Says, Waits, caller, staff
from flowengine.sandbox.speech import is_voiced, murmur
from tests.sandbox.carrier.office import CONNECT, DANA, LUIS, OFFICE, PUBLIC, Asked, Office, Socket, world
from tests.sandbox.carrier.sdk import async_client

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's use of aiohttp 3.14


def heard(record: CallRecord, what: str) -> list[str]:
    return [s.text for s in record.heard if s.what == what]


def wav(audio: bytes) -> bytes:
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(audio), b"WAVE", b"fmt ", 16, 7, 1, 8000, 8000, 1, 8)
    return head + struct.pack("<4sI", b"data", len(audio)) + audio


async def test_a_wav_file_is_decoded() -> None:
    office = Office(
        {
            "/voice": "<Play>/music.wav</Play>",
            "/music.wav": lambda _: web.Response(body=wav(murmur(2.0, 1)), content_type="audio/wav"),
        }
    )
    async with world(office) as here:
        record = await here.ring(caller([]))
    (music, *_) = record.heard
    assert music.what == "music"
    assert music.seconds == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("kind", ["audio/mpeg", "audio/wav", "missing"])
async def test_a_sound_that_cannot_be_played(kind: str) -> None:
    def sound(_: Asked) -> web.Response:
        return web.Response(status=404) if kind == "missing" else web.Response(body=b"x", content_type=kind)

    async with world(Office({"/voice": "<Play>/x</Play>", "/x": sound})) as here:
        record = await here.ring(caller([]))
        assert len(here.carrier.warnings) == 1
    assert "application error" in heard(record, "notice")[0]


async def test_digits_are_played_as_tones() -> None:
    async with world(Office({"/voice": '<Play digits="1wW2"/>'})) as here:
        record = await here.ring(caller([]))
    audio = bytes(record.heard_audio)
    assert sum(is_voiced(audio[at : at + 160]) for at in range(0, len(audio), 160)) == 10


async def test_digits_sent_after_the_answer_come_before_the_document() -> None:
    office = Office({"/answer": "<Say>Hello.</Say>"})
    async with world(office) as here, async_client(here.carrier.api_url) as api:
        here.carrier.add_phone(DANA, staff(after=0.1, hello=False))
        made = await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer", send_digits="12")
        record = here.carrier.calls[made.sid]
        await asyncio.sleep(5)
        await here.carrier.settle()
    assert [s.what for s in record.heard if s.what != "silence"] == ["music", "notice"]


async def test_phones_are_rung_one_after_the_other() -> None:
    office = Office({"/voice": f'<Dial sequential="true"><Number>{DANA}</Number><Number>{LUIS}</Number></Dial>'})
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff("busy"))
        here.carrier.add_phone(LUIS, staff(after=1.0, acts=[Says("Luis here."), HangsUp()]))
        record = await here.ring(caller([]))
        _, dana, luis = here.carrier.calls.values()
    assert heard(record, "staff") == ["Luis here."]
    assert (dana.status, luis.status) == ("busy", "completed")


async def test_detection_on_a_dialled_phone() -> None:
    number = f'<Number machineDetection="Enable" amdStatusCallback="/amd">{DANA}</Number>'
    office = Office({"/voice": f'<Dial timeLimit="8">{number}</Dial>'})
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff("voicemail", after=0.5))
        await here.ring(caller([]))
        await here.carrier.settle()
    assert [a["AnsweredBy"] for a in office.to("/amd")] == ["machine_start"]


async def test_a_whisper_that_cannot_be_had_refuses() -> None:
    office = Office(
        {
            "/voice": f'<Dial action="/after"><Number url="/gone">{DANA}</Number></Dial>',
            "/gone": web.Response(status=500),
            "/after": "<Hangup/>",
        }
    )
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff(after=0.1))
        await here.ring(caller([]))
        assert [w.code for w in here.carrier.warnings] == [11200]
    assert office.to("/after")[0]["DialBridged"] == "false"


async def test_hold_has_its_own_document() -> None:
    room = '<Dial><Conference beep="false" waitUrl="">r</Conference></Dial>'
    office = Office({"/voice": room, "/staff": room, "/hold": "<Say>Please hold.</Say>"})
    async with world(office) as here, async_client(here.carrier.api_url) as api:
        here.carrier.add_phone(DANA, staff(after=0.1, hello=False))
        ringing = asyncio.create_task(here.ring(caller([Waits(8.0), HangsUp()])))
        await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/staff")
        await asyncio.sleep(3)
        (shown,) = await api.conferences.list_async()
        (sid, *_) = [r.sid for r in here.carrier.calls.values() if r.direction == "inbound"]
        await api.conferences(shown.sid).participants(sid).update_async(hold=True, hold_url=f"{PUBLIC}/hold")
        record = await ringing
    assert heard(record, "notice") == ["Please hold."]
    assert office.to("/hold")[0].method == "GET"


async def test_a_finished_recording_is_announced() -> None:
    record_verb = f'<Record action="/done" timeout="1" recordingStatusCallback="{PUBLIC}/recorded"/>'
    office = Office({"/voice": record_verb, "/done": "<Hangup/>"})
    async with world(office) as here:
        await here.ring(caller([Waits(0.7), Says("Hello.", wait=False)]))
        await here.carrier.settle()
    (told,) = office.to("/recorded")
    assert (told["RecordingStatus"], told["RecordingSource"]) == ("completed", "RecordVerb")


async def test_moving_a_caller_twice_at_once_harms_nobody() -> None:
    office = Office({"/voice": CONNECT, "/next": '<Dial><Conference waitUrl="">r</Conference></Dial>'})
    async with world(office) as here, async_client(here.carrier.api_url) as api:
        ringing = asyncio.create_task(here.ring(caller([Waits(6.0), HangsUp()])))
        await asyncio.sleep(1)
        (sid,) = here.carrier.calls
        await asyncio.gather(*(api.calls(sid).update_async(url=f"{PUBLIC}/next") for _ in range(2)))
        record = await ringing
        await here.carrier.settle()
    assert record.status == "completed"
    assert record.duration >= 6
    assert [m["event"] for m in office.sockets[0].messages].count("stop") == 1


async def test_a_hang_up_while_a_stream_opens_leaves_nothing_behind() -> None:
    async def talk(socket: Socket) -> None:
        await socket.ended.wait()

    office = Office({"/voice": CONNECT}, {"/media": talk})
    async with world(office) as here:
        await here.ring(caller([HangsUp(after=0.0)]))
        await here.carrier.settle()
        assert all(s.over.is_set() for s in here.carrier.streams.values())
