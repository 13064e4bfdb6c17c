"""Conditions that need the whole engine: who is quiet, who is not understood, who called before, who speaks Spanish.

Each on real sockets, with a control in which one thing is taken away, and with its nearest neighbour."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowengine.call.sentences import FILLER
from flowengine.sandbox.scenario import Scenario, read_scenario
from flowengine.sandbox.transcriber import RefusesStreams
from flowengine.sandbox.world import Options
from tests.sandbox.play import SPEED, Played, as_it_stands, played

QUIET = """
  - rule: nobody_there
    quiet_for: 20s
    to: {hang_up: I cannot hear anybody. Please call again. Goodbye.}
"""
UNSURE = """
  - rule: mumbled
    confidence_below: 40%
    to: front_desk
"""
AGAIN = """
  - rule: called_again
    known_caller: called before
    to: front_desk
"""

QUIET_CALLER = """
about: Nobody says anything; the receptionist asks once and then hangs up.
flow: dental_office
at: Tue 10 Nov 2026 10:15am
caller:
  - hears: How can I help
expect:
  rule: nobody_there
  ends_with: ended
  no_silence_over: 12s  # which is the point
  caller_hears: [Are you still there, I cannot hear anybody.]
control: {lose_frame: {leg: caller, direction: out, saying: cannot hear}}
"""
MUMBLING_CALLER = """
about: What the caller says can hardly be made out, so the front desk is rung.
flow: dental_office
at: Tue 10 Nov 2026 10:15am
caller:
  - says: Something about the garden and the window.
    confidence: 30%
  - says: My name is Maria Lopez.
    answers: {caller_name: Maria Lopez}
  - says: I would like another day.
    answers: {reason: I would like another day}
  - hears: Dana here
  - says: Hello Dana.
  - waits: 1s
  - hangs_up: true
staff:
  Dana: [accepts, {says: "Good morning, Dana here."}]
expect:
  rule: mumbled
  connected_to: Dana
  ends_with: connected
control: {lose_callback: {path: /key}}
"""
SECOND_CALL = """
about: A number that has called before is handed over in place of the greeting.
flow: dental_office
at: Tue 10 Nov 2026 10:15am
caller:
  - waits: 6s
  - hangs_up: true
expect:
  rule: called_again
  department: front_desk
  ends_with: abandoned
  caller_hears: [May I have your name]
  no_silence_over: 10s  # she waits for an answer
  caller_does_not_hear: [Thank you for calling]
