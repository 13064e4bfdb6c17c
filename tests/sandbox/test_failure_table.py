"""Every row of the failure table of a warm transfer (twilio.md 7.3): the engine against the emulated carrier.

Which test is which row's, here unless another file is named:

- H busy, no answer, failed, canceled: a_phone_that_comes_to_nothing..., a_phone_whose_ringing_somebody_else_ended...,
  a_phone_the_carrier_will_not_ring..., when_no_phone_is_answered...
- Voicemail answers: a_voicemail_presses_no_key...; noticed: scenarios nobody_answers, voicemail_then_message
- H declines or hangs up in the whisper: who_declines..., who_hangs_up_in_the_briefing..., who_presses_nothing...
- C cannot be redirected: a_caller_who_cannot_be_moved..., a_caller_who_hangs_up_as_the_person_accepts...,
  a_move_the_carrier_cannot_make..., ..._can_make_only_later...
- C hangs up while H rings: when_the_caller_goes_the_phone_stops..., when_the_caller_goes_as_the_phone_is_picked_up...
- C hangs up during the whisper: when_the_caller_goes_in_the_briefing..., who_accepts_a_caller_who_has_gone...
- Create of H timed out: an_order_that_is_never_answered..., an_order_nobody_ever_hears_of..., a_late_answer...
- C waits alone in the room: who_accepts_and_hangs_up_on_the_way..., who_enters_the_room_and_leaves...,
  who_accepts_but_never_gets_in..., a_document_for_the_person_that_is_lost...
- Human leaves first: when_the_person_hangs_up_first..., both_hang_up_at_once...
- AI process restarts: a_crash_at_any_moment..., a_crash_while_they_talk...; test_breaks
- REST 429, 5xx: too_many_requests..., an_order_answered_with_an_error...

What these rows are for parked callers, calls without a key, notes and briefings in conversation: test_ways and
scenarios.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowengine.sandbox.carrier import Behaviour, LoseCallback, RestAnswers, RestSilent
from flowengine.sandbox.world import Options, World
from tests.sandbox.play import SPEED, Played, played
from tests.sandbox.test_breaks import crash, when
from tests.sandbox.wire import (
    ASKS,
    DANA,
    GOES,
    LUIS,
    Change,
    Watch,
    Wire,
    as_soon_as,
    call,
    caller_of,
    hangs_up,
    heard_by,
    holds,
    is_rung,
    leg_of,
    outcomes,
    rung,
    staff_of,
    told,
)

GONE = "the caller has just hung up"
MESSAGE = "I'll take a message"


def nobody(world: World) -> None:
    pass


def run(scene: Change, watch: Watch = nobody, **more: Any) -> Played:
    return played("crown", Options(speed=SPEED, **more), scenario=scene, watch=watch)


def streams(run: Played) -> int:
    """How many streams the caller had with us: one, unless she was taken somewhere and came back."""
    return sum(s.info.two_way for s in run.world.carrier.streams.values())


def until_it_rings(number: str, do: Callable[[World], object]) -> Watch:
    return lambda world: as_soon_as(world, lambda: is_rung(world, number), lambda: do(world))


def once_picked_up(number: str, do: Callable[[World], object]) -> Watch:
    return lambda world: as_soon_as(world, lambda: is_rung(world, number, "in-progress"), lambda: do(world))


# ---- nobody takes it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dana", "outcome", "status"),
    [("busy", "busy", "busy"), ("no answer", "no_answer", "no-answer"), ("fails", "failed", "failed")],
)
def test_a_phone_that_comes_to_nothing_is_followed_by_the_next(dana: str, outcome: str, status: str) -> None:
    made = run(call(staff={"Dana": dana}))
    holds(made)
    assert outcomes(made) == [("Dana", outcome), ("Luis", "accepted")]
    assert staff_of(made, DANA).status == status  # the carrier's own word, not our giving up
    assert staff_of(made, LUIS).started_at - staff_of(made, DANA).ended_at < 1.0  # type: ignore[operator]
    assert streams(made) == 1  # she stayed where she was until somebody had accepted
    assert "Luis speaking" in " ".join(made.heard("staff"))


def test_a_phone_whose_ringing_somebody_else_ended_is_followed_by_the_next() -> None:
    def cancelled(world: World) -> None:
        leg_of(world, DANA).end("canceled", 487)

    made = run(call(), until_it_rings(DANA, cancelled))
    holds(made)
    assert outcomes(made) == [("Dana", "cancelled"), ("Luis", "accepted")]


@pytest.mark.parametrize(
    ("then", "outcome", "lines", "on"),
    [
        ("take_message", "message", [{"hears": "take a message"}, {"waits": "1s"}], 1),
        ("callback", "callback", [{"hears": "have someone call you back"}], 1),
        ("receptionist", "receptionist", [{"hears": "nobody answered"}, {"waits": "1s"}], 1),
        ("voicemail", "voicemail", [{"hears": "after the tone"}, {"waits": "1s"}, {"says": "Please call me back."}], 1),
    ],
)
def test_when_no_phone_is_answered_she_gets_what_the_flow_says(
    then: str, outcome: str, lines: list[dict[str, str]], on: int
) -> None:
    change = {"departments": {"front_desk": {"if_no_one_answers": then}}}
    made = run(call(caller=[ASKS, *lines, GOES], staff={"Dana": "busy", "Luis": "busy"}, change=change))
    holds(made)
    assert outcomes(made) == [("Dana", "busy"), ("Luis", "busy")]
    assert made.report["handoffs"][0]["outcome"] == outcome
    assert streams(made) == on
    assert lines[0]["hears"] in " ".join(s.text for s in caller_of(made).heard)


# ---- a machine picks up ----------------------------------------------------------------------------------------------


def test_a_voicemail_presses_no_key_and_so_is_no_person_even_when_the_carrier_does_not_notice_it() -> None:
    made = run(call(staff={"Dana": "voicemail"}), faults=(LoseCallback("/machine"),))
    holds(made)
    assert outcomes(made) == [("Dana", "declined"), ("Luis", "accepted")]
    dana = staff_of(made, DANA)
    assert dana.ended_at is not None
    assert not dana.hung_up  # we hung up, not the machine
    assert "Thank you for taking" not in heard_by(made, DANA)  # it never met the caller


# ---- no --------------------------------------------------------------------------------------------------------------


def test_who_declines_is_let_go_and_the_next_phone_rings() -> None:
    made = run(call(staff={"Dana": "declined"}))
    holds(made)
    assert outcomes(made) == [("Dana", "declined"), ("Luis", "accepted")]
    assert streams(made) == 1


@pytest.mark.parametrize("after", ["0.5s", "3s"], ids=["at once", "in the briefing"])
def test_who_hangs_up_in_the_briefing_has_declined(after: str) -> None:
    made = run(call(staff={"Dana": ["declined", {"waits": after}, {"hangs_up": "true"}]}))
    holds(made)
    assert outcomes(made) == [("Dana", "declined"), ("Luis", "accepted")]
    assert staff_of(made, DANA).hung_up
    assert streams(made) == 1


def test_who_presses_nothing_is_let_go_after_a_while() -> None:
    made = run(call(staff={"Dana": ["accepts", {"presses": "none"}, {"joined": "true"}]}))
    holds(made)
    assert outcomes(made) == [("Dana", "declined"), ("Luis", "accepted")]
    asked = staff_of(made, DANA).heard[0].seconds
    assert staff_of(made, DANA).duration == pytest.approx(
        asked + 8.0, abs=1.5
    )  # accept_within, once the briefing is over


# ---- somebody accepts, and the caller cannot be moved ----------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [(400, 21220), (404, 20404)])
def test_a_caller_who_cannot_be_moved_any_more_has_gone_and_the_person_is_told(status: int, code: int) -> None:
    made = run(call(), lambda world: Wire(world).refuses("inbound", status, code))
    holds(made, most_silence=12.0)  # the emulated caller is still there, with nobody to talk to
    assert made.report["outcome"] == "abandoned"
    assert outcomes(made) == [("Dana", "caller_gone")]
    assert GONE in heard_by(made, DANA)
    assert rung(made) == [DANA]


def test_a_caller_who_hangs_up_as_the_person_accepts_leaves_nobody_in_a_room() -> None:
    def watch(world: World) -> None:
        Wire(world).meets("/key", lambda: hangs_up(world))

    made = run(call(), watch)
    holds(made)
    assert outcomes(made) == [("Dana", "caller_gone")]
    assert staff_of(made, DANA).ended_at - caller_of(made).ended_at < 6.0  # type: ignore[operator]
    assert GONE in heard_by(made, DANA)


def test_a_move_the_carrier_cannot_make_keeps_the_caller_and_rings_the_next_phone() -> None:
    made = run(call(), lambda world: Wire(world).refuses("inbound", 500, 20500, times=4))
    holds(made)
    assert outcomes(made) == [("Dana", "failed"), ("Luis", "accepted")]
    assert "could not be connected" in heard_by(made, DANA)
    assert "Luis speaking" in " ".join(made.heard("staff"))


def test_a_move_the_carrier_can_make_only_later_is_ordered_again() -> None:
    made = run(call(), lambda world: Wire(world).refuses("inbound", 503, 20503))
    holds(made)
    assert outcomes(made) == [("Dana", "accepted")]


# ---- the caller goes -------------------------------------------------------------------------------------------------


def test_when_the_caller_goes_the_phone_stops_ringing() -> None:
    """It is cancelled: `completed` might do nothing to a phone that rings."""
    made = run(
        call(staff={"Dana": "no answer"}),
        until_it_rings(DANA, lambda world: world.loop.call_later(1.5, hangs_up, world)),
        behaviour=Behaviour(completed_cancels_ringing=False),
    )
    holds(made)
    assert outcomes(made) == [("Dana", "caller_gone")]
    assert made.report["outcome"] == "abandoned"
    dana = staff_of(made, DANA)
    assert dana.status == "canceled"
    assert dana.ended_at - caller_of(made).ended_at < 2.0  # type: ignore[operator]
    assert rung(made) == [DANA]


@pytest.mark.parametrize("before", [0.12, 0.06, 0.0], ids=lambda s: f"{s:g} s before")
def test_when_the_caller_goes_as_the_phone_is_picked_up_nobody_stays_on_it(before: float) -> None:
    """The order to cancel does nothing to a phone that was picked up a moment earlier."""
    rings = 4.0
    made = run(
        call(staff={"Dana": ["accepts", {"rings": f"{rings}s"}]}),
        until_it_rings(DANA, lambda world: world.loop.call_later(rings - before - 0.02, hangs_up, world)),
    )
    holds(made)
    assert outcomes(made) == [("Dana", "caller_gone")]
    dana = staff_of(made, DANA)
    assert "1" not in [key for _, key in dana.keys]
    assert dana.ended_at - caller_of(made).ended_at < 6.0  # type: ignore[operator]
    assert told(made, "/conference") == []


def test_an_order_to_cancel_that_comes_too_late_is_followed_by_one_that_ends_the_leg() -> None:
    """The phone is picked up as the order to cancel is on its way, and what the person is to hear takes 8 s to come."""

    def watch(world: World) -> None:
        wire = Wire(world)
        wire.slow("/answer", 8.0)
        as_soon_as(world, lambda: is_rung(world, DANA), lambda: rings(world, wire))

    def rings(world: World, wire: Wire) -> None:
        dana = leg_of(world, DANA)
        wire.meets(dana.sid, dana.answer)
        world.loop.call_later(3.8, hangs_up, world)

    made = run(call(staff={"Dana": ["accepts", {"rings": "4s"}]}), watch)
    dana = staff_of(made, DANA)
    assert dana.answered_at is not None
    assert dana.status == "completed"
    assert dana.ended_at - caller_of(made).ended_at < 2.0  # type: ignore[operator]
    assert outcomes(made) == [("Dana", "caller_gone")]


def test_when_the_caller_goes_in_the_briefing_the_person_is_told_so() -> None:
    made = run(call(), once_picked_up(DANA, lambda world: world.loop.call_later(2.0, hangs_up, world)))
    holds(made)
    assert outcomes(made) == [("Dana", "caller_gone")]
    assert GONE in heard_by(made, DANA)
    assert made.report["work"] == ["missed_call"]
    assert staff_of(made, DANA).keys == []


def test_who_accepts_a_caller_who_has_gone_is_told_so_by_the_answer_to_the_key() -> None:
    """The order to tell her fails, so the key comes when the call is over."""

    def watch(world: World) -> None:
        Wire(world).refuses(DANA, 500, 20500, times=4)
        once_picked_up(DANA, lambda world: world.loop.call_later(2.0, hangs_up, world))(world)

    made = run(call(), watch)
    dana = staff_of(made, DANA)
    assert [key for _, key in dana.keys] == ["1"]
    assert GONE in heard_by(made, DANA)
    assert dana.ended_at is not None
    assert outcomes(made) == [("Dana", "caller_gone")]
    assert told(made, "/conference") == []


# ---- the order to ring is never answered, or answered with an error --------------------------------------------------


def test_an_order_that_is_never_answered_rings_one_phone_and_its_own_news_tell() -> None:
    made = run(call(), faults=(RestSilent("/Calls.json"),))
    holds(made)
    assert rung(made) == [DANA]
    assert outcomes(made) == [("Dana", "accepted")]


def test_an_order_nobody_ever_hears_of_again_is_not_repeated_and_its_late_answer_is_refused() -> None:
    """The carrier begins a call every 12 s, so Luis's phone still rings when we have stopped waiting for word of it."""
    scene = call(
        caller=[ASKS, {"hears": "take a message"}, {"waits": "15s"}, GOES],
        staff={"Dana": "busy", "Luis": ["accepts", {"rings": "7s"}]},
    )
    made = run(
        scene,
        behaviour=Behaviour(calls_per_second=1 / 12),
        faults=(RestSilent("/Calls.json", nth=2), LoseCallback("-staff-2/status")),
    )
    holds(made, most_silence=16.0)  # her own
    assert outcomes(made) == [("Dana", "busy"), ("Luis", "unknown")]
    assert rung(made) == [DANA, LUIS]
    luis = staff_of(made, LUIS)
    assert luis.keys == []
    assert "no longer waiting" in heard_by(made, LUIS) or "already been taken" in heard_by(made, LUIS)


