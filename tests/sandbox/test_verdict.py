"""The verdict of a scenario: each expectation, and what must hold in every call, can fail."""

from __future__ import annotations

from typing import Any

import pytest

from flowengine.sandbox.verdict import EXPECTATIONS, judge

HANDOFF = {
    "rule": "refund", "department": "front_desk", "method": "conference", "outcome": "connected", "card_at": 9.0,
    "first_ring_at": 10.0, "connected_at": 20.0,
    "attempts": [
        {"person": "Dana", "outcome": "declined", "why": "busy right now"},
        {"person": "Luis", "outcome": "accepted", "why": ""},
    ],
}  # fmt: skip


def heard(*parts: tuple[float, str, str], start: float = 0.0, **more: Any) -> list[dict[str, Any]]:
    """Segments one after the other: seconds, what, text."""
    made, at = [], start
    for seconds, what, text in parts:
        made.append({"at": at, "seconds": seconds, "what": what, "text": text, **more})
        at += seconds
    return made


CALL = {
    "outcome": "connected", "handoffs": [HANDOFF], "card": {"headline": "Maria Lopez: refund", "fields": {}},
    "transcript": [{"at": 25.0, "speaker": "staff", "text": "Hello."}], "work": ["message"],
    "numbers_shown": {"Luis": "+13125550100"},
    "recorded": [{"at": 12.0, "until": 20.0, "said": "I want my money back.", "heard": "Luis here."}],
    "caller_heard": heard((10.0, "agent", "One moment."), (10.5, "music", ""), (3.0, "staff", "Luis here."),
                          (2.0, "silence", ""), (2.0, "staff", "Goodbye.")),
    "staff_heard": heard((5.0, "notice", "Maria Lopez. Press one."), person="Luis"),
}  # fmt: skip
HOLDS: dict[str, Any] = {
    "rule": "refund", "rules": ["refund"], "department": "front_desk", "method": "conference",
    "handoff_outcomes": ["connected"], "tried": ["Dana", "Luis"], "outcomes": ["declined", "accepted"],
    "reasons": ["busy right now"], "connected_to": "Luis", "ends_with": "connected", "work": ["message"],
    "caller_hears": ["luis HERE"], "caller_does_not_hear": ["press one"], "staff_hears": {"Luis": ["Press one"]},
    "staff_does_not_hear": ["crown"], "card_shows": ["refund"], "number_shown": {"Luis": "+1 312-555-0100"},
    "said_after_connecting": ["staff"], "no_silence_over": "2s", "most_gap": "11s",
    "recorded": ["money back", "Luis"], "not_recorded": ["May we record"],
}  # fmt: skip
FAILS: dict[str, Any] = {
    "rule": "none", "rules": [], "department": "clinical", "method": "dial", "handoff_outcomes": [], "tried": ["Luis"],
    "outcomes": [], "reasons": [], "connected_to": "Dana", "ends_with": "take_message", "work": [],
    "caller_hears": ["press one"], "caller_does_not_hear": ["Luis"], "staff_hears": {"Dana": ["Press one"]},
    "staff_does_not_hear": ["press one"], "card_shows": ["crown"], "number_shown": {"Luis": "+1 312-555-0199"},
    "said_after_connecting": ["caller"], "no_silence_over": "1s", "most_gap": "10s",
    "recorded": "none", "not_recorded": ["money back"],
}  # fmt: skip


def test_what_holds_holds() -> None:
    assert set(HOLDS) == set(FAILS) == EXPECTATIONS
    assert judge(HOLDS, CALL) == []


@pytest.mark.parametrize("word", sorted(EXPECTATIONS))
def test_each_expectation_can_fail(word: str) -> None:
    (failure,) = judge({**HOLDS, word: FAILS[word]}, CALL)
    assert failure


def with_heard(*parts: tuple[float, str, str], **more: Any) -> dict[str, Any]:
    return {**CALL, "caller_heard": heard(*parts, **more)}


def test_a_call_that_must_not_be_recorded_and_one_that_must() -> None:
    unrecorded = {name: value for name, value in CALL.items() if name != "recorded"}
    assert judge({"recorded": "none"}, unrecorded) == []
    assert judge({"recorded": ["money back"]}, unrecorded) == ["'money back' was not recorded"]


def test_three_seconds_of_silence_are_the_most() -> None:
    assert judge({}, with_heard((3.0, "silence", ""))) == []
    assert judge({}, with_heard((3.1, "silence", ""))) == ["3.1 s of silence at 0.0 s"]


def test_the_card_comes_before_the_ring() -> None:
    for card in (None, 10.0, 11.0):
        (failure,) = judge({}, {**CALL, "handoffs": [{**HANDOFF, "card_at": card}]})
        assert failure.startswith("the card was there at")


def test_no_sentence_of_ours_is_broken_off() -> None:
    for who in ("agent", "notice"):
        assert judge({}, with_heard((2.0, who, "No one is"), clipped=True)) == ["broken off at 2.0 s: 'No one is'"]
    before = with_heard((2.0, "staff", "You have reached"), clipped=True)
    assert judge({}, before) == [], "a machine before they were connected is nobody's sentence of ours"


def test_music_is_over_before_the_person_speaks_and_does_not_come_back() -> None:
    (late,) = judge(
        {}, with_heard((20.5, "music", ""), (2.0, "staff", "Luis"), (1.0, "music", ""), (1.0, "staff", "here"))
    )
    assert late == "music at 22.5 s, while the person talks"
    again = with_heard((20.5, "music", ""), (2.0, "staff", "Bye."), (2.0, "agent", "I'm back."), (9.0, "music", ""),
                       (1.0, "staff", "Dana here."))  # fmt: skip
    assert judge({}, again) == [], "another hold is another matter"
    (first,) = judge({}, with_heard((22.0, "staff", "here"), clipped=True))
    assert first.startswith("the person's first words")


def test_a_call_without_a_hand_off_has_a_verdict() -> None:
    call = {**CALL, "handoffs": [], "card": None, "caller_heard": None, "staff_heard": None, "outcome": "ended"}
    assert judge({"rule": "none", "ends_with": "ended", "tried": []}, call) == []
