"""The REST API, driven by the vendor's own clients."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from flowengine.sandbox.carrier import (
    Behaviour,
    Fault,
    HangsUp,
    Presses,
    RestAnswers,
    RestSilent,
    Says,
    Waits,
    caller,
    staff,
)
from flowengine.sandbox.speech import find_words
from tests.sandbox.carrier.office import (
    ACCOUNT,
    CALLER,
    CONNECT,
    DANA,
    LUIS,
    OFFICE,
    PUBLIC,
    ROOT,
    TOKEN,
    Office,
    Socket,
    World,
    said,
    world,
)
from tests.sandbox.carrier.sdk import async_client, sync_client

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's use of aiohttp 3.14
ALL = ["initiated", "ringing", "answered", "completed"]


def client(here: World) -> AbstractAsyncContextManager[Any]:
    return async_client(here.carrier.api_url)


async def finished(here: World, sid: str) -> None:
    while not here.carrier.calls[sid].over:  # noqa: ASYNC110  # a look from outside, as an application would
        await asyncio.sleep(0.1)


async def test_a_phone_is_rung_answers_and_hears_its_document() -> None:
    office = Office(
        {
            "/answer": '<Gather numDigits="1" finishOnKey="" action="/key">'
            "<Say>Call from Maria. Press one.</Say></Gather>",
            "/key": lambda asked: f"<Say>Thank you for {asked['Digits']}.</Say>",
        }
    )
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff(after=3.0))
        async with client(here) as api:
            call = await api.calls.create_async(
                to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer", status_callback=f"{PUBLIC}/leg",
                status_callback_event=ALL, timeout=20,
            )  # fmt: skip
            assert (call.status, call.direction, call.queue_time) == ("queued", "outbound-api", "0")
            await finished(here, call.sid)
            await here.carrier.settle()
            fetched = await api.calls(call.sid).fetch_async()
        record = here.carrier.calls[call.sid]
    assert (fetched.status, fetched.duration) == ("completed", str(record.duration))
    assert [(a["CallStatus"], a["SequenceNumber"]) for a in office.to("/leg")] == [
        ("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3"),
    ]  # fmt: skip
    assert office.to("/leg")[-1]["Duration"] == "1"
    assert office.to("/answer")[0]["CallStatus"] == "in-progress"
    assert [s.text for s in record.heard if s.what == "notice"] == ["Call from Maria. Press one.", "Thank you for 1."]
    assert record.answered_at == pytest.approx(record.started_at + 3.4, abs=0.1)


@pytest.mark.parametrize(
    ("outcome", "status", "sip", "seconds"),
    [("busy", "busy", "486", 0.4), ("fails", "failed", "404", 0.4), ("no answer", "no-answer", "487", 15.4)],
)
async def test_a_phone_that_is_not_picked_up(outcome: Any, status: str, sip: str, seconds: float) -> None:
    office = Office()
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff(outcome))
        async with client(here) as api:
            call = await api.calls.create_async(
                to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer", status_callback=f"{PUBLIC}/leg", timeout=10
            )
            await finished(here, call.sid)
            await here.carrier.settle()
        record = here.carrier.calls[call.sid]
    (told,) = office.to("/leg")
    assert (told["CallStatus"], told["SipResponseCode"], told["CallDuration"]) == (status, sip, "0")
    assert record.ended_at == pytest.approx(record.started_at + seconds, abs=0.1), "the carrier adds five seconds"


async def test_an_unknown_number_rings_out_and_a_malformed_one_is_refused() -> None:
    async with world() as here, client(here) as api:
        call = await api.calls.create_async(to=LUIS, from_=OFFICE, twiml="<Response/>", timeout=5)
        with pytest.raises(TwilioRestException) as refused:
            await api.calls.create_async(to="5550111", from_=OFFICE, twiml="<Response/>")
        assert (refused.value.code, refused.value.status) == (21211, 400)
        await finished(here, call.sid)
        assert here.carrier.calls[call.sid].status == "no-answer"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"To": DANA}, 21213),
        ({"From": OFFICE, "Twiml": "<Response/>"}, 21201),
        ({"To": DANA, "From": OFFICE}, 21205),
        ({"To": DANA, "From": OFFICE, "Url": "/relative"}, 21205),
        ({"To": DANA, "From": LUIS, "Twiml": "<Response/>"}, 21210),
        ({"To": DANA, "From": OFFICE, "Twiml": "<Response>" + " " * 4000 + "</Response>"}, 20422),
    ],
)
async def test_an_order_that_cannot_be_carried_out(given: dict[str, str], code: int) -> None:
    async with world() as here, aiohttp.ClientSession() as http:
        async with http.post(
            f"{here.carrier.api_url}{ROOT}/Calls.json", data=given, auth=aiohttp.BasicAuth(ACCOUNT, TOKEN)
        ) as answer:
            body = await answer.json()
        assert answer.status == 400
        assert set(body) == {"code", "message", "more_info", "status"}
        assert (body["code"], body["status"]) == (code, 400)
        assert not here.carrier.calls


async def test_strangers_and_lost_resources() -> None:
    async with world() as here:
        async with async_client(here.carrier.api_url, token="wrong") as stranger:
            with pytest.raises(TwilioRestException) as refused:
                await stranger.calls("CA" + "0" * 32).fetch_async()
        assert (refused.value.status, refused.value.code) == (401, 20003)
        async with client(here) as api:
            for lost in (api.calls("CA" + "0" * 32), api.conferences("CF" + "0" * 32)):
                with pytest.raises(TwilioRestException) as missing:
                    await lost.fetch_async()
                assert (missing.value.status, missing.value.code) == (404, 20404)


async def test_calls_are_placed_one_a_second() -> None:
    office = Office({"/answer": "<Hangup/>"})
    async with world(office) as here:
        async with client(here) as api:
            calls = await asyncio.gather(
                *(
                    api.calls.create_async(
                        to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer", timeout=5, status_callback=f"{PUBLIC}/leg",
                        status_callback_event=["initiated"],
                    )
                    for _ in range(3)
                )
            )  # fmt: skip
            assert sorted(int(c.queue_time) for c in calls) == pytest.approx([0, 1000, 2000], abs=50)
            await asyncio.sleep(3)
        times = [a.at for a in office.to("/leg")]
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([1, 1], abs=0.1)


async def test_a_call_cancelled_in_the_queue_tells_nobody() -> None:
    office = Office()
    async with world(office) as here, client(here) as api:
        order = {"to": DANA, "from_": OFFICE, "twiml": "<Response/>", "timeout": 5}
        await api.calls.create_async(**order)
        second = await api.calls.create_async(**order, status_callback=f"{PUBLIC}/leg", status_callback_event=ALL)
        assert (await api.calls(second.sid).update_async(status="canceled")).status == "canceled"
        await asyncio.sleep(2)
    assert not office.to("/leg")


@pytest.mark.parametrize("word", ["canceled", "completed"])
async def test_a_ringing_phone_is_let_go(word: str) -> None:
    office = Office()
    async with world(office) as here, client(here) as api:
        call = await api.calls.create_async(
            to=DANA, from_=OFFICE, twiml="<Response/>", status_callback=f"{PUBLIC}/leg", status_callback_event=ALL
        )
        await asyncio.sleep(2)
        assert (await api.calls(call.sid).update_async(status=word)).status == "canceled"
        await here.carrier.settle()
        with pytest.raises(TwilioRestException) as over:
            await api.calls(call.sid).update_async(status=word)
    assert (over.value.code, over.value.status) == (21220, 400)
    assert [a["CallStatus"] for a in office.to("/leg")] == ["initiated", "ringing", "canceled"]


async def test_completed_may_leave_a_ringing_phone_alone() -> None:
    async with world(behaviour=Behaviour(completed_cancels_ringing=False)) as here, client(here) as api:
        call = await api.calls.create_async(to=DANA, from_=OFFICE, twiml="<Response/>")
        await asyncio.sleep(2)
        assert (await api.calls(call.sid).update_async(status="completed")).status == "ringing"
        with pytest.raises(TwilioRestException) as refused:
            await api.calls(call.sid).update_async(twiml="<Response/>")
        assert refused.value.code == 21220


async def test_cancelling_does_nothing_to_a_phone_just_answered() -> None:
    async with world() as here, client(here) as api:
        here.carrier.add_phone(DANA, staff(after=0.1))
        call = await api.calls.create_async(to=DANA, from_=OFFICE, twiml='<Response><Pause length="9"/></Response>')
        await asyncio.sleep(2)
        assert (await api.calls(call.sid).update_async(status="canceled")).status == "in-progress"
        assert (await api.calls(call.sid).update_async(status="completed")).status == "completed"


async def moved(here: World, office: Office, api: Any, **where: Any) -> None:
    """Waits for the caller's stream, then redirects her."""
    while not office.sockets:  # noqa: ASYNC110  # there is nothing to wait for yet
        await asyncio.sleep(0.1)
    (sid,) = here.carrier.calls
    await asyncio.sleep(1.0)
    await api.calls(sid).update_async(**where)


