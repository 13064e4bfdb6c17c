"""Two who met: the sentence both hear, and what the caller gets when the person hangs up first."""

from __future__ import annotations

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.state import Phase
from flowengine.flow.model import Flow
from tests.call.story import Story, changed, staff


def after(word: str) -> Flow:
    return changed("  after_staff_hang_up: end", f"  after_staff_hang_up: {word}")


def person_left(story: Story) -> Story:
    room = story.call.handoff.room if story.call.handoff else ""
    return story.happens(lambda at, request: e.CallerLeftRoom(at, request, room), 60.0)


def test_both_hear_one_sentence_when_they_meet_and_nothing_else_from_us() -> None:
    story = Story(changed("  introduction: none", "  introduction: announced")).connected()
    (announce,) = story.did(c.Announce)
    story.happens(lambda at, request: e.AnnouncementAsked(at, request, announce.room))
    assert story.answer() == documents.SayToRoom("Maria Lopez, you are now connected with Hygiene desk.")
    assert not [turn for turn in story.call.turns if turn.speaker == "staff"]


def test_without_the_word_nothing_is_announced_and_a_late_question_hears_nothing() -> None:
    story = Story().connected()
    assert not story.ever(c.Announce)
    story.hangs_up().happens(lambda at, request: e.AnnouncementAsked(at, request, "c1-room-1"))
    assert story.answer() in (documents.SayToRoom(""), documents.HangUp())


def test_the_call_ends_with_the_person_unless_the_flow_says_otherwise() -> None:
    assert person_left(Story().connected()).answer() == documents.HangUp()


def test_the_receptionist_takes_over_again_and_knows_whom_the_caller_talked_with() -> None:
    story = person_left(Story(after("receptionist")).connected())
    assert story.answer() == documents.ConnectCaller(2)
    (start,) = story.did(c.StartAgent)
    assert "Hygiene desk, who has hung up" in start.prompt
    story.media(2)
    assert story.phase() == Phase.TALKING
    assert "anything else" in story.did(c.AskAgent)[0].instructions
    assert story.hangs_up().did(c.EndCall) == [c.EndCall("connected")]


def test_a_message_can_be_left_after_the_person() -> None:
    story = person_left(Story(after("take_message")).connected()).media(2)
    assert story.phase() == Phase.MESSAGE
    story.line_heard().agrees()
    assert story.did(c.AddWork)[0].kind == "message"


def test_a_caller_nobody_asks_about_after_the_person_left_is_fetched() -> None:
    story = Story(after("receptionist")).connected().leg_ends(1, "completed", 60.0)
    assert c.StartTimer("goodbye", 3.0) in story.last
    assert c.MoveCaller("REF-c1", documents.ConnectCaller(2)) in story.timer("goodbye", 3).last
    assert (
        c.MoveCaller("REF-c1", documents.HangUp())
        in Story().connected().leg_ends(1, "completed").timer("goodbye", 3).last
    )


def test_whoever_was_rung_is_not_rung_again_after_the_return() -> None:
    story = person_left(Story(after("receptionist")).connected()).media(2)
    story.says("My crown just fell out again").line_heard() if story.call.line else None
    assert staff(1) not in [ring.leg for ring in story.did(c.RingStaff)]
