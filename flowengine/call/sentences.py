"""The fixed sentences a flow may need that are known before any call: the
phrasebook renders them when the flow is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from flowengine.call.wording import FILLER, GOODBYE, THANKS, ours, worded
from flowengine.flow.fill import fill
from flowengine.flow.hours import (
    callback_time_words,
    closed_because,
    next_opening_words,
)
from flowengine.flow.model import Flow, HangUpStep, Spoken

__all__ = ["FILLER", "fixed_sentences"]


def fixed_sentences(flow: Flow, now: datetime) -> tuple[str, ...]:
    """Every fixed sentence whose values are known at `now`, each once. Times
    in words may change; those are rendered anew.
    """
    local = now.astimezone(ZoneInfo(flow.office.timezone))
    languages = flow.receptionist.languages
    return tuple(dict.fromkeys(text for language in languages for text in _sentences(flow, local, language)))


def _sentences(flow: Flow, now: datetime, language: str) -> Iterator[str]:
    def say(line: Spoken, known: Mapping[str, str]) -> str:
        return fill(worded(line, language), known)

    office = {
        "office": flow.office.name,
        "receptionist": flow.receptionist.name,
        "next_opening": next_opening_words(flow, now),
        "closed_because": closed_because(flow, now),
    }
    if flow.privacy.recording != "none" and flow.privacy.consent_line is not None:
        yield say(flow.privacy.consent_line, office)
    for department in flow.departments.values():
        own = {**office, "department": department.say_as}
        yield say(department.transfer.say_before, own)
        for rule in flow.rules:
            if rule.say:
                yield say(rule.say, own)
        for member in department.people:
            who = {**own, "person": flow.people[member.person].name}
            yield say(flow.hold.update_says, who)
            yield from (say(line, who) for line in flow.hold.says.values())
        for step in department.if_no_one_answers:
            if isinstance(step, HangUpStep):
                yield say(step.say, own)
        by_message = {**own, "callback_time": callback_time_words(flow, department.key, now, for_message=True)}
        yield say(flow.take_message.say, by_message)
        yield say(flow.take_message.say_when_closed, by_message)
        promised = {**own, "callback_time": callback_time_words(flow, department.key, now, for_message=False)}
        yield say(flow.callback.say, promised)
    yield ours(THANKS, language)
    yield ours(GOODBYE, language)
    yield ours(FILLER, language)