@pytest.mark.parametrize("asks", [False, True])
async def test_a_redirect_ends_the_stream_and_drops_its_audio(asks: bool) -> None:
    async def talk(socket: Socket) -> None:
        await socket.play(said("Please hold while I talk for a very long time about nothing at all."))
        await socket.mark("never")
        await socket.ended.wait()

    document = CONNECT.replace("<Connect>", '<Connect action="/after">')
    office = Office({"/voice": document, "/next": "<Say>You were moved.</Say>"}, {"/media": talk})
    async with world(office, behaviour=Behaviour(connect_action_after_redirect=asks)) as here, client(here) as api:
        ringing = asyncio.create_task(here.ring(caller([])))
        await moved(here, office, api, url=f"{PUBLIC}/next")
        answered = asyncio.get_running_loop().time()
        record = await ringing
        await here.carrier.settle()
    (socket,) = office.sockets
    assert socket.messages[-1]["event"] == "stop"
    assert socket.marks() == []
    assert socket.times[-1] >= answered, "the answer comes before the redirect is executed"
    heard = [w.text for w in find_words(record.heard_audio)]
    assert "nothing" not in heard
    assert heard[-3:] == ["You", "were", "moved."]
    assert len(office.to("/after")) == (1 if asks else 0)


@pytest.mark.parametrize("overtakes", [False, True])
async def test_our_close_around_a_redirect(overtakes: bool) -> None:
    """By default the redirect that was ordered wins; with the switch our close runs the document off its end."""
    office = Office({"/voice": CONNECT})
    async with (
        world(office, behaviour=Behaviour(close_processed_before_redirect=overtakes)) as here,
        client(here) as api,
    ):
        ringing = asyncio.create_task(here.ring(caller([])))
        await moved(here, office, api, twiml="<Response><Say>You were moved.</Say></Response>")
        await office.sockets[0].ws.close()
        record = await ringing
    assert bool(find_words(record.heard_audio)) is not overtakes


