"""Rehearsed calls: every act of a caller, every outcome of a phone, and that a rehearsal is the real core."""

from __future__ import annotations

import pytest

from flowengine.call.expecting import missed, outcome, story
from flowengine.call.journal import decode, encode, replay
from flowengine.call.rehearsal import Rehearsal, rehearse
from flowengine.flow.model import Flow
from tests.flow.office import billing, dental, small

TESTED = """\
tests:
  - name: it
    at: Tue 10:15am
"""


def office(caller: str, *, more: str = "", changes: tuple[tuple[str, str], ...] = (), add: str = "") -> Flow:
    """The small office with one test: `caller` in YAML, and more of the test."""
    return small(*changes, add=f"{add}{TESTED}    caller: {caller}\n    expect: {{rule: none}}\n{more}")


def played(flow: Flow) -> Rehearsal:
    return rehearse(flow, flow.tests[0])


def rehearsed(caller: str, *, more: str = "", changes: tuple[tuple[str, str], ...] = (), add: str = "") -> Rehearsal:
    return played(office(caller, more=more, changes=changes, add=add))


PERSON = "Can I talk to a person?"


def test_a_caller_who_asks_for_a_person_gets_the_first_who_accepts() -> None:
    flow = office(PERSON)
    got = outcome(flow, played(flow))
    assert (got.rule, got.department, got.method) == ("asked_for_a_person", "front_desk", "conference")
    assert (got.tried, got.connected_to, got.ends_with) == (("Dana",), "Dana", "connected")


@pytest.mark.parametrize(
    ("dana", "came_to"),
    [
        ("no answer", "no_answer"),
        ("busy", "busy"),
        ("declined", "declined"),
        ("voicemail", "voicemail"),
        ("fails", "failed"),
    ],
)
def test_each_outcome_of_a_phone_leads_to_the_next(dana: str, came_to: str) -> None:
    flow = office(PERSON, more=f"    staff: {{Dana: {dana}}}\n")
    rehearsal = played(flow)
    got = outcome(flow, rehearsal)
    assert (got.tried, got.connected_to) == (("Dana", "Luis"), "Luis")
    assert rehearsal.call.handoff is not None
    assert [a.outcome for a in rehearsal.call.handoff.attempts] == [came_to, "accepted"]


def test_nobody_answers_and_the_caller_says_no_more() -> None:
    flow = office(PERSON, more="    staff: {Dana: no answer, Luis: voicemail}\n")
    assert outcome(flow, played(flow)).ends_with == "receptionist"
    message = office(
        PERSON,
        more="    staff: {Dana: no answer, Luis: voicemail}\n",
        changes=(("    people: [dana, luis]\n", "    people: [dana, luis]\n    if_no_one_answers: take_message\n"),),
    )
    assert outcome(message, played(message)).ends_with == "take_message"


def test_words_that_match_nothing_leave_the_caller_with_the_receptionist() -> None:
    flow = office("What are your hours?")
    got = outcome(flow, played(flow))
    assert (got.rule, got.tried, got.ends_with) == ("none", (), "receptionist")


def test_a_person_asked_for_by_name_is_rung_first() -> None:
    flow = office("Could I speak to Luis, please?")
    got = outcome(flow, played(flow))
    assert (got.rule, got.connected_to) == ("person_by_name", "Luis")


def test_a_key_fires_its_rule_and_on_hold_belongs_to_the_hold() -> None:
    rule = "  - rule: pressed_zero\n    key_pressed: zero\n    to: front_desk\n"
    flow = office("[{presses: zero}]", add=rule)
    assert outcome(flow, played(flow)).rule == "pressed_zero"
    star = office("[{presses: zero}, {presses: star}]", add=rule)
    got = outcome(star, played(star))
    assert (got.connected_to, got.ends_with) == ("", "receptionist")


def test_never_mind_on_hold_brings_the_receptionist_back() -> None:
    flow = office(f"[{{says: {PERSON}}}, {{says: never mind}}]")
    assert outcome(flow, played(flow)).ends_with == "receptionist"
    message = office(f"[{{says: {PERSON}}}, {{says: message}}]")
    assert outcome(message, played(message)).ends_with == "take_message"


def test_hanging_up_on_hold_abandons_the_call() -> None:
    flow = office(f"[{{says: {PERSON}}}, {{waits: 2s}}, {{hangs_up: true}}]")
    got = outcome(flow, played(flow))
    assert (got.ends_with, got.connected_to) == ("abandoned", "")


