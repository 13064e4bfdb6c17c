"""What a check must not say: for each mistake its nearest innocent neighbour. The mistakes are in `bad/`."""

from __future__ import annotations

import re
from datetime import date, datetime
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.flow.check_music import music_file
from flowengine.flow.check_private import is_clinical
from flowengine.flow.check_reach import Ways
from flowengine.flow.check_secrets import hide_secrets
from flowengine.flow.checks import CHECKS, MEANING
from flowengine.flow.compiler import check_flow
from flowengine.flow.data_lists import entries, pairs
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.likeness import certain
from flowengine.flow.list_ends import ListEnds
from flowengine.flow.model import Flow, ToDepartment
from flowengine.flow.routing import ring_list, ringable, walk
from flowengine.flow.source import parse
from flowengine.flow.wav_header import UnusableSound, wav_seconds
from flowengine.flow.week import week_of
from flowengine.runtime.wav import read_wav
from tests.flow.office import SMALL, billing, dental, load

TODAY = date(2026, 11, 10)
OFFICE = SMALL.replace("[dana, luis]\n", "[dana, luis]\n    if_no_one_answers: take_message\n")


def blocks(text: str) -> dict[str, str]:
    return {block.split(":")[0]: block for block in re.split(r"(?m)^(?=[a-z_]+:)", text) if block.strip()}


def office(piece: str) -> str:
    """The small office, its night looked after, with top-level blocks replaced or added."""
    return "".join((blocks(OFFICE) | blocks(piece)).values())


def found(piece: str) -> list[Diagnostic]:
    return check_flow(office(piece), "small.yaml", today=TODAY, load=load)[1]


def codes(piece: str) -> list[str]:
    return [d.code for d in found(piece)]


