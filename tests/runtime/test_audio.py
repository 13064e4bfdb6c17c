"""The frame path with a line and an agent that only take notes: what is played, cleared, marked and left out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.runtime.audio import CUSHION, FILLER_SECONDS, CallAudio
from flowengine.runtime.phrasebook import Phrasebook
from flowengine.runtime.ports import CallerListener, SpeakerFailed
from flowengine.sandbox.speech import FRAME, SILENCE, speak

VOICE = speak("Hello there.", "agent", 1)
FILLER = "One moment."


@dataclass
class Line:
    """A carrier's line: notes what it is told, plays nothing."""

    told: list[str | bytes] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def play(self, audio: bytes) -> None:
        self.told.append(audio)

    def mark(self, name: str) -> None:
        self.told.append(f"mark {name}")

    def clear(self) -> None:
        self.told.append("clear")

    async def run(self, listener: CallerListener) -> None:
        await self.over.wait()

    async def close(self) -> None:
        self.over.set()

    def marks(self) -> list[str]:
        return [told.removeprefix("mark ") for told in self.told if isinstance(told, str) and told.startswith("mark")]


@dataclass
class Agent:
    heard: list[bytes] = field(default_factory=list)

    def hear(self, audio: bytes) -> None:
        self.heard.append(audio)

    async def perform(self, command: c.AgentCommand) -> None: ...

    async def close(self) -> None: ...


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
            music=lambda name: VOICE * 4,
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
    await call.settle(0.2)
    quiet = len(call.line.told)
    await call.settle(2.0)
    assert len(call.line.told) == quiet
