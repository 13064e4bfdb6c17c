"""Recording a leg by REST, driven by the vendor's own client: when, what, and who is told."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from flowengine.sandbox.carrier import Behaviour, CallRecord, HangsUp, Says, Waits, caller
from flowengine.sandbox.carrier.records import Recording
from flowengine.sandbox.speech import find_words
from tests.sandbox.carrier.office import ACCOUNT, CONNECT, PUBLIC, TOKEN, Office, Socket, World, said, world
from tests.sandbox.carrier.sdk import async_client

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's use of aiohttp 3.14
EVERY = ["in-progress", "completed", "absent"]
CALL = caller(
    [Says("Before anything.", wait=False), Waits(6.0), Says("After the order.", wait=False), Waits(6.0), HangsUp()]
)


async def live(here: World) -> CallRecord:
    """The caller's leg, once it is answered."""
    while not any(record.answered_at for record in here.carrier.calls.values()):  # noqa: ASYNC110  # from outside
        await asyncio.sleep(0.02)
    return next(iter(here.carrier.calls.values()))


async def rung(here: World, office: Office, order: Any, party: Any = CALL) -> tuple[CallRecord, Any]:
    """One call on a stream; `order` is given the client and the caller's leg five seconds after the answer."""
    ringing = asyncio.create_task(here.ring(party))
    record = await live(here)
    await asyncio.sleep(5.0)
    async with async_client(here.carrier.api_url) as api:
        made = await order(api, record)
        await ringing
        await here.carrier.settle()
    return record, made


def answering(socket_says: bytes = b"") -> Office:
    async def talk(socket: Socket) -> None:
        if socket_says:
            await asyncio.sleep(6.0)
            await socket.play(socket_says)
        await socket.ended.wait()

    return Office({"/voice": CONNECT}, {"/media": talk})


async def recorded(api: Any, record: CallRecord, **more: Any) -> Any:
    given = {"recording_status_callback": f"{PUBLIC}/told", "recording_status_callback_event": EVERY}
    return await api.calls(record.sid).recordings.create_async(recording_channels="dual", **given, **more)


def words(audio: bytes | bytearray) -> str:
    return " ".join(word.text for word in find_words(bytes(audio)))


def kept(here: World) -> Recording:
    (recording,) = here.carrier.recordings.values()
    return recording


async def test_both_sides_are_kept_apart_from_the_order_on_and_nothing_before_it() -> None:
    office = answering(said("How can I help you?"))
    async with world(office) as here:
        record, made = await rung(here, office, recorded)
        recording = kept(here)
        async with async_client(here.carrier.api_url) as api:
            fetched = await api.recordings(made.sid).fetch_async()
            (listed,) = await api.calls(record.sid).recordings.list_async(limit=5)
        url = office.to("/told")[-1]["RecordingUrl"]
        async with aiohttp.ClientSession(auth=aiohttp.BasicAuth(ACCOUNT, TOKEN)) as web, web.get(f"{url}.wav") as sound:
            body = await sound.read()
    assert (made.status, made.channels, made.source) == ("in-progress", 2, "StartCallRecordingAPI")
    assert "Before" not in words(recording.audio)
    assert words(recording.audio) == "After the order."
    assert words(recording.heard) == "How can I help you?"
    ((begins, ends),) = recording.spans
    assert record.answered_at is not None
    assert record.ended_at is not None
    assert begins == pytest.approx(record.answered_at + 5.0, abs=0.5)
    assert ends == pytest.approx(record.ended_at, abs=0.1)
    assert recording.seconds == round(ends - begins) == int(fetched.duration)
    assert (listed.sid, listed.call_sid, fetched.status) == (made.sid, record.sid, "completed")
    assert body[:4] == b"RIFF"
    assert int.from_bytes(body[22:24], "little") == 2, "channels"
    assert len(body) > 2 * len(recording.audio)


async def test_its_callbacks_are_signed_and_tell_where_it_is() -> None:
    office = answering()
    async with world(office) as here:
        record, made = await rung(here, office, recorded)
    begun, done = office.to("/told")
    assert (begun["RecordingStatus"], done["RecordingStatus"]) == ("in-progress", "completed")
    assert begun.get("RecordingUrl") is None
    assert done["RecordingSid"] == made.sid
    assert done["RecordingUrl"].endswith(f"/Recordings/{made.sid}")
    assert done["CallSid"] == record.sid
    assert int(done["RecordingDuration"]) > 3
    assert (done["RecordingSource"], done["RecordingChannels"], done["RecordingTrack"]) == (
        "StartCallRecordingAPI", "2", "both",
    )  # fmt: skip
    assert done.signature


