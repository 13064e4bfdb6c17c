"""Talks written and labelled by hand, as journals: what a listener would say of them, to compare the measures with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flowengine.call import events as e
from flowengine.call.measures import HandOver, measure
from flowengine.call.state import Phase
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow
from tests.call.story import CALLER, ROOT, Story

FOLDER = Path(__file__).parent / "labelled"
NUMBER = "callback_number"


@dataclass(frozen=True, slots=True)
class Talk:
    """What two people said, `(speaker, seconds after the connection, text)`, and what a listener makes of it."""

    lines: tuple[tuple[str, float, str], ...]
    repeated: bool
    context: float
    disagrees: str  # how the measures see it otherwise, "" when they do not


@dataclass(frozen=True, slots=True)
class Labelled:
    """One call: what the receptionist had found out, and the talks with people that followed."""

    name: str
    about: str
    language: str
    known: Mapping[str, str]
    talks: tuple[Talk, ...]


def labelled() -> tuple[Labelled, ...]:
    return tuple(_read(file.stem, yaml.safe_load(file.read_text("utf-8"))) for file in sorted(FOLDER.glob("*.yaml")))


def _read(name: str, raw: Mapping[str, Any]) -> Labelled:
    return Labelled(
        name, raw["about"], raw.get("language", "English"), raw["known"], tuple(_talk(talk) for talk in raw["talks"])
    )


def _talk(raw: Mapping[str, Any]) -> Talk:
    lines = [(*key.split(), text) for line in raw["lines"] for key, text in line.items()]
    return Talk(
        tuple((who, float(at), text) for who, at, text in lines),
        raw["repeated"],
        float(raw["context"]),
        raw.get("disagrees", ""),
    )


def measured(call: Labelled) -> tuple[HandOver, ...]:
    """The hand-overs of the call's journal, measured."""
    flow = _office(call)
    story = Story(flow, caller=call.known.get(NUMBER, ""))
    story.picked_up()
    if call.language != "English":
        story.agent_calls("switch_language", language=call.language)
    for field, value in call.known.items():
        story.notes(field, value)
    for number, talk in enumerate(call.talks, 1):
        _hands_over(story, number, talk)
        if number < len(call.talks):
            _person_leaves(story)
    story.happens(lambda at: e.CallerHungUp(at), 3.0)
    return measure(flow, story.events).handovers


def _office(call: Labelled) -> Flow:
    """After each talk the caller is with the receptionist again, so that there can be another."""
    text = (ROOT / "flows" / "dental_office.yaml").read_text("utf-8").partition("\ntests:")[0]
    text = text.replace("after_staff_hang_up: end", "after_staff_hang_up: receptionist")
    return compile_flow(text.replace("languages: [English]", "languages: [English, Spanish]"), "dental_office.yaml")


def _hands_over(story: Story, number: int, talk: Talk) -> None:
    story.says("Can I talk to a person, please?")
    if story.call.phase == Phase.ASKING:  # the receptionist asks for what is not known, and gets no answer
        story.timer("fields", 20.0)
    story.line_heard()
    leg = f"c1-staff-{story.call.phones_rung}"
    story.happens(lambda at: e.LegCreated(at, leg, f"REF-{number}"))
    story.happens(lambda at, request: e.LegAnswered(at, leg, f"REF-{number}", request), 4.0)
    story.happens(lambda at, request: e.StaffPressed(at, leg, "1", request))
    story.joins(leg).joins(CALLER)
    met = story.at
    for who, at, text in talk.lines:
        kind = e.StaffSaid if who == "staff" else e.CallerSaid
        story.happens(lambda now, kind=kind, text=text: kind(now, text), met + at - story.at)


def _person_leaves(story: Story) -> None:
    """The caller is with the receptionist again."""
    assert story.call.handoff is not None
    leg, room = story.call.handoff.winner, story.call.handoff.room
    story.happens(lambda at: e.LegEnded(at, leg, "completed"), 20.0)
    story.happens(lambda at, request: e.CallerLeftRoom(at, request, room))
    story.media()