def test_interrupting_cuts_the_greeting_and_not_a_decided_handoff() -> None:
    cut = office(f"[{{interrupts: {PERSON}}}]")
    greeting = played(cut).lines_heard[0]
    whole = played(office(PERSON)).lines_heard[0]
    assert greeting.text == whole.text
    assert greeting.seconds < whole.seconds
    flow = office(f"[{{says: {PERSON}}}, {{interrupts: What are you doing?}}]")
    assert outcome(flow, played(flow)).ends_with == "connected"


def test_waiting_lets_a_timed_rule_fire_and_too_short_does_not() -> None:
    rule = "  - rule: too_long\n    call_longer_than: 2min\n    to: front_desk\n"
    long = office("[{waits: 2min}]", add=rule)
    assert outcome(long, played(long)).rule == "too_long"
    short = office("[{waits: 20s}]", add=rule)
    assert outcome(short, played(short)).rule == "none"


def test_unclear_speech_counts() -> None:
    rule = "  - rule: unclear\n    not_understood: 2 turns\n    to: front_desk\n"
    twice = office("[{unclear: true}, {unclear: true}]", add=rule)
    assert outcome(twice, played(twice)).rule == "unclear"
    once = office("[{unclear: true}, {says: Hello there}, {unclear: true}]", add=rule)
    assert outcome(once, played(once)).rule == "none"


def test_a_mood_counts_from_the_turn_in_which_it_shows() -> None:
    rule = "  - rule: upset\n    mood: [angry]\n    for: 2 turns\n    to: front_desk\n"
    two = office("[{says: This is bad, mood: angry}, {says: Really bad}]", add=rule)
    assert outcome(two, played(two)).rule == "upset"
    one = office("[{says: This is bad, mood: angry}]", add=rule)
    assert outcome(one, played(one)).rule == "none"
    calm = office("[{says: This is bad, mood: angry}, {says: Oh sorry, mood: calm}, {says: All good}]", add=rule)
    assert outcome(calm, played(calm)).rule == "none"


def test_failed_tries_and_repeated_questions_count() -> None:
    unsolved = "  - rule: unsolved\n    not_solved_after: 2 tries\n    to: front_desk\n"
    flow = office("[{says: It broke, unsolved: true}, {says: It still is, unsolved: true}]", add=unsolved)
    assert outcome(flow, played(flow)).rule == "unsolved"
    again = "  - rule: again\n    same_question_again: 2 times\n    to: front_desk\n"
    flow = office("[{says: Where can I park my car?}, {says: Where do I park the car?}]", add=again)
    assert outcome(flow, played(flow)).rule == "again"


def test_quiet_counts_from_the_end_of_a_reply_and_she_asks_once_halfway() -> None:
    rule = "  - rule: quiet\n    quiet_for: 20s\n    to: front_desk\n"
    flow = office("[{says: Hello}, {waits: 60s}]", add=rule)
    rehearsal = played(flow)
    assert outcome(flow, rehearsal).rule == "quiet"
    assert sum("gone quiet" in h.text for h in rehearsal.heard) == 1
    speaks = office("[{says: Hello}, {waits: 8s}, {says: Hello again}, {waits: 8s}]", add=rule)
    assert outcome(speaks, played(speaks)).rule == "none"


def test_words_of_which_the_transcript_is_unsure_count_and_sure_ones_do_not() -> None:
    rule = "  - rule: mumbling\n    confidence_below: 50%\n    to: front_desk\n"
    unsure = office("[{says: Mumble jumble, confidence: 30%}]", add=rule)
    assert outcome(unsure, played(unsure)).rule == "mumbling"
    sure = office("[{says: Mumble jumble, confidence: 80%}]", add=rule)
    assert outcome(sure, played(sure)).rule == "none"
    unknown = office("Mumble jumble", add=rule)
    assert outcome(unknown, played(unknown)).rule == "none"


def test_a_caller_who_called_before_is_known_before_the_greeting() -> None:
    rule = "  - rule: known\n    known_caller: called before\n    to: front_desk\n"
    known = office("Hello", add=rule, more="    called_before: true\n")
    assert outcome(known, played(known)).rule == "known"
    assert not any("How can I help" in h.text for h in played(known).lines_heard)
    stranger = office("Hello", add=rule)
    assert outcome(stranger, played(stranger)).rule == "none"


def test_a_caller_of_another_language_hears_its_lines() -> None:
    languages = (("  name: Ava\n", "  name: Ava\n  languages: [English, Spanish]\n"),)
    say = "transfer:\n  say_before: {English: One moment please., Spanish: Un momento por favor.}\n"
    flow = office("[{says: operator}]", changes=languages, add=say, more="    language: Spanish\n")
    lines = [h.text for h in played(flow).lines_heard]
    assert "Un momento por favor." in lines
    assert "One moment please." not in lines


