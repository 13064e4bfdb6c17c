"""A call from ring to human, and every way in which nobody comes, as stories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.state import Phase
from tests.call.story import CALLER, TUESDAY_NIGHT, Story, changed, office, staff

HANDOFF_LINE = "I'm connecting you with our clinical team. It usually takes about half a minute."


# ---- the beginning ---------------------------------------------------------------------------------------------------


def test_the_caller_is_answered_with_a_stream_and_greeted_by_the_hour() -> None:
    story = Story()
    assert story.answer() == documents.ConnectCaller(1)
    story.media()
    (start,) = story.did(c.StartAgent)
    assert (
        start.greeting
        == "Thank you for calling Bright Smile Dental. I'm Ava, the automated receptionist. How can I help?"
    )
    night = Story(now=TUESDAY_NIGHT).media()
    (start,) = night.did(c.StartAgent)
    assert "open again tomorrow at 8 am" in start.greeting


def test_the_model_chooses_among_rules_and_is_told_no_number() -> None:
    (start,) = Story().media().did(c.StartAgent)
    transfer = next(tool for tool in start.tools if tool.name == "transfer_to_human")
    rules = transfer.parameters["properties"]["rule"]["enum"]  # type: ignore[index]
    assert rules == ["possible_emergency", "clinical_question", "billing_dispute", "asked_for_a_person"]
    told = start.prompt + repr(start.tools)
    assert "+1312" not in told
    assert "clinical team" not in told


def test_the_carrier_may_ask_twice_about_the_same_call() -> None:
    story = Story()
    first = story.events[0]
    assert isinstance(first, e.CallArrived)
    story.happens(lambda at, request: replace(first, at=at, request=request))
    assert story.answer() == documents.ConnectCaller(1)


# ---- the decision ----------------------------------------------------------------------------------------------------


def test_a_clinical_topic_hands_over_even_if_the_model_does_not_ask() -> None:
    story = Story().picked_up().says("My crown just fell out and I'm flying tomorrow morning")
    assert story.call.handoff is not None
    assert (story.call.handoff.rule, story.call.handoff.department) == ("clinical_question", "clinical")
    assert story.call.fields["reason"] == "My crown just fell out and I'm flying tomorrow morning"


def test_the_card_is_published_with_the_decision_before_any_phone_rings() -> None:
    story = Story().picked_up().says("My crown just fell out")
    (card,) = [command.card for command in story.did(c.ShowCard)]
    assert card["headline"] == "The caller: My crown just fell out"
    assert not story.ever(c.RingStaff)


def test_missing_fields_are_asked_by_the_agent_and_the_answer_goes_on_the_card() -> None:
    story = Story().picked_up().says("My crown just fell out")
    assert story.call.phase == Phase.ASKING
    assert "caller_name" in story.did(c.AskAgent)[0].instructions
    story.notes("caller_name", "Maria Lopez")
    assert [line.text for line in story.did(c.PlayLine)] == [HANDOFF_LINE]
    assert story.did(c.ShowCard)[0].card["headline"] == "Maria Lopez: My crown just fell out"
    assert c.LetAgentSpeak(False) in story.last


def test_after_twenty_seconds_without_an_answer_phones_ring_anyway() -> None:
    story = Story().picked_up().says("My crown just fell out")
    assert c.StartTimer("fields", 20.0) in story.last
    story.timer("fields", 20)
    assert story.call.phase == Phase.ANNOUNCING
    assert story.line_heard().did(c.RingStaff)


def test_an_emergency_skips_the_questions_and_names_911() -> None:
    story = Story().picked_up().says("Help, he can't breathe!")
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "emergency"
    assert "911" in story.did(c.PlayLine)[0].text


def test_an_emergency_replaces_a_running_hand_off() -> None:
    story = Story().picked_up()
    story.agent_calls("transfer_to_human", rule="billing_dispute", matched="a refund", summary="Wants a refund")
    story.notes("caller_name", "Maria Lopez").notes("reason", "refund").line_heard()
    assert [ring.leg for ring in story.ever(c.RingStaff)] == [staff(1)]
    story.says("wait, my husband passed out")
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "emergency"
    assert c.CancelLeg(staff(1), "") in story.last


def test_the_models_proposal_makes_only_its_own_rule_true() -> None:
    story = (
        Story()
        .picked_up()
        .says("I want my money back")
        .agent_calls("transfer_to_human", rule="billing_dispute", matched="money back", summary="Wants a refund.")
    )
    assert story.call.handoff is not None
    assert (story.call.handoff.rule, story.call.handoff.department, story.call.handoff.summary) == (
        "billing_dispute",
        "front_desk",
        "Wants a refund.",
    )
    assert not story.did(c.AnswerTool)[0].is_error


@pytest.mark.parametrize(
    "arguments",
    [
        {"rule": "call_the_manager"},
        {"rule": "+19005550100"},
        {},
        {"rule": ["clinical_question"]},
        {"department": "clinical"},
    ],
)
def test_a_rule_the_model_invents_is_refused_with_an_answer_it_can_use(arguments: dict[str, object]) -> None:
    story = Story().picked_up().says("hello").agent_calls("transfer_to_human", **arguments)
    (answer,) = story.did(c.AnswerTool)
    assert answer.is_error
    assert "billing_dispute" in answer.result
    assert story.call.handoff is None


def test_a_second_tool_call_while_one_is_under_way_changes_nothing() -> None:
    story = Story().ringing()
    before = story.call.handoff
    story.agent_calls("transfer_to_human", rule="billing_dispute")
    assert story.call.handoff == before
    assert not story.did(c.RingStaff)


def test_the_agents_sentence_that_comes_after_the_decision_improves_the_card() -> None:
    story = Story().picked_up().says("My crown just fell out")
    story.agent_calls("transfer_to_human", rule="clinical_question", summary="Lost a crown, flies tomorrow.")
    assert [shown.card["summary"] for shown in story.did(c.ShowCard)] == ["Lost a crown, flies tomorrow."]
    story.agent_calls("transfer_to_human", rule="clinical_question", summary="Something else.")
    assert not story.did(c.ShowCard)


def test_a_summary_of_a_hundred_kilobytes_is_cut() -> None:
    story = Story().picked_up().agent_calls("transfer_to_human", rule="billing_dispute", summary="x" * 100_000)
    assert story.call.handoff is not None
    assert len(story.call.handoff.summary) <= 300


def test_pressing_zero_reaches_the_front_desk() -> None:
    story = Story().picked_up().presses("0")
    assert story.call.handoff is not None
    assert (story.call.handoff.rule, story.call.handoff.department) == ("pressed_zero", "front_desk")


def test_a_person_may_be_asked_for_by_name_unless_the_flow_forbids_it() -> None:
    story = Story().picked_up().says("Could I speak to Luis please?")
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "person_by_name"
    assert story.call.handoff.stages[0].targets[0].person == "luis"
    other = Story().picked_up().says("Can I speak to Dr. Reed?")
    assert other.call.handoff is None or other.call.handoff.rule != "person_by_name"


def test_words_nobody_could_make_out_twice_ring_a_person() -> None:
    story = Story().picked_up()
    story.happens(lambda at: e.SpeechEnded(at)).timer("unclear", 4)
    assert "make out" in story.did(c.AskAgent)[0].instructions
    story.happens(lambda at: e.SpeechEnded(at)).timer("unclear", 4)
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "cannot_understand"


def test_a_final_in_between_starts_the_count_anew() -> None:
    story = Story().picked_up()
    story.happens(lambda at: e.SpeechEnded(at)).timer("unclear", 4).says("hello there")
    story.happens(lambda at: e.SpeechEnded(at)).timer("unclear", 4)
    assert story.call.handoff is None


def test_a_long_call_is_handed_over_by_the_timer() -> None:
    story = Story().picked_up()
    assert c.StartTimer("rule:taking_too_long", 300.0) in story.ever(c.StartTimer)
    story.timer("rule:taking_too_long", 300.5)
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "taking_too_long"


def test_the_same_question_three_times_is_noticed() -> None:
    story = Story().picked_up()
    for _ in range(3):
        story.says("When does my insurance card arrive?", 10)
        story.happens(lambda at: e.AgentSaid(at, "I cannot tell."))
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "going_in_circles"


def test_at_night_the_dentist_on_call_is_rung() -> None:
    story = Story(now=TUESDAY_NIGHT).ringing("Let me talk to someone, my crown fell out")
    assert [ring.address for ring in story.ever(c.RingStaff)] == ["+13125550122"]
    assert story.call.handoff is not None
    assert story.call.handoff.department == "on_call_dentist"


# ---- connected -------------------------------------------------------------------------------------------------------


def test_the_whole_story_ends_with_two_people_in_one_room() -> None:
    story = Story().ringing()
    assert [ring.leg for ring in story.did(c.RingStaff)] == [staff(1), staff(2)]  # all at once
    story.answers(1)
    briefing = story.answer()
    assert isinstance(briefing, documents.BriefStaff)
    assert "Maria Lopez: My crown just fell out" in briefing.briefing
    assert "Press one" in briefing.briefing
    story.staff_presses(1, "1")
    room = story.call.handoff.room if story.call.handoff else ""
    assert documents.JoinStaff(staff(1), room) == story.answer()
    assert c.MoveCaller("REF-c1", documents.JoinCaller(room)) in story.last
    assert c.CancelLeg(staff(2), "") in story.last
    assert story.joins(staff(1)).phase() == Phase.BRIDGING
    assert story.joins(CALLER).phase() == Phase.CONNECTED
    assert c.EndAgent() in story.last


def test_the_first_to_accept_wins_and_the_other_is_told() -> None:
    story = Story().ringing().answers(1).answers(2).staff_presses(2, "1")
    assert (
        c.MoveStaff(staff(1), "REF-1", documents.HangUp("Thank you. This call has already been taken.")) in story.last
    )
    story.staff_presses(1, "1")
    assert isinstance(story.answer(), documents.HangUp)
    assert story.outcomes() == ["cancelled", "accepted"]


def test_the_accept_key_pressed_twice_is_one_acceptance() -> None:
    story = Story().ringing().answers(1).staff_presses(1, "1")
    first = story.answer()
    assert story.staff_presses(1, "1").answer() == first
    assert not story.did(c.MoveCaller)


def test_a_stream_that_ends_because_of_the_move_gets_the_same_document_again() -> None:
    story = Story().ringing().answers(1).staff_presses(1, "1")
    room = story.call.handoff.room if story.call.handoff else ""
    story.happens(lambda at: e.MediaEnded(at, 1))
    assert not story.did(c.CheckCaller)
    story.happens(lambda at, request: e.CallerReturned(at, request))
    assert story.answer() == documents.JoinCaller(room)


def test_when_the_person_hangs_up_first_the_caller_is_released() -> None:
    story = Story().connected().leg_ends(1, "completed")
    room = story.call.handoff.room if story.call.handoff else ""
    story.happens(lambda at, request: e.CallerLeftRoom(at, request, room))
    assert story.answer() == documents.HangUp()
    assert story.hangs_up().did(c.EndCall) == [c.EndCall("connected")]


def test_when_the_caller_hangs_up_first_the_persons_leg_is_ended() -> None:
    story = Story().connected().hangs_up()
    assert c.CancelLeg(staff(1), "REF-1") in story.last
    assert c.EndCall("connected") in story.last


# ---- nobody came -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["busy", "no_answer", "failed"])
def test_each_failure_of_a_phone_leads_to_the_next_person(outcome: str) -> None:
    story = Story().ringing("Can I talk to someone?").leg_ends(1, outcome)
    assert [ring.address for ring in story.did(c.RingStaff)] == ["+13125550112"]
    assert story.outcomes() == [outcome, None]


def test_a_wrong_key_or_hanging_up_on_the_briefing_is_no() -> None:
    story = Story().ringing("Can I talk to someone?").answers(1).staff_presses(1, "2")
    assert story.outcomes() == ["declined", None]
    story.answers(2).leg_ends(2, "completed")
    assert story.outcomes() == ["declined", "declined"]


def test_a_machine_never_wins_and_is_named() -> None:
    story = Story().ringing("Can I talk to someone?").answers(1)
    story.happens(lambda at: e.MachineDetected(at, staff(1))).staff_presses(1, "")
    assert story.outcomes()[0] == "voicemail"


def test_a_machine_detected_late_still_names_the_outcome() -> None:
    story = Story().ringing("Can I talk to someone?").answers(1).staff_presses(1, "")
    story.happens(lambda at: e.MachineDetected(at, staff(1)))
    assert story.outcomes()[0] == "voicemail"


def test_a_phone_of_which_the_carrier_says_nothing_is_given_up() -> None:
    story = Story().ringing("Can I talk to someone?").timer(f"ring:{staff(1)}", 26)
    assert c.CancelLeg(staff(1), "") in story.last
    assert story.outcomes() == ["no_answer", None]


def test_when_nobody_answers_a_message_is_taken_and_delivered() -> None:
    story = Story().ringing("Can I talk to someone?").leg_ends(1, "no_answer", 20).leg_ends(2, "busy")
    assert (
        story.did(c.PlayLine)[0].text
        == "No one is free right now. I'll take a message and we'll call you back later today."
    )
    story.line_heard()
    (asked,) = story.did(c.AskAgent)
    assert asked.instructions.endswith("caller name: Maria Lopez; callback number: +13125550199; reason: A question")
    (work,) = story.agrees().did(c.AddWork)
    assert (work.kind, work.fields["caller_name"], work.fields["callback_number"]) == (
        "message",
        "Maria Lopez",
        "+13125550199",
    )
    story.line_heard()
    assert c.MoveCaller("REF-c1", documents.HangUp()) in story.last
    assert story.hangs_up().did(c.EndCall) == [c.EndCall("message")]


def test_a_message_asks_for_what_is_still_missing() -> None:
    story = Story().picked_up().says("Can I talk to someone?").timer("fields", 20).line_heard()
    story.leg_ends(1, "no_answer").leg_ends(2, "no_answer").line_heard()
    assert "caller_name" in story.did(c.AskAgent)[0].instructions
    story.notes("caller_name", "Maria Lopez")
    assert "reason" in story.did(c.AskAgent)[0].instructions
    story.notes("reason", "my bill")
    assert "my bill" in story.did(c.AskAgent)[0].instructions
    story.happens(lambda at: e.ReplyHeard(at, "r1")).says("No, it's about a refund")
    assert not story.did(c.AddWork)
    story.notes("reason", "a refund")
    assert "a refund" in story.did(c.AskAgent)[0].instructions
    story.happens(lambda at: e.ReplyHeard(at, "r2")).timer("message", 2.0)  # saying nothing to it is yes
    assert story.did(c.AddWork)[0].fields["reason"] == "a refund"


def test_a_caller_who_hangs_up_over_a_message_has_left_one() -> None:
    story = Story().ringing("Can I talk to someone?").leg_ends(1, "no_answer").leg_ends(2, "no_answer").hangs_up()
    assert story.did(c.AddWork)[0].kind == "message"
    assert c.EndCall("message") in story.last


def test_a_clinical_call_nobody_takes_goes_to_the_front_desk_then_a_message() -> None:
    story = Story().ringing().leg_ends(1, "no_answer").leg_ends(2, "no_answer")
    assert [ring.address for ring in story.did(c.RingStaff)] == ["+13125550111"]
    story.leg_ends(3, "busy").leg_ends(4, "busy")
    assert story.call.phase == Phase.MESSAGE


def test_the_dentist_on_call_not_answering_promises_a_callback() -> None:
    story = Story(now=TUESDAY_NIGHT).ringing().leg_ends(1, "no_answer")
    assert "call you back tomorrow by 12 am" in story.did(c.PlayLine)[0].text
    assert story.line_heard().did(c.AskAgent)[0].instructions.endswith("callback number: +13125550199")
    assert story.agrees().did(c.AddWork)[0].kind == "callback"
    assert story.hangs_up().did(c.EndCall) == [c.EndCall("callback")]


def test_a_promised_call_is_kept_when_the_caller_hangs_up_over_it() -> None:
    story = Story(now=TUESDAY_NIGHT).ringing().leg_ends(1, "no_answer").hangs_up()
    assert (story.did(c.AddWork)[0].kind, story.did(c.EndCall)) == ("callback", [c.EndCall("callback")])


def test_a_caller_who_hides_the_number_is_asked_for_it_before_a_call_is_promised() -> None:
    story = Story(now=TUESDAY_NIGHT, caller="").ringing().leg_ends(1, "no_answer").line_heard()
    assert "callback_number" in story.did(c.AskAgent)[0].instructions
    assert "312 555 0123" in story.notes("callback_number", "312 555 0123").did(c.AskAgent)[0].instructions


def test_what_is_known_of_a_message_is_delivered_when_the_receptionist_fails_over_it() -> None:
    story = Story(now=TUESDAY_NIGHT).ringing().leg_ends(1, "no_answer").line_heard()
    story.happens(lambda at: e.AgentFailed(at, "1011"))
    assert story.did(c.AddWork)[0].kind == "callback"


def test_without_a_fallback_the_receptionist_carries_on_and_knows() -> None:
    flow = changed(
        "    ring: in order                     # in order | all at once\n    if_no_one_answers: take_message",
        "    if_no_one_answers: receptionist",
    )
    story = Story(flow).ringing("Can I talk to someone?").leg_ends(1, "no_answer").leg_ends(2, "busy")
    assert story.call.phase == Phase.TALKING
    assert "nobody answered" in story.did(c.AskAgent)[0].instructions
    assert "Dana no answer, Luis busy" in story.did(c.TellAgent)[0].prompt
    assert c.LetAgentSpeak(True) in story.last
    assert story.hangs_up().did(c.EndCall) == [c.EndCall("receptionist")]


def test_the_longest_wait_ends_in_the_named_step() -> None:
    story = Story().ringing("Can I talk to someone?").answers(1).timer("hold", 120)
    assert story.call.phase == Phase.MESSAGE
    assert [m.leg for m in story.did(c.MoveStaff)] == [staff(1)]


def test_never_mind_brings_the_receptionist_back() -> None:
    story = Story().ringing("Can I talk to someone?").says("oh never mind")
    assert story.call.phase == Phase.TALKING
    assert c.CancelLeg(staff(1), "") in story.last
    assert "how you can help" in story.did(c.AskAgent)[0].instructions


def test_message_on_hold_takes_one_and_so_does_the_key() -> None:
    assert Story().ringing("Can I talk to someone?").says("I'd rather leave a message").call.phase == Phase.MESSAGE
    assert Story().ringing("Can I talk to someone?").presses("1").call.phase == Phase.MESSAGE
    assert Story().ringing("Can I talk to someone?").presses("*").call.phase == Phase.TALKING


def test_updates_say_who_is_being_tried() -> None:
    story = Story().ringing("Can I talk to someone?").timer("update", 20)
    assert story.did(c.PlayLine)[0].text.startswith("I'm still trying Dana.")


def test_the_callers_own_number_and_the_offices_are_never_rung() -> None:
    story = Story(caller="+13125550111").ringing("Can I talk to someone?")
    assert [ring.address for ring in story.ever(c.RingStaff)] == ["+13125550112"]


# ---- the caller leaves -----------------------------------------------------------------------------------------------


def test_a_caller_who_hangs_up_while_staff_ring_stops_the_ringing() -> None:
    story = Story().ringing().happens(lambda at: e.LegCreated(at, staff(1), "REF-1")).hangs_up()
    assert c.CancelLeg(staff(1), "REF-1") in story.last
    assert c.EndCall("abandoned") in story.last
    story.happens(lambda at: e.LegCreated(at, staff(2), "REF-2"))  # the carrier names it only now
    assert story.did(c.CancelLeg)[-1] == c.CancelLeg(staff(2), "REF-2")
    assert story.outcomes() == ["caller_gone", "caller_gone"]


def test_staff_who_pick_up_after_the_caller_left_are_told() -> None:
    story = Story().ringing().hangs_up().answers(1)
    assert story.answer() == documents.HangUp("I'm sorry, the caller has just hung up. Thank you.")


@pytest.mark.parametrize("evidence", ["21220", "404"])
def test_a_refused_move_means_the_caller_is_gone(evidence: str) -> None:
    story = Story().ringing().answers(1).staff_presses(1, "1")
    story.happens(lambda at: e.CallerMoveFailed(at, True, evidence))
    assert (
        c.MoveStaff(staff(1), "REF-1", documents.HangUp("I'm sorry, the caller has just hung up. Thank you."))
        in story.last
    )
    assert c.EndCall("abandoned") in story.last


def test_a_move_that_failed_otherwise_tries_the_next_person() -> None:
    story = Story().ringing("Can I talk to someone?").answers(1).staff_presses(1, "1")
    story.happens(lambda at: e.CallerMoveFailed(at, False, "500"))
    assert story.outcomes() == ["failed", None]
    assert (
        c.MoveStaff(staff(1), "REF-1", documents.HangUp("I'm sorry, the caller could not be connected. Thank you."))
        in story.last
    )


def test_a_person_who_leaves_before_the_caller_arrives_costs_the_caller_nothing() -> None:
    story = Story().ringing("Can I talk to someone?").answers(1).staff_presses(1, "1").leg_ends(1, "completed")
    assert story.call.phase == Phase.RETURNING
    assert c.MoveCaller("REF-c1", documents.ConnectCaller(2)) in story.last
    story.media(2)
    assert [ring.address for ring in story.did(c.RingStaff)] == ["+13125550112"]


# ---- breaks ----------------------------------------------------------------------------------------------------------


def test_a_broken_stream_comes_back_by_the_recovery_address() -> None:
    story = Story().picked_up().happens(lambda at: e.MediaEnded(at, 1))
    assert c.CheckCaller("REF-c1") in story.last
    story.happens(lambda at, request: e.CallerReturned(at, request))
    assert story.answer() == documents.ConnectCaller(2)
    story.media(2)
    assert story.call.phase == Phase.TALKING
    assert not story.did(c.StartAgent)  # the agent's session never ended


def test_a_caller_who_does_not_come_back_has_hung_up() -> None:
    story = Story().picked_up().happens(lambda at: e.MediaEnded(at, 1)).timer("back", 3)
    assert c.MoveCaller("REF-c1", documents.ConnectCaller(2)) in story.last  # which is how we learn of it
    assert c.EndCall("ended") in story.happens(lambda at: e.CallerMoveFailed(at, True, "21220")).last


def test_after_a_restart_the_receptionist_knows_the_story() -> None:
    story = Story().picked_up().says("Do you take new patients?").happens(lambda at: e.EngineRestarted(at))
    story.happens(lambda at, request: e.CallerReturned(at, request))
    assert story.answer() == documents.ConnectCaller(2)
    (start,) = story.media(2).did(c.StartAgent)
    assert "Do you take new patients?" in start.prompt


def test_a_restart_while_phones_ring_keeps_them_ringing() -> None:
    story = Story().ringing("Can I talk to someone?").happens(lambda at: e.EngineRestarted(at))
    story.happens(lambda at, request: e.CallerReturned(at, request)).media(2)
    story.answers(1).staff_presses(1, "1")
    assert isinstance(story.answer(), documents.JoinStaff)
    assert len(story.ever(c.RingStaff)) == 1


def test_without_the_receptionist_a_person_is_rung_after_spoken_words() -> None:
    story = Story().media().happens(lambda at: e.AgentFailed(at, "not ready"))
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "receptionist_down"
    story.line_fails()
    (move,) = story.did(c.MoveCaller)
    assert move.document == documents.ConnectCaller(
        2, "I'm connecting you with our front desk. It usually takes about half a minute."
    )
    story.happens(lambda at: e.MediaEnded(at, 1)).media(2)
    assert [ring.address for ring in story.did(c.RingStaff)] == ["+13125550111"]


def test_without_the_receptionist_a_message_becomes_voicemail() -> None:
    story = Story().media().happens(lambda at: e.AgentFailed(at, "not ready")).line_heard()
    story.leg_ends(1, "no_answer").leg_ends(2, "no_answer")
    (move,) = story.did(c.MoveCaller)
    assert isinstance(move.document, documents.RecordCaller)
    story.happens(lambda at, request: e.MessageRecorded(at, request, "https://example.test/r1", 12.0))
    assert story.did(c.AddWork)[0].kind == "voicemail"
    assert story.hangs_up().did(c.EndCall) == [c.EndCall("voicemail")]


def test_an_agent_that_fails_on_hold_disturbs_nobody() -> None:
    story = Story().ringing().happens(lambda at: e.AgentFailed(at, "dropped"))
    assert story.last == ()
    story.answers(1).staff_presses(1, "1")
    assert isinstance(story.answer(), documents.JoinStaff)


# ---- tools of the flow -----------------------------------------------------------------------------------------------


def test_a_tool_of_the_flow_becomes_work_and_shows_on_the_card() -> None:
    story = (
        Story()
        .picked_up()
        .agent_calls("request_appointment", patient_name="Maria Lopez", day="Friday", time_of_day="morning")
    )
    (work,) = story.did(c.AddWork)
    assert (work.kind, work.department, work.fields["day"]) == ("request_appointment", "front_desk", "Friday")
    story.says("actually my crown fell out")
    fields = {f["name"]: f["value"] for f in story.did(c.ShowCard)[0].card["fields"]}  # type: ignore[attr-defined]
    assert fields["already_offered"] == "request appointment"


# ---- refer and dial --------------------------------------------------------------------------------------------------


def test_every_question_is_answered_even_when_it_is_stale() -> None:
    story = Story().hangs_up()
    for question in (
        lambda at, request: e.CallerReturned(at, request),
        lambda at, request: e.LegAnswered(at, staff(9), "REF-9", request),
        lambda at, request: e.StaffPressed(at, staff(9), "1", request),
        lambda at, request: e.ReferAnswered(at, request, True, ""),
        lambda at, request: e.MessageRecorded(at, request, "", 0.0),
    ):
        story.happens(question)
        assert isinstance(story.answer(), documents.Document)


def test_the_flow_is_the_only_thing_that_says_who_is_rung() -> None:
    assert {p.phones for p in office().people.values()} >= {("+13125550111",)}
    swapped = changed("people: [dana, luis]", "people: [luis, dana]")
    story = Story(swapped).ringing("Can I talk to someone?")
    assert [ring.address for ring in story.ever(c.RingStaff)] == ["+13125550112"]


def test_a_key_that_overtakes_the_news_of_the_answer_proves_the_answer() -> None:
    story = Story().ringing("Can I talk to someone?").staff_presses(1, "2")
    assert story.outcomes() == ["declined", None]
    assert story.call.handoff is not None
    assert story.call.handoff.attempts[0].answered == story.at


def test_a_sentence_with_a_callers_words_in_it_is_never_kept() -> None:
    flow = changed(
        "say_before: I'm connecting you with {department}. It usually takes about half a minute.",
        "say_before: One moment, {caller_name}. I'm connecting you.",
    )
    story = Story(flow).picked_up().says("My crown just fell out").notes("caller_name", "Maria Lopez")
    (line,) = [line for line in story.ever(c.PlayLine) if "Maria Lopez" in line.text]
    assert not line.keep
    usual = Story().picked_up().says("My crown just fell out").notes("caller_name", "Maria Lopez")
    assert all(line.keep for line in usual.ever(c.PlayLine))
    assert all(line.keep for line in usual.ever(c.PrepareLine))