async def test_it_is_stopped_by_name_or_as_the_one_that_runs() -> None:
    for name in ("", "Twilio.CURRENT"):

        async def order(api: Any, record: CallRecord, name: str = name) -> Any:
            made = await recorded(api, record)
            await asyncio.sleep(1.0)
            stopped = await api.calls(record.sid).recordings(name or made.sid).update_async(status="stopped")
            with pytest.raises(TwilioRestException) as again:
                await api.calls(record.sid).recordings(name or made.sid).update_async(status="stopped")
            assert again.value.code == (20404 if name else 21220)
            return stopped

        office = answering()
        async with world(office) as here:
            record, stopped = await rung(here, office, order)
            assert stopped.status == "stopped"
            assert kept(here).seconds == 1
            assert [told["RecordingStatus"] for told in office.to("/told")] == ["in-progress", "completed"]
            assert record.ended_at is not None
            assert kept(here).spans[-1][1] < record.ended_at - 2.0


@pytest.mark.parametrize(("behaviour", "seconds"), [("skip", 2), ("silence", 4)])
async def test_a_pause_is_left_out_or_silent(behaviour: str, seconds: int) -> None:
    async def order(api: Any, record: CallRecord) -> Any:
        made = await recorded(api, record)
        running = api.calls(record.sid).recordings(made.sid)
        await asyncio.sleep(1.0)
        await running.update_async(status="paused", pause_behavior=behaviour)
        await asyncio.sleep(2.0)
        await running.update_async(status="in-progress")
        await asyncio.sleep(1.0)
        return await running.update_async(status="stopped")

    office = answering()
    async with world(office) as here:
        await rung(here, office, order, caller([Waits(30.0), HangsUp()]))
        assert len(kept(here).spans) == 2
        assert len(kept(here).audio) / 8000 == pytest.approx(seconds, abs=0.5)


async def test_only_a_call_in_progress_is_recorded() -> None:
    office = answering()
    async with world(office) as here:
        record = await here.ring(caller([Waits(2.0), HangsUp()]))
        async with async_client(here.carrier.api_url) as api:
            with pytest.raises(TwilioRestException) as over:
                await recorded(api, record)
            with pytest.raises(TwilioRestException) as unknown:
                await api.calls("CA" + "9" * 32).recordings.create_async()
            with pytest.raises(TwilioRestException) as wrong:
                await api.calls(record.sid).recordings("RE" + "9" * 32).update_async(status="stopped")
    assert (over.value.code, unknown.value.code, wrong.value.code) == (21220, 20404, 20404)
    assert not here.carrier.recordings


@pytest.mark.parametrize(
    "given",
    [{"recording_track": "sideways"}, {"recording_status_callback": "/told"}, {"trim": "short"}],
    ids=lambda given: next(iter(given)),
)
async def test_what_makes_no_sense_is_refused(given: dict[str, str]) -> None:
    async def order(api: Any, record: CallRecord) -> Any:
        with pytest.raises(TwilioRestException) as refused:
            await api.calls(record.sid).recordings.create_async(**given)
        return refused.value.status

    office = answering()
    async with world(office) as here:
        assert (await rung(here, office, order))[1] == 400


async def test_it_is_deleted_with_its_sound_once_it_is_finished() -> None:
    async def order(api: Any, record: CallRecord) -> Any:
        made = await recorded(api, record)
        with pytest.raises(TwilioRestException) as running:
            await api.recordings(made.sid).delete_async()
        assert running.value.code == 21220
        return made

    office = answering()
    async with world(office) as here:
        _, made = await rung(here, office, order)
        async with async_client(here.carrier.api_url) as api:
            assert await api.recordings(made.sid).delete_async()
            with pytest.raises(TwilioRestException) as gone:
                await api.recordings(made.sid).fetch_async()
        assert gone.value.status == 404
        assert here.carrier.deleted == [made.sid]


@pytest.mark.parametrize("ends", [False, True])
async def test_a_redirect_ends_it_or_not(ends: bool) -> None:
    """Nobody has written down which."""

    async def order(api: Any, record: CallRecord) -> Any:
        made = await recorded(api, record)
        await asyncio.sleep(1.0)
        await api.calls(record.sid).update_async(twiml='<Response><Pause length="5"/></Response>')
        return made

    office = answering()
    async with world(office, behaviour=Behaviour(redirect_ends_recording=ends)) as here:
        record, _ = await rung(here, office, order)
        assert record.ended_at is not None
        assert (kept(here).spans[-1][1] < record.ended_at - 3.0) is ends
