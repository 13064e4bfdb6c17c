"""The emulated Voice Agent keeps to the protocol as strictly, and takes as long, as the vendor's."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from flowengine.sandbox.agent import (
    AgentBehaviour,
    BreaksArguments,
    CallsTwice,
    DropsAfter,
    FailsAfter,
    HugeSummary,
    Misbehaviour,
    NamesUnknownRule,
    NeverDone,
    NeverReady,
    RefusesConnections,
    SpeaksOver,
    VoiceAgent,
)
from flowengine.sandbox.clock import PinnedClock
from flowengine.sandbox.sound import encode
from flowengine.sandbox.speech import FRAME, SILENCE, Ear, find_words, is_voiced, murmur, speak

KEY = "emulated-key"
START = datetime(2026, 11, 10, 16, 15, tzinfo=UTC)
Event = dict[str, Any]

PROMPT = """You are Ava, the automated receptionist of Bright Smile Dental.
# Facts
- address: 210 Oak Street, Suite 4, Springfield
- parking: Free lot behind the building, enter from Elm Street
# Manner
Warm and brief.
"""
TRANSFER = {
    "type": "function",
    "name": "transfer_to_human",
    "description": """Hand the caller to a person when one of these is true:
- clinical_question: pain, swelling, lost crown or filling; for example: my crown fell out; my filling broke
- billing_dispute: billing dispute, refund, insurance coverage
- asked_for_a_person: the caller wants to speak with a person""",
    "parameters": {
        "type": "object",
        "properties": {
            "rule": {"type": "string", "enum": ["clinical_question", "billing_dispute", "asked_for_a_person"]},
            "matched": {"type": "string"},
            "summary": {"type": "string"},
            "next_step": {"type": "string"},
        },
        "required": ["rule", "matched", "summary", "next_step"],
    },
}
NOTE = {
    "type": "function",
    "name": "note_answer",
    "description": "Note an answer",
    "parameters": {
        "type": "object",
        "properties": {
            "field": {"type": "string", "enum": ["caller_name", "callback_number", "reason"]},
            "value": {"type": "string"},
        },
    },
}
CROWN = "My crown just fell out and I'm flying tomorrow morning."


def configured(**changes: Any) -> Event:
    session: Event = {
        "system_prompt": PROMPT,
        "tools": [TRANSFER, NOTE],
        "input": {"format": {"encoding": "audio/pcmu"}, "transcription_mode": "min_latency"},
        "output": {"voice": "anna", "format": {"encoding": "audio/pcmu"}},
    }
    return session | changes


class Client:
    """A client that listens all the time and sends its microphone in real time."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []
        self.code: int | None = None
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._voice = bytearray()
        self._listener = asyncio.create_task(self._listen())
        self._microphone: asyncio.Task[None] | None = None
        self._utterance = 0

    async def _listen(self) -> None:
        try:
            async for message in self.socket:
                self.events.append({**json.loads(message), "at": self._loop.time()})
                self._news.set()
        except ConnectionClosed:
            pass
        self.code = self.socket.close_code
        self._news.set()

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str, count: int = 1, within: float = 20, **fields: Any) -> Event:
        """The `count`-th event of a type, waiting for it."""
        async with asyncio.timeout(within):
            while len(found := self.all(kind, **fields)) < count:
                assert self.code is None, f"closed with {self.code}: {self.kinds()}"
                self._news.clear()
                await self._news.wait()
        return found[count - 1]

    async def until_closed(self, within: float = 20) -> int | None:
        await asyncio.wait_for(asyncio.shield(self._listener), within)
        return self.code

    def all(self, kind: str, **fields: Any) -> list[Event]:
        return [e for e in self.events if e["type"] == kind and all(e.get(k) == v for k, v in fields.items())]

    def kinds(self) -> list[str]:
        """The types in order, runs of audio and deltas once."""
        kinds = [event["type"] for event in self.events]
        return [kind for i, kind in enumerate(kinds) if i == 0 or kind != kinds[i - 1]]

    async def ready(self, **changes: Any) -> Event:
        await self.send("session.update", session=configured(**changes))
        event = await self.until("session.ready")
        self._microphone = asyncio.create_task(self._speak())
        return event

    async def _speak(self) -> None:
        due = self._loop.time()
        while True:
            frame = bytes(self._voice[:FRAME]) or SILENCE
            del self._voice[:FRAME]
            try:
                await self.send("input.audio", audio=base64.b64encode(frame).decode())
            except ConnectionClosed:
                return
            due += 0.02
            await asyncio.sleep(max(0.0, due - self._loop.time()))

    def say(self, text: str) -> float:
        """Start speaking; returns when speech will end."""
        self._utterance += 1
        return self.play(speak(text, "caller", self._utterance)[:-FRAME])

    def play(self, audio: bytes) -> float:
        self._voice += audio
        return self._loop.time() + len(self._voice) / 8000

    def audio(self, reply_id: str | None = None) -> bytes:
        events = [e for e in self.all("reply.audio") if reply_id in (None, e["reply_id"])]
        return b"".join(base64.b64decode(event["data"]) for event in events)

    def audible_at(self, after: float) -> float:
        """When the first voiced reply audio after a moment arrived, as it would be played."""
        played = 0.0
        for event in self.all("reply.audio"):
            data = base64.b64decode(event["data"])
            played = max(played, event["at"])
            for at in range(0, len(data), FRAME):
                if event["at"] >= after and is_voiced(data[at : at + FRAME]):
                    return float(played + at / 8000)
            played += len(data) / 8000
        raise AssertionError("nothing was said")

    async def close(self) -> None:
        for task in (self._microphone, self._listener):
            if task:
                task.cancel()
        await self.socket.close()


