"""Who is rung: hours, absences and lists, at pinned moments."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.flow.model import (
    CallbackStep,
    Flow,
    HangUpStep,
    ReceptionistStep,
    Ring,
    Rule,
    Spoken,
    Step,
    TakeMessageStep,
    ToDepartment,
)
from flowengine.flow.routing import RingPlan, Stage, first_step, ring_list, ring_person, ringable, walk
from tests.flow.office import at, dental, small

DAY, NIGHT = at(11, 10, 10, 15), at(11, 10, 23)
THANKSGIVING = at(11, 26, 10)
TWO = """\
    people: [dana]
    if_no_one_answers: {}
  other:
    people: [luis]
    if_no_one_answers: {}"""
THREE = """\
    people: [dana]
    if_no_one_answers: [b, c]
  b:
    people: [dana]
    if_no_one_answers: voicemail
  c:
    people: [luis]
    if_no_one_answers: callback"""
REED = """\
  reed:
    name: Dr. Reed
    phone: 312-555-0122
    hours: {tue: 9am - 11am}
    away: [{dates: 17 Nov, replaced_by: luis}]
"""


def rule(flow: Flow, key: str) -> Rule:
    return next(rule for rule in flow.rules if rule.key == key)


def people(plan: RingPlan) -> list[tuple[str, ...]]:
    return [stage.people for stage in plan.stages]


def test_a_lost_crown_by_day_and_by_night() -> None:
    flow = dental()
    clinical = rule(flow, "clinical_question")
    by_day = ring_list(flow, clinical.to, DAY, rule=clinical)
    assert by_day.stages == (
        Stage("clinical", ("hygiene", "reed"), Ring.ALL_AT_ONCE),
        Stage("front_desk", ("dana", "luis"), Ring.IN_ORDER),
    )
    assert (by_day.department, by_day.then) == ("clinical", TakeMessageStep())
    for moment in (NIGHT, THANKSGIVING):
        by_night = ring_list(flow, clinical.to, moment, rule=clinical)
        assert by_night == RingPlan(
            "on_call_dentist", (Stage("on_call_dentist", ("reed",), Ring.IN_ORDER),), CallbackStep()
        )


def test_people_already_rung_are_skipped() -> None:
    flow = dental()
    plan = ring_list(flow, "clinical", DAY, already_rung=("reed", "dana"))
    assert people(plan) == [("hygiene",), ("luis",)]
    nobody = ring_list(flow, "front_desk", DAY, already_rung=("dana", "luis"))
    assert nobody == RingPlan("front_desk", (), TakeMessageStep())


def test_a_closed_target_without_replacement_goes_down_its_list() -> None:
    flow = dental()
    asked = rule(flow, "asked_for_a_person")
    assert ring_list(flow, asked.to, NIGHT, rule=asked) == RingPlan("front_desk", (), TakeMessageStep())


def test_a_replacement_that_is_closed_too_leaves_the_targets_list() -> None:
    flow = small(
        ("    to: front_desk", "    to: front_desk\n    to_when_closed: other"),
        (
            "    people: [dana, luis]",
            TWO.format("callback", "take_message"),
        ),
    )
    asked = flow.rules[0]
    assert first_step(flow, asked, NIGHT) == ToDepartment("front_desk")
    assert ring_list(flow, asked.to, NIGHT, rule=asked) == RingPlan("front_desk", (), CallbackStep())
    assert first_step(flow, asked, DAY, already_rung=("dana",)) == ToDepartment("other")
    assert ring_list(flow, asked.to, DAY, already_rung=("dana",), rule=asked).then == TakeMessageStep()


def test_a_replacement_that_is_no_department_always_holds() -> None:
    flow = small(("    to: front_desk", "    to: front_desk\n    to_when_closed: {hang_up: Call tomorrow.}"))
    assert ring_list(flow, flow.rules[0].to, NIGHT, rule=flow.rules[0]) == RingPlan(
        "", (), HangUpStep(Spoken("Call tomorrow."))
    )
    assert people(ring_list(flow, flow.rules[0].to, DAY, rule=flow.rules[0])) == [("dana", "luis")]


def test_a_rules_own_list_replaces_the_departments() -> None:
    flow = small(
        ("    to: front_desk", "    to: front_desk\n    if_no_one_answers: [other, callback]"),
        (
            "    people: [dana, luis]",
            TWO.format("take_message", "voicemail"),
        ),
    )
    plan = ring_list(flow, flow.rules[0].to, DAY, rule=flow.rules[0])
    assert (people(plan), plan.then) == ([("dana",), ("luis",)], CallbackStep())
    assert ring_list(flow, "front_desk", DAY).then == TakeMessageStep()


def test_inner_departments_lend_people_and_the_last_goes_on() -> None:
    flow = small(
        (
            "    people: [dana, luis]",
            THREE,
        ),
    )
    plan = ring_list(flow, "front_desk", DAY)
    assert (people(plan), plan.then) == ([("dana",), ("luis",)], CallbackStep())


def test_no_list_leads_back_to_the_receptionist() -> None:
    assert ring_list(small(), "front_desk", DAY).then == ReceptionistStep()
    assert ring_list(small(), TakeMessageStep(), DAY) == RingPlan("", (), TakeMessageStep())


def test_somebody_asked_for_by_name() -> None:
    flow = dental()
    plan = ring_person(flow, "luis", DAY)
    assert plan == RingPlan(
        "front_desk",
        (Stage("front_desk", ("luis",), Ring.IN_ORDER), Stage("front_desk", ("dana",), Ring.IN_ORDER)),
        TakeMessageStep(),
    )
    assert ring_person(flow, "luis", NIGHT) == RingPlan("front_desk", (), TakeMessageStep())
    assert people(ring_person(flow, "luis", DAY, already_rung=("luis",))) == [("dana",)]
    alone = small(("[dana, luis]", "[dana]"))
    assert ring_person(alone, "luis", DAY) == RingPlan("", (), ReceptionistStep())
    assert people(ring_person(alone, "dana", DAY)) == [("dana",)]


def test_hours_dates_and_absences_of_people() -> None:
    flow = small(
        ("phone: +1 312-555-0111}", "phone: +1 312-555-0111, hours: {mon-fri: 8am - 12pm}}"),
        (
            "phone: +1 312-555-0112}",
            "phone: +1 312-555-0112, away: [{dates: 10 Nov, replaced_by: reed}, {dates: 11 Nov}]}",
        ),
        (
            "receptionist:",
            REED + "receptionist:",
        ),
        ("[dana, luis]", "[{person: dana, dates: 1 Nov - 11 Nov}, luis, {person: reed, hours: {tue: 3pm - 4pm}}]"),
    )
    assert ringable(flow, "front_desk", at(11, 10, 10)) == ("dana", "reed")  # Luis is away, Dr. Reed stands in
    assert ringable(flow, "front_desk", at(11, 10, 13)) == ()  # Dana has gone, and Dr. Reed does not stand in now
    assert ringable(flow, "front_desk", at(11, 10, 15)) == ("reed",)  # an entry's hours replace the person's
    assert ringable(flow, "front_desk", at(11, 11, 10)) == ("dana",)  # nobody stands in
    assert ringable(flow, "front_desk", at(11, 12, 10)) == ("luis",)
    assert ringable(flow, "front_desk", at(11, 17, 15)) == ("luis",)  # twice on the list, once rung
    assert ringable(flow, "front_desk", at(11, 14, 10)) == ()


def test_people_who_stand_in_for_each_other() -> None:
    flow = small(
        ("phone: +1 312-555-0111}", "phone: +1 312-555-0111, away: [{dates: 10 Nov, replaced_by: luis}]}"),
        ("phone: +1 312-555-0112}", "phone: +1 312-555-0112, away: [{dates: 10 Nov, replaced_by: dana}]}"),
    )
    assert ringable(flow, "front_desk", at(11, 10, 10)) == ()


_STEPS: st.SearchStrategy[Step] = st.one_of(
    st.sampled_from([ToDepartment("a"), ToDepartment("b"), ToDepartment("c")]),
    st.sampled_from([CallbackStep(), TakeMessageStep()]),
)


@settings(max_examples=200)
@given(st.lists(st.lists(_STEPS, min_size=1, max_size=4), min_size=3, max_size=3), st.lists(_STEPS, max_size=3))
def test_every_list_comes_to_an_end(lists: list[list[Step]], own: list[Step]) -> None:
    """Even lists that run in a circle, which the checks refuse: everybody once at most, then a step, no person."""
    from dataclasses import replace

    flow = small(("  front_desk:", "  b: {people: [luis]}\n  c: {people: [dana]}\n  a:"), ("to: front_desk", "to: a"))
    departments = {
        key: replace(department, if_no_one_answers=tuple(steps))
        for (key, department), steps in zip(flow.departments.items(), lists, strict=True)
    }
    looped = replace(flow, departments=departments)
    plan = ring_list(looped, "a", DAY)
    rung = [person for stage in plan.stages for person in stage.people]
    assert len(rung) == len(set(rung))
    assert not isinstance(plan.then, ToDepartment)
    assert not isinstance(walk(looped, ToDepartment("a"), tuple(own)).then, ToDepartment)
