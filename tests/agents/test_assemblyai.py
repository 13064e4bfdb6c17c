"""One conversation with the Voice Agent, against the emulator and against a service that plays tricks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import structlog

from flowengine.agents.assemblyai import Conversation
from flowengine.call import events as e
from flowengine.call.commands import AgentTool, AnswerTool, AskAgent, EndAgent, StartAgent, TellAgent
from flowengine.sandbox.agent import (
    AgentBehaviour,
    BreaksArguments,
    DropsAfter,
    FailsAfter,
    Misbehaviour,
    NeverReady,
    RefusesConnections,
    VoiceAgent,
)
from flowengine.sandbox.speech import FRAME, SILENCE, find_words, speak
from tests.agents.people import KEY, OPENING, Wire, converse, now, service


@asynccontextmanager
async def emulator(*script: Misbehaviour, **behaviour: Any) -> AsyncIterator[VoiceAgent]:
    agent = VoiceAgent(api_key=KEY, now=now(), behaviour=AgentBehaviour(**behaviour), script=script)
    await agent.start()
    try:
        yield agent
    finally:
        await agent.stop()


def words(audio: bytes | bytearray) -> str:
    return " ".join(word.text for word in find_words(audio))


async def say(talk: Conversation, text: str, *, utterance: int = 1, then: float = 4.0) -> None:
    """The caller speaks, frame by frame, and then is silent for `then` seconds."""
    speech = speak(text, "caller", utterance) + SILENCE * round(then / 0.02)
    due = asyncio.get_running_loop().time()
    for at in range(0, len(speech), FRAME):
        talk.hear(speech[at : at + FRAME])
        due += 0.02
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


# ---- beginning -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ready_first", [False, True])
async def test_the_greeting_is_heard_word_for_word(ready_first: bool) -> None:
    async with emulator(ready_before_updated=ready_first) as agent:
        talk, listener = await converse(agent.url)
        await listener.until(lambda: listener.done)
        (reply,) = listener.audio
        assert words(listener.audio[reply]) == "Hello, this is Ava."
        assert listener.done == [(reply, False)]
        assert [type(event) for event in listener.events] == [e.AgentReady, e.AgentSaid]
        (ready,) = (event for event in listener.events if isinstance(event, e.AgentReady))
        assert 3500 < ready.lasts <= 3600
        assert talk.expires_at is not None
        assert talk.expires_at > now()().timestamp()
        await talk.close()


async def test_the_first_message_goes_at_once_and_audio_waits_for_ready() -> None:
    heard: list[dict[str, Any]] = []

    async def story(wire: Wire) -> None:
        assert wire.headers is not None
        assert wire.headers["Authorization"] == f"Bearer {KEY}"
        heard.append(await wire.hear())
        await asyncio.sleep(0.5)
        await wire.say("session.ready", session_id="s1")
        heard.extend([await wire.hear(), await wire.hear()])

    async with service(story) as url:
        talk, listener = await converse(url)
        for _ in range(5):
            talk.hear(b"\x01" * FRAME)
            await asyncio.sleep(0.02)
        await listener.event(e.AgentReady)
        talk.hear(b"\x02" * FRAME)
        await asyncio.sleep(0.3)
        await talk.close()
    assert [message["type"] for message in heard] == ["session.update", "input.audio", "session.end"]


async def test_orders_given_too_early_are_kept_in_order() -> None:
    async with emulator() as agent:
        talk, listener = await converse(agent.url)
        await talk.perform(TellAgent("You know more now."))
        await talk.perform(AskAgent('Say "one moment".'))
        await listener.event(e.AgentReady)
        await asyncio.sleep(0.2)
        kinds = [message["type"] for message in agent.sessions[0].received]
        assert kinds == ["session.update", "session.update", "reply.create"]
        await talk.close()


async def test_a_bad_key_is_a_failure_said_once() -> None:
    async with emulator() as agent:
        talk, listener = await converse(agent.url, key="wrong")
        failed = await listener.event(e.AgentFailed, seconds=2)
        await asyncio.sleep(5)
        assert listener.events == [failed]
        assert failed.reason == "unauthorized"
        await talk.close()


async def test_an_address_or_a_key_that_cannot_be_one_is_a_failure() -> None:
    async with emulator() as agent:
        for url, key in ((agent.url, "ke\u20acy"), ("ws://127.0.0.1:99999/v1/ws", KEY), ("ws://[::1/v1/ws", KEY)):
            talk, listener = await converse(url, key=key)
            assert (await listener.event(e.AgentFailed)).reason == "refused"
            await talk.close()


async def test_upper_case_codes_are_the_same() -> None:
    async with emulator(code_case="upper") as agent:
        talk, listener = await converse(agent.url, key="wrong")
        assert (await listener.event(e.AgentFailed)).reason == "unauthorized"
        await talk.close()


async def test_an_unknown_voice_is_a_failure() -> None:
    async with emulator() as agent:
        talk, listener = await converse(agent.url, replace(OPENING, voice="sophie"))
        assert (await listener.event(e.AgentFailed)).reason == "invalid_value"
        await talk.close()


async def test_a_refused_connection_is_a_failure() -> None:
    async with emulator(RefusesConnections()) as agent:
        talk, listener = await converse(agent.url)
        assert (await listener.event(e.AgentFailed, seconds=2.2)).reason == "refused"
        await talk.close()


async def test_nobody_at_the_address_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    talk, listener = await converse(f"ws://127.0.0.1:{port}/v1/ws")
    assert (await listener.event(e.AgentFailed, seconds=2.2)).reason == "refused"
    await talk.close()


async def test_a_session_that_is_not_ready_within_two_seconds_is_a_failure() -> None:
    async with emulator(NeverReady()) as agent:
        talk, listener = await converse(agent.url)
        failed = await listener.event(e.AgentFailed, seconds=5)
        assert failed.reason == "not ready"
        assert failed.at == pytest.approx(2.0, abs=0.2)
        await asyncio.sleep(1)
        assert agent.sessions[0].closed == 1000, "what nobody waits for is ended, or it is billed"
        await talk.close()


async def test_a_socket_that_dies_before_ready_is_a_failure() -> None:
    async def story(wire: Wire) -> None:
        await wire.hear()
        wire.cut()

    async with service(story) as url:
        talk, listener = await converse(url)
        assert (await listener.event(e.AgentFailed)).reason == "closed"
        await talk.close()


# ---- talking -------------------------------------------------------------------------------------------------------


async def test_a_turn_of_the_caller_and_the_answer() -> None:
    async with emulator() as agent:
        talk, listener = await converse(agent.url, replace(OPENING, greeting=""))
        await listener.event(e.AgentReady)
        await say(talk, "What are your opening hours please?", then=1.0)
        await say(talk, "", then=6.0)
        assert [event.text for event in listener.all(e.CallerSaid)] == ["What are your opening hours please?"]
        assert listener.partials[-1] == "What are your opening hours please?"
        assert len(listener.all(e.SpeechStarted)) == len(listener.all(e.SpeechEnded)) == 1
        (answer,) = listener.all(e.AgentSaid)
        assert words(b"".join(listener.audio.values())) == answer.text
        assert answer.interrupted is False
        assert agent.sessions[0].conversation.heard == ["What are your opening hours please?"]
        await talk.close()


async def test_a_turn_nobody_understood_is_an_empty_final() -> None:
    async def story(wire: Wire) -> None:
        await wire.ready()
        await wire.say("transcript.user", item_id="i1", text="")

    async with service(story) as url:
        talk, listener = await converse(url)
        assert (await listener.event(e.CallerSaid)).text == ""
        await talk.close()


async def test_replies_in_bursts_come_through_whole() -> None:
    long = "This is a rather long sentence, and all of it arrives at once, so nothing may be dropped on its way."
    async with emulator(delivery="burst") as agent:
        talk, listener = await converse(agent.url, replace(OPENING, greeting=long))
        await listener.until(lambda: listener.done)
        assert words(b"".join(listener.audio.values())) == long
        await talk.close()


async def test_barge_in_ends_the_reply_and_the_rest_of_it_is_late() -> None:
    async def story(wire: Wire) -> None:
        await wire.ready()
        await wire.say("reply.started", reply_id="r1", item_id="i1")
        await wire.audio("r1", b"\x01")
        await wire.say("input.speech.started")
        await wire.say("transcript.agent", reply_id="r1", item_id="i1", text="Hel", interrupted=True)
        await wire.say("reply.done", reply_id="r1", status="interrupted")
        await wire.audio("r1", b"\x02")
        await wire.say("reply.audio", data="Ag==")  # late as well, and it does not even say whose it is
        await wire.say("reply.started", reply_id="r2", item_id="i2")
        await wire.audio("r2", b"\x03")
        await wire.say("reply.audio", data="BA==")
        await wire.say("reply.done", reply_id="r2")

    async with service(story) as url:
        talk, listener = await converse(url)
        await listener.until(lambda: len(listener.done) == 2)
        assert listener.audio == {"r1": bytearray(b"\x01"), "r2": bytearray(b"\x03\x04")}
        assert listener.done == [("r1", True), ("r2", False)]
        assert listener.all(e.AgentSaid) == [e.AgentSaid(listener.all(e.AgentSaid)[0].at, "Hel", True)]
        assert talk.counts["late"] == 2
        await talk.close()


async def test_the_emulator_interrupts_and_what_was_said_is_known() -> None:
    greeting = "Welcome to this office, where a great many things could be told at the very beginning of a call."
    async with emulator() as agent:
        talk, listener = await converse(agent.url, replace(OPENING, greeting=greeting))
        await listener.until(lambda: listener.audio)
        await say(talk, "Excuse me but I really need to talk to somebody", then=0.5)
        await listener.until(lambda: listener.done)
        assert listener.done[0][1] is True
        spoken = listener.all(e.AgentSaid)[0]
        assert spoken.interrupted
        assert greeting.startswith(spoken.text)
        await talk.close()


async def test_unknown_events_and_fields_are_survived_and_counted() -> None:
    async with emulator(extra_events=True) as agent:
        talk, listener = await converse(agent.url)
        await listener.until(lambda: listener.done)
        assert words(b"".join(listener.audio.values())) == "Hello, this is Ava."
        assert talk.counts["unknown"] > 0
        await talk.close()


# ---- tools ---------------------------------------------------------------------------------------------------------

ASKS = StartAgent("", "", "anna", (AgentTool("note_unsolved", "Note it.", {"type": "object", "properties": {}}),))


@pytest.mark.parametrize("dress", ["object", "empty", "string"])
async def test_a_tool_is_called_and_answered(dress: str) -> None:
    async with emulator(arguments=dress) as agent:
        talk, listener = await converse(agent.url, ASKS)
        await listener.event(e.AgentReady)
        await say(talk, "That did not help at all.", then=3.0)
        called = await listener.event(e.ToolCalled)
        assert (called.name, dict(called.arguments)) == ("note_unsolved", {})
        await talk.perform(AnswerTool(called.tool_call, '{"status": "noted"}'))
        await listener.event(e.AgentSaid)
        results = [m for m in agent.sessions[0].received if m["type"] == "tool.result"]
        answer = {"call_id": called.tool_call, "result": '{"status": "noted"}', "is_error": False}
        assert results == [{"type": "tool.result", **answer}]
        await talk.close()


async def test_broken_arguments_are_no_arguments() -> None:
    async with emulator(BreaksArguments()) as agent:
        talk, listener = await converse(agent.url, ASKS)
        await listener.event(e.AgentReady)
        await say(talk, "That did not help at all.", then=3.0)
        assert dict((await listener.event(e.ToolCalled)).arguments) == {}
        await talk.close()


async def test_the_result_of_an_interrupted_reply_is_dropped() -> None:
    answers: list[str] = []

    async def story(wire: Wire) -> None:
        await wire.ready()
        for reply, status in (("r1", "interrupted"), ("r2", "completed")):
            await wire.say("reply.started", reply_id=reply, item_id="i")
            await wire.say("tool.call", call_id=f"call-{reply}", name="note_answer", arguments={})
            await wire.say("reply.done", reply_id=reply, status=status)
        while True:
            answers.append((await wire.hear()).get("call_id", ""))

    async with service(story) as url:
        talk, listener = await converse(url)
        await listener.until(lambda: len(listener.done) == 2)
        for call in ("call-r1", "call-r2", "call-r2", "call-of-nobody"):
            await talk.perform(AnswerTool(call, "{}"))
        await asyncio.sleep(0.2)
        assert answers == ["call-r2"]
        assert talk.counts["void"] == 3
        await talk.close()


async def test_tools_the_service_calls_itself_are_not_ours() -> None:
    async def story(wire: Wire) -> None:
        await wire.ready(tools=[{"name": "look_up", "http": {"url": "https://example.com"}}])
        await wire.say("tool.call", call_id="c1", name="look_up", arguments={})
        await wire.say("tool.call", call_id="c2", name="note_answer", arguments={})

    async with service(story) as url:
        talk, listener = await converse(url)
        assert (await listener.event(e.ToolCalled)).name == "note_answer"
        await talk.close()


# ---- errors --------------------------------------------------------------------------------------------------------


async def test_a_refused_change_is_counted_and_the_talk_goes_on() -> None:
    async with emulator() as agent:
        talk, listener = await converse(agent.url)
        await listener.event(e.AgentReady)
        for code in ("immutable_field", "invalid_value", "audio_rate_violation", "invalid_format"):
            agent.sessions[0].fail(code)
        await listener.until(lambda: listener.done)
        assert talk.counts["immutable_field"] == talk.counts["invalid_value"] == 1
        assert not listener.all(e.AgentFailed)
        await talk.close()


@pytest.mark.parametrize("code", ["internal_error", "SERVER_ERROR", "at_capacity", "session_expired"])
async def test_a_fatal_error_is_a_failure_without_a_new_try(code: str) -> None:
    async with emulator(FailsAfter(1.0, code)) as agent:
        talk, listener = await converse(agent.url)
        assert (await listener.event(e.AgentFailed)).reason == code.lower()
        await asyncio.sleep(5)
        assert agent.connections == 1
        assert len(listener.all(e.AgentFailed)) == 1
        await talk.close()


async def test_a_plain_error_event_is_fatal() -> None:
    async def story(wire: Wire) -> None:
        await wire.ready()
        await wire.say("error", message="words of the service")

    async with service(story) as url:
        talk, listener = await converse(url)
        assert (await listener.event(e.AgentFailed)).reason == "error"
        await talk.close()


@pytest.mark.parametrize(("expiry", "reason"), [("ended", "ended"), ("expired", "session_expired")])
async def test_a_session_that_ends_by_itself_is_a_failure(expiry: str, reason: str) -> None:
    async with emulator(session_seconds=2.0, expiry=expiry) as agent:
        talk, listener = await converse(agent.url)
        assert (await listener.event(e.AgentFailed)).reason == reason
        assert agent.connections == 1
        await talk.close()


# ---- drops ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("updated_too", [False, True])
async def test_a_drop_is_resumed_and_the_talk_goes_on(updated_too: bool) -> None:
    async with emulator(DropsAfter(4.0, times=1), resume_sends_updated=updated_too) as agent:
        talk, listener = await converse(agent.url)
        await listener.event(e.AgentReady)
        await talk.perform(TellAgent("You know more now."))
        await asyncio.sleep(6)
        assert agent.connections == 2
        await say(talk, "What are your opening hours please?", then=6.0)
        assert [event.text for event in listener.all(e.CallerSaid)] == ["What are your opening hours please?"]
        assert len(listener.all(e.AgentReady)) == 1
        assert not listener.all(e.AgentFailed)
        (session,) = agent.sessions
        kinds = [message["type"] for message in session.received]
        assert kinds == ["session.update", "session.update", "session.resume", "session.update"]
        assert session.received[-1]["session"] == {"system_prompt": "You know more now."}
        await talk.close()
        assert session.closed == 1000


async def test_orders_given_during_a_drop_are_carried_out_after_it() -> None:
    orders: list[str] = []

    async def first(wire: Wire) -> None:
        await wire.ready()
        await wire.say("reply.started", reply_id="r1")
        await wire.audio("r1", b"\x01")
        wire.cut()

    async def second(wire: Wire) -> None:
        message = await wire.hear()
        assert message == {"type": "session.resume", "session_id": "s1"}
        await asyncio.sleep(0.5)
        await wire.say("session.ready", session_id="s1")
        orders.append((await wire.hear())["type"])

    async with service(first, second) as url:
        talk, listener = await converse(url)
        await listener.until(lambda: listener.done)
        assert listener.done == [("r1", False)], "what was sent of a reply is all there will be of it"
        await talk.perform(AskAgent("Go on."))
        await asyncio.sleep(1)
        assert orders == ["reply.create"]
        await talk.close()


async def test_a_drop_that_cannot_be_resumed_is_a_failure() -> None:
    async with emulator(DropsAfter(1.0, times=1), resume_window=0.0) as agent:
        talk, listener = await converse(agent.url)
        failed = await listener.event(e.AgentFailed)
        assert failed.reason == "dropped"
        await asyncio.sleep(5)
        assert agent.connections == 2, "one try"
        assert len(listener.all(e.AgentFailed)) == 1
        await talk.close()


async def test_a_resumed_session_must_be_the_same() -> None:
    async def first(wire: Wire) -> None:
        await wire.ready("s1")
        wire.cut()

    async def second(wire: Wire) -> None:
        await wire.ready("s2")

    async with service(first, second) as url:
        talk, listener = await converse(url)
        assert (await listener.event(e.AgentFailed)).reason == "dropped"
        await talk.close()


async def test_a_resumption_that_hangs_is_a_failure_after_two_seconds() -> None:
    async def first(wire: Wire) -> None:
        await wire.ready()
        wire.cut()

    async with service(first) as url:
        talk, listener = await converse(url)
        ready = await listener.event(e.AgentReady)
        failed = await listener.event(e.AgentFailed, seconds=4)
        assert failed.at - ready.at == pytest.approx(2.0, abs=0.3)
        await talk.close()


async def test_a_socket_that_drops_for_ever_is_given_up() -> None:
    async def story(wire: Wire) -> None:
        await wire.ready()
        wire.cut()

    async with service(*[story] * 20) as url:
        talk, listener = await converse(url)
        assert (await listener.event(e.AgentFailed)).reason == "dropped"
        await talk.close()


# ---- the end -------------------------------------------------------------------------------------------------------


async def test_the_end_is_said_and_answered() -> None:
    async with emulator() as agent:
        talk, listener = await converse(agent.url)
        await listener.event(e.AgentReady)
        await talk.perform(EndAgent())
        assert agent.sessions[0].closed == 1000
        assert [message["type"] for message in agent.sessions[0].received][-1] == "session.end"
        assert len(listener.all(e.AgentEnded)) == 1
        assert not listener.all(e.AgentFailed)
        await talk.close()
        talk.hear(SILENCE)
        await talk.perform(AskAgent("Anything."))


async def test_a_service_without_manners_is_left_after_three_seconds() -> None:
    async def story(wire: Wire) -> None:
        await wire.ready()

    async with service(story) as url:
        talk, listener = await converse(url)
        await listener.event(e.AgentReady)
        began = listener.call_seconds()
        await asyncio.gather(talk.close(), talk.close())
        assert listener.call_seconds() - began == pytest.approx(3.0, abs=0.3)
        assert not listener.all(e.AgentFailed)


@pytest.mark.parametrize("after", [0.0, 0.2, 0.47])
async def test_a_session_can_be_closed_at_any_moment_of_its_beginning(after: float) -> None:
    async with emulator() as agent:
        talk, listener = await converse(agent.url)
        await asyncio.sleep(after)
        await talk.close()
        await asyncio.sleep(1)
        assert not listener.all(e.AgentFailed)
        assert all(session.closed == 1000 for session in agent.sessions)


async def test_closing_during_a_drop_does_not_hang() -> None:
    async def first(wire: Wire) -> None:
        await wire.ready()
        wire.cut()

    async def second(wire: Wire) -> None:
        await wire.hear()

    async with service(first, second) as url:
        talk, listener = await converse(url)
        await listener.event(e.AgentReady)
        await asyncio.sleep(0.5)
        async with asyncio.timeout(6):
            await talk.close()
        assert not listener.all(e.AgentFailed)


# ---- privacy -------------------------------------------------------------------------------------------------------


async def test_nothing_that_is_said_reaches_a_log(capsys: pytest.CaptureFixture[str], caplog: Any) -> None:
    caplog.set_level(0)
    said = "My secret tooth hurts"

    async def story(wire: Wire) -> None:
        await wire.ready()
        await wire.say("transcript.user", item_id="i1", text=said)
        await wire.say("session.error", code=said, message=said)
        await wire.say("error", code=said, message=said)

    with structlog.testing.capture_logs() as logs:
        async with service(story) as url:
            talk, listener = await converse(url)
            await listener.event(e.AgentFailed)
            await talk.close()
    captured = capsys.readouterr()
    written = f"{logs}{captured.out}{captured.err}{caplog.text}"
    assert "agent_failed" in written
    assert "tooth" not in written
