"""Who is recorded, from when, and what callers can say to it: nobody without a yes, nobody after a no."""

from __future__ import annotations

import pytest

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.recorded import told
from flowengine.call.sentences import fixed_sentences
from flowengine.call.state import Phase
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow
from tests.call.story import ROOT, TUESDAY_NIGHT, Story, changed

QUESTION = "May we record this call so that nothing is lost?"
TOLD = "This call is recorded."
HELLO = "Thank you for calling Bright Smile Dental. I'm Ava, the automated receptionist."


def asking(line: str = QUESTION) -> Flow:
    return changed("recording: none  ", f"consent_line: {line}\n  recording: with consent  ")


def telling() -> Flow:
    return changed("recording: none  ", f"consent_line: {TOLD}\n  recording: always  ")


def greeted(flow: Flow, *, now: str = "2026-11-10T10:15:00-06:00") -> Story:
    """The greeting has begun."""
    return Story(flow, now=now).picked_up().happens(lambda at: e.ReplyStarted(at, "r1"))


def heard(flow: Flow) -> Story:
    """The greeting has been heard to its end."""
    return greeted(flow).happens(lambda at: e.ReplyHeard(at, "r1"), 8.0)


def cut(flow: Flow, spoken: str = "Thank you for calling Bright") -> Story:
    story = greeted(flow).happens(lambda at: e.SpeechStarted(at), 2.0)
    return story.happens(lambda at: e.AgentSaid(at, spoken, interrupted=True))


def answer(story: Story) -> str:
    return story.call.consent.answer


def recorded(story: Story) -> int:
    return len(story.ever(c.StartRecording))


# ---- asked -----------------------------------------------------------------------------------------------------------


def test_a_flow_that_records_nothing_asks_and_tells_nothing() -> None:
    story = Story().picked_up().happens(lambda at: e.ReplyStarted(at, "r1")).happens(lambda at: e.ReplyHeard(at, "r1"))
    story.says("yes")
    assert not any(isinstance(x, c.StartRecording | c.NoteConsent) for x in story.all)
    assert told(story.flow, story.call) == ""


def test_the_caller_is_asked_in_the_greeting_and_the_question_comes_last() -> None:
    (start,) = Story(asking()).media().did(c.StartAgent)
    assert start.greeting == f"{HELLO} {QUESTION}"
    assert "thank them and ask how you can help" in start.prompt
    (night,) = Story(asking(), now=TUESDAY_NIGHT).media().did(c.StartAgent)
    assert night.greeting.endswith(f"or take a message. {QUESTION}")


def test_the_line_is_rendered_when_the_flow_is_loaded() -> None:
    assert QUESTION in fixed_sentences(asking(), Story(asking()).call.wall())


@pytest.mark.parametrize("said", ["Yes", "Sure, go ahead", "Okay", "Yes, what are your hours?", "That's fine, thanks"])
def test_recording_begins_with_a_yes_and_not_before(said: str) -> None:
    story = heard(asking())
    assert recorded(story) == 0
    story.says(said)
    assert story.did(c.StartRecording) == [c.StartRecording("REF-c1")]
    (note,) = story.did(c.NoteConsent)
    assert (note.answer, note.asked) == ("yes", story.call.consent.heard_at)
    assert told(story.flow, story.call) == "Recorded: the caller agreed"


@pytest.mark.parametrize(
    "said", ["No", "No, thank you", "I'd rather not", "Please don't record me", "Yes. Uh, no", "Don't record this"]
)
def test_nobody_is_recorded_after_a_no(said: str) -> None:
    story = heard(asking()).says(said).says("Yes")
    assert recorded(story) == 0
    assert answer(story) == "no"
    assert [note.answer for note in story.ever(c.NoteConsent)] == ["no"]


@pytest.mark.parametrize(
    "said", ["When do you open?", "Hi, yes, I'm calling about a bill", "okay so I need a cleaning"]
)
def test_words_about_something_else_are_a_no_and_the_talk_goes_on(said: str) -> None:
    story = heard(asking()).says(said)
    assert not story.did(c.PlayLine)
    assert not story.did(c.AskAgent), "the receptionist answers by herself"
    assert answer(story) == "none"
    assert recorded(story.says("Yes")) == 0