def test_a_receptionist_that_fails_leaves_voicemail() -> None:
    flow = office(PERSON, more="    receptionist: fails\n")
    got = outcome(flow, played(flow))
    assert (got.rule, got.ends_with) == ("none", "voicemail")


def test_answers_fill_what_is_asked_and_no_further_line_means_no_answer() -> None:
    asks = (("  name: Ava\n", "  name: Ava\n  find_out:\n    - {field: caller_name, required: true}\n"),)
    told = rehearsed(f"[{{says: {PERSON}, answers: {{caller_name: Maria Lopez}}}}]", changes=asks)
    assert "Maria Lopez" in told.staff_heard[0].text
    then = rehearsed(f"[{{says: {PERSON}}}, {{says: Maria Lopez}}]", changes=asks)
    assert "Maria Lopez" in then.staff_heard[0].text
    silent = rehearsed(PERSON, changes=asks)
    assert "the caller:" in silent.staff_heard[0].text


def test_a_topic_is_decided_by_the_engines_matcher_in_a_rehearsal_only() -> None:
    rule = "  - rule: money\n    topic: [refund, billing dispute]\n    to: front_desk\n"
    flow = office("I would like a refund", add=rule)
    rehearsal = played(flow)
    assert outcome(flow, rehearsal).rule == "money"
    arrived = rehearsal.steps[0].event
    assert getattr(arrived, "rehearsed", False)


def test_the_first_rule_of_the_list_wins_when_two_match_one_sentence() -> None:
    rule = "  - rule: money\n    topic: [refund]\n    to: front_desk\n"
    below = office("I want to talk to a person about a refund", add=rule)
    assert outcome(below, played(below)).rule == "asked_for_a_person"
    above = office(
        "I want to talk to a person about a refund", changes=(("when_to_transfer:\n", f"when_to_transfer:\n{rule}"),)
    )
    assert outcome(above, played(above)).rule == "money"


@pytest.mark.parametrize(
    ("staff", "ends"),
    [
        ("", "referred"),
        ("{Claims desk: busy}", "referred"),
        ("{Claims desk: busy, Claims overflow: busy}", "callback"),
    ],
)
def test_a_sip_caller_is_referred(staff: str, ends: str) -> None:
    flow = billing()
    text = f"    staff: {staff}\n" if staff else ""
    changed = billing_with(f"{TESTED}    caller: my claim was denied\n    expect: {{rule: none}}\n{text}")
    assert flow.office.calls_arrive_by == "sip"
    assert outcome(changed, rehearse(changed, changed.tests[-1])).ends_with == ends


def billing_with(tests: str) -> Flow:
    from flowengine.flow.compiler import compile_flow
    from tests.flow.office import FLOWS

    text = (FLOWS / "billing_support.yaml").read_text("utf-8")
    return compile_flow(text[: text.index("\ntests:")] + "\n" + tests, "billing_support.yaml")


def test_a_rehearsal_is_a_journal_that_replays_to_the_same_call() -> None:
    flow = dental()
    for test in flow.tests:
        rehearsal = rehearse(flow, test)
        events = [decode(*encode(s.event)) for s in rehearsal.steps]
        assert [s.commands for s in replay(flow, events)] == [s.commands for s in rehearsal.steps]


def test_the_same_test_gives_the_same_story() -> None:
    flow = dental()
    tellings = {tuple(story(flow, rehearse(flow, flow.tests[0]))) for _ in range(3)}
    assert len(tellings) == 1


def test_music_begins_with_the_hold() -> None:
    flow = office(PERSON, more="    staff: {Dana: no answer, Luis: no answer}\n")
    heard = [h.what for h in played(flow).heard if not h.who and h.what != "own words"]
    assert heard[:4] == ["agent", "agent", "music", "agent"]


def test_the_story_shows_where_the_call_left_the_expected_path() -> None:
    flow = office(PERSON, more="    staff: {Dana: busy}\n")
    wrong = small(add=f"{TESTED}    caller: {PERSON}\n    staff: {{Dana: busy}}\n    expect: {{tried: [Luis]}}\n")
    rehearsal = played(flow)
    off = missed(wrong, wrong.tests[0].expect, rehearsal)
    lines = list(story(flow, rehearsal, off))
    arrow = next(i for i, line in enumerate(lines) if "------>" in line)
    assert "Dana at +1" in lines[arrow - 1]
    assert "expected these people to be tried: Luis; it was Dana, Luis" in lines[arrow]
