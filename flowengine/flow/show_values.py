"""Every value of a flow in the words and the order of a file."""

from __future__ import annotations

from collections.abc import Iterator

from flowengine.flow import spelling
from flowengine.flow.model import (
    Flow,
    FlowTest,
    Path,
)
from flowengine.flow.show_handoff import of_department, of_rule
from flowengine.flow.show_office import of_exceptions, of_office, of_person, of_receptionist, of_tool
from flowengine.flow.show_value import Value, at, hours, spoken


def values(flow: Flow) -> Iterator[Value]:
    """Everything, with defaults, in the order of a file."""
    yield at(("flow",), flow.key)
    yield from of_office(flow)
    yield from hours(flow, ("hours",), flow.hours)
    yield from of_exceptions(flow)
    for person in flow.people.values():
        yield from of_person(flow, person)
    for group, numbers in flow.known_callers.items():
        yield at(("known_callers", group), numbers)
    yield from of_receptionist(flow)
    for i, tool in enumerate(flow.tools):
        yield from of_tool(tool, ("tools", i))
    for department in flow.departments.values():
        yield from of_department(flow, department)
    for i, rule in enumerate(flow.rules):
        yield from of_rule(flow, rule, ("when_to_transfer", i))
    yield at(("transfer", "most_phones_rung"), flow.most_phones_rung)
    yield from _rest(flow)
    for i, test in enumerate(flow.tests):
        yield _test(test, ("tests", i))


# ---- the rest --------------------------------------------------------------------------------------------------------


def _rest(flow: Flow) -> Iterator[Value]:
    hold, privacy, card = flow.hold, flow.privacy, flow.card
    yield at(("hold", "music"), hold.music)
    yield at(("hold", "receptionist_stays"), hold.receptionist_stays)
    yield at(("hold", "update_every"), spelling.duration(hold.update_every))
    yield from spoken(flow, ("hold", "update_says"), hold.update_says)
    for outcome, line in hold.says.items():
        yield from spoken(flow, ("hold", "says", outcome), line)
    yield from _messages(flow)
    yield at(("handoff_card", "headline"), card.headline)
    yield at(("handoff_card", "fields"), card.fields)
    yield at(("handoff_card", "transcript"), card.transcript)
    yield at(("handoff_card", "show_on"), tuple(map(spelling.delivery, card.show_on)))
    yield at(("handoff_card", "link_expires"), spelling.duration(card.link_expires))
    if card.crm_webhook:
        yield at(("handoff_card", "crm_webhook"), card.crm_webhook)
    yield at(("privacy", "recording"), privacy.recording)
    if privacy.consent_line is not None:
        yield from spoken(flow, ("privacy", "consent_line"), privacy.consent_line)
    patterns = (f"pattern: {pattern}" for pattern in privacy.redact_patterns)
    yield at(("privacy", "redact"), (*privacy.redact, *patterns))
    yield at(("privacy", "keep_transcripts"), spelling.duration(privacy.keep_transcripts))
    yield at(("privacy", "keep_audit_log"), spelling.duration(privacy.keep_audit_log))
    for metric, limit in flow.alert_when.items():
        yield at(("alert_when", metric), spelling.limit(metric, limit))


def _messages(flow: Flow) -> Iterator[Value]:
    message, back, voicemail = flow.take_message, flow.callback, flow.voicemail
    yield from spoken(flow, ("take_message", "say"), message.say)
    yield from spoken(flow, ("take_message", "say_when_closed"), message.say_when_closed)
    yield at(("take_message", "collect"), message.collect)
    yield at(("take_message", "send_to"), tuple(map(spelling.delivery, message.send_to)))
    yield from spoken(flow, ("callback", "say"), back.say)
    yield at(("callback", "within"), spelling.duration(back.within))
    yield at(("callback", "send_to"), tuple(map(spelling.delivery, back.send_to)))
    yield from spoken(flow, ("voicemail", "say"), voicemail.say)
    yield at(("voicemail", "send_to"), tuple(map(spelling.delivery, voicemail.send_to)))


def _test(test: FlowTest, place: Path) -> Value:
    return Value(("tests", test.name), test.at, ((*place, "at"), place))