async def test_inline_twiml_has_no_base() -> None:
    office = Office({"/voice": CONNECT})
    async with world(office) as here, client(here) as api:
        ringing = asyncio.create_task(here.ring(caller([])))
        await moved(here, office, api, twiml="<Response><Redirect>/next</Redirect></Response>")
        await ringing
        assert [w.code for w in here.carrier.warnings] == [11100]


async def test_lists_can_be_filtered() -> None:
    async with world(Office({"/voice": '<Pause length="1"/>'})) as here, client(here) as api:
        await here.ring(caller([HangsUp()]))
        await api.calls.create_async(to=DANA, from_=OFFICE, twiml="<Response/>", timeout=5)
        await asyncio.sleep(1)
        assert len(await api.calls.list_async()) == 2
        assert [c.to for c in await api.calls.list_async(from_=CALLER)] == [OFFICE]
        assert [c.to for c in await api.calls.list_async(to=DANA, status="ringing")] == [DANA]
        assert len(await api.calls.list_async(page_size=1)) == 2, "pages are followed"


async def test_a_time_limit_ends_a_call_and_cannot_lie_in_the_past() -> None:
    async with world() as here, client(here) as api:
        here.carrier.add_phone(DANA, staff(after=0.1))
        call = await api.calls.create_async(
            to=DANA, from_=OFFICE, twiml='<Response><Pause length="60"/></Response>', time_limit=30
        )
        await asyncio.sleep(3)
        with pytest.raises(TwilioRestException) as past:
            await api.calls(call.sid).update_async(time_limit=1)
        assert past.value.code == 13216
        await api.calls(call.sid).update_async(time_limit=5)
        await finished(here, call.sid)
        assert here.carrier.calls[call.sid].duration == 5


@pytest.mark.parametrize(("phone", "by"), [("accepts", "human"), ("voicemail", "machine_start")])
async def test_detection_in_the_background(phone: Any, by: str) -> None:
    office = Office({"/answer": '<Pause length="5"/>'})
    async with world(office) as here, client(here) as api:
        here.carrier.add_phone(DANA, staff(phone, after=0.1))
        call = await api.calls.create_async(
            to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer", machine_detection="Enable", async_amd="true",
            async_amd_status_callback=f"{PUBLIC}/amd",
        )  # fmt: skip
        await finished(here, call.sid)
        await here.carrier.settle()
        assert (await api.calls(call.sid).fetch_async()).answered_by == by
    (told,) = office.to("/amd")
    assert (told["AnsweredBy"], set(told.form)) == (
        by, {"AccountSid", "CallSid", "AnsweredBy", "MachineDetectionDuration"},
    )  # fmt: skip
    assert told.at > office.to("/answer")[0].at


