"""The frame path with a line and an agent that only take notes: what is played, cleared, marked and left out."""

from __future__ import annotations

import asyncio

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.runtime.audio import CUSHION, FILLER_SECONDS, MUSIC_AHEAD, MUSIC_YIELDS, CallAudio
from flowengine.runtime.mulaw import ramped
from flowengine.runtime.music import built_in_music
from flowengine.runtime.phrasebook import Phrasebook
from flowengine.runtime.ports import SpeakerFailed
from flowengine.sandbox.speech import FRAME, SILENCE, speak
from tests.runtime.parties import Agent, Line

VOICE = speak("Hello there.", "agent", 1)
FILLER = "One moment."
MUSIC = built_in_music()


class Speaker:
    """Speaks every sentence but those that begin with `No`."""

    async def render(self, text: str, voice: str) -> bytes:
        if text.startswith("No"):
            raise SpeakerFailed(text)
        return speak(text, "agent", 7)


class Call:
    """One call's audio on a line, with what it posted."""

    def __init__(self) -> None:
        self.posted: list[e.Event] = []
        self.line, self.agent = Line(), Agent()
        loop = asyncio.get_running_loop()
        self.audio = CallAudio(
            voice="anna",
            phrasebook=Phrasebook(Speaker(), None),
            music=lambda name: MUSIC,
            post=self.posted.append,
            seconds=loop.time,
            filler=FILLER,
        )
        self.audio.use_agent(self.agent)
        self.running = asyncio.create_task(self.audio.run(self.line))

    async def settle(self, seconds: float = 0.1) -> Call:
        await asyncio.sleep(seconds)
        return self

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.posted]


async def test_agent_audio_passes_both_ways_untouched_and_at_once() -> None:
    call = await Call().settle()
    call.audio.agent_audio("r1", VOICE[:300])
    call.audio.caller_audio(SILENCE)
    assert call.line.told == [CUSHION, VOICE[:300]]
    assert call.agent.heard == [SILENCE]


async def test_an_interruption_clears_and_late_audio_of_that_reply_is_left_out() -> None:
    call = await Call().settle()
    call.audio.agent_audio("r1", VOICE)
    call.audio.agent_reply_done("r1", interrupted=True)
    call.audio.agent_audio("r1", VOICE)
    assert call.line.told == [CUSHION, VOICE, "clear"]
    assert call.audio.counts.late == 1
    call.audio.agent_audio("r2", VOICE)
    assert call.line.told[-1] == VOICE


async def test_a_mark_echoed_because_of_a_clear_means_nothing() -> None:
    call = await Call().settle()
    call.audio.agent_audio("r1", VOICE)
    call.audio.agent_reply_done("r1", interrupted=False)
    (mark,) = call.line.marks()
    call.audio.perform(c.ClearAudio())
    call.audio.caller_mark(mark)
    assert "ReplyHeard" not in call.kinds()
    call.audio.agent_audio("r2", VOICE)
    call.audio.agent_reply_done("r2", interrupted=False)
    call.audio.caller_mark(call.line.marks()[-1])
    assert call.kinds()[-1] == "ReplyHeard"


async def test_a_sentence_is_over_when_the_carrier_says_so() -> None:
    call = await Call().settle()
    call.audio.perform(c.PlayLine("l1", "Hold the line."))
    await call.settle()
    assert "LinePlayed" not in call.kinds()
    call.audio.caller_mark(call.line.marks()[0])
    assert call.posted[-1] == e.LinePlayed(call.posted[-1].at, "l1", "Hold the line.")


async def test_a_sentence_whose_mark_never_comes_is_over_after_a_ceiling() -> None:
    call = await Call().settle()
    call.audio.perform(c.PlayLine("l1", "Hold the line."))
    await call.settle(6.0)
    assert call.kinds() == ["LinePlayed"]


async def test_a_sentence_that_cannot_be_had_is_said_so() -> None:
    call = await Call().settle()
    call.audio.perform(c.PlayLine("l1", "No voice."))
    await call.settle()
    assert call.kinds() == ["LineFailed"]


async def test_an_interruption_does_not_cut_a_fixed_sentence() -> None:
    call = await Call().settle()
    call.audio.agent_audio("r1", VOICE)
    call.audio.perform(c.PlayLine("l1", "Hold the line."))
    await call.settle()
    call.audio.agent_reply_done("r1", interrupted=True)
    assert "clear" not in call.line.told


async def test_what_the_agent_says_is_dropped_while_it_may_not_speak() -> None:
    call = await Call().settle()
    call.audio.perform(c.LetAgentSpeak(False))
    call.audio.agent_audio("r1", VOICE)
    call.audio.perform(c.LetAgentHear(False))
    call.audio.caller_audio(SILENCE)
    assert (call.line.told, call.agent.heard, call.audio.counts.muted) == ([], [], 1)


async def speak_then_wait(call: Call, seconds: float) -> None:
    for at in range(0, 20 * FRAME, FRAME):
        call.audio.caller_audio(VOICE[at : at + FRAME])
    for _ in range(round(seconds / 0.02)):
        await asyncio.sleep(0.02)
        call.audio.caller_audio(SILENCE)


async def test_a_caller_who_waits_too_long_hears_a_filler_once() -> None:
    call = await Call().settle()
    await speak_then_wait(call, FILLER_SECONDS - 0.5)
    assert call.line.told == []
    await speak_then_wait(call, 3 * FILLER_SECONDS)
    assert call.line.told == [speak(FILLER, "agent", 7)]


