"""What other systems, phones and mailboxes are told of a call, and that nothing private leaves with it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.report import report
from flowengine.flow.model import Delivery, Flow
from tests.call.story import CALLER, TUESDAY_NIGHT, Story, changed, office, staff

CRM = "https://crm.example.com/cards"
PHONE = Delivery("sms", "+13125550150")
DESK = Delivery("webhook", "https://desk.example.com/cards")
MAIL = Delivery("email", "front@example.com")
SCREEN = Delivery("staff screen")
SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "handoff_card.schema.json").read_text("utf-8"))


def followed(flow: Flow | None = None, *show_on: Delivery) -> Flow:
    flow = flow or office()
    return replace(flow, card=replace(flow.card, crm_webhook=CRM, show_on=(SCREEN, *show_on)))


def private() -> Flow:
    """The reason is marked private."""
    return changed("- {field: reason, required: true}", "- {field: reason, required: true, private: true}")


def told(story: Story) -> list[tuple[str, str]]:
    return [(d.event, d.address) for d in story.ever(c.Deliver)]


def test_the_office_without_other_systems_tells_nobody() -> None:
    assert Story().connected().hangs_up().ever(c.Deliver) == []


def test_a_system_follows_a_handoff_from_its_decision_to_its_end() -> None:
    story = Story(followed()).connected().hangs_up()
    assert [event for event, _ in told(story)] == [
        "handoff.decided",
        "handoff.ringing",
        "handoff.connected",
        "call.completed",
    ]
    assert {d.handoff for d in story.ever(c.Deliver)[:3]} == {"c1-h1"}
    assert [d.parcel for d in story.ever(c.Deliver)] == ["c1-d1", "c1-d2", "c1-d3", "c1-d4"]
    assert story.did(c.Deliver)[0].data["outcome"] == "connected"


def test_a_person_gets_a_text_when_it_is_decided_and_no_second_one() -> None:
    story = Story(followed(None, PHONE, DESK)).connected().hangs_up()
    assert [d.event for d in story.ever(c.Deliver) if d.channel == "sms"] == ["handoff.decided"]
    assert [d.event for d in story.ever(c.Deliver) if d.address == DESK.address][:2] == [
        "handoff.decided",
        "handoff.ringing",
    ]


def test_nobody_comes_and_the_handoff_failed() -> None:
    story = Story(followed()).ringing("Can I talk to someone?").leg_ends(1, "no_answer").leg_ends(2, "busy")
    failed = [d for d in story.ever(c.Deliver) if d.event == "handoff.failed"]
    assert [d.data["outcome"] for d in failed] == ["message"]
    people = failed[0].data["people"]
    assert isinstance(people, list)
    assert [p["outcome"] for p in people] == ["no_answer", "busy"]


def test_a_caller_who_hangs_up_is_a_failed_handoff_and_a_completed_call() -> None:
    story = Story(followed()).ringing().hangs_up()
    assert [d.event for d in story.did(c.Deliver)] == ["handoff.failed", "call.completed"]
    assert [d.data["outcome"] for d in story.did(c.Deliver)] == ["abandoned", "abandoned"]


def test_messages_and_promises_go_where_the_flow_sends_them() -> None:
    flow = office()
    flow = replace(flow, take_message=replace(flow.take_message, send_to=(SCREEN, MAIL)))
    story = Story(flow).ringing("Can I talk to someone?").leg_ends(1, "no_answer").leg_ends(2, "busy")
    story.line_heard().agrees()
    assert told(story) == [("message.taken", MAIL.address)]
    assert story.ever(c.Deliver)[0].data["fields"] == story.ever(c.AddWork)[0].fields
    flow = replace(office(), callback=replace(office().callback, send_to=(SCREEN, DESK)))
    night = Story(flow, now=TUESDAY_NIGHT).ringing().leg_ends(1, "no_answer").line_heard().agrees()
    assert told(night) == [("callback.requested", DESK.address)]


def test_a_recording_goes_where_recordings_go() -> None:
    flow = replace(office(), voicemail=replace(office().voicemail, send_to=(SCREEN, MAIL)))
    story = Story(flow).media().happens(lambda at: e.AgentFailed(at, "gone")).line_heard()
    story.leg_ends(1, "no_answer").leg_ends(2, "busy")
    story.happens(lambda at, request: e.MessageRecorded(at, request, "https://carrier.example.com/RE1", 9.0))
    assert told(story) == [("message.taken", MAIL.address)]
    assert story.ever(c.Deliver)[0].data["kind"] == "voicemail"


def test_nothing_private_leaves_the_house() -> None:
    story = Story(followed(private()))
    story.picked_up().says("My crown just fell out while eating almonds", 2.0)
    story.notes("reason", "crown just fell out").notes("caller_name", "Maria Lopez")
    story.agent_calls("transfer_to_human", rule="clinical_question", summary="Maria: crown just fell out, upset.")
    story.line_heard().answers(1).staff_presses(1, "1").joins(staff(1)).joins(CALLER).hangs_up()
    sent = json.dumps([d.data for d in story.ever(c.Deliver)])
    assert "crown just fell out" not in sent.lower()
    assert "Maria Lopez" in sent
    assert "crown just fell out" in json.dumps(story.ever(c.ShowCard)[-1].card)  # the desk may know


def test_a_message_keeps_what_is_private_at_the_desk() -> None:
    flow = private()
    flow = replace(flow, take_message=replace(flow.take_message, send_to=(SCREEN, DESK)))
    story = Story(flow).ringing("Can I talk to someone?").leg_ends(1, "no_answer").leg_ends(2, "busy")
    story.line_heard().agrees()
    assert "reason" in story.ever(c.AddWork)[0].fields
    fields = story.ever(c.Deliver)[0].data["fields"]
    assert isinstance(fields, dict)
    assert set(fields) == {"caller_name", "callback_number"}


def test_page_webhook_and_report_hold_the_card_that_is_published() -> None:
    check = jsonschema.Draft202012Validator(SCHEMA)
    story = Story(followed(private(), DESK)).connected().hangs_up()
    lost = Story(followed(), caller="").ringing().leg_ends(1, "busy").leg_ends(2, "no_answer").hangs_up()
    cards = [show.card for s in (story, lost) for show in s.ever(c.ShowCard)]
    cards += [d.data for s in (story, lost) for d in s.ever(c.Deliver) if d.event.startswith("handoff.")]
    made = report(story.flow, story.events)["card"]
    assert isinstance(made, dict)
    for card in (*cards, made):
        plain = json.loads(json.dumps(card))
        assert [error.message for error in check.iter_errors(plain)] == []
        assert plain.keys() <= SCHEMA["properties"].keys(), "a key nobody has published"
    assert len(cards) > 10


def test_the_number_says_what_is_known_of_the_caller_and_no_more() -> None:
    def identity(story: Story) -> object:
        return story.ever(c.ShowCard)[-1].card["identity"]

    assert identity(Story().ringing()) == {"match": "new", "text": "No earlier call from this number is known"}
    assert identity(Story(caller="").ringing()) == {"match": "withheld", "text": "Number withheld"}
    listed = replace(office(), known_callers={"partner_clinics": ("+13125550199",)})
    known = {"match": "known", "text": "This number is listed under partner clinics"}
    assert identity(Story(listed).ringing()) == known
