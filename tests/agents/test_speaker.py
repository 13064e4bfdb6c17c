"""A sentence in the receptionist's voice is exactly that sentence."""

from __future__ import annotations

import asyncio

import pytest

from flowengine.agents.speaker import AssemblySpeaker
from flowengine.runtime.ports import SpeakerFailed
from flowengine.sandbox.agent import (
    FailsAfter,
    Misbehaviour,
    NeverDone,
    NeverReady,
    RefusesConnections,
)
from flowengine.sandbox.speech import find_words
from tests.agents.people import Wire, service, settings
from tests.agents.test_assemblyai import emulator

SENTENCE = "Someone will call you back before five o'clock; is there anything else?"


def words(audio: bytes) -> str:
    return " ".join(word.text for word in find_words(audio))


@pytest.mark.parametrize(("delivery", "chunk"), [("paced", 300), ("paced", 160), ("burst", 300), ("burst", 7)])
async def test_a_sentence_is_spoken_word_for_word_without_the_silence_around_it(delivery: str, chunk: int) -> None:
    async with emulator(delivery=delivery, chunk=chunk, leading_silence=1.5) as agent:
        audio = await AssemblySpeaker(settings(agent.url)).render(SENTENCE, "jane")
        assert words(audio) == SENTENCE
        assert find_words(audio)[0].start <= 320, "at most 40 ms of silence"
        assert len(audio) - find_words(audio)[-1].end <= 320
        await asyncio.sleep(0.5)
        (session,) = agent.sessions
        assert session.closed == 1000
        sent = session.received[0]["session"]
        assert (sent["greeting"], sent["output"]["voice"]) == (SENTENCE, "jane")
        assert "tools" not in sent


async def test_a_sentence_longer_than_the_patience_is_spoken_all_the_same() -> None:
    long = " ".join([SENTENCE] * 4)
    async with emulator() as agent:
        assert words(await AssemblySpeaker(settings(agent.url)).render(long, "anna")) == long


async def test_at_most_three_sessions_at_a_time() -> None:
    async with emulator() as agent:
        speaker = AssemblySpeaker(settings(agent.url))
        many = [asyncio.create_task(speaker.render(f"Sentence number {n}.", "anna")) for n in range(7)]
        await asyncio.sleep(1.0)
        assert len(agent.sessions) == 3
        spoken = [words(audio) for audio in await asyncio.gather(*many)]
        assert spoken == [f"Sentence number {n}." for n in range(7)]


@pytest.mark.parametrize(
    ("script", "reason", "within"),
    [
        (RefusesConnections(), "refused", 2.2),
        (NeverReady(), "not ready", 2.2),
        (NeverDone(), "not spoken", 15),
        (FailsAfter(1.0, with_tools_only=False), "internal_error", 4),
    ],
)
async def test_what_cannot_be_spoken_is_said_so(script: Misbehaviour, reason: str, within: float) -> None:
    async with emulator(script) as agent:
        with pytest.raises(SpeakerFailed, match=reason):
            async with asyncio.timeout(within):
                await AssemblySpeaker(settings(agent.url)).render(SENTENCE, "anna")


async def test_a_wrong_key_or_voice_is_said_so() -> None:
    async with emulator() as agent:
        with pytest.raises(SpeakerFailed, match="unauthorized"):
            await AssemblySpeaker(settings(agent.url, "wrong")).render(SENTENCE, "anna")
        with pytest.raises(SpeakerFailed, match="invalid_value"):
            await AssemblySpeaker(settings(agent.url)).render(SENTENCE, "sophie")


async def test_a_sentence_cut_short_is_no_sentence() -> None:
    async def story(wire: Wire) -> None:
        await wire.ready()
        await wire.say("reply.started", reply_id="r1")
        await wire.audio("r1", b"\x10" * 800)
        await wire.say("reply.done", reply_id="r1", status="interrupted")

    async with service(story) as url:
        with pytest.raises(SpeakerFailed, match="cut short"):
            await AssemblySpeaker(settings(url)).render(SENTENCE, "anna")


async def test_what_the_model_adds_of_its_own_is_left_out() -> None:
    async def story(wire: Wire) -> None:
        await wire.ready()
        await wire.say("reply.started", reply_id="r1")
        await wire.audio("r1", b"\x10" * 800)
        await wire.audio("r2", b"\x20" * 800)
        await wire.say("reply.done", reply_id="r2")
        await wire.audio("r1", b"\x10" * 800)
        await wire.say("reply.done", reply_id="r1")

    async with service(story) as url:
        assert await AssemblySpeaker(settings(url)).render(SENTENCE, "anna") == b"\x10" * 1600


async def test_without_end_is_too_long() -> None:
    async def story(wire: Wire) -> None:
        await wire.ready()
        for _ in range(70):
            await wire.audio("r1", b"\x10" * 8000)

    async with service(story) as url:
        with pytest.raises(SpeakerFailed, match="cut short"):
            await AssemblySpeaker(settings(url)).render(SENTENCE, "anna")