EXTENSION = (
    "people:\n  dana: {name: Dana, phone: +1 312-555-0111, extension: 204}\n"
    "  luis: {name: Luis, phone: +1 312-555-0112}\n"
)
NEIGHBOURS = [
    # ---- phones
    (
        "number-twice",
        "people:\n  dana: {name: Dana, phone: +1 312-555-0111}\n  luis: {name: Luis, phone: +1 312-555-0111}\n",
    ),
    (
        "rings-itself",
        "known_callers:\n  staff: [+1 312-555-0112]\n"
        "when_to_transfer:\n  - {rule: staff, known_caller: staff, to: take_message}\n",
    ),
    (
        "rings-itself",
        "known_callers:\n  staff: [+1 312-555-0112]\n  clinics: [+1 312-555-0190]\n"
        "when_to_transfer:\n  - {rule: clinic, known_caller: clinics, to: front_desk}\n",
    ),
    # ---- leaving calls
    (
        "refer-loses-briefing",
        "transfer: {briefing: spoken}\ndepartments:\n  front_desk: {people: [dana], if_no_one_answers: take_message}\n"
        "  back: {people: [luis], method: dial, briefing: card only, if_no_one_answers: take_message}\n",
    ),
    (
        "card-before-release",
        "transfer: {method: dial}\nhandoff_card: {show_on: [], crm_webhook: https://crm.example.com/card}\n",
    ),
    (
        "card-before-release",
        "transfer: {method: dial, card_confirmed_within: 30s}\nhandoff_card: {show_on: [{sms: +1 312-555-0199}]}\n",
    ),
    ("card-before-release", "handoff_card: {show_on: []}\n"),
    # ---- the way out
    (
        "no-way-out",
        "departments:\n  front_desk: {people: [dana, luis], if_no_one_answers: receptionist}\n"
        "when_to_transfer:\n  - {rule: question, topic: opening hours, to: front_desk}\n",
    ),
    (
        "no-way-out",
        "departments:\n  front_desk: {people: [dana, luis], hours: always, if_no_one_answers: receptionist}\n"
        "when_to_transfer:\n  - {rule: pain, topic: pain, receptionist_may_answer: false, to: front_desk}\n",
    ),
    (
        "no-way-out",
        "departments:\n  front_desk: {people: [dana], if_no_one_answers: [night]}\n"
        "  night: {people: [luis], hours: when the office is closed}\n"
        "when_to_transfer:\n  - {rule: pain, topic: pain, receptionist_may_answer: false, to: front_desk}\n",
    ),
    ("end-not-named", "departments:\n  front_desk: {people: [dana, luis], if_no_one_answers: receptionist}\n"),
    ("end-not-named", "departments:\n  front_desk: {people: [dana, luis], hours: always}\n"),
    (
        "end-not-named",
        "departments:\n  front_desk: {people: [dana, luis]}\n"
        "when_to_transfer:\n  - {rule: zero, key_pressed: zero, to: front_desk, to_when_closed: callback}\n",
    ),
    (
        "end-not-named",
        "departments:\n  front_desk: {people: [dana, luis]}\n"
        "when_to_transfer:\n  - {rule: zero, key_pressed: zero, to: front_desk, if_no_one_answers: callback}\n",
    ),
    (  # without a receptionist it is voicemail
        "end-not-named",
        "departments:\n  front_desk: {people: [dana, luis]}\n"
        "when_to_transfer:\n  - {rule: down, receptionist_fails: true, to: front_desk}\n",
    ),
    (  # never-open says it
        "end-not-named",
        "people:\n  dana: {name: Dana, phone: +1 312-555-0111, hours: {sat: 9am - 12pm}}\n"
        "departments:\n  front_desk: {people: [dana]}\n",
    ),
    (
        "never-open",
        "people:\n  dana: {name: Dana, phone: +1 312-555-0111}\n"
        "departments:\n  front_desk:\n    people: [{person: dana, dates: 4 Jul - 6 Jul}]\n"
        "    if_no_one_answers: take_message\n",
    ),
    (
        "never-open",
        "hours:\n  mon-sun: closed\n  exceptions: [{date: 5 Dec 2027, hours: 9am - 12pm, name: Open day}]\n",
    ),
    (
        "never-open",
        "people:\n  dana: {name: Dana, phone: +1 312-555-0111, away: [{dates: 1 Jan 2026 - 31 Jan 2026}]}\n"
        "departments:\n  front_desk: {people: [dana], if_no_one_answers: take_message}\n",
    ),
    (  # asked for by name at night, the front desk's list comes to on_call
        "fallback-closed",
        "departments:\n  front_desk: {people: [dana], if_no_one_answers: [on_call, take_message]}\n"
        "  on_call: {people: [luis], hours: when the office is closed, if_no_one_answers: callback}\n"
        "when_to_transfer:\n  - {rule: zero, key_pressed: zero, to: front_desk, to_when_closed: on_call}\n",
    ),
    (  # Luis works at the back only while he is not on duty in front
        "fallback-adds-nobody",
        "departments:\n"
        "  front_desk:\n    people: [dana, {person: luis, hours: {mon: 9am - 12pm}}]\n"
        "    if_no_one_answers: [back, take_message]\n"
        "  back: {people: [luis], if_no_one_answers: take_message}\n",
    ),
    (
        "step-after-end",
        "departments:\n  front_desk: {people: [dana], if_no_one_answers: [back, take_message]}\n"
        "  back: {people: [luis], if_no_one_answers: {hang_up: Goodbye.}}\n",
    ),
    # ---- the order of rules
    (
        "never-reached",
        "when_to_transfer:\n  - {rule: case, caller_says: [my lawyer calls], to: front_desk}\n"
        "  - {rule: legal, caller_says: [lawyer], to: take_message}\n",
    ),
    (
        "never-reached",
        "when_to_transfer:\n  - {rule: legal, caller_says: [lawyer], to: front_desk}\n"
        "  - {rule: more, caller_says: [my lawyer, legal action], to: take_message}\n",
    ),
    (
        "never-reached",
        "office:\n  name: Small Office\n  timezone: America/Chicago\n"
        "  phone_numbers: {main: +1 312-555-0100, sales: +1 312-555-0101}\n"
        "when_to_transfer:\n  - {rule: zero, key_pressed: zero, only_if: {dialled: sales}, to: front_desk}\n"
        "  - {rule: other, key_pressed: zero, to: take_message}\n",
    ),
    (  # nobody takes the call, the receptionist goes on, and after four tries somebody else is rung
        "never-reached",
        "departments:\n  front_desk: {people: [dana], hours: always, if_no_one_answers: receptionist}\n"
        "  back: {people: [luis], if_no_one_answers: take_message}\n"
        "when_to_transfer:\n  - {rule: two, not_solved_after: 2 tries, to: front_desk}\n"
        "  - {rule: four, not_solved_after: 4 tries, to: back}\n",
    ),
    (
        "never-reached",
        "when_to_transfer:\n  - {rule: two, not_solved_after: 2 tries, to: front_desk}\n"
        "  - {rule: three, not_understood: 3 turns, to: front_desk}\n",
    ),
    (
        "never-reached",
        "when_to_transfer:\n  - {rule: angry, mood: angry, to: front_desk}\n"
        "  - {rule: upset, mood: [angry, frustrated], for: 2 turns, to: front_desk}\n",
    ),
    (  # bleeding of its own is more than uncontrolled bleeding
        "never-reached",
        "when_to_transfer:\n  - {rule: now, topic: uncontrolled bleeding, emergency: true, say: Dial 911., "
        "to: front_desk, if_no_one_answers: callback}\n"
        "  - {rule: bleeding, topic: bleeding, receptionist_may_answer: false, to: front_desk}\n",
    ),
    (  # "I am not in pain" is about pain only for the second
        "never-reached",
        "when_to_transfer:\n  - {rule: tired, topic: back pain, to: front_desk}\n"
        "  - {rule: pain, topic: back pain, receptionist_may_answer: false, to: front_desk}\n",
    ),
    (  # her own name is asked for below, but nobody may ask for Luis
        "never-reached",
        "people:\n  dana: {name: Dana, phone: +1 312-555-0111}\n"
        "  luis: {name: Luis, phone: +1 312-555-0112, callers_may_ask_for: false}\n"
        "when_to_transfer:\n  - {rule: person, caller_wants: to speak with a person, to: front_desk}\n"
        "  - {rule: luis, caller_says: [talk to Luis], to: take_message}\n",
    ),
    (  # an emergency is read also during a hand-off that the first rule began
        "never-reached",
        "when_to_transfer:\n  - {rule: help, caller_says: help, to: front_desk}\n"
        "  - {rule: now, caller_says: help, emergency: true, say: Dial 911., to: front_desk}\n",
    ),
    # ---- emergencies
    (
        "emergency-ends-alone",
        "departments:\n  front_desk: {people: [dana, luis], if_no_one_answers: voicemail}\n"
        "when_to_transfer:\n  - {rule: zero, key_pressed: zero, to: front_desk}\n",
    ),
    (  # the rule's own list ends otherwise
        "emergency-ends-alone",
        "departments:\n  front_desk: {people: [dana, luis], if_no_one_answers: voicemail}\n"
        "when_to_transfer:\n  - {rule: now, caller_says: help, emergency: true, say: Dial 911., to: front_desk, "
        "if_no_one_answers: callback}\n",
    ),
    # ---- care and privacy
    ("clinical-answer", "when_to_transfer:\n  - {rule: hours, topic: [opening hours, painting], to: front_desk}\n"),
    ("clinical-answer", "when_to_transfer:\n  - {rule: injury, topic: pain and suffering claim, to: front_desk}\n"),
    ("clinical-answer", "when_to_transfer:\n  - {rule: pain, caller_says: [pain], to: front_desk}\n"),
    ("consent-line-missing", "privacy: {recording: none}\n"),
    ("consent-not-asked", "privacy: {recording: always, consent_line: This call is recorded.}\n"),
    ("consent-not-asked", "privacy: {recording: with consent, consent_line: 'Do you mind? Or may we record this?'}\n"),
    (
        "consent-not-understood",
        "receptionist: {name: Ava, languages: [Polish]}\nprivacy: {recording: always, consent_line: Nagrywamy.}\n",
    ),
    (
        "consent-not-understood",
        "receptionist: {name: Ava, languages: [Spanish, Polish]}\n"
        "privacy: {recording: with consent, consent_line: ¿Podemos grabar la llamada?}\n",
    ),
    (
        "private-in-text-message",
        "when_to_transfer:\n  - {rule: pipe, topic: burst pipe, to: front_desk}\n"
        "take_message: {send_to: [{sms: +1 312-555-0199}]}\n",
    ),
    (
        "private-in-text-message",
        "when_to_transfer:\n  - {rule: pain, topic: pain, receptionist_may_answer: false, to: front_desk}\n"
        "take_message: {collect: [caller_name], send_to: [{sms: +1 312-555-0199}]}\n",
    ),
    (
        "private-in-text-message",
        "when_to_transfer:\n  - {rule: pain, topic: pain, receptionist_may_answer: false, to: front_desk}\n"
        "take_message: {send_to: [staff screen]}\n",
    ),
    # ---- speech
    ("not-disclosed", "receptionist:\n  name: Ava\n  greeting: Hello, I'm Ava, a virtual assistant.\n"),
    ("not-disclosed", "receptionist:\n  name: Ava\n  greeting: Hello, I'm Ava, your A.I. assistant.\n"),
    (
        "not-disclosed",
        "receptionist:\n  name: Ava\n  languages: [Spanish]\n  greeting: Soy Ava, el asistente automatico.\n",
    ),
    ("not-disclosed", "receptionist:\n  name: Ava\n  languages: [Polish]\n  greeting: Dzień dobry, mówi Ava.\n"),
    ("line-too-long", f"callback: {{say: '{'word ' * 31}'}}\n"),
    (
        "briefing-too-long",
        "transfer: {briefing: card only}\noffice:\n  name: The Springfield Center for Family and Cosmetic Dentistry\n"
        "  timezone: America/Chicago\n  phone_numbers: [+1 312-555-0100]\n",
    ),
    ("unknown-voice", "receptionist: {name: Ava, voice: reid}\n"),
    # ---- time
    (
        "exception-past",
        "hours:\n  mon-sun: 8am - 5pm\n  exceptions:\n"
        "    - {date: 10 Nov 2026, hours: closed}\n    - {date: 9 Nov, hours: closed}\n",
    ),
    (
        "exception-changes-nothing",
        "hours:\n  mon-fri: 8am - 5pm\n  sat-sun: closed\n  exceptions: [{date: 26 Dec, hours: closed}]\n",
    ),
    (  # a department that is open on Saturday is closed by it
        "exception-changes-nothing",
        "hours:\n  mon-fri: 8am - 5pm\n  sat-sun: closed\n  exceptions: [{date: 26 Dec 2026, hours: closed}]\n"
        "departments:\n  front_desk:\n    people: [dana, luis]\n    hours: {mon-sat: 8am - 5pm}\n"
        "    if_no_one_answers: take_message\n",
    ),
    ("unknown-timezone", "office:\n  name: A\n  timezone: US/Central\n  phone_numbers: [+1 312-555-0100]\n"),
    ("wait-too-short", "hold: {longest_wait: 68s}\n"),
    (
        "wait-too-short",
        "hold: {longest_wait: 35s}\ndepartments:\n"
        "  front_desk: {people: [dana, luis], ring: all at once, if_no_one_answers: take_message}\n",
    ),
    ("wait-too-short", "hold: {longest_wait: 172s}\ntransfer: {briefing: conversation}\n"),
    (  # nobody presses a key, and the first phones of both are rung together, then Dana's second
        "wait-too-short",
        "hold: {longest_wait: 53s}\ntransfer: {accept: none, no_key_because: no voicemail}\n"
        "people:\n  dana: {name: Dana, phone: [+1 312-555-0111, +1 312-555-0113]}\n"
        "  luis: {name: Luis, phone: +1 312-555-0112}\n"
        "departments:\n  front_desk: {people: [dana, luis], ring: all at once, if_no_one_answers: take_message}\n",
    ),
    # ---- ways to hand over
    ("needs-press-one", "transfer: {accept: none, no_key_because: no voicemail, briefing: card only}\n"),
    ("needs-press-one", "transfer: {accept: none, no_key_because: no voicemail}\n"),
    ("machine-unnoticed", f"{EXTENSION}transfer: {{voicemail_answers: try next person}}\n"),
    ("extension-not-dialled", EXTENSION.replace("name: Dana,", "name: Dana, sip: 'sip:dana@pbx.example.com',")),
    ("bad-extension", EXTENSION.replace("204", "'3, 2 0 4 w#*'")),
    ("caller-id-not-shown", "transfer: {caller_id_shown: caller}\n"),
    ("keys-unheard", "hold: {receptionist_stays: false}\n"),
    ("keys-unheard", "hold: {update_says: Press one to leave a message.}\n"),
    (
        "keys-unheard",
        "hold:\n  receptionist_stays: false\n"
        "  update_says: The press office is busy, which is no keystone of ours. I must say {person} takes long.\n",
    ),
    ("music-file", "hold: {music: 'https://music.example.com:8443/loops/piano?rate=8000'}\n"),
    # ---- what lies idle
    (
        "unused-department",
        "departments:\n  front_desk: {people: [dana], if_no_one_answers: take_message}\n"
        "  back: {people: [luis], if_no_one_answers: take_message}\n",
    ),
    (
        "unused-department",
        "people:\n  dana: {name: Dana, phone: +1 312-555-0111}\n"
        "  luis: {name: Luis, phone: +1 312-555-0112, callers_may_ask_for: false}\n"
        "departments:\n  front_desk: {people: [dana], if_no_one_answers: take_message}\n"
        "  back: {people: [luis], if_no_one_answers: take_message}\n"
        "tools:\n  - {name: book, does: Note a visit, sends_to: back}\n",
    ),
    (
        "unused-person",
        "people:\n  dana: {name: Dana, phone: +1 312-555-0111, away: [{dates: 1 Aug - 14 Aug, replaced_by: luis}]}\n"
        "  luis: {name: Luis, phone: +1 312-555-0112}\n"
        "departments:\n  front_desk: {people: [dana], if_no_one_answers: take_message}\n",
    ),
    ("unused-person", "shared: [shared_office.yaml]\npeople:\n  luis: {name: Luis, phone: +1 312-555-0112}\n"),
    (
        "untested",
        "tests:\n  - {name: A, at: Tue 10am, caller: a person please, "
        "expect: {rule: asked_for_a_person, tried: [Luis]}}\n",
    ),
    # ---- the flow's own tests
    (
        "impossible-test",
        "tests:\n  - {name: A, at: Tue 10am, caller: Dana please, "
        "expect: {rule: person_by_name, department: front_desk}}\n",
    ),
    (
        "unknown-number",
        "tests:\n  - {name: A, at: Tue 10am, caller: hello, dialled: (312) 555-0100, expect: {rule: none}}\n",
    ),
]