def test_silence_is_a_no_and_the_receptionist_goes_on() -> None:
    story = heard(asking()).timer("consent", 8.0)
    assert answer(story) == "none"
    assert "how you can help" in story.did(c.AskAgent)[0].instructions
    assert recorded(story.says("Yes")) == 0


def test_whoever_is_just_speaking_is_heard_out() -> None:
    story = heard(asking()).happens(lambda at: e.SpeechStarted(at), 7.5).timer("consent", 0.5)
    assert c.StartTimer("consent", 4.0) in story.last
    assert recorded(story.says("Yes", 1.0)) == 1


@pytest.mark.parametrize("said", ["What?", "I'm not sure", "Why?", "Sorry, what was that?"])
def test_an_unclear_answer_is_asked_once_more_by_the_line_itself(said: str) -> None:
    story = heard(asking()).says(said)
    assert [line.text for line in story.did(c.PlayLine)] == [QUESTION]
    assert c.LetAgentSpeak(False) in story.last
    assert recorded(story) == 0
    story.line_heard()
    assert c.LetAgentSpeak(True) in story.last
    assert recorded(story.says("Yes")) == 1


def test_it_is_asked_twice_at_most() -> None:
    story = heard(asking()).says("What?").line_heard().says("What?")
    assert not story.did(c.PlayLine)
    assert (answer(story), recorded(story)) == ("none", 0)


def test_speech_without_words_is_asked_once_more() -> None:
    story = heard(asking()).happens(lambda at: e.SpeechEnded(at), 2.0).timer("unclear", 4.0)
    assert [line.text for line in story.did(c.PlayLine)] == [QUESTION]
    story.line_heard().happens(lambda at: e.SpeechEnded(at), 2.0).timer("unclear", 4.0)
    assert (answer(story), recorded(story)) == ("none", 0)
    assert story.did(c.AskAgent)


def test_a_hesitation_is_waited_for() -> None:
    story = heard(asking()).says("um")
    assert answer(story) == ""
    assert c.StartTimer("consent", 8.0) in story.last
    assert recorded(story.says("yes", 1.0)) == 1


# ---- and still served ------------------------------------------------------------------------------------------------


def test_an_answer_and_a_matter_in_one_turn_are_both_heard() -> None:
    story = heard(asking()).says("Yes, and my crown fell out")
    assert recorded(story) == 1
    assert story.call.handoff is not None
    assert story.call.handoff.rule == "clinical_question"


def test_an_emergency_instead_of_an_answer_is_served_at_once_and_not_recorded() -> None:
    story = heard(asking()).says("He can't breathe!")
    assert "911" in story.did(c.PlayLine)[0].text
    assert (answer(story), recorded(story)) == ("none", 0)


def test_an_emergency_during_the_second_question_cuts_it_off() -> None:
    story = heard(asking()).says("What?").says("my husband passed out")
    assert c.ClearAudio() in story.last
    assert "911" in story.did(c.PlayLine)[0].text
    story.line_heard()
    assert story.phase() == Phase.RINGING
    assert recorded(story) == 0


def test_a_question_of_a_rule_is_not_the_question_about_recording() -> None:
    """The caller's yes to it is no consent."""
    text = (ROOT / "flows" / "dental_office.yaml").read_text("utf-8").partition("\ntests:")[0]
    text = text.replace("recording: none  ", f"consent_line: {QUESTION}\n  recording: with consent  ")
    rule = "topic: [billing dispute, refund, insurance coverage]\n"
    text = text.replace(rule, f"{rule}    only_if: {{visit: known}}\n")
    text = text.replace("find_out: ", "find_out:\n    - {field: visit, type: choice, choices: [new, known]} ", 1)
    story = heard(compile_flow(text, "asks.yaml"))
    story.agent_calls("transfer_to_human", rule="billing_dispute", matched="a bill", summary="A bill.")
    assert "visit" in story.did(c.AskAgent)[0].instructions
    assert recorded(story.says("Yes")) == 0
    assert answer(story) == "none"


def test_a_yes_to_something_the_receptionist_asked_meanwhile_is_none() -> None:
    story = heard(asking()).happens(lambda at: e.ReplyStarted(at, "r2")).says("Yes")
    assert (answer(story), recorded(story)) == ("none", 0)