async def test_synchronous_detection_holds_the_document_back() -> None:
    office = Office({"/answer": "<Hangup/>"})
    async with world(office) as here, client(here) as api:
        here.carrier.add_phone(DANA, staff(after=0.1))
        call = await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer", machine_detection="Enable")
        await finished(here, call.sid)
        answered = here.carrier.calls[call.sid].answered_at
    (asked,) = office.to("/answer")
    assert answered is not None
    assert asked.at - answered > 2
    assert asked["AnsweredBy"] == "human"


async def test_a_stream_ordered_by_rest_copies_a_leg() -> None:
    office = Office({"/voice": '<Pause length="6"/>'})
    async with world(office, behaviour=Behaviour(pause_first_rings=False)) as here, client(here) as api:
        ringing = asyncio.create_task(here.ring(caller([Waits(2.0), Says("Is this on?", wait=False)])))
        await asyncio.sleep(1.0)
        (sid,) = here.carrier.calls
        stream = await api.calls(sid).streams.create_async(
            url="wss://demo.test/copy", name="copy", parameter1_name="leg", parameter1_value="caller"
        )
        assert (stream.status, stream.name) == ("in-progress", "copy")
        await asyncio.sleep(4)
        assert (await api.calls(sid).streams("copy").update_async(status="stopped")).status == "stopped"
        await ringing
    (socket,) = office.sockets
    assert socket.of("start")[0]["start"]["customParameters"] == {"leg": "caller"}
    assert [w.text for w in find_words(socket.audio())] == ["Is", "this", "on?"]


async def test_a_recording_is_a_resource_with_sound() -> None:
    office = Office({"/voice": '<Record action="/done" timeout="2"/>', "/done": "<Hangup/>"})
    async with world(office) as here:
        await here.ring(caller([Waits(1.0), Says("Call me back.", wait=False)]))
        async with client(here) as api:
            url = office.to("/done")[0]["RecordingUrl"]
            sid = url.rpartition("/")[2]
            recording = await api.recordings(sid).fetch_async()
        assert (recording.status, recording.source, recording.channels) == ("completed", "RecordVerb", 1)
        async with aiohttp.ClientSession(auth=aiohttp.BasicAuth(ACCOUNT, TOKEN)) as http, http.get(url) as answer:
            wav = await answer.read()
    assert wav[:4] == b"RIFF"
    assert [w.text for w in find_words(wav[46:])] == ["Call", "me", "back."]


async def test_news_of_a_call_may_overtake_the_answer_to_its_creation() -> None:
    office = Office({"/answer": '<Pause length="1"/>'})
    async with world(office, behaviour=Behaviour(answer_before_rest_reply=True)) as here, client(here) as api:
        here.carrier.add_phone(DANA, staff(after=1.0))
        call = await api.calls.create_async(
            to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer", status_callback=f"{PUBLIC}/leg", status_callback_event=ALL
        )
        assert [a["CallStatus"] for a in office.to("/leg")][:2] == ["initiated", "ringing"]
        assert {a["CallSid"] for a in office.to("/leg")} == {call.sid}


async def test_an_order_may_be_refused_once_or_its_answer_be_lost() -> None:
    faults: list[Fault] = [RestAnswers("/Calls.json", 429, 20429), RestSilent("/Calls.json", nth=1)]
    async with world(faults=faults) as here, client(here) as api:
        order = {"to": DANA, "from_": OFFICE, "twiml": "<Response/>", "timeout": 5}
        with pytest.raises(TwilioRestException) as refused:
            async with asyncio.timeout(3):
                await api.calls.create_async(**order)
        assert (refused.value.status, refused.value.code) == (429, 20429)
        assert not here.carrier.calls, "not processed"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await api.calls.create_async(**order)
        assert len(here.carrier.calls) == 1, "processed, but the answer never came"
        await api.calls.create_async(**order)
        assert here.carrier.faults_done == faults


# ---- shapes ----------------------------------------------------------------------------------------------------------

# The vendor's own description of its API, beside the checkout where there is one.
SPEC = Path(__file__).parents[4] / "shared" / "reference" / "specs" / "twilio-api-v2010.json"


