"""An office told in plain sentences: true for every word of the language, and nothing of our own in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowengine.flow.compiler import compile_flow
from flowengine.flow.explain import WIDTH, explain, word_lists
from flowengine.flow.explain_rules import condition
from flowengine.flow.model import DateRange, Flow, Rule, YearlyDate
from flowengine.flow.phrasing import called, counted, dates, duration, listed, nth, phone, times
from flowengine.flow.word_lists import published
from tests.flow.office import FLOWS, HERE, billing, dental, load, small

GOLDEN = HERE / "golden"
FILES = [*sorted((HERE / "good").glob("*.yaml")), *sorted(FLOWS.glob("**/*.yaml"))]
GOOD = [file for file in FILES if re.search(r"^flow:", file.read_text("utf-8"), re.MULTILINE)]  # others are shared


def compiled(file: Path) -> Flow:
    """A flow of the folder `good`, whose shared files lie in `shared`, or one that has them beside it."""
    beside = load if file.parent.name == "good" else lambda name: (file.parent / name).read_text("utf-8")
    return compile_flow(file.read_text("utf-8"), str(file), load=beside)


def told(flow: Flow) -> str:
    """The story on one line, as it would be read aloud."""
    return " ".join(explain(flow).split())


@pytest.mark.parametrize("flow", [dental(), billing()], ids=lambda flow: str(flow.key))
def test_the_story_is_the_golden_file(flow: Flow) -> None:
    """Written by `flowengine explain FLOW`; a difference here is a difference for whoever reads it."""
    assert explain(flow) + "\n" == (GOLDEN / f"{flow.key}.explain.txt").read_text("utf-8")


@pytest.mark.parametrize("file", GOOD, ids=lambda file: str(file.stem))
def test_every_good_flow_is_told_whole_and_in_plain_words(file: Path) -> None:
    flow = compiled(file)
    text, aloud = explain(flow), told(flow)
    assert max(map(len, text.splitlines())) <= WIDTH
    for ours in (
        "None",
        "Spoken(",
        "WeeklyHours",
        "Step(",
        "()",
        "  -",
        "..",
        " .",
        "{office}",
        "1 seconds",
        "1 minutes",
    ):
        assert ours not in text, ours
    names = [*(p.name for p in flow.people.values()), *(f.name.replace("_", " ") for f in flow.receptionist.find_out)]
    assert [name for name in names if name.lower() not in aloud.lower()] == []
    for department in flow.departments.values():
        assert department.say_as.lower() in aloud.lower()
    places = [text.index(f"\n{number}. {rule.key}:") for number, rule in enumerate(flow.rules, 1)]
    assert places == sorted(places)
    assert all(condition(flow, rule) in aloud for rule in flow.rules)


# ---- rules -----------------------------------------------------------------------------------------------------------


def rule_of(flow: Flow, key: str) -> Rule:
    return next(rule for rule in flow.rules if rule.key == key)


def sentence_of(flow: Flow, key: str) -> str:
    """What is told of one rule."""
    paragraph = next(p for p in explain(flow).split("\n\n") if f". {key}:" in p.split("When")[0])
    return " ".join(paragraph.split())


def test_a_rule_says_when_who_for_how_long_and_what_then() -> None:
    assert sentence_of(dental(), "serious_words") == (
        "6. serious_words: When the caller says “lawyer”, “legal action” or “file a complaint”, Ava rings our front "
        "desk: Dana for 20 seconds, then Luis. If nobody takes the call, a message is taken."
    )


def test_an_emergency_is_marked_and_says_its_line_first() -> None:
    said = sentence_of(dental(), "emergency")
    assert said.startswith("1. emergency: EMERGENCY. When the caller says “can't breathe”")
    assert "the caller first hears “If this is life-threatening, hang up and dial 911." in said
    assert "EMERGENCY" not in sentence_of(dental(), "clinical_question")


def test_a_list_of_departments_is_told_as_it_is_walked() -> None:
    said = sentence_of(dental(), "clinical_question")
    assert "Hygiene desk and Dr. Reed together for 20 seconds." in said
    assert "our front desk (Dana for 20 seconds, then Luis) is tried; if nobody does there, a message is taken." in said
    assert "If our clinical team cannot be rung at that hour, Ava rings the dentist on call: Dr. Reed for 35" in said
    assert said.endswith("Ava may not answer this, whatever the AI thinks of it.")


def test_a_rules_own_list_replaces_the_departments() -> None:
    own = small(("    to: front_desk", "    to: front_desk\n    if_no_one_answers: voicemail"))
    assert "If nobody takes the call, the caller is asked to leave a voicemail." in sentence_of(
        own, "asked_for_a_person"
    )
    assert "back with Ava" in sentence_of(small(), "asked_for_a_person")


def test_without_a_receptionist_a_voicemail_is_what_is_left() -> None:
    down = sentence_of(dental(), "receptionist_down")
    assert "our front desk is rung: Dana" in down
    assert "If nobody takes the call, the caller is asked to leave a voicemail." in down
    assert "message is taken" not in down


def test_somebody_asked_for_by_name_stands_before_the_rule_for_that_wish() -> None:
    text = explain(dental())
    assert text.index("4. billing") < text.index("- A caller who asks for Dana, Luis or") < text.index("5. asked_for")
    assert "Nobody is put through to Dr. Reed by asking for the name." in told(dental())
    last = small(("    caller_wants: to speak with a person", "    key_pressed: zero"))
    assert explain(last).index("1. asked_for") < explain(last).index("- A caller who asks for Dana or Luis")


def test_refer_and_dial_are_told_as_what_they_are() -> None:
    text = told(billing())
    assert "the caller is passed on to our claims team: Claims desk for 20 seconds, then Claims overflow." in text
    assert "the caller is connected directly with our payments team: Payments desk for 20 seconds." in text
    assert "Our claims team: The caller is given back to the office's own phone system, and Sam is out" in text
    assert "First somebody must have the card, within 5 seconds; otherwise a call back is promised." in text


def taken(**words: str) -> str:
    """How the call is taken in the small office with these words of `transfer`, and what is told of waiting."""
    said = "".join(f"  {word}: {value}\n" for word, value in {"method": "conference", **words}.items())
    flow = small(add=f"transfer:\n{said}")
    text = " ".join(explain(flow).split("How the call is taken")[1].split("When nobody takes the call")[0].split())
    return text.replace("-" * 5, "")


def test_each_briefing_is_told_as_what_happens() -> None:
    assert "hears in a sentence who is calling and why, and takes the call by pressing one within 8 seconds." in taken()
    assert "hears only which office it is (the rest is on the card)" in taken(briefing="card only")
    talked = taken(briefing="conversation")
    assert "Whoever picks up is told by Ava about the call, may ask Ava, and says yes or no, within 1 minute" in talked
    assert "If Ava cannot come on the line, they hear a sentence and have 8 seconds to press one." in talked
    assert all("Pressing two declines, and a further key says why." in text for text in (taken(), talked))


def test_a_call_without_a_key_is_told_without_a_briefing() -> None:
    told = taken(accept="none", no_key_because="no voicemail")
    assert "at once, unbriefed and without pressing a key (the reason given: no voicemail)." in told
    assert "A voicemail box that is noticed loses the caller again; then the next person is tried." in told
    assert "hears in a sentence" not in told
    note = taken(accept="none", no_key_because="no voicemail", voicemail_answers="leave a note")
    assert "loses the caller again and gets a note without a word about the caller; then" in note


def test_a_note_an_introduction_and_what_follows_are_told() -> None:
    told = taken(voicemail_answers="leave a note", introduction="announced", after_staff_hang_up="receptionist")
    assert "A voicemail box gets a note without a word about the caller, and the next person is tried." in told
    assert "When the two meet, both hear one sentence that says who they are." in told
    assert "hangs up first, the caller is back with Ava, who asks whether there is anything else." in told
    assert "A voicemail box presses nothing, so the next person is tried." in taken()
    assert "hangs up first, a message is taken." in taken(after_staff_hang_up="take_message")


def test_the_number_that_is_shown_is_told_as_far_as_it_can_be() -> None:
    assert "shows the caller's own number, where the carrier allows it, else the office's." in taken(
        caller_id_shown="caller"
    )
    by_sip = small(
        ("  phone_numbers:", "  calls_arrive_by: sip\n  phone_numbers:"), add="transfer: {caller_id_shown: caller}\n"
    )
    assert "The phone that rings shows the office's number." in told(by_sip)


def test_a_caller_who_waits_alone_is_told_of_as_such() -> None:
    alone = told(small(add="hold: {receptionist_stays: false}\n"))
    assert "While phones ring the caller waits with music, without Ava." in alone
    assert "“never mind” leads back to Ava, “message” to leaving one. Keys are not heard there." in alone
    assert "say message to leave one.”" in told(small())


def test_what_is_said_after_a_call_has_left_us_is_not_promised_in_writing() -> None:
    assert "Of what is said with our claims team nothing is written down" in told(billing())
    assert "nothing is written down" not in told(dental())


def test_every_condition_has_its_words() -> None:
    flow = compiled(HERE / "good" / "every_word.yaml")
    said = {rule.key: condition(flow, rule) for rule in flow.rules}
    assert said == {
        "emergency": "the caller says “help”",
        "topic": "the caller speaks about pain or refund (such as “it hurts”)",
        "wants": "the caller wants to buy",
        "mood": "the caller is angry for two turns",
        "unsolved": "two tries to help have not solved the problem",
        "again": "the caller asks the same question for the third time",
        "unclear": "the caller could not be understood twice in a row",
        "mumbled": "less than 40 % of what the caller says can be made out with certainty",
        "long": "the call has lasted 5 minutes",
        "talkative": "the caller has spoken more than 20 times",
        "quiet": "the caller has said nothing for 15 seconds (Ava asks once at half time)",
        "key": "the caller presses zero",
        "friend": "the caller rings from a known number (friends) or has called before",
        "down": "Ava does not work",
    }
    assert ", but only if visit is new, Ava rings" in told(flow)


def test_one_of_a_thing_is_told_in_the_singular() -> None:
    flow = small(("    caller_wants: to speak with a person", "    not_solved_after: 1 try"))
    assert condition(flow, flow.rules[0]) == "one try to help has not solved the problem"
    once = small(("    caller_wants: to speak with a person", "    not_understood: 1 turn"))
    assert condition(once, once.rules[0]) == "the caller could not be understood"


# ---- the rest --------------------------------------------------------------------------------------------------------


def test_what_differs_when_closed_is_told() -> None:
    text = told(dental())
    assert "Our front desk and our clinical team cannot be rung while the office is closed." in text
    assert "The dentist on call is rung only then." in text
    assert "When it is closed: “Thank you for calling Bright Smile Dental." in text
    always = small(("  mon-fri: 8am - 5pm\n  sat-sun: closed", "  mon-sun: all day"))
    assert "The office is never closed." in told(always)


def test_departments_alike_are_told_of_once_and_others_apart() -> None:
    assert told(dental()).count("takes the call by pressing one within 8 seconds") == 1
    assert "- An account specialist: Nobody waits longer than a minute and a half." in explain(billing())


def test_a_change_of_the_file_is_a_change_of_the_story() -> None:
    changed = small(("[dana, luis]", "[luis]"), add="transfer:\n  ring_for: 90s\n")
    assert "Luis is rung for a minute and a half." in told(changed)
    assert "Dana and Luis are rung, one after the other, for 20 seconds each." in told(small())
    together = small(("people: [dana, luis]", "people: [dana, luis]\n    ring: all at once"))
    assert "Dana and Luis are rung, all at once, for 20 seconds." in told(together)


def test_the_ai_and_the_engine_each_have_their_rules() -> None:
    text = told(dental())
    assert "The AI judges billing_dispute: it names the rule, never the department." in text
    assert (
        "The AI and the engine's own matcher judge possible_emergency, clinical_question and asked_for_a_person" in text
    )
    assert "For upset and not_solved the AI notes and the engine counts." in text
    assert "The engine alone decides emergency, serious_words, going_in_circles" in text


def test_what_only_a_call_knows_stands_in_brackets() -> None:
    assert "we'll call you back [by when].”" in told(dental())
    assert "“Thank you for calling Small Office. I'm Ava, the automated receptionist." in told(small())


# ---- small words -----------------------------------------------------------------------------------------------------


def test_numbers_and_lengths_of_time_are_said_as_people_say_them() -> None:
    seconds = (1, 20, 30, 60, 90, 130, 1800, 7200, 30 * 86400, 6 * 365.25 * 86400, 0.2)
    assert [duration(s) for s in seconds] == [
        *("1 second", "20 seconds", "half a minute", "1 minute", "a minute and a half", "2 minutes and 10 seconds"),
        *("half an hour", "2 hours", "30 days", "6 years", "less than a second"),
    ]
    assert (counted(1, "phone"), counted(6, "phone"), counted(12, "try", "tries")) == (
        "one phone",
        "six phones",
        "12 tries",
    )
    assert [nth(n) for n in (1, 3, 11, 12, 21, 22, 23, 112)] == [
        *("first", "third", "11th", "12th", "21st", "22nd", "23rd", "112th"),
    ]
    assert (times(1), times(2), times(3), times(20)) == ("once", "twice", "three times", "20 times")
    assert (listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "or")) == (
        "",
        "a",
        "a and b",
        "a, b or c",
    )


def test_dates_are_said_as_they_are_meant() -> None:
    christmas, boxing, new_year = YearlyDate(12, 25), YearlyDate(12, 26), YearlyDate(1, 2)
    thanksgiving = YearlyDate(11, nth=4, weekday=3)
    assert dates(DateRange(christmas, christmas)) == "25 December"
    assert dates(DateRange(christmas, boxing)) == "25 to 26 December"
    assert dates(DateRange(christmas, new_year)) == "25 December to 2 January"
    assert dates(DateRange(thanksgiving, thanksgiving)) == "the fourth Thursday of November"
    last = YearlyDate(5, nth=-1, weekday=4, year=2026)
    assert dates(DateRange(last, last)) == "the last Friday of May 2026"


def test_numbers_are_shown_in_groups_and_addresses_bare() -> None:
    assert phone("+13125550111") == "+1 312-555-0111"
    assert phone("sip:desk@pbx.example.com") == "desk@pbx.example.com"


def test_a_department_called_by_a_bare_word_is_named_as_one() -> None:
    assert called(dental().departments["clinical"]) == "our clinical team"
    assert called(small().departments["front_desk"]) == "the department “front desk”"


# ---- lists -----------------------------------------------------------------------------------------------------------


def test_the_lists_of_words_are_whole_and_named_in_the_story() -> None:
    text = word_lists()
    for each in published():
        assert all(entry in " ".join(text.split()) for entry in each.entries)
        assert f"{each.title} ({len(each.entries)})" in told(small())
    assert "hold_words" not in text
