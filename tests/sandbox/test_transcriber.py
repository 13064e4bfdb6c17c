"""The emulated Streaming v3 is as strict as the vendor's, and the vendor's own client talks to it."""

from __future__ import annotations

import asyncio
import json
import struct
import time
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from assemblyai.streaming.v3 import (
    StreamingClient,
    StreamingClientOptions,
    StreamingEvents,
    StreamingParameters,
    StreamingSessionParameters,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from flowengine.sandbox.sound import LINEAR
from flowengine.sandbox.speech import FRAME, SILENCE, murmur, speak
from flowengine.sandbox.transcriber import (
    DropsStream,
    ErrorsEvery,
    RefusesStreams,
    StreamFault,
    StreamingBehaviour,
    StreamingService,
)

KEY = "emulated-key"
START = datetime(2026, 11, 10, 16, 15, tzinfo=UTC)
CROWN = "My crown just fell out."
BATCH = 5 * FRAME  # 100 ms, as the vendor wants
Event = dict[str, Any]
MULAW = {"encoding": "pcm_mulaw", "sample_rate": 8000}


class Client:
    """Listens all the time; sends what it is told."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []
        self.code: int | None = None
        self.reason = ""
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self.listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async for message in self.socket:
                self.events.append({**json.loads(message), "at": self._loop.time()})
                self._news.set()
        except ConnectionClosed:
            pass
        self.code, self.reason = self.socket.close_code, self.socket.close_reason or ""
        self._news.set()

    async def tell(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def stream(self, audio: bytes, batch: int = BATCH, rate: int = 8000) -> None:
        """Send at real-time pace until all is sent or the socket is closed."""
        due = self._loop.time()
        for at in range(0, len(audio), batch):
            try:
                await self.socket.send(audio[at : at + batch])
            except ConnectionClosed:
                return
            due += batch / rate
            await asyncio.sleep(max(0.0, due - self._loop.time()))

    async def until(self, kind: str, within: float = 20, **fields: Any) -> Event:
        async with asyncio.timeout(within):
            while not (found := self.all(kind, **fields)):
                assert self.code is None, f"closed with {self.code}: {self.events}"
                self._news.clear()
                await self._news.wait()
        return found[0]

    async def until_closed(self, within: float = 20) -> int | None:
        await asyncio.wait_for(asyncio.shield(self.listener), within)
        return self.code

    def all(self, kind: str, **fields: Any) -> list[Event]:
        return [e for e in self.events if e["type"] == kind and all(e.get(k) == v for k, v in fields.items())]


@asynccontextmanager
async def service(*script: StreamFault, behaviour: StreamingBehaviour | None = None) -> AsyncIterator[StreamingService]:
    one = StreamingService(api_key=KEY, now=lambda: START, behaviour=behaviour, script=script)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


@asynccontextmanager
async def client(to: StreamingService, key: str = KEY, **query: Any) -> AsyncIterator[Client]:
    address = f"{to.url}?{urllib.parse.urlencode(MULAW | query)}"
    headers = {"Authorization": key} if key else {}
    socket = await connect(address, additional_headers=headers, proxy=None, compression=None, ping_interval=None)
    one = Client(socket)
    try:
        yield one
    finally:
        one.listener.cancel()
        await socket.close()


# --- opening --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [f"Bearer {KEY}", "wrong", ""])
async def test_a_bad_key_or_bearer_is_let_in_told_and_closed(key: str) -> None:
    async with service() as to, client(to, key) as it:
        assert await it.until_closed() == 1008
        assert it.reason == "See Error message for details"
        assert [(e["error_code"], e["error"]) for e in it.all("Error")] == [(1008, "Invalid API key")]
        assert to.sessions == []


async def test_a_session_begins_with_its_configuration() -> None:
    async with service() as to, client(to, speech_model="universal-3-5-pro", speaker_labels="True") as it:
        begin = await it.until("Begin")
        assert begin["configuration"]["model"] == "universal-3-5-pro"
        assert begin["configuration"]["speaker_labels"] is True
        assert begin["expires_at"] == int(START.timestamp()) + 10800
        assert begin["id"] == to.sessions[0].id


async def test_misspelt_parameters_are_ignored() -> None:
    async with service() as to, client(to, speach_model="x", formatTurns="yes") as it:
        assert (await it.until("Begin"))["configuration"]["model"] == "universal-3-6-pro"


@pytest.mark.parametrize(
    "query",
    [
        {"speech_model": "universal-9"},
        {"sample_rate": 7999},
        {"sample_rate": "fast"},
        {"encoding": "mp3"},
        {"mode": "hasty"},
        {"keyterms_prompt": json.dumps(["a"] * 101)},
        {"keyterms_prompt": "crown"},
        {"prompt": "a" * 1751},
        {"inactivity_timeout": 4},
        {"max_speakers": 11},
        {"speaker_labels": "perhaps"},
        {"language_codes": '["multi", "en"]'},
        {"voice_focus_threshold": 0.5},
    ],
)
async def test_a_bad_parameter_is_an_error_before_begin(query: Event) -> None:
    async with service() as to, client(to, **query) as it:
        assert await it.until_closed() == 3006
        assert [event["type"] for event in it.events] == ["Error"]
        if "speech_model" in query:
            assert "universal-3-5-pro" in it.events[0]["error"]


# --- turns ----------------------------------------------------------------------------------------------------------


async def test_a_sentence_becomes_partials_and_a_final() -> None:
    async with service() as to, client(to) as it:
        speech = speak(CROWN, "caller", 1)
        await it.stream(SILENCE * 10 + speech + SILENCE * 50)
        turns = it.all("Turn")
        kinds = [event["type"] for event in it.events]
        assert kinds == ["Begin", "SpeechStarted", *["Turn"] * len(turns)]
        assert [turn["end_of_turn"] for turn in turns] == [False] * (len(turns) - 1) + [True]
        assert {turn["turn_order"] for turn in turns} == {0}
        texts = [turn["transcript"] for turn in turns]
        assert texts[-1] == turns[-1]["utterance"] == CROWN
        assert all(CROWN.startswith(text) for text in texts)
        assert len(texts) >= 4
        assert [word["text"] for word in turns[-1]["words"]] == CROWN.split()
        assert turns[-1]["words"][0]["start"] == 200
        assert turns[-1]["words"][-1]["end"] == 200 + (len(speech) - FRAME) // 8
        assert 0 <= it.all("SpeechStarted")[0]["timestamp"] <= 200
        assert turns[-1]["at"] - turns[-2]["at"] == pytest.approx(0.42, abs=0.15)
        assert to.sessions[0].finals == [CROWN]


async def test_turns_are_counted() -> None:
    async with service() as to, client(to) as it:
        pause = SILENCE * 40
        await it.stream(speak("Hello.", "caller", 1) + pause + speak("Hi.", "staff", 2) + pause)
        finals = it.all("Turn", end_of_turn=True)
        assert [(turn["turn_order"], turn["transcript"]) for turn in finals] == [(0, "Hello."), (1, "Hi.")]


async def test_without_audio_the_last_turn_waits() -> None:
    async with service() as to, client(to) as it:
        await it.stream(speak(CROWN, "caller", 1))
        await asyncio.sleep(10)
        assert it.all("Turn", end_of_turn=True) == []
        await it.tell("ForceEndpoint")
        asked = asyncio.get_running_loop().time()
        final = await it.until("Turn", end_of_turn=True)
        assert final["at"] - asked == pytest.approx(0.27, abs=0.05)
        assert final["transcript"] == CROWN


async def test_terminate_finishes_the_turn() -> None:
    async with service() as to, client(to) as it:
        await it.stream(speak(CROWN, "caller", 1) + SILENCE * 5)
        await it.tell("Terminate")
        assert await it.until_closed() == 1000
        assert [event["type"] for event in it.events[-2:]] == ["Turn", "Termination"]
        assert it.events[-2]["transcript"] == CROWN
        assert it.events[-1]["audio_duration_seconds"] == round(len(speak(CROWN, "caller", 1)) / 8000 + 0.1)
        assert isinstance(it.events[-1]["session_duration_seconds"], int)


async def test_the_universal_models_end_with_an_empty_final_and_know_no_speech_started() -> None:
    async with service() as to, client(to, speech_model="universal-streaming-english") as it:
        await it.stream(speak(CROWN, "caller", 1) + SILENCE * 50)
        await it.tell("Terminate")
        await it.until_closed()
        assert [turn["transcript"] for turn in it.all("Turn", end_of_turn=True)] == [CROWN, ""]
        assert it.all("SpeechStarted") == []


async def test_sound_without_words_is_no_turn() -> None:
    async with service() as to, client(to) as it:
        await it.stream(murmur(3, 5) + SILENCE * 50)
        assert [event["type"] for event in it.events] == ["Begin"]


async def test_a_lost_frame_is_a_lost_word() -> None:
    speech = speak(CROWN, "caller", 1)
    async with service() as to, client(to) as it:
        await it.stream(speech[: 5 * FRAME] + speech[6 * FRAME :] + SILENCE * 50)
        assert (await it.until("Turn", end_of_turn=True))["transcript"] == "crown just fell out."


async def test_labels_come_on_finals_only() -> None:
    async with service() as to, client(to, speaker_labels="true") as it:
        pause = SILENCE * 40
        long = "What can I do for you on this fine day?"
        await it.stream(speak(CROWN, "caller", 1) + pause + speak(long, "staff", 2) + pause + speak("No.", "caller", 3))
        await it.tell("Terminate")
        await it.until_closed()
        assert [turn["speaker_label"] for turn in it.all("Turn")] == ["A", "B", "PENDING"]


async def test_pcm_is_understood_when_samples_are_repeated() -> None:
    async with service() as to, client(to, encoding="pcm_s16le", sample_rate=16000) as it:
        audio = b"".join(struct.pack("<h", LINEAR[b]) * 2 for b in speak(CROWN, "caller", 1) + SILENCE * 50)
        await it.stream(audio, batch=3200, rate=32000)
        assert (await it.until("Turn", end_of_turn=True))["transcript"] == CROWN


async def test_language_is_told_when_asked_for() -> None:
    async with service() as to, client(to, language_detection="True") as it:
        await it.stream(speak(CROWN, "caller", 1) + SILENCE * 50)
        assert (await it.until("Turn", end_of_turn=True))["language_code"] == "en"


# --- strictness -----------------------------------------------------------------------------------------------------


async def test_frames_of_20_ms_are_fatal_after_a_second() -> None:
    async with service() as to, client(to) as it:
        began = asyncio.get_running_loop().time()
        await it.stream(SILENCE * 100, batch=FRAME)
        assert await it.until_closed() == 3007
        assert it.reason == "See Error message for details"
        assert it.all("Error")[0]["error_code"] == 3007
        assert it.all("Error")[0]["at"] - began == pytest.approx(1.0, abs=0.1)
        assert it.all("Termination") == []


async def test_49_short_frames_pass() -> None:
    async with service() as to, client(to) as it:
        await it.stream(SILENCE * 49, batch=FRAME)
        await it.stream(SILENCE * 100)
        assert it.code is None


async def test_more_than_a_second_at_once_is_fatal() -> None:
    async with service() as to, client(to) as it:
        await it.socket.send(b"\xff" * 8001)
        assert await it.until_closed() == 3007


async def test_faster_than_real_time_is_fatal() -> None:
    async with service() as to, client(to) as it:
        for _ in range(20):
            await it.socket.send(b"\xff" * 4000)
        assert await it.until_closed() == 3007
        assert "real time" in it.all("Error")[0]["error"]


async def test_a_huge_message_is_too_big() -> None:
    async with service() as to, client(to) as it:
        await it.socket.send(b"\xff" * 140_000)
        assert await it.until_closed() == 1009


@pytest.mark.parametrize("message", ["{", "[]", '{"type": "Hello"}', "{}"])
async def test_what_is_no_message_is_fatal(message: str) -> None:
    async with service() as to, client(to) as it:
        await it.socket.send(message)
        assert await it.until_closed() == 3006


async def test_an_update_is_not_acknowledged_and_too_long_a_prompt_is_fatal() -> None:
    async with service() as to, client(to) as it:
        await it.tell("UpdateConfiguration", keyterms_prompt=["Dr. Reed"], agent_context="a dentist")
        await asyncio.sleep(1)
        assert [event["type"] for event in it.events] == ["Begin"]
        await it.tell("UpdateConfiguration", agent_context="a" * 1751)
        assert await it.until_closed() == 3006


async def test_inactivity_ends_the_session_and_keepalive_does_not() -> None:
    async with service() as to, client(to, inactivity_timeout=5) as it:
        for _ in range(4):
            await asyncio.sleep(3)
            await it.tell("KeepAlive")
        assert it.code is None
        assert await it.until_closed() == 3006
        assert it.all("Termination") == []


async def test_a_heartbeat_comes_when_asked_for() -> None:
    async with service() as to, client(to, session_heartbeat="true") as it:
        await it.stream(SILENCE * 300)
        assert (await it.until("Heartbeat"))["realtime_factor"] == pytest.approx(1.0, abs=0.1)


# --- faults ---------------------------------------------------------------------------------------------------------


async def test_refused_dropped_and_failing_sessions() -> None:
    async with service(RefusesStreams(times=1), ErrorsEvery(30.0)) as to:
        with pytest.raises(InvalidStatus, match="503"):
            async with client(to):
                pass
        async with client(to) as it:
            assert await it.until_closed(within=40) == 3005
            assert to.sessions[0].closed == 3005
    async with service(DropsStream(2.0)) as to, client(to) as it:
        assert await it.until_closed() == 1006


# --- the vendor's own client ----------------------------------------------------------------------------------------


@pytest.mark.wall
@pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
async def test_the_stock_sdk_talks_to_it() -> None:
    async with service() as to:
        turns, errors = await asyncio.to_thread(_with_the_sdk, to.url.removesuffix("/v3/ws"), KEY)
        assert errors == []
        assert turns[-1] == (0, True, CROWN)
        assert len(turns) > 2
        assert to.sessions[0].closed == 1000
        assert {event["type"] for event in to.sessions[0].received} == {"UpdateConfiguration", "KeepAlive", "Terminate"}


@pytest.mark.wall
@pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # its reader meets a closed socket
async def test_the_stock_sdk_reports_a_wrong_key() -> None:
    async with service() as to:
        turns, errors = await asyncio.to_thread(_with_the_sdk, to.url.removesuffix("/v3/ws"), "wrong")
        assert (turns, errors) == ([], [1008])


def _with_the_sdk(host: str, key: str) -> tuple[list[tuple[int, bool, str]], list[int | None]]:
    """A whole session by the vendor's threads, in real time."""
    turns: list[tuple[int, bool, str]] = []
    errors: list[int | None] = []
    begun: list[str] = []
    sdk = StreamingClient(StreamingClientOptions(api_key=key, api_host=host))
    sdk.on(StreamingEvents.Begin, lambda _, event: begun.append(event.id))
    sdk.on(StreamingEvents.Turn, lambda _, e: turns.append((e.turn_order, e.end_of_turn, e.transcript)))
    sdk.on(StreamingEvents.Error, lambda _, error: errors.append(error.code))
    sdk.connect(StreamingParameters.model_validate({"speech_model": "universal-3-5-pro", **MULAW}))
    sdk.set_params(StreamingSessionParameters.model_validate({"keyterms_prompt": ["crown"]}))
    sdk.keep_alive()  # type: ignore[no-untyped-call]  # the SDK is typed in parts
    audio = speak(CROWN, "caller", 1) + SILENCE * 40
    for at in range(0, len(audio), BATCH):
        sdk.stream(audio[at : at + BATCH])
        time.sleep(0.1)
        if errors:
            break
    sdk.disconnect(terminate=True)
    assert begun or errors
    return turns, errors