@asynccontextmanager
async def agent(
    behaviour: AgentBehaviour | None = None, *script: Misbehaviour, **more: Any
) -> AsyncIterator[VoiceAgent]:
    clock = PinnedClock(asyncio.get_running_loop(), START)
    service = VoiceAgent(api_key=KEY, now=clock, behaviour=behaviour, script=script, **more)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


@asynccontextmanager
async def client(service: VoiceAgent, key: str = f"Bearer {KEY}", query: str = "") -> AsyncIterator[Client]:
    headers = {"Authorization": key} if key else {}
    socket = await connect(
        service.url + query, additional_headers=headers, proxy=None, compression=None, ping_interval=None
    )
    one = Client(socket)
    try:
        yield one
    finally:
        await one.close()


# --- opening --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["Bearer wrong", "wrong", ""])
async def test_a_bad_key_is_let_in_told_and_closed(key: str) -> None:
    async with agent() as service, client(service, key) as it:
        assert await it.until_closed() == 1008
        assert [event["code"] for event in it.all("session.error")] == ["unauthorized"]


@pytest.mark.parametrize("key", [f"Bearer {KEY}", KEY])
async def test_the_key_is_taken_with_or_without_bearer(key: str) -> None:
    async with agent() as service, client(service, key) as it:
        await it.ready()


async def test_nothing_is_said_before_the_first_message_and_updated_comes_before_ready() -> None:
    async with agent() as service, client(service) as it:
        await asyncio.sleep(1.5)
        assert it.events == []
        asked = asyncio.get_running_loop().time()
        ready = await it.ready()
        updated = it.all("session.updated")[0]
        assert it.kinds() == ["session.updated", "session.ready"]
        assert 0.4 <= updated["at"] - asked <= 0.5
        assert 0.01 <= ready["at"] - updated["at"] <= 0.03
        assert ready["session_id"] == service.sessions[0].id
        assert ready["expires_at"] == pytest.approx(START.timestamp() + 3600, abs=5)
        assert isinstance(ready["timestamp"], float)
        assert ready["resume_token"]


async def test_the_other_order_can_be_switched_on() -> None:
    async with agent(AgentBehaviour(ready_before_updated=True)) as service, client(service) as it:
        await it.ready()
        await it.until("session.updated")
        assert it.kinds() == ["session.ready", "session.updated"]


async def test_the_echo_has_more_fields_and_nulls() -> None:
    async with agent() as service, client(service) as it:
        config = (await it.ready())["config"]
        assert config["input"]["format"] == {"encoding": "audio/pcmu", "sample_rate": 8000}
        assert config["input"]["type"] == config["output"]["type"] == "audio"
        assert config["input"]["keyterms"] is config["output"]["volume"] is config["greeting"] is None
        assert config["llm"] == []
        assert config["tools"][0]["http"] is None
        assert config["tools"][0]["name"] == "transfer_to_human"


