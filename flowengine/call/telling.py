"""What other systems, phones and mailboxes are told of a call, and when: read off what one event has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from flowengine.call.card import outward_card
from flowengine.call.commands import AddWork, Command, Deliver, EndCall
from flowengine.call.private import secret_values, without
from flowengine.call.saying import Step
from flowengine.call.state import Call, Handoff, handoffs, next_parcel
from flowengine.flow.model import Delivery, Flow
from flowengine.flow.needs import private_fields

MET = ("connected", "referred", "dialled")  # a hand-off that brought the caller to a person


@dataclass(frozen=True, slots=True)
class _News:
    """Something that happened, and who is to know."""

    event: str
    to: tuple[Delivery, ...]
    data: Mapping[str, object]
    handoff: str = ""


def told(flow: Flow, before: Call, call: Call, commands: tuple[Command, ...]) -> Step:
    """The call after one event, with what is to be delivered because of it."""
    delivered: list[Command] = []
    for news in _news(flow, before, call, commands):
        for place in dict.fromkeys(news.to):
            if place.kind != "staff screen":
                call, parcel = next_parcel(call)
                delivered.append(Deliver(parcel, news.event, place.kind, place.address, news.data, news.handoff))
    return call, tuple(delivered)


def _news(flow: Flow, before: Call, call: Call, commands: tuple[Command, ...]) -> Iterator[_News]:
    if screens(flow) or flow.card.show_on:
        known = {handoff.id: handoff for handoff in handoffs(before)}
        for handoff in handoffs(call):
            if handoff is not known.get(handoff.id):
                yield from _of_handoff(flow, call, known.get(handoff.id), handoff)
    for command in commands:
        match command:
            case AddWork():
                yield from _of_work(flow, call, command)
            case EndCall(outcome):
                yield _News("call.completed", screens(flow), _summary(flow, call, outcome))


def screens(flow: Flow) -> tuple[Delivery, ...]:
    """The systems that follow each hand-off from its decision to its end."""
    crm = (Delivery("webhook", flow.card.crm_webhook),) if flow.card.crm_webhook else ()
    return (*crm, *(place for place in flow.card.show_on if place.kind == "webhook"))


def _of_handoff(flow: Flow, call: Call, before: Handoff | None, now: Handoff) -> Iterator[_News]:
    data = outward_card(flow, call, now)
    if before is None:
        yield _News("handoff.decided", (*screens(flow), *flow.card.show_on), data, now.id)
    was = before or replace(now, first_ring_at=None, connected_at=None, outcome=None)
    if now.first_ring_at is not None and was.first_ring_at is None:
        yield _News("handoff.ringing", screens(flow), data, now.id)
    if now.outcome in MET and was.outcome not in MET:
        yield _News("handoff.connected", screens(flow), data, now.id)
    if now.outcome is not None and now.outcome not in MET and was.outcome is None:
        yield _News("handoff.failed", screens(flow), {**data, "outcome": now.outcome}, now.id)


def _of_work(flow: Flow, call: Call, work: AddWork) -> Iterator[_News]:
    """Messages, recordings and promised calls go where the flow sends them; a tool's request stays on the desk."""
    sent = {
        "message": ("message.taken", flow.take_message.send_to),
        "voicemail": ("message.taken", flow.voicemail.send_to),
        "callback": ("callback.requested", flow.callback.send_to),
    }
    if work.kind not in sent:
        return
    event, places = sent[work.kind]
    private, secrets = private_fields(flow), secret_values(flow, call)
    fields = {name: without(value, secrets) for name, value in work.fields.items() if name not in private}
    department = flow.departments.get(work.department)
    last = handoffs(call)[-1].id if handoffs(call) else ""
    data = {
        "work": work.work,
        "call_id": call.call_id,
        "handoff": last,
        "flow": flow.key,
        "kind": work.kind,
        "department": department.say_as if department else "",
        "department_key": work.department,
        "fields": fields,
    }
    yield _News(event, (*screens(flow), *places), data, last)


def _summary(flow: Flow, call: Call, outcome: str) -> dict[str, object]:
    return {
        "call_id": call.call_id,
        "flow": flow.key,
        "outcome": outcome,
        "began": call.now,
        "seconds": round(call.at, 1),
        "handoffs": [handoff.id for handoff in handoffs(call)],
    }
