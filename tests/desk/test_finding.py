"""What somebody types finds what they mean: however a number is written, with or without accents, by day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.desk.finding import Query, card_text, fold, matches, understood, work_text
from flowengine.desk.views import Office
from tests.naughty import NAUGHTY, wrong

from .house import START, card

CHICAGO = ZoneInfo("America/Chicago")
OFFICE = Office("Bright Smile Dental", CHICAGO, START)  # a Tuesday, 10 November
TODAY = date(2026, 11, 10)


def finds(said: str, **changes: Any) -> bool:
    shown = card(**changes)
    return matches(understood(said, TODAY), card_text(shown), shown["decided_at"], OFFICE)


@pytest.mark.parametrize(
    "said",
    ["maria", "LOPEZ", "lopez, maria", "crown flying", "clinical", "About to ring", "lost crown", "clinical question"],
)
def test_words_are_found_wherever_the_card_has_them(said: str) -> None:
    assert finds(said)
    assert not finds(f"{said} zebra")


@pytest.mark.parametrize(
    "said",
    ["+13125550199", "(312) 555-0199", "312.555.0199", "312 555 0199", "555-0199", "0199", "0013125550199",
     "\uff13\uff11\uff12 555 0199", "\u0663\u0661\u0662 555 0199"],
)  # fmt: skip
def test_a_number_is_found_however_it_is_written(said: str) -> None:
    assert finds(said)
    assert not finds(said, caller="+13125550142", fields=[])


def test_digits_of_two_values_are_not_one_number() -> None:
    fields = [{"value": "+13125550142"}, {"value": "+13125550111"}]
    assert not finds("0142 1312", caller="", fields=fields)
    assert not finds("01421312", caller="", fields=fields)


@pytest.mark.parametrize(
    ("kept", "said"),
    [("José Muñoz", "jose munoz"), ("jose munoz", "JOSÉ MUÑOZ"), ("Weiß", "weiss"), ("Søren Łukasz", "soren lukasz"),
     ("O\u2019Neil", "o'neil"), ("Jose\u0301", "jos\u00e9")],
)  # fmt: skip
def test_accents_and_case_make_no_difference(kept: str, said: str) -> None:
    assert finds(said, headline=kept)


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("today", [date(2026, 11, 10)]),
        ("Yesterday", [date(2026, 11, 9)]),
        ("friday", [date(2026, 11, 6)]),
        ("tuesday", [date(2026, 11, 10)]),
        ("9 Nov", [date(2026, 11, 9)]),
        ("Nov 9th", [date(2026, 11, 9)]),
        ("2026-11-09", [date(2026, 11, 9)]),
        ("december 24", [date(2025, 12, 24)]),
        ("24 December 2024", [date(2024, 12, 24)]),
    ],
)
def test_a_day_is_understood(said: str, days: list[date]) -> None:
    assert understood(said, TODAY) == Query(days=frozenset(days))
    assert understood(f"maria {said}", TODAY).words == ("maria",)


@pytest.mark.parametrize("said", ["31 feb", "feb 30 2026", "99 nov", "may", "march to the office"])
def test_what_is_no_day_is_words(said: str) -> None:
    assert understood(said, TODAY).days == frozenset()


def test_a_day_is_the_office_s() -> None:
    late = datetime(2026, 11, 10, 4, 0, tzinfo=UTC).isoformat()  # still Monday evening in Chicago
    assert finds("yesterday", decided_at=late)
    assert not finds("today", decided_at=late)
    assert finds("today maria")
    assert not finds("today", decided_at="nonsense")


def test_work_is_found_by_what_it_is_and_who_did_it_but_not_by_an_address() -> None:
    work = {
        "kind": "missed_call",
        "department": "front_desk",
        "fields": {"reason": "Refund", "recording": "https://recordings.example.com/RE123456"},
        "done_by": "Dana",
    }
    for said, found in (("missed front desk", True), ("refund dana", True), ("123456", False), ("recordings", False)):
        assert matches(understood(said, TODAY), work_text(work, OFFICE), START.isoformat(), OFFICE) is found


@pytest.mark.parametrize("said", ["", "   ", "\0\0", ".,;", "()"])
def test_nothing_typed_looks_for_nothing(said: str) -> None:
    assert not understood(said.replace("\0", " "), TODAY)


def test_whatever_a_caller_is_called_can_be_looked_for() -> None:
    def found_by_itself(text: str) -> bool:
        query = understood(text, TODAY)
        return not query or bool(query.days) or finds(text[:200], headline=text)

    assert wrong(found_by_itself) == []
    assert wrong(lambda text: fold(fold(text)) == fold(text), NAUGHTY) == []


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=80))
def test_the_short_way_for_plain_letters_is_the_same(text: str) -> None:
    assert fold(text) == fold(text + "ø").removesuffix("o").rstrip()