def test_a_late_answer_after_the_call_is_over_is_refused_in_words() -> None:
    scene = call(
        caller=[ASKS, {"hears": "connecting you"}, {"waits": "6s"}, GOES],
        staff={"Dana": "busy", "Luis": ["accepts", {"rings": "6s"}]},
    )
    made = run(
        scene,
        behaviour=Behaviour(calls_per_second=1 / 6),
        faults=(RestSilent("/Calls.json", nth=2), LoseCallback("-staff-2/status")),
    )
    assert outcomes(made) == [("Dana", "busy"), ("Luis", "caller_gone")]
    assert GONE in heard_by(made, LUIS)


def test_an_order_answered_with_an_error_is_not_repeated() -> None:
    """Nobody knows whether the phone rings; it is waited for as if it did, then the next one is rung."""
    made = run(call(), faults=(RestAnswers("/Calls.json", 500, 20500),))
    holds(made)
    assert outcomes(made) == [("Dana", "unknown"), ("Luis", "accepted")]
    assert rung(made) == [LUIS]
    assert streams(made) == 1


def test_too_many_requests_are_ordered_again_a_little_later() -> None:
    wires: list[Wire] = []
    made = run(
        call(),
        lambda world: wires.append(Wire(world)),
        faults=(RestAnswers("/Calls.json", 429, 20429, nth=1), RestAnswers("/Calls.json", 429, 20429, nth=2)),
    )
    holds(made)
    assert outcomes(made) == [("Dana", "accepted")]
    created = [at for at, method, path in wires[0].orders if path.endswith("/Calls.json")]
    first, second, third = created
    assert 0.25 <= second - first < 1.0
    assert third - second > second - first  # longer and longer