@pytest.mark.parametrize(("code", "piece"), NEIGHBOURS, ids=[f"{code}-{i}" for i, (code, _) in enumerate(NEIGHBOURS)])
def test_the_innocent_neighbour_is_let_go(code: str, piece: str) -> None:
    told = found(piece)
    assert code not in [d.code for d in told]
    assert not [d for d in told if d.severity == "error" and d.code != "emergency-not-first"]


@pytest.mark.parametrize("flow", [dental(), billing()], ids=lambda flow: flow.key)
def test_the_lists_the_checks_follow_are_those_the_core_walks(flow: Flow) -> None:
    ends = ListEnds(flow)
    for state, (i, rule) in product(week_of(flow).states, enumerate(flow.rules)):
        plan = ring_list(flow, rule.to, state.now.at, rule=rule)
        end = Ways(flow, state).of_rule(rule)
        assert (end.someone, end.step) == (bool(plan.stages), plan.then)
        assert end.step in [step for step, _ in ends.of_rule(rule, ("when_to_transfer", i))]
    for department in flow.departments:
        assert ends.of_department(department)[0] == walk(flow, ToDepartment(department)).then


def test_every_state_of_the_week_is_met_and_named() -> None:
    week = week_of(dental())
    assert week.complete
    assert [[state.people(d) for d in ("front_desk", "clinical", "on_call_dentist")] for state in week.states] == [
        [(), (), ("reed",)],
        [("dana", "luis"), ("hygiene", "reed"), ()],
    ]