async def test_no_filler_when_the_agent_answers_in_time() -> None:
    call = await Call().settle()
    await speak_then_wait(call, 1.0)
    call.audio.agent_audio("r1", VOICE)
    await speak_then_wait(call, 0.5)
    assert call.line.told == [CUSHION, VOICE]


async def test_a_gap_between_two_pieces_of_a_reply_gets_a_new_cushion_only_when_the_line_ran_dry() -> None:
    call = await Call().settle()
    call.audio.agent_audio("r1", VOICE[:4000])
    await call.settle(0.2)
    call.audio.agent_audio("r1", VOICE[4000:])
    assert call.line.told == [CUSHION, VOICE[:4000], VOICE[4000:]]
    await call.settle(10.0)
    call.audio.agent_audio("r1", VOICE)
    assert call.line.told[3:] == [CUSHION, VOICE]


async def test_music_is_fed_little_by_little_and_pauses_under_the_caller() -> None:
    call = await Call().settle()
    call.audio.perform(c.PlayMusic("built-in"))
    await call.settle(2.0)
    fed = sum(len(told) for told in call.line.told if isinstance(told, bytes))
    assert 2.0 * 8000 <= fed <= 2.6 * 8000  # what was played, and a little ahead
    for _ in range(20):
        await asyncio.sleep(0.02)
        call.audio.caller_audio(VOICE[:FRAME])
    assert sum(len(told) for told in call.line.told if isinstance(told, bytes)) - fed <= 0.2 * 8000
    call.audio.perform(c.StopMusic())
    quiet = len(call.line.told)
    await call.settle(2.0)
    assert len(call.line.told) == quiet


def heard(call: Call) -> bytes:
    return b"".join(told for told in call.line.told if isinstance(told, bytes))


async def test_music_dies_away_where_it_stops_and_begins_softly() -> None:
    call = await Call().settle()
    for _ in range(2):
        call.line.told.clear()
        call.audio.perform(c.PlayMusic("built-in"))
        await call.settle(1.33)
        call.audio.perform(c.StopMusic())
        end = len(heard(call))
        assert heard(call)[:FRAME] == ramped(MUSIC[:FRAME], 0, 1)
        assert heard(call)[FRAME:] == MUSIC[FRAME : end - FRAME] + ramped(MUSIC[end - FRAME : end], 1, 0)
        await call.settle(1.0)
        assert len(heard(call)) == end <= (1.33 + MUSIC_AHEAD + 0.1) * 8000


async def test_music_dies_away_before_anything_said_and_goes_on_behind_it() -> None:
    call = await Call().settle()
    call.audio.perform(c.PlayMusic("built-in"))
    await call.settle(1.0)
    before = heard(call)
    call.audio.agent_audio("r1", VOICE)
    assert heard(call) == before + ramped(MUSIC[len(before) : len(before) + FRAME], 1, 0) + VOICE
    await call.settle(len(VOICE) / 8000 + 1.0)
    at = len(before) + FRAME
    assert heard(call)[at + len(VOICE) :].startswith(
        ramped(MUSIC[at : at + FRAME], 0, 1) + MUSIC[at + FRAME : at + 1600]
    )


async def test_music_dies_away_under_the_caller_and_comes_back_softly() -> None:
    call = await Call().settle()
    call.audio.perform(c.PlayMusic("built-in"))
    await call.settle(1.0)
    for _ in range(20):
        await asyncio.sleep(0.02)
        call.audio.caller_audio(VOICE[:FRAME])
    left = len(heard(call))
    assert heard(call)[-FRAME:] == ramped(MUSIC[left - FRAME : left], 1, 0)
    await call.settle(1.0)
    assert heard(call)[left : left + FRAME] == ramped(MUSIC[left : left + FRAME], 0, 1)


async def test_music_after_a_clear_begins_softly() -> None:
    call = await Call().settle()
    call.audio.perform(c.PlayMusic("built-in"))
    await call.settle(1.0)
    call.audio.perform(c.ClearAudio())
    left = len(heard(call))
    await call.settle(0.3)
    assert heard(call)[left : left + FRAME] == ramped(MUSIC[left : left + FRAME], 0, 1)


async def test_whoever_waits_in_a_noise_gets_music_all_the_same() -> None:
    call = await Call().settle()
    call.audio.perform(c.PlayMusic("built-in"))
    for _ in range(round((MUSIC_YIELDS + 3.0) / 0.02)):
        call.audio.caller_audio(VOICE[:FRAME])
        await asyncio.sleep(0.02)
    assert 2.5 * 8000 <= len(heard(call)) <= 4.0 * 8000


async def test_the_agent_hears_the_caller_and_never_the_music() -> None:
    call = await Call().settle()
    call.audio.perform(c.PlayMusic("built-in"))
    for _ in range(50):
        call.audio.caller_audio(SILENCE)
        await asyncio.sleep(0.02)
    assert len(heard(call)) > 8000
    assert set(call.agent.heard) == {SILENCE}


async def test_the_carrier_is_never_more_than_a_moment_ahead_of_what_is_heard() -> None:
    call = await Call().settle()
    began = asyncio.get_running_loop().time()
    call.audio.perform(c.PlayMusic("built-in"))
    for _ in range(100):
        await asyncio.sleep(0.05)
        ahead = len(heard(call)) / 8000 - (asyncio.get_running_loop().time() - began)
        assert 0.1 < ahead <= MUSIC_AHEAD + 0.02