FATAL = [
    (configured(voice="anna"), "invalid_value"),  # an unknown key
    (configured(output={"voice": "sophie"}), "invalid_value"),
    (configured(llm=[]), "invalid_value"),
    (configured(agent_id="agent_1"), "invalid_value"),
    ({"agent_id": "agent_1"}, "agent_not_found"),
    (configured(input={"keyterms": ["a"] * 101}), "invalid_value"),
    (configured(input={"transcription_prompt": "a" * 1751}), "invalid_value"),
    (configured(input={"transcription_mode": "fast"}), "invalid_value"),
    (configured(input={"turn_detection": {"min_silence": 800, "max_silence": 800}}), "invalid_value"),
    (configured(input={"turn_detection": {"silence": 800}}), "invalid_value"),
    (configured(output={"volume": 101}), "invalid_value"),
    (configured(system_prompt=7), "invalid_value"),
    (configured(tools={}), "invalid_value"),
    (configured(tools=[{"type": "function", "name": "a", "description": ""}]), "invalid_value"),
    (configured(tools=[{**NOTE, "parameters": {"properties": []}}]), "invalid_value"),
    (configured(tools=[{**NOTE, "execution_mode": "later"}]), "invalid_value"),
    (configured(tools=[{**NOTE, "timeout_seconds": 301}]), "invalid_value"),
    (configured(tools=[{**NOTE, "http": {"url": "https://a.test"}}]), "invalid_value"),
    (configured(tools=[{**NOTE, "response_instructions": {"success": "a" * 501}}]), "invalid_value"),
]


@pytest.mark.parametrize(("session", "code"), FATAL)
async def test_a_bad_value_in_the_first_update_is_fatal(session: Event, code: str) -> None:
    async with agent() as service, client(service) as it:
        await it.send("session.update", session=session)
        assert await it.until_closed() == 1008
        assert [event["code"] for event in it.all("session.error")] == [code]


async def test_another_sample_rate_kills_the_worker() -> None:
    async with agent() as service, client(service) as it:
        wide = {"encoding": "audio/pcm", "sample_rate": 16000}
        await it.send("session.update", session=configured(input={"format": wide}))
        assert await it.until_closed() == 1011


async def test_what_is_no_message_leaves_the_socket_open() -> None:
    async with agent() as service, client(service) as it:
        await it.socket.send("{not json")
        await it.socket.send(b"\0\1")
        await it.send("session.start")
        await it.send("tool.result", call_id="x", result="y")
        await it.send("session.update", session=configured(greeting=None))
        await it.until("session.error", count=5)
        assert {event["code"] for event in it.all("session.error")} == {"invalid_format"}
        await it.ready()


async def test_audio_before_ready_is_thrown_away() -> None:
    async with agent() as service, client(service) as it:
        await it.send("session.update", session=configured())
        sound = base64.b64encode(speak("My crown fell out", "caller", 1)).decode()
        await it.send("input.audio", audio=sound)
        await it.until("session.ready")
        await asyncio.sleep(4)
        assert it.kinds() == ["session.updated", "session.ready"]
        assert service.sessions[0].audio_in == 0


async def test_a_stored_agent_is_named_alone() -> None:
    stored = {"agent_7": configured(greeting="Hello from the shelf.")}
    async with agent(agents=stored) as service, client(service) as it:
        await it.send("session.update", session={"agent_id": "agent_7"})
        await it.until("session.ready")
        assert (await it.until("transcript.agent"))["text"] == "Hello from the shelf."
        await it.send("session.update", session={"agent_id": "agent_7"})
        assert (await it.until("session.error"))["code"] == "agent_id_not_first"


# --- later updates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("session", "code"),
    [
        ({"greeting": "Hi"}, "immutable_field"),
        ({"output": {"voice": "eve"}}, "immutable_field"),
        ({"output": {"format": {"encoding": "audio/pcm"}}}, "immutable_field"),
        ({"output": {"voice": "sophie"}}, "invalid_value"),
        ({"mood": "calm"}, "invalid_value"),
        ({"tools": [{"name": "a"}]}, "invalid_value"),
    ],
)
async def test_a_bad_later_update_changes_nothing_and_closes_nothing(session: Event, code: str) -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        await it.send("session.update", session=session)
        assert (await it.until("session.error"))["code"] == code
        assert service.sessions[0].conversation.config == configured()
        await it.send("session.update", session={"output": {"volume": 50}})
        assert (await it.until("session.updated", count=2))["config"]["output"]["volume"] == 50