async def samples(here: World, api: Any) -> dict[str, dict[str, Any]]:
    """One of each resource, as JSON."""
    twiml = "<Response><Dial><Conference waitUrl=''>room</Conference></Dial></Response>"
    here.carrier.add_phone(DANA, staff(after=0.1))
    call = await api.calls.create_async(to=DANA, from_=OFFICE, twiml=twiml)
    await asyncio.sleep(2)
    async with aiohttp.ClientSession(auth=aiohttp.BasicAuth(ACCOUNT, TOKEN)) as http:

        async def get(path: str) -> dict[str, Any]:
            async with http.get(f"{here.carrier.api_url}{ROOT}{path}") as answer:
                body: dict[str, Any] = await answer.json()
                return body

        rooms = await get("/Conferences.json?Status=init")
        room = rooms["conferences"][0]["sid"]
        members = await get(f"/Conferences/{room}/Participants.json")
        calls = await get("/Calls.json")
        async with http.post(
            f"{here.carrier.api_url}{ROOT}/Calls/{call.sid}/Streams.json", data={"Url": "wss://demo.test/copy"}
        ) as answer:
            assert answer.status == 200, "not 201"
            stream = await answer.json()
    return {
        "api.v2010.account.call": calls["calls"][0],
        "api.v2010.account.conference": rooms["conferences"][0],
        "api.v2010.account.conference.participant": members["participants"][0],
        "api.v2010.account.call.stream": stream,
        "ListCallResponse": calls,
    }


def misfits(schemas: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """Where a resource differs from its schema: missing or unknown keys, wrong types, patterns, enumerations."""
    wrong = []
    for name, rule in schema["properties"].items():
        rule = schemas[rule["$ref"].rpartition("/")[2]] if "$ref" in rule else rule
        if name not in value:
            wrong.append(f"{name} is missing")
        elif value[name] is None:
            wrong += [f"{name} is null"] if rule.get("nullable") is False else []
        elif not _fits(rule, value[name]):
            wrong.append(f"{name} is {value[name]!r}")
    return wrong + [f"{name} is unknown" for name in set(value) - set(schema["properties"])]


def _fits(rule: dict[str, Any], value: Any) -> bool:
    kinds: dict[str, Callable[[Any], bool]] = {
        "string": lambda v: isinstance(v, str),
        "boolean": lambda v: isinstance(v, bool),
        "integer": lambda v: isinstance(v, int),
        "object": lambda v: isinstance(v, dict),
        "array": lambda v: isinstance(v, list),
    }
    if not kinds.get(rule.get("type", ""), lambda _: True)(value):
        return False
    if rule.get("enum") and value not in rule["enum"]:
        return False
    if rule.get("format") == "date-time-rfc-2822" and not re.fullmatch(
        r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000", value
    ):
        return False
    return not rule.get("pattern") or bool(re.fullmatch(rule["pattern"], value))


@pytest.mark.skipif(not SPEC.is_file(), reason=f"the vendor's specification is not at {SPEC}")
async def test_resources_have_the_shape_the_vendor_specifies() -> None:
    spec = json.loads(SPEC.read_text())
    schemas: dict[str, Any] = spec["components"]["schemas"]
    listing = spec["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls.json"]["get"]["responses"]["200"]
    schemas["ListCallResponse"] = listing["content"]["application/json"]["schema"]
    async with world() as here, client(here) as api:
        found = await samples(here, api)
    assert {name: misfits(schemas, schemas[name], value) for name, value in found.items()} == {n: [] for n in found}


# ---- the synchronous client, in wall time ----------------------------------------------------------------------------


@pytest.mark.wall
async def test_the_synchronous_client_drives_it_from_a_thread() -> None:
    office = Office({"/answer": '<Gather numDigits="1" action="/key" timeout="1"/>', "/key": "<Hangup/>"})
    async with world(office, behaviour=Behaviour(rest_seconds=0.01, dial_seconds=0.05)) as here:
        here.carrier.add_phone(DANA, staff(after=0.1, hello=False))

        def drive() -> str:
            api = sync_client(here.carrier.api_url)
            call = api.calls.create(to=DANA, from_=OFFICE, url=f"{PUBLIC}/answer")
            assert api.calls(call.sid).fetch().to == DANA
            assert [c.sid for c in api.calls.list(limit=5)] == [call.sid]
            with pytest.raises(TwilioRestException) as refused:
                api.calls("CA" + "0" * 32).update(status="completed")
            assert refused.value.code == 20404
            api.http_client.session.close()
            return str(call.sid)

        sid = await asyncio.to_thread(drive)
        async with asyncio.timeout(5):
            await finished(here, sid)
    assert office.to("/answer")[0]["CallSid"] == sid


async def test_keys_are_kept_with_the_record() -> None:
    async with world(Office({"/voice": "<Say>Press something, please.</Say>"})) as here:
        record = await here.ring(caller([Waits(0.2), Presses("9")]))
    assert [key for _, key in record.keys] == ["9"]
