"""Words filled in: once, short, and nothing said about nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowengine.flow.fill import LONGEST_ON_CARD, LONGEST_VALUE, at_a_glance, fill, fill_card, names_in


def test_placeholders_are_filled() -> None:
    assert (
        fill("I'm connecting you with {department}.", {"department": "our front desk"})
        == "I'm connecting you with our front desk."
    )
    assert names_in("{a} {b} {a}") == ("a", "b")


def test_an_empty_value_drops_its_sentence() -> None:
    text = "Thank you for calling {office}. We're closed and open again {next_opening}. Goodbye."
    assert fill(text, {"office": "Bright Smile"}) == "Thank you for calling Bright Smile. Goodbye."
    assert fill("Only {this}", {"this": " \n"}) == ""
    assert fill("Ask Dr. {person}. Stay.", {}) == "Stay."


def test_values_are_one_short_line_and_never_expanded_again() -> None:
    assert fill("{a}", {"a": "x\ny\t{b} \0", "b": "no"}) == "x y {b}"
    assert fill("{a}", {"a": "x" * 500}) == "x" * 80
    assert fill("{not a name} {}", {}) == "{not a name} {}"


def test_the_card_says_what_is_missing() -> None:
    assert fill_card("{caller_name}: {reason}", {}) == "the caller: no reason given"
    assert fill_card("{caller_name}, {visit}", {"caller_name": "Maria Lopez"}) == "Maria Lopez, not given"


def test_a_headline_is_read_at_a_glance() -> None:
    said = "well, my crown fell out yesterday evening while I was eating, and it hurts when I drink"
    assert fill_card("{reason}", {"reason": said}) == "well, my crown fell out yesterday evening while I was…"
    assert at_a_glance("My crown just fell out and I'm flying tomorrow morning.") != ""
    assert not at_a_glance("My crown just fell out and I'm flying tomorrow morning.").endswith("…")


@given(st.text(max_size=300))
def test_what_goes_on_is_seen_to_go_on(said: str) -> None:
    shown = at_a_glance(said)
    assert len(shown) <= LONGEST_ON_CARD
    assert shown == fill("{a}", {"a": said}) or shown.endswith("…")


@given(st.text(max_size=80), st.dictionaries(st.sampled_from(["a", "b", "office"]), st.text(max_size=200)))
def test_filling_is_bounded(text: str, values: dict[str, str]) -> None:
    for filled in (fill(text, values), fill_card(text, values)):
        assert len(filled) <= len(text) + (text.count("{") + 1) * (LONGEST_VALUE + 20)


@given(st.text(max_size=300))
def test_whatever_a_caller_says_is_only_ever_a_value(said: str) -> None:
    filled = fill("Hello {caller_name}", {"caller_name": said, "office": "SECRET"})
    assert "SECRET" not in filled or "SECRET" in said
    assert "\n" not in filled