async def test_codes_may_come_in_capitals() -> None:
    async with agent(AgentBehaviour(code_case="upper")) as service, client(service, "wrong") as it:
        await it.until_closed()
        assert it.all("session.error")[0]["code"] == "UNAUTHORIZED"


async def test_an_update_replaces_the_tools_and_acts_on_the_next_reply() -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        await it.send("session.update", session={"tools": [], "system_prompt": "# Facts\nparking: On the roof\n"})
        assert (await it.until("session.updated", count=2))["config"]["tools"] == []
        it.say("Where can I park?")
        assert (await it.until("transcript.agent"))["text"] == "On the roof."
        it.say(CROWN)
        await it.until("reply.done", count=2)
        assert it.all("tool.call") == []


# --- replies --------------------------------------------------------------------------------------------------------


async def test_the_greeting_is_spoken_word_for_word_at_real_time_pace() -> None:
    async with agent() as service, client(service) as it:
        text = "Thank you for calling Bright Smile Dental. How can I help?"
        ready = await it.ready(greeting=text)
        done = await it.until("reply.done")
        assert it.kinds() == [
            "session.updated", "session.ready", "reply.started", "reply.audio", "transcript.agent.delta",
            "reply.audio", "transcript.agent", "reply.done",
        ]  # fmt: skip
        assert " ".join(word.text for word in find_words(it.audio())) == text
        assert {word.speaker for word in find_words(it.audio())} == {"agent"}
        assert done["at"] - ready["at"] == pytest.approx(len(it.audio()) / 8000, abs=0.2)
        assert {len(base64.b64decode(e["data"])) for e in it.all("reply.audio")[:-1]} == {300}
        assert "".join(e["delta"] for e in it.all("transcript.agent.delta")).strip() == text
        assert it.all("transcript.agent")[0]["interrupted"] is False
        assert done["status"] == "completed"
        lead = next(i for i in range(0, 9999, FRAME) if is_voiced(it.audio()[i : i + FRAME])) / 8000
        assert lead == pytest.approx(0.3, abs=0.02)


async def test_a_reply_may_come_as_a_burst() -> None:
    async with agent(AgentBehaviour(delivery="burst")) as service, client(service) as it:
        ready = await it.ready(greeting="This is a sentence that takes several seconds to say.")
        done = await it.until("reply.done")
        assert len(it.audio()) / 8000 > 2
        assert done["at"] - ready["at"] < 0.3


@pytest.mark.parametrize(
    ("mode", "least", "most"), [("min_latency", 2.1, 2.6), ("balanced", 2.9, 3.2), ("max_accuracy", 4.2, 4.6)]
)
async def test_a_turn_takes_as_long_as_was_measured(mode: str, least: float, most: float) -> None:
    async with agent() as service, client(service) as it:
        await it.ready(input={"format": {"encoding": "audio/pcmu"}, "transcription_mode": mode})
        began = asyncio.get_running_loop().time()
        ended = it.say("Where can I park?")
        await it.until("reply.done")
        assert it.kinds()[2:9] == [
            "input.speech.started", "transcript.user.delta", "input.speech.stopped", "transcript.user",
            "reply.started", "reply.audio", "transcript.agent.delta",
        ]  # fmt: skip
        assert it.all("input.speech.started")[0]["at"] - began == pytest.approx(0.6, abs=0.06)
        assert 0.9 <= it.all("input.speech.stopped")[0]["at"] - ended <= 3.4
        assert it.all("reply.started")[0]["at"] - it.all("transcript.user")[0]["at"] < 0.05
        assert least <= it.audible_at(ended) - ended <= most
        deltas = [event["text"] for event in it.all("transcript.user.delta")]
        assert deltas[-1] == it.all("transcript.user")[0]["text"] == "Where can I park?"
        assert all(later.startswith(earlier) for earlier, later in pairwise(deltas))
        assert it.all("transcript.agent")[0]["text"].startswith("Free lot")


async def test_speech_nobody_understands_starts_and_stops_without_a_transcript() -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        it.play(murmur(1.5, 3))
        await it.until("input.speech.stopped")
        await asyncio.sleep(3)
        assert it.kinds()[2:] == ["input.speech.started", "input.speech.stopped"]


async def test_it_may_also_give_an_empty_final() -> None:
    async with agent(AgentBehaviour(empty_finals=True)) as service, client(service) as it:
        await it.ready()
        it.play(murmur(1.5, 3))
        assert (await it.until("transcript.user"))["text"] == ""


