"""A caller who waits alone and a briefing in conversation, when something breaks in the middle."""

from __future__ import annotations

from dataclasses import replace

from flowengine.sandbox.agent import NeverReady
from flowengine.sandbox.scenario import Scenario
from flowengine.sandbox.world import Options, World
from tests.sandbox.play import SPEED, Played, as_it_stands, played
from tests.sandbox.test_breaks import crash, when

TALKING = {"transfer": {"briefing": "conversation"}}


def talked_to(scenario: Scenario) -> Scenario:
    """The second person of the office's list takes the call, by key or by word; the first is busy."""
    return replace(scenario, change={**scenario.change, **TALKING}, expect={})


def talked(options: Options, **more: object) -> Played:
    return played("second_person", options, scenario=talked_to, **more)  # type: ignore[arg-type]


def briefings(world: World) -> list[str]:
    """What agents of a briefing were told: they know the caller's words from their prompt alone."""
    prompts = (str(s.conversation.config.get("system_prompt", "")) for s in world.agent.sessions)
    return [prompt for prompt in prompts if "You are talking with them, not with the caller" in prompt]


def test_a_crash_while_the_caller_waits_alone_rings_nobody_twice() -> None:
    made = played("parked_caller", Options(speed=SPEED), watch=when("LegRinging", crash))
    assert made.report["outcome"] == "connected"
    assert len(made.times("EngineRestarted")) == 1
    attempts = [a for h in made.report["handoffs"] for a in h["attempts"]]
    assert (
        len([r for r in made.world.carrier.calls.values() if r.answered_at is not None]) == 2
    )  # the caller and one person
    assert [a["outcome"] for a in attempts][-1] == "accepted"


def test_a_crash_during_a_briefing_in_conversation_ends_in_the_one_with_the_key() -> None:
    made = talked(Options(speed=SPEED), watch=when("ConsultReady", crash))
    assert made.report["outcome"] == "connected"
    assert any("Press one to accept" in text for text in made.heard("notice", "staff_heard"))


def test_an_agent_that_cannot_brief_is_replaced_by_the_one_with_the_key() -> None:
    def no_more(world: World) -> None:
        world.agent.misbehave(NeverReady())

    made = talked(Options(speed=SPEED), watch=when("LegRinging", no_more))
    assert made.report["outcome"] == "connected"
    assert made.times("ConsultFailed")
    assert any("Press one to accept" in text for text in made.heard("notice", "staff_heard"))


def test_the_agent_of_a_briefing_hears_the_person_and_never_the_caller() -> None:
    made = as_it_stands("briefed_in_conversation")
    assert made.failures == []
    (told,) = briefings(made.world)
    assert "you charged me twice" in told  # from the story, in writing
    (consult,) = (s for s in made.world.agent.sessions if "You are talking with them" in str(s.conversation.config))
    heard = list(consult.conversation.heard)
    assert heard
    assert not any("charged me" in turn for turn in heard)


def test_a_caller_who_hangs_up_during_the_conversation_is_told_of_in_fixed_words() -> None:
    def leaves(scenario: Scenario) -> Scenario:
        lines = [line for line in scenario.caller if "hears" not in line][:2]
        return replace(
            scenario, expect={}, caller=(*lines, {"hears": "It usually takes"}, {"waits": "9s"}, {"hangs_up": "true"})
        )

    made = played("briefed_in_conversation", Options(speed=SPEED), scenario=leaves)
    assert made.report["outcome"] == "abandoned"
    assert made.report["work"] == ["missed_call"]
    assert any("the caller has just hung up" in text for text in made.heard("notice", "staff_heard"))
