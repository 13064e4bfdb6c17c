"""What a change of a flow file does to callers, in sentences."""

from __future__ import annotations

from flowengine.call.differences import difference
from tests.flow.office import dental, small


def test_the_same_flow_is_no_difference() -> None:
    found = difference(dental(), dental())
    assert (found.callers, found.office) == ((), ())


def test_other_names_of_rules_and_departments_are_noticed_by_no_caller() -> None:
    renamed = small(
        ("front_desk", "desk"),
        ("asked_for_a_person", "wants_somebody"),
        ("    people: [dana", "    say_as: front desk\n    people: [dana"),
    )
    found = difference(small(), renamed)
    assert found.callers == ()
    assert [s.splitlines()[0] for s in found.office] == [
        "Names of rules in reports:",
        "Names of departments in reports:",
    ]


def test_another_order_of_people_is_told_with_both_lists() -> None:
    (told,) = difference(small(), small(("[dana, luis]", "[luis, dana]"))).callers
    assert told.splitlines() == [
        "A caller who says “Can I talk to a person?”, Monday to Friday 8 am to 5 pm:",
        "    before  front_desk: Dana 20 s, Luis 20 s, then receptionist",
        "    now     front_desk: Luis 20 s, Dana 20 s, then receptionist",
    ]


def test_another_line_is_told_as_it_is_heard() -> None:
    (told,) = difference(small(), small(add="transfer:\n  say_before: One moment for {department}.\n")).callers
    assert "    no longer hears “I'm connecting you with front desk. It usually takes about half a minute.”" in told
    assert "    hears “One moment for front desk.”" in told


def test_longer_hours_are_told_for_the_hour_that_changed() -> None:
    found = difference(small(), small(("mon-fri: 8am - 5pm", "mon-fri: 8am - 6pm")))
    told = [s for s in found.callers if s.startswith("A caller")]
    assert [s.splitlines()[0] for s in told] == [
        "A caller who says “Can I talk to a person?”, or asks for Dana, Monday to Friday 5 pm to 6 pm:",
        "A caller who asks for Luis, Monday to Friday 5 pm to 6 pm:",
    ]


def test_what_she_may_state_is_noticed_and_a_changed_phone_only_by_the_office() -> None:
    facts = (("  timezone: America/Chicago\n", "  timezone: America/Chicago\n  facts: {parking: Behind the house}\n"),)
    assert difference(small(), small(*facts)).callers == (
        "The facts she may state:\n    parking: nothing → Behind the house",
    )
    phone = difference(small(), small(("+1 312-555-0111", "+1 312-555-0119")))
    assert phone.callers == ()
    assert phone.office == ("People's phones:\n    Dana: +13125550111 → +13125550119",)


def test_a_new_phrase_is_tried_on_both_versions() -> None:
    new = small(add="  - rule: serious\n    caller_says: [lawyer]\n    to: take_message\n")
    (told,) = difference(small(), new).callers
    assert told.splitlines() == [
        "A caller who says “lawyer”:",
        "    before  receptionist",
        "    now     take_message",
    ]


def test_a_rule_that_took_a_sentence_from_another_is_found_by_the_phrase_it_took() -> None:
    rule = "  - rule: first\n    caller_says: [talk to]\n    to: take_message\n"
    taken = small(("when_to_transfer:\n", f"when_to_transfer:\n{rule}"))
    told = "\n".join(difference(small(), taken).callers)
    assert "says “Can I talk to a person?”" in told


def test_what_is_found_out_is_told_in_words() -> None:
    size = "{field: size, type: choice, choices: [small, big]}"
    asks = f"  name: Ava\n  find_out:\n    - {{field: caller_name, required: true}}\n    - {size}\n"
    told = "\n".join(difference(small(), small(("  name: Ava\n", asks))).callers)
    assert "    new: size, type choice, choices small, big" in told
    assert "{" not in told.replace("{department}", "")