SEASONS = office(
    """hours:
  mon-fri: 8am - 5pm
  sat: 10pm - 2am
  sun: closed
  exceptions: [{date: 24 Dec - 26 Dec, hours: 9am - 12pm}, {date: 3 Jul 2026, hours: all day}]
people:
  dana: {name: Dana, phone: +1 312-555-0111, away: [{dates: 20 Dec - 6 Jan, replaced_by: luis}, {dates: 2 Jul - 4 Jul}]}
  luis: {name: Luis, phone: +1 312-555-0112, hours: {mon-thu: 7am - 3pm, fri-sat: all day}}
  reed: {name: Dr. Reed, phone: +1 312-555-0113}
departments:
  front_desk: {people: [dana, luis], if_no_one_answers: [summer, take_message]}
  summer:
    people: [{person: reed, dates: 1 Jun - 31 Aug}, {person: dana, hours: {mon-sun: 6pm - 7pm}, dates: 1 Sep - 31 May}]
    hours: always
    if_no_one_answers: callback
  night: {people: [luis], hours: when the office is closed, if_no_one_answers: voicemail}
"""
)


@settings(max_examples=150)
@given(
    st.sampled_from([dental(), billing(), *filter(None, [check_flow(SEASONS, "seasons.yaml")[0]])]),
    st.datetimes(datetime(2026, 1, 5), datetime(2027, 12, 31)),
)
def test_no_moment_of_two_years_is_in_a_state_the_week_does_not_know(flow: Flow, wall: datetime) -> None:
    at = wall.replace(tzinfo=ZoneInfo(flow.office.timezone))
    known = {tuple(state.people(d) for d in flow.departments) for state in week_of(flow).states}
    assert tuple(ringable(flow, d, at) for d in flow.departments) in known