"""


def options(**more: Any) -> Options:
    return Options(speed=SPEED, **more)


def with_rule(rule: str) -> Callable[[str], str]:
    """The dental office with one more rule, before the one for the zero key; its own tests stay true."""
    return lambda text: text.replace("  - rule: pressed_zero\n", f"{rule.lstrip(chr(10))}  - rule: pressed_zero\n", 1)


def run(
    scenario: str,
    rule: str,
    how: Options | None = None,
    change: Callable[[Scenario], Scenario] = lambda s: s,
) -> Played:
    return played(
        "crown", how or options(), change=with_rule(rule), scenario=lambda _: change(read_scenario("it", scenario))
    )


def unexpected(scenario: Scenario) -> Scenario:
    """The same call with nothing expected of it."""
    return replace(scenario, expect={"no_silence_over": "60s"})


# ---- quiet_for -------------------------------------------------------------------------------------------------------


def test_a_quiet_caller_is_asked_once_and_then_released() -> None:
    made = run(QUIET_CALLER, QUIET)
    assert made.failures == []
    assert len([text for text in made.heard("agent") if "still there" in text]) == 1
    (handoff,) = made.report["handoffs"]
    greeted = made.times("ReplyHeard")[0]
    asked = made.times("ReplyHeard")[1] - made.times("ReplyStarted")[1]
    assert handoff["decided_at"] - greeted == pytest.approx(20.0 + asked, abs=4.0)


def test_the_control_of_the_quiet_caller() -> None:
    assert run(QUIET_CALLER, QUIET, options(control=True)).failures != []


def test_a_caller_who_answers_the_question_is_not_released() -> None:
    def answers(scenario: Scenario) -> Scenario:
        more = (
            {"hears": "still there"},
            {"says": "Yes, I am looking for my card."},
            {"waits": "12s"},
            {"hangs_up": "true"},
        )
        return unexpected(replace(scenario, caller=(*scenario.caller, *more)))

    made = run(QUIET_CALLER, QUIET, change=answers)
    assert made.report["handoffs"] == []
    assert made.report["outcome"] == "ended"


# ---- confidence_below ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mumbled() -> Played:
    return run(MUMBLING_CALLER, UNSURE)


def test_a_caller_who_can_hardly_be_made_out_reaches_a_person(mumbled: Played) -> None:
    assert mumbled.failures == []
    texts = [t["text"] for t in mumbled.report["transcript"] if t["speaker"] == "caller"]
    assert len(texts) == len(set(texts)), "the second transcript adds no line"


def test_the_control_of_the_mumbling_caller() -> None:
    assert run(MUMBLING_CALLER, UNSURE, options(control=True)).failures != []


def test_the_same_words_said_clearly_stay_with_the_receptionist() -> None:
    def clearly(scenario: Scenario) -> Scenario:
        (first, *_) = scenario.caller
        return unexpected(replace(scenario, caller=({"says": first["says"]}, {"waits": "4s"}, {"hangs_up": "true"})))

    made = run(MUMBLING_CALLER, UNSURE, change=clearly)
    assert made.report["handoffs"] == []
    assert made.times("SpeechGauged") != []


def test_the_transcript_is_kept_only_while_they_talk(mumbled: Played) -> None:
    gauge = mumbled.world.transcriber.sessions[0]
    assert gauge.finals == ["Something about the garden and the window."]
    assert gauge.closed == 1000
    assert gauge.seconds < mumbled.report["handoffs"][0]["first_ring_at"]


def test_without_that_transcript_the_call_goes_on_and_the_rule_never_fires() -> None:
    made = run(MUMBLING_CALLER, UNSURE, options(transcripts=(RefusesStreams(),)), unexpected)
    assert [h["rule"] for h in made.report["handoffs"]] == []
    assert made.times("SpeechGauged") == []
    assert made.report["outcome"] == "ended"


def test_a_flow_without_such_a_rule_opens_no_transcript_before_they_meet() -> None:
    made = as_it_stands("crown")
    assert len(made.world.transcriber.sessions) == 2


# ---- called before ---------------------------------------------------------------------------------------------------


def test_the_second_call_of_a_number_is_known_and_the_first_is_not(tmp_path: Path) -> None:
    kept: dict[str, Any] = {"database_url": f"sqlite:///{tmp_path}/calls.db"}
    slowly = Options(
        speed=4.0, **kept
    )  # half a call second must be time enough for a database that knows no other time
    first = run(SECOND_CALL, AGAIN, options(**kept), unexpected)
    assert first.report["handoffs"] == []
    assert first.heard("agent")[0].startswith("Thank you for calling")
    _earlier(tmp_path)
    other = run(SECOND_CALL, AGAIN, options(**kept), lambda s: unexpected(replace(s, calls_from="+13125550188")))
    assert other.report["handoffs"] == []
    _earlier(tmp_path)
    assert run(SECOND_CALL, AGAIN, slowly).failures == []
    _earlier(tmp_path)
    withheld = run(SECOND_CALL, AGAIN, slowly, lambda s: unexpected(replace(s, calls_from="anonymous")))
    assert withheld.report["handoffs"] == []


def _earlier(folder: Path) -> None:
    """The emulated carrier counts its calls anew in each run; no real one does."""
    with sqlite3.connect(folder / "calls.db") as database:
        database.execute("UPDATE calls SET ref = call_id")
    database.close()


# ---- a second language -----------------------------------------------------------------------------------------------


def test_another_language_is_another_session_and_the_first_one_ends() -> None:
    made = as_it_stands("spanish_caller")
    talks = [s for s in made.world.agent.sessions if s.conversation.config.get("tools")]
    assert [("Speak Spanish." in s.conversation.config["system_prompt"]) for s in talks] == [False, True]
    assert not talks[1].conversation.config.get("greeting")
    assert "Habla español" in talks[1].sent[0]["config"]["system_prompt"]
    assert talks[0].received[-1]["type"] == "session.end"
    assert made.times("AgentFailed") == []
    assert FILLER not in " ".join(made.heard("agent"))


def test_who_speaks_it_is_rung_before_who_was_listed_first() -> None:
    made = played(
        "spanish_caller",
        change=lambda text: text.replace("people: [luis, dana]", "people: [dana, luis]", 1).partition("\ntests:")[0],
    )
    assert made.failures == []
    assert [a["person"] for a in made.report["handoffs"][0]["attempts"]] == ["Luis"]
