"""Briefings in conversation inside a call: which streams are wanted, who hears whom, what people at the page read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from flowengine.bus.memory import MemoryBus
from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.live import LiveCalls
from flowengine.runtime.music import built_in_music
from flowengine.runtime.phrasebook import Phrasebook
from flowengine.runtime.rows import Entry
from flowengine.runtime.session import Ports, Session
from flowengine.sandbox.speech import SILENCE, speak
from tests.call.story import CALLER, Story, edited, staff
from tests.runtime.parties import Agent, Agents, Carrier, Line, Transcriber
from tests.runtime.test_audio import Speaker

LEG = staff(1)
VOICE = speak("A caller is waiting.", "agent", 1)


class Journal:
    """A store in memory: what a call in the middle of its life asks of one."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        self.entries += entries

    async def save_card(self, *card: object) -> None: ...

    async def close_call(self, call_id: str, outcome: str) -> None: ...


class Office:
    """A call whose first phone was picked up a moment ago, in the runtime."""

    def __init__(self, picked_up: bool) -> None:
        story = Story(edited(briefing="conversation")).ringing("Can I talk to someone?")
        story = story.answers(1) if picked_up else story
        self.agents, self.carrier, self.transcriber, self.bus = Agents(), Carrier(), Transcriber(), MemoryBus()
        none = cast(Any, None)
        ports = Ports(
            clock=LoopClock(lambda: datetime(2026, 11, 10, 16, 15, tzinfo=UTC)),
            carrier=self.carrier,
            agent=self.agents,
            transcriber=self.transcriber,
            store=cast(Any, Journal()),
            bus=self.bus,
            outbox=none,
            phrasebook=Phrasebook(Speaker(), None),
            music=lambda flow, music: f"music of {flow.key}".encode(),
            ended=lambda call_id: None,
        )
        now = asyncio.get_running_loop().time()
        self.session = Session(story.flow, ports, began=now - story.at, call=story.call)
        self.calls = LiveCalls(ports, none)
        self.calls._begin("c1", self.session)  # as a call that was revived

    def comes(self, leg: str = LEG) -> tuple[Line, asyncio.Task[None]]:
        """A stream of a staff leg, at the door of all calls."""
        line = Line()
        return line, asyncio.create_task(self.calls.consult("c1", leg, line))

    async def briefed(self) -> tuple[Line, Agent, asyncio.Task[None]]:
        line, running = self.comes()
        await asyncio.sleep(0.1)
        return line, self.agents.opened[-1], running

    def says(self, event: Callable[[float], e.Event]) -> None:
        self.session.post(event(self.session.seconds()))

    def moved(self) -> list[documents.Document]:
        return [order.document for order in self.carrier.ordered if isinstance(order, c.MoveStaff)]


@asynccontextmanager
async def office(*, picked_up: bool = True) -> AsyncIterator[Office]:
    made = Office(picked_up)
    try:
        async with asyncio.timeout(60):  # what never ends has failed
            yield made
    finally:
        await made.calls.close(0.0)


async def test_whoever_picks_up_is_briefed_apart_from_the_caller() -> None:
    async with office() as call:
        caller = Line()
        attached = asyncio.create_task(call.calls.attach("c1", call.session.call.stream, caller))
        mine = Agent()
        call.session.audio.use_agent(mine)
        line, agent, _ = await call.briefed()
        assert agent.opening is not None
        assert agent.opening.greeting.startswith("Bright Smile Dental. Maria Lopez")
        assert agent.listener is not None
        agent.listener.agent_audio("r1", VOICE)
        caller.hears(b"\x01" * 160)
        line.hears(SILENCE)
        assert VOICE in line.told
        assert VOICE not in caller.told
        assert (agent.heard, mine.heard) == ([SILENCE], [b"\x01" * 160])
        caller.over.set()
        await attached


async def test_a_yes_moves_them_and_what_the_agent_still_had_to_say_is_cleared() -> None:
    async with office() as call:
        line, agent, running = await call.briefed()
        assert agent.listener is not None
        agent.listener.agent_audio("r1", VOICE)
        agent.says(lambda at: e.ToolCalled(at, "t1", "connect_caller"))
        await asyncio.sleep(0.1)
        (document,) = call.moved()
        assert isinstance(document, documents.JoinStaff)
        assert [type(told) for told in agent.told] == [c.AnswerTool]
        assert (line.told[-1], agent.closed, line.closed) == ("clear", True, False)
        line.over.set()  # the carrier moves the leg
        await running