async def test_silence_and_clicks_are_no_turn() -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        it.play(murmur(0.06, 1))
        await asyncio.sleep(12)
        assert it.kinds() == ["session.updated", "session.ready"]


async def test_a_create_is_composed_not_read_out() -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        told = "Tell the caller nobody answered and offer to take a message."
        await it.send("reply.create", instructions=told)
        said = (await it.until("transcript.agent"))["text"]
        assert "nobody answered" in said
        assert said != told


async def test_a_create_replaces_the_greeting() -> None:
    async with agent() as service, client(service) as it:
        await it.ready(greeting="Thank you for calling this office on this beautiful and sunny day.")
        await it.until("reply.audio", count=20)
        await it.send("reply.create", instructions="Greet the caller.")
        await it.until("reply.done", count=2)
        assert [event["status"] for event in it.all("reply.done")] == ["interrupted", "completed"]


async def test_a_message_never_reaches_the_model() -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        await it.send("conversation.message", role="user", content=CROWN)
        await it.send("conversation.message", role="assistant", content="Hello")
        assert (await it.until("session.error"))["code"] == "invalid_format"
        await asyncio.sleep(5)
        assert it.all("reply.started") == []


@pytest.mark.parametrize(
    "message",
    [
        {"type": "reply.create", "instructions": 5},
        {"type": "tool.result", "call_id": "a", "result": {}},
        {"type": "tool.result", "result": "x"},
        {"type": "input.audio", "data": ""},
        {"type": "session.resume", "session_id": "x"},
    ],
)
async def test_a_message_of_the_wrong_shape_leaves_the_session_open(message: Event) -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        await it.socket.send(json.dumps(message))
        assert (await it.until("session.error"))["code"] == "invalid_format"
        await it.send("input.audio", audio="!!!")
        assert (await it.until("session.error", count=2))["code"] == "invalid_audio"


async def test_a_volume_of_zero_is_silence_at_full_length() -> None:
    async with agent() as service, client(service) as it:
        await it.ready(greeting="Hello there.", output={"format": {"encoding": "audio/pcmu"}, "volume": 0})
        await it.until("reply.done")
        assert len(it.audio()) > 4000
        assert set(it.audio()) == {0xFF}


async def test_pcm_carries_the_same_words() -> None:
    pcm = {"encoding": "audio/pcm"}
    async with agent() as service, client(service) as it:
        await it.ready(greeting="Hello there.", input={"format": pcm}, output={"format": pcm})
        await it.until("reply.done")
        samples = struct.unpack(f"<{len(it.audio()) // 2}h", it.audio())
        assert samples[0::3] == samples[1::3] == samples[2::3]
        assert [word.text for word in find_words(encode(samples[::3]))] == ["Hello", "there."]


# --- barge-in -------------------------------------------------------------------------------------------------------

LONG = "We are open from eight in the morning until noon, and from one to five in the afternoon, every day but Sunday."


async def test_the_caller_interrupts() -> None:
    async with agent() as service, client(service) as it:
        await it.ready(greeting=LONG)
        await it.until("reply.audio", count=50)
        began = asyncio.get_running_loop().time()
        it.say("Stop please, where can I park?")
        done = await it.until("reply.done")
        started, cut = it.all("input.speech.started")[0], it.all("transcript.agent")[0]
        assert 1.1 <= started["at"] - began <= 2.2
        assert done["at"] - started["at"] < 0.01
        assert started["at"] <= cut["at"] <= done["at"]
        assert done["status"] == "interrupted"
        assert cut["interrupted"] is True
        assert LONG.startswith(cut["text"])
        heard = [word.text for word in find_words(it.audio())]
        assert len(LONG.split()) > len(heard) >= len(cut["text"].split()) > 3
        await it.until("transcript.agent", count=2)
        assert it.all("reply.audio", reply_id=done["reply_id"])[-1]["at"] <= done["at"]
        assert it.all("transcript.user")[0]["text"] == "Stop please, where can I park?"


@pytest.mark.parametrize("word", ["Uh-huh.", "Mm-hm.", "Okay."])
async def test_a_back_channel_does_not_interrupt_and_is_no_turn(word: str) -> None:
    async with agent() as service, client(service) as it:
        await it.ready(greeting=LONG)
        await it.until("reply.audio", count=50)
        it.say(word)
        assert (await it.until("reply.done"))["status"] == "completed"
        await asyncio.sleep(4)
        assert it.all("input.speech.started") == it.all("transcript.user") == []