def test_an_office_of_countless_hours_is_looked_at_in_a_coarser_grid() -> None:
    people = "".join(
        f"  p{i}: {{name: P {i}, phone: +1 312-555-0111, hours: {{mon: {i // 60:02}:{i % 60:02} - 23:59}}}}\n"
        for i in range(400)
    )
    flow = check_flow(
        office(f"people:\n{people}departments:\n  front_desk: {{people: [p1, p2], if_no_one_answers: take_message}}\n"),
        "many.yaml",
    )[0]
    assert flow is not None
    week = week_of(flow)
    assert not week.complete
    assert len(week.states) <= 60


# ---- the same told once, in the right place ------------------------------------------------------------------------


def test_a_misspelt_name_is_mended_where_only_one_can_be_meant() -> None:
    assert certain("front_dsk", ["front_desk", "clinical"]) == "front_desk"
    assert certain("line_3", ["line_1", "line_2"]) == ""
    fixes = [d.fix for d in found("when_to_transfer:\n  - {rule: zero, key_pressed: zero, to: fornt_desk}\n")]
    assert "front_desk" in fixes


def test_a_misspelt_placeholder_is_marked_alone_and_mended() -> None:
    told = next(d for d in found("callback: {say: 'We call you {callbacktime}.'}\n") if d.code == "unknown-placeholder")
    assert told.excerpt[told.column - 1 : told.end_column - 1] == "{callbacktime}"
    assert told.fix == "{callback_time}"


