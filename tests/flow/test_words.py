"""What was said: the rules of language.md section 3, and the conditions the engine decides itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.flow import words

SPOKEN = ("um", "I mean", "you", "know", "can't", "cannot", "it's", "we'd", "ten", "two", "3", "x-y", "a_b", "OK")


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("I can\u2019t breathe!", "i can not breathe"),
        ("It won't stop, it doesn't", "it will not stop it does not"),
        ("I cannot", "i can not"),
        ("We're late, I've waited, I'll go, I'm here", "we are late i have waited i will go i am here"),
        ("Dana's phone, I'd say", "dana phone i say"),
        ("call nine-one-one or 911", "call 9 1 1 or 9 1 1"),
        ("ten TIMES", "1 0 times"),
        ("um, I just, you know, really like the crown, I mean", "i the crown"),
        ("Café CRÈME \uff21\uff22", "cafe creme ab"),
        ("पानी ठीक", "पानी ठीक"),
        ("", ""),
    ],
)
def test_words(said: str, heard: str) -> None:
    assert words.normalise(said) == heard.split()


@pytest.mark.parametrize(
    "same",
    [
        "fall fell fallen",
        "bleed bleeding bled",
        "filling fillings filled fill",
        "cavity cavities",
        "tooth teeth",
        "house houses",
        "stop stopped stopping",
        "crown crowns",
        "bill bills billing billed",
        "move moving moved moves",
        "try tries",
        "pass passed passes",
        "lose lost loss",
        "bus",
        "fee fees",
    ],
)
def test_stems_bring_forms_together(same: str) -> None:
    assert len(set(words.stems(same.split()))) == 1


def test_other_languages_compare_words() -> None:
    assert words.stems(["dientes", "casas"], "Spanish") == ["dientes", "casas"]
    assert not words.says_phrase("dos casas", "casa", language="Spanish")
    assert words.matches_topic("me duele la muela", ["muela"], language="Spanish") == "muela"


def test_content_leaves_out_what_is_denied() -> None:
    assert words.content("I have swelling but no pain at all") == ("swell",)
    assert words.content("I can't stand the pain", ignore_negation=True) == ("stand", "pain")
    assert words.content("I can't stand the pain") == ()
    assert words.content("the crown, the crown!") == ("crown",)


def test_phrases_stand_adjacent_and_in_order() -> None:
    assert words.says_phrase("Please help, my son cannot breathe", "can't breathe")
    assert words.says_phrase("it just WON'T stop bleeding", "won't stop bleeding")
    assert words.says_phrase("I'll talk to my lawyers", "lawyer")
    assert words.says_phrase("no, I don't need a lawyer", "lawyer")  # negation is ignored on purpose
    assert not words.says_phrase("I breathe fine, can you not", "can't breathe")
    assert not words.says_phrase("hello", "um")


def test_topics() -> None:
    dental = ["pain", "swelling", "bleeding", "lost crown or filling", "medication", "after surgery"]
    examples = ["my crown fell out", "my filling broke", "my tooth hurts"]
    assert words.matches_topic("My crown just fell out and I fly tomorrow", dental, examples) == "my crown fell out"
    assert words.matches_topic("I lost a filling", dental) == "filling"
    assert words.matches_topic("I've lost my crown", dental) == "lost crown"
    assert words.matches_topic("I can't stand the pain", dental, ignore_negation=True) == "pain"
    assert words.matches_topic("I have no pain", dental) is None
    assert words.matches_topic("what are your hours", dental, examples) is None
    assert words.matches_topic("it hurts", ["nothing here"], ["ouch it hurts"]) is None
    assert words.matches_topic("ouch", ["nothing here"], ["ouch"]) == "ouch"
    assert words.matches_topic("anything", ["the"], ["the"]) is None
    assert words.alternatives("a or b, c/d") == ["a", "b", "c", "d"]


def test_a_topic_that_says_no_is_met_by_a_turn_that_says_no() -> None:
    assert words.matches_topic("I cannot pay this month", ["hardship", "cannot pay"]) == "cannot pay"
    assert words.matches_topic("I can't pay", ["cannot pay"]) == "cannot pay"
    assert words.matches_topic("The pay page shows an error", ["cannot pay"]) is None
    assert words.matches_topic("My machine isn't working", [], ["the machine is not working"]) is not None
    assert words.matches_topic("What a machine", [], ["the machine is not working"]) is None


@pytest.mark.parametrize(
    "said",
    [
        "Can I talk to someone?",
        "Let me talk to someone, my crown fell out",
        "operator",
        "I want a real person",
        "Could you put me through to a human",
        "is there somebody I could speak to",
        "I need to speak with a manager",
        "representative please",
        "get me the doctor",
    ],
)
def test_who_wants_a_person(said: str) -> None:
    assert words.wants_person(said)


@pytest.mark.parametrize(
    "said",
    [
        "I talked to someone yesterday",
        "when do you open",
        "I don't want to talk to a person",
        "the doctor told me to rinse",
        "no operator, thanks",
        "",
    ],
)
def test_who_does_not(said: str) -> None:
    assert not words.wants_person(said)


def test_people_asked_for_by_name() -> None:
    assert words.asks_for_person("Can I speak to Dana?", "Dana")
    assert words.asks_for_person("is Dana there", "Dana")
    assert words.asks_for_person("Is doctor Reed in today?", "Dr. Reed")
    assert words.asks_for_person("I need to talk with Dr Reed", "Dr. Reed")
    assert words.asks_for_person("put me through to the hygiene desk", "Hygiene desk")
    assert words.asks_for_person("Dana told me to call back, is Dana there?", "Dana")
    assert not words.asks_for_person("Dana told me to call back", "Dana")
    assert not words.asks_for_person("I don't want to talk to Dana", "Dana")
    assert not words.asks_for_person("is Dana your sister", "Dana")
    assert not words.asks_for_person("speak to Luis", "Dana")
    assert not words.asks_for_person("speak to the doctor", "Dr.")


def test_overlap_and_hold_words() -> None:
    assert words.overlap({"a", "b"}, {"b", "c"}) == pytest.approx(1 / 3)
    assert words.overlap((), ()) == 0
    assert words.hold_word("oh never mind") == "receptionist"
    assert words.hold_word("I'd leave a message") == "take_message"
    assert words.hold_word("still there") is None


@given(st.text(max_size=200))
def test_normal_words_are_normal(text: str) -> None:
    heard = words.normalise(text)
    assert all(word == word.casefold() or not word.isascii() for word in heard)
    assert all(not any(c.isspace() or c in "'.,-" for c in word) for word in heard)
    assert set(words.content(text)) <= set(words.stems(heard))


@given(st.one_of(st.text(st.characters(codec="ascii")), st.lists(st.sampled_from(SPOKEN)).map(" ".join)))
def test_a_plain_turn_is_read_as_one_with_a_foreign_letter_in_it(text: str) -> None:
    assert words.normalise(f"{text} ø") == [*words.normalise(f"{text} "), "ø"]


@given(st.text(max_size=120), st.text(max_size=30))
def test_conditions_never_fail(said: str, phrase: str) -> None:
    words.says_phrase(said, phrase)
    words.matches_topic(said, [phrase], [phrase])
    words.wants_person(said)
    words.asks_for_person(said, phrase)


@given(st.text(alphabet="abcdeings ", min_size=1, max_size=60))
def test_whoever_says_the_phrase_says_the_phrase(text: str) -> None:
    assert words.says_phrase(f"well {text} bye", text) == bool(words.normalise(text))
    assert all(
        len(stem) >= min(3, len(word))
        for word, stem in zip(text.split(), words.stems(text.split()), strict=True)
        if word not in words.IRREGULARS
    )
