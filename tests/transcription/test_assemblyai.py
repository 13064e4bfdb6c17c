"""The transcript of one leg, against the emulator and against a service that plays tricks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
import structlog
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from flowengine.runtime.clock import LoopClock
from flowengine.runtime.ports import Heard
from flowengine.sandbox.clock import PinnedClock
from flowengine.sandbox.speech import FRAME, SILENCE, speak
from flowengine.sandbox.transcriber import DropsStream, ErrorsEvery, RefusesStreams, StreamFault, StreamingService
from flowengine.settings import Settings
from flowengine.transcription import TRANSCRIBERS
from flowengine.transcription.assemblyai import STALLED, AssemblyTranscriber, Transcript

KEY = "key-of-the-tests"
SILENT = logging.Logger("service", logging.CRITICAL + 1)


def now() -> Callable[[], datetime]:
    return PinnedClock(asyncio.get_running_loop(), datetime(2026, 11, 20, 16, 55, tzinfo=UTC))


def time() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def emulator(*script: StreamFault) -> AsyncIterator[StreamingService]:
    service = StreamingService(api_key=KEY, now=now(), script=script)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


class Page:
    """What became known, and when."""

    def __init__(self) -> None:
        self.lines: list[Heard] = []
        self.gaps: list[bool] = []
        self.times: list[float] = []

    def gap(self, broken: bool) -> None:
        self.gaps.append(broken)
        self.times.append(time())

    @property
    def finals(self) -> list[str]:
        return [line.text for line in self.lines if line.final]


async def listening(url: str, key: str = KEY) -> tuple[Transcript, Page]:
    page = Page()
    transcriber = AssemblyTranscriber(Settings(assemblyai_api_key=key, streaming_url=url), LoopClock(now()))
    return await transcriber.open(page.lines.append, page.gap), page


async def say(transcript: Transcript, text: str, *, then: float = 2.0, utterance: int = 1) -> None:
    """Carrier frames of 20 ms, in real time."""
    audio = (speak(text, "staff", utterance) if text else b"") + SILENCE * round(then / 0.02)
    due = time()
    for at in range(0, len(audio), FRAME):
        transcript.hear(audio[at : at + FRAME])
        due += 0.02
        await asyncio.sleep(max(0.0, due - time()))


async def begun(transcript: Transcript) -> None:
    async with asyncio.timeout(60):
        await transcript._begun.wait()


@asynccontextmanager
async def tricks(*stories: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """A service that tells one story a connection and hangs up."""
    coming = iter(stories)

    async def handle(connection: ServerConnection) -> None:
        story = next(coming, None)
        try:
            if story is not None:
                await story(connection)
        except ConnectionClosed:
            pass

    options: dict[str, Any] = {"compression": None, "ping_interval": None, "logger": SILENT}
    async with serve(handle, "127.0.0.1", 0, **options) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v3/ws"


async def tell(connection: ServerConnection, kind: str, **fields: object) -> None:
    await connection.send(json.dumps({"type": kind, **fields}))


# ---- a good day ------------------------------------------------------------------------------------------------------


async def test_it_can_be_chosen_by_name() -> None:
    assert TRANSCRIBERS["assemblyai"] is AssemblyTranscriber


async def test_frames_of_20_ms_become_finals() -> None:
    async with emulator() as service:
        transcript, page = await listening(service.url)
        await begun(transcript)
        await say(transcript, "Hello, this is Dana, how can I help?")
        await say(transcript, "I see, come in at ten.", utterance=2)
        await transcript.close()
        assert page.finals == ["Hello, this is Dana, how can I help?", "I see, come in at ten."]
        assert page.gaps == []
        (session,) = service.sessions
        assert session.closed in (None, 1000)
        assert (session.settings.encoding, session.settings.rate) == ("pcm_mulaw", 8000)


async def test_batches_are_100_ms_whatever_comes_in() -> None:
    sizes: list[int] = []

    async def story(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        async for message in connection:
            if isinstance(message, bytes):
                sizes.append(len(message))
            else:
                await tell(connection, "Termination")

    async with tricks(story) as url:
        transcript, _ = await listening(url)
        await begun(transcript)
        for size in (160, 7, 1, 400, 1600, 33, 160, 160, 2000):
            transcript.hear(b"\x10" * size)
            await asyncio.sleep(0.05)
        await transcript.close()
    assert set(sizes) == {800}


async def test_nothing_is_lost_and_nothing_comes_faster_than_real_time() -> None:
    arrived: list[tuple[float, bytes]] = []

    async def story(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        async for message in connection:
            if isinstance(message, bytes):
                arrived.append((time(), message))
            else:
                await tell(connection, "Termination")

    sound = bytes(n % 251 for n in range(16000))
    async with tricks(story) as url:
        transcript, _ = await listening(url)
        await begun(transcript)
        for at in range(0, len(sound), 4000):  # two seconds in bursts of 500 ms
            transcript.hear(sound[at : at + 4000])
            await asyncio.sleep(0.5)
        await transcript.close()
    assert b"".join(batch for _, batch in arrived if batch != b"\xff" * 800) == sound
    began = arrived[0][0]
    assert all(at - began >= 0.1 * n - 0.15 for n, (at, _) in enumerate(arrived))


async def test_what_comes_late_is_caught_up_in_the_next_silence() -> None:
    arrived: dict[bytes, float] = {}

    async def story(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        async for message in connection:
            if isinstance(message, bytes):
                arrived.setdefault(message[:1], time())
            else:
                await tell(connection, "Termination")

    async with tricks(story) as url:
        transcript, _ = await listening(url)
        await begun(transcript)
        transcript.hear(b"\x10" * 12_000)  # one and a half seconds at once, from a network that had stalled
        await say(transcript, "", then=3.0)
        transcript.hear(b"\x20" * 800)
        spoken = time()
        await transcript.close()
    assert arrived[b"\x20"] - spoken < 0.6


async def test_a_partial_is_replaced_by_the_next_of_its_turn() -> None:
    async with emulator() as service:
        transcript, page = await listening(service.url)
        await begun(transcript)
        await say(transcript, "My crown just fell out")
        await say(transcript, "and I am flying tomorrow", utterance=2)
        await transcript.close()
        for turn in {line.turn for line in page.lines}:
            texts = [line.text for line in page.lines if line.turn == turn]
            assert all(after.startswith(before) for before, after in pairwise(texts))
            assert [line.final for line in page.lines if line.turn == turn].count(True) == 1
        assert len({line.turn for line in page.lines}) == 2


async def test_the_last_sentence_is_final_when_frames_stop() -> None:
    async with emulator() as service:
        transcript, page = await listening(service.url)
        await begun(transcript)
        await say(transcript, "Goodbye then", then=0.0)
        await asyncio.sleep(3)
        assert page.finals == ["Goodbye then"], "silence is sent while nobody sends frames"
        await transcript.close()


async def test_the_last_sentence_arrives_when_closing_at_once() -> None:
    async with emulator() as service:
        transcript, page = await listening(service.url)
        await begun(transcript)
        await say(transcript, "Goodbye then", then=0.0)
        await transcript.close()
        assert page.finals == ["Goodbye then"]
        assert service.sessions[0].received[-1] == {"type": "Terminate"}
        await transcript.close()


async def test_words_before_the_session_began_are_heard_too() -> None:
    async with emulator() as service:
        transcript, page = await listening(service.url)
        await say(transcript, "Hello, this is Dana.")
        await transcript.close()
        assert page.finals == ["Hello, this is Dana."]


async def test_a_long_silence_harms_nobody() -> None:
    async with emulator() as service:
        transcript, page = await listening(service.url)
        await asyncio.sleep(20)
        assert page.lines == []
        assert page.gaps == []
        assert service.connections == 1
        assert service.sessions[0].seconds == pytest.approx(20 - STALLED, abs=1)
        await transcript.close()


async def test_empty_finals_are_ignored() -> None:
    async def story(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        await tell(connection, "Turn", turn_order=0, transcript="Hello", end_of_turn=True)
        await tell(connection, "Turn", turn_order=1, transcript="", end_of_turn=True)
        async for message in connection:
            if isinstance(message, str):
                await tell(connection, "Termination")

    async with tricks(story) as url:
        transcript, page = await listening(url)
        await asyncio.sleep(1)
        await transcript.close()
    assert page.lines == [Heard(0, "Hello", True)]


# ---- bad days --------------------------------------------------------------------------------------------------------


async def test_a_drop_is_a_gap_and_the_transcript_goes_on() -> None:
    async with emulator(DropsStream(4.0, times=1)) as service:
        transcript, page = await listening(service.url)
        await begun(transcript)
        await say(transcript, "Before the gap")
        await asyncio.sleep(3)
        await say(transcript, "After the gap", utterance=2)
        await transcript.close()
        assert page.gaps == [True, False]
        assert page.finals == ["Before the gap", "After the gap"]
        turns = {line.text: line.turn for line in page.lines if line.final}
        assert turns["Before the gap"] < turns["After the gap"], "the numbers of turns go on"


async def test_a_service_that_ends_by_itself_is_followed_by_one_that_is_heard_out() -> None:
    async def short(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        await tell(connection, "Termination")

    async def patient(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        async for message in connection:
            if isinstance(message, str):
                await asyncio.sleep(1)
                await tell(connection, "Turn", turn_order=0, transcript="Goodbye", end_of_turn=True)
                await tell(connection, "Termination")

    async with tricks(short, patient) as url:
        transcript, page = await listening(url)
        await asyncio.sleep(2)
        await transcript.close()
    assert page.gaps == [True, False]
    assert page.finals == ["Goodbye"]


async def test_an_open_turn_ends_with_the_connection() -> None:
    async def story(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        await tell(connection, "Turn", turn_order=0, transcript="My crown", end_of_turn=False)
        connection.transport.abort()

    async def again(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        await tell(connection, "Turn", turn_order=0, transcript="fell out", end_of_turn=True)
        await connection.wait_closed()

    async with tricks(story, again) as url:
        transcript, page = await listening(url)
        await asyncio.sleep(2)
        await transcript.close()
    assert page.lines == [Heard(0, "My crown", False), Heard(0, "My crown", True), Heard(1, "fell out", True)]


async def test_a_service_that_refuses_is_asked_again_ever_more_slowly() -> None:
    async with emulator(RefusesStreams()) as service:
        transcript, page = await listening(service.url)
        await asyncio.sleep(0.4)
        assert service.connections == 1
        await asyncio.sleep(95)
        assert service.connections == 9, "after 0.5, 1, 2, 4, 8, 16, 30 and 30 s"
        assert page.gaps == [True]
        await transcript.close()


async def test_a_service_that_comes_back_is_used() -> None:
    async with emulator(RefusesStreams(times=3)) as service:
        transcript, page = await listening(service.url)
        await asyncio.sleep(6)
        assert page.gaps == [True, False]
        await say(transcript, "Here we are again")
        await transcript.close()
        assert page.finals == ["Here we are again"]


async def test_a_service_that_fails_every_30_seconds_is_used_in_between() -> None:
    async with emulator(ErrorsEvery(30.0)) as service:
        transcript, page = await listening(service.url)
        await asyncio.sleep(100)
        assert page.gaps == [True, False] * 3
        assert all(to - at < 1.5 for at, to in zip(page.times[::2], page.times[1::2], strict=True))
        await transcript.close()


@pytest.mark.parametrize("code", [3006, 3007])
async def test_what_cannot_get_better_is_not_tried_again(code: int) -> None:
    async with emulator(ErrorsEvery(1.0, code)) as service:
        transcript, page = await listening(service.url)
        await asyncio.sleep(40)
        assert service.connections == 1
        assert page.gaps == [True]
        assert transcript.counts[str(code)] == 1
        await transcript.close()


@pytest.mark.parametrize("key", ["wrong", f"Bearer {KEY}", "ke\u20acy"])
async def test_a_wrong_key_is_a_gap_for_good(key: str) -> None:
    async with emulator() as service:
        transcript, page = await listening(service.url, key)
        await asyncio.sleep(35)
        assert service.connections <= 1
        assert page.gaps == [True]
        async with asyncio.timeout(1):
            await transcript.close()


async def test_an_address_that_cannot_be_one_is_a_gap_for_good() -> None:
    transcript, page = await listening("ws://127.0.0.1:99999/v3/ws")
    await asyncio.sleep(1)
    assert page.gaps == [True]
    await transcript.close()


async def test_a_service_that_never_begins_is_left() -> None:
    async def story(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with tricks(story, story, story) as url:
        transcript, page = await listening(url)
        await asyncio.sleep(6)
        assert page.gaps == [True]
        async with asyncio.timeout(1):
            await transcript.close()


async def test_a_turn_that_is_open_at_the_end_is_not_lost() -> None:
    async def story(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        await tell(connection, "Turn", turn_order=0, transcript="My crown", end_of_turn=False)
        async for _ in connection:
            pass

    async with tricks(story) as url:
        transcript, page = await listening(url)
        await begun(transcript)
        await asyncio.sleep(0.5)
        await transcript.close()
    assert page.finals == ["My crown"]


async def test_a_service_that_says_no_farewell_is_left_after_three_seconds() -> None:
    async def story(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        async for _ in connection:
            pass

    async with tricks(story) as url:
        transcript, _ = await listening(url)
        await begun(transcript)
        began = time()
        await transcript.close()
        assert 2.9 < time() - began < 4
        assert transcript.counts["no farewell"] == 1


async def test_at_most_two_seconds_wait_and_the_oldest_go() -> None:
    async with emulator(RefusesStreams(times=2)) as service:
        transcript, _ = await listening(service.url)
        for _ in range(200):
            transcript.hear(SILENCE)
        assert transcript.counts["dropped"] == 16_000
        await transcript.close()


async def test_a_listener_that_fails_once_hears_the_rest() -> None:
    page = Page()

    def careless(heard: Heard) -> None:
        page.lines.append(heard)
        if len(page.lines) == 1:
            raise LookupError(heard.text)

    async with emulator() as service:
        settings = Settings(assemblyai_api_key=KEY, streaming_url=service.url)
        transcript = await AssemblyTranscriber(settings, LoopClock(now())).open(careless, page.gap)
        await begun(transcript)
        await say(transcript, "Hello, this is Dana.")
        await transcript.close()
        assert page.finals == ["Hello, this is Dana."]
        assert page.gaps == []


async def test_nothing_that_is_said_reaches_a_log(capsys: pytest.CaptureFixture[str], caplog: Any) -> None:
    caplog.set_level(0)

    async def story(connection: ServerConnection) -> None:
        await tell(connection, "Begin")
        await tell(connection, "Turn", turn_order=0, transcript="My secret tooth", end_of_turn=False)
        await tell(connection, "Error", error_code=3005, error="My secret tooth")
        await connection.close(3005, "My secret tooth")

    with structlog.testing.capture_logs() as logs:
        async with tricks(story) as url:
            transcript, page = await listening(url)
            await asyncio.sleep(1)
            await transcript.close()
    captured = capsys.readouterr()
    written = f"{logs}{captured.out}{captured.err}{caplog.text}"
    assert page.gaps == [True]
    assert "transcript_broken" in written
    assert "tooth" not in written