async def test_barge_in_can_be_switched_off() -> None:
    async with agent() as service, client(service) as it:
        detection = {"interrupt_response": False}
        await it.ready(greeting=LONG, input={**configured()["input"], "turn_detection": detection})
        await it.until("reply.audio", count=50)
        it.say("Where can I park?")
        assert (await it.until("reply.done"))["status"] == "completed"
        assert (await it.until("transcript.user"))["text"] == "Where can I park?"


async def test_the_delay_of_an_interruption_is_added() -> None:
    async with agent() as service, client(service) as it:
        await it.ready(greeting=LONG, input={**configured()["input"], "turn_detection": {"interruption_delay": 800}})
        await it.until("reply.audio", count=50)
        began = asyncio.get_running_loop().time()
        it.say("I would like to know where I can park my car over there")
        assert (await it.until("input.speech.started"))["at"] - began == pytest.approx(2.1, abs=0.1)


async def test_one_who_speaks_over_the_caller_goes_on_sending() -> None:
    async with agent(None, SpeaksOver()) as service, client(service) as it:
        await it.ready(greeting=LONG)
        await it.until("reply.audio", count=50)
        it.say("Stop please, where can I park?")
        done = await it.until("reply.done", status="interrupted")
        await asyncio.sleep(1)
        assert it.all("reply.audio", reply_id=done["reply_id"])[-1]["at"] > done["at"] + 0.5


# --- tools ----------------------------------------------------------------------------------------------------------


async def test_a_lost_crown_calls_the_transfer_and_the_result_is_answered() -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        ended = it.say(CROWN)
        call = await it.until("tool.call")
        assert 1.5 <= call["at"] - ended <= 2.1
        assert call["name"] == "transfer_to_human"
        assert call["arguments"]["rule"] == "clinical_question"
        assert call["arguments"]["matched"] == CROWN
        assert "crown" in call["arguments"]["summary"]
        assert set(call["arguments"]) == {"rule", "matched", "summary", "next_step"}
        done = await it.until("reply.done")
        assert done["at"] - call["at"] == pytest.approx(0.4, abs=0.05)
        assert done["status"] == "completed"
        assert not any(is_voiced(it.audio()[i : i + FRAME]) for i in range(0, len(it.audio()), FRAME))
        assert it.all("transcript.agent") == []
        await it.send("tool.result", call_id=call["call_id"], result='{"status": "noted"}')
        await it.until("transcript.agent")
        assert 3.5 <= it.audible_at(ended) - ended <= 6.0


async def test_a_result_at_once_ends_the_filler_and_is_answered_by_a_new_reply() -> None:
    async with agent(AgentBehaviour(filler_seconds=2.3)) as service, client(service) as it:
        await it.ready()
        ended = it.say(CROWN)
        call = await it.until("tool.call")
        await it.send("tool.result", call_id=call["call_id"], result="noted")
        done = await it.until("reply.done")
        assert done["at"] - call["at"] < 0.1
        said = await it.until("transcript.agent")
        assert said["reply_id"] != done["reply_id"]
        assert it.audible_at(ended) - ended == pytest.approx(4.0, abs=0.3)


async def test_the_older_filler_stays_open_longer() -> None:
    async with agent(AgentBehaviour(filler_seconds=2.3)) as service, client(service) as it:
        await it.ready()
        it.say(CROWN)
        call = await it.until("tool.call")
        assert (await it.until("reply.done"))["at"] - call["at"] == pytest.approx(2.3, abs=0.1)


async def test_told_to_say_nothing_the_reply_is_silent() -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        it.say(CROWN)
        call = await it.until("tool.call")
        await it.send("tool.result", call_id=call["call_id"], result='{"status": "connecting, say nothing"}')
        await it.until("reply.done", count=2)
        said = it.all("transcript.agent")[0]
        assert said["text"] == ""
        assert it.audio(said["reply_id"]) == b""


async def test_the_result_of_an_interrupted_reply_is_dropped() -> None:
    async with agent(AgentBehaviour(filler_seconds=4.0)) as service, client(service) as it:
        await it.ready()
        it.say(CROWN)
        call = await it.until("tool.call")
        it.say("Wait, stop, where can I park my car?")
        assert (await it.until("reply.done"))["status"] == "interrupted"
        await it.send("tool.result", call_id=call["call_id"], result="done")
        await it.until("transcript.agent")
        await asyncio.sleep(6)
        assert [event["text"][:8] for event in it.all("transcript.agent")] == ["Free lot"]