def test_a_phone_the_carrier_will_not_ring_is_followed_by_the_next() -> None:
    made = run(call(), faults=(RestAnswers("/Calls.json", 400, 21211),))
    holds(made)
    assert outcomes(made) == [("Dana", "failed"), ("Luis", "accepted")]
    assert "21211" in made.report["handoffs"][0]["attempts"][0]["evidence"]


# ---- she is alone in the room ----------------------------------------------------------------------------------------


def test_who_accepts_and_hangs_up_on_the_way_leaves_nobody_alone() -> None:
    def watch(world: World) -> None:
        Wire(world).meets("/key", lambda: world.loop.call_later(0.1, hangs_up, world, DANA))

    made = run(call(), watch)
    holds(made)
    assert outcomes(made) == [("Dana", "failed"), ("Luis", "accepted")]
    assert "Luis speaking" in " ".join(made.heard("staff"))
    rooms = {r.values["FriendlyName"] for r in told(made, "/conference")}
    assert len(rooms) <= 2


def test_who_enters_the_room_and_leaves_before_the_caller_comes_leaves_nobody_alone() -> None:
    def watch(world: World) -> None:
        Wire(world).meets("/conference", lambda: hangs_up(world, DANA))

    made = run(call(), watch, behaviour=Behaviour(redirect_seconds=1.0))
    holds(made)
    assert outcomes(made) == [("Dana", "failed"), ("Luis", "accepted")]


