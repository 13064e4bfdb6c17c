"""What staff can do with a phone that rings: take the call, decline and say why, press nothing, be a machine."""

from __future__ import annotations

import pytest

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.state import Phase
from flowengine.flow.model import Flow
from tests.call.story import CALLER, Story, changed, edited, office, staff

WANTS = "Can I talk to someone?"


def ringing(flow: Flow | None = None) -> Story:
    return Story(flow).ringing(WANTS).happens(lambda at: e.LegCreated(at, staff(1), "REF-1"))


def why(story: Story, key: str) -> Story:
    return story.happens(lambda at, request: e.StaffSaidWhy(at, staff(1), key, request))


def no_key_needed() -> Flow:
    return edited(accept="none", no_key_because="The desk phone has no voicemail.", briefing="card only")


def test_two_declines_and_the_next_phone_rings_before_anybody_says_why() -> None:
    story = ringing().answers(1).staff_presses(1, "2")
    document = story.answer()
    assert isinstance(document, documents.AskWhy)
    assert document.say.startswith("Thank you, somebody else will take it.")
    assert [ring.leg for ring in story.did(c.RingStaff)] == [staff(2)]
    assert story.outcomes() == ["declined", None]


@pytest.mark.parametrize(
    ("key", "said"), [("1", "busy right now"), ("2", "somebody else should take it"), ("7", ""), ("", "")]
)
def test_why_somebody_declined_stands_on_the_card(key: str, said: str) -> None:
    story = why(ringing().answers(1).staff_presses(1, "2"), key)
    assert story.answer() == documents.HangUp("Thank you. Goodbye.")
    (card,) = [show.card for show in story.did(c.ShowCard)] or [story.ever(c.ShowCard)[-1].card]
    people = card["people"]
    assert isinstance(people, list)
    assert (people[0]["why"], people[0]["outcome"]) == (said, "declined")


def test_a_key_that_means_nothing_is_asked_about_once() -> None:
    story = ringing().answers(1).staff_presses(1, "7")
    document = story.answer()
    assert isinstance(document, documents.BriefStaff)
    assert document.briefing == "Press one to accept, or two if you cannot."
    assert c.StartTimer(f"key:{staff(1)}", 23.0) in story.last
    assert story.outcomes() == [None]
    story.staff_presses(1, "9")
    assert story.outcomes()[0] == "declined"
    assert ringing().answers(1).staff_presses(1, "7").staff_presses(1, "1").phase() == Phase.BRIDGING


def test_who_said_no_on_one_phone_is_not_rung_on_the_next() -> None:
    two = changed("phone: +1 312-555-0111}", "phone: [+1 312-555-0111, +1 312-555-0115]}")
    story = ringing(two).answers(1).staff_presses(1, "2")
    assert [ring.address for ring in story.did(c.RingStaff)] == ["+13125550112"]
    assert [ring.address for ring in ringing(two).leg_ends(1, "no_answer").did(c.RingStaff)] == ["+13125550115"]


def test_a_briefing_is_in_the_language_of_whoever_picks_up() -> None:
    flow = changed(
        "dana: {name: Dana, phone: +1 312-555-0111}", "dana: {name: Dana, phone: +1 312-555-0111, languages: [Spanish]}"
    )
    document = ringing(flow).answers(1).answer()
    assert isinstance(document, documents.BriefStaff)
    assert document.language == "Spanish"
    assert document.briefing.endswith("Pulse uno para aceptar.")


def test_a_briefing_is_short_however_long_the_caller_spoke() -> None:
    story = Story().picked_up().says("I want to talk to a person about " + "my bill and my other bill " * 20)
    story.notes("caller_name", "Maria Lopez")
    if story.call.phase == Phase.ASKING:
        story.notes("reason", "billing " * 40)
    document = story.line_heard().answers(1).answer()
    assert isinstance(document, documents.BriefStaff)
    assert len(document.briefing.split()) <= 15


# ---- accept: none ----------------------------------------------------------------------------------------------------


def test_without_a_key_whoever_picks_up_has_the_caller() -> None:
    story = ringing(no_key_needed()).answers(1)
    assert story.answer() == documents.JoinStaff(staff(1), "c1-room-1")
    assert c.MoveCaller("REF-c1", documents.JoinCaller("c1-room-1")) in story.last
    assert story.joins(staff(1)).joins(CALLER).phase() == Phase.CONNECTED


