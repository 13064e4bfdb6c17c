"""One call measured: what its journal says of waiting, talking, repeating, and who hung up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import pytest

from flowengine.call import events as e
from flowengine.call.measures import CallMeasures, HandOver, judged, measure, unmeasured
from flowengine.call.retelling import Said, known_of, retold
from tests.call.story import CALLER, TUESDAY_NIGHT, Story, changed, edited, office, staff


def of(story: Story, *, key: bytes = b"") -> CallMeasures:
    return measure(story.flow, story.events, key=key)


def only(story: Story) -> HandOver:
    (handover,) = of(story).handovers
    return handover


def talks(story: Story, *lines: tuple[str, str], after: float = 5.0) -> Story:
    for who, text in lines:
        kind = e.CallerSaid if who == "caller" else e.StaffSaid
        story.happens(lambda at, kind=kind, text=text: kind(at, text), after)
    return story


def test_a_call_without_a_hand_over_is_only_a_call() -> None:
    measured = of(Story().picked_up().says("What are your hours?").hangs_up())
    assert (measured.handovers, measured.outcome, measured.known) == ((), "ended", True)


def test_a_decision_at_night_is_no_hand_over() -> None:
    story = Story(now=TUESDAY_NIGHT).picked_up().says("Can I talk to a person?")
    assert story.call.past or story.call.handoff
    assert of(story.hangs_up()).handovers == ()


def test_the_wait_counts_from_the_decision_and_the_talk_from_the_meeting() -> None:
    story = Story().connected()
    decided = story.call.handoff.decided if story.call.handoff else 0.0
    met = story.at
    story.happens(lambda at: e.CallerHungUp(at), 40.0)
    handover = only(story)
    assert (handover.outcome, handover.department) == ("connected", "clinical")
    assert handover.attempts == ("accepted", "cancelled")  # both were rung at once
    assert handover.time_to_answer == pytest.approx(met - decided)
    assert (handover.over_by, handover.short) == ("caller", False)
    assert handover.handle_time == pytest.approx(40.0)


def test_each_phone_counts_as_an_attempt() -> None:
    story = Story().ringing().leg_ends(1, "busy", 5.0).answers(2).staff_presses(2, "1")
    assert only(story.joins(staff(2)).joins(CALLER).hangs_up()).attempts == ("busy", "accepted")


def test_who_hangs_up_while_it_rings_has_abandoned() -> None:
    handover = only(Story().ringing().happens(lambda at: e.CallerHungUp(at), 12.0))
    assert (handover.outcome, handover.connected, handover.over) == ("abandoned", None, None)


def test_who_hangs_up_before_the_first_ring_has_abandoned_too() -> None:
    story = Story().picked_up().says("My crown just fell out").hangs_up()
    assert (only(story).outcome, only(story).attempts) == ("abandoned", ())


def test_never_mind_is_not_abandoning() -> None:
    story = Story().ringing().says("never mind")
    assert only(story.hangs_up()).outcome == "receptionist"


def test_a_second_hand_over_that_is_abandoned_is_so_although_the_first_was_connected() -> None:
    story = Story(changed("  after_staff_hang_up: end", "  after_staff_hang_up: receptionist")).connected()
    room = story.call.handoff.room if story.call.handoff else ""
    story.happens(lambda at, request: e.CallerLeftRoom(at, request, room), 60.0).media()
    story.says("Can I talk to a person?").line_heard().hangs_up()
    measured = of(story)
    assert [h.outcome for h in measured.handovers] == ["connected", "abandoned"]
    assert [h.over_by for h in measured.handovers] == ["staff", ""]
    assert measured.outcome == "connected"


# ---- who left --------------------------------------------------------------------------------------------------------


def leaves(*news: str) -> HandOver:
    """A talk that ends after eight seconds by these pieces of news, a tenth of a second apart."""
    story = Story().connected()
    room = story.call.handoff.room if story.call.handoff else ""
    makes: dict[str, Callable[..., e.Event]] = {
        "caller out": lambda at: e.LeftRoom(at, CALLER, room),
        "staff out": lambda at: e.LeftRoom(at, staff(1), room),
        "staff leg": lambda at: e.LegEnded(at, staff(1), "completed"),
        "asked": lambda at, request: e.CallerLeftRoom(at, request, room),
        "hung up": lambda at: e.CallerHungUp(at),
        "gone": lambda at: e.CallerMoveFailed(at, True),
    }
    for i, name in enumerate(news):
        story.happens(makes[name], 8.0 if i == 0 else 0.1)
    return only(story)


@pytest.mark.parametrize(
    ("news", "by"),
    [
        (("hung up",), "caller"),
        (("caller out", "hung up", "staff out"), "caller"),
        (("caller out", "gone", "staff leg"), "caller"),
        (("caller out",), "caller"),
        (("staff out", "caller out", "asked", "hung up"), "staff"),
        (("caller out", "staff out", "asked", "hung up"), "staff"),  # the carrier told of the caller first
        (("staff leg", "hung up"), "staff"),
        (("asked", "hung up"), "staff"),
    ],
)
def test_who_left_is_told_by_the_hang_up_and_not_by_who_left_the_room_first(news: tuple[str, ...], by: str) -> None:
    handover = leaves(*news)
    assert handover.over_by == by
    assert handover.handle_time == pytest.approx(8.0)
    assert handover.short
    assert handover.cut_off == (by == "caller")


# ---- what was said again ---------------------------------------------------------------------------------------------


def test_what_the_caller_says_to_the_person_is_compared_with_what_was_known_when_they_met() -> None:
    handover = only(talks(Story().connected(), ("staff", "Hello?"), ("caller", "It is Maria Lopez.")).hangs_up())
    assert (handover.repeated, handover.transcribed) == (("caller_name",), True)
    assert handover.context == pytest.approx(10.0)


@pytest.mark.parametrize("who", ["caller", "staff"])
def test_without_both_sides_nothing_is_said_about_repeating(who: str) -> None:
    handover = only(talks(Story().connected(), (who, "It is about Maria Lopez.")).hangs_up())
    assert (handover.repeated, handover.context, handover.transcribed) == (None, None, False)


def test_a_gap_in_the_transcript_leaves_it_open_what_was_said() -> None:
    story = talks(Story().connected(), ("staff", "Hello?"))
    story.happens(lambda at: e.TranscriptGap(at, staff(1), True))
    handover = only(talks(story, ("caller", "It is Maria Lopez.")).hangs_up())
    assert (handover.repeated, handover.transcribed) == (None, False)


def test_what_is_said_after_they_parted_does_not_count() -> None:
    story = Story(changed("  after_staff_hang_up: end", "  after_staff_hang_up: receptionist")).connected()
    talks(story, ("staff", "One moment."), ("caller", "Sure."))
    room = story.call.handoff.room if story.call.handoff else ""
    story.happens(lambda at, request: e.CallerLeftRoom(at, request, room)).media()
    handover = only(story.says("This is Maria Lopez again").hangs_up())
    assert (handover.repeated, handover.context) == ((), None)


@pytest.mark.parametrize(
    ("field", "value", "lines", "told"),
    [
        ("callback_number", "+13125550142", ["caller: 3 1 2, 5 5 5, 0 1 4 2"], True),
        ("callback_number", "+13125550142", ["caller: oh one four two"], True),
        ("callback_number", "+13125550142", ["caller: fifty-five oh one forty two"], True),
        ("callback_number", "+13125550112", ["caller: fifty-five oh one twelve"], True),
        ("callback_number", "+13125550120", ["caller: zero one twenty"], True),
        ("callback_number", "+13125550142", ["caller: double five oh one four two"], True),
        ("callback_number", "+13125550142", ["caller: it ends, let me see, oh one, um, forty two"], True),
        ("callback_number", "+13125550142", ["caller: forty-two dollars"], False),
        ("callback_number", "+13125550142", ["caller: the last ones are 142"], False),
        ("callback_number", "+13125550142", ["staff: 0142?", "caller: 0142"], False),
        ("callback_number", "+13125550142", ["staff: ending 0142?", "caller: yes, 312 555 0142"], True),
        ("caller_name", "Dr. Maria Lopez", ["caller: I am the doctor"], False),
        ("caller_name", "Maria Lopez", ["caller: Lopez's the name"], True),
        ("caller_name", "Maria Lopez", ["staff: Maria?", "caller: Maria"], False),
        ("caller_name", "Maria Lopez", ["staff: Maria?", "caller: Maria Lopez"], True),
        ("caller_name", "Maria Lopez", ["caller: L-O-P-E-Z"], True),
        ("caller_name", "Maria Lopez", ["staff: L, O, P, E, Z?", "caller: Lopez, yes"], False),
        ("reason", "crown fell out", ["caller: my crown"], False),
        ("reason", "crown fell out", ["caller: my crown has fallen out"], True),
        ("reason", "whitening", ["caller: it is about whitening"], True),
        ("reason", "crown fell out", ["staff: your crown", "caller: the crown, it fell"], False),
        ("been_here_before", "yes", ["caller: yes"], False),
        ("case_number", "double five oh one four two", ["caller: a double room"], False),
        ("case_number", "double five oh one four two", ["caller: my case is 550142"], True),
    ],
)
def test_what_counts_as_said_again(field: str, value: str, lines: list[str], told: bool) -> None:
    assert said_again(field, value, lines, "English") == ((field,) if told else ())


@pytest.mark.parametrize(
    ("field", "value", "lines", "told"),
    [
        ("callback_number", "+13125550142", ["caller: doble cinco, cero uno, cuarenta y dos"], True),
        ("reason", "Quiere cambiar la cita del martes", ["caller: la del jueves, por favor"], False),
        ("reason", "Quiere cambiar la cita del martes", ["caller: tengo cita el martes"], True),
    ],
)
def test_what_counts_as_said_again_in_spanish(field: str, value: str, lines: list[str], told: bool) -> None:
    assert said_again(field, value, lines, "Spanish") == ((field,) if told else ())


def said_again(field: str, value: str, lines: list[str], language: str) -> tuple[str, ...]:
    talk = [Said(float(i), "caller" if who == "caller" else "staff", text)
            for i, (who, _, text) in enumerate(line.partition(": ") for line in lines)]  # fmt: skip
    return retold(known_of(office(), {field: value}, language), talk, language)


# ---- what a measure holds --------------------------------------------------------------------------------------------


def test_a_measure_holds_nothing_of_what_the_caller_said_and_no_number() -> None:
    story = talks(Story().connected(), ("staff", "Hello?"), ("caller", "Maria Lopez, my crown fell out")).hangs_up()
    held = str(asdict(of(story, key=b"secret")))
    for word in ("Maria", "Lopez", "crown just", "fell", "3125550199"):
        assert word not in held


def test_the_same_caller_is_known_again_by_whoever_has_the_key() -> None:
    first, again = Story().picked_up().hangs_up(), Story(now=TUESDAY_NIGHT).picked_up().hangs_up()
    other = Story(caller="+13125550123").picked_up().hangs_up()
    assert of(first, key=b"k").caller == of(again, key=b"k").caller != ""
    assert of(other, key=b"k").caller != of(first, key=b"k").caller != of(first, key=b"x").caller
    assert of(Story(caller="").picked_up().hangs_up(), key=b"k").caller == ""


def test_what_staff_said_afterwards_joins_the_measures() -> None:
    measured = judged(of(Story().connected().hangs_up()), {"c1-h1": (True, False), "c9-h1": (False, True)})
    (handover,) = measured.handovers
    assert (handover.resolved, handover.needed_person, measured.resolved) == (True, False, True)


def test_a_call_that_cannot_be_read_has_its_outcome_and_nothing_else() -> None:
    call = unmeasured("c1", "dental_office", "2026-11-10T10:15:00-06:00", "connected")
    assert (call.known, call.handovers, call.resolved) == (False, (), None)


def let_go(says: str) -> Story:
    """A caller who is on the way out of our hands."""
    story = Story(office("billing_support"), now="2026-11-11T10:00:00-05:00", caller="+12125550190", by="sip")
    story.picked_up().says(says)
    if story.call.handoff is None:
        story.agent_calls("transfer_to_human", rule="claim_question", matched="denied", summary="A denied claim.")
    story.notes("caller_name", "Maria Lopez").notes("reason", "A denied claim")
    return story.happens(lambda at: e.CardConfirmed(at, "webhook")).line_heard()


def test_a_referred_caller_has_left_us_and_nothing_is_known_of_the_talk() -> None:
    story = let_go("My claim was denied").happens(lambda at, request: e.ReferAnswered(at, request, True, "202 200"))
    handover = only(story.hangs_up())
    assert (handover.outcome, handover.method, handover.attempts) == ("referred", "refer", ("accepted",))
    assert (handover.connected, handover.time_to_answer, handover.handle_time) == (None, None, None)


def test_who_hangs_up_while_a_dialled_phone_rings_has_abandoned() -> None:
    story = let_go("You charged me twice")
    assert only(story.hangs_up()).outcome == "abandoned"


def test_a_machine_that_took_the_call_is_no_connection() -> None:
    flow = edited(accept="none", no_key_because="The desk is staffed and its phones have no voicemail.")
    story = Story(flow).ringing().answers(1).joins(staff(1)).joins(CALLER)
    story.happens(lambda at: e.MachineDetected(at, staff(1)), 3.0)
    assert story.hangs_up().call.outcome == "abandoned"
    assert (only(story).outcome, only(story).connected) == ("abandoned", None)