def test_nobody_is_asked_when_the_receptionist_has_failed() -> None:
    story = Story(asking()).happens(lambda at: e.AgentFailed(at, "refused")).media()
    assert (recorded(story), told(story.flow, story.call)) == (0, "Not recorded: the caller was not asked")
    late = heard(asking()).happens(lambda at: e.AgentFailed(at, "dropped")).says("Yes")
    assert (answer(late), recorded(late)) == ("none", 0)


def test_a_restart_ends_the_question() -> None:
    story = heard(asking()).happens(lambda at: e.EngineRestarted(at)).says("Yes")
    assert (answer(story), recorded(story)) == ("none", 0)


# ---- a greeting cut short --------------------------------------------------------------------------------------------


def test_whoever_cuts_the_greeting_short_is_asked_after_what_they_said() -> None:
    story = cut(asking()).says("Do you take new patients?", 2.0)
    assert [line.text for line in story.did(c.PlayLine)] == [QUESTION]
    assert "answer what they said before" in story.did(c.TellAgent)[0].prompt
    assert recorded(story.line_heard().says("Yes")) == 1


def test_a_yes_before_the_question_is_no_yes() -> None:
    story = cut(asking(), f"{HELLO} May we").says("Yes", 1.0)
    assert recorded(story) == 0
    assert [line.text for line in story.did(c.PlayLine)] == [QUESTION]
    assert recorded(story.line_heard().says("Yes")) == 1


def test_whoever_is_handed_over_before_the_question_is_not_recorded() -> None:
    story = cut(asking()).says("My crown fell out", 2.0)
    assert story.call.handoff is not None
    assert (answer(story), recorded(story)) == ("not told", 0)


def test_a_line_that_cannot_be_spoken_is_no_question() -> None:
    story = cut(asking()).says("Do you take new patients?", 2.0).line_fails()
    assert (answer(story), recorded(story)) == ("not told", 0)
    assert c.LetAgentSpeak(True) in story.last
    assert "did not hear what you said last" in story.did(c.AskAgent)[0].instructions


# ---- always ----------------------------------------------------------------------------------------------------------


def test_always_tells_before_the_closing_question_and_records_when_that_was_heard() -> None:
    story = Story(telling()).media()
    assert story.did(c.StartAgent)[0].greeting == f"{HELLO} {TOLD} How can I help?"
    assert recorded(story) == 0
    story = heard(telling())
    assert (recorded(story), answer(story)) == (1, "told")
    assert not story.did(c.AskAgent)


def test_a_greeting_cut_behind_the_line_has_told_and_one_cut_before_has_not() -> None:
    assert recorded(cut(telling(), f"{HELLO} {TOLD} How can")) == 1
    before = cut(telling(), f"{HELLO} This call is recorded.")
    assert recorded(before) == 0, "whether the end of it was heard is not known"
    before.says("Do you take new patients?", 2.0)
    assert [line.text for line in before.did(c.PlayLine)] == [TOLD]
    before.line_heard()
    assert recorded(before) == 1
    assert "did not hear what you said last" in before.did(c.AskAgent)[0].instructions


def test_whoever_was_not_told_is_told_with_the_line_of_the_hand_off() -> None:
    story = cut(telling()).says("My crown fell out", 2.0).notes("caller_name", "Maria Lopez")
    (line,) = story.did(c.PlayLine)
    assert line.text.startswith(f"{TOLD} I'm connecting you")
    assert recorded(story) == 0
    story.line_heard()
    assert (recorded(story), answer(story)) == (1, "told")


def test_an_emergency_is_not_kept_waiting_by_the_line() -> None:
    story = cut(telling()).says("He can't breathe!", 2.0)
    assert story.did(c.PlayLine)[0].text.startswith("If this is life-threatening")
    assert recorded(story.line_heard()) == 0


def test_nobody_is_told_in_passing_while_the_receptionist_does_not_work() -> None:
    story = Story(telling()).happens(lambda at: e.AgentFailed(at, "refused")).media()
    assert story.did(c.PlayLine)[0].text.startswith("I'm connecting you")
    assert recorded(story.line_heard()) == 0


def test_who_objects_to_being_told_is_not_recorded() -> None:
    story = cut(telling(), f"{HELLO} This call").says("I don't want to be recorded", 2.0)
    assert answer(story) == "no"
    assert recorded(story.happens(lambda at: e.ReplyStarted(at, "r2")).happens(lambda at: e.ReplyHeard(at, "r2"))) == 0


