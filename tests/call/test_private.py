"""What is marked private does not leave the house in other words: fields, messages, briefings, what was said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.card import briefing, outward_card, told_facts
from flowengine.call.private import PRIVATE, without
from flowengine.flow.model import Delivery, Flow

from .story import Story, changed

DESK = Delivery("webhook", "https://crm.example.com/hooks")
REASON = "I was billed twice on account 77812"


@pytest.mark.parametrize(
    ("secret", "text", "left"),
    [
        ("AC-77812", "It's ac-77812, for me", "It's (private), for me"),
        ("AC-77812", "seven seven eight one two", "(private)"),
        ("AC-77812", "A C 7 7 8 1 2, or 778-12", "A C (private), or (private)"),
        ("AC-77812", "between 778120 and 77813", "between 778120 and 77813"),
        ("a rash", "It is about a  RASH, not a crash", "It is about (private), not a crash"),
        ("yes", "Yes, I was there yesterday", "(private), I was there yesterday"),
        ("42", "I am 42, in room 4242", "I am (private), in room 4242"),
        ("+13125550142", "call 312-555-0142 or 1 312 555 0142", "call (private) or (private)"),
        ("+13125550142", "call three one two, five five five, oh one four three", None),
        ("x", "x marks the spot", "(private) marks the spot"),
    ],
)
def test_a_secret_is_found_in_words_and_in_digits(secret: str, text: str, left: str | None) -> None:
    assert without(text, [secret]) == (text if left is None else left)


@given(st.text(max_size=60), st.lists(st.text(min_size=2, max_size=40).filter(str.strip), max_size=3))
def test_any_text_without_any_secret_is_a_text(text: str, secrets: list[str]) -> None:
    found = without(text, secrets)
    assert found == text or PRIVATE in found


def private_account() -> Flow:
    """Callers are asked for an account number, which is nobody's business; everybody is told of everything else."""
    asked = "- {field: reason, required: true}"
    flow = changed(asked, f"{asked}\n    - {{field: account_number, private: true}}")
    message = replace(flow.take_message, send_to=(DESK,))
    return replace(flow, take_message=message, card=replace(flow.card, crm_webhook=DESK.address))


def told_of_the_account() -> Story:
    """The number is in the reason and in the agent's sentence, too."""
    story = Story(private_account()).picked_up().says(f"{REASON}, that is seven seven eight one two", 2.0)
    story.notes("account_number", "77812").notes("reason", REASON).notes("caller_name", "Maria Lopez")
    return story.agent_calls("transfer_to_human", rule="billing_dispute", summary="Maria, account 7 7 8 1 2, is upset.")


def test_a_message_for_others_does_not_hold_it_in_its_reason() -> None:
    story = told_of_the_account().line_heard().leg_ends(1, "no_answer").leg_ends(2, "busy").line_heard().agrees()
    assert REASON in story.ever(c.AddWork)[0].fields.values(), "the desk may know"
    sent = {d.event: d.data for d in story.ever(c.Deliver)}
    assert {"handoff.decided", "handoff.failed", "message.taken"} <= sent.keys()
    assert sent["message.taken"]["fields"] == {
        "caller_name": "Maria Lopez",
        "callback_number": "+13125550199",
        "reason": "I was billed twice on account (private)",
    }
    assert [event for event, data in sent.items() if "77812" in str(data) or "eight one two" in str(data)] == []


def test_nobody_hears_it_in_a_briefing() -> None:
    story = told_of_the_account()
    call, handoff = story.call, story.call.handoff
    assert handoff is not None
    heard = (briefing(story.flow, call, handoff), *told_facts(story.flow, call, handoff))
    assert "in short: Maria, account (private), is upset." in heard
    assert [line for line in heard if "77812" in line or "eight one two" in line] == []
    assert "77812" not in str(outward_card(story.flow, call, handoff))


def test_what_a_person_says_of_it_when_declining_stays_in_the_house() -> None:
    story = told_of_the_account().line_heard().answers(1)
    story.happens(lambda at: e.StaffDecided(at, "c1-h1", "Dana", False, "account 7-7-8-1-2 is not mine"))
    handoff = story.call.handoff
    assert handoff is not None
    assert [attempt.why for attempt in handoff.attempts][:1] == ["account 7-7-8-1-2 is not mine"]
    people = outward_card(story.flow, story.call, handoff)["people"]
    assert isinstance(people, list)
    assert people[0]["why"] == "account (private) is not mine"
