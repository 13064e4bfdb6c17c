"""Each condition of the language with its nearest neighbour in which nothing fires: who calls, who is quiet, who is not
understood, and for whom a rule counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.events import CallArrived
from flowengine.call.journal import decode, encode
from flowengine.call.machine import step
from flowengine.call.state import Call, Phase
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow
from tests.call.story import TUESDAY_NIGHT, Story, staff

FRIEND = "+13125550191"

OFFICE = """\
flow: maple
office:
  name: Maple Office
  timezone: America/Chicago
  phone_numbers: {main line: +1 312-555-0100, partners: +1 312-555-0101}
hours:
  mon-fri: 8am - 5pm
  sat-sun: closed
people:
  dana: {name: Dana, phone: +1 312-555-0111}
  luis: {name: Luis, phone: +1 312-555-0112}
known_callers:
  friends: +1 312-555-0191
receptionist:
  name: Ava
  greeting: Maple Office, this is Ava, the automated receptionist.
  find_out:
    - {field: caller_name, required: true}
    - {field: visit, type: choice, choices: [new, returning]}
departments:
  front_desk: {people: [dana, luis], if_no_one_answers: receptionist}
  back_office: {people: [luis], if_no_one_answers: receptionist}
when_to_transfer:
"""
PERSON = "  - {rule: a_person, caller_wants: to speak with a person, to: front_desk}\n"


def flow(*rules: str, more: str = "") -> Flow:
    """The office with these rules, one a line, then the one for a person."""
    return compile_flow(OFFICE + "".join(f"  - {rule}\n" for rule in rules) + PERSON + more, "maple.yaml")


def arriving(office: Flow, *, now: str = "2026-11-10T10:15:00-06:00", **changes: object) -> Story:
    """A call in which something about its arrival is other than usual."""
    story = Story(office, now=now)
    first = story.events[0]
    assert isinstance(first, CallArrived)
    first = replace(first, **changes)  # type: ignore[arg-type]
    story.call, story.last = step(office, Call(), first)
    story.events, story.all = [first], list(story.last)
    return story


def rule_of(story: Story) -> str:
    return story.call.handoff.rule if story.call.handoff else ""


def started(story: Story) -> c.StartAgent:
    (start,) = story.ever(c.StartAgent)
    return start


# ---- known_caller ----------------------------------------------------------------------------------------------------

KNOWN = "{rule: friend, known_caller: friends, to: back_office}"
AGAIN = "{rule: again, known_caller: called before, to: back_office}"


def test_a_known_number_is_handed_over_in_place_of_the_greeting() -> None:
    story = arriving(flow(KNOWN), caller=FRIEND).media()
    assert (rule_of(story), started(story).greeting) == ("friend", "")
    assert story.call.phase == Phase.ASKING
    story.notes("caller_name", "Maria Lopez").line_heard()
    assert [ring.address for ring in story.did(c.RingStaff)] == ["+13125550112"]


def test_any_other_number_is_greeted() -> None:
    story = arriving(flow(KNOWN), caller="+13125550192").media()
    assert rule_of(story) == ""
    assert started(story).greeting == "Maple Office, this is Ava, the automated receptionist."


def test_a_withheld_number_is_nobodys() -> None:
    story = arriving(flow(KNOWN, AGAIN), caller="", called_before=True).media()
    assert rule_of(story) == ""


def test_who_was_not_greeted_hears_first_who_is_asking() -> None:
    (asked,) = arriving(flow(KNOWN), caller=FRIEND).media().did(c.AskAgent)
    assert "this is Ava, the automated receptionist of Maple Office" in asked.instructions
    greeted = arriving(flow(KNOWN), caller="+13125550192").picked_up().says("Can I talk to a person?")
    assert "automated receptionist" not in greeted.did(c.AskAgent)[0].instructions


def test_being_known_grants_no_facts() -> None:
    story = arriving(flow(KNOWN), caller=FRIEND).media()
    assert dict(story.call.fields) == {}
    (card,) = [shown.card for shown in story.did(c.ShowCard)]
    assert card["headline"] == "The caller: no reason given"


def test_a_known_caller_may_be_told_something_and_released() -> None:
    story = arriving(flow("{rule: friend, known_caller: friends, to: {hang_up: We know. Bye.}}"), caller=FRIEND).media()
    assert [line.text for line in story.did(c.PlayLine)] == ["We know. Bye."]
    assert story.call.phase == Phase.CLOSING


def test_a_number_that_called_before_and_one_that_did_not() -> None:
    assert rule_of(arriving(flow(AGAIN), called_before=True).media()) == "again"
    assert rule_of(arriving(flow(AGAIN), called_before=False).media()) == ""


def test_who_is_known_is_asked_only_before_the_greeting() -> None:
    story = arriving(flow(AGAIN), called_before=False).picked_up()
    story.call = replace(story.call, called_before=True)
    assert rule_of(story.says("Hello there, good morning")) == ""


def test_a_known_caller_is_handed_over_even_without_the_receptionist() -> None:
    story = arriving(flow(KNOWN), caller=FRIEND).happens(lambda at: e.AgentFailed(at, "down")).media()
    assert rule_of(story) == "friend"
    assert story.did(c.PlayLine)


def test_an_arrival_journalled_earlier_is_still_read() -> None:
    kind, body = encode(arriving(flow(AGAIN), called_before=True).events[0])
    assert decode(kind, body).called_before  # type: ignore[union-attr]
    assert not decode(kind, body.replace(',"called_before":true', "")).called_before  # type: ignore[union-attr]


# ---- only_if ---------------------------------------------------------------------------------------------------------

REFUND = "{rule: refund, caller_says: refund, to: back_office, only_if: {%s}}"
ANY_REFUND = "{rule: any_refund, caller_says: refund, to: front_desk}"


@pytest.mark.parametrize("wanted", ["partners", "+1 312-555-0101", "+13125550101"])
def test_a_rule_for_one_line_counts_on_that_line_only(wanted: str) -> None:
    office = flow(REFUND % f"dialled: {wanted}", ANY_REFUND)
    assert rule_of(arriving(office, dialled="+13125550101").picked_up().says("a refund")) == "refund"
    assert rule_of(arriving(office, dialled="+13125550100").picked_up().says("a refund")) == "any_refund"


def test_a_rule_counts_when_the_answer_is_known_to_fit() -> None:
    office = flow(REFUND % "visit: new", ANY_REFUND)
    assert rule_of(Story(office).picked_up().notes("visit", "new").says("a refund")) == "refund"
    assert rule_of(Story(office).picked_up().notes("visit", "returning").says("a refund")) == "any_refund"


def test_an_answer_in_a_sentence_is_the_choice_it_names() -> None:
    story = Story(flow(REFUND % "visit: new")).picked_up().notes("visit", "I am a NEW patient")
    assert story.call.fields["visit"] == "new"
    assert story.notes("visit", "neither new nor returning").call.fields["visit"] == "neither new nor returning"


def test_what_is_not_known_is_asked_and_the_rule_waits_for_the_answer() -> None:
    story = Story(flow(REFUND % "visit: new", ANY_REFUND)).picked_up().says("I want a refund")
    assert rule_of(story) == ""
    assert "visit" in story.did(c.AskAgent)[0].instructions
    story.says("It is my first time").notes("visit", "new")
    assert rule_of(story) == "refund"
    assert story.call.handoff is not None
    assert story.call.handoff.matched == "refund"


def test_the_other_answer_leads_to_the_next_rule() -> None:
    story = Story(flow(REFUND % "visit: new", ANY_REFUND)).picked_up().says("I want a refund")
    assert rule_of(story.notes("visit", "returning")) == "any_refund"


def test_no_answer_counts_as_no_and_nobody_is_asked_twice() -> None:
    office = flow(REFUND % "visit: new", ANY_REFUND)
    story = Story(office).picked_up().says("I want a refund")
    assert c.StartTimer("only_if", 20.0) in story.last
    assert rule_of(story.timer("only_if", 20.0)) == "any_refund"
    alone = Story(flow(REFUND % "visit: new")).picked_up().says("I want a refund").timer("only_if", 20.0)
    assert rule_of(alone) == ""
    assert not alone.says("A refund, I said").did(c.AskAgent)


def test_a_higher_rule_does_not_wait_for_the_answer_of_a_lower_one() -> None:
    story = Story(flow("{rule: law, caller_says: lawyer, to: front_desk}", REFUND % "visit: new")).picked_up()
    story.says("I want a refund").says("My lawyer says so")
    assert rule_of(story) == "law"
    assert c.StopTimer("only_if") in story.last
    story.notes("visit", "new")
    assert rule_of(story) == "law"


def test_when_she_fails_before_the_answer_the_rules_below_are_read() -> None:
    story = Story(flow(REFUND % "visit: new", ANY_REFUND)).picked_up().says("I want a refund")
    assert rule_of(story.happens(lambda at: e.AgentFailed(at, "dropped"))) == "any_refund"


def test_without_the_receptionist_nobody_can_be_asked() -> None:
    office = flow("{rule: zero, key_pressed: zero, to: back_office, only_if: {visit: new}}")
    story = Story(office).media().presses("0")
    assert "visit" in story.did(c.AskAgent)[0].instructions  # she will be there in a moment
    story.happens(lambda at: e.AgentFailed(at, "not ready"))
    assert story.call.phase == Phase.RECORDING


JUDGED = "{rule: billing, topic: refund, to: back_office, only_if: {visit: new}}"


def test_the_model_cannot_name_a_rule_past_its_only_if() -> None:
    story = Story(flow(JUDGED)).picked_up().notes("visit", "returning").says("Money back please")
    story.agent_calls("transfer_to_human", rule="billing", matched="money back", summary="Wants a refund.")
    (answer,) = story.did(c.AnswerTool)
    assert (rule_of(story), answer.is_error) == ("", True)
    assert "does not apply" in answer.result


def test_the_model_names_a_rule_that_waits_for_an_answer() -> None:
    story = Story(flow(JUDGED)).picked_up().says("Money back please")
    story.agent_calls("transfer_to_human", rule="billing", matched="money back", summary="Wants a refund.")
    (answer,) = story.did(c.AnswerTool)
    assert not answer.is_error
    assert "visit" in story.did(c.AskAgent)[0].instructions
    story.notes("visit", "new")
    assert story.call.handoff
    assert (story.call.handoff.rule, story.call.handoff.summary) == ("billing", "Wants a refund.")


def test_what_a_rule_waited_for_is_not_asked_again_before_the_hand_off() -> None:
    text = OFFICE.replace("choices: [new, returning]}", "choices: [new, returning], required: true}")
    office = compile_flow(f"{text}  - {REFUND % 'visit: new'}\n  - {ANY_REFUND}\n", "maple.yaml")
    story = Story(office).picked_up().says("I want a refund").timer("only_if", 20.0)
    assert rule_of(story) == "any_refund"
    assert [("caller_name" in a.instructions) for a in story.did(c.AskAgent)] == [True]
    assert not story.notes("caller_name", "Maria Lopez").did(c.AskAgent)


def test_after_a_restart_the_answer_is_still_waited_for() -> None:
    story = Story(flow(REFUND % "visit: new", ANY_REFUND)).picked_up().says("I want a refund")
    story.happens(lambda at: e.EngineRestarted(at))
    assert c.StartTimer("only_if", 20.0) in story.last
    assert rule_of(story.timer("only_if", 20.0)) == "any_refund"


# ---- quiet_for -------------------------------------------------------------------------------------------------------

QUIET = "{rule: quiet, quiet_for: 20s, to: {hang_up: Nobody is there. Goodbye.}}"


def replied(story: Story, reply: str = "r1", seconds: float = 3.0) -> Story:
    story.happens(lambda at: e.ReplyStarted(at, reply))
    return story.happens(lambda at: e.ReplyHeard(at, reply), seconds)


def quiet_timer(story: Story) -> float:
    (timer,) = [t for t in story.did(c.StartTimer) if t.timer == "quiet"]
    return timer.seconds


def test_a_quiet_caller_is_asked_halfway_and_then_the_rule_fires() -> None:
    story = replied(Story(flow(QUIET)).picked_up())
    assert quiet_timer(story) == 10.0
    story.timer("quiet", 10.0)
    assert "still there" in story.did(c.AskAgent)[0].instructions
    replied(story, "r2")
    assert quiet_timer(story) == 10.0
    story.timer("quiet", 10.0)
    assert [line.text for line in story.did(c.PlayLine)] == ["Nobody is there. Goodbye."]


@pytest.mark.parametrize(
    "sign",
    [
        lambda story: story.happens(lambda at: e.SpeechStarted(at)),
        lambda story: story.says("yes", after=0.1),
        lambda story: story.presses("5"),
        lambda story: story.agent_calls("note_unsolved"),
        lambda story: story.happens(lambda at: e.ReplyStarted(at, "r3")),
    ],
    ids=["speech", "words", "a key", "a tool", "a reply"],
)
def test_who_is_heard_from_is_not_quiet(sign: object) -> None:
    story = replied(Story(flow(QUIET)).picked_up())
    story.at += 9.0
    sign(story)  # type: ignore[operator]
    assert c.StopTimer("quiet") in story.last
    story.happens(lambda at: e.TimerFired(at, "quiet"), 15.0)  # one that was on its way already
    assert story.call.phase == Phase.TALKING
    assert not story.did(c.AskAgent)


def test_after_speech_the_count_begins_anew_with_the_next_reply() -> None:
    story = replied(Story(flow(QUIET)).picked_up()).timer("quiet", 10.0)
    replied(story, "r2").says("I am here, one moment", after=9.0)
    assert story.call.phase == Phase.TALKING
    replied(story, "r3")
    assert quiet_timer(story) == 10.0
    assert story.timer("quiet", 10.0).did(c.AskAgent)


def test_the_mark_of_an_earlier_reply_does_not_start_the_count() -> None:
    story = Story(flow(QUIET)).picked_up().happens(lambda at: e.ReplyStarted(at, "r1"))
    story.happens(lambda at: e.ReplyStarted(at, "r2")).happens(lambda at: e.ReplyHeard(at, "r1"))
    assert not story.did(c.StartTimer)


def test_a_question_that_was_never_heard_does_not_stop_the_count() -> None:
    story = replied(Story(flow(QUIET)).picked_up()).timer("quiet", 10.0)
    assert quiet_timer(story) == 8.0
    story.timer("quiet", 8.0)
    assert quiet_timer(story) == 10.0
    assert story.timer("quiet", 10.0).call.phase == Phase.CLOSING


def test_on_hold_nobody_counts_and_after_it_the_count_begins_anew() -> None:
    story = replied(Story(flow(QUIET)).picked_up()).says("Can I talk to a person?")
    assert c.StopTimer("quiet") in story.last
    story.notes("caller_name", "Maria Lopez").line_heard()
    replied(story, "r2").timer("quiet", 30.0)
    assert story.call.phase == Phase.RINGING
    story.says("never mind")
    replied(story, "r4")
    assert quiet_timer(story) == 10.0


def test_without_such_a_rule_nothing_is_counted() -> None:
    assert replied(Story(flow()).picked_up()).ever(c.StopTimer) == []


# ---- confidence_below ------------------------------------------------------------------------------------------------

UNSURE = "{rule: mumbled, confidence_below: 40%, to: back_office}"


def gauged(story: Story, confidence: float, after: float = 0.1) -> Story:
    return story.happens(lambda at: e.SpeechGauged(at, confidence), after)


def test_a_transcript_is_kept_only_while_they_talk_and_only_for_such_a_rule() -> None:
    story = Story(flow(UNSURE)).picked_up()
    assert story.ever(c.GaugeSpeech) == [c.GaugeSpeech(True)]
    story.says("Can I talk to a person?")
    assert story.did(c.GaugeSpeech) == [c.GaugeSpeech(False)]
    story.notes("caller_name", "Maria Lopez").line_heard().says("never mind")
    assert story.did(c.GaugeSpeech) == [c.GaugeSpeech(True)]
    assert Story(flow()).picked_up().ever(c.GaugeSpeech) == []


@pytest.mark.parametrize(("confidence", "fires"), [(0.39, "mumbled"), (0.40, ""), (0.95, "")])
def test_words_of_which_nobody_is_sure_ring_a_person(confidence: float, fires: str) -> None:
    story = gauged(Story(flow(UNSURE)).picked_up(), confidence).says("Something about the thing", after=2.0)
    assert rule_of(story) == fires


def test_the_words_themselves_come_first_in_the_list() -> None:
    office = flow("{rule: law, caller_says: lawyer, to: front_desk}", UNSURE)
    assert rule_of(gauged(Story(office).picked_up(), 0.1).says("my lawyer")) == "law"


def test_the_news_may_come_after_the_words() -> None:
    story = Story(flow(UNSURE)).picked_up().says("Something about the thing")
    assert rule_of(gauged(story, 0.2, 0.5)) == "mumbled"


def test_words_the_receptionist_never_got_count_after_a_while() -> None:
    story = gauged(Story(flow(UNSURE)).picked_up(), 0.2)
    assert c.StartTimer("gauged", 4.0) in story.last
    assert rule_of(story.timer("gauged", 4.0)) == "mumbled"


def test_the_doubt_about_one_turn_is_not_carried_to_the_next() -> None:
    story = gauged(Story(flow(UNSURE)).picked_up(), 0.9).says("Hello there").says("Something else", after=6.0)
    assert rule_of(story.timer("gauged", 1.0)) == ""


def test_unknown_never_fires() -> None:
    assert rule_of(Story(flow(UNSURE)).picked_up().says("Something about the thing")) == ""


# ---- what fires once, and what again ---------------------------------------------------------------------------------


def nobody(story: Story) -> Story:
    """Everybody rung declines; the receptionist is back."""
    if story.call.phase == Phase.ASKING:
        story.notes("caller_name", "Maria Lopez")
    story.line_heard()
    while story.call.phase == Phase.RINGING:
        for attempt in [a for a in story.call.handoff.attempts if a.outcome is None]:  # type: ignore[union-attr]
            story.leg_ends(int(attempt.leg.rpartition("-")[2]), "no_answer", 20.0)
    return story


def test_a_request_for_a_person_is_heard_again_only_while_somebody_is_left() -> None:
    office = flow("{rule: partner, caller_says: partner, to: back_office}")
    story = nobody(Story(office).picked_up().says("my partner said so"))  # rings Luis
    nobody(story.says("Can I talk to a person?"))  # rings Dana, who is left
    assert [ring.address[-4:] for ring in story.ever(c.RingStaff)] == ["0112", "0111"]
    story.says("A person, please! I want to talk to somebody")
    assert (rule_of(story), story.call.phase) == ("", Phase.TALKING)
    assert rule_of(story.says("my partner insists")) == ""
    assert len(story.call.past) == 2


def test_a_rule_may_fire_first_when_nobody_can_be_rung() -> None:
    story = Story(flow(), now=TUESDAY_NIGHT).picked_up().says("Can I talk to a person?")
    assert [h.rule for h in story.call.past] == ["a_person"]
    assert "nobody can be reached" in story.did(c.TellAgent)[0].prompt
    story.says("But I want to talk to a person")
    assert len(story.call.past) == 1


@pytest.mark.parametrize(
    "rule", ["{rule: often, turns_more_than: 1, to: back_office}", "{rule: often, topic: refund, to: back_office}"]
)
def test_counted_and_judged_rules_fire_once(rule: str) -> None:
    story = Story(flow(rule)).picked_up().says("First of all").says("Second thing")
    if not story.call.handoff:
        story.agent_calls("transfer_to_human", rule="often", summary="A refund.")
    assert rule_of(story) == "often"
    nobody(story).says("Third thing")
    story.agent_calls("transfer_to_human", rule="often", summary="A refund.")
    assert rule_of(story) == ""


def test_a_timer_that_runs_out_on_hold_is_looked_at_again_when_they_talk() -> None:
    office = flow("{rule: long, call_longer_than: 60s, to: back_office}")
    story = Story(office).picked_up().says("Can I talk to a person?").notes("caller_name", "Maria Lopez").line_heard()
    story.timer("rule:long", 60.0)
    assert [t.seconds for t in story.did(c.StartTimer)] == [4.0]
    story.says("never mind").timer("rule:long", 3.0)
    assert rule_of(story) == "long"


def test_each_end_of_speech_without_words_counts() -> None:
    story = Story(flow("{rule: unclear, not_understood: 2 turns, to: back_office}")).picked_up()
    story.happens(lambda at: e.SpeechEnded(at)).happens(lambda at: e.SpeechEnded(at), 3.0)
    assert rule_of(story.timer("unclear", 4.0)) == "unclear"


def test_words_that_come_later_take_back_every_end_of_speech_before_them() -> None:
    story = Story(flow("{rule: unclear, not_understood: 2 turns, to: back_office}")).picked_up()
    story.happens(lambda at: e.SpeechEnded(at)).happens(lambda at: e.SpeechEnded(at), 3.0).says(
        "Hello there", after=1.0
    )
    story.happens(lambda at: e.SpeechEnded(at), 6.0).timer("unclear", 4.0)
    assert rule_of(story) == ""


def test_a_mood_that_rings_nobody_does_not_silence_the_receptionist() -> None:
    story = Story(flow("{rule: upset, mood: angry, for: 2 turns, to: back_office}")).picked_up().says("Not again")
    (answer,) = story.agent_calls("note_mood", mood="angry").did(c.AnswerTool)
    assert "say nothing" not in answer.result
    (answer,) = story.says("Not once more").agent_calls("note_mood", mood="angry").did(c.AnswerTool)
    assert rule_of(story) == "upset"


def test_the_model_that_names_a_rule_again_is_told_to_wait() -> None:
    story = Story(flow(JUDGED)).picked_up().says("Money back please")
    for _ in range(2):
        (answer,) = story.agent_calls("transfer_to_human", rule="billing", summary="A refund.").did(c.AnswerTool)
        assert (answer.is_error, "wait" in answer.result) == (False, True)
    assert len(story.ever(c.AskAgent)) == 1


EMERGENCY = (
    "{rule: help, caller_says: [can't breathe, passed out], emergency: true, to: front_desk, "
    "if_no_one_answers: take_message, say: 'Hang up and dial 911. Someone is coming.'}"
)
POSSIBLE = (
    "{rule: maybe, topic: bleeding, emergency: true, to: back_office, if_no_one_answers: take_message, "
    "say: Dial 911 if it is bad.}"
)


def test_an_emergency_said_again_does_not_take_the_phone_out_of_anybodys_hand() -> None:
    story = Story(flow(EMERGENCY, POSSIBLE)).picked_up().says("he can't breathe").line_heard()
    story.says("please hurry, he can't breathe, he passed out", after=6.0)
    assert (story.last, [ring.leg for ring in story.ever(c.RingStaff)]) == ((), [staff(1)])
    assert rule_of(story.says("and he is bleeding", after=6.0)) == "help"


def test_a_more_urgent_rule_replaces_a_less_urgent_one() -> None:
    story = Story(flow(EMERGENCY, POSSIBLE)).picked_up().says("she is bleeding").line_heard()
    story.says("now she passed out", after=6.0)
    assert rule_of(story) == "help"
    assert c.CancelLeg(staff(1), "") in story.last


def test_a_question_asked_while_another_rule_fired_does_not_fire_at_a_later_turn() -> None:
    rules = ("{rule: garage, caller_says: for the last time, to: front_desk}",)
    story = Story(flow(*rules, "{rule: circles, same_question_again: 2 times, to: back_office}")).picked_up()
    story.says("Where is the downtown garage")
    assert rule_of(story.says("For the last time: where is the downtown garage")) == "garage"
    assert rule_of(nobody(story).says("Downtown")) == ""


def test_an_old_question_does_not_fire_at_another_turn() -> None:
    office = flow("{rule: circles, same_question_again: 2 times, to: back_office, only_if: {dialled: partners}}")
    story = arriving(office, dialled="+13125550101").picked_up().says("Where is the downtown parking garage")
    assert rule_of(story.says("Okay", after=6.0)) == ""
    assert rule_of(story.says("But where is the downtown parking garage", after=6.0)) == "circles"