def test_the_wait_is_mended_to_the_seconds_it_needs() -> None:
    told = next(d for d in found("hold: {longest_wait: 30s}\n") if d.code == "wait-too-short")
    mended = office("hold: {longest_wait: 30s}\n").replace("30s", told.fix or "")
    assert "wait-too-short" not in [d.code for d in check_flow(mended, "small.yaml")[1]]


def test_a_secret_is_shown_nowhere() -> None:
    told = found(
        'take_message: {send_to: [{webhook: "https://dana:hunter22@hooks.example.com"}]}  # Bearer 0123456789abcdef0\n'
    )
    assert [d.code for d in told].count("inline-secret") == 2
    for d in hide_secrets(told):
        assert "hunter22" not in f"{d.message}{d.help}{d.excerpt}"
        assert "0123456789abcdef0" not in f"{d.message}{d.help}{d.excerpt}"


@pytest.mark.parametrize(
    "line",
    [
        'handoff_card: {crm_webhook: "${CRM_WEBHOOK}"}',
        "handoff_card: {crm_webhook: https://crm.example.com/card?token=${TOKEN}}",
        "handoff_card: {crm_webhook: https://crm.example.com/flows/appointment-requests-of-the-day}",
        "# the password: ask Dana, she keeps all of them",
        "# task_0123456789abcdef, risk-0123456789abcdef",
    ],
)
def test_what_only_looks_a_little_like_a_secret_is_let_go(line: str) -> None:
    assert "inline-secret" not in codes(line + "\n")