def test_a_machine_that_took_a_call_without_a_key_loses_it_again() -> None:
    story = ringing(no_key_needed()).answers(1).joins(staff(1)).joins(CALLER)
    story.happens(lambda at: e.MachineDetected(at, staff(1)))
    assert c.MoveStaff(staff(1), "REF-1", documents.HangUp()) in story.last
    assert c.MoveCaller("REF-c1", documents.ConnectCaller(2)) in story.last
    assert story.did(c.StartAgent)[0].greeting == ""  # the receptionist comes back, silent, and knows the story
    story.media(2)
    assert [ring.leg for ring in story.did(c.RingStaff)] == [staff(2)]
    assert story.outcomes() == ["voicemail", None]
    story.leg_ends(2, "busy").line_heard().agrees().hangs_up()
    assert story.call.outcome == "message"


def test_whoever_hangs_up_before_the_caller_came_has_declined() -> None:
    story = ringing(no_key_needed()).answers(1).leg_ends(1, "completed")
    assert story.outcomes()[0] == "declined"


# ---- a note on a machine ---------------------------------------------------------------------------------------------


def notes() -> Flow:
    return changed("  voicemail_answers: try next person", "  voicemail_answers: leave a note")


def machine(story: Story, finished: bool) -> Story:
    return story.happens(lambda at: e.MachineDetected(at, staff(1), finished))


def test_a_machine_gets_a_note_of_fixed_words_when_its_greeting_is_over() -> None:
    story = ringing(notes())
    assert story.ever(c.RingStaff)[0].hear_machine_out
    machine(story.answers(1), finished=True)
    (told,) = story.did(c.MoveStaff)
    assert isinstance(told.document, documents.HangUp)
    assert told.document.say.startswith("This is Bright Smile Dental. A caller was to be connected with you")
    assert "Maria" not in told.document.say
    assert story.outcomes() == ["voicemail", None]


def test_a_long_greeting_is_waited_out_while_the_next_phone_rings() -> None:
    story = ringing(notes()).answers(1).staff_presses(1, "")
    assert story.answer() == documents.AwaitTone(staff(1), 30.0)
    assert [ring.leg for ring in story.did(c.RingStaff)] == [staff(2)]
    machine(story, finished=True)
    assert isinstance(story.did(c.MoveStaff)[0].document, documents.HangUp)
    assert story.outcomes()[0] == "voicemail"


def test_without_the_word_a_machine_hears_nothing_of_the_kind() -> None:
    story = ringing()
    assert not story.ever(c.RingStaff)[0].hear_machine_out
    assert machine(story.answers(1), finished=True).last == ()


# ---- what is shown, and digits ---------------------------------------------------------------------------------------


def test_the_callers_number_is_shown_where_the_flow_wants_it() -> None:
    flow = changed("  caller_id_shown: office", "  caller_id_shown: caller")
    assert ringing(flow).ever(c.RingStaff)[0].show_caller == "+13125550199"
    assert ringing().ever(c.RingStaff)[0].show_caller == ""
    assert Story(flow, caller="").ringing(WANTS).ever(c.RingStaff)[0].show_caller == ""


def test_an_extension_is_dialled_after_the_answer() -> None:
    flow = changed(
        "dana: {name: Dana, phone: +1 312-555-0111}", "dana: {name: Dana, phone: +1 312-555-0111, extension: 204}"
    )
    assert ringing(flow).ever(c.RingStaff)[0].extension == "204"
    document = ringing(flow).answers(1).answer()  # the menu; the person comes to the phone while we speak
    assert isinstance(document, documents.BriefStaff)
    assert document.briefing.count("Press one to accept.") == 2


def test_phones_rung_at_once_are_given_the_second_the_carrier_needs_for_each() -> None:
    story = Story().ringing()
    waits = [t.seconds for t in story.did(c.StartTimer) if t.timer.startswith("ring:")]
    assert waits == [26.0, 27.0]


# ---- what the caller hears of it -------------------------------------------------------------------------------------


