"""A staff member and the agent that briefs them: what each hears, what the call learns, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from flowengine.agents.assemblyai import AssemblyAgent
from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.consulting import TOOLS
from flowengine.runtime.audio import CUSHION
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.consult import ORDER_SECONDS, Consult
from flowengine.sandbox.agent import AgentBehaviour, VoiceAgent
from flowengine.sandbox.clock import PinnedClock
from flowengine.sandbox.speech import FRAME, SILENCE, find_words, speak
from flowengine.settings import Settings
from tests.runtime.parties import Agent, Agents, Line

LEG = "c1-staff-1"
VOICE = speak("A caller is waiting.", "agent", 1)
OPENING = c.StartAgent(
    "You are Ava. You talk with Dana, who works here.\ncaller: My crown fell out",
    "Bright Smile Dental. Maria Lopez: My crown fell out. Shall I put them through?",
    "anna",
    TOOLS,
)


class Briefing:
    """One leg with its line, its agents, and what was posted to the call."""

    def __init__(self, **agents: object) -> None:
        self.posted: list[e.Event] = []
        self.agents, self.line = Agents(**agents), Line()  # type: ignore[arg-type]
        self.consult = Consult(LEG, self.posted.append, asyncio.get_running_loop().time)
        self.running = self.on(self.line)

    def on(self, line: Line) -> asyncio.Task[None]:
        return asyncio.create_task(self.consult.run(line))

    async def starts(self) -> Briefing:
        await asyncio.sleep(0)
        await self.consult.start(self.agents, OPENING)
        return self

    @property
    def agent(self) -> Agent:
        (agent,) = self.agents.opened
        return agent

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.posted]


async def test_they_hear_each_other_at_once_and_untouched() -> None:
    briefing = await Briefing().starts()
    assert briefing.agent.opening == OPENING
    briefing.consult.agent_audio("r1", VOICE)
    briefing.line.hears(SILENCE)
    assert briefing.line.told == [CUSHION, VOICE]
    assert briefing.agent.heard == [SILENCE]


async def test_a_reply_gets_a_cushion_wherever_the_line_has_run_dry() -> None:
    briefing = await Briefing().starts()
    briefing.consult.agent_audio("r1", VOICE[:4000])
    await asyncio.sleep(0.2)
    briefing.consult.agent_audio("r1", VOICE[4000:])
    await asyncio.sleep(10)
    briefing.consult.agent_audio("r1", VOICE)
    assert briefing.line.told == [CUSHION, VOICE[:4000], VOICE[4000:], CUSHION, VOICE]


async def test_an_interruption_clears_the_line_and_late_audio_of_that_reply_is_not_heard() -> None:
    briefing = await Briefing().starts()
    briefing.consult.agent_audio("r1", VOICE)
    briefing.consult.agent_reply_done("r1", interrupted=True)
    briefing.consult.agent_audio("r1", VOICE)
    assert briefing.line.told == [CUSHION, VOICE, "clear"]
    briefing.consult.agent_audio("r2", VOICE)
    briefing.consult.agent_reply_done("r1", interrupted=True)  # said twice: what is heard now is another reply
    briefing.consult.agent_reply_done("r2", interrupted=False)
    assert briefing.line.told[3:] == [CUSHION, VOICE]


async def test_news_of_the_agent_is_told_in_the_words_of_a_briefing() -> None:
    briefing = await Briefing().starts()
    news: list[e.Event] = [
        e.AgentReady(0.0),
        e.SpeechStarted(0.0),
        e.CallerSaid(0.0, "What is it about?"),
        e.CallerSaid(0.0, "  "),
        e.AgentSaid(0.0, "A crown."),
        e.ToolCalled(0.0, "t1", "decline", {"reason": "lunch"}),
        e.AgentFailed(0.0, "dropped"),
    ]
    for event in news:
        briefing.consult.agent_event(event)
    briefing.line.presses("1")
    briefing.consult.agent_partial("What is")
    at = briefing.posted[0].at
    assert briefing.posted == [
        e.ConsultReady(at, LEG),
        e.ConsultSaid(at, LEG, "staff", "What is it about?"),
        e.ConsultSaid(at, LEG, "agent", "A crown."),
        e.ConsultToolCalled(at, LEG, "t1", "decline", {"reason": "lunch"}),
        e.ConsultFailed(at, LEG, "dropped"),
        e.StaffPressed(at, LEG, "1", ""),
    ]


async def test_at_its_end_the_agent_leaves_and_is_not_heard_but_the_line_stays() -> None:
    briefing = await Briefing().starts()
    briefing.consult.agent_audio("r1", VOICE)
    await briefing.consult.end()
    briefing.consult.agent_audio("r2", VOICE)
    briefing.consult.agent_event(e.ToolCalled(0.0, "t1", "decline"))
    briefing.line.hears(SILENCE)
    assert briefing.line.told == [CUSHION, VOICE, "clear"]
    assert (briefing.agent.heard, briefing.posted, briefing.agent.closed) == ([], [], True)
    assert not briefing.line.closed
    assert not briefing.running.done()


async def test_a_late_start_for_a_leg_that_is_gone_does_nothing() -> None:
    briefing = Briefing()
    await asyncio.sleep(0)
    briefing.line.over.set()
    await briefing.running
    await briefing.starts()
    assert briefing.agents.opened == []


async def test_a_leg_that_leaves_while_its_session_opens_leaves_no_session_behind() -> None:
    briefing = Briefing(slow=1.0)
    starting = asyncio.create_task(briefing.starts())
    await asyncio.sleep(0.5)
    briefing.line.over.set()
    await starting
    assert briefing.agent.closed


@pytest.mark.parametrize("why", [{"broken": True}, {"slow": 10 * ORDER_SECONDS}])
async def test_a_session_that_cannot_be_opened_is_said_so_in_time(why: dict[str, object]) -> None:
    briefing = Briefing(**why)
    await asyncio.sleep(0)
    began = asyncio.get_running_loop().time()
    await briefing.starts()
    assert asyncio.get_running_loop().time() - began < ORDER_SECONDS + 0.1
    assert briefing.kinds() == ["ConsultFailed"]


async def test_a_second_stream_takes_the_place_of_the_first_and_they_talk_on() -> None:
    briefing = await Briefing().starts()
    second = Line()
    running = briefing.on(second)
    await briefing.running
    assert briefing.line.closed
    await briefing.starts()  # the call asks again, because audio began again
    briefing.consult.agent_audio("r2", VOICE)
    briefing.line.hears(b"\x01" * FRAME)
    briefing.line.presses("1")
    second.hears(SILENCE)
    assert second.told == [CUSHION, VOICE]
    assert briefing.agent.heard == [SILENCE], "one session, which hears the second stream alone"
    assert briefing.posted == []
    second.over.set()
    await running
    assert briefing.consult.is_over()


async def test_when_the_call_is_over_so_is_the_stream() -> None:
    briefing = await Briefing().starts()
    await briefing.consult.close()
    await briefing.running
    assert briefing.agent.closed
    assert briefing.line.closed


async def test_a_tool_is_answered_in_the_session_that_asked() -> None:
    briefing = await Briefing().starts()
    answer = c.AnswerTool("t1", "done")
    await briefing.consult.answer(answer)
    assert briefing.agent.told == [answer]
    await briefing.consult.end()
    await briefing.consult.answer(answer)
    assert briefing.agent.told == [answer]


# ---- with the emulated service ---------------------------------------------------------------------------------------


@asynccontextmanager
async def emulated() -> AsyncIterator[Briefing]:
    """A briefing by the real adapter, at the emulated service."""
    now = PinnedClock(asyncio.get_running_loop(), datetime(2026, 11, 10, 16, 15, tzinfo=UTC))
    service = VoiceAgent(api_key="key", now=now, behaviour=AgentBehaviour())
    await service.start()
    briefing = Briefing()
    await asyncio.sleep(0)
    agents = AssemblyAgent(Settings(assemblyai_api_key="key", voice_agent_url=service.url), LoopClock(now))
    await briefing.consult.start(agents, OPENING)
    try:
        yield briefing
    finally:
        await briefing.consult.close()
        await briefing.running
        await service.stop()


async def say(line: Line, text: str, *, number: int, then: float) -> None:
    """Dana speaks, frame by frame, and then is silent."""
    sound = speak(text, "staff", number) + SILENCE * round(then / 0.02)
    for at in range(0, len(sound), FRAME):
        line.hears(sound[at : at + FRAME])
        await asyncio.sleep(0.02)


def told(line: Line) -> str:
    return " ".join(word.text for word in find_words(b"".join(p for p in line.told if isinstance(p, bytes))))


async def test_dana_is_briefed_word_for_word_asks_and_takes_the_call() -> None:
    async with emulated() as briefing:
        await asyncio.sleep(8)
        assert told(briefing.line) == OPENING.greeting
        await say(briefing.line, "What is it about?", number=1, then=5)
        await say(briefing.line, "Yes, put them through.", number=2, then=5)
    said = [(event.speaker, event.text) for event in briefing.posted if isinstance(event, e.ConsultSaid)]
    assert said[:2] == [("agent", OPENING.greeting), ("staff", "What is it about?")]
    assert briefing.kinds()[0] == "ConsultReady"
    (tool,) = (event for event in briefing.posted if isinstance(event, e.ConsultToolCalled))
    assert tool.name == "connect_caller"


async def test_dana_cuts_in_and_the_rest_of_the_briefing_is_not_heard() -> None:
    async with emulated() as briefing:
        await asyncio.sleep(3.0)
        assert told(briefing.line), "she is being briefed"
        await say(briefing.line, "I can't, I'm with a patient.", number=1, then=5)
        assert "clear" in briefing.line.told
        (tool,) = (event for event in briefing.posted if isinstance(event, e.ConsultToolCalled))
        assert tool.name == "decline"
