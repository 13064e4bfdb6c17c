"""Why a hand-off began, what else came close, and what the model may not do."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.report import report
from flowengine.call.state import Phase
from tests.call.story import Story, changed


def talking() -> Story:
    return Story().picked_up()


def said(story: Story, text: str) -> Story:
    return story.happens(lambda at: e.AgentSaid(at, text))


def result(story: Story) -> dict[str, object]:
    (answer,) = story.did(c.AnswerTool)
    told: dict[str, object] = json.loads(answer.result)
    return told


# ---- what is journalled ----------------------------------------------------------------------------------------------


def test_the_rule_what_it_matched_and_what_came_close_are_journalled() -> None:
    (decision,) = talking().says("I want to file a complaint").did(c.NoteDecision)
    assert (decision.rule, decision.matched) == ("serious_words", "file a complaint")
    story = talking().agent_calls("note_unsolved").says("Let me talk to a person, my crown fell out")
    (decision,) = story.did(c.NoteDecision)
    assert decision.rule == "clinical_question"
    assert (
        "asked_for_a_person: true as well (Let me talk to a person, my crown fell out), but further down"
        in decision.close
    )
    assert "not_solved: 1 of 2 tries" in decision.close


def test_a_mood_and_a_question_that_were_not_enough_are_told() -> None:
    story = talking().says("Where is the parking lot").says("Where is the parking lot please", 8)
    story.agent_calls("note_mood", mood="angry").agent_calls("note_answer", field="reason", value="a refund")
    story.agent_calls("transfer_to_human", rule="billing_dispute")
    (decision,) = story.did(c.NoteDecision)
    assert any(why.startswith("upset: angry for 1 of 2 turns") for why in decision.close)


# ---- a transfer that was only talked of ------------------------------------------------------------------------------


def test_a_transfer_she_announced_and_did_not_begin_is_begun() -> None:
    story = said(talking().says("My bill is wrong and I want a refund"), "Of course, I'm connecting you with our team.")
    assert c.StartTimer("promised", 3.0) in story.last
    story.timer("promised", 3)
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "billing_dispute"
    assert "promised by the receptionist without the tool" in story.did(c.NoteDecision)[0].close


def test_without_a_fitting_rule_the_one_for_a_person_is_taken() -> None:
    story = said(talking().says("It is complicated"), "Let me get someone for you.").timer("promised", 3)
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "asked_for_a_person"


def test_a_flow_without_such_a_rule_has_her_take_it_back() -> None:
    flow = changed("  - rule: asked_for_a_person\n    caller_wants: to speak with a person\n    to: front_desk\n", "")
    story = said(Story(flow).picked_up().says("It is complicated"), "I'll transfer you.").timer("promised", 3)
    assert story.call.handoff is None
    assert "you cannot" in story.did(c.AskAgent)[0].instructions


@pytest.mark.parametrize(
    "text", ["Would you like me to connect you now?", "If you like, I'll connect you.", "We open at 8."]
)
def test_an_offer_is_no_promise(text: str) -> None:
    assert not said(talking().says("Hello"), text).did(c.StartTimer)


def test_a_promise_that_was_kept_begins_nothing_twice() -> None:
    story = said(talking().says("I want a refund"), "I'm connecting you with our team.")
    story.agent_calls("transfer_to_human", rule="billing_dispute")
    assert c.StopTimer("promised") in story.last
    before = story.call
    assert story.timer("promised", 3).call.handoff == before.handoff


# ---- what the model may not do ---------------------------------------------------------------------------------------


def test_a_rule_it_invents_is_refused_with_those_there_are() -> None:
    story = talking().agent_calls("transfer_to_human", rule="vip")
    told = result(story)
    assert told["status"] == "refused"
    assert "billing_dispute" in str(told["rules"])
    assert story.call.refused == 1
    assert story.call.handoff is None


def test_a_number_or_department_it_supplies_is_refused_and_the_rule_decides() -> None:
    story = talking().says("I want a refund")
    story.agent_calls("transfer_to_human", rule="billing_dispute", department="clinical", number="+19005550100")
    told = result(story)
    assert told["refused"] == ["department", "number"]
    assert story.call.refused == 1
    assert story.call.handoff is not None
    assert story.call.handoff.department == "front_desk"
    assert "+19005550100" not in [ring.address for ring in story.ever(c.RingStaff)]


def test_a_second_call_while_one_is_under_way_is_counted_and_changes_nothing() -> None:
    story = talking().says("I want a refund").agent_calls("transfer_to_human", rule="billing_dispute")
    handoff = story.call.handoff
    story.agent_calls("transfer_to_human", rule="asked_for_a_person")
    assert "connecting" in str(result(story)["status"])
    assert story.call.refused == 1
    assert story.call.handoff == handoff


def test_a_transfer_while_a_message_is_taken_is_refused() -> None:
    story = Story().ringing("Can I talk to someone?").leg_ends(1, "busy").leg_ends(2, "busy").line_heard()
    assert story.phase() == Phase.MESSAGE
    story.agent_calls("transfer_to_human", rule="billing_dispute")
    assert result(story)["status"] == "refused"


def test_the_report_says_what_was_refused_and_what_came_close() -> None:
    story = talking().agent_calls("transfer_to_human", rule="vip").says("Let me talk to a person, my crown fell out")
    made = report(story.flow, story.events)
    assert made["refused_tools"] == 1
    (handoff,) = cast(Any, made["handoffs"])
    assert handoff["matched"] == "my crown fell out"
    assert any("asked_for_a_person" in why for why in handoff["came_close"])


# ---- a session that would be cut -------------------------------------------------------------------------------------


def test_a_session_near_its_end_is_followed_by_one_that_knows_the_story() -> None:
    story = Story().media().happens(lambda at: e.AgentReady(at, lasts=3600.0))
    assert c.StartTimer("session", 3480.0) in story.last
    story.says("Do you have parking?").timer("session", 3480)
    (start,) = story.did(c.StartAgent)
    assert start.greeting == ""
    assert "caller: Do you have parking?" in start.prompt
    story.happens(lambda at: e.AgentReady(at, lasts=3600.0))
    assert story.call.agent == "ready"


def test_in_the_middle_of_a_line_it_waits() -> None:
    story = Story().picked_up().says("I can't breathe").timer("session")
    assert not story.did(c.StartAgent)
    assert c.StartTimer("session", 5.0) in story.last
