"""Every way to hand over: what the table says can be had compiles clean, and what cannot is a finding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from flowengine.flow import abilities
from flowengine.flow.abilities import LIMITS, Line, Way, limits, possible
from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.model import Accept, Briefing, Method, Transfer

CODES = frozenset(limit.code for limit in LIMITS)
WAYS = [Way(*way) for way in product(Method, Briefing, Accept, Line, Line)]
OTHER_WORDS = {
    "accept_within": "6s",
    "introduction": "announced",
    "after_staff_hang_up": "receptionist",
    "voicemail_answers": "leave a note",
    "caller_id_shown": "caller",
}


def written(way: Way, **words: str) -> str:
    """An office that hands over so, with every word of the way stated, and these words of `transfer` as well."""
    phones = {"phone": "+1 312-555-011{}", "sip": "sip:desk{}@pbx.example.com"}
    behind = ", extension: 204" if way.extension else ""
    people = "\n".join(
        f"  {key}: {{name: {key.title()}, {way.line}: {phones[way.line].format(i)!r}{behind}}}"
        for i, key in enumerate(("dana", "luis"))
    )
    said = {"method": way.method, "briefing": way.briefing, "accept": way.accept, **words}
    if way.accept is Accept.NONE:
        said["no_key_because"] = "the desk has no voicemail"
    return f"""flow: small
office:
  name: Small Office
  timezone: America/Chicago
  phone_numbers: [+1 312-555-0100]
  calls_arrive_by: {way.arrives}
hours: {{mon-fri: 8am - 5pm, sat-sun: closed}}
people:
{people}
receptionist: {{name: Ava}}
departments:
  front_desk: {{people: [dana, luis], longest_wait: 8min, if_no_one_answers: take_message}}
when_to_transfer:
  - {{rule: asked_for_a_person, caller_wants: to speak with a person, to: front_desk}}
