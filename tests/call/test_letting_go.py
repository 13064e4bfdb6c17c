"""Refer and dial: the caller is let go only when somebody has the card; and what the office gets when nobody comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.journal import BadJournal, decode
from flowengine.call.machine import rescue
from flowengine.call.report import report
from flowengine.call.sentences import fixed_sentences
from flowengine.call.state import Phase
from flowengine.flow.model import Flow
from tests.call.story import CALLER, TUESDAY_NIGHT, Story, changed, office, staff

WEDNESDAY = "2026-11-11T10:00:00-05:00"


def billing() -> Flow:
    flow = office("billing_support")
    return replace(flow, card=replace(flow.card, crm_webhook="https://crm.example.com/cards"))


def announced(says: str, *, confirmed: bool = True) -> Story:
    story = Story(billing(), now=WEDNESDAY, caller="+12125550190", by="sip").picked_up().says(says)
    if story.call.handoff is None:
        story.agent_calls("transfer_to_human", rule="claim_question", matched="denied", summary="A denied claim.")
    story.notes("caller_name", "Maria Lopez").notes("reason", "A denied claim")
    if confirmed:
        story.happens(lambda at: e.CardConfirmed(at, "webhook"))
    return story.line_heard()


def test_the_card_is_sent_with_the_decision() -> None:
    story = Story(billing(), now=WEDNESDAY, by="sip").picked_up().says("You charged me twice")
    (send,) = story.did(c.Deliver)
    assert send.event == "handoff.decided"
    assert send.address == "https://crm.example.com/cards"


def test_a_referred_caller_goes_to_the_sip_address_and_we_are_out() -> None:
    story = announced("My claim was denied")
    (move,) = story.did(c.MoveCaller)
    assert move.document == documents.ReferCaller("sip:claims@pbx.example.com", "c1-h1")
    story.happens(lambda at, request: e.ReferAnswered(at, request, True, "202 200"))
    assert story.answer() == documents.HangUp()
    assert story.hangs_up().did(c.EndCall) == [c.EndCall("referred")]


def test_without_a_confirmed_card_nobody_is_let_go() -> None:
    story = announced("My claim was denied", confirmed=False)
    assert story.phase() == Phase.CONFIRMING
    assert not story.did(c.MoveCaller)
    story.timer("confirm", 5).line_heard().agrees()
    assert story.did(c.AddWork)[0].kind == "callback"
    assert not story.ever(c.MoveCaller)


def test_an_opened_page_confirms_the_card_too() -> None:
    story = announced("My claim was denied", confirmed=False).happens(lambda at: e.CardConfirmed(at, "page"))
    assert isinstance(story.did(c.MoveCaller)[0].document, documents.ReferCaller)


def test_the_card_of_an_earlier_hand_off_confirms_nothing() -> None:
    """A webhook that is down takes it when it is up again: in the middle of the next hand-off, perhaps."""
    story = announced("My claim was denied", confirmed=False)
    assert not story.happens(lambda at: e.CardConfirmed(at, "webhook", "c1-h0")).did(c.MoveCaller)
    assert story.phase() == Phase.CONFIRMING
    assert story.happens(lambda at: e.CardConfirmed(at, "webhook", "c1-h1")).did(c.MoveCaller)


def test_a_refused_refer_brings_the_caller_back_and_tries_the_next_address() -> None:
    story = announced("My claim was denied").happens(lambda at, request: e.ReferAnswered(at, request, False, "405"))
    assert story.answer() == documents.ConnectCaller(2)
    story.media(2).line_heard()
    assert story.did(c.MoveCaller)[0].document == documents.ReferCaller("sip:claims-overflow@pbx.example.com", "c1-h1")
    story.happens(lambda at, request: e.ReferAnswered(at, request, False, "405")).media(3)
    assert story.outcomes() == ["failed", "failed"]
    assert story.line_heard().agrees().did(c.AddWork)[0].kind == "callback"


def test_a_dialled_caller_is_through_when_the_two_spoke() -> None:
    story = announced("You charged me twice")
    (move,) = story.did(c.MoveCaller)
    assert isinstance(move.document, documents.DialNumber)
    assert move.document.address == "+12125550151"
    story.happens(lambda at, request: e.DialEnded(at, request, "completed", True))
    assert story.hangs_up().did(c.EndCall) == [c.EndCall("dialled")]


def test_a_dial_nobody_answers_goes_on_with_the_list() -> None:
    story = announced("You charged me twice").happens(lambda at, request: e.DialEnded(at, request, "no_answer", False))
    assert story.answer() == documents.ConnectCaller(2)
    assert story.outcomes() == ["no_answer"]


def test_news_of_a_refer_nobody_ordered_is_answered_with_the_receptionist() -> None:
    story = Story().picked_up().happens(lambda at, request: e.ReferAnswered(at, request, True, ""))
    assert story.answer() == documents.ConnectCaller(2)


def test_a_move_out_that_fails_goes_on_with_the_fallback() -> None:
    story = announced("My claim was denied").happens(lambda at: e.CallerMoveFailed(at, False, "500"))
    assert story.line_heard().agrees().did(c.AddWork)[0].kind == "callback"


# ---- other reasons, other ends ---------------------------------------------------------------------------------------


def test_a_mood_counts_turns_and_calm_ends_it() -> None:
    story = Story().picked_up().agent_calls("note_mood", mood="angry").says("this is bad").says("really bad", 9)
    story.agent_calls("note_unsolved")
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "upset"
    calm = Story().picked_up().agent_calls("note_mood", mood="angry").agent_calls("note_mood", mood="calm")
    assert calm.says("fine").says("good", 9).call.handoff is None


def test_two_failed_tries_ring_a_person() -> None:
    story = Story().picked_up().agent_calls("note_unsolved").agent_calls("note_unsolved")
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "not_solved"


def test_a_step_that_hangs_up_says_its_words_first() -> None:
    flow = changed(
        "    to: front_desk\n  - rule: asked", "    to: {hang_up: Please write to us. Goodbye.}\n  - rule: asked"
    )
    story = Story(flow).picked_up().agent_calls("transfer_to_human", rule="billing_dispute")
    assert [line.text for line in story.did(c.PlayLine)] == ["Please write to us. Goodbye."]
    assert story.line_heard().hangs_up().did(c.EndCall) == [c.EndCall("ended")]


def test_an_emergency_nobody_takes_repeats_its_own_sentence() -> None:
    story = Story(now=TUESDAY_NIGHT).picked_up().says("he can't breathe").line_heard().leg_ends(1, "no_answer")
    (line,) = story.did(c.PlayLine)
    assert line.text.startswith("If this is life-threatening, hang up and dial 911.")
    assert "call you back" in line.text


def test_a_goodbye_that_cannot_be_spoken_is_spoken_by_the_carrier_on_the_way_out() -> None:
    story = Story(now=TUESDAY_NIGHT).ringing().leg_ends(1, "no_answer").line_heard().agrees().line_fails()
    (move,) = story.did(c.MoveCaller)
    assert isinstance(move.document, documents.HangUp)
    assert move.document.say == "Thank you for calling. Goodbye."


def test_an_update_that_cannot_be_had_is_left_out() -> None:
    story = Story().ringing("Can I talk to someone?").timer("update", 20).line_fails()
    assert not story.did(c.MoveCaller)
    assert story.phase() == Phase.RINGING


def test_a_stream_that_keeps_breaking_ends_in_voicemail() -> None:
    story = Story()
    for _ in range(6):
        story.happens(lambda at, request: e.CallerReturned(at, request))
    assert isinstance(story.answer(), documents.RecordCaller)


def test_an_unanswered_order_to_ring_is_unknown_and_never_repeated() -> None:
    story = Story().ringing("Can I talk to someone?").happens(lambda at: e.LegUnknown(at, staff(1)))
    assert not story.did(c.RingStaff)
    story.timer(f"ring:{staff(1)}", 26)
    assert story.outcomes() == ["unknown", None]
    late = story.happens(lambda at, request: e.LegAnswered(at, staff(1), "REF-1", request))
    assert isinstance(late.answer(), documents.HangUp)


def test_a_leg_nobody_knows_is_ended() -> None:
    story = Story().picked_up().happens(lambda at: e.LegCreated(at, staff(7), "REF-7"))
    assert story.did(c.CancelLeg) == [c.CancelLeg(staff(7), "REF-7")]


def test_two_who_do_not_meet_in_time_are_parted() -> None:
    story = (
        Story()
        .ringing("Can I talk to someone?")
        .answers(1)
        .staff_presses(1, "1")
        .joins(staff(1))
        .timer("bridge", 4)
        .timer("met", 8)
    )
    assert story.outcomes() == ["failed"]
    assert c.MoveCaller("REF-c1", documents.ConnectCaller(2)) in story.last
    story.happens(lambda at, request: e.CallerReturned(at, request))
    assert story.answer() == documents.ConnectCaller(2)


def test_a_room_that_ended_before_both_were_in_it_brings_the_caller_back() -> None:
    story = Story().ringing("Can I talk to someone?").answers(1).staff_presses(1, "1")
    room = story.call.handoff.room if story.call.handoff else ""
    story.happens(lambda at, request: e.CallerLeftRoom(at, request, room))
    assert story.answer() == documents.ConnectCaller(2)
    assert not story.did(c.MoveCaller)
    story.media(2)
    assert story.phase() == Phase.RINGING


def test_leaving_the_room_is_checked_with_the_carrier() -> None:
    story = Story().connected()
    room = story.call.handoff.room if story.call.handoff else ""
    story.happens(lambda at: e.LeftRoom(at, CALLER, room))
    assert story.did(c.CheckCaller) == [c.CheckCaller("REF-c1")]
    story.happens(lambda at: e.LeftRoom(at, staff(1), room))
    assert story.did(c.StartTimer) == [c.StartTimer("goodbye", 3.0)]
    assert story.timer("goodbye", 3).did(c.MoveCaller) == [c.MoveCaller("REF-c1", documents.HangUp())]


def test_our_own_mistake_stops_the_phones_and_lets_the_caller_leave_a_message() -> None:
    story = Story().ringing("Can I talk to someone?")
    call, commands = rescue(story.call)
    assert call.phase == Phase.RECORDING
    assert c.CancelLeg(staff(1), "") in commands
    assert isinstance(next(x for x in commands if isinstance(x, c.MoveCaller)).document, documents.RecordCaller)


def test_tools_the_flow_does_not_have_and_fields_it_does_not_ask_are_refused() -> None:
    story = Story().picked_up().agent_calls("delete_everything")
    assert story.did(c.AnswerTool)[0].is_error
    assert story.notes("credit_card", "4111").did(c.AnswerTool)[0].is_error
    assert "credit_card" not in story.call.fields


# ---- the report and the sentences ------------------------------------------------------------------------------------


def test_a_report_tells_the_call_with_its_times() -> None:
    story = Story().connected().hangs_up()
    made: dict[str, Any] = report(story.flow, story.events)
    (handoff,) = made["handoffs"]
    assert made["outcome"] == "connected"
    assert [a["outcome"] for a in handoff["attempts"]] == ["accepted", "cancelled"]
    assert handoff["decided_at"] < handoff["first_ring_at"] < handoff["accepted_at"] < handoff["connected_at"]
    assert made["caller_heard"] is None
    assert len(made["events"]) == len(story.events)


def test_a_call_without_a_hand_off_has_no_card() -> None:
    made = report(office(), Story().picked_up().hangs_up().events)
    assert (made["card"], made["handoffs"], made["outcome"]) == (None, [], "ended")


def test_the_phrasebook_knows_every_line_a_plain_hand_off_speaks() -> None:
    ready = fixed_sentences(office(), datetime.fromisoformat("2026-11-10T10:15:00-06:00"))
    story = Story().ringing("Can I talk to someone?").timer("update", 20)
    story.line_heard().leg_ends(1, "no_answer").leg_ends(2, "busy").line_heard()
    for line in story.ever(c.PlayLine):
        assert line.text in ready


@pytest.mark.parametrize(("kind", "body"), [("NoSuchEvent", "{}"), ("KeyPressed", '{"at": 1}'), ("KeyPressed", "[")])
def test_a_journal_line_that_is_no_event_is_refused(kind: str, body: str) -> None:
    with pytest.raises(BadJournal):
        decode(kind, body)


def test_before_two_are_parted_the_carrier_is_asked_who_is_in_the_room() -> None:
    story = Story().ringing("Can I talk to someone?").answers(1).staff_presses(1, "1").timer("bridge", 4)
    (check,) = story.did(c.CheckRoom)
    story.happens(lambda at: e.RoomSeen(at, check.room, ("REF-c1", "REF-1", "REF-of-nobody")))
    assert story.phase() == Phase.CONNECTED
    assert story.timer("met", 8).last == ()
