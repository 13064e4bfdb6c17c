"""Media Streams: the messages, playback in real time, marks and clear, and every way a stream ends or never begins."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from flowengine.sandbox.carrier import Behaviour, CallRecord, HangsUp, Presses, Says, Waits, caller
from flowengine.sandbox.speech import FRAME, SILENCE, find_words, is_voiced, speak
from tests.sandbox.carrier.office import ACCOUNT, CONNECT, PUBLIC, Office, Socket, said, world

AFTER = "<Say>The stream is over.</Say>"


def notices(record: CallRecord) -> list[str]:
    return [s.text for s in record.heard if s.what == "notice"]


async def test_the_messages_are_as_documented() -> None:
    office = Office({"/voice": CONNECT})
    async with world(office) as here:
        record = await here.ring(caller([Waits(0.5), Presses("5"), HangsUp(after=0.5)]))
        await here.carrier.settle()
    (socket,) = office.sockets
    connected, start, *rest = socket.messages
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    sid = start["streamSid"]
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": ACCOUNT,
            "streamSid": sid,
            "callSid": record.sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"call": "c1"},
        },
        "streamSid": sid,
    }
    assert rest[0] == {
        "event": "media",
        "sequenceNumber": "2",
        "media": {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": base64.b64encode(SILENCE).decode()},
        "streamSid": sid,
    }
    assert [m["sequenceNumber"] for m in rest] == [str(n + 2) for n in range(len(rest))]
    media = socket.of("media")
    assert [m["media"]["timestamp"] for m in media] == [str(20 * n) for n in range(len(media))]
    assert len(media) == pytest.approx(50, abs=5)
    (key,) = socket.of("dtmf")
    assert key["dtmf"] == {"track": "inbound_track", "digit": "5"}
    assert rest[-1]["stop"] == {"accountSid": ACCOUNT, "callSid": record.sid}


async def test_frames_keep_the_pace_of_the_clock() -> None:
    office = Office({"/voice": CONNECT})
    async with world(office) as here:
        await here.ring(caller([HangsUp(after=10)]))
    (socket,) = office.sockets
    times = [t for t, m in zip(socket.times, socket.messages, strict=True) if m["event"] == "media"]
    assert times[-1] - times[0] == pytest.approx((len(times) - 1) * 0.02, abs=0.01)


async def test_a_mark_echoes_when_what_came_before_was_played() -> None:
    audio = said("This takes a while to say.")
    at: dict[str, float] = {}

    async def talk(socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        await socket.mark("empty")
        await socket.until(lambda: socket.marks())
        at["empty"] = loop.time()
        at["sent"] = loop.time()
        await socket.play(audio, size=333)
        await socket.mark("said")
        await socket.until(lambda: len(socket.marks()) == 2)
        at["said"] = loop.time()
        await socket.ws.close()

    office = Office({"/voice": CONNECT}, {"/media": talk})
    async with world(office) as here:
        record = await here.ring(caller([]))
    assert office.sockets[0].marks() == ["empty", "said"]
    assert at["said"] - at["sent"] == pytest.approx(len(audio) / 8000, abs=0.05)
    assert audio in bytes(record.heard_audio)


async def test_clear_drops_the_rest_and_echoes_the_marks_at_once() -> None:
    long, then = said("One two three four five six seven eight nine ten."), said("Sorry, go on.", 8)
    took: list[float] = []

    async def talk(socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        await socket.play(long)
        await socket.mark("long")
        await asyncio.sleep(1.0)
        began = loop.time()
        await socket.send("clear")
        await socket.until(lambda: socket.marks())
        took.append(loop.time() - began)
        await socket.play(then)
        await socket.mark("then")
        await socket.until(lambda: len(socket.marks()) == 2)
        await socket.ws.close()

    async with world(Office({"/voice": CONNECT}, {"/media": talk})) as here:
        record = await here.ring(caller([]))
    assert took[0] < 0.02
    words = [w.text for w in find_words(record.heard_audio)]
    assert words[:2] == ["One", "two"]
    assert "ten." not in words
    assert words[-3:] == ["Sorry,", "go", "on."]


async def test_payloads_of_any_length_are_played_without_a_gap() -> None:
    audio = said("Odd sizes make no difference at all.")

    async def talk(socket: Socket) -> None:
        await socket.play(audio, size=37)
        await socket.mark("m")
        await socket.until(lambda: socket.marks())
        await socket.ws.close()

    async with world(Office({"/voice": CONNECT}, {"/media": talk})) as here:
        record = await here.ring(caller([]))
    assert audio in bytes(record.heard_audio)


async def test_our_close_runs_the_action_or_the_next_verb() -> None:
    async def talk(socket: Socket) -> None:
        await socket.ws.close()

    with_action = CONNECT.replace("<Connect>", '<Connect action="/after">')
    office = Office({"/voice": with_action + "<Say>no</Say>", "/after": "<Say>Action.</Say>"}, {"/media": talk})
    async with world(office) as here:
        assert notices(await here.ring(caller([]))) == ["Action."]
        assert not office.sockets[0].of("stop"), "we closed it: there is nobody to say stop to"
    async with world(Office({"/voice": CONNECT + AFTER}, {"/media": talk})) as here:
        assert notices(await here.ring(caller([]))) == ["The stream is over."]
    async with world(Office({"/voice": CONNECT}, {"/media": talk})) as here:
        record = await here.ring(caller([]))
        assert record.status == "completed"


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ('<Stream url="wss://demo.test/media?room=1"/>', 31920),
        ('<Stream url="ws://demo.test/media"/>', 31922),
        ('<Stream url="/media"/>', 11100),
        ('<Stream url="wss://nobody.test/media"/>', 31902),
        ('<Stream url="wss://demo.test/media" track="both_tracks"/>', 31941),
    ],
)
async def test_a_stream_that_cannot_open_lets_the_document_go_on(stream: str, code: int) -> None:
    office = Office({"/voice": f"<Connect>{stream}</Connect>{AFTER}"})
    async with world(office) as here:
        record = await here.ring(caller([]))
        assert [w.code for w in here.carrier.warnings] == [code]
    assert not office.sockets
    assert notices(record) == ["The stream is over."]


@pytest.mark.parametrize("fires", [True, False])
async def test_a_refused_upgrade_is_a_stream_error(fires: bool) -> None:
    stream = f'<Stream url="wss://demo.test/media" statusCallback="{PUBLIC}/stream"/>'
    document = f'<Connect action="/after">{stream}</Connect>{AFTER}'
    office = Office({"/voice": document, "/after": "<Say>Action.</Say>"}, refuses_sockets=True)
    async with world(office, behaviour=Behaviour(connect_action_after_refusal=fires)) as here:
        record = await here.ring(caller([]))
        await here.carrier.settle()
        assert [w.code for w in here.carrier.warnings] == [31920]
    (told,) = office.to("/stream")
    assert (told["StreamEvent"], told["StreamError"][:5]) == ("stream-error", "31920")
    assert notices(record) == ["Action." if fires else "The stream is over."]


async def test_a_server_that_never_answers_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    there = {"https://silent.test": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}
    office = Office({"/voice": CONNECT.replace("demo.test", "silent.test") + AFTER})
    async with world(office, elsewhere=there) as here:
        record = await here.ring(caller([]))
        assert [w.code for w in here.carrier.warnings] == [31901]
    server.close()
    await server.wait_closed()
    assert notices(record) == ["The stream is over."]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\xff\xff", 31950),
        ("no json", 31951),
        ({"event": "dance", "streamSid": "SID"}, 31951),
        ({"event": "clear", "streamSid": "MZ" + "0" * 32}, 31951),
        ({"event": "clear"}, 31951),
        ({"event": "clear", "streamSid": "SID", "why": "x"}, 31951),
        ({"event": "mark", "streamSid": "SID", "mark": {"name": 5}}, 31951),
        ({"event": "media", "streamSid": "SID", "media": {"payload": "AAAA", "track": "outbound"}}, 31951),
        ({"event": "media", "streamSid": "SID", "media": {"payload": "not base64!"}}, 31951),
    ],
)
async def test_a_message_nobody_knows_is_skipped_and_warned_of_once(message: Any, code: int) -> None:
    async def talk(socket: Socket) -> None:
        for _ in range(2):
            if isinstance(message, bytes):
                await socket.ws.send_bytes(message)
            elif isinstance(message, str):
                await socket.ws.send_str(message)
            else:
                await socket.ws.send_json(
                    message | ({"streamSid": socket.sid} if message.get("streamSid") == "SID" else {})
                )
        await socket.play(said("Fine."))
        await socket.mark("m")
        await socket.until(lambda: socket.marks())
        await socket.ws.close()

    async with world(Office({"/voice": CONNECT}, {"/media": talk})) as here:
        record = await here.ring(caller([]))
        assert [w.code for w in here.carrier.warnings] == [code]
    assert [s.text for s in record.heard if s.what == "agent"] == ["Fine."]


async def test_a_bad_message_may_end_the_stream() -> None:
    async def talk(socket: Socket) -> None:
        await socket.ws.send_str("?")
        await socket.ended.wait()

    async with world(
        Office({"/voice": CONNECT + AFTER}, {"/media": talk}), behaviour=Behaviour(bad_message_ends_stream=True)
    ) as here:
        assert notices(await here.ring(caller([]))) == ["The stream is over."]


@pytest.mark.parametrize("per_track", [False, True])
async def test_a_copy_of_a_leg_has_both_sides_apart(per_track: bool) -> None:
    start = (
        '<Start><Stream name="copy" url="wss://demo.test/copy" track="both_tracks" '
        f'statusCallback="{PUBLIC}/stream"/></Start>'
    )
    office = Office(
        {
            "/voice": start + "<Say>What happened?</Say><Redirect>/next</Redirect>",
            "/next": '<Pause length="4"/><Stop><Stream name="copy"/></Stop><Pause length="1"/>',
        }
    )
    async with world(office, behaviour=Behaviour(chunk_per_track=per_track)) as here:
        await here.ring(caller([Says("My crown fell out.")]))
        await here.carrier.settle()
    (socket,) = office.sockets
    assert [w.text for w in find_words(socket.audio("outbound"))] == ["What", "happened?"]
    assert [w.text for w in find_words(socket.audio("inbound"))] == ["My", "crown", "fell", "out."]
    chunks = [m["media"]["chunk"] for m in socket.of("media")][:4]
    assert chunks == (["1", "1", "2", "2"] if per_track else ["1", "2", "3", "4"])
    assert [a["StreamEvent"] for a in office.to("/stream")] == ["stream-started", "stream-stopped"]
    assert office.to("/stream")[0]["StreamName"] == "copy"
    assert office.to("/stream")[0]["Timestamp"].endswith("Z")


async def test_a_one_way_stream_takes_no_messages() -> None:
    async def talk(socket: Socket) -> None:
        await socket.play(said("Ignored."))

    office = Office(
        {"/voice": '<Start><Stream url="wss://demo.test/copy"/></Start><Pause length="2"/>'}, {"/copy": talk}
    )
    async with world(office) as here:
        record = await here.ring(caller([Waits(0.1), Presses("1")]))
        assert [w.code for w in here.carrier.warnings] == [31924]
    assert not [s for s in record.heard if s.what == "agent"]
    assert not office.sockets[0].of("dtmf")


@pytest.mark.parametrize("accepts", [True, False])
async def test_a_ping_of_ours_is_answered_or_not(accepts: bool) -> None:
    async def talk(socket: Socket) -> None:
        await socket.ws.ping(b"there?")
        await asyncio.sleep(0.5)
        await socket.ws.close()

    office = Office({"/voice": CONNECT}, {"/media": talk})
    async with world(office, behaviour=Behaviour(stream_accepts_ping=accepts)) as here:
        await here.ring(caller([]))
    assert office.sockets[0].pongs == (1 if accepts else 0)


async def test_overlong_parameters_are_dropped() -> None:
    long = CONNECT.replace('value="c1"', f'value="{"x" * 500}"')
    office = Office({"/voice": long})
    async with world(office) as here:
        await here.ring(caller([HangsUp()]))
        assert [w.code for w in here.carrier.warnings] == [12200]
    assert office.sockets[0].of("start")[0]["start"]["customParameters"] == {}


@pytest.mark.parametrize(("audible", "frames"), [(True, 5), (False, 0)])
async def test_a_key_is_heard_on_the_line_or_not(audible: bool, frames: int) -> None:
    office = Office({"/voice": CONNECT})
    async with world(office, behaviour=Behaviour(inband_tones=audible)) as here:
        record = await here.ring(caller([Waits(0.5), Presses("5"), HangsUp()]))
    audio = office.sockets[0].audio()
    assert sum(is_voiced(audio[at : at + FRAME]) for at in range(0, len(audio), FRAME)) == frames
    assert len(record.spoken_audio) == len(record.heard_audio)
    assert ("self" in {s.what for s in record.heard}) is audible


async def test_a_silent_line_is_mu_law_silence() -> None:
    office = Office({"/voice": CONNECT})
    async with world(office) as here:
        record = await here.ring(caller([HangsUp(after=2)]))
    audio = office.sockets[0].audio()
    assert audio == b"\xff" * len(audio)
    assert len(audio) % FRAME == 0
    assert set(record.heard_audio) == {0xFF}


async def test_what_is_spoken_into_the_phone_is_what_arrives() -> None:
    office = Office({"/voice": CONNECT})
    async with world(office) as here:
        record = await here.ring(caller([Says("Byte for byte.", wait=False), HangsUp()]))
    assert speak("Byte for byte.", "caller", (1 << 8) + 1) in office.sockets[0].audio()
    assert bytes(record.spoken_audio).endswith(office.sockets[0].audio())
