"""What a caller gets whom this process cannot take: a person, if one is at work."""

from __future__ import annotations

from datetime import datetime

from flowengine.call.documents import DialNumber, Document, HangUp
from flowengine.flow.hours import office_open
from flowengine.flow.model import Flow
from flowengine.flow.routing import ringable

TOO_MANY = "We are sorry. All our lines are busy right now. Please call again in a few minutes. Goodbye."


def straight_to_a_person(flow: Flow, call_id: str, caller: str, dialled: str, at: datetime) -> Document:
    """The first who is at work, dialled without a word of ours (reliability.md F40); never the caller's own number or
    the office's, which would be a loop. Nobody on call at night is woken for it."""
    forbidden = {caller, dialled, *flow.office.phone_numbers}
    for key, department in flow.departments.items() if office_open(flow, at) else ():
        phones = (phone for person in ringable(flow, key, at) for phone in flow.people[person].phones)
        if phone := next((phone for phone in phones if phone not in forbidden), None):
            return DialNumber(phone, department.transfer.ring_for, dialled, f"{call_id}-staff-1")
    return HangUp(TOO_MANY)