transfer:
{"".join(f"  {word}: {value}" + chr(10) for word, value in said.items())}"""


def findings(way: Way, **words: str) -> list[Diagnostic]:
    found = check_flow(written(way, **words), "small.yaml")[1]
    return [d for d in found if d.severity != "info"]


def described(way: Way) -> str:
    return f"{way.method}-{way.briefing}-{way.accept}-to {way.line}-from {way.arrives}".replace(" ", "_")


@pytest.mark.parametrize("way", WAYS, ids=described)
def test_what_the_table_says_is_what_validate_says(way: Way) -> None:
    why = possible(way.method, way.briefing, way.accept, way.line, way.arrives)
    told = findings(way)
    assert {d.code for d in told} <= CODES
    assert bool(told) == bool(why)
    if why and way.method is not Method.REFER:  # of refer validate names the people
        assert any(why in d.message for d in told)


def test_each_way_of_taking_a_call_is_possible_somewhere() -> None:
    fine = [way for way in WAYS if not possible(way.method, way.briefing, way.accept, way.line, way.arrives)]
    assert {way.method for way in fine} == set(Method)
    assert {(way.briefing, way.accept) for way in fine if way.method is Method.CONFERENCE} == {
        (Briefing.CARD_ONLY, Accept.PRESS_ONE),
        (Briefing.CARD_ONLY, Accept.NONE),
        (Briefing.SPOKEN, Accept.PRESS_ONE),
        (Briefing.CONVERSATION, Accept.PRESS_ONE),
    }


def possible_ways() -> Iterator[Way]:
    for way in WAYS:
        if not possible(way.method, way.briefing, way.accept, way.line, way.arrives):
            yield from (way, replace(way, extension=True))


@pytest.mark.parametrize(
    "way", list(possible_ways()), ids=lambda way: f"{described(way)}{'-extension' * way.extension}"
)
def test_every_other_word_is_told_where_it_can_do_nothing(way: Way) -> None:
    stated = {**OTHER_WORDS, "accept": str(way.accept)}
    if way.extension:
        stated["extension"] = "204"
    wanted = {limit.code for word, value in stated.items() for limit in limits(way, word, value)}
    if way.extension and "extension-not-dialled" in wanted:
        wanted.discard("machine-unnoticed")  # it is not dialled, so it hides nothing
    told = findings(way, **OTHER_WORDS)
    assert {d.code for d in told} == wanted
    assert {d.severity for d in told} <= {"warning"}


# ---- what a running call asks ----------------------------------------------------------------------------------------


def test_the_briefing_that_is_given_is_one_that_can_be() -> None:
    for way in WAYS:
        transfer = Transfer(method=way.method, briefing=way.briefing, accept=way.accept)
        given = abilities.briefing_for(transfer, way.line)
        assert given in (way.briefing, Briefing.CARD_ONLY)
        if way.method is Method.CONFERENCE:
            assert possible(way.method, given, way.accept, way.line) == ""


def test_a_machine_is_not_noticed_behind_an_extension() -> None:
    note = Transfer(voicemail_answers="leave a note")
    assert (abilities.notices_machine(note), abilities.leaves_note(note)) == (True, True)
    assert (abilities.notices_machine(note, "204"), abilities.leaves_note(note, "204")) == (False, False)
    assert not abilities.leaves_note(Transfer())
    assert not abilities.leaves_note(replace(note, method=Method.DIAL))


def test_how_long_somebody_has_to_say_yes() -> None:
    assert abilities.accept_seconds(Transfer(accept_within=7.0)) == 7.0
    assert abilities.accept_seconds(Transfer(briefing=Briefing.CONVERSATION)) == abilities.CONSULT_SECONDS
    assert abilities.accept_seconds(Transfer(accept=Accept.NONE, briefing=Briefing.CONVERSATION)) == 0.0
    assert abilities.accept_seconds(Transfer(method=Method.DIAL)) == 0.0


def test_what_is_dialled_and_shown() -> None:
    assert abilities.digits_for(Transfer(), Line.PHONE, "204") == "204"
    assert abilities.digits_for(Transfer(), Line.SIP, "204") == ""
    assert abilities.digits_for(Transfer(method=Method.DIAL), Line.PHONE, "204") == ""
    caller = Transfer(caller_id_shown="caller")
    assert abilities.shows_caller(caller, Line.PHONE)
    assert not abilities.shows_caller(caller, Line.SIP)
    assert not abilities.shows_caller(Transfer(), Line.PHONE)
    assert not abilities.shows_caller(replace(caller, method=Method.DIAL), Line.PHONE)


def test_what_is_said_is_written_down_unless_the_carrier_itself_is_out_of_it() -> None:
    assert {method: abilities.writes_down(Transfer(method=method)) for method in Method} == {
        Method.CONFERENCE: True,
        Method.REFER: False,
        Method.DIAL: True,
    }


# ---- whom a word is meant for ----------------------------------------------------------------------------------------

TWO = """  front_desk: {people: [dana], longest_wait: 8min, if_no_one_answers: take_message}
  queue: {people: [luis], accept: none, no_key_because: no voicemail, if_no_one_answers: take_message}
"""
ONE = "  front_desk: {people: [dana, luis], longest_wait: 8min, if_no_one_answers: take_message}\n"
USUAL = Way(Method.CONFERENCE, Briefing.CONVERSATION, Accept.PRESS_ONE, Line.PHONE)


def codes(text: str) -> list[str]:
    return [d.code for d in check_flow(text, "small.yaml")[1] if d.severity != "info"]


def test_a_word_for_all_departments_is_meant_for_those_that_can_use_it() -> None:
    text = written(USUAL)
    assert codes(text.replace(ONE, TWO)) == []
    assert codes(text.replace(ONE, TWO.replace("accept: none,", "accept: none, briefing: spoken,"))) == [
        "needs-press-one"
    ]
    everywhere = TWO.replace("[dana],", "[dana], accept: none, no_key_because: no voicemail,")
    assert codes(text.replace(ONE, everywhere)) == ["needs-press-one"]


def test_somebody_with_a_phone_and_an_address_is_told_of_neither() -> None:
    text = written(replace(USUAL, extension=True)).replace("phone: '", "sip: 'sip:d@pbx.example.com', phone: '")
    assert codes(text) == []


def test_an_extension_nobody_rings_hides_nothing() -> None:
    note = written(replace(USUAL, extension=True), voicemail_answers="leave a note")
    assert codes(note) == ["machine-unnoticed"] * 2
    only_dana = note.replace("[dana, luis]", "[dana]")
    assert codes(only_dana) == ["machine-unnoticed"]