def test_who_accepts_but_never_gets_into_the_room_is_let_go() -> None:
    """The answer to her key is slow on its way; meanwhile the caller is fetched back."""

    def watch(world: World) -> None:
        Wire(world).slow("-staff-1/key", 13.5)

    made = run(call(), watch)
    holds(made, most_silence=13.0)
    assert outcomes(made) == [("Dana", "failed"), ("Luis", "accepted")]
    assert "could not be connected" in heard_by(made, DANA)
    together = [r.values["FriendlyName"] for r in told(made, "/conference", StatusCallbackEvent="participant-join")]
    assert together.count(together[-1]) == 2


def test_a_document_for_the_person_that_is_lost_costs_the_caller_nothing() -> None:
    made = run(call(), faults=(LoseCallback("/key", 1),))
    holds(made)
    assert outcomes(made) == [("Dana", "declined"), ("Luis", "accepted")]


# ---- the person goes first -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "hears"),
    [("end", ""), ("receptionist", "How can I help you now"), ("take_message", MESSAGE)],
)
def test_when_the_person_hangs_up_first_she_gets_what_the_flow_says(wish: str, hears: str) -> None:
    lines = [ASKS, {"hears": "good day"}, {"hears": hears or "nothing"}, {"waits": "1s"}, GOES]
    dana = ["accepts", {"says": "Dana speaking, all done, good day."}, {"hangs_up": "true"}]
    change = {"transfer": {"after_staff_hang_up": wish}}
    made = run(call(caller=lines, staff={"Dana": dana}, change=change))
    holds(made, most_silence=4.0)  # one of them is how long the person takes to put the phone down
    assert outcomes(made) == [("Dana", "accepted")]
    caller, left = caller_of(made), staff_of(made, DANA).ended_at
    assert caller.ended_at is not None
    assert left is not None
    if wish == "end":
        assert caller.ended_at - left < 3.0
        assert not caller.hung_up
    else:
        assert hears in " ".join(s.text for s in caller.heard)
        assert caller.hung_up
    assert streams(made) == (1 if wish == "end" else 2)


