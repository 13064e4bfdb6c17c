"""What must not be kept is taken out however it is said, and what looks like it stays."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import pairwise
from types import FrameType
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.call import events as e
from flowengine.call.identity_numbers import is_card
from flowengine.call.redaction import DEEPEST, WORDS, Redactor
from flowengine.flow.model import Privacy
from tests.call.story import Story
from tests.naughty import HUGE, NAUGHTY, wrong

ALL = Redactor.of(Privacy(redact=("card numbers", "social security numbers", "dates of birth")))

CARDS = (
    "4111 1111 1111 1111",
    "4111111111111111",
    "4111-1111-1111-1111",
    "4111.1111.1111.1111",
    "4111 1111, 1111 1111",
    "4111\u200b1111\u20111111\u00a01111",
    "5555 5555 5555 4444",
    "2223 0031 2200 3222",
    "3782 822463 10005",
    "6011-1111-1111-1117",
    "3530 1113 3330 0000",
    "3056 9309 0259 04",
    "6200 0000 0000 0005",
    "4222222222222",
    "four one one one one one one one one one one one one one one one",
    "Four one one one. One one one one. One one one one. One one one one",
    "four one one one, uh, one one one one, and then one one one one, okay, one one one one",
    "four triple one double one double one double one double one double one double one",
    "forty-one eleven eleven eleven eleven eleven eleven eleven",
    "forty one eleven eleven eleven eleven eleven eleven eleven",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "4111 dash 1111 dash 1111 dash 1111",
    "sixty-two double oh zero zero zero o zero zero zero zero zero zero zero five",
    "cuatro uno uno uno uno uno uno uno uno uno uno uno uno uno uno uno",
    "cuarenta y uno once once once once once once once",
    "4111, hold on, 1111, wait a second, 1111, sorry, 1111",
    "cuatro uno uno uno, eh, uno uno uno uno, este, uno uno uno uno, y luego uno uno uno uno",
    "\uff14\uff11\uff11\uff11 \uff11\uff11\uff11\uff11 \uff11\uff11\uff11\uff11 \uff11\uff11\uff11\uff11",
)
SOCIALS = (
    "123-45-6789",
    "123 45 6789",
    "123.45.6789",
    "123\u201345\u20136789",
    "one two three, four five, six seven eight nine",
    "one two three dash four five dash six seven eight nine",
    "one twenty-three, forty-five, sixty-seven eighty-nine",
)
SOCIALS_SAID_SO = (
    "My social is 123456789",
    "my social security number is one two three four five six seven eight nine",
    "SSN 123 456 789",
    "123456789 is my social",
    "mi número de seguro social es uno dos tres cuatro cinco seis siete ocho nueve",
)
BIRTHS = (
    "born on @May 3 1984@",
    "I was born @May 3rd, 1984@, in Chicago",
    "DOB @05/03/84@",
    "D.O.B. @5-3-1984@",
    "date of birth @1984-05-03@",
    "dob: @05031984@",
    "my birthday is @May third@",
    "my birthday is the @third of May@ and my name is Maria",
    "her date of birth? Sure, it's @May 3@",
    "birth date @oh five oh three eighty four@",
    "born @five three nineteen eighty four@, call 312-555-0199",
    "he was born the @twenty third of August two thousand and five@",
    "born in @May of '84@",
    "@May 3 1984@ is my date of birth",
    "@5/3/84@ DOB",
    "I'd like to come on June 5, my birthday is @May 3@",
    "my birthday is @May 3@, could I come on June 5",
    "born @May 3@, or was that the June 5 list",
    "nací el @3 de mayo de 1984@",
    "nací el @tres de mayo de mil novecientos ochenta y cuatro@",
    "born in @nineteen hundred eighty four, May third@",
    "mi fecha de nacimiento es el @3 de mayo de 1984@",
    "cumplo años el @3 de mayo@",
    "b-day @5/3/1984@",
    "bday @May 3@",
    "her date of birth, it's um @May, uh, third, 1984@",
)
SURVIVORS = (
    "call me at 312-555-0199",
    "+13125550199",
    "+1 (312) 555-0199, extension 12",
    "three one two, five five five, oh one nine nine",
    "three one two five five five oh one nine nine",
    "312 555 0199 or 312 555 0111",
    "+49 151 23 4567",
    "+44 203 12 3456",
    "it was $1,234.56 and then $99",
    "order 4111 1111 1111 1112",
    "my claim is 123456789",
    "claim 12-3456-789",
    "member id 987654321012",
    "123 Main Street, Chicago 60601-1234",
    "appointment on May 3 2026 at 10:30",
    "the 3rd of May works, or 5/4/2026",
    "I was born in 1984",
    "I was born in nineteen eighty four",
    "for her birthday I'd like an appointment on June 5",
    "born and raised in Chicago, 312-555-0199",
    "date of birth is on the form, my phone is 312 555 0199",
    "my birthday is the third",
    "one or two teeth, maybe three",
    "20261110101500 and 1700000000000",
    "tracking 9400111899223100001",
    "press 1, then 2, then 3",
    "rooms 101, 12, 2025",
    "4111 1111 (((((((((((((((((((( 1111 1111",
    "4111 1111 and then uh so um 1111 1111",
    "policy 123-45-6789-00",
    "the case 4-123-45-6789",
)


@pytest.mark.parametrize("said", CARDS)
def test_a_card_number_goes_however_it_is_said(said: str) -> None:
    assert ALL.text(f"It's {said}, thank you") == "It's [card number], thank you"


@pytest.mark.parametrize("said", SOCIALS)
def test_three_two_and_four_digits_go(said: str) -> None:
    assert ALL.text(f"It's {said}; thank you") == "It's [social security number]; thank you"


@pytest.mark.parametrize("said", SOCIALS_SAID_SO)
def test_nine_digits_go_where_they_are_said_to_be_one(said: str) -> None:
    redacted = ALL.text(said)
    assert "[social security number]" in redacted
    assert not any(digit in redacted for digit in ("123", "six", "siete", "789"))


@pytest.mark.parametrize("said", BIRTHS)
def test_a_date_of_birth_goes_and_nothing_else(said: str) -> None:
    before, _, after = said.split("@")
    assert ALL.text(said.replace("@", "")) == f"{before}[date of birth]{after}"


@pytest.mark.parametrize("said", SURVIVORS)
def test_what_only_looks_like_it_stays(said: str) -> None:
    assert ALL.text(said) == said


def test_several_in_one_sentence() -> None:
    said = "312-555-0199, 4111 1111 1111 1111, 123-45-6789, born 5/3/84, 312-555-0111"
    expected = "312-555-0199, [card number], [social security number], born [date of birth], 312-555-0111"
    assert ALL.text(said) == expected


def test_only_what_the_office_asks_for() -> None:
    said = "4111 1111 1111 1111, 123-45-6789, born 5/3/84"
    assert Redactor.of(Privacy()).text(said) == said
    assert Redactor.of(Privacy(redact=("dates of birth",))).text(said) == said.replace("5/3/84", "[date of birth]")
    own = Redactor.of(Privacy(redact_patterns=("CL-[0-9]{6}",)))
    assert own.text("claim CL-123456, card 4111 1111 1111 1111") == "claim [blacked out], card 4111 1111 1111 1111"


def test_a_sigh_is_no_digit() -> None:
    assert ALL.text("My social? Oh, one two three four five six seven eight nine") == (
        "My social? Oh, [social security number]"
    )


def test_one_kind_alone() -> None:
    said = "4111 1111 1111 1111, 123-45-6789"
    assert Redactor.of(Privacy(redact=("card numbers",))).text(said) == "[card number], 123-45-6789"
    assert Redactor.of(Privacy(redact=("social security numbers",))).text(said) == (
        "4111 1111 1111 1111, [social security number]"
    )


def test_overlapping_finds_are_one() -> None:
    both = replace(ALL, patterns=Redactor.of(Privacy(redact_patterns=("1111 1111",))).patterns)
    assert both.text("x 4111 1111 1111 1111 y") == "x [card number] y"


# ---- what was asked ------------------------------------------------------------------------------------------------


def test_the_answer_to_a_question_needs_no_word_of_its_own() -> None:
    assert ALL.text("May 3rd, 1984", "And your date of birth?") == "[date of birth]"
    assert ALL.text("May 3rd, 1984", "When is your b-day?") == "[date of birth]"
    assert ALL.text("May 3rd, 1984", "¿Cuándo cumple años?") == "[date of birth]"
    assert ALL.text("123456789", "What is your social security number?") == "[social security number]"
    assert ALL.text("May 3rd, 1984", "Which day would suit you?") == "May 3rd, 1984"
    assert ALL.text("312-555-0199", "And your date of birth?") == "312-555-0199"


def test_the_receptionist_repeats_it_and_the_caller_puts_it_right() -> None:
    story = Story().picked_up()

    def say(kind: type[e.AgentSaid] | type[e.CallerSaid], text: str) -> None:
        story.happens(lambda at: ALL.event(kind(at, text), story.call))

    say(e.AgentSaid, "What is your date of birth?")
    say(e.CallerSaid, "May 3rd, 1984")
    say(e.AgentSaid, "So that is May 3rd, 1984?")
    say(e.CallerSaid, "No, May 13th")
    assert [turn.text for turn in story.call.turns][-3:] == [
        "[date of birth]",
        "So that is [date of birth]?",
        "No, [date of birth]",
    ]


# ---- events --------------------------------------------------------------------------------------------------------

# Texts of events that are not anybody's words: names, ids, numbers dialled, the world's evidence.
NO_WORDS = {
    "request", "call_id", "ref", "caller", "dialled", "arrives_by", "now", "room", "url", "outcome", "evidence", "key",
    "leg", "reason", "tool_call", "name", "reply", "line", "refs", "speaker", "handoff", "how", "person", "by", "timer",
    "error",
}  # fmt: skip


def test_every_text_of_every_event_is_words_or_known_to_be_none() -> None:
    unknown = [
        f"{kind.__name__}.{field.name}"
        for kind in get_args(e.Event)
        for field in fields(kind)
        if get_type_hints(kind)[field.name] not in (float, int, bool)
        and field.name not in NO_WORDS
        and field.name not in WORDS.get(kind, ())
    ]
    assert unknown == []


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: str(kind.__name__))
def test_the_words_of_an_event_are_redacted_at_any_depth(kind: type) -> None:
    values = {field.name: _example(field.name) for field in fields(kind)}
    words = {name: _said(str(field.type)) for field in fields(kind) if (name := field.name) in WORDS[kind]}
    redacted = repr(ALL.event(kind(**values | words)))
    assert "4111" not in redacted
    assert "[card number]" in redacted
    assert "312-555-0199" in redacted


def _said(type_: str) -> object:
    said = "call 312-555-0199, card 4111 1111 1111 1111"
    return {"summary": said, "list": [said, {"n": 4111111111111111, "f": True}]} if "Mapping" in type_ else said


def _example(name: str) -> object:
    return {"at": 1.0, "accepts": True, "interrupted": False, "ok": True}.get(name, "x")


def test_an_event_without_words_is_left_as_it_is() -> None:
    event = e.SpeechStarted(1.0)
    assert ALL.event(event) is event
    said = e.CallerSaid(1.0, "4111 1111 1111 1111")
    assert Redactor.of(Privacy()).event(said) is said


def test_arguments_without_end_end() -> None:
    deep: Mapping[str, object] = {}
    for _ in range(DEEPEST * 3):
        deep = {"a": deep}
    assert "blacked out" in repr(ALL.event(e.ToolCalled(1.0, "t", "n", deep)))


def test_what_is_private_by_a_field_stays_with_the_field() -> None:
    noted = e.ToolCalled(1.0, "t1", "note_answer", {"field": "birth_date", "value": "1984-05-03"})
    call = Story().picked_up().happens(lambda at: e.AgentSaid(at, "What is your date of birth?")).call
    assert ALL.event(noted, call) == noted


def test_of_a_number_told_in_two_breaths_the_second_is_taken_out() -> None:
    assert ALL.text("1111 1111, thank you", begun="My card is 4111 1111") == "[card number], thank you"
    assert ALL.text("six seven eight nine", begun="it's one two three, four five,") == "[social security number]"
    assert ALL.text("May 3rd, 1984", begun="My date of birth is") == "[date of birth]"
    assert ALL.text("call 312-555-0199", begun="My card is 4111 1111") == "call 312-555-0199"
    assert ALL.text("123-45-6789", begun="one") == "[social security number]"
    story = Story().picked_up()
    for said in ("My card is 4111 1111", "1111", "1111"):
        story.says(ALL.turn(story.call, "caller", said), after=1.0)
    assert story.call.turns[-1].text == "My card is 4111 1111 1111 [card number]"


def test_a_number_told_in_two_breaths_with_a_go_on_between() -> None:
    story = Story().picked_up().says("four one one one one one one one", after=1.0)
    story.happens(lambda at: e.AgentSaid(at, "Mm-hm, go on."))
    said = e.CallerSaid(5.0, "one one one one one one one one, thanks")
    assert ALL.event(said, story.call) == e.CallerSaid(5.0, "[card number], thanks")


# ---- while it is being said ------------------------------------------------------------------------------------------

CARD_SAID = "So, 4111 1111 1111 1111 it is"
SAYING = {
    "So, 4111": "So, 4111",
    "So, 4111 1111": "So, [number]",
    "So, 4111 1111 1111": "So, [number]",
    "So, 4111 1111 1111 111": "So, [number]",
    "So, 4111 1111 1111 1111": "So, [card number]",
    "four one one one, uh, one one one": "[number]",
    "four one one one, uh, one one one or so": "four one one one, uh, one one one or so",  # known to be none
    "my social is 123": "my social is 123",
    "my social is 123 4": "my social is [number]",
    "one two three, four five": "[number]",
    "123-45-67": "[number]",
    "at 10 30 on May 3": "at 10 30 on May 3",
    "my number is 312 555": "my number is 312 555",
    "call 1 312 555 0199": "call 1 312 [number]",  # a telephone number as well, until the turn is over
}


@pytest.mark.parametrize("said", SAYING)
def test_a_number_that_grows_is_hidden_before_it_is_whole(said: str) -> None:
    assert ALL.partial(Story().picked_up().call, "caller", said) == SAYING[said]


def test_no_screen_ever_shows_more_of_a_card_than_whose_it_is() -> None:
    call = Story().picked_up().call
    for end in range(len(CARD_SAID)):
        shown = ALL.partial(call, "caller", CARD_SAID[:end])
        assert sum(letter.isdigit() for letter in shown) < 7, shown


def test_the_second_half_of_a_number_is_hidden_while_it_is_said() -> None:
    call = Story().picked_up().says("My card is 4111 1111", after=1.0).call
    assert ALL.partial(call, "caller", "11") == "[number]"
    assert ALL.partial(call, "caller", "thanks, 11") == "thanks, 11"
    assert ALL.partial(call, "staff", "11") == "11"


def test_a_flow_that_redacts_nothing_shows_everything() -> None:
    assert Redactor.of(Privacy()).partial(Story().picked_up().call, "caller", "4111 1111") == "4111 1111"
    births = Redactor.of(Privacy(redact=("dates of birth",)))
    assert births.partial(Story().picked_up().call, "caller", "4111 1111") == "4111 1111"


# ---- on the keypad ---------------------------------------------------------------------------------------------------


def test_keys_that_mean_nothing_here_may_be_a_number_and_are_not_kept() -> None:
    story = Story()
    redactor = Redactor.of_flow(replace(story.flow, privacy=Privacy(redact=("card numbers",))))
    talking = story.picked_up().call
    typed = [redactor.event(e.KeyPressed(1.0, key), talking) for key in "4111*0#"]
    assert [event.key for event in typed if isinstance(event, e.KeyPressed)] == ["", "", "", "", "", "0", ""]
    held = Story().ringing("Can I talk to someone?").call
    typed = [redactor.event(e.KeyPressed(1.0, key), held) for key in "4*10"]
    assert [event.key for event in typed if isinstance(event, e.KeyPressed)] == ["", "*", "1", ""]
    kept = e.KeyPressed(1.0, "4")
    assert Redactor.of_flow(replace(story.flow, privacy=Privacy())).event(kept, talking) is kept


# ---- by chance -----------------------------------------------------------------------------------------------------


def _with_check_digit(digits: str) -> str:
    return next(f"{digits}{last}" for last in "0123456789" if _sum(f"{digits}{last}") % 10 == 0)


def _sum(digits: str) -> int:
    """Luhn's sum, written another way than in the code."""
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(d // 10 + d % 10 for d in doubled)


PREFIXES = {"4": 16, "51": 16, "55": 16, "2221": 16, "2720": 16, "34": 15, "37": 15, "6011": 16, "65": 16, "3528": 16}
cards = st.sampled_from(sorted(PREFIXES)).flatmap(
    lambda prefix: st.text(
        "0123456789", min_size=PREFIXES[prefix] - len(prefix) - 1, max_size=PREFIXES[prefix] - len(prefix) - 1
    ).map(lambda rest: _with_check_digit(prefix + rest))
)
SPOKEN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
separators = st.sampled_from([" ", "-", ", ", ". ", "", " - ", " uh ", "\n", " and "])


@given(cards, st.data())
def test_any_card_in_any_grouping_goes(card: str, data: st.DataObject) -> None:
    said = card[0]
    for digit in card[1:]:
        said += data.draw(separators) + digit
    assert not any(char.isdigit() for char in ALL.text(f"it is {said}; thanks")), said


@given(cards, st.data())
def test_any_card_in_words_and_digits_goes(card: str, data: st.DataObject) -> None:
    said = " ".join(data.draw(st.sampled_from([digit, SPOKEN[int(digit)]])) for digit in card)
    assert ALL.text(f"it is {said}; thanks") == "it is [card number]; thanks"


@given(cards, st.integers(1, 9))
def test_a_card_with_a_wrong_digit_is_no_card(card: str, more: int) -> None:
    last = (int(card[-1]) + more) % 10
    assert not is_card(card[:-1] + str(last))


@given(st.text("0123456789", min_size=9, max_size=9), st.sampled_from(["-", " ", ".", "\u2013"]))
def test_any_number_of_that_shape_goes(digits: str, by: str) -> None:
    said = f"{digits[:3]}{by}{digits[3:5]}{by}{digits[5:]}"
    assert ALL.text(f"so {said} yes") == "so [social security number] yes"


@given(st.integers(2, 9), st.text("0123456789", min_size=9, max_size=9), st.sampled_from("- ."))
def test_any_telephone_number_stays(first: int, rest: str, by: str) -> None:
    number = f"{first}{rest}"
    for said in (
        f"{number[:3]}{by}{number[3:6]}{by}{number[6:]}",
        f"+1{number}",
        f"({number[:3]}) {number[3:6]}-{number[6:]}",
        " ".join(SPOKEN[int(digit)] for digit in number),
    ):
        assert ALL.text(f"My social life? Call {said}.", "your date of birth?") == f"My social life? Call {said}."


@given(st.integers(2, 9), st.text("0123456789", min_size=18, max_size=18), st.sampled_from("- ."), st.booleans())
def test_any_two_telephone_numbers_stay(first: int, rest: str, by: str, same: bool) -> None:
    one, other = f"{first}{rest[:9]}", f"{first}{rest[:9]}" if same else f"{first}{rest[9:18]}"
    for shape in ((3, 6), (3,)):
        said = [by.join(each[a:b] for a, b in pairwise((0, *shape, 10))) for each in (one, other)]
        for between in (". ", " or ", ", that is "):
            assert ALL.text(f"Call {between.join(said)}") == f"Call {between.join(said)}"


@given(st.text())
def test_any_text_twice_is_the_same_as_once(text: str) -> None:
    once = ALL.text(text)
    assert ALL.text(once) == once


said_pieces = st.sampled_from(
    [
        *CARDS,
        *SOCIALS,
        *SOCIALS_SAID_SO,
        *SURVIVORS,
        "born",
        "my birthday is",
        "DOB",
        "May",
        "3",
        "1984",
        "oh",
        ",",
        "is",
        "social",
    ]
)


@given(st.lists(said_pieces, max_size=6).map(" ".join))
def test_any_words_twice_are_the_same_as_once(text: str) -> None:
    once = ALL.text(text)
    assert ALL.text(once) == once


def test_no_naughty_string_disturbs_it() -> None:
    assert wrong(lambda text: isinstance(ALL.text(text, text), str), (*NAUGHTY, HUGE)) == []


PIECES = (
    "4 ",
    "4",
    "one ",
    "born ",
    "May 3 ",
    "123-45-",
    "5/3/84 born ",
    "(",
    "social 9 ",
    "double ",
    "forty ",
    "and ",
)


@pytest.mark.parametrize("piece", PIECES)
def test_a_text_twice_as_long_is_twice_the_work(piece: str) -> None:
    once, twice = (_calls_made(piece * size) for size in (1_000, 2_000))
    assert twice < once * 2.2 + 100


def _calls_made(text: str) -> int:
    """How many functions were called to redact a text: work, whatever the machine."""
    made = 0

    def count(_frame: FrameType, _what: str, _arg: object) -> None:
        nonlocal made
        made += 1

    sys.setprofile(count)
    try:
        ALL.text(text, text)
    finally:
        sys.setprofile(None)
    return made
