"""An office told in plain sentences: true for every word of the language, and nothing of our own in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowengine.flow.compiler import compile_flow
from flowengine.flow.explain import WIDTH, explain, word_lists
from flowengine.flow.model import Flow
from flowengine.flow.phrasing import counted, duration, listed
from flowengine.flow.show import BUILT_IN, as_text, show
from tests.flow.office import FLOWS, HERE, billing, dental, load, small

GOOD = [*sorted((HERE / "good").glob("*.yaml")), *sorted(FLOWS.glob("*.yaml"))]


def told(flow: Flow) -> str:
    return " ".join(explain(flow).split())


@pytest.mark.parametrize("file", GOOD, ids=lambda file: str(file.stem))
def test_every_good_flow_is_told_and_shown(file: Path) -> None:
    flow = compile_flow(file.read_text("utf-8"), str(file), load=load)
    text = explain(flow)
    assert max(map(len, text.splitlines())) <= WIDTH
    for word in ("None", "Spoken(", "WeeklyHours", "()", "<", "  ."):
        assert word not in text.replace("\n   ", " "), word
    assert all(rule.key in text for rule in flow.rules)
    assert as_text(flow)


def test_rules_are_told_from_the_top_with_what_follows_when_closed() -> None:
    text = told(dental())
    assert "1. emergency: EMERGENCY. When the caller says “can't breathe”" in text
    assert "If nobody there can be rung at that hour, the dentist on call (on_call_dentist) is rung." in text
    assert "Ava may not answer this, whatever the AI model thinks." in text
    assert text.index("1. emergency") < text.index("13. receptionist_down")


def test_people_are_told_with_how_they_are_rung() -> None:
    assert "Hygiene desk and Dr. Reed are rung, all at once, for 20 seconds each." in told(dental())
    assert "There Dr. Reed is rung for 35 seconds." in told(dental())
    assert "two numbers) are rung, one after another, for 15 seconds each." in told(billing())
    assert "sent back to the office's telephones" in told(billing())


def test_a_change_of_the_file_is_a_change_of_the_story() -> None:
    changed = small(("[dana, luis]", "[luis]"), add="transfer:\n  ring_for: 90s\n")
    assert "Luis is rung for 1 minute and 30 seconds." in told(changed)


def test_numbers_and_durations_are_said_as_people_say_them() -> None:
    assert [duration(s) for s in (1, 20, 60, 90, 7200, 30 * 86400)] == [
        "1 second", "20 seconds", "1 minute", "1 minute and 30 seconds", "2 hours", "30 days",
    ]  # fmt: skip
    assert (counted(1, "phone"), counted(6, "phone"), counted(12, "phone")) == ("one phone", "six phones", "12 phones")
    assert (listed([]), listed(["a"]), listed(["a", "b", "c"], "or")) == ("", "a", "a, b or c")


def test_the_lists_of_words_are_whole() -> None:
    assert "gonna" in word_lists() or "um" in word_lists()
    assert "representative" in word_lists()


# ---- show ------------------------------------------------------------------------------------------------------------


def value(flow: Flow, name: str) -> tuple[str, str]:
    (shown,) = [s for s in show(flow) if s.name == name]
    return shown.value, shown.place


def test_each_value_says_whether_the_department_the_transfer_or_nobody_set_it() -> None:
    flow = small(add="transfer:\n  ring_for: 25s\n")
    assert value(flow, "departments.front_desk.ring_for") == ("25 seconds", "small.yaml:22")
    assert value(flow, "departments.front_desk.accept_within") == ("8 seconds", BUILT_IN)
    own = small(("people: [dana, luis]", "people: [dana, luis]\n    ring_for: 30s"), add="transfer:\n  ring_for: 25s\n")
    assert value(own, "departments.front_desk.ring_for") == ("30 seconds", "small.yaml:17")


def test_secrets_are_not_shown_and_names_of_secrets_are() -> None:
    assert value(billing(), "handoff_card.crm_webhook")[0] == "${CRM_WEBHOOK}"
