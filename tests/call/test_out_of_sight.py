"""Callers on no stream of ours are looked after, and whoever was let go is let go again until they have gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.legs import MOST_ENDED_AGAIN
from flowengine.call.state import Phase
from tests.call.story import CALLER, Story, office, staff

CHECK, AGAIN = c.CheckCaller("REF-c1"), c.StartTimer("watch", 30.0)


def recording() -> Story:
    return Story().picked_up().happens(lambda at: e.EngineFailed(at, "KeyError"))


def closing() -> Story:
    story = Story().ringing().happens(lambda at: e.CallerSaid(at, "I'd rather leave a message")).line_heard()
    return story.timer("message", 30)


def dialled() -> Story:
    story = Story(office("billing_support"), now="2026-11-11T10:00:00-05:00").picked_up()
    story.says("You charged me twice for one visit").notes("caller_name", "Maria Lopez").line_heard()
    return story.happens(lambda at: e.CardConfirmed(at, "webhook"))


OUT_OF_SIGHT: dict[str, Callable[[], Story]] = {
    "talks with a person": lambda: Story().connected(),
    "is recorded": recording,
    "hears the last of us": closing,
    "was dialled through": dialled,
}


@pytest.mark.parametrize("where", OUT_OF_SIGHT)
def test_a_caller_whose_end_nobody_tells_us_of_is_asked_after_until_they_are_gone(where: str) -> None:
    story = OUT_OF_SIGHT[where]()
    assert AGAIN in story.all
    for _ in range(3):
        assert story.timer("watch", 30).last == (CHECK, AGAIN)
    story.hangs_up()
    assert len(story.did(c.EndCall)) == 1
    assert story.timer("watch", 30).last == ()


def test_a_caller_who_is_heard_no_longer_is_asked_after_at_once_and_not_when_they_are_with_us() -> None:
    story = Story().connected().happens(lambda at: e.CallerUnheard(at))
    assert story.last == (c.StartTimer("watch", 2.0),)
    assert story.timer("watch", 2).last == (CHECK, AGAIN)
    assert Story().ringing().happens(lambda at: e.CallerUnheard(at)).last == ()


def test_after_a_restart_they_are_looked_after_again() -> None:
    story = Story().connected().happens(lambda at: e.EngineRestarted(at))
    assert {CHECK, AGAIN} <= set(story.last)


def test_a_caller_who_is_back_with_us_is_no_longer_asked_after() -> None:
    assert Story().ringing().timer("watch", 30).last == ()


def test_an_order_to_let_somebody_go_is_given_again_until_they_have_gone() -> None:
    story = Story().connected().hangs_up()
    (order,) = [cancel for cancel in story.did(c.CancelLeg) if cancel.leg == staff(1)]
    again = c.StartTimer(f"released:{order.leg}", 6.0)
    assert again in story.last
    story.timer(again.timer, 6)
    assert story.last == (order, again)
    assert story.leg_ends(1, "completed").timer(again.timer, 6).did(c.CancelLeg) == []


def test_it_is_not_given_for_ever() -> None:
    story = Story().connected().hangs_up()
    for _ in range(20):
        story.timer(f"released:{staff(1)}", 6)
    assert len([cancel for cancel in story.all if isinstance(cancel, c.CancelLeg) and cancel.leg == staff(1)]) == (
        1 + MOST_ENDED_AGAIN
    )


def test_after_a_restart_whoever_was_let_go_is_let_go_again() -> None:
    """Found by the state machine: the order was lost, and the timer behind it with the process."""
    story = Story().ringing("Can I talk to someone?").answers(1).staff_presses(1, "1")
    story.happens(lambda at: e.EngineFailed(at, "KeyError")).happens(lambda at: e.EngineRestarted(at))
    assert c.StartTimer(f"released:{staff(1)}", 30.0) in story.last
    assert story.timer(f"released:{staff(1)}", 30).did(c.CancelLeg) == [c.CancelLeg(staff(1), "REF-1")]


@pytest.mark.parametrize("told_first", ["that they left", "that their leg ended"])
def test_a_person_who_is_in_the_room_and_gone_before_the_caller_comes_was_never_met(told_first: str) -> None:
    """Found by the state machine: the word that they left the room overtook the word that their leg ended, and the
    caller, who came next, counted as connected with nobody and was then hung up on."""
    story = Story().ringing("Can I talk to someone?").answers(1).staff_presses(1, "1").joins(staff(1))
    room = story.call.handoff.room if story.call.handoff else ""
    words: list[Callable[[float], e.Event]] = [
        lambda at: e.LeftRoom(at, staff(1), room),
        lambda at: e.LegEnded(at, staff(1), "completed"),
    ]
    first, second = words if told_first == "that they left" else words[::-1]
    story.happens(first).happens(lambda at: e.JoinedRoom(at, CALLER, room)).happens(second)
    assert story.phase() != Phase.CONNECTED
    assert story.outcomes()[0] == "failed"
    assert isinstance(story.ever(c.MoveCaller)[-1].document, documents.ConnectCaller)
    assert story.media().phase() == Phase.RINGING
    assert [ring.leg for ring in story.ever(c.RingStaff)] == [staff(1), staff(2)]