# ---- music ---------------------------------------------------------------------------------------------------------


def wav(seconds: float, *, rate: int = 8000, tag: int = 1, bits: int = 16, channels: int = 1) -> bytes:
    data = bytes(int(seconds * rate) * channels * bits // 8)
    block = channels * bits // 8
    header = b"".join(n.to_bytes(size, "little") for n, size in ((tag, 2), (channels, 2), (rate, 4), (rate * block, 4)))
    header += block.to_bytes(2, "little") + bits.to_bytes(2, "little")
    chunks = b"fmt " + len(header).to_bytes(4, "little") + header + b"data" + len(data).to_bytes(4, "little") + data
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WAVE" + chunks


def music(content: bytes | None) -> list[str]:
    def read(name: str) -> bytes:
        assert name == "music/piano.wav"
        if content is None:
            raise FileNotFoundError(2, "No such file or directory")
        return content

    doc = parse("hold: {music: music/piano.wav}\n", "small.yaml")[0]
    assert doc is not None
    return [d.message for d in music_file(doc, read)]


def test_music_is_there_and_can_be_played_and_repeated() -> None:
    assert music(wav(4.0)) == []
    assert music(wav(30, rate=44100, channels=2)) == []
    assert music(None) == ["the music file 'music/piano.wav' cannot be read: no such file or directory"]
    assert music(wav(3.5)) == ["the music file 'music/piano.wav' lasts 3.5 s and would repeat all the time"]
    assert music(b"ID3\x04" + bytes(50)) == [
        "the music file 'music/piano.wav' cannot be played: it is MP3, not a WAV file"
    ]
    assert music(wav(601))[0].endswith("cannot be played: it is too long: at most ten minutes, please")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://music.example.com/a.wav", ""),
        ("https://music.example.com/mp3/a", ""),
        ("HTTPS://music.example.com/a.WAV?x=a.mp3", ""),
        ("https://music.example.com/a.mp3", "leads to MP3"),
        ("https://music.example.com/a.ogg?x=1", "leads to OGG"),
        ("http://music.example.com/a.wav", "comes from an https address"),
        ("ftp://music.example.com/a.wav", "comes from an https address"),
        ("https://dana@music.example.com/a.wav", "a name to log in with"),
        ("https:///a.wav", "is no address"),
        ("https://music example.com/a.wav", "is no address"),
        ("https://music.example.com/a b.wav", "is no address"),
        ("https://[/a.wav", "is no address"),
    ],
)
def test_music_from_the_web_is_a_wav_file_anybody_may_have(address: str, told: str) -> None:
    messages = [d.message for d in found(f"hold: {{music: '{address}'}}\n") if d.code == "music-file"]
    assert [told in message for message in messages] == ([True] if told else [])


