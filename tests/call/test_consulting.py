"""A briefing in conversation: told the story, asked, answered yes or no, and never longer than its deadline."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.state import Phase
from flowengine.flow.model import Flow
from tests.call.story import CALLER, Story, edited, staff

LEG = staff(1)


@cache
def talking() -> Flow:
    return edited(briefing="conversation")


def answered(flow: Flow | None = None) -> Story:
    return Story(flow or talking()).ringing("Can I talk to someone?").answers(1)


def consulted(flow: Flow | None = None) -> Story:
    """Up to the agent that briefs the person."""
    story = answered(flow).happens(lambda at: e.StaffMediaStarted(at, LEG))
    return story.happens(lambda at: e.ConsultReady(at, LEG))


def tool(story: Story, name: str, **arguments: object) -> Story:
    return story.happens(lambda at: e.ConsultToolCalled(at, LEG, "t1", name, arguments))


def test_whoever_picks_up_talks_with_an_agent_of_their_own() -> None:
    story = answered()
    assert story.answer() == documents.BriefByAgent(LEG)
    assert c.StartTimer(f"consult:{LEG}", 60.0) in story.last
    story.happens(lambda at: e.StaffMediaStarted(at, LEG))
    (consult,) = story.did(c.StartConsult)
    assert (
        consult.opening.greeting
        == "Bright Smile Dental. Maria Lopez: A question. Shall I put them through? Say yes, or press one."
    )
    assert "caller: Can I talk to someone?" in consult.opening.prompt
    assert [t.name for t in consult.opening.tools] == ["connect_caller", "decline", "reached_machine"]


def private(briefing: str) -> Story:
    """A caller whose reason is nobody's business but the person's with the card."""
    flow = edited(briefing=briefing)
    fields = tuple(replace(f, private=f.name == "reason") for f in flow.receptionist.find_out)
    flow = replace(flow, receptionist=replace(flow.receptionist, find_out=fields))
    story = Story(flow).picked_up().says("Can I talk to someone?").notes("caller_name", "Maria Lopez")
    return story.says("It is about A rash").notes("reason", "a rash").line_heard().answers(1)


def test_what_is_private_is_not_in_the_short_briefing() -> None:
    document = private("spoken").answer()
    assert isinstance(document, documents.BriefStaff)
    assert "rash" not in document.briefing


def test_the_story_of_a_briefing_leaves_private_words_out() -> None:
    (consult,) = private("conversation").happens(lambda at: e.StaffMediaStarted(at, LEG)).did(c.StartConsult)
    assert "rash" not in consult.opening.prompt + consult.opening.greeting
    assert "It is about (private)" in consult.opening.prompt


@pytest.mark.parametrize("how", ["tool", "key"])
def test_a_yes_or_the_key_takes_the_person_into_the_room(how: str) -> None:
    story = consulted()
    if how == "tool":
        tool(story, "connect_caller")
    else:
        story.happens(lambda at: e.StaffPressed(at, LEG, "1", ""))
    assert c.MoveStaff(LEG, "REF-1", documents.JoinStaff(LEG, "c1-room-1")) in story.last
    assert c.EndConsult(LEG) in story.last
    assert c.MoveCaller("REF-c1", documents.JoinCaller("c1-room-1")) in story.last
    assert story.joins(LEG).joins(CALLER).phase() == Phase.CONNECTED


def test_a_no_comes_with_its_reason_and_the_next_phone_rings() -> None:
    story = tool(consulted(), "decline", reason="I'm with a patient")
    (told,) = story.did(c.MoveStaff)
    assert told.document == documents.HangUp("Thank you. I'll find somebody else. Goodbye.")
    assert [ring.leg for ring in story.did(c.RingStaff)] == [staff(2)]
    people = story.ever(c.ShowCard)[-1].card["people"]
    assert isinstance(people, list)
    assert (people[0]["outcome"], people[0]["why"]) == ("declined", "I'm with a patient")


@pytest.mark.parametrize("said_by", ["agent", "carrier"])
def test_a_machine_is_no_person_whoever_says_so(said_by: str) -> None:
    story = consulted()
    if said_by == "agent":
        tool(story, "reached_machine")
    else:
        story.happens(lambda at: e.MachineDetected(at, LEG))
    assert story.outcomes() == ["voicemail", None]
    assert c.EndConsult(LEG) in story.last
    assert isinstance(story.did(c.MoveStaff)[0].document, documents.HangUp)


def test_a_machine_that_is_to_get_a_note_is_heard_out() -> None:
    flow = edited(briefing="conversation", voicemail_answers="leave a note")
    story = tool(consulted(flow), "reached_machine")
    assert story.did(c.MoveStaff)[0].document == documents.AwaitTone(LEG, 30.0)
    story.happens(lambda at: e.MachineDetected(at, LEG, finished=True))
    (told,) = story.did(c.MoveStaff)
    assert isinstance(told.document, documents.HangUp)
    assert told.document.say.startswith("This is Bright Smile Dental.")


def test_no_agent_for_the_briefing_means_the_short_one_with_the_key() -> None:
    story = answered().happens(lambda at: e.StaffMediaStarted(at, LEG))
    story.happens(lambda at: e.ConsultFailed(at, LEG, "not ready"))
    (moved,) = story.did(c.MoveStaff)
    assert isinstance(moved.document, documents.BriefStaff)
    assert story.staff_presses(1, "1").answer() == documents.JoinStaff(LEG, "c1-room-1")


def test_a_line_to_us_that_breaks_ends_in_the_short_briefing_too() -> None:
    story = consulted().happens(lambda at, request: e.StaffReturned(at, LEG, request))
    assert isinstance(story.answer(), documents.BriefStaff)
    assert c.EndConsult(LEG) in story.last


def test_the_conversation_has_one_deadline() -> None:
    story = consulted().timer(f"consult:{LEG}", 60)
    assert story.outcomes() == ["timed_out", None]
    (told,) = story.did(c.MoveStaff)
    assert told.document == documents.HangUp("I'm sorry, the caller cannot wait any longer. Thank you.")


def test_a_caller_who_leaves_meanwhile_is_told_of_in_fixed_words() -> None:
    story = consulted().hangs_up()
    assert c.EndConsult(LEG) in story.last
    (told,) = story.did(c.MoveStaff)
    assert told.document == documents.HangUp("I'm sorry, the caller has just hung up. Thank you.")
    tool(story, "connect_caller")  # too late
    assert story.last == (c.AnswerConsultTool(LEG, c.AnswerTool("t1", '{"status": "noted", "do": "say nothing"}')),)


def test_the_agent_of_a_briefing_can_do_nothing_else() -> None:
    story = tool(consulted(), "transfer_to_human", rule="emergency")
    (answer,) = story.did(c.AnswerConsultTool)
    assert answer.answer.is_error
    assert "connect_caller" in answer.answer.result
    assert story.phase() == Phase.RINGING


def test_after_a_restart_the_person_gets_the_short_briefing() -> None:
    story = consulted().happens(lambda at: e.EngineRestarted(at))
    assert c.StartTimer(f"key:{LEG}", 23.0) in story.last
    story.happens(lambda at, request: e.StaffReturned(at, LEG, request))
    assert isinstance(story.answer(), documents.BriefStaff)
