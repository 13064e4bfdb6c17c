"""The fixed sentences a flow may need that are known before any call: the
phrasebook renders them when the flow is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from flowengine.call.closing import GOODBYE, THANKS
from flowengine.flow.fill import fill
from flowengine.flow.hours import (
    callback_time_words,
    closed_because,
    next_opening_words,
)
from flowengine.flow.model import Flow, HangUpStep

FILLER = "One moment, please."  # when an answer takes long


def fixed_sentences(flow: Flow, now: datetime) -> tuple[str, ...]:
    """Every fixed sentence whose values are known at `now`, each once. Times
    in words may change; those are rendered anew.
    """
    return tuple(dict.fromkeys(_sentences(flow, now.astimezone(ZoneInfo(flow.office.timezone)))))


def _sentences(flow: Flow, now: datetime) -> Iterator[str]:
    office = {
        "office": flow.office.name,
        "receptionist": flow.receptionist.name,
        "next_opening": next_opening_words(flow, now),
        "closed_because": closed_because(flow, now),
    }
    for department in flow.departments.values():
        own = {**office, "department": department.say_as}
        yield fill(department.transfer.say_before.text, own)
        for rule in flow.rules:
            if rule.say:
                yield fill(rule.say.text, own)
        for member in department.people:
            yield fill(flow.hold.update_says.text, {**own, "person": flow.people[member.person].name})
        for step in department.if_no_one_answers:
            if isinstance(step, HangUpStep):
                yield fill(step.say.text, own)
        by_message = {**own, "callback_time": callback_time_words(flow, department.key, now, for_message=True)}
        yield fill(flow.take_message.say.text, by_message)
        yield fill(flow.take_message.say_when_closed.text, by_message)
        promised = {**own, "callback_time": callback_time_words(flow, department.key, now, for_message=False)}
        yield f"{fill(flow.callback.say.text, promised)} {GOODBYE}"
    yield THANKS
    yield FILLER