async def test_the_key_takes_the_call_while_the_agent_talks() -> None:
    async with office() as call:
        line, agent, _ = await call.briefed()
        line.presses("1")
        await asyncio.sleep(0.1)
        assert isinstance(call.moved()[0], documents.JoinStaff)
        assert agent.closed


async def test_the_line_is_cleared_at_once_even_while_the_session_opens() -> None:
    async with office() as call:
        call.agents.slow = 1.5
        line, _ = call.comes()
        await asyncio.sleep(0.5)
        line.presses("1")
        await asyncio.sleep(0.1)
        assert line.told == ["clear"]
        await asyncio.sleep(2.0)
        assert [agent.closed for agent in call.agents.opened] == [True]


@pytest.mark.parametrize("leg", [staff(2), "c1-staff-9", CALLER, ""])
async def test_a_stream_nobody_expects_is_closed_at_once(leg: str) -> None:
    async with office() as call:
        line, running = call.comes(leg)
        await running
        assert line.closed
        assert call.agents.opened == []


async def test_a_stream_of_a_leg_that_is_not_to_be_briefed_is_closed_at_once() -> None:
    async with office(picked_up=False) as call:
        line, running = call.comes()
        await running
        assert line.closed


async def test_a_stream_for_a_call_that_is_not_here_is_closed_at_once() -> None:
    async with office() as call:
        line = Line()
        await call.calls.consult("c2", LEG, line)
        assert line.closed


async def test_no_agent_for_the_briefing_brings_the_short_one() -> None:
    async with office() as call:
        call.agents.broken = True
        call.comes()
        await asyncio.sleep(0.1)
        assert [type(document) for document in call.moved()] == [documents.BriefStaff]


async def test_a_stream_that_breaks_ends_its_session_and_the_next_begins_another() -> None:
    async with office() as call:
        line, agent, running = await call.briefed()
        line.over.set()
        await running
        assert agent.closed
        _, second, _ = await call.briefed()
        assert second is not agent
        assert not second.closed


async def test_a_call_that_is_over_closes_every_briefing() -> None:
    async with office() as call:
        line, agent, running = await call.briefed()
        await call.calls.close(0.0)
        await running
        assert agent.closed
        assert line.closed
        late = Line()
        await call.session.consult(LEG, late)
        assert late.closed


async def told_on_the_page(call: Office, happens: Callable[[], Awaitable[None]]) -> list[Mapping[str, object]]:
    news: list[Mapping[str, object]] = []

    async with call.bus.subscribe("call:c1") as items:

        async def follow() -> None:
            async for item in items:
                news.append(item)

        following = asyncio.create_task(follow())
        await happens()
        await asyncio.sleep(0.1)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    return news


async def test_people_who_follow_the_page_see_what_their_colleague_was_told() -> None:
    async with office() as call:
        _, agent, _ = await call.briefed()

        async def talk() -> None:
            agent.says(lambda at: e.CallerSaid(at, "What is it about?"))
            agent.says(lambda at: e.AgentSaid(at, "A crown."))

        news = await told_on_the_page(call, talk)
        assert [(item["type"], item["leg"], item["speaker"], item["text"]) for item in news] == [
            ("consult", LEG, "staff", "What is it about?"),
            ("consult", LEG, "agent", "A crown."),
        ]
        assert cast(int, news[0]["id"]) < cast(int, news[1]["id"])
        assert {type(item["at"]) for item in news} == {float}


async def test_the_music_of_a_call_is_that_of_its_flow() -> None:
    async with office() as call:
        assert call.calls.music("c1") == b"music of dental_office"
        assert call.calls.music("c2") == built_in_music()


async def test_a_caller_who_comes_back_from_a_room_is_not_written_down_twice() -> None:
    """The one-way stream of a room outlives the room at the carrier; the agent hears the caller from now on."""
    async with office() as call:
        over: list[str] = []

        async def run(leg: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                over.append(leg)

        for leg in (CALLER, LEG):
            asyncio.create_task(call.calls.transcribe("c1", leg, lambda hear, leg=leg: run(leg)))  # type: ignore[misc]  # noqa: RUF006
        await asyncio.sleep(0.1)
        caller = Line()
        attached = asyncio.create_task(call.calls.attach("c1", call.session.call.stream, caller))
        await asyncio.sleep(0.1)
        assert over == [CALLER]
        assert [transcript.closed for transcript in call.transcriber.opened] == [True, False]
        caller.over.set()
        await attached
