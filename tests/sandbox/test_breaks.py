"""The engine itself breaks, or is interrupted: the caller must not notice more than a word of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from flowengine.call.events import CallerSaid, Event
from flowengine.call.machine import step
from flowengine.call.saying import Step
from flowengine.call.state import Call
from flowengine.flow.model import Flow
from flowengine.sandbox.carrier import CallRecord
from flowengine.sandbox.scenario import Scenario
from flowengine.sandbox.speech import find_words
from flowengine.sandbox.world import Options, World
from tests.sandbox.play import SPEED, played


def crash(world: World) -> None:
    """The process dies: sessions are gone without a farewell, sockets with them; another takes over."""
    for task in list(world.engine.calls._tasks.values()):
        task.cancel()


def when(kind: str, do: Callable[[World], None]) -> Callable[[World], None]:
    """Does something once an event of this kind stands in the journal."""

    async def waits(world: World) -> None:
        while True:
            await asyncio.sleep(0.1)
            for row in await world.engine.store.calls(limit=1):
                if any(entry.kind == kind for entry in await world.engine.store.journal(row.call_id)):
                    do(world)
                    return

    def watch(world: World) -> None:
        world.loop.create_task(waits(world))

    return watch


def unexpecting(scenario: Scenario) -> Scenario:
    return replace(scenario, expect={})


def listening(scenario: Scenario) -> Scenario:
    """She speaks once she has heard that somebody is there again."""
    return replace(scenario, expect={}, caller=({"hears": "I'm back"}, *scenario.caller))


def test_a_crash_while_the_receptionist_talks_is_one_sentence_long() -> None:
    run = played("crown", Options(speed=SPEED), scenario=listening, watch=when("AgentSaid", crash))
    assert run.report["outcome"] == "connected"
    assert len(run.times("EngineRestarted")) == 1
    assert any("line dropped" in text for text in run.heard("agent"))


def test_a_crash_while_phones_ring_rings_nobody_twice() -> None:
    run = played("crown", Options(speed=SPEED), scenario=unexpecting, watch=when("LegRinging", crash))
    assert run.report["outcome"] == "connected"
    outgoing = [r for r in run.world.carrier.calls.values() if r.direction == "outbound-api"]
    assert len(outgoing) == 2
    assert run.report["handoffs"][0]["attempts"][0]["outcome"] == "accepted"
    at = [event["at"] for event in run.report["events"]]
    assert at == sorted(at)  # one journal, in order, across both lives


def test_a_mistake_of_ours_ends_in_words_and_a_voicemail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(flow: Flow, call: Call, event: Event) -> Step:
        if isinstance(event, CallerSaid):
            raise ZeroDivisionError(event.text)
        return step(flow, call, event)

    monkeypatch.setattr("flowengine.runtime.session.step", broken)
    run = played("crown", Options(speed=SPEED), scenario=unexpecting)
    assert any("leave a message after the tone" in text for text in run.heard("notice"))
    assert len(run.times("EngineFailed")) >= 1
    assert run.report["outcome"] in ("voicemail", "failed")


def interrupting(scenario: Scenario) -> Scenario:
    first, *rest = scenario.caller
    return replace(scenario, caller=({"interrupts": first["says"]}, *rest))


def test_a_caller_who_interrupts_is_heard_and_the_greeting_stops() -> None:
    run = played("crown", Options(speed=SPEED), scenario=interrupting)
    assert run.failures == []
    greeting = next(t for t in run.report["transcript"] if t["speaker"] == "agent")
    assert not greeting["text"].endswith("How can I help?")
    caller = next(r for r in run.world.carrier.calls.values() if r.direction == "inbound")
    assert "help?" not in words_of(caller)


def words_of(record: CallRecord) -> list[str]:
    return [w.text for w in find_words(bytes(record.heard_audio))]
