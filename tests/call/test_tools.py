"""What the flow's own tools do: work for a desk, or a question to an address whose answer the receptionist hears."""

from __future__ import annotations

import json

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.flow.model import Flow
from tests.call.story import Story, changed

ASKED = {"patient_name": "Maria Lopez", "day": "2026-11-12", "time_of_day": "morning"}


def posting() -> Flow:
    return changed("    sends_to: front_desk  ", '    calls: {post: "https://book.example.com/new", timeout: 2s}  ')


def requested(flow: Flow | None = None) -> Story:
    return Story(flow).picked_up().agent_calls("request_appointment", **ASKED)


def answered(story: Story, call: str, ok: bool, answer: str = "") -> Story:
    return story.happens(lambda at: e.ToolAnswered(at, call, ok, answer))


def test_a_request_becomes_work_on_the_desk_of_its_department() -> None:
    story = requested()
    assert story.did(c.AddWork) == [c.AddWork("c1-w1", "request_appointment", "front_desk", ASKED)]
    assert json.loads(story.did(c.AnswerTool)[0].result)["status"] == "noted"


def test_an_address_is_asked_and_the_receptionist_hears_what_it_says() -> None:
    story = requested(posting())
    (ask,) = story.did(c.AskAddress)
    assert (ask.address, ask.arguments, ask.seconds) == ("https://book.example.com/new", ASKED, 2.0)
    assert not story.did(c.AnswerTool)
    assert not story.did(c.AddWork)
    answered(story, ask.tool_call, True, '{"free": "9 am"}')
    (said,) = story.did(c.AnswerTool)
    assert json.loads(said.result) == {"status": "answered", "answer": '{"free": "9 am"}'}


def test_an_address_that_says_nothing_is_tried_again_and_the_caller_is_told_so() -> None:
    story = requested(posting())
    (ask,) = story.did(c.AskAddress)
    answered(story, ask.tool_call, False)
    assert "will confirm" in story.did(c.AnswerTool)[0].result
    assert answered(story, ask.tool_call, True, "late").last == ()


def test_no_more_than_a_few_questions_wait_at_a_time() -> None:
    story = requested(posting())
    for _ in range(3):
        story.agent_calls("request_appointment", **ASKED)
    assert story.did(c.AskAddress)
    story.agent_calls("request_appointment", **ASKED)
    assert not story.did(c.AskAddress)
    assert story.did(c.AnswerTool)[0].is_error


def test_what_was_offered_stands_on_the_card() -> None:
    story = requested(posting()).says("My crown just fell out")
    (offered,) = [f for f in story.ever(c.ShowCard)[-1].card["fields"] if f["name"] == "already_offered"]  # type: ignore[attr-defined]
    assert offered["value"] == "request appointment"