# ---- stopping --------------------------------------------------------------------------------------------------------


def running(flow: Flow) -> Story:
    return heard(flow).says("Yes").happens(lambda at: e.RecordingStarted(at, "RE1"))


@pytest.mark.parametrize("said", ["Stop recording please", "I do not want to be recorded any more"])
@pytest.mark.parametrize("flow", [asking, telling])
def test_whoever_objects_later_is_recorded_no_more(said: str, flow: object) -> None:
    story = running(flow())  # type: ignore[operator]
    story.says(said)
    assert story.did(c.StopRecording) == [c.StopRecording("REF-c1", "RE1")]
    assert [note.answer for note in story.did(c.NoteConsent)] == ["withdrawn"]
    story.says(said)
    assert len(story.ever(c.StopRecording)) == 1
    assert told(story.flow, story.call) == "Recording stopped: the caller did not want it any more"


def test_a_yes_is_taken_back_in_the_same_breath() -> None:
    story = heard(asking()).says("Yes").says("no, wait, no", 1.0)
    assert story.did(c.StopRecording) == [c.StopRecording("REF-c1", "")]
    assert not heard(asking()).says("Yes").says("No, I have no appointment", 6.0).did(c.StopRecording)


def test_it_stops_in_the_talk_with_a_person_too() -> None:
    story = heard(asking()).says("Yes, and my crown fell out").happens(lambda at: e.RecordingStarted(at, "RE1"))
    story.notes("caller_name", "Maria Lopez").line_heard().answers(1).staff_presses(1, "1")
    story.joins("c1-staff-1").joins("c1-caller")
    assert story.phase() == Phase.CONNECTED
    story.says("Please stop the recording")
    assert story.did(c.StopRecording) == [c.StopRecording("REF-c1", "RE1")]


def test_an_order_to_stop_that_is_not_taken_is_given_again_while_the_call_lasts() -> None:
    story = running(asking()).says("stop recording").happens(lambda at: e.RecordingGoesOn(at, "RE1", "20500"))
    story.timer("recording", 3.0)
    assert len(story.ever(c.StopRecording)) == 2
    story.happens(lambda at: e.RecordingGoesOn(at, "RE1", "20500")).hangs_up()
    story.timer("recording", 3.0)
    assert len(story.ever(c.StopRecording)) == 2


# ---- what comes of it ------------------------------------------------------------------------------------------------


def test_the_address_of_the_recording_is_on_the_card_even_after_the_end() -> None:
    story = heard(asking()).says("Yes, and my crown fell out").happens(lambda at: e.RecordingStarted(at, "RE1"))
    story.hangs_up().happens(lambda at: e.RecordingEnded(at, "RE1", "https://api.example.com/RE1", 42.0))
    assert story.call.tape.addresses == ("https://api.example.com/RE1",)
    assert [shown.handoff for shown in story.did(c.ShowCard)] == ["c1-h1"]
    assert not story.did(c.StartRecording)
    story.happens(lambda at: e.RecordingEnded(at, "RE1", "https://api.example.com/RE1", 42.0))
    assert (len(story.call.tape.addresses), story.last) == (1, ()), "told twice"


def test_a_recording_that_cannot_be_made_stops_nothing() -> None:
    story = heard(asking()).says("Yes").happens(lambda at: e.RecordingEnded(at, "", ""))
    assert story.last == ()
    assert told(story.flow, story.call) == "Not recorded: recording did not work"
    assert story.says("My crown fell out").call.handoff is not None


def test_a_carrier_that_ends_the_recording_when_the_caller_is_moved_is_asked_for_another_part() -> None:
    story = running(asking()).happens(lambda at: e.RecordingEnded(at, "RE1", "https://api.example.com/RE1", 9.0))
    assert story.did(c.StartRecording) == [c.StartRecording("REF-c1")]
    story.happens(lambda at: e.RecordingStarted(at, "RE2")).says("stop recording")
    assert story.did(c.StopRecording) == [c.StopRecording("REF-c1", "RE2")]
    story.happens(lambda at: e.RecordingEnded(at, "RE2", "https://api.example.com/RE2", 9.0))
    assert not story.did(c.StartRecording)
    assert len(story.call.tape.addresses) == 2