async def test_a_hold_tool_keeps_the_agent_quiet_and_loses_what_is_said() -> None:
    held = [{**TRANSFER, "execution_mode": "hold", "timeout_seconds": 60}]
    async with agent() as service, client(service) as it:
        await it.ready(tools=held)
        it.say(CROWN)
        call = await it.until("tool.call")
        await asyncio.sleep(2)
        it.say("Where can I park?")
        await asyncio.sleep(6)
        assert len(it.all("transcript.user")) == len(it.all("reply.started")) == 1
        await it.send("reply.create", instructions="Tell the caller that it takes a moment.")
        assert "takes a moment" in (await it.until("transcript.agent"))["text"]
        sent = asyncio.get_running_loop().time()
        await it.send("tool.result", call_id=call["call_id"], result="nobody answered")
        assert (await it.until("reply.started", count=3))["at"] - sent == pytest.approx(0.05, abs=0.03)
        assert "nobody answered" in (await it.until("transcript.agent", count=2))["text"]


async def test_a_tool_without_a_result_is_apologised_for() -> None:
    async with agent() as service, client(service) as it:
        await it.ready(tools=[{**TRANSFER, "timeout_seconds": 5}])
        it.say(CROWN)
        call = await it.until("tool.call")
        sorry = await it.until("transcript.agent")
        assert sorry["text"].startswith("I'm sorry")
        assert sorry["at"] - call["at"] > 5
        await it.send("tool.result", call_id=call["call_id"], result="late")
        await asyncio.sleep(5)
        assert len(it.all("transcript.agent")) == 1


async def test_asked_for_fields_she_asks_and_notes_the_callers_words() -> None:
    async with agent() as service, client(service) as it:
        await it.ready()
        await it.send("reply.create", instructions="Ask the caller for caller_name, then for reason.")
        assert "name" in (await it.until("transcript.agent"))["text"]
        await it.until("reply.done")
        it.say("My name is Maria Lopez.")
        call = await it.until("tool.call")
        assert (call["name"], call["arguments"]) == ("note_answer", {"field": "caller_name", "value": "Maria Lopez"})
        await it.send("tool.result", call_id=call["call_id"], result="noted")
        assert "about" in (await it.until("transcript.agent", count=2))["text"]
        await it.until("reply.done", count=3)
        it.say("It's my crown, it fell out.")
        call = await it.until("tool.call", count=2)
        assert call["arguments"] == {"field": "reason", "value": "my crown, it fell out"}


@pytest.mark.parametrize(("how", "expected"), [("empty", {}), ("string", str)])
async def test_arguments_may_be_empty_or_a_string(how: Any, expected: Any) -> None:
    async with agent(AgentBehaviour(arguments=how)) as service, client(service) as it:
        await it.ready()
        it.say(CROWN)
        arguments = (await it.until("tool.call"))["arguments"]
        assert arguments == expected or json.loads(arguments)["rule"] == "clinical_question"


# --- its end --------------------------------------------------------------------------------------------------------


async def test_an_end_is_confirmed_and_cannot_be_resumed() -> None:
    async with agent() as service:
        async with client(service) as it:
            ready = await it.ready()
            await it.send("session.end")
            ended = await it.until("session.ended")
            assert ended["session_duration_seconds"] > 0.4
            assert ended["audio_duration_seconds"] is None
            assert await it.until_closed() == 1000
        async with client(service) as again:
            await again.send("session.resume", session_id=ready["session_id"])
            assert await again.until_closed() == 1008
            assert again.all("session.error")[0]["code"] == "session_expired"


async def test_a_dropped_session_is_resumed_within_the_window() -> None:
    async with agent() as service:
        async with client(service) as it:
            ready = await it.ready()
            service.sessions[0].drop()
            assert await it.until_closed() == 1006
        await asyncio.sleep(5)
        async with client(service, f"Bearer {ready['resume_token']}") as again:
            await again.send("session.resume", session_id=ready["session_id"])
            back = await again.until("session.ready")
            assert back["session_id"] == ready["session_id"]
            assert back["resume_token"] != ready["resume_token"]
            again._microphone = asyncio.create_task(again._speak())
            again.say("Where can I park?")
            assert (await again.until("transcript.agent"))["text"].startswith("Free lot")