def test_a_password_in_the_address_of_music_is_told_once() -> None:
    assert codes("hold: {music: 'https://dana:hunter22@music.example.com/a.wav'}\n").count("inline-secret") == 1
    assert "music-file" not in codes("hold: {music: 'https://dana:hunter22@music.example.com/a.wav'}\n")


@pytest.mark.parametrize("name", ["built-in", "https://music.example.com/a.wav"])
def test_music_that_is_no_file_beside_the_flow_is_not_looked_for(name: str) -> None:
    def read(name: str) -> bytes:
        raise AssertionError(name)

    doc = parse(f"hold: {{music: '{name}'}}\n", "small.yaml")[0]
    assert doc is not None
    assert list(music_file(doc, read)) == []


@settings(max_examples=200)
@given(
    st.binary(max_size=80)
    | st.builds(
        lambda cut, noise, at: wav(0.01)[:at] + noise + wav(0.01)[at + len(noise) : cut],
        st.integers(0, 220),
        st.binary(max_size=8),
        st.integers(0, 60),
    )
)
def test_the_header_is_read_as_the_player_reads_it(content: bytes) -> None:
    try:
        played = len(read_wav(content)) / 8000
    except UnusableSound:
        played = None
    try:
        seconds = wav_seconds(content)
    except UnusableSound:
        seconds = None
    if played is None:
        assert seconds is None or seconds < 0.001
    else:
        assert seconds == pytest.approx(played, abs=0.001)


# ---- the lists -----------------------------------------------------------------------------------------------------


def test_clinical_words_are_met_in_all_their_forms_and_no_others() -> None:
    assert all(is_clinical(text) for text in ("Pain", "swollen gums", "my medications", "trouble breathing at night"))
    assert not any(is_clinical(text) for text in ("painting the office", "pain and suffering", "rush hour", "billing"))


def test_every_list_has_entries_and_tells_what_it_is_for() -> None:
    for name in ("automated_words", "clinical_words", "timezone_names", "voices"):
        assert entries(name)
    assert dict(pairs("timezone_names"))["Central Time"] == "America/Chicago"


# ---- never an exception --------------------------------------------------------------------------------------------

_PIECES = st.sampled_from([piece for _, piece in NEIGHBOURS])


@settings(max_examples=60)
@given(_PIECES, _PIECES, st.data())
def test_no_check_raises_for_whatever_is_put_together(one: str, other: str, data: st.DataObject) -> None:
    lines = office(one + other).splitlines()
    drop = data.draw(st.integers(0, len(lines) - 1))
    check_flow("\n".join(lines[:drop] + lines[drop + 1 :]) + "\n", "small.yaml", today=TODAY, load=load)


def test_every_check_is_listed_once() -> None:
    assert len(set(CHECKS)) == len(CHECKS)
    assert len(set(MEANING)) == len(MEANING)


def test_a_document_with_nothing_in_it_passes_every_check() -> None:
    doc = Document("empty.yaml", {}, {}, {}, {"empty.yaml": []})
    assert [d for check in CHECKS for d in check(doc, TODAY)] == []