def says() -> Flow:
    return changed(
        "  longest_wait: 2min",
        "  longest_wait: 2min\n  says: {busy: '{person} is on another call.', declined: '{person} cannot come now.'}",
    )


def test_the_caller_is_told_how_an_attempt_ended_while_the_next_rings() -> None:
    story = ringing(says()).leg_ends(1, "busy")
    assert story.did(c.PlayLine)[0].text == "Dana is on another call."
    assert [ring.leg for ring in story.did(c.RingStaff)] == [staff(2)]
    assert c.PlayMusic("built-in") in story.line_heard().last


def test_news_waits_for_what_is_being_said() -> None:
    story = ringing(says()).timer("update", 20).leg_ends(1, "busy")
    assert not story.did(c.PlayLine)
    assert story.line_heard().did(c.PlayLine)[0].text == "Dana is on another call."


def test_the_last_attempt_is_not_told_because_what_follows_says_it() -> None:
    story = ringing(says()).leg_ends(1, "busy").line_heard().leg_ends(2, "busy")
    assert [line.text for line in story.did(c.PlayLine)] == [
        "No one is free right now. I'll take a message and we'll call you back later today."
    ]


def test_a_caller_who_hangs_up_on_somebody_who_had_picked_up_is_work_for_the_desk() -> None:
    story = ringing().answers(1).hangs_up()
    (told,) = story.did(c.MoveStaff)
    assert told.document == documents.HangUp("I'm sorry, the caller has just hung up. Thank you.")
    (work,) = story.did(c.AddWork)
    assert (work.kind, work.fields["callback_number"]) == ("missed_call", "+13125550199")
    assert not Story(office()).ringing(WANTS).hangs_up().did(c.AddWork)


# ---- on the page -----------------------------------------------------------------------------------------------------


def taps(story: Story, person: str, accepts: bool, why: str = "") -> Story:
    return story.happens(lambda at: e.StaffDecided(at, "c1-h1", person, accepts, why, "Front desk"))


def test_who_has_picked_up_takes_the_call_on_the_page() -> None:
    story = ringing().answers(1)
    people = story.did(c.ShowCard)[-1].card["people"]
    assert isinstance(people, list)
    assert people[0]["state"] == "answered"
    taps(story, "Dana", True)
    (enters,) = story.did(c.MoveStaff)
    assert isinstance(enters.document, documents.JoinStaff)
    assert story.phase() == Phase.BRIDGING
    late = story.staff_presses(1, "")  # the question that was on its way ran out
    told = late.answer()  # until the order that moves them is carried out they hear that it will be, again and again
    assert isinstance(told, documents.BriefStaff)
    assert (told.briefing, told.accept_within) == ("Connecting you.", 3.0)
    assert late.staff_presses(1, "").answer() == told
    assert story.joins(staff(1)).joins(CALLER).phase() == Phase.CONNECTED


def test_nobody_takes_a_call_on_the_page_whose_phone_still_rings() -> None:
    story = taps(ringing(), "Dana", True)
    assert story.last == ()
    assert story.outcomes() == [None]


def test_a_decline_on_the_page_stops_the_phone_and_tries_the_next() -> None:
    story = taps(ringing(), "Dana", False, "with a patient")
    assert [cancel.leg for cancel in story.did(c.CancelLeg)] == [staff(1)]
    assert [ring.leg for ring in story.did(c.RingStaff)] == [staff(2)]
    people = story.ever(c.ShowCard)[-1].card["people"]
    assert isinstance(people, list)
    assert (people[0]["outcome"], people[0]["why"]) == ("declined", "with a patient")


def test_a_decline_of_who_has_picked_up_is_thanked() -> None:
    story = taps(ringing().answers(1), "Dana", False)
    (bye,) = story.did(c.MoveStaff)
    assert bye.document == documents.HangUp("Thank you. Goodbye.")


def test_taps_for_somebody_else_or_another_handoff_change_nothing() -> None:
    story = ringing().answers(1)
    assert taps(story, "Luis", True).last == ()
    story.happens(lambda at: e.StaffDecided(at, "c1-h9", "Dana", True))
    assert story.last == ()
    story.staff_presses(1, "1")
    assert taps(story, "Dana", False).last == ()