def test_both_hang_up_at_once_and_there_is_one_outcome() -> None:
    def both(world: World) -> None:
        hangs_up(world, DANA)
        hangs_up(world)

    def talking(world: World) -> None:
        as_soon_as(
            world,
            lambda: any(r.values.get("StatusCallbackEvent") == "conference-start" for r in world.carrier.requests),
            lambda: world.loop.call_later(4.0, both, world),
        )

    made = run(call(), talking)
    holds(made)
    assert made.report["outcome"] == "connected"
    assert outcomes(made) == [("Dana", "accepted")]


# ---- our process dies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["LegEnded", "LegAnswered", "StaffPressed"])
def test_a_crash_at_any_moment_of_a_handoff_rings_nobody_twice(moment: str) -> None:
    made = run(call(staff={"Dana": "busy"}), when(moment, crash))
    holds(made, most_silence=4.0)
    assert made.report["outcome"] == "connected"
    assert outcomes(made)[-1][1] == "accepted"


def test_a_crash_while_they_talk_is_noticed_by_nobody() -> None:
    def later(world: World) -> None:
        world.loop.call_later(1.0, crash, world)

    made = run(call(), when("CallerMoved", later))
    holds(made)
    assert made.report["outcome"] == "connected"
    caller = caller_of(made)
    assert "Dana speaking" in " ".join(s.text for s in caller.heard)
    assert "taking my call" in heard_by(made, DANA)
    assert caller.hung_up
