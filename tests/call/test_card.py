"""The card: who and why at a glance, whole in its fields, and no worse for whatever the agent says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from flowengine.call import commands as c
from flowengine.call.card import briefing, card, outward_card
from tests.call.story import CALLER, Story, changed, staff
from tests.naughty import SAMPLE

LONG = "Well my crown fell out yesterday evening while I was eating caramel, and it hurts when I drink anything cold"


def _card(story: Story) -> Mapping[str, Any]:
    assert story.call.handoff is not None
    return card(story.flow, story.call, story.call.handoff)


def _fields(shown: Mapping[str, Any]) -> dict[str, str]:
    return {field["name"]: field["value"] for field in shown["fields"]}


# ---- the headline ----------------------------------------------------------------------------------------------------


def test_a_long_reason_is_short_in_the_headline_and_whole_in_the_fields() -> None:
    shown = _card(Story().ringing(LONG))
    assert shown["headline"] == "Maria Lopez: Well my crown fell out yesterday evening while I was eating…"
    assert next(iter(_fields(shown).items())) == ("reason", LONG)


def test_a_short_one_is_not_said_twice() -> None:
    assert "reason" not in _fields(_card(Story().ringing("My crown just fell out")))


def test_an_emergency_is_the_reason_whatever_the_caller_rang_for() -> None:
    story = Story().ringing("My crown just fell out").says("Help, I can't breathe")
    assert _card(story)["headline"] == "Maria Lopez: Help, I can't breathe"


def test_a_long_private_one_does_not_leave_the_house() -> None:
    flow = changed("{field: reason, required: true}", "{field: reason, required: true, private: true}")
    story = Story(flow).ringing(LONG)
    assert story.call.handoff is not None
    assert _fields(_card(story))["reason"] == LONG
    assert "crown" not in str(outward_card(flow, story.call, story.call.handoff)["fields"])


def test_a_briefing_leaves_out_the_polite_beginning_before_what_it_is_about() -> None:
    story = Story().picked_up().says("Can I talk to a person?")
    story.notes("caller_name", "Maria Lopez").notes("reason", "I would like to go over my treatment plan").line_heard()
    assert story.call.handoff is not None
    heard = briefing(story.flow, story.call, story.call.handoff)
    assert heard == "Bright Smile Dental. Maria Lopez: go over my treatment plan."


# ---- the agent's sentence --------------------------------------------------------------------------------------------

Said = tuple[str, str]
SENTENCES = st.one_of(st.sampled_from(SAMPLE), st.text(max_size=400), st.just("x" * 100_000))


def played(when: int, said: Said | None) -> Story:
    """From the decision to the call's end; the agent's sentence comes after so many steps, if at all."""
    story = Story().picked_up().says("My crown just fell out")
    steps: tuple[Callable[[], Story], ...] = (
        lambda: story.notes("caller_name", "Maria Lopez"),
        story.line_heard,
        lambda: story.answers(1),
        lambda: story.staff_presses(1, "1"),
        lambda: story.joins(staff(1)).joins(CALLER),
        story.hangs_up,
    )
    for number, step in enumerate(steps):
        if said is not None and number == when:
            at, (summary, next_step) = story.at, said
            story.agent_calls("transfer_to_human", rule="clinical_question", summary=summary, next_step=next_step)
            story.at = at
        step()
    return story


def _without_the_sentence(story: Story) -> list[object]:
    """All that was done and shown but for the sentence itself, its field, and the answer to the agent."""
    done: list[object] = []
    for command in story.all:
        match command:
            case c.AnswerTool():
                pass
            case c.ShowCard(_, shown):
                whole: dict[str, Any] = dict(shown)
                fields = [field for field in whole["fields"] if field["name"] != "suggested_next_step"]
                told = {**whole, "summary": "", "fields": fields}
                done += [told] if told not in done else []  # shown again for the sentence
            case _:
                done.append(command)
    return done


@given(st.integers(0, 5), SENTENCES, SENTENCES)
@example(0, "", "")
@example(3, "x" * 100_000, "{caller_name} {{7*7}}")
def test_whatever_the_agent_says_of_it_and_whenever_nothing_else_changes(when: int, summary: str, step: str) -> None:
    assert _without_the_sentence(played(when, (summary, step))) == _without_the_sentence(played(when, None))