async def test_after_the_window_a_session_is_gone() -> None:
    async with agent() as service:
        async with client(service) as it:
            ready = await it.ready()
        await asyncio.sleep(31)
        assert service.sessions[0].closed == 1006
        async with client(service) as again:
            await again.send("session.resume", session_id=ready["session_id"])
            assert await again.until_closed() == 1008
            assert again.all("session.error")[0]["code"] == "session_expired"
        async with client(service) as other:
            await other.send("session.resume", session_id="sess_unknown")
            assert await other.until_closed() == 1008
            assert other.all("session.error")[0]["code"] == "session_not_found"


@pytest.mark.parametrize(("expiry", "code"), [("ended", 1000), ("expired", 1008)])
async def test_the_longest_session_ends_one_way_or_the_other(expiry: Any, code: int) -> None:
    async with agent(AgentBehaviour(session_seconds=5, expiry=expiry)) as service, client(service) as it:
        await it.ready()
        assert await it.until_closed() == code


async def test_a_temporary_token_opens_a_session() -> None:
    async with agent() as service:
        host = service.url.removeprefix("ws://").removesuffix("/v1/ws")

        async def get(key: str, query: str) -> tuple[int, Event]:
            reader, writer = await asyncio.open_connection(*host.split(":"))
            writer.write(f"GET /v1/token{query} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {key}\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            return int(head.split()[1]), json.loads(body)

        assert (await get(KEY, ""))[0] == 422
        assert (await get("wrong", "?expires_in_seconds=60"))[0] == 404
        status, answer = await get(f"Bearer {KEY}", "?expires_in_seconds=60")
        assert status == 200
        async with client(service, "", f"?token={answer['token']}") as it:
            await it.ready()


# --- misbehaviour ---------------------------------------------------------------------------------------------------


async def test_scripted_calls_are_doubled_wrong_huge_or_broken() -> None:
    async def arguments(*script: Misbehaviour) -> list[Any]:
        async with agent(None, *script) as service, client(service) as it:
            await it.ready()
            it.say(CROWN)
            await it.until("reply.done")
            return [event["arguments"] for event in it.all("tool.call")]

    assert len(await arguments(CallsTwice())) == 2
    assert (await arguments(NamesUnknownRule("boss")))[0]["rule"] == "boss"
    assert len((await arguments(HugeSummary(100_000)))[0]["summary"]) == 100_000
    broken = (await arguments(BreaksArguments()))[0]
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken)


async def test_a_reply_that_is_never_done() -> None:
    async with agent(None, NeverDone(nth=1)) as service, client(service) as it:
        await it.ready(greeting="Hello there.")
        await it.until("transcript.agent")
        await asyncio.sleep(5)
        assert it.all("reply.done") == []


async def test_a_socket_that_drops_once() -> None:
    async with agent(None, DropsAfter(3.0, times=1)) as service:
        async with client(service) as it:
            await it.ready()
            assert await it.until_closed() == 1006
        async with client(service) as again:
            await again.ready()
            await asyncio.sleep(5)
            assert again.code is None


async def test_a_session_that_fails() -> None:
    async with agent(None, FailsAfter(2.0)) as service, client(service) as it:
        await it.ready()
        assert await it.until_closed() == 1011
        assert it.all("session.error")[0]["code"] == "internal_error"


async def test_connections_that_are_refused() -> None:
    async with agent(None, RefusesConnections(times=1)) as service:
        with pytest.raises(InvalidStatus, match="503"):
            async with client(service):
                pass
        async with client(service) as it:
            await it.ready()


async def test_a_session_that_never_becomes_ready() -> None:
    async with agent(None, NeverReady()) as service, client(service) as it:
        await it.send("session.update", session=configured())
        await asyncio.sleep(20)
        assert it.events == []


async def test_events_nobody_has_heard_of() -> None:
    async with agent(AgentBehaviour(extra_events=True)) as service, client(service) as it:
        await it.ready(greeting="Hello there.")
        await it.until("reply.done")
        assert "reply.telemetry" in it.kinds()


async def test_what_the_agent_said_is_heard_by_an_ear_frame_by_frame() -> None:
    async with agent() as service, client(service) as it:
        await it.ready(greeting=LONG)
        await it.until("reply.done")
        ear, heard = Ear(), []
        for event in it.all("reply.audio"):
            heard += ear.feed(base64.b64decode(event["data"]))
        assert " ".join(word.text for word in heard) == LONG
