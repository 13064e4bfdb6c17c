"""A caller who waits without the receptionist: parked at once, told the truth, and brought back when nobody comes."""

from __future__ import annotations

from functools import cache

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.state import Phase
from flowengine.flow.model import Flow
from tests.call.story import CALLER, TUESDAY_NIGHT, Story, edited, staff

ROOM = "c1-room-1"


@cache
def parking() -> Flow:
    says = "{busy: '{person} is on another call.', no_answer: '{person} is not picking up.'}"
    return edited(receptionist_stays=f"false\n  says: {says}")


def parked(says: str = "Can I talk to someone?", **given: str) -> Story:
    """Up to the caller in the room, the first phone ringing."""
    return asked(Story(parking(), **given).ringing(says).joins(CALLER))


def asked(story: Story) -> Story:
    """The carrier asks what the waiting caller hears."""
    room = story.call.handoff.room if story.call.handoff else ROOM
    return story.happens(lambda at, request: e.WaitAsked(at, request, room))


def test_the_caller_is_parked_at_once_and_the_phones_ring() -> None:
    story = Story(parking()).ringing("Can I talk to someone?")
    assert c.MoveCaller("REF-c1", documents.ParkCaller(ROOM)) in story.last
    assert c.EndAgent() in story.last
    assert [ring.leg for ring in story.did(c.RingStaff)] == [staff(1)]
    assert not story.did(c.PlayMusic)


def test_who_waits_hears_music_and_from_time_to_time_what_is_true() -> None:
    story = parked()
    assert story.answer() == documents.Wait("", "built-in", 20.0)
    story.at += 20
    answer = asked(story).answer()
    assert isinstance(answer, documents.Wait)
    assert answer.say.startswith("I'm still trying Dana.")
    story.leg_ends(1, "no_answer")
    assert asked(story).answer() == documents.Wait("Dana is not picking up.", "built-in", 18.1)
    assert asked(story).answer() == documents.Wait("", "built-in", 19.9)


def test_who_accepts_enters_the_room_and_the_caller_is_not_moved() -> None:
    story = parked().answers(1).staff_presses(1, "1")
    assert story.answer() == documents.JoinStaff(staff(1), ROOM)
    assert not story.did(c.MoveCaller)
    story.joins(staff(1))
    assert story.phase() == Phase.CONNECTED
    assert not story.did(c.EndAgent)  # it ended long ago


def test_a_caller_who_is_not_in_the_room_yet_is_waited_for() -> None:
    story = Story(parking()).ringing("Can I talk to someone?").answers(1).staff_presses(1, "1").joins(staff(1))
    assert story.phase() == Phase.BRIDGING
    assert story.joins(CALLER).phase() == Phase.CONNECTED


def test_when_nobody_comes_the_caller_is_fetched_and_a_receptionist_who_knows_takes_the_message() -> None:
    story = parked().leg_ends(1, "no_answer").leg_ends(2, "busy")
    assert c.MoveCaller("REF-c1", documents.ConnectCaller(2)) in story.last
    (start,) = story.did(c.StartAgent)
    assert start.greeting == ""
    assert "caller: Can I talk to someone?" in start.prompt
    assert not story.did(c.PlayLine)
    story.media(2)
    assert story.did(c.PlayLine)[0].text.startswith("No one is free right now.")
    assert "Read this back" in story.line_heard().did(c.AskAgent)[0].instructions


def test_never_mind_is_heard_in_the_room_too() -> None:
    story = parked().says("Never mind")
    assert c.CancelLeg(staff(1), "") in story.last
    assert c.MoveCaller("REF-c1", documents.ConnectCaller(2)) in story.last
    assert story.phase() == Phase.RETURNING
    story.media(2)
    assert story.phase() == Phase.TALKING
    assert "how you can help" in story.did(c.AskAgent)[0].instructions


def test_an_emergency_said_in_the_room_is_told_about_911_and_rings_again() -> None:
    story = parked().says("I can't breathe")
    assert c.MoveCaller("REF-c1", documents.ConnectCaller(2)) in story.last
    story.media(2)
    assert "911" in story.did(c.PlayLine)[0].text
    story.line_heard()
    assert c.MoveCaller("REF-c1", documents.ParkCaller("c1-room-2")) in story.last
    assert len(story.did(c.RingStaff)) == 2


def test_the_longest_wait_ends_in_the_room_as_well() -> None:
    story = parked().answers(1).timer("hold", 120)
    assert isinstance(story.did(c.MoveStaff)[0].document, documents.HangUp)
    assert story.media(2).phase() == Phase.MESSAGE


def test_a_room_that_ends_under_the_caller_is_replaced() -> None:
    story = parked().happens(lambda at, request: e.CallerLeftRoom(at, request, ROOM))
    assert story.answer() == documents.ParkCaller("c1-room-2")
    assert story.phase() == Phase.RINGING
    assert story.answers(1).staff_presses(1, "1").answer() == documents.JoinStaff(staff(1), "c1-room-2")


def test_a_person_who_accepts_and_never_comes_costs_the_caller_only_time() -> None:
    story = parked().answers(1).staff_presses(1, "1").leg_ends(1, "completed")
    assert story.phase() == Phase.RINGING
    assert [ring.leg for ring in story.did(c.RingStaff)] == [staff(2)]
    assert not story.did(c.MoveCaller)


def test_a_caller_who_cannot_be_parked_holds_with_music_of_ours() -> None:
    story = Story(parking()).ringing("Can I talk to someone?").happens(lambda at: e.CallerMoveFailed(at, False, "500"))
    assert c.PlayMusic("built-in") in story.last
    story.answers(1).staff_presses(1, "1")
    assert c.MoveCaller("REF-c1", documents.JoinCaller("c1-room-2")) in story.last


def test_a_caller_who_could_not_be_fetched_is_fetched_again() -> None:
    story = parked().leg_ends(1, "no_answer").leg_ends(2, "busy")
    story.happens(lambda at: e.CallerMoveFailed(at, False, "503"))
    story.happens(lambda at, request: e.WaitAsked(at, request, ROOM))
    assert c.MoveCaller("REF-c1", documents.ConnectCaller(2)) in story.last


def test_a_caller_who_leaves_the_room_is_looked_for_and_the_phones_stop() -> None:
    story = parked().happens(lambda at: e.LegCreated(at, staff(1), "REF-1"))
    story.happens(lambda at: e.LeftRoom(at, CALLER, ROOM))
    assert story.last == (c.CheckCaller("REF-c1"),)
    assert c.CancelLeg(staff(1), "REF-1") in story.hangs_up().last


def test_an_ended_session_has_not_failed() -> None:
    story = Story(parking(), now=TUESDAY_NIGHT).ringing().joins(CALLER)
    story.happens(lambda at: e.AgentFailed(at, "too late to matter"))
    story.leg_ends(1, "no_answer")
    assert story.phase() == Phase.MESSAGE  # the ended session did not fail: another one is opened
    assert story.did(c.StartAgent)
